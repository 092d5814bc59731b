/* tests/unit/part/memory_store.h -- a store of files in memory for one test binary. */
#pragma once

#include <stdlib.h>

#include "fixture.h"

static uint64_t seed;
static struct mem disk_mem;
static struct memory_disk *disk;
static struct io *io;
static struct fixture fix;
static const struct fixture_config configs[] = {
    { .append = false, .shift = 0 },  { .append = false, .shift = 2 },
    { .append = false, .shift = 18 }, { .append = true, .shift = 0 },
    { .append = true, .shift = 2 },   { .append = true, .shift = 18 },
};

static inline void open_all(const struct fixture_config *config)
{
    const char *text = getenv("SEED");

    seed = text ? strtoull(text, NULL, 10) : 20260301;
    mem_init(&disk_mem, 0);
    disk = memory_disk_new(&disk_mem);
    ck_assert_int_eq(memory_open(&disk_mem, NULL, disk, &io), 0);
    fixture_open(&fix, io, config, seed);
}

static inline void make_store(struct task *t, void *arg)
{
    (void)arg;
    ck_assert_int_ge(io_mkdir(t, io, "/store"), 0);
}

static inline void start(const struct fixture_config *config)
{
    open_all(config);
    fixture_run(&fix, make_store, NULL);
}

static inline void stop(void)
{
    fixture_close(&fix);
    io_close(io);
    memory_disk_free(disk);
    ck_assert_uint_eq(atomic_load(&disk_mem.total), 0);
}

static inline struct part *open_part(struct task *t, bool create)
{
    struct part *p = NULL;
    int rc = part_open(t, &fix.env, "table", 7, create, &p);

    ck_assert_msg(rc == ELOQ_OK, "rc %d %s seed=%llu", rc, t->err.text, (unsigned long long)seed);
    return p;
}

static inline void expect_model(struct task *t, struct snapshot *s, const struct model *m)
{
    int rc = model_compare(t, s, m);

    ck_assert_msg(rc == ELOQ_OK, "rc %d %s seed=%llu", rc, t->err.text, (unsigned long long)seed);
}
