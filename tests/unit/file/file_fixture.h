/* tests/unit/file/file_fixture.h -- a shard's lower half for tests: tasks, an I/O backend whose
 * operations can be counted and made to fail, a descriptor cache. */
#pragma once

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/run.h"
#include "coro/sched.h"
#include "file/fdcache.h"
#include "file/pagefiles.h"
#include "io/immediate.h"
#include "page/page.h"

#define PAGE_BYTES 4096u

struct fixture {
    struct mem mem;
    struct log log;
    struct sched sched;
    struct memory_disk *disk; /* NULL: real files below `root` */
    struct io *io;
    struct io_ops ops;
    void (*submit)(struct io *io, struct io_req *req);
    /* A failure for this operation (-errno), or 0 to let it happen. May be NULL. */
    int64_t (*fault)(const struct io_req *req);
    size_t count[IO_OPS]; /* operations submitted */
    size_t in_flight_max;
    struct fdcache fds;
    char root[64];
};

static struct fixture fx;

static inline void fixture_submit(struct io *io, struct io_req *req)
{
    int64_t result = fx.fault ? fx.fault(req) : 0;

    fx.count[req->op]++;
    fx.in_flight_max = MAX(fx.in_flight_max, io->in_flight);
    if (result < 0 && req->op != IO_CLOSE) {
        immediate_finish(io, req, result);
        return;
    }
    fx.submit(io, req);
    if (result < 0) /* as in Linux: the descriptor is gone, whatever close answers */
        req->result = result;
}

/* Runs entry(t, arg) for each of `count` tasks until all have ended. */
static inline void fixture_run_many(void (*entry)(struct task *t, void *arg), void *args,
                                    size_t arg_bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(task_start(&fx.sched, entry, (char *)args + i * arg_bytes), 0);
    for (int rounds = 0; fx.sched.active > 0; rounds++) {
        ck_assert_msg(rounds < 1000000, "a task waits for ever");
        sched_run(&fx.sched);
        io_poll(fx.io, 0);
    }
}

static inline void fixture_run(void (*entry)(struct task *t, void *arg), void *arg)
{
    fixture_run_many(entry, arg, 0, 1);
}

static inline void fixture_make_root(struct task *t, void *arg)
{
    (void)arg;
    if (fx.disk)
        ck_assert_int_eq(io_mkdir(t, fx.io, fx.root), 0);
}

static inline void fixture_open(bool in_memory, size_t fd_limit)
{
    memset(&fx, 0, sizeof(fx));
    mem_init(&fx.mem, 0);
    sched_init(&fx.sched, &fx.mem, &clock_system, 65536);
    if (in_memory) {
        strcpy(fx.root, "/store");
        fx.disk = memory_disk_new(&fx.mem);
        ck_assert_ptr_nonnull(fx.disk);
        ck_assert_int_eq(memory_open(&fx.mem, &fx.log, fx.disk, &fx.io), 0);
    } else {
        struct io_config config = { 64, 0 };
        strcpy(fx.root, "/tmp/eloq_file_XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(fx.root));
        ck_assert_int_eq(sync_open(&fx.mem, &fx.log, &config, &fx.io), 0);
    }
    fx.ops = *fx.io->ops;
    fx.submit = fx.ops.submit;
    fx.ops.submit = fixture_submit;
    fx.io->ops = &fx.ops;
    fdcache_init(&fx.fds, fx.io, &fx.mem, fd_limit);
    fixture_run(fixture_make_root, NULL);
    memset(fx.count, 0, sizeof(fx.count));
}

/* Everything that was allocated must be back. */
static inline void fixture_close(void)
{
    fx.mem.fail = NULL;
    fx.fault = NULL;
    fdcache_deinit(&fx.fds);
    sched_deinit(&fx.sched);
    io_close(fx.io);
    memory_disk_free(fx.disk);
    if (!fx.disk) {
        char command[128];
        snprintf(command, sizeof(command), "rm -rf '%s'", fx.root);
        ck_assert_int_eq(system(command), 0);
    }
    ck_assert_uint_eq(atomic_load(&fx.mem.total), 0);
}

static inline void fixture_reset_counts(void)
{
    memset(fx.count, 0, sizeof(fx.count));
    fx.in_flight_max = 0;
}

/* A partition's files, with their directory. */
static inline void fixture_files_open(struct task *t, struct pagefiles *f, const char *table,
                                      uint32_t shift, bool append)
{
    ck_assert_int_eq(
        pagefiles_init(f, &fx.fds, &fx.mem, table, 7, fx.root, PAGE_BYTES, shift, append, true),
        ELOQ_OK);
    int rc = io_mkdir(t, fx.io, f->dir);
    ck_assert(rc == 0 || rc == -EEXIST);
}

static inline void fixture_files_close(struct task *t, struct pagefiles *f)
{
    fdcache_close_owner(t, &fx.fds, f);
    pagefiles_deinit(f);
}

/* A sealed page that says whose it is. */
static inline void fixture_fill(uint8_t *page, uint64_t n)
{
    memset(page, (int)(n * 7 + 1), PAGE_BYTES);
    memcpy(page + 16, &n, sizeof(n));
    page_seal(page, PAGE_BYTES);
}

static inline bool fixture_is(const uint8_t *page, uint64_t n)
{
    return page_verify(page, PAGE_BYTES) && memcmp(page + 16, &n, sizeof(n)) == 0;
}

static inline uint8_t *fixture_pages(size_t count)
{
    uint8_t *pages = aligned_alloc(4096, count * PAGE_BYTES);

    ck_assert_ptr_nonnull(pages);
    return pages;
}

/* Writes places [first, first + count), each saying its place, through pagefiles_write_many. */
static inline int fixture_write(struct task *t, struct pagefiles *f, uint64_t first, size_t count)
{
    uint8_t *data = fixture_pages(count);
    struct page_io *pages = calloc(count, sizeof(*pages));

    for (size_t i = 0; i < count; i++) {
        pages[i] = (struct page_io){ .place = file_page(first + i), .data = data + i * PAGE_BYTES };
        fixture_fill(pages[i].data, first + i);
    }
    int rc = pagefiles_write_many(t, f, pages, count);
    free(pages);
    free(data);
    return rc;
}
