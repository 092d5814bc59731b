/* base/mem.c -- counted, bounded allocation. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define HEADER_MARK 0xb10cb10cu

struct header {
    uint64_t size; /* counted bytes: the header and what follows it */
    uint32_t who;
    uint32_t mark; /* tells a block of ours from a stray pointer */
};
_Static_assert(sizeof(struct header) == 16, "keeps malloc's alignment");

void mem_init(struct mem *m, uint64_t limit)
{
    for (int i = 0; i < MEM_CONSUMERS; i++)
        atomic_init(&m->used[i], 0);
    atomic_init(&m->total, 0);
    m->limit = limit;
    m->fail = NULL;
    m->fail_user = NULL;
    m->reclaim = NULL;
    m->reclaim_user = NULL;
}

static bool told_to_fail(const struct mem *m, size_t size)
{
    return unlikely(m->fail != NULL) && m->fail(m->fail_user, size);
}

/* Compare and swap, so that a refused giant never makes a small request fail meanwhile. */
static bool fits_total(struct mem *m, size_t size)
{
    uint64_t old = atomic_load_explicit(&m->total, memory_order_relaxed);
    do {
        if (old > m->limit || size > m->limit - old)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&m->total, &old, old + size,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

static bool count_total(struct mem *m, size_t size)
{
    if (m->limit == 0) {
        atomic_fetch_add_explicit(&m->total, size, memory_order_relaxed);
        return true;
    }
    while (!fits_total(m, size))
        if (size > m->limit || !m->reclaim || !m->reclaim(m->reclaim_user, size))
            return false;
    return true;
}

static bool count(struct mem *m, enum mem_consumer who, size_t size)
{
    if (!count_total(m, size))
        return false;
    atomic_fetch_add_explicit(&m->used[who], size, memory_order_relaxed);
    return true;
}

void mem_unaccount(struct mem *m, enum mem_consumer who, size_t size)
{
    uint64_t before = atomic_fetch_sub_explicit(&m->used[who], size, memory_order_relaxed);
    CHECK(before >= size);
    atomic_fetch_sub_explicit(&m->total, size, memory_order_relaxed);
}

bool mem_account(struct mem *m, enum mem_consumer who, size_t size)
{
    return !told_to_fail(m, size) && count(m, who, size);
}

static void *alloc(struct mem *m, enum mem_consumer who, size_t size, bool zero)
{
    if (told_to_fail(m, size) || size > PTRDIFF_MAX - sizeof(struct header))
        return NULL;
    size_t full = size + sizeof(struct header);
    if (!count(m, who, full))
        return NULL;
    struct header *h = zero ? calloc(1, full) : malloc(full);
    if (!h) {
        mem_unaccount(m, who, full);
        return NULL;
    }
    *h = (struct header){ .size = full, .who = (uint32_t)who, .mark = HEADER_MARK };
    return h + 1;
}

void *mem_alloc(struct mem *m, enum mem_consumer who, size_t size)
{
    return alloc(m, who, size, false);
}

void *mem_zalloc(struct mem *m, enum mem_consumer who, size_t size)
{
    return alloc(m, who, size, true);
}

static struct header *header_of(void *p)
{
    struct header *h = (struct header *)p - 1;
    CHECK(h->mark == HEADER_MARK);
    return h;
}

void *mem_realloc(struct mem *m, enum mem_consumer who, void *p, size_t size)
{
    if (!p)
        return mem_alloc(m, who, size);
    if (told_to_fail(m, size) || size > PTRDIFF_MAX - sizeof(struct header))
        return NULL;

    struct header *h = header_of(p);
    size_t old = h->size, full = size + sizeof(struct header);
    enum mem_consumer old_who = (enum mem_consumer)h->who;
    if (full > old && !count_total(m, full - old))
        return NULL;
    struct header *moved = realloc(h, full);
    if (!moved) {
        if (full > old)
            atomic_fetch_sub_explicit(&m->total, full - old, memory_order_relaxed);
        return NULL;
    }
    if (full < old)
        atomic_fetch_sub_explicit(&m->total, old - full, memory_order_relaxed);
    atomic_fetch_sub_explicit(&m->used[old_who], old, memory_order_relaxed);
    atomic_fetch_add_explicit(&m->used[who], full, memory_order_relaxed);
    moved->size = full;
    moved->who = (uint32_t)who;
    return moved + 1;
}

void mem_free(struct mem *m, void *p)
{
    if (!p)
        return;
    struct header *h = header_of(p);
    h->mark = 0; /* a second free is then noticed, mostly */
    mem_unaccount(m, (enum mem_consumer)h->who, h->size);
    free(h);
}

char *mem_strdup(struct mem *m, enum mem_consumer who, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = mem_alloc(m, who, size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

void *mem_alloc_aligned(struct mem *m, enum mem_consumer who, size_t align, size_t size)
{
    void *p;

    if (told_to_fail(m, size) || size > PTRDIFF_MAX || !count(m, who, size))
        return NULL;
    if (posix_memalign(&p, MAX(align, sizeof(void *)), size) != 0) {
        mem_unaccount(m, who, size);
        return NULL;
    }
    return p;
}

void mem_free_aligned(struct mem *m, enum mem_consumer who, void *p, size_t size)
{
    if (!p)
        return;
    mem_unaccount(m, who, size);
    free(p);
}

const char *mem_consumer_name(enum mem_consumer who)
{
    static const char *const names[MEM_CONSUMERS] = {
        [MEM_PAGES] = "pages",     [MEM_MAPPING] = "mapping", [MEM_DICT] = "dict",
        [MEM_STACKS] = "stacks",   [MEM_TASKS] = "tasks",     [MEM_REQUESTS] = "requests",
        [MEM_RESULTS] = "results", [MEM_FILES] = "files",     [MEM_OTHER] = "other",
    };
    return names[who];
}
