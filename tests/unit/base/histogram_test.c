/* tests/unit/base/histogram_test.c -- base/histogram: nothing is lost, quantiles are near. */
#include "base/histogram.h"

#include "base/rand.h"
#include "run.h"

START_TEST(every_value_is_counted_below_the_right_powers)
{
    static const uint64_t values[] = { 0,  1,   3,    4,          5,
                                       7,  8,   1000, 1023,       1024,
                                       65, 255, 256,  UINT32_MAX, (UINT64_C(1) << 33) - 1 };

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct histogram h = { 0 };
        histogram_add(&h, values[i]);
        ck_assert_uint_eq(h.count, 1);
        ck_assert_uint_eq(h.sum, values[i]);
        for (unsigned e = 2; e < 33; e++)
            ck_assert_uint_eq(histogram_below(&h, e), values[i] < UINT64_C(1) << e);
    }
}
END_TEST

START_TEST(giants_are_counted_but_below_nothing)
{
    struct histogram h = { 0 };

    histogram_add(&h, UINT64_MAX);
    histogram_add(&h, UINT64_C(1) << 40);
    ck_assert_uint_eq(h.count, 2);
    ck_assert_uint_eq(histogram_below(&h, 33), 0);
    ck_assert_uint_eq(histogram_quantile(&h, 500), UINT64_MAX);
}
END_TEST

START_TEST(quantiles_are_at_most_a_quarter_too_large)
{
    struct histogram h = { 0 }, other = { 0 };
    struct rand rnd;

    ck_assert_uint_eq(histogram_quantile(&h, 999), 0);
    rand_seed(&rnd, 5);
    for (int i = 0; i < 100000; i++)
        histogram_add(i % 2 ? &h : &other, 1 + rand_below(&rnd, 100000));
    histogram_merge(&h, &other);
    ck_assert_uint_eq(h.count, 100000);
    for (unsigned permille = 10; permille < 1000; permille += 10) {
        uint64_t got = histogram_quantile(&h, permille), want = permille * 100;
        ck_assert_uint_ge(got, want - want / 20 - 100);
        ck_assert_uint_le(got, want + want / 4 + 100);
    }
    ck_assert_uint_eq(histogram_quantile(&h, 1000), h.most);
}
END_TEST

RUN_TESTS("histogram", every_value_is_counted_below_the_right_powers,
          giants_are_counted_but_below_nothing, quantiles_are_at_most_a_quarter_too_large)
