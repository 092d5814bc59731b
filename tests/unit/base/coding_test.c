/* tests/unit/base/coding_test.c -- base/coding: integers and the reader. */
#include "base/coding.h"

#include "base/rand.h"
#include "run.h"

START_TEST(fixed_integers_are_little_endian)
{
    uint8_t b[8];
    put_u64(b, UINT64_C(0x0807060504030201));
    for (uint8_t i = 0; i < 8; i++)
        ck_assert_uint_eq(b[i], i + 1);
    ck_assert_uint_eq(get_u64(b), UINT64_C(0x0807060504030201));
    ck_assert_uint_eq(get_u32(b + 1), 0x05040302);
    ck_assert_uint_eq(get_u16(b + 1), 0x0302);
    put_u64_be(b, 1);
    ck_assert_uint_eq(b[7], 1);
    ck_assert_uint_eq(get_u64_be(b), 1);
    put_u32(b, 0xfffefdfc);
    put_u16(b + 4, 0xabcd);
    ck_assert_uint_eq(get_u32(b), 0xfffefdfc);
    ck_assert_uint_eq(get_u16(b + 4), 0xabcd);
}
END_TEST

static void check_varint(uint64_t v)
{
    uint8_t b[VARINT64_MAX_BYTES];
    size_t size = (size_t)(put_varint(b, v) - b);
    uint64_t got = ~v;
    uint32_t got32 = 0;

    ck_assert_uint_eq(size, varint_size(v));
    struct reader r = reader_over(b, size);
    ck_assert(reader_v64(&r, &got));
    ck_assert_uint_eq(got, v);
    ck_assert_uint_eq(reader_left(&r), 0);

    r = reader_over(b, size);
    ck_assert_int_eq(reader_v32(&r, &got32), v <= UINT32_MAX);
    if (v <= UINT32_MAX)
        ck_assert_uint_eq(got32, v);
    else
        ck_assert_ptr_eq(r.pos, b);

    for (size_t cut = 0; cut < size; cut++) {
        r = reader_over(b, cut);
        ck_assert(!reader_v64(&r, &got));
        ck_assert(!reader_v32(&r, &got32));
        ck_assert_ptr_eq(r.pos, b);
    }
}

START_TEST(varints_come_back_and_never_overrun)
{
    for (int bits = 0; bits < 64; bits++) {
        uint64_t v = (uint64_t)1 << bits;
        check_varint(v - 1);
        check_varint(v);
        check_varint(v + 1);
    }
    check_varint(UINT64_MAX);
    uint64_t seed = 7;
    struct rand rnd;
    rand_seed(&rnd, seed);
    for (int i = 0; i < 20000; i++)
        check_varint(rand_u64(&rnd) >> rand_below(&rnd, 64));
}
END_TEST

START_TEST(a_varint_may_be_longer_than_its_shortest_form)
{
    const uint8_t long32[] = { 0x81, 0x80, 0x80, 0x80, 0x00 };
    const uint8_t long64[] = { 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 };
    uint32_t v32;
    uint64_t v64;
    struct reader r = reader_over(long32, sizeof(long32));
    ck_assert(reader_v32(&r, &v32));
    ck_assert_uint_eq(v32, 1);
    ck_assert_uint_eq(reader_left(&r), 0);
    r = reader_over(long64, sizeof(long64));
    ck_assert(reader_v64(&r, &v64));
    ck_assert_uint_eq(v64, 1);
    ck_assert_uint_eq(reader_left(&r), 0);
}
END_TEST

START_TEST(a_varint_that_is_too_long_or_too_large_is_refused)
{
    const uint8_t six[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 };
    const uint8_t eleven[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 };
    const uint8_t bit32[] = { 0x80, 0x80, 0x80, 0x80, 0x10 };
    const uint8_t max32[] = { 0xff, 0xff, 0xff, 0xff, 0x0f };
    const uint8_t bit64[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02 };
    const uint8_t max64[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
    uint32_t v32 = 5;
    uint64_t v64 = 5;

    struct reader r = reader_over(six, sizeof(six));
    ck_assert(!reader_v32(&r, &v32));
    r = reader_over(bit32, sizeof(bit32));
    ck_assert(!reader_v32(&r, &v32));
    r = reader_over(eleven, sizeof(eleven));
    ck_assert(!reader_v64(&r, &v64));
    r = reader_over(bit64, sizeof(bit64));
    ck_assert(!reader_v64(&r, &v64));
    ck_assert_uint_eq(reader_left(&r), sizeof(bit64));
    r = reader_over(max32, sizeof(max32));
    ck_assert(reader_v32(&r, &v32));
    ck_assert_uint_eq(v32, UINT32_MAX);
    r = reader_over(max64, sizeof(max64));
    ck_assert(reader_v64(&r, &v64));
    ck_assert_uint_eq(v64, UINT64_MAX);
}
END_TEST

START_TEST(fixed_reads_stop_at_the_end_of_the_region)
{
    const uint8_t data[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
    uint8_t v8;
    uint32_t v32;
    uint64_t v64;
    const uint8_t *lent;

    struct reader r = reader_over(data, 7);
    ck_assert(!reader_u64(&r, &v64));
    ck_assert(reader_u32(&r, &v32));
    ck_assert_uint_eq(v32, 0x04030201);
    ck_assert(!reader_u32(&r, &v32));
    ck_assert(!reader_bytes(&r, 4, &lent));
    ck_assert(!reader_bytes(&r, SIZE_MAX, &lent));
    ck_assert(reader_bytes(&r, 2, &lent));
    ck_assert_ptr_eq(lent, data + 4);
    ck_assert(reader_u8(&r, &v8));
    ck_assert_uint_eq(v8, 7);
    ck_assert(!reader_u8(&r, &v8));
    ck_assert(reader_bytes(&r, 0, &lent));
    r = reader_over(data, 8);
    ck_assert(reader_u64(&r, &v64));
    ck_assert_uint_eq(v64, UINT64_C(0x0807060504030201));
}
END_TEST

START_TEST(a_signed_difference_keeps_its_sign_in_bit_0)
{
    const struct {
        int64_t d;
        uint64_t n;
    } known[] = { { 0, 0 }, { 1, 2 }, { -1, 3 }, { 2, 4 }, { -2, 5 }, { INT64_MAX, ~UINT64_C(1) } };
    int64_t back;

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        ck_assert_uint_eq(sdelta_encode(known[i].d), known[i].n);
        ck_assert(sdelta_decode(known[i].n, &back));
        ck_assert_int_eq(back, known[i].d);
    }
    ck_assert(!sdelta_decode(1, &back));
}
END_TEST

RUN_TESTS("coding", fixed_integers_are_little_endian, varints_come_back_and_never_overrun,
          a_varint_may_be_longer_than_its_shortest_form,
          a_varint_that_is_too_long_or_too_large_is_refused,
          fixed_reads_stop_at_the_end_of_the_region, a_signed_difference_keeps_its_sign_in_bit_0)
