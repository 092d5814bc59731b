/* file/fdcache.c -- keeps descriptors of data files open, within a limit. */
#include "file/fdcache.h"

#include <errno.h>
#include <limits.h>

#include "base/check.h"
#include "file/pagefiles.h"

struct fd_key {
    const struct pagefiles *owner;
    uint64_t file_id;
};

static bool same_file(const void *value, const void *key)
{
    const struct fd_entry *e = value;
    const struct fd_key *k = key;

    return e->owner == k->owner && e->file_id == k->file_id;
}

static uint64_t file_hash(const struct pagefiles *owner, uint64_t file_id)
{
    return hash_mix((uint64_t)(uintptr_t)owner, file_id);
}

void fdcache_init(struct fdcache *c, struct io *io, struct mem *m, size_t limit)
{
    CHECK(limit >= 4);
    c->io = io;
    c->mem = m;
    map_init(&c->entries, m, MEM_FILES, same_file);
    list_init(&c->lru);
    c->open = 0;
    c->limit = limit;
    c->read_only = false;
    wait_list_init(&c->room);
}

void fdcache_deinit(struct fdcache *c)
{
    CHECK(c->entries.count == 0 && list_empty(&c->room.tasks));
    map_free(&c->entries);
}

/* Drops one reference of an entry that was closed, or never opened. */
static void unref_gone(struct fdcache *c, struct fd_entry *e)
{
    CHECK(e->refs > 0);
    if (--e->refs == 0)
        mem_free(c->mem, e);
}

/* The descriptor of `e` is no more, and whoever looks for the file must open it again. */
static void forget(struct fdcache *c, struct fd_entry *e)
{
    e->fd = -1;
    list_remove(&e->of_owner);
    map_remove(&c->entries, file_hash(e->owner, e->file_id), e);
    c->open--;
    wait_wake_one(&c->room);
}

/* Syncs if need be, closes and frees an unused entry. Its owner lives until this is done, since
 * fdcache_close_owner waits for it. */
static void close_entry(struct task *t, struct fdcache *c, struct fd_entry *e)
{
    int rc;

    CHECK(e->refs == 0 && e->fd >= 0);
    list_remove(&e->lru);
    e->refs = 1;
    CHECK(single_flight_begin(t, &e->changing, &rc));
    if (e->unsynced) {
        /* The kernel reports a lost write once. This was the time, so the owner must remember. */
        if (io_sync(t, c->io, e->fd) < 0)
            e->owner->sync_failed = true;
        else
            pagefiles_mark_synced(e->owner, e);
    }
    /* Whatever close answers, the descriptor is gone. */
    io_close_file(t, c->io, e->fd);
    forget(c, e);
    single_flight_end(t, &e->changing, ELOQ_OK);
    unref_gone(c, e);
}

/* False when no open descriptor is unused. */
static bool evict_one(struct task *t, struct fdcache *c)
{
    struct list *node = list_first(&c->lru);

    if (!node)
        return false;
    close_entry(t, c, container_of(node, struct fd_entry, lru));
    return true;
}

static int open_file(struct task *t, struct fdcache *c, struct fd_entry *e, const char *path,
                     int flags)
{
    int fd;

    /* The process may have fewer descriptors than we were promised. */
    do {
        fd = io_open_file(t, c->io, path, flags);
    } while ((fd == -EMFILE || fd == -ENFILE) && evict_one(t, c));
    e->fd = fd < 0 ? -1 : fd;
    return fd;
}

/* Opens the file of a new entry. */
static int open_entry(struct task *t, struct fdcache *c, struct fd_entry *e, bool *ret_created)
{
    struct pagefiles *f = e->owner;
    int flags = IO_OPEN_DIRECT | (c->read_only ? IO_OPEN_READ : IO_OPEN_WRITE);
    char path[PATH_MAX];

    pagefiles_path(f, e->file_id, path, sizeof(path));
    int rc = open_file(t, c, e, path, flags);
    if (rc == -ENOENT && e->creates) {
        f->dir_unsynced = true; /* before the attempt: even a failed one may have made it */
        *ret_created = true;
        rc = open_file(t, c, e, path, flags | IO_OPEN_CREATE);
    }
    if (rc >= 0)
        return ELOQ_OK;
    if (rc == -ENOENT && !e->creates) {
        rc = task_fail(t, ELOQ_CORRUPTED, "data file missing path=%s", path);
        err_place(&t->err, path, 0);
    } else {
        rc = io_fail(t, "open", rc, path, 0);
    }
    err_part(&t->err, f->table, f->partition);
    return rc;
}

/* A new entry in the map, referenced once; its descriptor is counted. NULL when memory is out. */
static struct fd_entry *add_entry(struct fdcache *c, struct pagefiles *owner, uint64_t file_id,
                                  bool creates)
{
    struct fd_entry *e = mem_zalloc(c->mem, MEM_FILES, sizeof(*e));

    if (!e)
        return NULL;
    e->owner = owner;
    e->file_id = file_id;
    e->fd = -1;
    e->creates = creates;
    e->refs = 1;
    list_init(&e->lru);
    single_flight_init(&e->changing);
    if (map_put(&c->entries, file_hash(owner, file_id), e) < 0) {
        mem_free(c->mem, e);
        return NULL;
    }
    list_push_back(&owner->open_files, &e->of_owner);
    c->open++;
    return e;
}

static int open_new(struct task *t, struct fdcache *c, struct fd_entry *e, bool *ret_created)
{
    int rc;

    CHECK(single_flight_begin(t, &e->changing, &rc));
    rc = open_entry(t, c, e, ret_created);
    if (rc < 0)
        forget(c, e);
    single_flight_end(t, &e->changing, rc);
    if (rc < 0)
        unref_gone(c, e);
    return rc;
}

/* Takes an entry of the map. 1: it was being closed, or opened in vain by one who did not want to
 * create it; look again. */
static int take_found(struct task *t, struct fdcache *c, struct fd_entry *e, bool write)
{
    int rc = ELOQ_OK;

    e->refs++;
    list_remove(&e->lru);
    if (!e->changing.busy)
        return ELOQ_OK;
    CHECK(!single_flight_begin(t, &e->changing, &rc));
    if (e->fd >= 0)
        return ELOQ_OK;
    bool again = rc == ELOQ_OK || (write && !e->creates);
    unref_gone(c, e);
    return again ? 1 : rc;
}

static int acquire(struct task *t, struct fdcache *c, struct pagefiles *owner, uint64_t file_id,
                   bool write, bool may_wait, struct fd_entry **ret, bool *ret_created)
{
    struct fd_key key = { owner, file_id };
    bool waited = false, created = false;
    struct fd_entry *e;
    int rc;

    CHECK(!write || !c->read_only);
    for (;;) {
        e = map_get(&c->entries, file_hash(owner, file_id), &key);
        if (e) {
            rc = take_found(t, c, e, write);
            if (rc <= 0)
                break;
        } else if (c->open < c->limit) {
            e = add_entry(c, owner, file_id, write);
            rc = e ? open_new(t, c, e, &created) : task_no_memory(t);
            break;
        } else if (!evict_one(t, c)) {
            if (!may_wait)
                return 1;
            wait_on(t, &c->room);
            waited = true;
        }
    }
    /* Whoever was woken for room and may not have used it passes the word on. */
    if (waited && (c->open < c->limit || !list_empty(&c->lru)))
        wait_wake_one(&c->room);
    if (rc == ELOQ_OK) {
        *ret = e;
        *ret_created = created;
    }
    return rc;
}

int fdcache_acquire(struct task *t, struct fdcache *c, struct pagefiles *owner, uint64_t file_id,
                    bool write, struct fd_entry **ret, bool *ret_created)
{
    return acquire(t, c, owner, file_id, write, true, ret, ret_created);
}

int fdcache_acquire_more(struct task *t, struct fdcache *c, struct pagefiles *owner,
                         uint64_t file_id, bool write, struct fd_entry **ret, bool *ret_created)
{
    return acquire(t, c, owner, file_id, write, false, ret, ret_created);
}

struct fd_entry *fdcache_take_open(struct fdcache *c, const struct pagefiles *owner,
                                   uint64_t file_id)
{
    struct fd_key key = { owner, file_id };
    struct fd_entry *e = map_get(&c->entries, file_hash(owner, file_id), &key);

    if (!e || e->changing.busy)
        return NULL;
    e->refs++;
    list_remove(&e->lru);
    return e;
}

void fdcache_release(struct fdcache *c, struct fd_entry *e)
{
    CHECK(e->refs > 0 && e->fd >= 0 && !e->changing.busy);
    if (--e->refs > 0)
        return;
    list_push_back(&c->lru, &e->lru);
    wait_wake_one(&c->room);
}

/* Waits until an entry that is being opened or closed is one or the other. */
static void wait_changed(struct task *t, struct fdcache *c, struct fd_entry *e)
{
    int rc;

    e->refs++;
    CHECK(!single_flight_begin(t, &e->changing, &rc));
    if (e->fd >= 0)
        fdcache_release(c, e);
    else
        unref_gone(c, e);
}

int fdcache_drop(struct task *t, struct fdcache *c, struct pagefiles *owner, uint64_t file_id)
{
    struct fd_key key = { owner, file_id };
    struct fd_entry *e;

    while ((e = map_get(&c->entries, file_hash(owner, file_id), &key))) {
        if (e->changing.busy) {
            wait_changed(t, c, e);
        } else if (e->refs > 0) {
            return 1;
        } else {
            pagefiles_mark_synced(owner, e);
            close_entry(t, c, e);
        }
    }
    return ELOQ_OK;
}

void fdcache_close_owner(struct task *t, struct fdcache *c, struct pagefiles *owner)
{
    struct list *node;

    while ((node = list_first(&owner->open_files))) {
        struct fd_entry *e = container_of(node, struct fd_entry, of_owner);
        if (!e->changing.busy) {
            close_entry(t, c, e);
            continue;
        }
        CHECK(e->fd >= 0); /* an opening one would be in use */
        wait_changed(t, c, e);
    }
}
