/* part/falloc.c -- hands out file pages: the lowest free one, or the next at the end. */
#include "part/falloc.h"

#include "base/check.h"
#include "base/error.h"

void falloc_init(struct falloc *a, struct mem *m, bool append, uint64_t next)
{
    a->mem = m;
    a->append = append;
    a->next = next;
    a->used_end = next;
    a->leaked = 0;
    bitset_init(&a->free, m, MEM_MAPPING);
}

void falloc_deinit(struct falloc *a)
{
    bitset_free(&a->free);
}

int falloc_free_all(struct falloc *a)
{
    CHECK(!a->append);
    if (a->next > FILE_PAGE_END_IN_PLACE)
        return ELOQ_NO_SPACE;
    TRY(bitset_grow(&a->free, a->next));
    for (uint64_t n = 0; n < a->next; n++)
        bitset_add(&a->free, n);
    a->used_end = 0;
    return ELOQ_OK;
}

bool falloc_use(struct falloc *a, struct file_page place)
{
    CHECK(!a->append);
    if (place.n >= a->next || place.n >= a->free.size || !bitset_has(&a->free, place.n))
        return false;
    bitset_remove(&a->free, place.n);
    a->used_end = MAX(a->used_end, place.n + 1);
    return true;
}

int falloc_take(struct falloc *a, struct file_page *ret)
{
    if (!a->append && a->free.count > 0) {
        *ret = file_page(bitset_next(&a->free, 0));
        bitset_remove(&a->free, ret->n);
        a->used_end = MAX(a->used_end, ret->n + 1);
        return ELOQ_OK;
    }
    if (a->next >= (a->append ? FILE_PAGE_END : FILE_PAGE_END_IN_PLACE))
        return ELOQ_NO_SPACE;
    /* Room to give it back is made now: giving cannot fail. */
    if (!a->append)
        TRY(bitset_grow(&a->free, a->next + 1));
    *ret = file_page(a->next++);
    a->used_end = a->next;
    return ELOQ_OK;
}

uint64_t falloc_used_end(struct falloc *a)
{
    CHECK(!a->append);
    while (a->used_end > 0 && a->used_end <= a->free.size && bitset_has(&a->free, a->used_end - 1))
        a->used_end--;
    return a->used_end;
}

bool falloc_cut(struct falloc *a, uint64_t steps)
{
    uint64_t end = falloc_used_end(a);

    for (; a->next > end && steps > 0; steps--)
        bitset_remove(&a->free, --a->next);
    return a->next > end;
}

void falloc_give(struct falloc *a, struct file_page place)
{
    if (a->append)
        return;
    CHECK(place.n < a->next);
    /* Only places from before the open can lie beyond the set. */
    if (place.n >= a->free.size && bitset_grow(&a->free, place.n + 1) < 0) {
        a->leaked++;
        return;
    }
    CHECK(!bitset_has(&a->free, place.n));
    bitset_add(&a->free, place.n);
}
