/* tests/unit/base/mem_test.c -- base/mem: counting, the limit, failure on demand. */
#include "base/mem.h"

#include <pthread.h>
#include <string.h>

#include "fail.h"
#include "run.h"

static uint64_t used(struct mem *m, enum mem_consumer who)
{
    return atomic_load(&m->used[who]);
}

START_TEST(every_byte_is_counted_for_its_consumer_and_given_back)
{
    struct mem m;
    mem_init(&m, 0);
    void *a = mem_alloc(&m, MEM_PAGES, 100);
    void *b = mem_zalloc(&m, MEM_DICT, 50);
    ck_assert_uint_ge(used(&m, MEM_PAGES), 100);
    ck_assert_uint_ge(used(&m, MEM_DICT), 50);
    ck_assert_uint_eq(atomic_load(&m.total), used(&m, MEM_PAGES) + used(&m, MEM_DICT));
    mem_free(&m, a);
    ck_assert_uint_eq(used(&m, MEM_PAGES), 0);
    mem_free(&m, b);
    mem_free(&m, NULL);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(blocks_are_aligned_and_zalloc_is_zero)
{
    struct mem m;
    mem_init(&m, 0);
    for (size_t size = 0; size < 300; size++) {
        uint8_t *p = mem_zalloc(&m, MEM_OTHER, size);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            ck_assert_uint_eq(p[i], 0);
        if (size > 0)
            memset(p, 0xff, size);
        mem_free(&m, p);
    }
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(realloc_keeps_the_bytes_and_the_count)
{
    struct mem m;
    mem_init(&m, 0);
    uint8_t *p = mem_realloc(&m, MEM_PAGES, NULL, 10);
    memset(p, 7, 10);
    p = mem_realloc(&m, MEM_PAGES, p, 1000);
    for (int i = 0; i < 10; i++)
        ck_assert_uint_eq(p[i], 7);
    uint64_t big = used(&m, MEM_PAGES);
    ck_assert_uint_ge(big, 1000);
    p = mem_realloc(&m, MEM_PAGES, p, 20);
    ck_assert_uint_eq(used(&m, MEM_PAGES), big - 980);
    ck_assert_uint_eq(atomic_load(&m.total), big - 980);
    p = mem_realloc(&m, MEM_FILES, p, 20);
    ck_assert_uint_eq(used(&m, MEM_PAGES), 0);
    ck_assert_uint_eq(used(&m, MEM_FILES), big - 980);
    p = mem_realloc(&m, MEM_FILES, p, 0);
    ck_assert_ptr_nonnull(p);
    mem_free(&m, p);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(nothing_goes_beyond_the_limit)
{
    struct mem m;
    mem_init(&m, 1000);
    void *a = mem_alloc(&m, MEM_OTHER, 500);
    ck_assert_ptr_nonnull(a);
    uint64_t before = atomic_load(&m.total);
    ck_assert_ptr_null(mem_alloc(&m, MEM_OTHER, 500));
    ck_assert_ptr_null(mem_zalloc(&m, MEM_OTHER, SIZE_MAX));
    ck_assert_ptr_null(mem_alloc(&m, MEM_OTHER, SIZE_MAX - 15));
    ck_assert_ptr_null(mem_alloc_aligned(&m, MEM_OTHER, 4096, 4096));
    ck_assert_ptr_null(mem_alloc_aligned(&m, MEM_OTHER, 4096, SIZE_MAX));
    ck_assert_ptr_null(mem_realloc(&m, MEM_OTHER, a, 2000));
    ck_assert_ptr_null(mem_realloc(&m, MEM_OTHER, a, SIZE_MAX));
    ck_assert(!mem_account(&m, MEM_STACKS, 600));
    ck_assert_uint_eq(atomic_load(&m.total), before);
    ck_assert_uint_eq(used(&m, MEM_STACKS), 0);
    ck_assert(mem_account(&m, MEM_STACKS, 1000 - before));
    ck_assert_uint_eq(atomic_load(&m.total), 1000);
    ck_assert(!mem_account(&m, MEM_STACKS, 1));
    mem_unaccount(&m, MEM_STACKS, 1000 - before);
    a = mem_realloc(&m, MEM_OTHER, a, 900);
    ck_assert_ptr_nonnull(a);
    mem_free(&m, a);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(the_hook_can_fail_every_kind_of_allocation)
{
    struct mem m;
    struct fail_at f;
    mem_init(&m, 0);
    void *a = mem_alloc(&m, MEM_OTHER, 8);
    uint64_t before = atomic_load(&m.total);
    fail_at_set(&m, &f, 0);
    ck_assert_ptr_null(mem_alloc(&m, MEM_OTHER, 8));
    ck_assert_ptr_null(mem_zalloc(&m, MEM_OTHER, 8));
    ck_assert_ptr_null(mem_realloc(&m, MEM_OTHER, NULL, 8));
    ck_assert_ptr_null(mem_realloc(&m, MEM_OTHER, a, 8));
    ck_assert_ptr_null(mem_strdup(&m, MEM_OTHER, "x"));
    ck_assert_ptr_null(mem_alloc_aligned(&m, MEM_OTHER, 64, 64));
    ck_assert(!mem_account(&m, MEM_OTHER, 8));
    ck_assert_uint_eq(f.asked, 7);
    ck_assert_uint_eq(atomic_load(&m.total), before);
    fail_at_set(&m, &f, 1);
    char *copy = mem_strdup(&m, MEM_OTHER, "words");
    ck_assert_str_eq(copy, "words");
    ck_assert_ptr_null(mem_strdup(&m, MEM_OTHER, "words"));
    mem_free(&m, copy);
    mem_free(&m, a);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(aligned_blocks_are_aligned_and_counted_exactly)
{
    struct mem m;
    mem_init(&m, 0);
    for (size_t align = 1; align <= 65536; align *= 2) {
        void *p = mem_alloc_aligned(&m, MEM_PAGES, align, 4096);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % align, 0);
        ck_assert_uint_eq(used(&m, MEM_PAGES), 4096);
        mem_free_aligned(&m, MEM_PAGES, p, 4096);
    }
    mem_free_aligned(&m, MEM_PAGES, NULL, 4096);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

static void *allocate_much(void *arg)
{
    struct mem *m = arg;
    for (int i = 0; i < 2000; i++) {
        void *p = mem_alloc(m, MEM_OTHER, (size_t)(i % 500));
        if (p)
            p = mem_realloc(m, MEM_PAGES, p, 600) ?: p;
        mem_free(m, p);
    }
    return NULL;
}

START_TEST(counting_is_right_with_many_threads_at_the_limit)
{
    struct mem m;
    pthread_t threads[4];
    mem_init(&m, 1500);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, allocate_much, &m), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    for (int i = 0; i < MEM_CONSUMERS; i++)
        ck_assert_uint_eq(atomic_load(&m.used[i]), 0);
}
END_TEST

START_TEST(every_consumer_has_a_name_of_its_own)
{
    for (int i = 0; i < MEM_CONSUMERS; i++) {
        ck_assert_ptr_nonnull(mem_consumer_name((enum mem_consumer)i));
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(mem_consumer_name((enum mem_consumer)i),
                             mem_consumer_name((enum mem_consumer)j));
    }
    ck_assert_str_eq(mem_consumer_name(MEM_PAGES), "pages");
}
END_TEST

RUN_TESTS("mem", every_byte_is_counted_for_its_consumer_and_given_back,
          blocks_are_aligned_and_zalloc_is_zero, realloc_keeps_the_bytes_and_the_count,
          nothing_goes_beyond_the_limit, the_hook_can_fail_every_kind_of_allocation,
          aligned_blocks_are_aligned_and_counted_exactly,
          counting_is_right_with_many_threads_at_the_limit, every_consumer_has_a_name_of_its_own)
