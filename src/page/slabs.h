/* page/slabs.h -- page-sized memory, cut from large pieces of the system's. One thread.
 *
 *     slab, aligned to its size:   | struct slab | page | page | ...
 *
 * Large pieces cost few system calls, and no page of memory for the alignment of each. Huge pages
 * are not asked for: a load grew 1.3 times slower by the clearing of them, a hot read gained 3 %.
 * Nothing is counted here: of what was put back a bounded part stays resident, the rest goes back
 * to the system, and all empty slabs but one. */
#pragma once

#include "base/list.h"

struct slabs {
    uint32_t page_bytes;
    size_t slab_bytes;
    size_t idle;      /* pages put back that are resident still ... */
    size_t idle_max;  /* ... and how many may be */
    struct list room; /* slabs with pages to give */
};

/* page_bytes is a multiple of 4096; `wanted`: bytes of a slab, about, at most 2 MiB. */
void slabs_init(struct slabs *s, uint32_t page_bytes, size_t wanted, size_t idle_max);
void slabs_deinit(struct slabs *s); /* all must be back */
/* Contents undefined; NULL when the system has no more. Aligned to 4096. */
uint8_t *slabs_get(struct slabs *s);
void slabs_put(struct slabs *s, uint8_t *page);
