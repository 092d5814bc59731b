/* file/fdcache.h -- open descriptors of data files, least recently used first out. One per shard.
 *
 * An entry is (owner, file id): the owner is a partition's struct pagefiles. Opening is single-flight.
 * When the limit is reached an unused descriptor is closed; a file with unsynced writes is synced
 * before it is closed, and if that fails its owner is told (sync_failed). When every descriptor is
 * in use, acquire waits for one. */
#pragma once

#include "base/map.h"
#include "coro/single_flight.h"
#include "io/io.h"

struct pagefiles;

struct fd_entry {
    struct list lru; /* unused open entries */
    struct pagefiles *owner;
    uint64_t file_id;
    int fd;          /* -1 while opening or closing */
    bool writable;
    bool unsynced;   /* written since its last successful sync */
    uint32_t refs;
    struct single_flight opening;
};

struct fdcache {
    struct io *io;
    struct mem *mem;
    struct map entries;
    struct list lru;
    size_t open;  /* descriptors held or being opened */
    size_t limit; /* at least 4 */
    struct wait_list room;
};

void fdcache_init(struct fdcache *c, struct io *io, struct mem *m, size_t limit);
void fdcache_deinit(struct fdcache *c); /* no entry may be left */
/* Opens (read only, or read-write and created) unless open. *ret_created: the file was made now.
 * A missing file without `create` is ELOQ_CORRUPTED with its path. Release when done. */
int fdcache_acquire(struct task *t, struct fdcache *c, struct pagefiles *owner, uint64_t file_id,
                    bool write, struct fd_entry **ret, bool *ret_created);
void fdcache_release(struct fdcache *c, struct fd_entry *e);
/* Closes every descriptor of this owner; none may be in use. */
void fdcache_close_owner(struct task *t, struct fdcache *c, struct pagefiles *owner);
