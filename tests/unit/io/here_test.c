/* tests/unit/io/here_test.c -- io/here: which calls a waiting thread makes itself. */
#include "io/here.h"
#include "unit/base/run.h"

#include <check.h>

#define KIB ((uint64_t)1 << 10)
#define MS UINT64_C(1000000)

static struct here here;

static bool is_short_write(uint64_t bytes)
{
    const struct iovec iov = { NULL, bytes };
    const struct io_req req = { .op = IO_WRITE, .iov = &iov, .iov_count = 1 };

    return here_is_short(&here, &req);
}

static bool is_short(enum io_op op)
{
    const struct io_req req = { .op = op };

    return here_is_short(&here, &req);
}

START_TEST(little_is_short_and_much_is_not)
{
    here_init(&here);
    ck_assert(is_short_write(4 * KIB));
    ck_assert(is_short_write(64 * KIB));
    ck_assert(!is_short_write(64 * KIB + 1));
    struct iovec pieces[17] = { { NULL, 0 } };
    struct io_req req = { .op = IO_WRITE, .iov = pieces, .iov_count = 17 };
    ck_assert(!here_is_short(&here, &req));
    req.iov_count = 16;
    ck_assert(here_is_short(&here, &req));
    for (int op = 0; op < IO_OPS; op++)
        if (op != IO_WRITE && op != IO_SYNC)
            ck_assert(!is_short((enum io_op)op));
}
END_TEST

START_TEST(a_flush_is_short_after_few_bytes)
{
    here_init(&here);
    ck_assert(is_short(IO_SYNC));
    for (int i = 0; i < 4; i++)
        is_short_write(64 * KIB);
    ck_assert(is_short(IO_SYNC));
    ck_assert(is_short(IO_SYNC));
    for (int i = 0; i < 5; i++)
        is_short_write(64 * KIB);
    ck_assert(!is_short(IO_SYNC));
    ck_assert(!is_short(IO_SYNC)); /* of another file: the bytes may be its own */
    is_short_write(KIB);
    ck_assert(is_short(IO_SYNC)); /* what was flushed counts no more */
}
END_TEST

static unsigned to_ring(void)
{
    unsigned n = 0;

    while (!is_short(IO_SYNC))
        n++;
    return n;
}

/* _i: it was slow, or somebody came. */
START_TEST(each_time_it_was_wrong_twice_as_many_go_to_the_ring)
{
    here_init(&here);
    for (unsigned n = 16; n <= 4096; n *= 2) {
        here_was(&here, _i == 0 ? MS : 0, _i != 0);
        ck_assert_uint_eq(to_ring(), n);
    }
    here_was(&here, MS, true);
    ck_assert_uint_eq(to_ring(), 4096);
    here_was(&here, MS - 1, false);
    ck_assert_uint_eq(to_ring(), 0);
    here_was(&here, MS, false);
    ck_assert_uint_eq(to_ring(), 2048);
    for (int i = 0; i < 100; i++)
        here_was(&here, 0, false);
    here_was(&here, MS, false);
    ck_assert_uint_eq(to_ring(), 16);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("here");
    TCase *rules = tcase_create("rules");

    suite_add_tcase(suite, rules);
    tcase_add_test(rules, little_is_short_and_much_is_not);
    tcase_add_test(rules, a_flush_is_short_after_few_bytes);
    tcase_add_loop_test(rules, each_time_it_was_wrong_twice_as_many_go_to_the_ring, 0, 2);
    return run_suite(suite);
}
