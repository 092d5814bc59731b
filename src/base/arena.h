/* base/arena.h -- memory freed all at once, or back to a mark. */
#pragma once

#include "base/mem.h"

struct arena_block;

struct arena {
    struct mem *mem;
    struct arena_block *last; /* newest block, linked to older ones */
};

struct arena_mark {
    struct arena_block *block;
    size_t used;
};

void arena_init(struct arena *a, struct mem *m);
void arena_free(struct arena *a); /* keeps it usable, empty */
/* 16-byte aligned; NULL when out of memory. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);
void *arena_copy(struct arena *a, const void *data, size_t size);
struct arena_mark arena_mark(const struct arena *a);
/* Frees what was allocated since the mark. */
void arena_reset(struct arena *a, struct arena_mark mark);
