/* part/page_cache.h -- verified index pages in memory, by (partition, file page). One per shard.
 *
 * A page's content never changes while its file page is in use, so an entry is right as long as the
 * place is; it is dropped when the place is recycled. One read for many waiters. Pins are held only
 * between suspensions, so that waiting for room always ends. */
#pragma once

#include "base/map.h"
#include "coro/single_flight.h"
#include "file/pagefiles.h"
#include "page/index.h"
#include "page/pagepool.h"

struct page_load; /* a read under way and its result, for those who wait for it */

/* Who the pages are of: a partition. */
struct page_owner {
    struct list pages;
};

struct cached_page {
    struct list lru;      /* when loaded and not pinned */
    struct list siblings; /* of the same owner */
    struct page_owner *owner;
    struct file_page place;
    uint8_t *data;
    uint32_t pins;          /* those who wait for the load included */
    bool loaded;            /* else being loaded */
    struct page_load *load; /* NULL once nobody looks at its result any more */
    uint64_t number;        /* no other page of this cache has or had it */
    struct index index;     /* data opened, if is_open */
    bool is_open;
};

struct page_cache {
    struct mem *mem;
    struct pagepool *pool;
    struct map pages;
    struct list lru;     /* pages that can be evicted, least recently used first */
    size_t count, limit; /* pages loaded or being loaded */
    uint64_t hits, misses, evictions;
    uint64_t added; /* so far */
    struct wait_list room;
};

void page_cache_init(struct page_cache *c, struct mem *m, struct pagepool *pool,
                     size_t limit);           /* at least 1 */
void page_cache_deinit(struct page_cache *c); /* drops everything; nothing may be pinned */
void page_owner_init(struct page_owner *o);
/* The page, verified by checksum, pinned. Reads it if need be (suspends). While every page is
 * pinned or being loaded it waits for room; ELOQ_NO_MEMORY when evicting everything did not help.
 */
int page_cache_pin(struct task *t, struct page_cache *c, struct pagefiles *files,
                   struct page_owner *owner, struct file_page place, struct cached_page **ret);
/* The page if it is in memory, for the time until the next suspension; else NULL. */
struct cached_page *page_cache_peek(struct page_cache *c, struct page_owner *owner,
                                    struct file_page place);
/* A loaded page, opened; NULL: it is malformed, or no index page. */
const struct index *page_cache_open(struct cached_page *p, uint32_t page_bytes);
void page_cache_unpin(struct page_cache *c, struct cached_page *p);
/* Puts a page that was just written; takes `data` (from the pool) in any case. Evicts; if there is
 * no room the page is simply not kept. If somebody has read it meanwhile, that one stays. */
void page_cache_insert(struct page_cache *c, struct page_owner *owner, struct file_page place,
                       uint8_t *data);
/* The place is recycled: forget it. Not pinned, not loading. */
void page_cache_drop(struct page_cache *c, struct page_owner *owner, struct file_page place);
/* The one that needed it does not any more: forgets it unless somebody uses it. */
void page_cache_let_go(struct page_cache *c, struct page_owner *owner, struct file_page place);
/* The partition leaves memory: forget all of it. */
void page_cache_drop_owner(struct page_cache *c, struct page_owner *owner);
/* Gives up to `pages` unpinned pages back to the pool; returns how many. */
size_t page_cache_shrink(struct page_cache *c, size_t pages);
