/* io/memory.c -- backend: files in memory, for a store without a path. All shards share the disk.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/check.h"
#include "io/immediate.h"
#include "io/memory_tree.h"

struct handle {
    struct memory_node *node; /* NULL: free */
    bool can_write;
    bool has_shared, has_exclusive; /* lock */
};

struct memory_disk {
    struct mem *mem;
    pthread_rwlock_t lock; /* shared by what changes nothing */
    struct memory_tree tree;
    struct handle *handles; /* by descriptor */
    int handle_count;
};

struct memory_io {
    struct immediate im; /* first */
    struct memory_disk *disk;
};

struct memory_disk *memory_disk_new(struct mem *m)
{
    struct memory_disk *disk = mem_zalloc(m, MEM_OTHER, sizeof *disk);

    if (!disk)
        return NULL;
    disk->mem = m;
    CHECK(pthread_rwlock_init(&disk->lock, NULL) == 0);
    memory_tree_init(&disk->tree, m);
    return disk;
}

void memory_disk_free(struct memory_disk *disk)
{
    if (!disk)
        return;
    memory_tree_free(&disk->tree);
    mem_free(disk->mem, disk->handles);
    pthread_rwlock_destroy(&disk->lock);
    mem_free(disk->mem, disk);
}

static struct handle *handle_of(struct memory_disk *disk, int fd)
{
    if (fd < 0 || fd >= disk->handle_count || !disk->handles[fd].node)
        return NULL;
    return &disk->handles[fd];
}

/* A free descriptor, or -ENOMEM. The smallest, as the system does. */
static int handle_acquire(struct memory_disk *disk)
{
    struct handle *handles;
    int fd = 0;
    int grown;

    while (fd < disk->handle_count && disk->handles[fd].node)
        fd++;
    if (fd < disk->handle_count)
        return fd;
    grown = MAX(16, disk->handle_count * 2);
    handles = mem_realloc(disk->mem, MEM_OTHER, disk->handles, (size_t)grown * sizeof *handles);
    if (!handles)
        return -ENOMEM;
    memset(handles + disk->handle_count, 0, (size_t)(grown - disk->handle_count) * sizeof *handles);
    disk->handles = handles;
    disk->handle_count = grown;
    return fd;
}

static int64_t open_file(struct memory_disk *disk, const struct io_req *req)
{
    struct memory_node *node;
    int rc = memory_find(&disk->tree, req->path, &node);
    int fd;

    if (rc == -ENOENT && (req->flags & IO_OPEN_CREATE))
        rc = memory_make(&disk->tree, req->path, false, &node);
    if (rc < 0)
        return rc;
    if (node->is_dir && !(req->flags & IO_OPEN_DIRECTORY))
        return -EISDIR;
    if (!node->is_dir && (req->flags & IO_OPEN_DIRECTORY))
        return -ENOTDIR;
    fd = handle_acquire(disk);
    if (fd < 0)
        return fd;
    if (req->flags & IO_OPEN_TRUNCATE)
        memory_resize(&disk->tree, node, 0);
    node->handles++;
    disk->handles[fd] =
        (struct handle){ .node = node, .can_write = (req->flags & IO_OPEN_WRITE) != 0 };
    return fd;
}

static void unlock_file(struct handle *h)
{
    if (h->has_shared)
        h->node->shared_locks--;
    if (h->has_exclusive)
        h->node->exclusive_lock = false;
    h->has_shared = h->has_exclusive = false;
}

static int64_t lock_file(struct handle *h, int flags)
{
    struct memory_node *node = h->node;
    bool want_exclusive = (flags & IO_LOCK_EXCLUSIVE) != 0;
    unsigned others = node->shared_locks - h->has_shared;

    if (flags & IO_LOCK_RELEASE) {
        unlock_file(h);
        return 0;
    }
    if ((node->exclusive_lock && !h->has_exclusive) || (want_exclusive && others > 0))
        return -EAGAIN;
    unlock_file(h);
    if (want_exclusive)
        node->exclusive_lock = h->has_exclusive = true;
    else {
        node->shared_locks++;
        h->has_shared = true;
    }
    return 0;
}

static int64_t close_file(struct memory_disk *disk, struct handle *h)
{
    unlock_file(h);
    memory_node_release(&disk->tree, h->node);
    h->node = NULL;
    return 0;
}

static int64_t read_file(const struct handle *h, const struct io_req *req)
{
    uint64_t done = 0;

    if (h->node->is_dir)
        return -EISDIR;
    for (int i = 0; i < req->iov_count; i++) {
        size_t n =
            memory_read(h->node, req->offset + done, req->iov[i].iov_base, req->iov[i].iov_len);

        done += n;
        if (n < req->iov[i].iov_len)
            break;
    }
    return (int64_t)done;
}

static int64_t write_file(struct memory_disk *disk, struct handle *h, const struct io_req *req)
{
    uint64_t done = 0;

    if (!h->can_write)
        return -EBADF;
    for (int i = 0; i < req->iov_count; i++) {
        int rc = memory_write(&disk->tree, h->node, req->offset + done, req->iov[i].iov_base,
                              req->iov[i].iov_len);

        if (rc < 0)
            return rc;
        done += req->iov[i].iov_len;
    }
    return (int64_t)done;
}

static int64_t resize_file(struct memory_disk *disk, struct handle *h, const struct io_req *req)
{
    if (!h->can_write)
        return req->op == IO_TRUNCATE ? -EINVAL : -EBADF;
    if (req->length > INT64_MAX)
        return -EINVAL;
    if (req->op == IO_TRUNCATE || req->length > h->node->size)
        memory_resize(&disk->tree, h->node, req->length);
    return 0;
}

static int64_t list_dir(struct memory_disk *disk, const struct io_req *req)
{
    struct memory_node *dir;
    int rc = memory_find(&disk->tree, req->path, &dir);

    if (rc < 0)
        return rc;
    if (!dir->is_dir)
        return -ENOTDIR;
    LIST_FOR(node, &dir->children)
    {
        const struct memory_node *child = container_of(node, struct memory_node, link);

        rc = io_names_add(req->names, child->name, child->is_dir);
        if (rc < 0) {
            io_names_free(req->names);
            return rc;
        }
        if (rc > 0)
            break;
    }
    return 0;
}

static int64_t sync_dir(struct memory_disk *disk, const struct io_req *req)
{
    struct memory_node *dir;
    int rc = memory_find(&disk->tree, req->path, &dir);

    return rc < 0 ? rc : dir->is_dir ? 0 : -ENOTDIR;
}

static int64_t execute_handle(struct memory_disk *disk, const struct io_req *req)
{
    struct handle *h = handle_of(disk, req->fd);

    if (!h)
        return -EBADF;
    switch (req->op) {
    case IO_CLOSE:
        return close_file(disk, h);
    case IO_READ:
        return read_file(h, req);
    case IO_WRITE:
        return write_file(disk, h, req);
    case IO_SYNC:
        return 0;
    case IO_TRUNCATE:
    case IO_PREALLOCATE:
        return resize_file(disk, h, req);
    case IO_SIZE:
        return (int64_t)h->node->size;
    default:
        CHECK(req->op == IO_LOCK);
        return lock_file(h, req->flags);
    }
}

static int64_t execute(struct memory_disk *disk, const struct io_req *req)
{
    struct memory_node *node;

    switch (req->op) {
    case IO_OPEN:
        return open_file(disk, req);
    case IO_SYNC_DIR:
        return sync_dir(disk, req);
    case IO_RENAME:
        return memory_rename(&disk->tree, req->path, req->path2);
    case IO_UNLINK:
        return memory_remove(&disk->tree, req->path, false);
    case IO_MKDIR:
        return memory_make(&disk->tree, req->path, true, &node);
    case IO_RMDIR:
        return memory_remove(&disk->tree, req->path, true);
    case IO_LIST:
        return list_dir(disk, req);
    default:
        return execute_handle(disk, req);
    }
}

static void submit(struct io *io, struct io_req *req)
{
    struct memory_disk *disk = container_of(io, struct memory_io, im.io)->disk;
    int64_t result;

    if (req->op == IO_READ || req->op == IO_SIZE || req->op == IO_LIST || req->op == IO_SYNC)
        pthread_rwlock_rdlock(&disk->lock);
    else
        pthread_rwlock_wrlock(&disk->lock);
    result = execute(disk, req);
    pthread_rwlock_unlock(&disk->lock);
    immediate_finish(io, req, result);
}

static void close_io(struct io *io)
{
    struct memory_io *m = container_of(io, struct memory_io, im.io);

    immediate_deinit(&m->im);
    mem_free(io->mem, m);
}

static const struct io_ops memory_ops = {
    .name = "memory",
    .submit = submit,
    .poll = immediate_poll,
    .pollfd = immediate_pollfd,
    .close = close_io,
};

int memory_open(struct mem *m, const struct log *log, struct memory_disk *disk, struct io **ret)
{
    struct memory_io *io = mem_zalloc(m, MEM_OTHER, sizeof *io);
    int rc;

    if (!io)
        return -ENOMEM;
    io->disk = disk;
    rc = immediate_init(&io->im, &memory_ops, m, log);
    if (rc < 0) {
        mem_free(m, io);
        return rc;
    }
    *ret = &io->im.io;
    return 0;
}
