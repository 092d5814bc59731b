/* tests/unit/part/leaf_cache_test.c -- data pages in memory: never more than the limit, a scan does
 * not push out what is used, what is dropped is gone, and against a plain list of what was offered.
 */
#include "part/leaf_cache.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../base/run.h"
#include "base/rand.h"

#define PAGE_BYTES 4096
#define LIMIT 20

static struct mem mem;
static struct pagepool pool;
static struct leaf_cache cache;
static struct leaf_owner owners[2];

static void setup(void)
{
    mem_init(&mem, 0);
    pagepool_init(&pool, &mem, PAGE_BYTES, 0);
    leaf_cache_init(&cache, &mem, &pool, LIMIT);
    leaf_owner_init(&cache, &owners[0]);
    leaf_owner_init(&cache, &owners[1]);
}

static void teardown(void)
{
    mem.fail = NULL;
    leaf_cache_deinit(&cache);
    pagepool_deinit(&pool);
    ck_assert_uint_eq(mem.total, 0);
}

/* A page whose content tells whose it is. */
static bool offer(unsigned owner, uint64_t n)
{
    uint8_t *page = pagepool_get(&pool);

    ck_assert_ptr_nonnull(page);
    memset(page, (int)(n * 2 + owner), PAGE_BYTES);
    bool taken = leaf_cache_offer(&cache, &owners[owner], file_page(n), page);
    if (!taken)
        pagepool_put(&pool, page);
    ck_assert_uint_le(cache.count, cache.limit);
    return taken;
}

static bool has(unsigned owner, uint64_t n)
{
    struct leaf_page *p = leaf_cache_pin(&cache, &owners[owner], file_page(n));

    if (!p)
        return false;
    ck_assert_uint_eq(p->data[0], (uint8_t)(n * 2 + owner));
    ck_assert_uint_eq(p->data[PAGE_BYTES - 1], (uint8_t)(n * 2 + owner));
    leaf_cache_unpin(p);
    return true;
}

START_TEST(a_scan_does_not_push_out_what_is_used)
{
    for (uint64_t n = 0; n < 10; n++)
        ck_assert(offer(0, n));
    for (uint64_t n = 0; n < 10; n++)
        ck_assert(has(0, n));
    for (uint64_t n = 100; n < 1000; n++)
        ck_assert(offer(0, n));
    for (uint64_t n = 0; n < 10; n++)
        ck_assert_msg(has(0, n), "page %u is gone", (unsigned)n);
    ck_assert_uint_eq(cache.count, LIMIT);
}
END_TEST

START_TEST(one_that_comes_back_soon_stays_longer)
{
    for (uint64_t n = 0; n < LIMIT; n++)
        offer(0, n);
    offer(0, 100); /* the oldest goes */
    ck_assert(!has(0, 0));
    offer(0, 0);
    for (uint64_t n = 200; n < 200 + LIMIT / 2; n++)
        offer(0, n);
    ck_assert(has(0, 0));
}
END_TEST

START_TEST(pinned_pages_stay_and_do_not_fill_it_up)
{
    struct leaf_page *pinned[LIMIT];

    for (uint64_t n = 0; n < LIMIT; n++) {
        ck_assert(offer(0, n));
        pinned[n] = leaf_cache_pin(&cache, &owners[0], file_page(n));
        ck_assert_ptr_nonnull(pinned[n]);
    }
    ck_assert(!offer(0, 100)); /* and ends */
    ck_assert_uint_eq(leaf_cache_shrink(&cache, SIZE_MAX), 0);
    leaf_cache_drop(&cache, &owners[0], file_page(3)); /* append mode: its content stays right */
    leaf_cache_unpin(pinned[7]);
    ck_assert(offer(0, 101));
    ck_assert_ptr_null(leaf_cache_pin(&cache, &owners[0], file_page(7)));
    for (uint64_t n = 0; n < LIMIT; n++)
        if (n != 7)
            leaf_cache_unpin(pinned[n]);
}
END_TEST

START_TEST(an_owner_is_forgotten_alone)
{
    for (uint64_t n = 0; n < LIMIT / 2; n++) {
        ck_assert(offer(0, n));
        ck_assert(offer(1, n));
    }
    leaf_cache_drop_owner(&cache, &owners[0]);
    for (uint64_t n = 0; n < LIMIT / 2; n++) {
        ck_assert(!has(0, n));
        ck_assert(has(1, n));
    }
    ck_assert_uint_eq(cache.count, LIMIT / 2);
}
END_TEST

START_TEST(without_room_nothing_is_kept)
{
    cache.limit = 0;
    ck_assert(!offer(0, 1));
    ck_assert(!has(0, 1));
    ck_assert_uint_eq(leaf_cache_shrink(&cache, 5), 0);
}
END_TEST

static unsigned alloc_left;

static bool fail_at(void *user, size_t size)
{
    (void)user;
    (void)size;
    return alloc_left == 0 || --alloc_left == 0;
}

START_TEST(without_memory_it_is_not_kept)
{
    bool taken = false;

    for (unsigned n = 1; !taken; n++) {
        uint8_t *page = pagepool_get(&pool);
        ck_assert_ptr_nonnull(page);
        alloc_left = n;
        mem.fail = fail_at;
        taken = leaf_cache_offer(&cache, &owners[0], file_page(1), page);
        mem.fail = NULL;
        if (!taken)
            pagepool_put(&pool, page);
        ck_assert_uint_eq(cache.count, taken);
        ck_assert_uint_lt(n, 10);
    }
}
END_TEST

/* What is in it was offered and not dropped since; whatever the order. */
START_TEST(random_use)
{
    enum { PLACES = 100 };
    bool offered[2][PLACES] = { { false } };
    const char *text = getenv("ELOQ_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 0) : 1;
    struct rand r;

    rand_seed(&r, seed + (uint64_t)_i);
    for (int i = 0; i < 20000; i++) {
        unsigned owner = (unsigned)rand_below(&r, 2);
        uint64_t n = rand_below(&r, PLACES);
        switch (rand_below(&r, 10)) {
        case 0:
            leaf_cache_drop(&cache, &owners[owner], file_page(n));
            offered[owner][n] = false;
            ck_assert_msg(!has(owner, n), "seed %llu", (unsigned long long)seed);
            break;
        case 1:
            if (rand_below(&r, 50) == 0) {
                leaf_cache_drop_owner(&cache, &owners[owner]);
                memset(offered[owner], 0, sizeof(offered[owner]));
            }
            leaf_cache_shrink(&cache, rand_below(&r, 3));
            break;
        case 2:
        case 3:
        case 4:
            offered[owner][n] |= offer(owner, n);
            break;
        default:
            ck_assert_msg(!has(owner, n) || offered[owner][n], "seed %llu",
                          (unsigned long long)seed);
            break;
        }
    }
    ck_assert_uint_gt(cache.hits, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("leaf_cache");
    TCase *tc = tcase_create("leaf_cache");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_scan_does_not_push_out_what_is_used);
    tcase_add_test(tc, one_that_comes_back_soon_stays_longer);
    tcase_add_test(tc, pinned_pages_stay_and_do_not_fill_it_up);
    tcase_add_test(tc, an_owner_is_forgotten_alone);
    tcase_add_test(tc, without_room_nothing_is_kept);
    tcase_add_test(tc, without_memory_it_is_not_kept);
    tcase_add_loop_test(tc, random_use, 0, 4);
    suite_add_tcase(s, tc);
    return run_suite(s);
}
