/* tests/unit/io/sim_env.h -- a simulated disk, cut, killed and started again. */
#pragma once

#include "sim/sim_io.h"
#include "unit/io/env.h"

static struct env env;
static struct sim_disk *disk;
static struct rand r;

static inline void begin(void)
{
    env_init(&env);
    disk = sim_disk_new(&env.mem);
    env.dir = "/d";
    rand_seed(&r, 1);
    ck_assert_int_eq(sim_io_open(disk, NULL, 1, &env.io), 0);
}

static inline void end(void)
{
    io_close(env.io);
    sched_deinit(&env.sched);
    sim_disk_free(disk);
    ck_assert_uint_eq(atomic_load(&env.mem.total), 0);
}

/* A new process on the same disk. */
static inline void restart(uint64_t seed)
{
    io_close(env.io);
    ck_assert_int_eq(sim_io_open(disk, NULL, seed, &env.io), 0);
}

static inline void cut(enum sim_cut how)
{
    sim_disk_power_cut(disk, &r, how);
    restart(1);
}

static inline void kill_process(void)
{
    sim_disk_kill(disk);
    restart(1);
}

/* The content of a file as the kernel shows it; "missing". */
static inline const char *shown(const char *path)
{
    static char text[256];
    struct bytes content;

    bytes_init(&content, &env.mem, MEM_OTHER);
    strcpy(text, "missing");
    if (sim_disk_get(disk, path, &content) == 0) {
        ck_assert_uint_lt(content.size, sizeof text);
        if (content.size > 0)
            memcpy(text, content.data, content.size);
        text[content.size] = '\0';
    }
    bytes_free(&content);
    return text;
}

static inline void write_at(struct task *t, struct env *e, const char *name, uint64_t offset,
                            const char *text)
{
    int fd = open_new(t, e, name);

    ck_assert_int_eq(io_write(t, e->io, fd, text, strlen(text), offset), strlen(text));
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

static inline void sync_file(struct task *t, struct env *e, const char *name)
{
    int fd = open_new(t, e, name);

    ck_assert_int_eq(io_sync(t, e->io, fd), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

static inline void make_root(struct task *t, struct env *e)
{
    ck_assert_int_eq(io_mkdir(t, e->io, e->dir), 0);
    ck_assert_int_eq(io_sync_dir(t, e->io, "/"), 0);
}
