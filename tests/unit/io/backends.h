/* tests/unit/io/backends.h -- each backend of io/ in turn, with a directory of its own. */
#pragma once

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/sim_io.h"
#include "unit/io/env.h"

enum backend { URING, URING_NOW, THREADS, SYNC, MEMORY, SIM, BACKENDS };

static struct env env;
static enum backend backend;
static struct memory_disk *memory;
static struct sim_disk *sim;
static char dir[64];

static inline bool is_real(void)
{
    return backend <= SYNC;
}

static inline int open_backend(struct io **ret)
{
    const struct io_config config = { .queue_size = 16, .threads = 3 };

    switch (backend) {
    case URING:     /* it makes short writes and flushes itself while it may wait ... */
    case URING_NOW: /* ... and here it never may */
        env.never_waits = backend == URING_NOW;
        return uring_open(&env.mem, &env.log, &config, ret);
    case THREADS:
        return threads_open(&env.mem, &env.log, &config, ret);
    case SYNC:
        return sync_open(&env.mem, &env.log, &config, ret);
    case MEMORY:
        return memory_open(&env.mem, &env.log, memory, ret);
    default:
        return sim_io_open(sim, NULL, 7, ret);
    }
}

static inline void make_dir(struct task *t, struct env *e)
{
    ck_assert_int_eq(io_mkdir(t, e->io, e->dir), 0);
}

/* false: this kernel or container forbids the ring, which other tests must not suffer from. */
static inline bool begin(int which)
{
    int rc;

    backend = (enum backend)which;
    env_init(&env);
    memory = memory_disk_new(&env.mem);
    ck_assert_ptr_nonnull(memory);
    sim = sim_disk_new(&env.mem);
    rc = open_backend(&env.io);
    if (backend <= URING_NOW && (rc == -EPERM || rc == -ENOSYS)) {
        fprintf(stderr, "io_uring is not to be had here: %s\n", strerror(-rc));
        return false;
    }
    ck_assert_int_eq(rc, 0);
    env.dir = dir;
    if (is_real()) {
        strcpy(dir, "/tmp/eloq_io_test_XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
    } else {
        strcpy(dir, "/t");
        env_run(&env, make_dir);
    }
    return true;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

static inline void end(void)
{
    io_close(env.io);
    sched_deinit(&env.sched);
    memory_disk_free(memory);
    sim_disk_free(sim);
    ck_assert_uint_eq(atomic_load(&env.mem.total), 0);
    if (is_real())
        nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The test runs its body once per backend. */
#define IO_TEST(name)                                       \
    static void name##_body(struct task *t, struct env *e); \
    START_TEST(name)                                        \
    {                                                       \
        if (begin(_i)) {                                    \
            env_run(&env, name##_body);                     \
            end();                                          \
        }                                                   \
    }                                                       \
    END_TEST                                                \
    static void name##_body(struct task *t, struct env *e)
