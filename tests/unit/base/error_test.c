/* tests/unit/base/error_test.c -- base/error: words, places, errno. */
#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "run.h"

START_TEST(a_failure_carries_code_words_and_source)
{
    struct err e;
    memset(&e, 0xff, sizeof(e));
    ck_assert_int_eq(err_set(&e, ELOQ_CORRUPTED, "x.c", 12, "bad page page=%u", 7u),
                     ELOQ_CORRUPTED);
    ck_assert_int_eq(e.code, ELOQ_CORRUPTED);
    ck_assert_str_eq(e.text, "bad page page=7");
    ck_assert_str_eq(e.source, "x.c");
    ck_assert_int_eq(e.line, 12);
    ck_assert_int_eq(e.sys_errno, 0);
    ck_assert_str_eq(e.path, "");
    ck_assert_str_eq(e.table, "");
    ck_assert_uint_eq(e.offset, 0);
    ck_assert_uint_eq(e.partition, 0);
    err_clear(&e);
    ck_assert_int_eq(e.code, 0);
    ck_assert_str_eq(e.text, "");
}
END_TEST

START_TEST(words_may_be_made_of_the_old_words_and_are_cut_at_the_end)
{
    struct err e;
    char longer[1000];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    err_set(&e, ELOQ_IO, "x.c", 1, "%s", "first");
    err_place(&e, "/some/path", 5);
    err_set(&e, ELOQ_IO, "x.c", 2, "%s then %s", e.text, e.path);
    ck_assert_str_eq(e.text, "first then /some/path");
    err_set(&e, ELOQ_IO, "x.c", 3, "%s", longer);
    ck_assert_uint_eq(strlen(e.text), sizeof(e.text) - 1);
}
END_TEST

START_TEST(a_long_path_keeps_its_end)
{
    struct err e;
    char path[600];
    err_set(&e, ELOQ_IO, "x.c", 1, "x");
    err_place(&e, "/d/data_0_1", 4096);
    ck_assert_str_eq(e.path, "/d/data_0_1");
    ck_assert_uint_eq(e.offset, 4096);
    memset(path, 'd', sizeof(path));
    memcpy(path + sizeof(path) - 5, "/end", 5);
    err_place(&e, path, 1);
    ck_assert_uint_eq(strlen(e.path), sizeof(e.path) - 1);
    ck_assert_mem_eq(e.path, "...d", 4);
    ck_assert_str_eq(e.path + strlen(e.path) - 4, "/end");
    path[255] = '\0';
    err_place(&e, path, 1);
    ck_assert_str_eq(e.path, path);
}
END_TEST

START_TEST(the_first_partition_named_stays)
{
    struct err e;
    err_set(&e, ELOQ_IO, "x.c", 1, "x");
    err_part(&e, "fruit", 7);
    err_part(&e, "other", 8);
    ck_assert_str_eq(e.table, "fruit");
    ck_assert_uint_eq(e.partition, 7);
}
END_TEST

START_TEST(errno_becomes_what_the_program_can_do_about_it)
{
    const struct {
        int sys_errno, code;
    } known[] = { { ENOSPC, ELOQ_NO_SPACE },  { EDQUOT, ELOQ_NO_SPACE }, { EFBIG, ELOQ_NO_SPACE },
                  { ENOMEM, ELOQ_NO_MEMORY }, { EMFILE, ELOQ_BUSY },     { ENFILE, ELOQ_BUSY },
                  { EBUSY, ELOQ_BUSY },       { EAGAIN, ELOQ_BUSY },     { EINTR, ELOQ_BUSY },
                  { ENOBUFS, ELOQ_BUSY },     { EPERM, ELOQ_DENIED },    { EACCES, ELOQ_DENIED },
                  { EROFS, ELOQ_DENIED },     { EIO, ELOQ_IO },          { ENOENT, ELOQ_IO },
                  { 100000, ELOQ_IO } };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        ck_assert_int_eq(err_from_errno(known[i].sys_errno), known[i].code);
}
END_TEST

START_TEST(every_status_has_a_name_of_its_own)
{
    for (int code = ELOQ_DENIED; code <= ELOQ_FETCH; code++) {
        ck_assert_str_ne(err_name(code), err_name(1000));
        for (int other = ELOQ_DENIED; other < code; other++)
            ck_assert_str_ne(err_name(code), err_name(other));
    }
    ck_assert(err_retryable(ELOQ_BUSY));
    ck_assert(err_retryable(ELOQ_UNAVAILABLE));
    ck_assert(!err_retryable(ELOQ_OK));
    ck_assert(!err_retryable(ELOQ_INVALID));
    ck_assert(!err_retryable(ELOQ_CORRUPTED));
    ck_assert(!err_retryable(ELOQ_CLOSED));
}
END_TEST

RUN_TESTS("error", a_failure_carries_code_words_and_source,
          words_may_be_made_of_the_old_words_and_are_cut_at_the_end, a_long_path_keeps_its_end,
          the_first_partition_named_stays, errno_becomes_what_the_program_can_do_about_it,
          every_status_has_a_name_of_its_own)
