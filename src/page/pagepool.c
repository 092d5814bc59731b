/* page/pagepool.c -- aligned page buffers that are used again. */
#include "page/pagepool.h"

#include <string.h>

#include "base/check.h"

#define PAGE_ALIGN 4096

void pagepool_init(struct pagepool *p, struct mem *m, uint32_t page_bytes, size_t keep)
{
    memset(p, 0, sizeof(*p));
    p->mem = m;
    p->page_bytes = page_bytes;
    p->keep = keep;
}

static void *pop(struct pagepool *p)
{
    void *page = p->free;
    memcpy(&p->free, page, sizeof(p->free));
    p->free_count--;
    return page;
}

static void give_back(struct pagepool *p, void *page)
{
    mem_free_aligned(p->mem, MEM_PAGES, page, p->page_bytes);
    p->made--;
}

void pagepool_deinit(struct pagepool *p)
{
    CHECK(p->made == p->free_count);
    while (p->free)
        give_back(p, pop(p));
}

uint8_t *pagepool_get(struct pagepool *p)
{
    if (p->free)
        return pop(p);
    uint8_t *page = mem_alloc_aligned(p->mem, MEM_PAGES, PAGE_ALIGN, p->page_bytes);
    if (page)
        p->made++;
    return page;
}

void pagepool_put(struct pagepool *p, uint8_t *page)
{
    if (!page)
        return;
    if (p->free_count >= p->keep) {
        give_back(p, page);
        return;
    }
    memcpy(page, &p->free, sizeof(p->free));
    p->free = page;
    p->free_count++;
}

size_t pagepool_trim(struct pagepool *p, size_t pages)
{
    size_t given = 0;

    for (; given < pages && p->free; given++)
        give_back(p, pop(p));
    return given;
}
