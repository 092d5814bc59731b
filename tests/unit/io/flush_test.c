/* tests/unit/io/flush_test.c -- a flush is the system's to do, whatever the backend: what has none
 * says so, but only when it is asked. */
#include <unistd.h>

#include "unit/base/run.h"
#include "unit/io/env.h"

typedef int open_fn(struct mem *m, const struct log *log, const struct io_config *config,
                    struct io **ret);

static open_fn *const backends[] = { uring_open, uring_open, threads_open, sync_open };

static void flush_what_cannot_be(struct task *t, struct env *e)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(io_sync(t, e->io, fds[1]), -EINVAL);
    close(fds[0]);
    close(fds[1]);
    ck_assert_int_eq(io_sync_dir(t, e->io, "/proc"), -EINVAL);
}

START_TEST(what_has_no_flush_says_so)
{
    const struct io_config config = { .queue_size = 16, .threads = 3 };
    struct env env;

    env_init(&env);
    env.never_waits = _i == 1; /* then the ring does it, else who would wait for it */
    int rc = backends[_i](&env.mem, &env.log, &config, &env.io);
    if (_i <= 1 && (rc == -EPERM || rc == -ENOSYS)) {
        fprintf(stderr, "io_uring is not to be had here: %s\n", strerror(-rc));
        return;
    }
    ck_assert_int_eq(rc, 0);
    env_run(&env, flush_what_cannot_be);
    io_close(env.io);
    sched_deinit(&env.sched);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flush");
    TCase *real = tcase_create("real files");

    suite_add_tcase(suite, real);
    tcase_add_loop_test(real, what_has_no_flush_says_so, 0, 4);
    return run_suite(suite);
}
