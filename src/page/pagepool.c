/* page/pagepool.c -- aligned page buffers that are used again. */
#include "page/pagepool.h"

#include <string.h>

#include "base/check.h"
#include "base/poison.h"

#define IDLE_LEAST 8u
#define IDLE_SHARE 4 /* of what may be kept: what may be resident besides */

void pagepool_init(struct pagepool *p, struct mem *m, uint32_t page_bytes, size_t keep)
{
    memset(p, 0, sizeof(*p));
    p->mem = m;
    p->page_bytes = page_bytes;
    p->keep = keep;
    slabs_init(&p->slabs, page_bytes, keep * page_bytes, MAX(keep / IDLE_SHARE, IDLE_LEAST));
}

static void *pop(struct pagepool *p)
{
    void *page = p->free;
    unpoison(page, p->page_bytes);
    memcpy(&p->free, page, sizeof(p->free));
    p->free_count--;
    return page;
}

static void give_back(struct pagepool *p, void *page)
{
    slabs_put(&p->slabs, page);
    mem_unaccount(p->mem, MEM_PAGES, p->page_bytes);
    p->made--;
}

void pagepool_deinit(struct pagepool *p)
{
    CHECK(p->made == p->free_count);
    while (p->free)
        give_back(p, pop(p));
    slabs_deinit(&p->slabs);
}

uint8_t *pagepool_get(struct pagepool *p)
{
    if (p->free)
        return pop(p);
    if (!mem_account(p->mem, MEM_PAGES, p->page_bytes))
        return NULL;
    uint8_t *page = slabs_get(&p->slabs);
    if (page)
        p->made++;
    else
        mem_unaccount(p->mem, MEM_PAGES, p->page_bytes);
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
    poison(page, p->page_bytes);
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
