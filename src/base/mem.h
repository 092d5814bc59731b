/* base/mem.h -- allocation that is counted per consumer, bounded, and can fail on demand.
 *
 * One struct mem per store; safe from any thread. Every block carries a 16-byte header, so freeing
 * needs no size; aligned blocks (page buffers, stacks) carry none and are freed with their size.
 */
#pragma once

#include <stdatomic.h>

#include "base/common.h"

enum mem_consumer {
    MEM_PAGES,   /* page buffers and the page cache */
    MEM_MAPPING, /* mappings, allocators, loaded partitions */
    MEM_DICT,    /* compression dictionaries and contexts */
    MEM_STACKS,  /* task stacks */
    MEM_TASKS,   /* tasks and their arenas */
    MEM_REQUESTS,
    MEM_RESULTS, /* scan batches */
    MEM_FILES,   /* descriptor cache */
    MEM_OTHER,
    MEM_CONSUMERS
};

struct mem {
    _Atomic uint64_t used[MEM_CONSUMERS];
    _Atomic uint64_t total;
    uint64_t limit; /* 0 = none; allocation beyond it answers NULL */
    /* At the limit: gives back memory of the calling thread's that is only kept because it may be
     * needed; answers whether it did. It may be called inside any allocation. NULL: there is none.
     */
    bool (*reclaim)(void *user, size_t size);
    void *reclaim_user;
    /* Test seam: answers true to make this allocation fail. NULL in production. */
    bool (*fail)(void *user, size_t size);
    void *fail_user;
};

void mem_init(struct mem *m, uint64_t limit);
/* NULL when the limit is reached or the system is out of memory. size 0 is allowed. */
void *mem_alloc(struct mem *m, enum mem_consumer who, size_t size);
void *mem_zalloc(struct mem *m, enum mem_consumer who, size_t size);
/* As realloc; on NULL the old block stays. `p` may be NULL. */
void *mem_realloc(struct mem *m, enum mem_consumer who, void *p, size_t size);
void mem_free(struct mem *m, void *p);
char *mem_strdup(struct mem *m, enum mem_consumer who, const char *text);
void *mem_alloc_aligned(struct mem *m, enum mem_consumer who, size_t align, size_t size);
void mem_free_aligned(struct mem *m, enum mem_consumer who, void *p, size_t size);
/* Counts memory got elsewhere (mmap); false when over the limit, then nothing is counted. */
bool mem_account(struct mem *m, enum mem_consumer who, size_t size);
void mem_unaccount(struct mem *m, enum mem_consumer who, size_t size);
/* "pages", "mapping", ... */
const char *mem_consumer_name(enum mem_consumer who);
