/* page/span.c -- many page buffers side by side, for reads that are long. */
#include "page/span.h"

#include <sys/mman.h>

#include "base/vmem.h"

#define HUGE_PAGE ((size_t)2 << 20)
#define SPAN_MOST ((size_t)8 << 20)

void spans_init(struct spans *s, struct mem *m, uint64_t bytes)
{
    size_t each = (size_t)MIN(bytes - bytes % HUGE_PAGE, (uint64_t)SPAN_MOST);

    *s = (struct spans){ .mem = m, .bytes = each, .left = each > 0 ? (size_t)(bytes / each) : 0 };
}

uint8_t *span_get(struct spans *s)
{
    if (s->left == 0 || !mem_account(s->mem, MEM_PAGES, s->bytes))
        return NULL;
    uint8_t *span = vmem_map(s->bytes, HUGE_PAGE);
    if (!span) {
        mem_unaccount(s->mem, MEM_PAGES, s->bytes);
        return NULL;
    }
    madvise(span, s->bytes, MADV_HUGEPAGE); /* may fail: then it is like other memory */
    s->left--;
    return span;
}

void span_put(struct spans *s, uint8_t *span)
{
    if (!span)
        return;
    vmem_unmap(span, s->bytes);
    mem_unaccount(s->mem, MEM_PAGES, s->bytes);
    s->left++;
}
