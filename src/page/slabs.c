/* page/slabs.c -- page-sized memory, cut from large pieces of the system's. */
#include "page/slabs.h"

#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/poison.h"
#include "base/vmem.h"

#define SLAB_MOST ((size_t)2 << 20)
#define SLAB_LEAST ((size_t)64 << 10)
#define PAGES_MIN 8 /* of a slab, when pages are large */
#define PAGES_MAX 512
#define HEAD_BYTES 4096
#define WORDS (PAGES_MAX / 64)

struct slab {
    struct list link; /* in slabs.room, if it has pages to give */
    uint32_t pages;
    uint32_t loose_count;
    uint64_t loose[WORDS]; /* bits: pages not given */
    uint64_t used[WORDS];  /* bits: loose pages that are resident */
};
_Static_assert(sizeof(struct slab) <= HEAD_BYTES, "it lies before the first page");

void slabs_init(struct slabs *s, uint32_t page_bytes, size_t wanted, size_t idle_max)
{
    *s = (struct slabs){ .page_bytes = page_bytes, .slab_bytes = SLAB_LEAST, .idle_max = idle_max };
    size_t least = HEAD_BYTES + PAGES_MIN * (size_t)page_bytes;
    while (s->slab_bytes < SLAB_MOST && (s->slab_bytes < wanted || s->slab_bytes < least))
        s->slab_bytes *= 2;
    list_init(&s->room);
}

static struct slab *new_slab(struct slabs *s)
{
    uint8_t *base = vmem_map(s->slab_bytes, s->slab_bytes);

    if (!base)
        return NULL;
    struct slab *slab = (struct slab *)(void *)base;
    size_t pages = (s->slab_bytes - HEAD_BYTES) / s->page_bytes;
    slab->pages = slab->loose_count = (uint32_t)MIN(pages, (size_t)PAGES_MAX);
    for (uint32_t i = 0; i < slab->pages; i++)
        slab->loose[i / 64] |= UINT64_C(1) << i % 64;
    list_push_front(&s->room, &slab->link);
    return slab;
}

static uint8_t *page_at(const struct slabs *s, struct slab *slab, uint32_t i)
{
    return (uint8_t *)slab + HEAD_BYTES + (size_t)i * s->page_bytes;
}

static struct slab *slab_of(const struct slabs *s, uint8_t *page)
{
    return (struct slab *)(void *)(page - (uintptr_t)page % s->slab_bytes);
}

/* A loose page, best one that is resident. */
static uint32_t find_loose(const struct slab *slab)
{
    for (uint32_t w = 0; w < WORDS; w++)
        if (slab->used[w])
            return w * 64 + (uint32_t)__builtin_ctzll(slab->used[w]);
    uint32_t w = 0;
    while (!slab->loose[w])
        w++;
    return w * 64 + (uint32_t)__builtin_ctzll(slab->loose[w]);
}

uint8_t *slabs_get(struct slabs *s)
{
    struct slab *slab =
        list_empty(&s->room) ? new_slab(s) : container_of(list_first(&s->room), struct slab, link);

    if (!slab)
        return NULL;
    uint32_t i = find_loose(slab);
    uint64_t bit = UINT64_C(1) << i % 64;
    s->idle -= (slab->used[i / 64] & bit) != 0;
    slab->used[i / 64] &= ~bit;
    slab->loose[i / 64] &= ~bit;
    if (--slab->loose_count == 0)
        list_remove(&slab->link);
    uint8_t *page = page_at(s, slab, i);
    unpoison(page, s->page_bytes);
    return page;
}

static void free_slab(struct slabs *s, struct slab *slab)
{
    for (uint32_t w = 0; w < WORDS; w++)
        s->idle -= (size_t)__builtin_popcountll(slab->used[w]);
    list_remove(&slab->link);
    unpoison(slab, s->slab_bytes);
    vmem_unmap(slab, s->slab_bytes);
}

/* Gives the resident loose pages back. */
static void purge(struct slabs *s, struct slab *slab)
{
    size_t before = s->idle;
    for (uint32_t w = 0; w < WORDS; w++)
        s->idle -= (size_t)__builtin_popcountll(slab->used[w]);
    if (s->idle == before)
        return;
    for (uint32_t i = 0; i < slab->pages;) {
        uint32_t end = i;
        while (end < slab->pages && slab->used[end / 64] >> end % 64 & 1)
            end++;
        if (end > i)
            madvise(page_at(s, slab, i), (size_t)(end - i) * s->page_bytes, MADV_DONTNEED);
        i = end + 1;
    }
    memset(slab->used, 0, sizeof(slab->used));
}

/* Until half of what may be idle is left, so that this is not done for each page. */
static void purge_some(struct slabs *s)
{
    LIST_FOR(node, &s->room)
    {
        if (s->idle <= s->idle_max / 2)
            return;
        purge(s, container_of(node, struct slab, link));
    }
}

void slabs_deinit(struct slabs *s)
{
    LIST_FOR(node, &s->room)
    {
        struct slab *slab = container_of(node, struct slab, link);
        CHECK(slab->loose_count == slab->pages);
        free_slab(s, slab);
    }
}

void slabs_put(struct slabs *s, uint8_t *page)
{
    struct slab *slab = slab_of(s, page);
    uint32_t i = (uint32_t)((size_t)(page - page_at(s, slab, 0)) / s->page_bytes);
    uint64_t bit = UINT64_C(1) << i % 64;

    CHECK(i < slab->pages && !(slab->loose[i / 64] & bit));
    slab->loose[i / 64] |= bit;
    slab->used[i / 64] |= bit;
    poison(page, s->page_bytes);
    s->idle++;
    if (slab->loose_count++ == 0)
        list_push_front(&s->room, &slab->link);
    /* The last with room stays, or a page taken and put back would cost a slab each time. */
    bool is_last = s->room.next == &slab->link && s->room.prev == &slab->link;
    if (slab->loose_count == slab->pages && !is_last)
        free_slab(s, slab);
    else if (s->idle > s->idle_max)
        purge_some(s);
}
