/* io/io.h -- bytes in files, waited for. The engine sees this header alone.
 *
 * An operation is a struct io_req; a backend executes it and completes it on the shard's thread.
 * The verbs below submit one and suspend the task until it is done. All paths are absolute.
 *
 *     task -> io_submit(req) -> backend ... io_poll() -> req->done(req) -> task_wake
 *
 * One struct io per shard, used by that shard's thread only; io_wake alone is for other threads.
 * Backends: uring.c, threads.c, sync.c (real files), memory.c, and the tests' simulated disk.
 */
#pragma once

#include <sys/uio.h>

#include "base/clock.h"
#include "base/log.h"
#include "coro/task.h"
#include "coro/wait.h"

enum io_op {
    IO_OPEN,        /* path, flags: result = fd */
    IO_CLOSE,       /* fd */
    IO_READ,        /* fd, iov/iov_count, offset: result = bytes, fewer only at the end of file */
    IO_WRITE,       /* fd, iov/iov_count, offset: result = bytes, all or an error */
    IO_SYNC,        /* fd: fdatasync */
    IO_SYNC_DIR,    /* path: fsync of a directory */
    IO_TRUNCATE,    /* fd, length */
    IO_PREALLOCATE, /* fd, length: extends to length; failure is normal */
    IO_SIZE,        /* fd: result = bytes */
    IO_RENAME,      /* path, path2 */
    IO_UNLINK,      /* path */
    IO_MKDIR,       /* path; EEXIST is a failure like others */
    IO_RMDIR,       /* path */
    IO_LIST,        /* path: names */
    IO_LOCK,        /* fd, flags: flock without waiting; EWOULDBLOCK -> -EAGAIN */
    IO_OPS
};

/* IO_OPEN flags */
enum {
    IO_OPEN_READ = 0,
    IO_OPEN_WRITE = 1,  /* read and write */
    IO_OPEN_CREATE = 2, /* create if missing */
    IO_OPEN_TRUNCATE = 4,
    IO_OPEN_DIRECT = 8, /* O_DIRECT where the file system has it, silently without elsewhere */
    IO_OPEN_DIRECTORY = 16
};
/* IO_LOCK flags */
enum { IO_LOCK_SHARED = 0, IO_LOCK_EXCLUSIVE = 1, IO_LOCK_RELEASE = 2 };

struct io_name {
    char *name; /* owned by the list */
    bool is_dir;
};
struct io_names {
    struct mem *mem;
    struct io_name *names;
    size_t count;
    size_t capacity;
    size_t most; /* look no further once so many are there; 0: all */
};
void io_names_init(struct io_names *n, struct mem *m);
void io_names_free(struct io_names *n);
int io_names_add(struct io_names *n, const char *name, bool is_dir); /* 1: no more; -ENOMEM */

struct io_req {
    enum io_op op;
    int fd;
    int flags;
    int iov_count;
    const struct iovec *iov; /* lent until done */
    uint64_t offset;
    uint64_t length;
    const char *path; /* lent until done */
    const char *path2;
    struct io_names *names;
    const char *table; /* whose file it is, for the log; NULL: nobody's */
    uint32_t partition;
    int64_t result; /* >= 0, or -errno */
    void (*done)(struct io_req *req);
    void *user;

    /* for the backend */
    struct list link;
    uint64_t submitted_ns; /* if times are measured */
    int64_t progress;      /* bytes already transferred by a continued read or write */
    struct iovec part[2];  /* scratch for a continued transfer */
    uint64_t scratch[2];
};

struct io;
struct io_ops {
    const char *name;
    /* Takes the request; may complete it at once (by io_complete) or later in poll. */
    void (*submit)(struct io *io, struct io_req *req);
    /* Completes what is finished; waits at most wait_ns (0: not at all, UINT64_MAX: for ever) for
     * the first completion or io_wake when nothing is finished yet. One that may wait long may make
     * a short call itself (here.h), which a disk that stalls can prolong. */
    void (*poll)(struct io *io, uint64_t wait_ns);
    /* A descriptor that is readable when a completion waits, -1 if completions never wait. Sleep
     * on it only after a poll with wait_ns 0 that followed the last submit. */
    int (*pollfd)(struct io *io);
    void (*close)(struct io *io); /* nothing may be under way; frees io */
};

enum io_counter {
    IO_COUNT_READS, /* operations on data: one per IO_READ */
    IO_COUNT_READ_BYTES,
    IO_COUNT_WRITES,
    IO_COUNT_WRITE_BYTES,
    IO_COUNT_SYNCS,  /* fdatasync and directory syncs */
    IO_COUNT_OTHERS, /* open, rename, ... */
    IO_COUNT_ERRORS, /* completed with -errno, ENOENT and EEXIST not counted */
    IO_COUNT_SLOW,   /* took slow_ns or longer */
    IO_COUNTERS
};

struct io {
    const struct io_ops *ops;
    struct mem *mem;
    const struct log *log;
    int wake_fd; /* eventfd; written by io_wake, drained by poll; -1 in simulation */
    size_t in_flight;
    _Atomic uint64_t counters[IO_COUNTERS]; /* written by the shard, read by anybody */
    const struct clock *clock;              /* of io_watch; NULL: times are not measured */
    uint64_t slow_ns;
    struct log_limit slow_limit;
};

struct io_config {
    uint32_t queue_size; /* ring entries; threads.c: 4 threads regardless */
    uint32_t threads;
};

/* Constructors: 0 or -errno; *ret is owned by the caller, closed by io_close. */
int uring_open(struct mem *m, const struct log *log, const struct io_config *config,
               struct io **ret);
int threads_open(struct mem *m, const struct log *log, const struct io_config *config,
                 struct io **ret);
int sync_open(struct mem *m, const struct log *log, const struct io_config *config,
              struct io **ret);
/* Files in memory; `disk` is shared by all shards of a store and internally locked. */
struct memory_disk;
struct memory_disk *memory_disk_new(struct mem *m);
void memory_disk_free(struct memory_disk *disk);
int memory_open(struct mem *m, const struct log *log, struct memory_disk *disk, struct io **ret);

/* From now on operations that take slow_ns or longer are counted and logged, and tasks know how
 * long they waited for I/O (task.io_wait_ns). Before the first one. */
void io_watch(struct io *io, const struct clock *clock, uint64_t slow_ns);
void io_submit(struct io *io, struct io_req *req);
/* For backends: counts, then calls done. */
void io_complete(struct io *io, struct io_req *req, int64_t result);
void io_poll(struct io *io, uint64_t wait_ns);
void io_wake(struct io *io); /* from any thread */
void io_close(struct io *io);

/* The verbs. Each returns what the request's result says: >= 0 or -errno (no words: the caller
 * knows which table's file it was). */
int io_open_file(struct task *t, struct io *io, const char *path, int flags);
int io_close_file(struct task *t, struct io *io, int fd);
/* Bytes read: fewer than size only at the end of the file. */
int64_t io_read(struct task *t, struct io *io, int fd, void *data, size_t size, uint64_t offset);
int64_t io_write(struct task *t, struct io *io, int fd, const void *data, size_t size,
                 uint64_t offset);
int io_sync(struct task *t, struct io *io, int fd);
int io_sync_dir(struct task *t, struct io *io, const char *path);
int io_truncate(struct task *t, struct io *io, int fd, uint64_t length);
int io_preallocate(struct task *t, struct io *io, int fd, uint64_t length);
int64_t io_size(struct task *t, struct io *io, int fd);
int io_rename(struct task *t, struct io *io, const char *from, const char *to);
int io_unlink(struct task *t, struct io *io, const char *path);
int io_mkdir(struct task *t, struct io *io, const char *path);
int io_rmdir(struct task *t, struct io *io, const char *path);
int io_list(struct task *t, struct io *io, const char *path, struct io_names *ret);
int io_lock(struct task *t, struct io *io, int fd, int flags);
/* Several at once: submits all, waits for all; each has its own result. */
void io_run_all(struct task *t, struct io *io, struct io_req *reqs, size_t count);

/* Fails the task with the words for a failed operation: "VERB failed: STRERROR", path, offset,
 * errno; code by err_from_errno. Returns the code. */
int io_fail(struct task *t, const char *verb, int64_t result, const char *path, uint64_t offset);
