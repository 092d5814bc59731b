/* io/io.c -- the verbs: each submits one request and waits for it; counting of what completes. */
#include "io/io.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"

/* Only the shard's thread writes, so there is no read-modify-write to protect. */
static void count(struct io *io, enum io_counter counter, uint64_t n)
{
    uint64_t old = atomic_load_explicit(&io->counters[counter], memory_order_relaxed);

    atomic_store_explicit(&io->counters[counter], old + n, memory_order_relaxed);
}

void io_watch(struct io *io, const struct clock *clock, uint64_t slow_ns)
{
    CHECK(io->in_flight == 0);
    io->clock = clock;
    io->slow_ns = slow_ns;
}

/* 0 when times are not measured. */
static uint64_t now_ns(const struct io *io)
{
    return io->clock ? clock_mono_ns(io->clock) : 0;
}

static void tell_slow(struct io *io, const struct io_req *req, uint64_t took_ns, int64_t result)
{
    static const char *const names[IO_OPS] = {
        [IO_OPEN] = "open",         [IO_CLOSE] = "close",   [IO_READ] = "read",
        [IO_WRITE] = "write",       [IO_SYNC] = "flush",    [IO_SYNC_DIR] = "flush-directory",
        [IO_TRUNCATE] = "truncate", [IO_SIZE] = "size",     [IO_PREALLOCATE] = "preallocate",
        [IO_RENAME] = "rename",     [IO_UNLINK] = "unlink", [IO_MKDIR] = "mkdir",
        [IO_RMDIR] = "rmdir",       [IO_LIST] = "list",     [IO_LOCK] = "lock",
    };

    count(io, IO_COUNT_SLOW, 1);
    log_limited(io->log, &io->slow_limit, io->clock, ELOQ_LOG_WARNING,
                "slow i/o op=%s us=%" PRIu64 " result=%" PRId64 " offset=%" PRIu64
                " table=%s partition=%" PRIu32 " path=%.200s",
                names[req->op], took_ns / 1000, result, req->offset, req->table ? req->table : "",
                req->partition, req->path ? req->path : "");
}

void io_submit(struct io *io, struct io_req *req)
{
    CHECK(req->op < IO_OPS && req->done != NULL);
    req->progress = 0;
    req->result = 0;
    req->submitted_ns = now_ns(io);
    list_init(&req->link);
    io->in_flight++;
    io->ops->submit(io, req);
}

void io_complete(struct io *io, struct io_req *req, int64_t result)
{
    uint64_t bytes = result > 0 ? (uint64_t)result : 0;

    CHECK(io->in_flight > 0);
    io->in_flight--;
    req->result = result;
    switch (req->op) {
    case IO_READ:
        count(io, IO_COUNT_READS, 1);
        count(io, IO_COUNT_READ_BYTES, bytes);
        break;
    case IO_WRITE:
        count(io, IO_COUNT_WRITES, 1);
        count(io, IO_COUNT_WRITE_BYTES, bytes);
        break;
    case IO_SYNC:
    case IO_SYNC_DIR:
        count(io, IO_COUNT_SYNCS, 1);
        break;
    default:
        count(io, IO_COUNT_OTHERS, 1);
        break;
    }
    if (result < 0 && result != -ENOENT && result != -EEXIST)
        count(io, IO_COUNT_ERRORS, 1);
    uint64_t took_ns = now_ns(io) - req->submitted_ns;
    if (io->clock && took_ns >= io->slow_ns)
        tell_slow(io, req, took_ns, result);
    req->done(req); /* the request may be gone after this */
}

void io_poll(struct io *io, uint64_t wait_ns)
{
    io->ops->poll(io, wait_ns);
}

void io_wake(struct io *io)
{
    const uint64_t one = 1;

    if (io->wake_fd < 0)
        return;
    /* EAGAIN means that the counter is full, so the descriptor is readable already. */
    while (write(io->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void io_close(struct io *io)
{
    if (!io)
        return;
    CHECK(io->in_flight == 0);
    io->ops->close(io);
}

static void finish_one(struct io_req *req)
{
    group_done(req->user);
}

void io_run_all(struct task *t, struct io *io, struct io_req *reqs, size_t n)
{
    struct group group;

    group_init(&group);
    for (size_t i = 0; i < n; i++) {
        reqs[i].done = finish_one;
        reqs[i].user = &group;
        group_add(&group);
    }
    uint64_t begin_ns = now_ns(io);
    for (size_t i = 0; i < n; i++)
        io_submit(io, &reqs[i]);
    group_wait(t, &group);
    t->io_wait_ns += now_ns(io) - begin_ns;
}

static int64_t run(struct task *t, struct io *io, struct io_req *req)
{
    io_run_all(t, io, req, 1);
    return req->result;
}

int io_open_file(struct task *t, struct io *io, const char *path, int flags)
{
    struct io_req req = { .op = IO_OPEN, .path = path, .flags = flags };

    return (int)run(t, io, &req);
}

int io_close_file(struct task *t, struct io *io, int fd)
{
    struct io_req req = { .op = IO_CLOSE, .fd = fd };

    return (int)run(t, io, &req);
}

int64_t io_read(struct task *t, struct io *io, int fd, void *data, size_t size, uint64_t offset)
{
    struct iovec iov = { data, size };
    struct io_req req = { .op = IO_READ, .fd = fd, .iov = &iov, .iov_count = 1, .offset = offset };

    return run(t, io, &req);
}

int64_t io_write(struct task *t, struct io *io, int fd, const void *data, size_t size,
                 uint64_t offset)
{
    /* The system's struct has no const; a write only reads through it. */
    struct iovec iov = { (void *)(uintptr_t)data, size };
    struct io_req req = { .op = IO_WRITE, .fd = fd, .iov = &iov, .iov_count = 1, .offset = offset };

    return run(t, io, &req);
}

int io_sync(struct task *t, struct io *io, int fd)
{
    struct io_req req = { .op = IO_SYNC, .fd = fd };

    return (int)run(t, io, &req);
}

int io_sync_dir(struct task *t, struct io *io, const char *path)
{
    struct io_req req = { .op = IO_SYNC_DIR, .path = path };

    return (int)run(t, io, &req);
}

int io_truncate(struct task *t, struct io *io, int fd, uint64_t length)
{
    struct io_req req = { .op = IO_TRUNCATE, .fd = fd, .length = length };

    return (int)run(t, io, &req);
}

int io_preallocate(struct task *t, struct io *io, int fd, uint64_t length)
{
    struct io_req req = { .op = IO_PREALLOCATE, .fd = fd, .length = length };

    return (int)run(t, io, &req);
}

int64_t io_size(struct task *t, struct io *io, int fd)
{
    struct io_req req = { .op = IO_SIZE, .fd = fd };

    return run(t, io, &req);
}

int io_rename(struct task *t, struct io *io, const char *from, const char *to)
{
    struct io_req req = { .op = IO_RENAME, .path = from, .path2 = to };

    return (int)run(t, io, &req);
}

int io_unlink(struct task *t, struct io *io, const char *path)
{
    struct io_req req = { .op = IO_UNLINK, .path = path };

    return (int)run(t, io, &req);
}

int io_mkdir(struct task *t, struct io *io, const char *path)
{
    struct io_req req = { .op = IO_MKDIR, .path = path };

    return (int)run(t, io, &req);
}

int io_rmdir(struct task *t, struct io *io, const char *path)
{
    struct io_req req = { .op = IO_RMDIR, .path = path };

    return (int)run(t, io, &req);
}

int io_list(struct task *t, struct io *io, const char *path, struct io_names *ret)
{
    struct io_req req = { .op = IO_LIST, .path = path, .names = ret };

    return (int)run(t, io, &req);
}

int io_lock(struct task *t, struct io *io, int fd, int flags)
{
    struct io_req req = { .op = IO_LOCK, .fd = fd, .flags = flags };

    return (int)run(t, io, &req);
}

int io_fail(struct task *t, const char *verb, int64_t result, const char *path, uint64_t offset)
{
    char words[96];
    int sys_errno;
    int code;

    CHECK(result < 0 && result > -4096);
    sys_errno = (int)-result;
    code =
        task_fail(t, err_from_errno(sys_errno), "%s failed: %s path=%s offset=%" PRIu64 " errno=%d",
                  verb, strerror_r(sys_errno, words, sizeof words), path, offset, sys_errno);
    err_place(&t->err, path, offset);
    t->err.sys_errno = sys_errno;
    return code;
}
