/* page/pagepool.h -- aligned page buffers of one size, from a bounded pool. One thread. */
#pragma once

#include "base/mem.h"
#include "page/slabs.h"

struct pagepool {
    struct mem *mem;
    struct slabs slabs;
    uint32_t page_bytes;
    void *free; /* unused buffers, linked through their first word */
    size_t free_count;
    size_t made; /* buffers in existence */
    size_t keep; /* unused ones kept for reuse, more are given back */
};

void pagepool_init(struct pagepool *p, struct mem *m, uint32_t page_bytes, size_t keep);
void pagepool_deinit(struct pagepool *p); /* all must be back */
/* Contents undefined; NULL when memory is out. Aligned to 4096. */
uint8_t *pagepool_get(struct pagepool *p);
void pagepool_put(struct pagepool *p, uint8_t *page); /* NULL is fine */
/* Gives back up to `pages` unused ones; returns how many. */
size_t pagepool_trim(struct pagepool *p, size_t pages);
