/* tests/unit/base/checksum_test.c -- base/checksum: the vectors of format.md section 22. */
#include "base/checksum.h"

#include "run.h"

START_TEST(page_checksum_is_xxh3)
{
    static const uint8_t zeros[4088];
    ck_assert_uint_eq(checksum64("", 0), UINT64_C(0x2D06800538D394C2));
    ck_assert_uint_eq(checksum64("abc", 3), UINT64_C(0x78AF5F94892F3950));
    ck_assert_uint_eq(checksum64(zeros, sizeof(zeros)), UINT64_C(0xE9B88C5D16960EE3));
}
END_TEST

START_TEST(record_checksum_folds_chunks_of_a_mebibyte)
{
    size_t size = 3 << 20;
    uint8_t *data = calloc(1, size);
    ck_assert_ptr_nonnull(data);
    ck_assert_uint_eq(checksum_record(data, 12), UINT64_C(0x22D1F9AEB23BC7B0));
    ck_assert_uint_eq(checksum_record(data, 1 << 20), UINT64_C(0xBF7B86869D44DF44));
    ck_assert_uint_eq(checksum_record(data, (1 << 20) + 1), UINT64_C(0x8FF1051516ED78BA));
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)i;
    ck_assert_uint_eq(checksum_record(data, size), UINT64_C(0xC980B8FABD132487));
    free(data);
}
END_TEST

RUN_TESTS("checksum", page_checksum_is_xxh3, record_checksum_folds_chunks_of_a_mebibyte)
