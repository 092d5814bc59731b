/* eloqstore/repair_orphans.c -- leaves below damaged index pages, which nothing leads to any more.
 *
 * The mapping still names them. A leaf that no walk met and whose keys lie in a gap belongs there;
 * the links between the leaves tell where none is missing, so that nothing is called lost that is
 * not:
 *
 *     left neighbour -> orphan -> orphan      orphan -> right neighbour
 *                                        lost
 */
#include <stdlib.h>

#include "repair.h"

struct orphan {
    size_t gap;
    struct page_id id;
    uint32_t prev, next;
    eloq_slice first, last; /* in lost.arena */
};

struct orphans {
    struct orphan *items;
    size_t count, capacity;
};

/* The gap that holds both keys, or gaps.count. */
static size_t find_gap(const struct salvage *s, eloq_slice first, eloq_slice last)
{
    size_t i = 0;
    for (; i < s->gaps.count; i++) {
        const struct gap *g = &s->gaps.items[i];
        if (slice_compare(first, g->lower) >= 0
            && (g->upper.size == 0 || slice_compare(last, g->upper) < 0))
            break;
    }
    return i;
}

/* Looks at a page that no walk met. */
static int look(struct salvage *s, struct page_id id, struct orphans *list)
{
    struct leaf leaf;
    struct orphan o = { .id = id };
    eloq_slice first, last;
    enum page_state state = salvage_read(s, id, PAGE_DATA, PAGE_DATA, s->page);
    if (state == PAGE_FAILED)
        return CLI_FAILED;
    if (state == PAGE_IS_BAD || (s->ttl_is_broken && salvage_looks_ttl(s, s->page))
        || !salvage_leaf_bounds(s, s->page, &leaf, &first, &last))
        return 0;
    o.gap = find_gap(s, first, last);
    if (o.gap == s->gaps.count)
        return 0;
    o.prev = leaf.prev.n;
    o.next = leaf.next.n;
    int code = salvage_keep(s, first, &o.first);
    if (code == 0)
        code = salvage_keep(s, last, &o.last);
    if (code == 0)
        code = salvage_grow(s, &list->items, list->count, &list->capacity, sizeof(o));
    if (code == 0)
        list->items[list->count++] = o;
    return code;
}

static int by_first(const void *a, const void *b)
{
    const struct orphan *x = a, *y = b;
    if (x->gap != y->gap)
        return x->gap < y->gap ? -1 : 1;
    return slice_compare(x->first, y->first);
}

/* Where the gap stands filled: up to the end of a leaf, which may name the next one. */
struct filled {
    eloq_slice to; /* the last key that is not lost, or the gap's lower bound */
    bool is_key;   /* it is a key */
    uint32_t left, left_next;
    bool has_left_next;
};

static int lost_behind(struct salvage *s, const struct filled *f, eloq_slice to)
{
    if (!f->is_key)
        return salvage_lost(s, f->to, to);
    uint8_t *next = arena_zalloc(&s->lost.arena, f->to.size + 1);
    if (!next)
        return cli_fail(CLI_FAILED, "out of memory");
    memcpy(next, f->to.data, f->to.size);
    return salvage_lost(s, eloq_bytes(next, f->to.size + 1), to);
}

static int take_orphan(struct salvage *s, const struct orphan *o, struct filled *f)
{
    bool is_next = o->prev == f->left && (!f->has_left_next || f->left_next == o->id.n);
    int code = 0;
    if (f->is_key && slice_compare(o->first, f->to) <= 0)
        return 0; /* beside another: a page that was left over */
    if (!is_next)
        code = lost_behind(s, f, o->first);
    enum page_state state = salvage_read(s, o->id, PAGE_DATA, PAGE_DATA, s->page);
    if (code == 0 && state != PAGE_IS_GOOD)
        code = cli_fail(CLI_FAILED, "a page could be read once, but not again");
    if (code == 0)
        code = salvage_leaf(s, s->page);
    *f = (struct filled){ o->last, true, o->id.n, o->next, true };
    return code;
}

static int fill_gap(struct salvage *s, const struct gap *g, const struct orphan *orphans,
                    size_t count)
{
    struct filled f = { g->lower, false, g->left, g->left_next, g->has_left_next };
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++)
        code = take_orphan(s, &orphans[i], &f);
    if (code == 0 && !(f.has_left_next && f.left_next == g->right))
        code = lost_behind(s, &f, g->upper);
    return code;
}

int salvage_gaps(struct salvage *s)
{
    struct orphans list = { 0 };
    int code = s->gaps.count > 0 ? salvage_walk(s, true) : 0;
    for (uint32_t id = 0; id < s->state.page_count && code == 0 && s->gaps.count > 0; id++) {
        if (s->state.values[id] != MAPPING_FREE && !bitset_has(&s->seen, id))
            code = look(s, page_id(id), &list);
    }
    if (list.count > 1)
        qsort(list.items, list.count, sizeof(*list.items), by_first);
    size_t at = 0;
    for (size_t i = 0; i < s->gaps.count && code == 0; i++) {
        size_t end = at;
        while (end < list.count && list.items[end].gap == i)
            end++;
        code = fill_gap(s, &s->gaps.items[i], list.count ? list.items + at : NULL, end - at);
        at = end;
    }
    mem_free(&s->repair->cli->mem, list.items);
    return code;
}
