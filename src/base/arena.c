/* base/arena.c -- memory freed all at once: a list of blocks that are filled one after the other.
 */
#include "base/arena.h"

#include <string.h>

#include "base/check.h"

#define ALIGNMENT 16
#define BLOCK_BYTES_MIN ((size_t)1 << 10)
#define BLOCK_BYTES_MAX ((size_t)64 << 10)

struct arena_block {
    struct arena_block *older;
    size_t capacity;
    size_t used;
    size_t unused_; /* keeps `data` aligned */
    uint8_t data[];
};
_Static_assert(sizeof(struct arena_block) % ALIGNMENT == 0, "data is aligned");

void arena_init(struct arena *a, struct mem *m)
{
    *a = (struct arena){ .mem = m };
}

void arena_free(struct arena *a)
{
    arena_reset(a, (struct arena_mark){ 0 });
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
    size_t capacity = BLOCK_BYTES_MIN - sizeof(struct arena_block);
    if (a->last)
        capacity = MIN(a->last->capacity * 2, BLOCK_BYTES_MAX);
    capacity = MAX(capacity, size);
    struct arena_block *block = mem_alloc(a->mem, MEM_TASKS, sizeof(*block) + capacity);
    if (!block)
        return NULL;
    block->older = a->last;
    block->capacity = capacity;
    block->used = 0;
    a->last = block;
    return block;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > PTRDIFF_MAX / 2)
        return NULL;
    size = ALIGN_UP(size, ALIGNMENT);
    struct arena_block *block = a->last;
    if (!block || size > block->capacity - block->used) {
        block = add_block(a, size);
        if (!block)
            return NULL;
    }
    void *p = block->data + block->used;
    block->used += size;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    void *p = arena_alloc(a, size);
    return p ? memset(p, 0, size) : NULL;
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
    void *p = arena_alloc(a, size);
    if (p && size > 0)
        memcpy(p, data, size);
    return p;
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){ .block = a->last, .used = a->last ? a->last->used : 0 };
}

void arena_reset(struct arena *a, struct arena_mark mark)
{
    while (a->last != mark.block) {
        struct arena_block *block = a->last;
        CHECK(block != NULL); /* the mark is of this arena, and not from before another reset */
        a->last = block->older;
        mem_free(a->mem, block);
    }
    if (a->last)
        a->last->used = mark.used;
}
