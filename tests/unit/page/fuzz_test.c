/* tests/unit/page/fuzz_test.c -- pages with random bytes changed and a right checksum: whatever the
 * readers answer, they stay inside the page and end. */
#include "page/index_build.h"
#include "page/overflow.h"
#include "pages.h"
#include "run.h"

enum { ROUNDS = 600, MUTATIONS = 100 };

static uint8_t *random_leaf(struct rand *r, const struct page_shape *shape)
{
    eloq_slice keys[200];
    uint8_t *page = xmalloc(shape->page_bytes);
    void *scratch = xmalloc(leaf_build_scratch_bytes(shape->page_bytes));
    size_t n = random_keys(r, keys, 1 + rand_below(r, 200), shape->page_bytes / 4);
    struct leaf_build b;
    leaf_build_init(&b, shape, page, scratch);
    for (size_t i = 0; i < n; i++) {
        struct entry e = random_entry(r, keys[i], shape->page_bytes / 2);
        if (!leaf_build_add(&b, &e))
            break;
    }
    leaf_build_finish(&b, page_id(3), page_id(4));
    free_keys(keys, n);
    free(scratch);
    return page;
}

static uint8_t *random_index(struct rand *r, const struct page_shape *shape)
{
    eloq_slice keys[200];
    uint8_t *page = xmalloc(shape->page_bytes);
    void *scratch = xmalloc(index_build_scratch_bytes(shape->page_bytes));
    size_t n = random_keys(r, keys, 1 + rand_below(r, 200), shape->page_bytes / 4);
    struct index_build b;
    index_build_init(&b, shape, true, page, scratch);
    for (size_t i = 0; i < n; i++)
        if (!index_build_add(&b, keys[i], page_id((uint32_t)rand_below(r, 5000))))
            break;
    index_build_finish(&b);
    free_keys(keys, n);
    free(scratch);
    return page;
}

/* Changes that are near the ends more often, where lengths and offsets are. */
static void mutate(struct rand *r, uint8_t *page, uint32_t page_bytes)
{
    uint32_t used = get_u16(page + PAGE_LENGTH_AT);
    if (used > page_bytes || used < 30)
        used = page_bytes;
    for (uint64_t n = 1 + rand_below(r, 6); n > 0; n--) {
        uint32_t at;
        switch (rand_below(r, 4)) {
        case 0:
            at = PAGE_TYPE_AT + 1 + (uint32_t)rand_below(r, 16);
            break;
        case 1:
            at = used - 1 - (uint32_t)rand_below(r, 20);
            break;
        default:
            at = PAGE_TYPE_AT + 1 + (uint32_t)rand_below(r, used - PAGE_TYPE_AT - 1);
        }
        if (rand_below(r, 2) == 0)
            page[at] = (uint8_t)rand_u64(r);
        else
            page[at] ^= (uint8_t)(1u << rand_below(r, 8));
    }
    page_seal(page, page_bytes);
    ck_assert(page_verify(page, page_bytes));
}

static void use_leaf(struct rand *r, const uint8_t *page, uint32_t page_bytes, uint8_t *key)
{
    int whole = leaf_verify(page, page_bytes, key);
    ck_assert(whole == ELOQ_OK || whole == ELOQ_CORRUPTED);
    struct leaf leaf;
    if (leaf_open(&leaf, page, page_bytes) < 0)
        return;
    struct leaf_cursor c;
    leaf_cursor_init(&c, &leaf, key);
    for (int i = 0; i < 5; i++) {
        eloq_slice target = random_key(r, 30);
        int rc = leaf_seek(&c, target);
        if (rc == ELOQ_OK)
            ck_assert_int_ge(slice_compare(c.entry.key, target), 0);
        for (uint32_t n = 0; rc == ELOQ_OK; n++, rc = leaf_next(&c))
            ck_assert_uint_lt(n, page_bytes);
        rc = leaf_seek_floor(&c, target, i & 1);
        if (rc == ELOQ_OK)
            ck_assert_int_le(slice_compare(c.entry.key, target), 0);
        if (whole == ELOQ_OK)
            ck_assert_int_ge(rc, 0);
        for (uint32_t n = 0; rc == ELOQ_OK; n++, rc = leaf_next(&c))
            ck_assert_uint_lt(n, page_bytes);
        leaf_seek_floor(&c, eloq_str(""), i & 1);
        free((void *)(uintptr_t)target.data);
    }
}

static void use_index(struct rand *r, const uint8_t *page, uint32_t page_bytes, uint8_t *key)
{
    int whole = index_verify(page, page_bytes, key);
    ck_assert(whole == ELOQ_OK || whole == ELOQ_CORRUPTED);
    struct index index;
    if (index_open(&index, page, page_bytes) < 0)
        return;
    for (int i = 0; i < 5; i++) {
        eloq_slice target = i == 0 ? copy_slice(eloq_str("")) : random_key(r, 30);
        for (int below = 0; below < 2; below++) {
            struct index_found found;
            int rc = index_seek(&index, target, below, key, &found);
            ck_assert(rc == ELOQ_OK || (rc == ELOQ_CORRUPTED && whole == ELOQ_CORRUPTED));
            if (rc != ELOQ_OK)
                continue;
            ck_assert_uint_lt(found.child.n, LOGICAL_ID_END);
            ck_assert_int_le(slice_compare(found.lower, target) * (target.size > 0), 0);
            if (found.upper.size > 0)
                ck_assert_int_lt(slice_compare(found.lower, found.upper), 0);
        }
        free((void *)(uintptr_t)target.data);
    }
}

static volatile uint32_t sink; /* makes reads happen */

static void use_overflow(const uint8_t *page, uint32_t page_bytes)
{
    struct overflow o;
    if (overflow_open(&o, page, page_bytes) < 0)
        return;
    for (size_t i = 0; i < o.bytes.size; i++)
        sink += ((const uint8_t *)o.bytes.data)[i];
    for (uint32_t i = 0; i < o.id_count; i++)
        sink += overflow_id(o.ids, i).n;
}

START_TEST(no_reader_crashes_on_a_changed_page)
{
    struct rand r;
    start_seed(&r, "page_fuzz");
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t every = intervals[rand_below(&r, ARRAY_LEN(intervals))];
        struct page_shape shape = { .page_bytes =
                                        rand_below(&r, 3) > 0
                                            ? 4096
                                            : page_sizes[rand_below(&r, ARRAY_LEN(page_sizes))],
                                    .leaf_restart_every = every,
                                    .index_restart_every = every };
        uint8_t *sound = round % 2 ? random_leaf(&r, &shape) : random_index(&r, &shape);
        uint8_t *page = xmalloc(shape.page_bytes), *key = xmalloc(2 * (size_t)shape.page_bytes);
        for (int m = 0; m < MUTATIONS; m++) {
            memcpy(page, sound, shape.page_bytes);
            mutate(&r, page, shape.page_bytes);
            uint8_t type = page[PAGE_TYPE_AT];
            use_leaf(&r, page, shape.page_bytes, key);
            use_index(&r, page, shape.page_bytes, key);
            page[PAGE_TYPE_AT] = PAGE_OVERFLOW;
            use_overflow(page, shape.page_bytes);
            page[PAGE_TYPE_AT] = type;
        }
        free(key);
        free(page);
        free(sound);
    }
}
END_TEST

START_TEST(no_reader_crashes_on_noise)
{
    struct rand r;
    start_seed(&r, "page_noise");
    uint8_t *page = xmalloc(4096), *key = xmalloc(8192);
    for (int round = 0; round < 20000; round++) {
        for (size_t i = 0; i < 4096; i += 8)
            put_u64(page + i, rand_u64(&r));
        uint32_t header = round % 2 ? LEAF_HEADER_BYTES : INDEX_HEADER_BYTES;
        page[PAGE_TYPE_AT] = round % 2 ? PAGE_DATA : PAGE_INNER_INDEX;
        uint32_t length = 100 + (uint32_t)rand_below(&r, 3996);
        put_u16(page + PAGE_LENGTH_AT, (uint16_t)length);
        put_u16(page + length - 2, 1);
        put_u16(page + length - 4, (uint16_t)header);
        for (uint32_t i = header; i < header + 60; i++) /* short varints, to get further */
            page[i] &= 0x1f;
        page[header] = 0;
        use_leaf(&r, page, 4096, key);
        use_index(&r, page, 4096, key);
    }
    free(key);
    free(page);
}
END_TEST

RUN_TESTS("fuzz", no_reader_crashes_on_a_changed_page, no_reader_crashes_on_noise)
