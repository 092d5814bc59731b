/* file/fdcache.h -- open descriptors of data files, least recently used first out. One per shard.
 *
 * An entry is (owner, file id): the owner is a partition's struct pagefiles. Opening is
 * single-flight. When the limit is reached an unused descriptor is closed; a file with unsynced
 * writes is synced before it is closed, and if that fails its owner is told (sync_failed). When
 * every descriptor is in use, acquire waits for one.
 *
 *     (new) OPENING --ok--> OPEN, used <--acquire/release--> OPEN, in lru --evict--> CLOSING -->
 * (gone)
 *              |
 *              +--failed--> not in the map, kept until its waiters have seen why
 */
#pragma once

#include "base/map.h"
#include "coro/single_flight.h"
#include "io/io.h"

struct pagefiles;

struct fd_entry {
    struct list lru;      /* unused open entries */
    struct list of_owner; /* in owner->open_files */
    struct pagefiles *owner;
    uint64_t file_id;
    int fd;        /* -1 while opening, and once closed */
    bool creates;  /* the opening makes the file if it is missing */
    bool unsynced; /* written since its last successful sync; its id is in owner->unsynced */
    uint32_t refs; /* those who wait for the opening or closing included */
    struct single_flight changing; /* busy while opening or closing */
};

struct fdcache {
    struct io *io;
    struct mem *mem;
    struct map entries;
    struct list lru; /* least recently used first */
    size_t open;     /* descriptors held, being opened or being closed */
    size_t limit;    /* at least 4 */
    bool read_only;  /* files are opened for reading; else always for both. false after init */
    struct wait_list room;
};

void fdcache_init(struct fdcache *c, struct io *io, struct mem *m, size_t limit);
void fdcache_deinit(struct fdcache *c); /* no entry may be left */
/* Opens unless open; with `write` a missing file is created, and the owner's directory marked
 * unsynced. *ret_created: the file was made now. A missing file without `write` is ELOQ_CORRUPTED
 * with its path. Release when done. The task must not hold another entry: holders could wait for
 * each other. */
int fdcache_acquire(struct task *t, struct fdcache *c, struct pagefiles *owner, uint64_t file_id,
                    bool write, struct fd_entry **ret, bool *ret_created);
/* The same for a task that holds entries: answers 1 where the other would wait for a descriptor. */
int fdcache_acquire_more(struct task *t, struct fdcache *c, struct pagefiles *owner,
                         uint64_t file_id, bool write, struct fd_entry **ret, bool *ret_created);
/* The entry if its descriptor is there right now, without waiting; else NULL. Release when done. */
struct fd_entry *fdcache_take_open(struct fdcache *c, const struct pagefiles *owner,
                                   uint64_t file_id);
void fdcache_release(struct fdcache *c, struct fd_entry *e);
/* Closes the descriptor of a file that is about to be removed, if there is one; what was written to
 * it is not synced, and no longer listed as unsynced. 1: somebody uses it. */
int fdcache_drop(struct task *t, struct fdcache *c, struct pagefiles *owner, uint64_t file_id);
/* Closes every descriptor of this owner; none may be in use. Waits for those being evicted. */
void fdcache_close_owner(struct task *t, struct fdcache *c, struct pagefiles *owner);
