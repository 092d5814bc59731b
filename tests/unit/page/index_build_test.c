/* tests/unit/page/index_build_test.c -- page/index_build: what is built reads back; the exact size
 * rule. */
#include "page/index_build.h"

#include "pages.h"
#include "run.h"

static uint32_t random_id(struct rand *r)
{
    return (uint32_t)(rand_below(r, 3) == 0 ? rand_below(r, LOGICAL_ID_END) : rand_below(r, 500));
}

/* Builds a page of the first children that fit, reads it back; returns how many fit. */
static size_t round_trip(const struct page_shape *shape, const eloq_slice *keys,
                         const uint32_t *ids, size_t count, uint64_t seed)
{
    uint8_t *page = xmalloc(shape->page_bytes), *key = xmalloc(shape->page_bytes);
    void *scratch = xmalloc(index_build_scratch_bytes(shape->page_bytes));
    memset(page, 0xcc, shape->page_bytes);
    struct index_build b;
    index_build_init(&b, shape, seed & 1, page, scratch);
    size_t n = 0;
    while (n < count && index_build_add(&b, keys[n], page_id(ids[n])))
        n++;
    ck_assert_uint_eq(b.child_count, n);
    index_build_finish(&b);
    ck_assert_uint_eq(index_build_size(&b), get_u16(page + PAGE_LENGTH_AT));
    ck_assert_msg(index_verify(page, shape->page_bytes, key) == ELOQ_OK, "seed=%" PRIu64, seed);

    struct index index;
    struct index_cursor c;
    ck_assert_int_eq(index_open(&index, page, shape->page_bytes), ELOQ_OK);
    ck_assert_int_eq(index.above_leaves, seed & 1);
    index_cursor_init(&c, &index, key);
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(index_next(&c) == ELOQ_OK, "seed=%" PRIu64, seed);
        ck_assert_uint_eq(c.child.n, ids[i]);
        ck_assert_msg(slice_equal(c.separator, i > 0 ? keys[i] : eloq_str("")), "seed=%" PRIu64,
                      seed);
    }
    ck_assert_int_eq(index_next(&c), ELOQ_END);
    uint32_t length = get_u16(page + PAGE_LENGTH_AT);
    ck_assert(all_zero(page + length, shape->page_bytes - length));
    free(scratch);
    free(key);
    free(page);
    return n;
}

START_TEST(random_children_read_back_at_every_page_size_and_interval)
{
    enum { MANY = 500 };
    struct rand r;
    uint64_t seed = start_seed(&r, "index_build");
    eloq_slice keys[MANY];
    uint32_t ids[MANY];
    for (int round = 0; round < 8; round++) {
        for (size_t s = 0; s < ARRAY_LEN(page_sizes); s++) {
            for (size_t i = 0; i < ARRAY_LEN(intervals); i++) {
                struct page_shape shape = { .page_bytes = page_sizes[s],
                                            .index_restart_every = intervals[i] };
                size_t n = random_keys(&r, keys, 1 + rand_below(&r, MANY), shape.page_bytes / 2);
                for (size_t k = 0; k < n; k++)
                    ids[k] = random_id(&r);
                for (size_t from = 0; from < n;)
                    from += round_trip(&shape, keys + from, ids + from, n - from, seed);
                free_keys(keys, n);
            }
        }
    }
}
END_TEST

START_TEST(a_child_is_added_exactly_if_it_fits_with_its_restart_point)
{
    uint8_t *page = xmalloc(4096), *long_key = xmalloc(5000);
    void *scratch = xmalloc(index_build_scratch_bytes(4096));
    memset(long_key, 'b', 5000);
    for (uint32_t every = 1; every <= 2; every++) {
        for (int excess = -1; excess <= 1; excess++) {
            struct page_shape shape = { .page_bytes = 4096, .index_restart_every = every };
            struct index_build b;
            index_build_init(&b, &shape, true, page, scratch);
            ck_assert(index_build_add(&b, eloq_str(""), page_id(5)));
            ck_assert_uint_eq(index_build_size(&b), 17);
            ck_assert(index_build_add(&b, eloq_str("a"), page_id(6)));
            /* shared, fresh, key, child; one restart point */
            ck_assert_uint_eq(index_build_size(&b), 17 + 2 + 4);
            uint32_t fixed = 1 + 2 + 1 + (every == 1 ? 2 : 0);
            uint32_t left = 4096 - index_build_size(&b) - fixed;
            eloq_slice key = eloq_bytes(long_key, left + excess);
            ck_assert_int_eq(index_build_add(&b, key, page_id(7)), excess <= 0);
            ck_assert_uint_eq(index_build_size(&b), excess <= 0 ? 4096 + excess : 23);
        }
    }
    free(scratch);
    free(long_key);
    free(page);
}
END_TEST

START_TEST(a_page_with_only_a_leftmost_child_has_no_restart_point)
{
    /* format.md 22, file page 1 */
    const uint8_t root[] = { 0x70, 0x99, 0x8a, 0xaa, 0xde, 0x35, 0xd9, 0x8a, 0x01,
                             0x11, 0,    0,    0,    0,    0,    0,    0 };
    const uint8_t ttl_root[] = { 0x7d, 0x77, 0xd4, 0xb0, 0x1b, 0xa3, 0xf5, 0x83, 0x01,
                                 0x11, 0,    2,    0,    0,    0,    0,    0 };
    struct page_shape shape = { .page_bytes = 4096, .index_restart_every = 16 };
    uint8_t *page = xmalloc(4096), *expected = xmalloc(4096);
    void *scratch = xmalloc(index_build_scratch_bytes(4096));
    for (uint32_t child = 0; child <= 2; child += 2) {
        struct index_build b;
        index_build_init(&b, &shape, true, page, scratch);
        ck_assert(index_build_add(&b, eloq_str("ignored"), page_id(child)));
        index_build_finish(&b);
        page_seal(page, 4096);
        memset(expected, 0, 4096);
        memcpy(expected, child == 0 ? root : ttl_root, sizeof(root));
        ck_assert_mem_eq(page, expected, 4096);
    }
    free(scratch);
    free(expected);
    free(page);
}
END_TEST

RUN_TESTS("index_build", random_children_read_back_at_every_page_size_and_interval,
          a_child_is_added_exactly_if_it_fits_with_its_restart_point,
          a_page_with_only_a_leftmost_child_has_no_restart_point)
