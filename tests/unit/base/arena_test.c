/* tests/unit/base/arena_test.c -- base/arena: marks, resets, large blocks. */
#include "base/arena.h"

#include <string.h>

#include "base/rand.h"
#include "fail.h"
#include "run.h"

START_TEST(allocations_are_aligned_and_do_not_overlap)
{
    struct mem m;
    struct arena a;
    struct rand rnd;
    uint8_t *p[500];
    size_t size[500];
    mem_init(&m, 0);
    arena_init(&a, &m);
    rand_seed(&rnd, 3);
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        size[i] = rand_below(&rnd, i % 50 == 0 ? 200000 : 300);
        p[i] = arena_alloc(&a, size[i]);
        ck_assert_ptr_nonnull(p[i]);
        ck_assert_uint_eq((uintptr_t)p[i] % 16, 0);
        memset(p[i], (int)(i % 251), size[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        for (size_t j = 0; j < size[i]; j++)
            ck_assert_uint_eq(p[i][j], i % 251);
    ck_assert_uint_gt(atomic_load(&m.used[MEM_TASKS]), 0);
    arena_free(&a);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1));
    arena_free(&a);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(reset_gives_back_what_came_after_the_mark)
{
    struct mem m;
    struct arena a;
    mem_init(&m, 0);
    arena_init(&a, &m);
    struct arena_mark empty = arena_mark(&a);
    char *kept = arena_copy(&a, "kept", 5);
    uint64_t used = atomic_load(&m.total);
    struct arena_mark mark = arena_mark(&a);
    for (int round = 0; round < 3; round++) {
        void *first = arena_alloc(&a, 16);
        for (int i = 0; i < 100; i++)
            ck_assert_ptr_nonnull(arena_alloc(&a, 1000));
        struct arena_mark inner = arena_mark(&a);
        ck_assert_ptr_nonnull(arena_alloc(&a, 100000));
        arena_reset(&a, inner);
        arena_reset(&a, mark);
        ck_assert_str_eq(kept, "kept");
        ck_assert_uint_eq(atomic_load(&m.total), used);
        ck_assert_ptr_eq(arena_alloc(&a, 16), first);
        arena_reset(&a, mark);
    }
    arena_reset(&a, empty);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(zalloc_is_zero_even_where_something_was)
{
    struct mem m;
    struct arena a;
    mem_init(&m, 0);
    arena_init(&a, &m);
    ck_assert_ptr_nonnull(arena_alloc(&a, 16));
    struct arena_mark mark = arena_mark(&a);
    memset(arena_alloc(&a, 400), 0xff, 400);
    arena_reset(&a, mark);
    uint8_t *p = arena_zalloc(&a, 400);
    for (int i = 0; i < 400; i++)
        ck_assert_uint_eq(p[i], 0);
    ck_assert_ptr_nonnull(arena_zalloc(&a, 0));
    ck_assert_ptr_nonnull(arena_copy(&a, NULL, 0));
    arena_free(&a);
}
END_TEST

START_TEST(without_memory_the_answer_is_null_and_the_arena_stays_usable)
{
    struct mem m;
    struct arena a;
    struct fail_at f;
    mem_init(&m, 0);
    arena_init(&a, &m);
    fail_at_set(&m, &f, 0);
    ck_assert_ptr_null(arena_alloc(&a, 1));
    ck_assert_ptr_null(arena_zalloc(&a, 1));
    ck_assert_ptr_null(arena_copy(&a, "x", 1));
    m.fail = NULL;
    char *p = arena_copy(&a, "x", 2);
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    fail_at_set(&m, &f, 0);
    ck_assert_ptr_null(arena_alloc(&a, 5000));
    ck_assert_str_eq(p, "x");
    arena_free(&a);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

RUN_TESTS("arena", allocations_are_aligned_and_do_not_overlap,
          reset_gives_back_what_came_after_the_mark, zalloc_is_zero_even_where_something_was,
          without_memory_the_answer_is_null_and_the_arena_stays_usable)
