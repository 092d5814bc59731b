/* tests/unit/base/slice_test.c -- base/slice: order, equality, prefixes. */
#include "base/slice.h"

#include "run.h"

START_TEST(order_is_by_unsigned_bytes_and_a_prefix_comes_first)
{
    const eloq_slice sorted[] = { eloq_bytes(NULL, 0),   eloq_bytes("\0", 1),
                                  eloq_str("a"),         eloq_bytes("a\0", 2),
                                  eloq_str("aa"),        eloq_str("b"),
                                  eloq_bytes("\x7f", 1), eloq_bytes("\x80", 1),
                                  eloq_bytes("\xff", 1), eloq_bytes("\xff\xff", 2) };
    for (size_t i = 0; i < ARRAY_LEN(sorted); i++)
        for (size_t j = 0; j < ARRAY_LEN(sorted); j++) {
            int order = slice_compare(sorted[i], sorted[j]);
            ck_assert_int_eq((order > 0) - (order < 0), (i > j) - (i < j));
            ck_assert_int_eq(slice_equal(sorted[i], sorted[j]), i == j);
        }
}
END_TEST

START_TEST(the_common_prefix_is_found_at_every_length)
{
    uint8_t a[40], b[40];
    for (size_t i = 0; i < sizeof(a); i++)
        a[i] = b[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] ^= 1;
        ck_assert_uint_eq(slice_common(eloq_bytes(a, 40), eloq_bytes(b, 40)), i);
        ck_assert_uint_eq(slice_common(eloq_bytes(a, i), eloq_bytes(b, 40)), i);
        b[i] ^= 1;
    }
    ck_assert_uint_eq(slice_common(eloq_bytes(a, 40), eloq_bytes(b, 40)), 40);
    ck_assert_uint_eq(slice_common(eloq_bytes(NULL, 0), eloq_bytes(b, 40)), 0);
}
END_TEST

START_TEST(the_end_of_a_prefix_is_the_next_key_without_it)
{
    uint8_t buf[4];
    ck_assert(slice_equal(slice_prefix_end(eloq_str("ab"), buf), eloq_str("ac")));
    ck_assert(slice_equal(slice_prefix_end(eloq_str("a\xff\xff"), buf), eloq_str("b")));
    ck_assert_uint_eq(slice_prefix_end(eloq_str("\xff\xff"), buf).size, 0);
    ck_assert_uint_eq(slice_prefix_end(eloq_str(""), buf).size, 0);
    ck_assert(slice_equal(slice_prefix_end(eloq_bytes("\0", 1), buf), eloq_str("\x01")));
}
END_TEST

RUN_TESTS("slice", order_is_by_unsigned_bytes_and_a_prefix_comes_first,
          the_common_prefix_is_found_at_every_length,
          the_end_of_a_prefix_is_the_next_key_without_it)
