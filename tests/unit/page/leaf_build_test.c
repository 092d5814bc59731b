/* tests/unit/page/leaf_build_test.c -- page/leaf_build: what is built reads back; pages are packed
 * by the exact size rule. */
#include "page/leaf_build.h"

#include "pages.h"
#include "run.h"

/* Builds one page from the first entries that fit; returns how many. */
static size_t build(const struct page_shape *shape, const struct entry *entries, size_t count,
                    uint8_t *page, void *scratch)
{
    struct leaf_build b;
    leaf_build_init(&b, shape, page, scratch);
    size_t n = 0;
    while (n < count && leaf_build_add(&b, &entries[n]))
        n++;
    if (n == 0)
        return 0;
    ck_assert_uint_le(leaf_build_size(&b), shape->page_bytes);
    leaf_build_finish(&b, page_id(17), page_id(NO_PAGE));
    ck_assert_uint_eq(leaf_build_size(&b), get_u16(page + PAGE_LENGTH_AT));
    return n;
}

static void check_page(const struct page_shape *shape, const struct entry *entries, size_t count,
                       const uint8_t *page, uint64_t seed)
{
    uint8_t *key = xmalloc(shape->page_bytes);
    struct leaf leaf;
    struct leaf_cursor c;
    ck_assert_msg(leaf_verify(page, shape->page_bytes, key) == ELOQ_OK, "seed=%" PRIu64, seed);
    ck_assert_int_eq(leaf_open(&leaf, page, shape->page_bytes), ELOQ_OK);
    ck_assert_uint_eq(leaf.prev.n, 17);
    ck_assert_uint_eq(leaf.next.n, NO_PAGE);
    ck_assert_uint_eq(leaf.restart_count,
                      (count + shape->leaf_restart_every - 1) / shape->leaf_restart_every);
    leaf_cursor_init(&c, &leaf, key);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(leaf_next(&c) == ELOQ_OK, "seed=%" PRIu64 " i=%zu", seed, i);
        ck_assert_msg(same_entry(&entries[i], &c.entry), "seed=%" PRIu64 " i=%zu", seed, i);
    }
    ck_assert_int_eq(leaf_next(&c), ELOQ_END);
    ck_assert_int_eq(leaf_next(&c), ELOQ_END);
    uint32_t length = get_u16(page + PAGE_LENGTH_AT);
    ck_assert(all_zero(page + length, shape->page_bytes - length));
    free(key);
}

START_TEST(random_pairs_read_back_at_every_page_size_and_interval)
{
    enum { MANY = 400 };
    struct rand r;
    uint64_t seed = start_seed(&r, "leaf_build");
    eloq_slice keys[MANY];
    struct entry *entries = xmalloc(MANY * sizeof(*entries));
    for (int round = 0; round < 6; round++) {
        for (size_t s = 0; s < ARRAY_LEN(page_sizes); s++) {
            for (size_t i = 0; i < ARRAY_LEN(intervals); i++) {
                struct page_shape shape = { .page_bytes = page_sizes[s],
                                            .leaf_restart_every = intervals[i] };
                size_t n = random_keys(&r, keys, 1 + rand_below(&r, MANY), shape.page_bytes / 2);
                for (size_t k = 0; k < n; k++)
                    entries[k] = random_entry(&r, keys[k], shape.page_bytes);
                uint8_t *page = xmalloc(shape.page_bytes);
                void *scratch = xmalloc(leaf_build_scratch_bytes(shape.page_bytes));
                memset(page, 0xcc, shape.page_bytes);
                for (size_t from = 0; from < n;) {
                    size_t put = build(&shape, entries + from, n - from, page, scratch);
                    if (put > 0)
                        check_page(&shape, entries + from, put, page, seed);
                    from += put > 0 ? put : 1; /* one too large for any page */
                }
                free(scratch);
                free(page);
                free_keys(keys, n);
            }
        }
    }
    free(entries);
}
END_TEST

START_TEST(an_entry_is_added_exactly_if_it_fits_with_its_restart_point)
{
    struct page_shape shape = { .page_bytes = 4096, .leaf_restart_every = 1 };
    uint8_t *page = xmalloc(4096), *value = calloc(1, 4096);
    void *scratch = xmalloc(leaf_build_scratch_bytes(4096));
    for (uint32_t every = 1; every <= 2; every++) {
        shape.leaf_restart_every = every;
        for (int excess = -1; excess <= 1; excess++) {
            struct leaf_build b;
            leaf_build_init(&b, &shape, page, scratch);
            struct entry a = { .key = eloq_str("a"), .value = eloq_bytes(value, 100) };
            ck_assert_uint_eq(leaf_build_size(&b), 21);
            ck_assert(leaf_build_add(&b, &a));
            /* shared, fresh, lenbits (2 bytes), key, value, timestamp */
            ck_assert_uint_eq(leaf_build_size(&b), 21 + 2 + 1 + 1 + 2 + 1 + 100 + 1);
            uint32_t left = 4096 - leaf_build_size(&b);
            uint32_t fixed = 1 + 1 + 3 + 1 + 1 + (every == 1 ? 2 : 0);
            struct entry e = { .key = eloq_str("b"),
                               .value = eloq_bytes(value, left - fixed + excess) };
            uint32_t size_before = leaf_build_size(&b);
            bool added = leaf_build_add(&b, &e);
            ck_assert_int_eq(added, excess <= 0);
            ck_assert_uint_eq(leaf_build_size(&b), added ? (uint32_t)(4096 + excess) : size_before);
        }
    }
    free(scratch);
    free(value);
    free(page);
}
END_TEST

START_TEST(a_pair_needs_overflow_exactly_if_an_empty_page_cannot_hold_it)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "needs_overflow");
    uint8_t *noise = calloc(1, 65536);
    for (size_t s = 0; s < ARRAY_LEN(page_sizes); s++) {
        struct page_shape shape = { .page_bytes = page_sizes[s], .leaf_restart_every = 16 };
        uint8_t *page = xmalloc(shape.page_bytes);
        void *scratch = xmalloc(leaf_build_scratch_bytes(shape.page_bytes));
        for (int i = 0; i < 300; i++) {
            size_t key_size = 1 + rand_below(&r, shape.page_bytes / 2);
            size_t value_size = shape.page_bytes - key_size - rand_below(&r, 60);
            struct entry e = { .key = eloq_bytes(noise, key_size),
                               .value = eloq_bytes(noise, value_size),
                               .timestamp = random_timestamp(&r),
                               .expire_at = random_expiry(&r) };
            struct leaf_build b;
            leaf_build_init(&b, &shape, page, scratch);
            bool fits = leaf_build_add(&b, &e);
            ck_assert_msg(fits
                              == !leaf_needs_overflow(shape.page_bytes, key_size, value_size,
                                                      e.timestamp, e.expire_at),
                          "seed=%" PRIu64, seed);
        }
        free(scratch);
        free(page);
    }
    free(noise);
    ck_assert(leaf_needs_overflow(4096, 1, UINT64_MAX, 0, 0));
    ck_assert(leaf_needs_overflow(4096, SIZE_MAX, 0, 0, 0));
    /* 23 + 1 + |1| + |16 v| + 1 + v + |0| = 4096 */
    ck_assert(!leaf_needs_overflow(4096, 1, 4096 - 30, 0, 0));
    ck_assert(leaf_needs_overflow(4096, 1, 4096 - 29, 0, 0));
    ck_assert(leaf_needs_overflow(4096, 1, 4096 - 30, 0, 1));
    ck_assert(leaf_needs_overflow(4096, 1, 4096 - 30, 64, 0));
}
END_TEST

RUN_TESTS("leaf_build", random_pairs_read_back_at_every_page_size_and_interval,
          an_entry_is_added_exactly_if_it_fits_with_its_restart_point,
          a_pair_needs_overflow_exactly_if_an_empty_page_cannot_hold_it)
