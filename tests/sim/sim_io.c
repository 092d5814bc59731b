/* sim/sim_io.c -- the simulated disk as a struct io. */
#include "sim/sim_io.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "io/transfer.h"
#include "sim/sim_node.h"

#define DIRECT_ALIGN 4096
#define SECTOR 512
#define FILE_BYTES_MAX (UINT64_C(1) << 30)
#define PREALLOCATE_MAX (UINT64_C(1) << 20) /* more is "not supported": it is our memory */

static const char *const op_names[IO_OPS] = {
    [IO_OPEN] = "open",   [IO_CLOSE] = "close",       [IO_READ] = "read",
    [IO_WRITE] = "write", [IO_SYNC] = "sync",         [IO_SYNC_DIR] = "sync_dir",
    [IO_SIZE] = "size",   [IO_TRUNCATE] = "truncate", [IO_PREALLOCATE] = "preallocate",
    [IO_LIST] = "list",   [IO_RENAME] = "rename",     [IO_UNLINK] = "unlink",
    [IO_MKDIR] = "mkdir", [IO_RMDIR] = "rmdir",       [IO_LOCK] = "lock",
};

struct sim_io {
    struct io io; /* first */
    struct sim_disk *disk;
    struct sim_clock *clock;
    struct rand rand;
    uint64_t epoch;
    struct list queue;
    size_t queued;
};

static bool is_transfer(const struct io_req *req)
{
    return req->op == IO_READ || req->op == IO_WRITE;
}

static struct sim_handle *handle_of(struct sim_disk *disk, int fd)
{
    if (fd < 0 || fd >= disk->handle_count || !disk->handles[fd].node)
        return NULL;
    return &disk->handles[fd];
}

static int handle_acquire(struct sim_disk *disk)
{
    int fd = 0;

    while (fd < disk->handle_count && disk->handles[fd].node)
        fd++;
    if (fd == disk->handle_count) {
        int grown = MAX(16, disk->handle_count * 2);

        disk->handles =
            mem_realloc(disk->mem, MEM_OTHER, disk->handles, (size_t)grown * sizeof *disk->handles);
        CHECK(disk->handles != NULL);
        memset(disk->handles + fd, 0, (size_t)(grown - fd) * sizeof *disk->handles);
        disk->handle_count = grown;
    }
    return fd;
}

static int64_t open_file(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_place place;
    int rc = sim_walk(disk, req->path, &place);
    int fd;

    if (rc < 0)
        return rc;
    if (!place.node && !(req->flags & IO_OPEN_CREATE))
        return -ENOENT;
    if (place.node && place.node->is_dir && !(req->flags & IO_OPEN_DIRECTORY))
        return -EISDIR;
    if (place.node && !place.node->is_dir && (req->flags & IO_OPEN_DIRECTORY))
        return -ENOTDIR;
    if (!place.node) {
        place.node = sim_node_new(disk, false);
        sim_link(disk, place.dir, place.name, place.node);
    } else if (req->flags & IO_OPEN_TRUNCATE && place.node->now.size > 0) {
        sim_resize(disk, place.node, 0);
    }
    fd = handle_acquire(disk);
    disk->handles[fd] = (struct sim_handle){ .node = place.node,
                                             .can_write = (req->flags & IO_OPEN_WRITE) != 0,
                                             .is_direct = (req->flags & IO_OPEN_DIRECT) != 0,
                                             .losses_told = place.node->losses };
    sim_node_ref(place.node);
    return fd;
}

static void unlock_file(struct sim_handle *h)
{
    if (h->has_shared)
        h->node->shared_locks--;
    if (h->has_exclusive)
        h->node->exclusive_lock = false;
    h->has_shared = h->has_exclusive = false;
}

static int64_t lock_file(struct sim_handle *h, int flags)
{
    struct sim_node *node = h->node;
    bool want_exclusive = (flags & IO_LOCK_EXCLUSIVE) != 0;
    unsigned others = node->shared_locks - h->has_shared;

    if (flags & IO_LOCK_RELEASE) {
        unlock_file(h);
        return 0;
    }
    if ((node->exclusive_lock && !h->has_exclusive) || (want_exclusive && others > 0))
        return -EAGAIN;
    unlock_file(h);
    if (want_exclusive) {
        node->exclusive_lock = h->has_exclusive = true;
    } else {
        node->shared_locks++;
        h->has_shared = true;
    }
    return 0;
}

static bool is_open_elsewhere(const struct sim_disk *disk, const struct sim_handle *h)
{
    for (int fd = 0; fd < disk->handle_count; fd++)
        if (&disk->handles[fd] != h && disk->handles[fd].node == h->node)
            return true;
    return false;
}

static int64_t close_file(struct sim_disk *disk, struct sim_handle *h)
{
    if (disk->closes_lose && !h->node->is_dir && !is_open_elsewhere(disk, h))
        sim_sync(disk, h->node, true);
    unlock_file(h);
    sim_node_unref(disk, h->node);
    h->node = NULL;
    return 0;
}

static bool is_aligned(const struct io_req *req)
{
    uint64_t bits = req->offset;

    for (int i = 0; i < req->iov_count; i++)
        bits |= (uint64_t)(uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len;
    return bits % DIRECT_ALIGN == 0;
}

static int64_t read_file(const struct sim_handle *h, const struct io_req *req)
{
    const struct bytes *now = &h->node->now;
    uint64_t at = req->offset;

    if (h->node->is_dir)
        return -EISDIR;
    for (int i = 0; i < req->iov_count && at < now->size; i++) {
        size_t n = MIN(req->iov[i].iov_len, now->size - (size_t)at);

        memcpy(req->iov[i].iov_base, now->data + at, n);
        at += n;
    }
    return (int64_t)(at - req->offset);
}

/* Gathers at most `limit` bytes of the request into one write. */
static int64_t write_file(struct sim_disk *disk, struct sim_handle *h, const struct io_req *req,
                          uint64_t limit)
{
    struct bytes all;
    size_t size;

    bytes_init(&all, disk->mem, MEM_OTHER);
    for (int i = 0; i < req->iov_count; i++)
        bytes_add(&all, req->iov[i].iov_base, req->iov[i].iov_len);
    CHECK(!all.failed);
    size = MIN(all.size, limit);
    if (size > 0)
        sim_write(disk, h->node, req->offset, all.data, size);
    bytes_free(&all);
    return (int64_t)size;
}

static uint64_t request_size(const struct io_req *req)
{
    uint64_t size = 0;

    for (int i = 0; i < req->iov_count; i++)
        size += req->iov[i].iov_len;
    return size;
}

/* What a write is refused for: 0 or -errno. */
static int check_write(const struct sim_handle *h, const struct io_req *req)
{
    if (!h->can_write)
        return -EBADF;
    if (h->is_direct && !is_aligned(req))
        return -EINVAL;
    if (req->offset > FILE_BYTES_MAX || request_size(req) > FILE_BYTES_MAX - req->offset)
        return -EFBIG;
    return 0;
}

static int64_t resize_file(struct sim_disk *disk, struct sim_handle *h, const struct io_req *req)
{
    if (!h->can_write)
        return req->op == IO_TRUNCATE ? -EINVAL : -EBADF;
    if (req->length > FILE_BYTES_MAX)
        return req->length > INT64_MAX ? -EINVAL : -EFBIG;
    if (req->op == IO_PREALLOCATE && req->length > PREALLOCATE_MAX)
        return -EOPNOTSUPP;
    if (req->op == IO_TRUNCATE ? req->length != h->node->now.size : req->length > h->node->now.size)
        sim_resize(disk, h->node, req->length);
    return 0;
}

static int64_t rename_path(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_place from, to;
    int rc = sim_walk(disk, req->path, &from);

    if (rc == 0)
        rc = sim_walk(disk, req->path2, &to);
    if (rc < 0)
        return rc;
    if (!from.node)
        return -ENOENT;
    if (from.node == to.node)
        return 0;
    if (from.node == disk->root)
        return -EBUSY;
    if (from.node->is_dir && strncmp(req->path, req->path2, strlen(req->path)) == 0
        && req->path2[strlen(req->path)] == '/')
        return -EINVAL;
    if (to.node && to.node->is_dir != from.node->is_dir)
        return to.node->is_dir ? -EISDIR : -ENOTDIR;
    if (to.node && to.node->now_entries.count > 0)
        return -ENOTEMPTY;
    sim_rename(disk, &from, &to);
    return 0;
}

static int64_t make_dir(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_place place;
    int rc = sim_walk(disk, req->path, &place);

    if (rc < 0)
        return rc;
    if (place.node)
        return -EEXIST;
    sim_link(disk, place.dir, place.name, sim_node_new(disk, true));
    return 0;
}

static int64_t remove_path(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_place place;
    bool want_dir = req->op == IO_RMDIR;
    int rc = sim_walk(disk, req->path, &place);

    if (rc < 0)
        return rc;
    if (!place.node)
        return -ENOENT;
    if (place.node->is_dir != want_dir)
        return want_dir ? -ENOTDIR : -EISDIR;
    if (place.node == disk->root)
        return -EBUSY;
    if (place.node->now_entries.count > 0)
        return -ENOTEMPTY;
    sim_unlink(disk, place.dir, place.name);
    return 0;
}

/* The directory of a path: 0 or -errno. */
static int find_dir(struct sim_disk *disk, const char *path, struct sim_node **ret)
{
    struct sim_place place;
    int rc = sim_walk(disk, path, &place);

    if (rc < 0)
        return rc;
    if (!place.node)
        return -ENOENT;
    *ret = place.node;
    return place.node->is_dir ? 0 : -ENOTDIR;
}

static int64_t list_dir(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_node *dir;
    int rc = find_dir(disk, req->path, &dir);

    for (size_t i = 0; rc == 0 && i < dir->now_entries.count; i++)
        rc = io_names_add(req->names, dir->now_entries.items[i].name,
                          dir->now_entries.items[i].node->is_dir);
    if (rc < 0)
        io_names_free(req->names);
    return MIN(rc, 0);
}

static int64_t sync_dir(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_node *dir;
    int rc = find_dir(disk, req->path, &dir);

    if (rc == 0)
        sim_sync(disk, dir, false);
    return rc;
}

/* A flush by another descriptor has failed since: this one may have written what was lost. */
static int tell_losses(struct sim_disk *disk, struct sim_handle *h)
{
    if (h->losses_told == h->node->losses)
        return 0;
    h->losses_told = h->node->losses;
    disk->struck++;
    return -h->node->loss_errno;
}

static int64_t execute_handle(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_handle *h = handle_of(disk, req->fd);
    int rc;

    if (!h)
        return -EBADF;
    switch (req->op) {
    case IO_CLOSE:
        return close_file(disk, h);
    case IO_READ:
        return h->is_direct && !is_aligned(req) ? -EINVAL : read_file(h, req);
    case IO_WRITE:
        rc = check_write(h, req);
        return rc < 0 ? rc : write_file(disk, h, req, UINT64_MAX);
    case IO_SYNC:
        sim_sync(disk, h->node, false);
        return tell_losses(disk, h);
    case IO_TRUNCATE:
    case IO_PREALLOCATE:
        return resize_file(disk, h, req);
    case IO_SIZE:
        return (int64_t)h->node->now.size;
    default:
        CHECK(req->op == IO_LOCK);
        return lock_file(h, req->flags);
    }
}

static int64_t execute(struct sim_disk *disk, const struct io_req *req)
{
    switch (req->op) {
    case IO_OPEN:
        return open_file(disk, req);
    case IO_SYNC_DIR:
        return sync_dir(disk, req);
    case IO_RENAME:
        return rename_path(disk, req);
    case IO_UNLINK:
    case IO_RMDIR:
        return remove_path(disk, req);
    case IO_MKDIR:
        return make_dir(disk, req);
    case IO_LIST:
        return list_dir(disk, req);
    default:
        return execute_handle(disk, req);
    }
}

#define CHANGES_NAMES                                                                   \
    (SIM_KIND(IO_OPEN) | SIM_KIND(IO_RENAME) | SIM_KIND(IO_UNLINK) | SIM_KIND(IO_MKDIR) \
     | SIM_KIND(IO_RMDIR))

/* The effect of a request that fails all the same. */
static void execute_failing(struct sim_io *s, const struct io_req *req,
                            const struct sim_fault *fault)
{
    const bool lose = fault->lose;
    struct sim_handle *h = handle_of(s->disk, req->fd);
    struct sim_node *dir;

    if (req->op == IO_SYNC_DIR) {
        if (lose && find_dir(s->disk, req->path, &dir) == 0) {
            s->disk->lost_names |= sim_sync(s->disk, dir, true) > 0;
            s->disk->syncs_lost++;
        }
    } else if (req->op == IO_SYNC) {
        if (lose && h) {
            h->node->losses += sim_sync(s->disk, h->node, true) > 0;
            h->node->loss_errno = fault->sys_errno;
            h->losses_told = h->node->losses;
            s->disk->syncs_lost++;
        }
    } else if (req->op == IO_WRITE && h && check_write(h, req) == 0) {
        write_file(s->disk, h, req, rand_below(&s->rand, request_size(req) / SECTOR + 1) * SECTOR);
    } else if (req->op == IO_CLOSE && h) {
        close_file(s->disk, h); /* as the system does */
    } else if (CHANGES_NAMES & SIM_KIND(req->op) && rand_below(&s->rand, 2)) {
        int64_t fd = execute(s->disk, req); /* it happened all the same */

        if (req->op == IO_OPEN && fd >= 0)
            close_file(s->disk, &s->disk->handles[fd]);
    }
}

/* Counts the request against every fault; the first that strikes is *ret. */
static bool has_fault(struct sim_disk *disk, const struct io_req *req, struct sim_fault *ret)
{
    bool strikes = false;

    for (size_t i = 0; i < disk->fault_count; i++) {
        struct sim_fault *fault = &disk->faults[i];

        if (!(fault->kinds & SIM_KIND(req->op)) || fault->nth == 0)
            continue;
        if (fault->nth > 1) {
            fault->nth--;
            continue;
        }
        if (!strikes)
            *ret = *fault;
        strikes = true;
        if (!fault->forever)
            fault->nth = 0; /* spent */
    }
    return strikes;
}

static bool is_mutation(struct sim_disk *disk, const struct io_req *req)
{
    struct sim_place place;

    if (req->op != IO_OPEN)
        return (SIM_MUTATIONS & SIM_KIND(req->op)) != 0;
    if (sim_walk(disk, req->path, &place) < 0)
        return false;
    return place.node ? (req->flags & IO_OPEN_TRUNCATE) != 0 && place.node->now.size > 0
                      : (req->flags & IO_OPEN_CREATE) != 0;
}

/* Into the trace: what was asked, what was written, what was answered. */
static void trace(struct sim_disk *disk, const struct io_req *req, int64_t result)
{
    uint64_t h = hash_mix(disk->trace, (uint64_t)req->op << 32 | (uint32_t)req->flags);

    if (req->path)
        h = hash_mix(h, hash_bytes(req->path, strlen(req->path)));
    if (req->path2)
        h = hash_mix(h, hash_bytes(req->path2, strlen(req->path2)));
    h = hash_mix(h, (uint64_t)req->fd);
    h = hash_mix(h, req->offset);
    h = hash_mix(h, req->length);
    for (int i = 0; i < req->iov_count; i++)
        h = req->op == IO_WRITE ? hash_mix(h, hash_bytes(req->iov[i].iov_base, req->iov[i].iov_len))
                                : hash_mix(h, req->iov[i].iov_len);
    disk->trace = hash_mix(h, (uint64_t)result);
    if (disk->prints)
        fprintf(stderr, "%4llu %-11s %s%s%s fd=%d offset=%llu size=%llu length=%llu -> %lld\n",
                (unsigned long long)disk->mutations, op_names[req->op], req->path ? req->path : "",
                req->path2 ? " -> " : "", req->path2 ? req->path2 : "", req->fd,
                (unsigned long long)req->offset, (unsigned long long)request_size(req),
                (unsigned long long)req->length, (long long)result);
}

static void tell_watcher(struct sim_disk *disk, const struct io_req *req)
{
    static char path[PATH_MAX]; /* one thread */
    struct sim_handle *h;

    if (req->op == IO_UNLINK)
        disk->watch(disk->watch_user, req->path, 0);
    else if (req->op == IO_TRUNCATE && (h = handle_of(disk, req->fd))
             && req->length < h->node->now.size && sim_path_of(disk, h->node, path))
        disk->watch(disk->watch_user, path, req->length);
}

/* Some sectors of what is left; false: there is but one, or the file ends. */
static bool transfer_some(struct sim_io *s, struct io_req *req)
{
    const struct iovec *iov;
    struct io_req some = *req;
    uint64_t most = transfer_rest(req, &iov) > 0 ? iov->iov_len : 0;
    struct iovec part;
    int64_t answer;

    if (!is_transfer(req) || most <= DIRECT_ALIGN)
        return false;
    part.iov_base = iov->iov_base;
    part.iov_len = (1 + rand_below(&s->rand, (most - 1) / DIRECT_ALIGN)) * DIRECT_ALIGN;
    some.iov = &part;
    some.iov_count = 1;
    some.offset += (uint64_t)req->progress;
    answer = execute(s->disk, &some);
    if (answer != (int64_t)part.iov_len)
        return false; /* it fails, or ends: the whole will tell */
    req->progress += answer;
    return true;
}

/* What a backend makes of an answer that may pass: true: the request goes on. */
static bool passes(struct sim_io *s, struct io_req *req, const struct sim_fault *fault)
{
    if (req->op == IO_CLOSE || (req->op == IO_LOCK && fault->sys_errno == EAGAIN))
        return false;
    return fault->sys_errno == 0 ? transfer_some(s, req) : transfer_retry(req, -fault->sys_errno);
}

/* What is left of a request that was answered in part before. */
static int64_t execute_rest(struct sim_disk *disk, struct io_req *req)
{
    struct io_req rest = *req;
    const struct iovec *iov;
    int64_t total = req->progress, answer = 0;

    if (total == 0)
        return execute(disk, req);
    while ((rest.iov_count = transfer_rest(req, &iov)) > 0) {
        rest.iov = iov;
        rest.offset = req->offset + (uint64_t)req->progress;
        answer = execute(disk, &rest);
        if (answer < 0)
            break;
        req->progress += answer;
        total += answer;
        if ((uint64_t)answer < request_size(&rest))
            break; /* the end of the file */
    }
    return answer < 0 ? answer : total;
}

/* GOES_ON: it is to be queued again. */
#define GOES_ON INT64_MIN

static int64_t answer_fault(struct sim_io *s, struct io_req *req, const struct sim_fault *fault)
{
    s->disk->struck++;
    if (fault->passes && passes(s, req, fault))
        return GOES_ON;
    if (fault->passes && (req->op == IO_CLOSE || fault->sys_errno == 0))
        return execute_rest(s->disk, req);
    execute_failing(s, req, fault);
    return -fault->sys_errno;
}

static int64_t perform(struct sim_io *s, struct io_req *req)
{
    struct sim_disk *disk = s->disk;
    struct sim_fault fault = { 0 };
    int64_t result;
    bool mutation;

    if (disk->stopped || s->epoch != disk->epoch)
        return -EIO;
    mutation = is_mutation(disk, req);
    if (disk->watch)
        tell_watcher(disk, req);
    disk->counts[req->op]++;
    disk->mutations += mutation;
    result = has_fault(disk, req, &fault) ? answer_fault(s, req, &fault) : execute_rest(disk, req);
    trace(disk, req, result);
    if (mutation && disk->stop_in != UINT64_MAX && --disk->stop_in == 0)
        disk->stopped = true;
    return result;
}

static bool share_memory(const struct io_req *a, const struct io_req *b)
{
    for (int i = 0; i < a->iov_count; i++)
        for (int n = 0; n < b->iov_count; n++) {
            const char *x = a->iov[i].iov_base, *y = b->iov[n].iov_base;
            if (x < y + b->iov[n].iov_len && y < x + a->iov[i].iov_len)
                return true;
        }
    return false;
}

/* What a read under way reads into is no other operation's. */
static void check_memory(struct sim_io *s, const struct io_req *req)
{
    LIST_FOR(node, &s->queue)
    {
        const struct io_req *other = container_of(node, struct io_req, link);
        if (is_transfer(other) && (req->op == IO_READ || other->op == IO_READ))
            CHECK(!share_memory(req, other));
    }
}

static void submit(struct io *io, struct io_req *req)
{
    struct sim_io *s = container_of(io, struct sim_io, io);

    if (is_transfer(req))
        check_memory(s, req);
    req->progress = 0;
    req->scratch[0] = 0; /* retries */
    list_push_back(&s->queue, &req->link);
    s->queued++;
}

/* Any of those under way. */
static struct io_req *take(struct sim_io *s)
{
    uint64_t i = rand_below(&s->rand, s->queued);
    struct list *item = s->queue.next;

    while (i-- > 0)
        item = item->next;
    list_remove(item);
    s->queued--;
    return container_of(item, struct io_req, link);
}

static void poll_io(struct io *io, uint64_t wait_ns)
{
    struct sim_io *s = container_of(io, struct sim_io, io);
    uint64_t n;

    if (s->queued == 0) {
        if (s->clock && wait_ns != UINT64_MAX)
            sim_clock_advance(s->clock, wait_ns);
        return;
    }
    if (s->clock)
        sim_clock_advance(s->clock, s->disk->answer_ns);
    n = 1 + rand_below(&s->rand, s->queued);
    while (n-- > 0) {
        struct io_req *req = take(s);

        int64_t result = perform(s, req);

        if (result != GOES_ON) {
            io_complete(io, req, result);
            continue;
        }
        list_push_back(&s->queue, &req->link);
        s->queued++;
    }
}

static int pollfd_io(struct io *io)
{
    (void)io;
    return -1;
}

static void close_io(struct io *io)
{
    mem_free(io->mem, container_of(io, struct sim_io, io));
}

static const struct io_ops sim_ops = {
    .name = "sim",
    .submit = submit,
    .poll = poll_io,
    .pollfd = pollfd_io,
    .close = close_io,
};

int sim_io_open(struct sim_disk *disk, struct sim_clock *clock, uint64_t seed, struct io **ret)
{
    static const struct log silence;
    struct sim_io *s = mem_zalloc(disk->mem, MEM_OTHER, sizeof *s);

    if (!s)
        return -ENOMEM;
    s->io.ops = &sim_ops;
    s->io.mem = disk->mem;
    s->io.log = &silence;
    s->io.wake_fd = -1;
    s->disk = disk;
    s->clock = clock;
    s->epoch = disk->epoch;
    rand_seed(&s->rand, seed);
    list_init(&s->queue);
    *ret = &s->io;
    return 0;
}
