/* tests/unit/io/transfer_test.c -- io/transfer: what short and interrupted transfers still have to
 * do. */
#include "io/transfer.h"

#include <limits.h>
#include <unistd.h>

#include "base/rand.h"
#include "unit/base/run.h"
#include "unit/io/env.h"

static char bytes[100];

static struct io_req request(enum io_op op, const struct iovec *iov, int count)
{
    return (struct io_req){ .op = op, .fd = -1, .iov = iov, .iov_count = count };
}

START_TEST(the_rest_begins_inside_the_vector)
{
    const struct iovec iov[4] = {
        { bytes, 10 }, { bytes + 10, 0 }, { bytes + 10, 5 }, { bytes + 15, 5 }
    };
    struct io_req req = request(IO_READ, iov, 4);
    const struct iovec *rest;
    int64_t result;

    ck_assert_uint_eq(transfer_size(&req), 20);
    ck_assert_int_eq(transfer_rest(&req, &rest), 4);
    ck_assert_ptr_eq(rest, iov);
    ck_assert(!transfer_step(&req, 4, &result));
    ck_assert_int_eq(transfer_rest(&req, &rest), 1);
    ck_assert_ptr_eq(rest->iov_base, bytes + 4);
    ck_assert_uint_eq(rest->iov_len, 6);
    ck_assert(!transfer_step(&req, 6, &result));
    ck_assert_int_eq(transfer_rest(&req, &rest), 2);
    ck_assert_ptr_eq(rest, iov + 2);
    ck_assert(!transfer_step(&req, 7, &result));
    ck_assert_int_eq(transfer_rest(&req, &rest), 1);
    ck_assert_ptr_eq(rest->iov_base, bytes + 17);
    ck_assert(transfer_step(&req, 3, &result));
    ck_assert_int_eq(result, 20);
    ck_assert_int_eq(transfer_rest(&req, &rest), 0);
}
END_TEST

START_TEST(random_pieces_cover_every_byte_once)
{
    struct iovec iov[6];
    struct rand r;

    rand_seed(&r, 3);
    for (int round = 0; round < 2000; round++) {
        int count = 1 + (int)rand_below(&r, 6);
        struct io_req req = request(IO_WRITE, iov, count);
        char *at = bytes;
        int64_t result = 0;

        for (int i = 0; i < count; i++) {
            iov[i] = (struct iovec){ at, rand_below(&r, 4) * rand_below(&r, 5) };
            at += iov[i].iov_len;
        }
        while (req.progress < at - bytes) {
            const struct iovec *rest;
            int n = transfer_rest(&req, &rest);
            size_t room = 0;

            ck_assert_int_gt(n, 0);
            ck_assert_ptr_eq(rest[0].iov_base, bytes + req.progress);
            for (int i = 0; i < n; i++)
                room += rest[i].iov_len;
            transfer_step(&req, 1 + (int64_t)rand_below(&r, room), &result);
        }
        ck_assert_int_eq(req.progress, at - bytes);
    }
}
END_TEST

START_TEST(a_read_of_nothing_is_the_end_and_a_write_of_nothing_a_failure)
{
    const struct iovec iov = { bytes, 10 };
    struct io_req req = request(IO_READ, &iov, 1);
    int64_t result;
    int tries = 1;

    ck_assert(!transfer_step(&req, 4, &result));
    ck_assert(transfer_step(&req, 0, &result));
    ck_assert_int_eq(result, 4);
    req = request(IO_WRITE, &iov, 1);
    while (!transfer_step(&req, 0, &result))
        tries++;
    ck_assert_int_eq(result, -EIO);
    ck_assert_int_lt(tries, 100);
}
END_TEST

START_TEST(interruptions_are_retried_a_bounded_number_of_times)
{
    const struct iovec iov = { bytes, 10 };

    for (int i = 0; i < 2; i++) {
        struct io_req req = request(IO_READ, &iov, 1);
        int answer = i ? -EINTR : -EAGAIN;
        int64_t result = 0;
        int tries = 1;

        ck_assert(!transfer_step(&req, answer, &result));
        ck_assert(!transfer_step(&req, 5, &result));
        while (!transfer_step(&req, answer, &result))
            tries++;
        ck_assert_int_eq(result, answer);
        ck_assert_int_lt(tries, 100);
    }
}
END_TEST

START_TEST(a_failure_ends_the_transfer)
{
    const struct iovec iov = { bytes, 10 };
    struct io_req req = request(IO_WRITE, &iov, 1);
    int64_t result;

    ck_assert(!transfer_step(&req, 4, &result));
    ck_assert(transfer_step(&req, -ENOSPC, &result));
    ck_assert_int_eq(result, -ENOSPC);
    /* Not the caller's mistake: the beginning was accepted. */
    ck_assert(transfer_step(&req, -EINVAL, &result));
    ck_assert_int_eq(result, -EIO);
}
END_TEST

/* As O_DIRECT does when a file ends off a block boundary. */
START_TEST(an_invalid_rest_at_the_end_of_the_file_is_its_end)
{
    char path[] = "/tmp/eloq_transfer_XXXXXX";
    const struct iovec iov = { bytes, 50 };
    struct io_req req = request(IO_READ, &iov, 1);
    int64_t result;

    req.fd = mkstemp(path);
    ck_assert_int_ge(req.fd, 0);
    unlink(path);
    ck_assert_int_eq(ftruncate(req.fd, 20), 0);
    ck_assert(!transfer_step(&req, 20, &result));
    ck_assert(transfer_step(&req, -EINVAL, &result));
    ck_assert_int_eq(result, 20);
    req.progress = 10;
    ck_assert(transfer_step(&req, -EINVAL, &result));
    ck_assert_int_eq(result, -EIO);
    req.progress = 0;
    ck_assert(transfer_step(&req, -EINVAL, &result));
    ck_assert_int_eq(result, -EINVAL);
    close(req.fd);
}
END_TEST

START_TEST(one_piece_is_less_than_the_system_can_move)
{
    const struct iovec iov = { bytes, (size_t)3 << 30 };
    struct iovec many[IOV_MAX + 5];
    struct io_req req = request(IO_READ, &iov, 1);
    const struct iovec *rest;

    ck_assert_int_eq(transfer_rest(&req, &rest), 1);
    ck_assert_uint_eq(rest->iov_len, (size_t)1 << 30);
    for (int i = 0; i < IOV_MAX + 5; i++)
        many[i] = (struct iovec){ bytes, 1 };
    req = request(IO_READ, many, IOV_MAX + 5);
    ck_assert_int_eq(transfer_rest(&req, &rest), IOV_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transfer");
    TCase *rest = tcase_create("rest");

    suite_add_tcase(suite, rest);
    tcase_add_test(rest, the_rest_begins_inside_the_vector);
    tcase_add_test(rest, random_pieces_cover_every_byte_once);
    tcase_add_test(rest, a_read_of_nothing_is_the_end_and_a_write_of_nothing_a_failure);
    tcase_add_test(rest, interruptions_are_retried_a_bounded_number_of_times);
    tcase_add_test(rest, a_failure_ends_the_transfer);
    tcase_add_test(rest, an_invalid_rest_at_the_end_of_the_file_is_its_end);
    tcase_add_test(rest, one_piece_is_less_than_the_system_can_move);
    return run_suite(suite);
}
