/* tests/unit/engine/record_test.c -- engine/store_record: what is written is read, nothing else. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "engine/store_record.h"
#include "unit/base/run.h"

static const struct store_record sample = {
    .format = { .data_page_size = 8192,
                .pages_per_file_shift = 7,
                .overflow_pointers = 5,
                .data_append_mode = 1,
                .commit_protocol = ELOQ_ONE_FLUSH },
    .id = 0x123456789abcdef0,
    .path_index = 2,
    .path_count = 3,
};

START_TEST(a_record_is_read_as_it_was_written)
{
    char text[RECORD_TEXT_MAX];
    struct store_record got;
    struct err e;

    size_t size = store_record_format(&sample, text);
    ck_assert_uint_lt(size, RECORD_TEXT_MAX);
    ck_assert_int_eq(store_record_parse(text, size, &got, &e), ELOQ_OK);
    ck_assert_mem_eq(&got, &sample, sizeof(got));
}
END_TEST

START_TEST(every_changed_or_missing_byte_is_noticed)
{
    char text[RECORD_TEXT_MAX], copy[RECORD_TEXT_MAX];
    struct store_record got;
    struct err e;
    size_t size = store_record_format(&sample, text);

    for (size_t i = 0; i < size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, text, size);
            copy[i] = (char)(copy[i] ^ (1 << bit));
            int rc = store_record_parse(copy, size, &got, &e);
            /* The case of the checksum's own digits says nothing. */
            if (rc == ELOQ_OK)
                ck_assert_mem_eq(&got, &sample, sizeof(got));
            else
                ck_assert_int_eq(rc, ELOQ_CORRUPTED);
        }
        ck_assert_int_eq(store_record_parse(text, i, &got, &e), ELOQ_CORRUPTED);
    }
}
END_TEST

START_TEST(any_bytes_may_be_given)
{
    char text[RECORD_TEXT_MAX + 16];
    struct store_record got;
    struct err e;
    struct rand r;

    rand_seed(&r, 4711);
    for (int i = 0; i < 20000; i++) {
        size_t size = store_record_format(&sample, text);
        for (int n = 0; n < 6; n++)
            text[rand_below(&r, size)] = (char)rand_u64(&r);
        (void)store_record_parse(text, rand_below(&r, sizeof(text)), &got, &e);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("record");
    TCase *tc = tcase_create("record");

    tcase_add_test(tc, a_record_is_read_as_it_was_written);
    tcase_add_test(tc, every_changed_or_missing_byte_is_noticed);
    tcase_add_test(tc, any_bytes_may_be_given);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
