/* tests/unit/page/index_test.c -- page/index: searching, and what is malformed. */
#include "page/index.h"

#include "page/index_build.h"
#include "pages.h"
#include "run.h"

static int verdict(struct raw *w)
{
    uint8_t *key = xmalloc(2 * (size_t)w->page_bytes);
    int rc = index_verify(w->page, w->page_bytes, key);
    struct index index;
    if (index_open(&index, w->page, w->page_bytes) == ELOQ_OK) {
        struct index_found found; /* must not crash, whatever it answers */
        index_seek(&index, eloq_str("b"), false, key, &found);
        index_seek(&index, eloq_str("b"), true, key, &found);
        index_seek(&index, eloq_str(""), true, key, &found);
    }
    free(key);
    free(w->page);
    return rc;
}

static uint32_t child_of(size_t n)
{
    return (uint32_t)(100 + 7 * n % 50);
}

static uint32_t interval; /* of restart points in the page */

static void check_found(const struct index_found *found, const eloq_slice *keys, size_t count,
                        size_t expected, uint64_t seed)
{
    eloq_slice none = eloq_str("");
    ck_assert_msg(found->child.n == child_of(expected), "seed=%" PRIu64, seed);
    ck_assert_msg(slice_equal(found->lower, expected > 0 ? keys[expected] : none), "seed=%" PRIu64,
                  seed);
    ck_assert_msg(slice_equal(found->upper, expected + 1 < count ? keys[expected + 1] : none),
                  "seed=%" PRIu64, seed);
    /* The one behind is always told, the one before unless a region begins between them. */
    ck_assert_msg(found->behind.n == (expected + 1 < count ? child_of(expected + 1) : NO_PAGE),
                  "seed=%" PRIu64, seed);
    bool is_told = expected > 0 && (expected - 1) % interval != 0;
    if (is_told || expected == 1 || found->before.n != NO_PAGE)
        ck_assert_msg(expected > 0 && found->before.n == child_of(expected - 1), "seed=%" PRIu64,
                      seed);
}

static void check_seeks(struct rand *r, const struct index *index, const eloq_slice *keys,
                        size_t count, uint8_t *buffer, uint64_t seed)
{
    for (int i = 0; i < 100; i++) {
        eloq_slice target =
            rand_below(r, 3) == 0 ? random_key(r, 40) : copy_slice(keys[rand_below(r, count)]);
        for (int below = 0; below < 2; below++) {
            size_t expected = 0;
            for (size_t k = 1; k < count; k++) {
                int order = slice_compare(keys[k], target);
                if (order < 0 || (order == 0 && !below))
                    expected = k;
            }
            struct index_found found;
            ck_assert_msg(index_seek(index, target, below, buffer, &found) == ELOQ_OK,
                          "seed=%" PRIu64, seed);
            check_found(&found, keys, count, expected, seed);
        }
        free((void *)(uintptr_t)target.data);
    }
    struct index_found found;
    ck_assert_int_eq(index_seek(index, (eloq_slice){ NULL, 0 }, false, buffer, &found), ELOQ_OK);
    check_found(&found, keys, count, 0, seed);
    ck_assert_int_eq(index_seek(index, (eloq_slice){ NULL, 0 }, true, buffer, &found), ELOQ_OK);
    check_found(&found, keys, count, count - 1, seed);
}

START_TEST(seek_finds_the_child_and_its_bounds)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "index_seek");
    eloq_slice keys[300];
    for (int round = 0; round < 150; round++) {
        struct page_shape shape = { .page_bytes = page_sizes[rand_below(&r, ARRAY_LEN(page_sizes))],
                                    .index_restart_every =
                                        intervals[rand_below(&r, ARRAY_LEN(intervals))] };
        uint8_t *page = xmalloc(shape.page_bytes);
        uint8_t *buffer = xmalloc(2 * (size_t)shape.page_bytes);
        void *scratch = xmalloc(index_build_scratch_bytes(shape.page_bytes));
        size_t all = random_keys(&r, keys, 1 + rand_below(&r, 300), shape.page_bytes / 2);
        struct index_build b;
        index_build_init(&b, &shape, false, page, scratch);
        size_t n = 0;
        while (n < all && index_build_add(&b, keys[n], page_id(child_of(n))))
            n++;
        index_build_finish(&b);
        interval = shape.index_restart_every;
        struct index index;
        ck_assert_int_eq(index_open(&index, page, shape.page_bytes), ELOQ_OK);
        check_seeks(&r, &index, keys, n, buffer, seed);
        free_keys(keys, all);
        free(scratch);
        free(buffer);
        free(page);
    }
}
END_TEST

START_TEST(the_leftmost_child_does_not_count_for_differences)
{
    struct raw w = raw_begin(PAGE_LEAF_INDEX);
    put_u32(w.page + INDEX_LEFTMOST_AT, 1000);
    raw_restart(&w);
    raw_child(&w, 0, "m", 14); /* +7 to 0, not to 1000 */
    raw_child(&w, 0, "n", 5);  /* -2 */
    raw_finish(&w);
    struct index index;
    uint8_t *key = xmalloc(2 * 4096);
    struct index_found found;
    ck_assert_int_eq(index_open(&index, w.page, 4096), ELOQ_OK);
    ck_assert(index.above_leaves);
    ck_assert_int_eq(index_seek(&index, eloq_str("a"), false, key, &found), ELOQ_OK);
    ck_assert_uint_eq(found.child.n, 1000);
    ck_assert_int_eq(index_seek(&index, eloq_str("m"), false, key, &found), ELOQ_OK);
    ck_assert_uint_eq(found.child.n, 7);
    ck_assert_int_eq(index_seek(&index, eloq_str("m"), true, key, &found), ELOQ_OK);
    ck_assert_uint_eq(found.child.n, 1000);
    ck_assert_int_eq(index_seek(&index, eloq_str("z"), false, key, &found), ELOQ_OK);
    ck_assert_uint_eq(found.child.n, 5);
    free(key);
    free(w.page);
}
END_TEST

/* Two entries in one region, the second given. */
static int verdict_second(uint32_t shared, const char *fresh, uint64_t delta)
{
    struct raw w = raw_begin(PAGE_INNER_INDEX);
    raw_restart(&w);
    raw_child(&w, 0, "abc", 20);
    raw_child(&w, shared, fresh, delta);
    raw_finish(&w);
    return verdict(&w);
}

START_TEST(malformed_entries_are_corrupted)
{
    ck_assert_int_eq(verdict_second(2, "d", 2), ELOQ_OK);
    ck_assert_int_eq(verdict_second(4, "d", 2), ELOQ_CORRUPTED);  /* shared too long */
    ck_assert_int_eq(verdict_second(3, "", 2), ELOQ_CORRUPTED);   /* same key */
    ck_assert_int_eq(verdict_second(2, "b", 2), ELOQ_CORRUPTED);  /* descends */
    ck_assert_int_eq(verdict_second(0, "", 2), ELOQ_CORRUPTED);   /* empty */
    ck_assert_int_eq(verdict_second(2, "d", 1), ELOQ_CORRUPTED);  /* minus zero */
    ck_assert_int_eq(verdict_second(2, "d", 21), ELOQ_OK);        /* 10 - 10 */
    ck_assert_int_eq(verdict_second(2, "d", 23), ELOQ_CORRUPTED); /* 10 - 11 */
    ck_assert_int_eq(verdict_second(2, "d", 2 * (LOGICAL_ID_END - 11)), ELOQ_OK);
    ck_assert_int_eq(verdict_second(2, "d", 2 * (LOGICAL_ID_END - 10)), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_second(2, "d", UINT64_C(1) << 32), ELOQ_CORRUPTED);
}
END_TEST

START_TEST(malformed_headers_are_corrupted)
{
    for (unsigned type = 0; type < 256; type++) {
        struct raw w = raw_begin(PAGE_INNER_INDEX);
        raw_restart(&w);
        raw_child(&w, 0, "a", 2);
        raw_finish(&w);
        w.page[PAGE_TYPE_AT] = (uint8_t)type;
        ck_assert_int_eq(verdict(&w), type <= 1 ? ELOQ_OK : ELOQ_CORRUPTED);
    }
    for (uint32_t length = 0; length < 0x10000; length += length < 5000 ? 1 : 997) {
        struct raw w = raw_begin(PAGE_INNER_INDEX);
        raw_restart(&w);
        raw_child(&w, 0, "a", 2);
        raw_finish(&w);
        uint32_t right = get_u16(w.page + PAGE_LENGTH_AT);
        put_u16(w.page + PAGE_LENGTH_AT, (uint16_t)length);
        /* 17: the first entry's bytes 0, 1 are no count of 0, so only the right length will do */
        ck_assert_int_eq(verdict(&w), length == right ? ELOQ_OK : ELOQ_CORRUPTED);
    }
    struct raw w = raw_begin(PAGE_INNER_INDEX); /* the leftmost child is out of range */
    put_u32(w.page + INDEX_LEFTMOST_AT, LOGICAL_ID_END);
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
    w = raw_begin(PAGE_INNER_INDEX);
    put_u32(w.page + INDEX_LEFTMOST_AT, LOGICAL_ID_END - 1);
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_OK);
    w = raw_begin(PAGE_INNER_INDEX); /* entries without a restart point */
    raw_child(&w, 0, "a", 2);
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
}
END_TEST

static int verdict_restarts(uint16_t first, uint16_t second)
{
    struct raw w = raw_begin(PAGE_LEAF_INDEX);
    raw_restart(&w);
    raw_child(&w, 0, "a", 2); /* at 15 */
    raw_restart(&w);
    raw_child(&w, 0, "b", 2); /* at 19, ends at 23 */
    w.restarts[0] = first;
    w.restarts[1] = second;
    raw_finish(&w);
    return verdict(&w);
}

START_TEST(malformed_restart_points_are_corrupted)
{
    ck_assert_int_eq(verdict_restarts(15, 19), ELOQ_OK);
    ck_assert_int_eq(verdict_restarts(16, 19), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_restarts(15, 15), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_restarts(15, 18), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_restarts(15, 21), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_restarts(15, 23), ELOQ_CORRUPTED);
    ck_assert_int_eq(verdict_restarts(19, 15), ELOQ_CORRUPTED);
    struct raw w = raw_begin(PAGE_LEAF_INDEX); /* shared is not 0 at a restart point */
    raw_restart(&w);
    raw_child(&w, 0, "ab", 2);
    raw_restart(&w);
    raw_child(&w, 1, "c", 2);
    raw_finish(&w);
    ck_assert_int_eq(verdict(&w), ELOQ_CORRUPTED);
}
END_TEST

RUN_TESTS("index", seek_finds_the_child_and_its_bounds,
          the_leftmost_child_does_not_count_for_differences, malformed_entries_are_corrupted,
          malformed_headers_are_corrupted, malformed_restart_points_are_corrupted)
