/* tests/unit/io/env.h -- a scheduler and a struct io; runs one function as a task on them. */
#pragma once

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coro/sched.h"
#include "io/io.h"

struct env {
    struct mem mem;
    struct log log;
    struct sched sched;
    struct io *io;
    const char *dir; /* a directory of this test alone */
    size_t running;
    bool never_waits; /* a poll may not sleep: whoever drives it does so elsewhere */
    void (*body)(struct task *t, struct env *e);
};

static inline void env_task(struct task *t, void *arg)
{
    struct env *e = arg;

    e->body(t, e);
    e->running--;
}

static inline void env_init(struct env *e)
{
    memset(e, 0, sizeof *e);
    mem_init(&e->mem, 0);
    sched_init(&e->sched, &e->mem, &clock_system, 65536);
}

static inline void env_loop(struct env *e)
{
    while (e->running > 0) {
        sched_run(&e->sched);
        if (e->running > 0)
            io_poll(e->io, e->never_waits || sched_has_ready(&e->sched) ? 0 : UINT64_C(1000000000));
    }
    sched_run(&e->sched);
}

static inline void env_run(struct env *e, void (*body)(struct task *t, struct env *e))
{
    e->body = body;
    e->running = 1;
    ck_assert_int_eq(task_start(&e->sched, env_task, e), 0);
    env_loop(e);
}

/* Paths below the test's directory; four at a time. */
static inline const char *path_of(const struct env *e, const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", e->dir, name);
    return path;
}

static inline int open_new(struct task *t, struct env *e, const char *name)
{
    int fd = io_open_file(t, e->io, path_of(e, name), IO_OPEN_WRITE | IO_OPEN_CREATE);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static inline void put(struct task *t, struct env *e, const char *name, const char *text)
{
    int fd = open_new(t, e, name);

    ck_assert_int_eq(io_truncate(t, e->io, fd, 0), 0);
    ck_assert_int_eq(io_write(t, e->io, fd, text, strlen(text), 0), strlen(text));
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

/* Content of a file as text, "missing" when there is none. */
static inline const char *get(struct task *t, struct env *e, const char *name)
{
    static char text[256];
    int64_t n;
    int fd = io_open_file(t, e->io, path_of(e, name), 0);

    if (fd == -ENOENT)
        return "missing";
    ck_assert_int_ge(fd, 0);
    n = io_read(t, e->io, fd, text, sizeof text - 1, 0);
    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    return text;
}
