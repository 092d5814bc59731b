/* tests/unit/page/leaf_test.c -- page/leaf: the worked example, searching, and what is malformed.
 */
#include "page/leaf.h"

#include "pages.h"
#include "run.h"

/* format.md 22, file page 0 and 2 */
static const uint8_t fruit_data[] = { 0x75, 0x8f, 0x79, 0xfa, 0xc0, 0x9c, 0x31, 0x71, 0x02, 0x46,
                                      0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00,
                                      0x05, 0x30, 0x61, 0x70, 0x70, 0x6c, 0x65, 0x72, 0x65, 0x64,
                                      0x0a, 0x04, 0x02, 0x02, 0x79, 0x31, 0x80, 0xe8, 0x96, 0xd6,
                                      0x8d, 0x37, 0x05, 0x00, 0x06, 0x60, 0x62, 0x61, 0x6e, 0x61,
                                      0x6e, 0x61, 0x79, 0x65, 0x6c, 0x6c, 0x6f, 0x77, 0xfa, 0xff,
                                      0xf1, 0x81, 0x83, 0x89, 0x85, 0x06, 0x13, 0x00, 0x01, 0x00 };
static const uint8_t fruit_ttl[] = { 0xe0, 0x7c, 0x72, 0x01, 0xd3, 0xf3, 0xf4, 0x1e, 0x02,
                                     0x29, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0x00, 0x0e, 0x00, 0x00, 0x00, 0x01, 0xb8, 0xda,
                                     0xc5, 0xb4, 0x00, 0x61, 0x70, 0x70, 0x6c, 0x79, 0x31,
                                     0x00, 0x13, 0x00, 0x01, 0x00 };

static void check_bytes(const struct entry *entries, size_t count, const uint8_t *expected,
                        size_t expected_size)
{
    struct page_shape shape = { .page_bytes = 4096, .leaf_restart_every = 16 };
    uint8_t *page = xmalloc(4096), *whole = calloc(1, 4096), *key = xmalloc(4096);
    void *scratch = xmalloc(leaf_build_scratch_bytes(4096));
    memcpy(whole, expected, expected_size);
    struct leaf_build b;
    leaf_build_init(&b, &shape, page, scratch);
    for (size_t i = 0; i < count; i++)
        ck_assert(leaf_build_add(&b, &entries[i]));
    leaf_build_finish(&b, page_id(NO_PAGE), page_id(NO_PAGE));
    page_seal(page, 4096);
    ck_assert_mem_eq(page, whole, 4096);

    struct leaf leaf;
    struct leaf_cursor c;
    ck_assert(page_verify(whole, 4096));
    ck_assert_int_eq(leaf_verify(whole, 4096, key), ELOQ_OK);
    ck_assert_int_eq(leaf_open(&leaf, whole, 4096), ELOQ_OK);
    leaf_cursor_init(&c, &leaf, key);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(leaf_next(&c), ELOQ_OK);
        ck_assert(same_entry(&entries[i], &c.entry));
    }
    free(scratch);
    free(key);
    free(whole);
    free(page);
}

START_TEST(worked_example_byte_for_byte)
{
    struct entry data[] = {
        { .key = eloq_str("apple"), .value = eloq_str("red"), .timestamp = 5 },
        { .key = eloq_str("apply1"), .timestamp = 3, .expire_at = 1893456000000 },
        { .key = eloq_str("banana"), .value = eloq_str("yellow"), .timestamp = 1700000000000000 },
    };
    struct entry ttl[] = { { .key = eloq_bytes("\x00\x00\x01\xb8\xda\xc5\xb4\x00"
                                               "apply1",
                                               14) } };
    check_bytes(data, 3, fruit_data, sizeof(fruit_data));
    check_bytes(ttl, 1, fruit_ttl, sizeof(fruit_ttl));
}
END_TEST

/* ---- searching ------------------------------------------------------------------------------ */

struct fixture {
    uint8_t *page, *key;
    eloq_slice keys[300];
    size_t all, count; /* keys made, keys in the page */
    struct leaf leaf;
};

static void fixture_init(struct fixture *f, struct rand *r)
{
    struct page_shape shape = { .page_bytes = page_sizes[rand_below(r, ARRAY_LEN(page_sizes))],
                                .leaf_restart_every =
                                    intervals[rand_below(r, ARRAY_LEN(intervals))] };
    f->page = xmalloc(shape.page_bytes);
    f->key = xmalloc(shape.page_bytes);
    void *scratch = xmalloc(leaf_build_scratch_bytes(shape.page_bytes));
    f->all = random_keys(r, f->keys, 1 + rand_below(r, ARRAY_LEN(f->keys)), shape.page_bytes / 8);
    struct leaf_build b;
    leaf_build_init(&b, &shape, f->page, scratch);
    f->count = 0;
    while (f->count < f->all) {
        struct entry e = { .key = f->keys[f->count], .timestamp = 1000 + f->count };
        if (!leaf_build_add(&b, &e))
            break;
        f->count++;
    }
    leaf_build_finish(&b, page_id(1), page_id(2));
    ck_assert_int_eq(leaf_open(&f->leaf, f->page, shape.page_bytes), ELOQ_OK);
    free(scratch);
}

static void fixture_deinit(struct fixture *f)
{
    free_keys(f->keys, f->all);
    free(f->page);
    free(f->key);
}

/* A key of the page, one close to it, or any. */
static eloq_slice random_target(const struct fixture *f, struct rand *r)
{
    if (rand_below(r, 4) == 0)
        return random_key(r, 40);
    eloq_slice near = f->keys[rand_below(r, f->count)];
    uint8_t *p = xmalloc(near.size + 1);
    memcpy(p, near.data, near.size);
    size_t size = near.size;
    switch (rand_below(r, 4)) {
    case 0:
        p[size++] = (uint8_t)rand_below(r, 256);
        break;
    case 1:
        size = 1 + rand_below(r, size);
        break;
    case 2:
        p[rand_below(r, size)] ^= (uint8_t)(1 + rand_below(r, 255));
        break;
    default:
        break;
    }
    return eloq_bytes(p, size);
}

/* The cursor stands on entry i, and goes on behind it. */
static void check_stands_on(struct leaf_cursor *c, const struct fixture *f, size_t i, uint64_t seed)
{
    ck_assert_msg(slice_equal(c->entry.key, f->keys[i]), "seed=%" PRIu64, seed);
    ck_assert_uint_eq(c->entry.timestamp, 1000 + i);
    for (int n = 0; n < 4 && ++i < f->count; n++) {
        ck_assert_msg(leaf_next(c) == ELOQ_OK, "seed=%" PRIu64, seed);
        ck_assert_msg(slice_equal(c->entry.key, f->keys[i]), "seed=%" PRIu64, seed);
        ck_assert_uint_eq(c->entry.timestamp, 1000 + i);
    }
    if (i == f->count)
        ck_assert_int_eq(leaf_next(c), ELOQ_END);
}

START_TEST(seek_and_floor_find_what_a_linear_search_finds)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "leaf_seek");
    struct fixture *f = xmalloc(sizeof(*f));
    for (int round = 0; round < 100; round++) {
        fixture_init(f, &r);
        struct leaf_cursor c;
        leaf_cursor_init(&c, &f->leaf, f->key);
        for (int i = 0; i < 200; i++) {
            eloq_slice target = random_target(f, &r);
            size_t below = 0, up_to = 0; /* keys below, keys not above */
            while (below < f->count && slice_compare(f->keys[below], target) < 0)
                below++;
            up_to = below + (below < f->count && slice_equal(f->keys[below], target));

            int rc = leaf_seek(&c, target);
            ck_assert_msg(rc == (below < f->count ? ELOQ_OK : ELOQ_END), "seed=%" PRIu64, seed);
            if (rc == ELOQ_OK)
                check_stands_on(&c, f, below, seed);
            rc = leaf_seek_floor(&c, target, false);
            ck_assert_msg(rc == (up_to > 0 ? ELOQ_OK : ELOQ_END), "seed=%" PRIu64, seed);
            if (rc == ELOQ_OK)
                check_stands_on(&c, f, up_to - 1, seed);
            rc = leaf_seek_floor(&c, target, true);
            ck_assert_msg(rc == (below > 0 ? ELOQ_OK : ELOQ_END), "seed=%" PRIu64, seed);
            if (rc == ELOQ_OK)
                check_stands_on(&c, f, below - 1, seed);
            free((void *)(uintptr_t)target.data);
        }
        fixture_deinit(f);
    }
    free(f);
}
END_TEST

START_TEST(an_empty_key_seeks_the_first_entry_and_floors_to_the_last)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "leaf_empty_key");
    struct fixture *f = xmalloc(sizeof(*f));
    eloq_slice empty = { NULL, 0 };
    for (int round = 0; round < 50; round++) {
        fixture_init(f, &r);
        struct leaf_cursor c;
        leaf_cursor_init(&c, &f->leaf, f->key);
        ck_assert_int_eq(leaf_seek(&c, empty), ELOQ_OK);
        check_stands_on(&c, f, 0, seed);
        for (int below = 0; below < 2; below++) {
            ck_assert_int_eq(leaf_seek_floor(&c, empty, below), ELOQ_OK);
            check_stands_on(&c, f, f->count - 1, seed);
        }
        fixture_deinit(f);
    }
    free(f);
}
END_TEST

START_TEST(less_sharing_than_possible_is_read)
{
    struct raw w = raw_begin(PAGE_DATA);
    raw_restart(&w);
    raw_entry(&w, 0, "abcde", 0, "1", 10);
    raw_entry(&w, 2, "cdf", 0, "2", 2); /* shares 4 */
    raw_entry(&w, 0, "abcg", 0, "3", 2);
    raw_entry(&w, 1, "bd", 0, "4", 2);
    raw_finish(&w);
    uint8_t *key = xmalloc(4096);
    ck_assert_int_eq(leaf_verify(w.page, 4096, key), ELOQ_OK);
    struct leaf leaf;
    struct leaf_cursor c;
    ck_assert_int_eq(leaf_open(&leaf, w.page, 4096), ELOQ_OK);
    leaf_cursor_init(&c, &leaf, key);
    const char *keys[] = { "abcde", "abcdf", "abcg", "abd" };
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(leaf_seek(&c, eloq_str(keys[i])), ELOQ_OK);
        ck_assert(slice_equal(c.entry.key, eloq_str(keys[i])));
        ck_assert_uint_eq(c.entry.timestamp, 5 + i);
        ck_assert_int_eq(leaf_seek_floor(&c, eloq_str(keys[i]), false), ELOQ_OK);
        ck_assert(slice_equal(c.entry.key, eloq_str(keys[i])));
    }
    ck_assert_int_eq(leaf_seek(&c, eloq_str("abcf")), ELOQ_OK);
    ck_assert(slice_equal(c.entry.key, eloq_str("abcg")));
    free(key);
    free(w.page);
}
END_TEST

START_TEST(links_can_be_patched)
{
    struct raw w = raw_begin(PAGE_DATA);
    raw_restart(&w);
    raw_entry(&w, 0, "a", 0, "", 0);
    raw_finish(&w);
    leaf_set_prev(w.page, page_id(0x01020304));
    leaf_set_next(w.page, page_id(7));
    struct leaf leaf;
    ck_assert_int_eq(leaf_open(&leaf, w.page, 4096), ELOQ_OK);
    ck_assert_uint_eq(leaf.prev.n, 0x01020304);
    ck_assert_uint_eq(leaf.next.n, 7);
    free(w.page);
}
END_TEST

/* ---- malformed ------------------------------------------------------------------------------ */

static int verdict(struct raw *w)
{
    uint8_t *key = xmalloc(w->page_bytes);
    int rc = leaf_verify(w->page, w->page_bytes, key);
    struct leaf leaf;
    if (leaf_open(&leaf, w->page, w->page_bytes) == ELOQ_OK) {
        struct leaf_cursor c; /* must not crash, whatever it answers */
        leaf_cursor_init(&c, &leaf, key);
        leaf_seek(&c, eloq_str("b"));
        leaf_seek_floor(&c, eloq_str("b"), true);
        leaf_seek_floor(&c, eloq_str(""), true);
    }
    free(key);
    free(w->page);
    return rc;
}

/* Two entries in one region, the second given. */
static int verdict_second(uint32_t shared, const char *fresh, uint32_t flags, const char *value,
                          uint64_t delta)
{
    struct raw w = raw_begin(PAGE_DATA);
    raw_restart(&w);
    raw_entry(&w, 0, "abc", 0, "v", 10);
    raw_entry(&w, shared, fresh, flags, value, delta);
    raw_finish(&w);
    return verdict(&w);
}

START_TEST(malformed_entries_are_corrupted)
{
    ck_assert_int_eq(verdict_second(1, "c", 0, "v", 0), ELOQ_OK);
    ck_assert_int_eq(verdict_second(3, "c", 0, "v", 0), ELOQ_OK);
    ck_assert_int_eq(verdict_second(4, "c", 0, "v", 0), ELOQ_CORRUPTED); /* shared too long */
    ck_assert_int_eq(verdict_second(3, "", 0, "v", 0), ELOQ_CORRUPTED);  /* same key */
    ck_assert_int_eq(verdict_second(0, "abc", 0, "v", 0), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_second(2, "b", 0, "v", 0), ELOQ_CORRUPTED); /* descends */
    ck_assert_int_eq(verdict_second(2, "", 0, "v", 0), ELOQ_CORRUPTED);  /* a prefix */
    ck_assert_int_eq(verdict_second(0, "", 0, "v", 0), ELOQ_CORRUPTED);  /* empty */
    ck_assert_int_eq(verdict_second(1, "c", 4, "v", 0), ELOQ_OK);
    ck_assert_int_eq(verdict_second(1, "c", 8, "v", 0), ELOQ_OK);
    ck_assert_int_eq(verdict_second(1, "c", 12, "v", 0), ELOQ_CORRUPTED); /* compression 3 */
    ck_assert_int_eq(verdict_second(1, "c", 0, "v", 1), ELOQ_CORRUPTED);  /* minus zero */
    ck_assert_int_eq(verdict_second(1, "c", 0, "v", 11), ELOQ_OK);        /* 5 - 5 */
    ck_assert_int_eq(verdict_second(1, "c", 0, "v", 13), ELOQ_CORRUPTED); /* 5 - 6 */
    ck_assert_int_eq(verdict_second(1, "c", 0, "v", 2 * (UINT64_C(0x7ffffffffffffffa))), ELOQ_OK);
    ck_assert_int_eq(verdict_second(1, "c", 0, "v", 2 * (UINT64_C(0x7ffffffffffffffb))),
                     ELOQ_CORRUPTED); /* 2^63 */
}
END_TEST

START_TEST(overflow_entries_hold_1_to_128_ids)
{
    char *ids = calloc(1, 600);
    memset(ids, 'x', 520);
    for (size_t size = 0; size <= 520; size++) {
        ids[size] = 0;
        int expected = size > 0 && size <= 512 && size % 4 == 0 ? ELOQ_OK : ELOQ_CORRUPTED;
        ck_assert_int_eq(verdict_second(0, "b", ENTRY_OVERFLOW, ids, 0), expected);
        ids[size] = 'x';
    }
    free(ids);
}
END_TEST

START_TEST(sizes_are_added_in_64_bits)
{
    const uint64_t huge[] = { 0xffffffff, 0xfffffff0, 4096, 5000, UINT64_C(1) << 35 };
    for (size_t i = 0; i < ARRAY_LEN(huge); i++) {
        for (int which = 0; which < 3; which++) {
            struct raw w = raw_begin(PAGE_DATA);
            raw_restart(&w);
            raw_varint(&w, which == 0 ? huge[i] : 0);
            raw_varint(&w, which == 1 ? huge[i] : 1);
            raw_varint(&w, which == 2 ? huge[i] : 16);
            raw_bytes(&w, "kv", 2);
            raw_varint(&w, 0);
            raw_finish(&w);
            ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
        }
    }
}
END_TEST

/* One entry with an expiry given as bytes. */
static int verdict_expiry(const void *bytes, size_t n)
{
    struct raw w = raw_begin(PAGE_DATA);
    raw_restart(&w);
    raw_varint(&w, 0);
    raw_varint(&w, 1);
    raw_varint(&w, ENTRY_EXPIRES);
    raw_bytes(&w, "k", 1);
    raw_bytes(&w, bytes, n);
    raw_varint(&w, 0);
    raw_finish(&w);
    return verdict(&w);
}

START_TEST(a_broken_expiry_is_corrupted)
{
    ck_assert_int_eq(verdict_expiry("\x01", 1), ELOQ_OK);
    ck_assert_int_eq(verdict_expiry("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10), ELOQ_OK);
    ck_assert_int_eq(verdict_expiry("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10),
                     ELOQ_CORRUPTED); /* 65 bits */
    ck_assert_int_eq(verdict_expiry("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80\x01", 11),
                     ELOQ_CORRUPTED);                                /* 11 bytes */
    ck_assert_int_eq(verdict_expiry("\x80\x80", 2), ELOQ_CORRUPTED); /* takes the timestamp */
    ck_assert_int_eq(verdict_expiry("\x00", 1), ELOQ_CORRUPTED);     /* never stored as 0 */
    ck_assert_int_eq(verdict_expiry("", 0), ELOQ_CORRUPTED);
}
END_TEST

/* Regions at 19, 24, 29. */
static struct raw three_regions(void)
{
    struct raw w = raw_begin(PAGE_DATA);
    const char *keys[] = { "a", "b", "c" };
    for (int i = 0; i < 3; i++) {
        raw_restart(&w);
        raw_entry(&w, 0, keys[i], 0, "", 2);
    }
    return w;
}

static int verdict_restarts(uint16_t first, uint16_t second, uint16_t third)
{
    struct raw w = three_regions();
    w.restarts[0] = first;
    w.restarts[1] = second;
    w.restarts[2] = third;
    raw_finish(&w);
    return verdict(&w);
}

START_TEST(malformed_restart_points_are_corrupted)
{
    ck_assert_int_eq(verdict_restarts(19, 24, 29), ELOQ_OK);
    ck_assert_int_eq(verdict_restarts(20, 24, 29), ELOQ_CORRUPTED); /* first not at 19 */
    ck_assert_int_eq(verdict_restarts(19, 29, 24), ELOQ_CORRUPTED); /* descend */
    ck_assert_int_eq(verdict_restarts(19, 24, 24), ELOQ_CORRUPTED); /* equal */
    ck_assert_int_eq(verdict_restarts(19, 24, 34), ELOQ_CORRUPTED); /* at the array */
    ck_assert_int_eq(verdict_restarts(19, 24, 0xffff), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_restarts(19, 22, 29), ELOQ_CORRUPTED); /* inside an entry */
    ck_assert_int_eq(verdict_restarts(19, 24, 33), ELOQ_CORRUPTED); /* inside the last entry */

    struct raw w = raw_begin(PAGE_DATA); /* shared is not 0 at a restart point */
    raw_restart(&w);
    raw_entry(&w, 0, "ab", 0, "", 2);
    raw_restart(&w);
    raw_entry(&w, 1, "c", 0, "", 2);
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);

    w = three_regions(); /* no restart point */
    w.restart_count = 0;
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
    w = raw_begin(PAGE_DATA); /* no entry */
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
}
END_TEST

START_TEST(a_cursor_that_walks_past_a_restart_point_inside_an_entry_stops)
{
    struct raw w = three_regions();
    w.restarts[1] = 22;
    raw_finish(&w);
    struct leaf leaf;
    struct leaf_cursor c;
    uint8_t *key = xmalloc(4096);
    ck_assert_int_eq(leaf_open(&leaf, w.page, 4096), ELOQ_OK);
    leaf_cursor_init(&c, &leaf, key);
    ck_assert_int_eq(leaf_next(&c), ELOQ_OK);
    ck_assert_int_eq(leaf_next(&c), ELOQ_CORRUPTED);
    free(key);
    free(w.page);
}
END_TEST

START_TEST(malformed_headers_are_corrupted)
{
    for (unsigned type = 0; type < 256; type++) {
        struct raw w = three_regions();
        raw_finish(&w);
        w.page[PAGE_TYPE_AT] = (uint8_t)type;
        ck_assert_int_eq(verdict(&w), type == PAGE_DATA ? ELOQ_OK : ELOQ_CORRUPTED);
    }
    struct raw probe = three_regions();
    raw_finish(&probe);
    uint32_t right = get_u16(probe.page + PAGE_LENGTH_AT);
    free(probe.page);
    for (uint32_t length = 0; length < 0x10000; length += length < 5000 ? 1 : 997) {
        struct raw w = three_regions();
        raw_finish(&w);
        put_u16(w.page + PAGE_LENGTH_AT, (uint16_t)length);
        ck_assert_int_eq(verdict(&w), length == right ? ELOQ_OK : ELOQ_CORRUPTED);
    }
    for (uint32_t count = 0; count < 0x10000; count += count < 5000 ? 1 : 997) {
        struct raw w = three_regions();
        raw_finish(&w);
        put_u16(w.page + right - 2, (uint16_t)count);
        ck_assert_int_eq(verdict(&w), count == 3 ? ELOQ_OK : ELOQ_CORRUPTED);
    }
}
END_TEST

START_TEST(entries_end_exactly_at_the_restart_array)
{
    for (size_t cut = 1; cut < 8; cut++) {
        struct raw w = raw_begin(PAGE_DATA);
        raw_restart(&w);
        raw_entry(&w, 0, "abc", 0, "v", 10);
        w.used -= (uint32_t)cut;
        raw_finish(&w);
        ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
    }
    struct raw w = raw_begin(PAGE_DATA);
    raw_restart(&w);
    raw_entry(&w, 0, "abc", 0, "v", 10);
    w.used++; /* a byte too many: the start of an entry that is cut */
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
}
END_TEST

RUN_TESTS("leaf", worked_example_byte_for_byte, seek_and_floor_find_what_a_linear_search_finds,
          an_empty_key_seeks_the_first_entry_and_floors_to_the_last,
          less_sharing_than_possible_is_read, links_can_be_patched, malformed_entries_are_corrupted,
          overflow_entries_hold_1_to_128_ids, sizes_are_added_in_64_bits,
          a_broken_expiry_is_corrupted, malformed_restart_points_are_corrupted,
          a_cursor_that_walks_past_a_restart_point_inside_an_entry_stops,
          malformed_headers_are_corrupted, entries_end_exactly_at_the_restart_array)
