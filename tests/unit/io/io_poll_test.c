/* tests/unit/io/io_poll_test.c -- the backends that wait: sleeping, waking, threads, descriptors.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

#include "unit/base/run.h"
#include "unit/io/backends.h"

static void *wake_later(void *arg)
{
    const struct timespec pause = { .tv_nsec = 30000000 };

    (void)arg;
    nanosleep(&pause, NULL);
    io_wake(env.io);
    return NULL;
}

START_TEST(a_wake_from_another_thread_ends_a_poll)
{
    pthread_t thread;
    uint64_t before;

    if (!begin(_i))
        return;
    for (int round = 0; round < 3; round++) {
        before = clock_mono_ns(&clock_system);
        ck_assert_int_eq(pthread_create(&thread, NULL, wake_later, NULL), 0);
        io_poll(env.io, round == 0 ? UINT64_MAX : UINT64_C(20000000000));
        pthread_join(thread, NULL);
        ck_assert_uint_lt(clock_mono_ns(&clock_system) - before, UINT64_C(10000000000));
        ck_assert_uint_ge(clock_mono_ns(&clock_system) - before, UINT64_C(25000000));
    }
    io_wake(env.io); /* before the poll counts too */
    before = clock_mono_ns(&clock_system);
    io_poll(env.io, UINT64_C(20000000000));
    ck_assert_uint_lt(clock_mono_ns(&clock_system) - before, UINT64_C(10000000000));
    end();
}
END_TEST

static uint64_t cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000
           + (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

START_TEST(an_idle_poll_sleeps)
{
    uint64_t before, before_cpu;

    if (!begin(_i))
        return;
    io_poll(env.io, 0);
    before = clock_mono_ns(&clock_system);
    before_cpu = cpu_us();
    for (int i = 0; i < 4; i++)
        io_poll(env.io, 50000000);
    ck_assert_uint_ge(clock_mono_ns(&clock_system) - before, UINT64_C(190000000));
    ck_assert_uint_lt(cpu_us() - before_cpu, 10000);
    end();
}
END_TEST

static bool is_readable(int fd)
{
    struct pollfd item = { .fd = fd, .events = POLLIN };

    return poll(&item, 1, 2000) == 1;
}

static void write_something(struct task *t, struct env *e)
{
    int fd = open_new(t, e, "f");

    ck_assert_int_eq(io_write(t, e->io, fd, "abc", 3, 0), 3);
    ck_assert_int_eq(io_size(t, e->io, fd), 3);
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

/* As a program that has its own event loop: it never lets poll wait. */
START_TEST(pollfd_is_readable_when_something_completed)
{
    int fd;

    if (!begin(_i))
        return;
    fd = env.io->ops->pollfd(env.io);
    env.body = write_something;
    env.running = 1;
    ck_assert_int_eq(task_start(&env.sched, env_task, &env), 0);
    while (env.running > 0) {
        sched_run(&env.sched);
        io_poll(env.io, 0);
        if (env.running > 0 && !sched_has_ready(&env.sched))
            ck_assert(is_readable(fd));
    }
    sched_run(&env.sched);
    io_poll(env.io, 0);
    io_wake(env.io);
    ck_assert(is_readable(fd));
    end();
}
END_TEST

static void open_fifo(struct task *t, struct env *e)
{
    struct stat st;
    int fd;

    ck_assert_int_eq(mkfifo(path_of(e, "p"), 0644), 0);
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "p"), IO_OPEN_READ), -EINVAL);
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "p"), IO_OPEN_WRITE), -EINVAL);
    ck_assert_int_eq(io_open_file(t, e->io, "/dev/null", IO_OPEN_DIRECT), -EINVAL);
    umask(0);
    fd = open_new(t, e, "f");
    ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0644);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "d")), 0);
    ck_assert_int_eq(stat(path_of(e, "d"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0775);
}

START_TEST(a_fifo_or_device_in_the_place_of_a_file_does_not_hang)
{
    if (!begin(_i))
        return;
    env_run(&env, open_fifo);
    end();
}
END_TEST

static void *run_there(void *arg)
{
    (void)arg;
    env_run(&env, write_something);
    return NULL;
}

START_TEST(it_may_be_opened_on_one_thread_and_run_on_another)
{
    pthread_t thread;

    if (!begin(_i))
        return;
    ck_assert_int_eq(pthread_create(&thread, NULL, run_there, NULL), 0);
    pthread_join(thread, NULL);
    end();
}
END_TEST

static int open_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Neither memory nor descriptors, whatever is missing. */
START_TEST(a_failed_open_leaves_nothing_behind)
{
    struct rlimit limit;
    struct io *io = NULL;
    rlim_t old;
    int before;

    if (!begin(_i))
        return;
    before = open_fds();
    getrlimit(RLIMIT_NOFILE, &limit);
    old = limit.rlim_cur;
    for (int more = 0; more < 2; more++) {
        limit.rlim_cur = (rlim_t)(before + more);
        setrlimit(RLIMIT_NOFILE, &limit);
        if (open_backend(&io) == 0) {
            io_close(io);
            io = NULL;
        }
        ck_assert_ptr_null(io);
        ck_assert_int_eq(open_fds(), before);
    }
    limit.rlim_cur = old;
    setrlimit(RLIMIT_NOFILE, &limit);
    env.mem.limit = 1;
    ck_assert_int_eq(open_backend(&io), -ENOMEM);
    env.mem.limit = 0;
    ck_assert_int_eq(open_fds(), before);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("io_poll");
    TCase *waiting = tcase_create("backends that wait");
    TCase *real = tcase_create("real files");

    tcase_set_timeout(waiting, 60);
    suite_add_tcase(suite, waiting);
    suite_add_tcase(suite, real);
    tcase_add_loop_test(waiting, a_wake_from_another_thread_ends_a_poll, 0, SIM);
    tcase_add_loop_test(waiting, an_idle_poll_sleeps, 0, SIM);
    tcase_add_loop_test(waiting, pollfd_is_readable_when_something_completed, 0, SIM);
    tcase_add_loop_test(waiting, it_may_be_opened_on_one_thread_and_run_on_another, 0, SIM);
    tcase_add_loop_test(waiting, a_failed_open_leaves_nothing_behind, 0, SIM);
    tcase_add_loop_test(real, a_fifo_or_device_in_the_place_of_a_file_does_not_hang, 0, MEMORY);
    return run_suite(suite);
}
