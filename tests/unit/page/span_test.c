/* tests/unit/page/span_test.c -- page/span: few, counted, aligned, given back. */
#include "page/span.h"

#include <string.h>

#include "run.h"

#define MIB ((uint64_t)1 << 20)

START_TEST(they_take_no_more_than_they_may)
{
    static const struct {
        uint64_t bytes, each, count;
    } cases[] = { { 0, 0, 0 },
                  { 2 * MIB - 1, 0, 0 },
                  { 2 * MIB, 2 * MIB, 1 },
                  { 7 * MIB, 6 * MIB, 1 },
                  { 8 * MIB, 8 * MIB, 1 },
                  { 40 * MIB + 5, 8 * MIB, 5 },
                  { UINT64_MAX, 8 * MIB, UINT64_MAX / (8 * MIB) } };
    struct mem m;

    mem_init(&m, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spans s;
        spans_init(&s, &m, cases[i].bytes);
        ck_assert_uint_eq(s.bytes, cases[i].each);
        ck_assert_uint_eq(s.left, cases[i].count);
    }
}
END_TEST

START_TEST(what_is_given_is_counted_and_given_back)
{
    struct spans s;
    struct mem m;
    uint8_t *got[3];

    mem_init(&m, 0);
    spans_init(&s, &m, 16 * MIB);
    for (int i = 0; i < 2; i++) {
        got[i] = span_get(&s);
        ck_assert_ptr_nonnull(got[i]);
        ck_assert_uint_eq((uintptr_t)got[i] % (2 * MIB), 0);
        memset(got[i], i + 1, s.bytes);
    }
    got[2] = span_get(&s);
    ck_assert_ptr_null(got[2]);
    ck_assert_uint_eq(m.used[MEM_PAGES], 16 * MIB);
    for (size_t at = 0; at < s.bytes; at += 4096)
        ck_assert(got[0][at] == 1 && got[1][at] == 2);
    for (int i = 0; i < 3; i++)
        span_put(&s, got[i]);
    ck_assert_uint_eq(m.used[MEM_PAGES], 0);
    ck_assert_uint_eq(s.left, 2);
}
END_TEST

START_TEST(the_limit_of_memory_holds_for_them)
{
    struct spans s;
    struct mem m;

    mem_init(&m, 7 * MIB);
    spans_init(&s, &m, 16 * MIB);
    ck_assert_ptr_null(span_get(&s));
    ck_assert_uint_eq(s.left, 2);
    ck_assert_uint_eq(m.used[MEM_PAGES], 0);
}
END_TEST

RUN_TESTS("span", they_take_no_more_than_they_may, what_is_given_is_counted_and_given_back,
          the_limit_of_memory_holds_for_them)
