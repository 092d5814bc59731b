/* tests/unit/io/uring_test.c -- io/uring where the kernel or a container forbids it. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "unit/base/run.h"

/* As the default profile of container runtimes does. */
static void forbid(int number, int answer)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };

    ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static int open_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void forbidden_ring(int number, int answer)
{
    const struct io_config config = { .queue_size = 16 };
    struct io *io = NULL;
    struct mem mem;
    int before;

    mem_init(&mem, 0);
    forbid(number, answer);
    before = open_fds();
    ck_assert_int_lt(uring_open(&mem, NULL, &config, &io), 0);
    ck_assert_ptr_null(io);
    ck_assert_uint_eq(atomic_load(&mem.total), 0);
    ck_assert_int_eq(open_fds(), before);
    ck_assert_int_eq(threads_open(&mem, NULL, &config, &io), 0);
    io_close(io);
    ck_assert_uint_eq(atomic_load(&mem.total), 0);
}

START_TEST(a_forbidden_ring_is_an_answer)
{
    forbidden_ring(__NR_io_uring_setup, _i == 0 ? EPERM : ENOSYS);
}
END_TEST

START_TEST(a_ring_that_cannot_be_asked_is_none)
{
    forbidden_ring(__NR_io_uring_register, EPERM);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uring");
    TCase *forbidden = tcase_create("forbidden");

    suite_add_tcase(suite, forbidden);
    tcase_add_loop_test(forbidden, a_forbidden_ring_is_an_answer, 0, 2);
    tcase_add_test(forbidden, a_ring_that_cannot_be_asked_is_none);
    return run_suite(suite);
}
