/* tests/unit/base/bytes_test.c -- base/bytes: growing, and failing once for all. */
#include "base/bytes.h"

#include <string.h>

#include "base/coding.h"
#include "eloqstore.h"
#include "fail.h"
#include "run.h"

START_TEST(what_is_appended_is_there_in_order)
{
    struct mem m;
    struct bytes b;
    mem_init(&m, 0);
    bytes_init(&b, &m, MEM_OTHER);
    bytes_add(&b, "ab", 2);
    bytes_add(&b, NULL, 0);
    bytes_add_zeros(&b, 2);
    bytes_add_zeros(&b, 0);
    bytes_add_u8(&b, 9);
    bytes_add_u32(&b, 0x04030201);
    bytes_add_u64(&b, 1);
    bytes_add_varint(&b, 300);
    const uint8_t expected[] = { 'a', 'b', 0, 0, 9, 1, 2, 3, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0xac, 2 };
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.size, sizeof(expected));
    ck_assert_mem_eq(b.data, expected, sizeof(expected));
    bytes_free(&b);
    ck_assert_uint_eq(b.size, 0);
    bytes_add_u8(&b, 1);
    ck_assert_uint_eq(b.size, 1);
    bytes_free(&b);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(growth_keeps_what_was_there)
{
    struct mem m;
    struct bytes b;
    mem_init(&m, 0);
    bytes_init(&b, &m, MEM_OTHER);
    for (uint32_t i = 0; i < 100000; i++)
        bytes_add_u32(&b, i);
    for (uint32_t i = 0; i < 100000; i++)
        ck_assert_uint_eq(get_u32(b.data + 4 * (size_t)i), i);
    bytes_free(&b);
}
END_TEST

START_TEST(reserved_room_needs_no_more_memory)
{
    struct mem m;
    struct bytes b;
    struct fail_at f;
    mem_init(&m, 0);
    bytes_init(&b, &m, MEM_OTHER);
    ck_assert_int_eq(bytes_reserve(&b, 1000), ELOQ_OK);
    fail_at_set(&m, &f, 0);
    bytes_add_zeros(&b, 1000);
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.size, 1000);
    ck_assert_uint_eq(f.asked, 0);
    bytes_free(&b);
}
END_TEST

START_TEST(after_a_failure_nothing_more_is_appended)
{
    struct mem m;
    struct bytes b;
    struct fail_at f;
    mem_init(&m, 0);
    bytes_init(&b, &m, MEM_OTHER);
    bytes_add(&b, "keep", 4);
    fail_at_set(&m, &f, 0);
    ck_assert_int_eq(bytes_reserve(&b, 1 << 20), ELOQ_NO_MEMORY);
    ck_assert_int_eq(bytes_reserve(&b, SIZE_MAX), ELOQ_NO_MEMORY);
    ck_assert(!b.failed);
    bytes_add_zeros(&b, 1 << 20);
    ck_assert(b.failed);
    m.fail = NULL;
    bytes_add_u8(&b, 1);
    bytes_add_u32(&b, 1);
    bytes_add_u64(&b, 1);
    bytes_add_varint(&b, 1);
    bytes_add(&b, "x", 1);
    ck_assert_uint_eq(b.size, 4);
    ck_assert_mem_eq(b.data, "keep", 4);
    bytes_free(&b);
    ck_assert(!b.failed);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

RUN_TESTS("bytes", what_is_appended_is_there_in_order, growth_keeps_what_was_there,
          reserved_room_needs_no_more_memory, after_a_failure_nothing_more_is_appended)
