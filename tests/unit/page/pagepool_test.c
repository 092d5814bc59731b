/* tests/unit/page/pagepool_test.c -- page/pagepool: reuse, the bound, no memory. */
#include "page/pagepool.h"

#include <string.h>

#include "fail.h"
#include "run.h"

START_TEST(pages_are_aligned_and_used_again)
{
    struct mem m;
    struct pagepool p;
    mem_init(&m, 0);
    pagepool_init(&p, &m, 12288, 2);
    uint8_t *pages[4];
    for (int i = 0; i < 4; i++) {
        pages[i] = pagepool_get(&p);
        ck_assert_uint_eq((uintptr_t)pages[i] % 4096, 0);
        memset(pages[i], 0xee, 12288);
    }
    ck_assert_uint_eq(atomic_load(&m.used[MEM_PAGES]), 4 * 12288);
    pagepool_put(&p, pages[0]);
    ck_assert_ptr_eq(pagepool_get(&p), pages[0]);
    for (int i = 0; i < 4; i++)
        pagepool_put(&p, pages[i]);
    pagepool_put(&p, NULL);
    ck_assert_uint_eq(p.free_count, 2);
    ck_assert_uint_eq(p.made, 2);
    ck_assert_uint_eq(atomic_load(&m.used[MEM_PAGES]), 2 * 12288);
    pagepool_deinit(&p);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(without_memory_the_answer_is_null_and_kept_pages_still_come)
{
    struct mem m;
    struct pagepool p;
    struct fail_at f;
    mem_init(&m, 0);
    pagepool_init(&p, &m, 4096, 8);
    uint8_t *page = pagepool_get(&p);
    fail_at_set(&m, &f, 0);
    ck_assert_ptr_null(pagepool_get(&p));
    pagepool_put(&p, page);
    ck_assert_ptr_eq(pagepool_get(&p), page);
    ck_assert_ptr_null(pagepool_get(&p));
    pagepool_put(&p, page);
    pagepool_deinit(&p);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

RUN_TESTS("pagepool", pages_are_aligned_and_used_again,
          without_memory_the_answer_is_null_and_kept_pages_still_come)
