/* part/leaf_cache.h -- verified data pages in memory, by (partition, file page). One per shard.
 *
 * What keeps a scan from emptying it (S3-FIFO): a page enters a small queue, a tenth of the cache,
 * and moves on to the main one only if it is used again meanwhile, or if it left a short time ago.
 *
 *       insert --> small --used again--> main --used--> main
 *                    |                     |
 *                    +--> remembered       +--> (gone)
 *                         by its hash only; the next insert goes to main
 *
 * A page's content never changes while its file page is in use, so an entry is right as long as the
 * place is; it is dropped when the place is recycled. Nobody waits for anything here: a page that
 * does not fit is not kept. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "file/pagefiles.h"
#include "page/leaf.h"
#include "page/pagepool.h"

/* Pages of one partition; in the partition. */
struct leaf_owner {
    struct list pages;
    uint64_t number; /* its address would make each run another one */
};

/* Where an index page refers to a data page that has both its bounds from there. */
struct leaf_spot {
    uint64_t index_page; /* cached_page.number; 0: none, or a bound comes from further up */
    uint32_t slot;
};

#define LEAF_REGIONS_NEAR 4

/* What a read needs comes first. */
struct leaf_page {
    const struct leaf_owner *owner;
    struct file_page place;
    uint8_t *data;
    struct leaf leaf;                    /* data opened, if is_open */
    struct leaf_spot checked;            /* seen from there it is what it should be */
    uint16_t regions[LEAF_REGIONS_NEAR]; /* where the first ones begin, if is_open */
    uint32_t pins;
    bool is_open;
    bool is_main;
    uint8_t uses;         /* since it was last looked at for eviction */
    struct list queue;    /* small or main */
    struct list siblings; /* of the same owner */
};

struct leaf_cache {
    struct mem *mem;
    struct pagepool *pool;
    struct map pages;
    struct list small, main; /* oldest first */
    size_t small_count, count, limit;
    uint32_t *gone; /* hashes of pages that left `small`; NULL: nothing is remembered */
    size_t gone_size;
    uint64_t hits, misses, evictions;
    uint64_t owners; /* so far */
};

/* With a limit of 0 pages it keeps nothing. */
void leaf_cache_init(struct leaf_cache *c, struct mem *m, struct pagepool *pool, size_t limit);
void leaf_cache_deinit(struct leaf_cache *c); /* drops everything; nothing may be pinned */
void leaf_owner_init(struct leaf_cache *c, struct leaf_owner *o);
/* The page, pinned, or NULL. Counts a hit or a miss. */
struct leaf_page *leaf_cache_pin(struct leaf_cache *c, const struct leaf_owner *owner,
                                 struct file_page place);
void leaf_cache_unpin(struct leaf_page *p);
/* A verified page of this place. True: the cache has taken `data` (from the pool); false: the
 * caller has it still. */
bool leaf_cache_offer(struct leaf_cache *c, struct leaf_owner *owner, struct file_page place,
                      uint8_t *data);
/* The place is recycled: forget it. Who has it pinned is long past: its snapshot is gone. */
void leaf_cache_drop(struct leaf_cache *c, const struct leaf_owner *owner, struct file_page place);
/* The partition leaves memory: forget all of it. */
void leaf_cache_drop_owner(struct leaf_cache *c, struct leaf_owner *owner);
/* Gives up to `pages` unpinned pages back to the pool; returns how many. */
size_t leaf_cache_shrink(struct leaf_cache *c, size_t pages);
