/* eloqstore/repair_walk.c -- a tree from its root down: its pairs; what cannot be read is lost, or
 * a gap when leaves may be found in another way. */
#include <stdio.h>

#include "repair.h"

/* An index page on the way down. */
struct level {
    uint8_t *page, *key, *lower_bytes; /* page_bytes each */
    struct index index;
    struct index_cursor cursor;
    eloq_slice upper;      /* of the page */
    eloq_slice next_lower; /* of the child the cursor stands on */
    bool used_up;
};

struct walk {
    struct salvage *s;
    bool is_ttl;
    struct level *levels[TREE_DEPTH_MAX];
    uint32_t depth;
    uint32_t left, left_next; /* the leaf before; left_next if has_left_next: it could be read */
    bool has_left_next;
    bool gap_is_open; /* nothing came after the last gap yet */
};

static int no_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

/* ---- leaves ------------------------------------------------------------------------------------
 */

bool salvage_leaf_bounds(struct salvage *s, const uint8_t *page, struct leaf *ret,
                         eloq_slice *ret_first, eloq_slice *ret_last)
{
    uint32_t page_bytes = s->repair->format.data_page_size;
    struct leaf_cursor c;
    if (leaf_verify(page, page_bytes, s->key) < 0 || leaf_open(ret, page, page_bytes) < 0)
        return false;
    leaf_cursor_init(&c, ret, s->key2);
    if (leaf_seek_floor(&c, eloq_bytes(NULL, 0), false) != ELOQ_OK)
        return false;
    *ret_last = c.entry.key;
    leaf_cursor_init(&c, ret, s->key);
    if (leaf_next(&c) != ELOQ_OK)
        return false;
    *ret_first = c.entry.key;
    return true;
}

bool salvage_looks_ttl(struct salvage *s, const uint8_t *page)
{
    struct leaf leaf;
    struct leaf_cursor c;
    if (leaf_open(&leaf, page, s->repair->format.data_page_size) < 0)
        return false;
    leaf_cursor_init(&c, &leaf, s->key);
    while (leaf_next(&c) == ELOQ_OK) {
        const struct entry *e = &c.entry;
        if (e->key.size <= 8 || e->value.size != 0 || e->timestamp != 0 || e->expire_at != 0
            || e->is_overflow)
            return false;
    }
    return true;
}

int salvage_leaf(struct salvage *s, const uint8_t *page)
{
    struct leaf leaf;
    struct leaf_cursor c;
    int code = 0;
    if (leaf_open(&leaf, page, s->repair->format.data_page_size) < 0)
        return 0;
    leaf_cursor_init(&c, &leaf, s->key);
    while (code == 0 && leaf_next(&c) == ELOQ_OK)
        code = salvage_pair(s, &c.entry);
    return code;
}

static bool is_inside(eloq_slice key, eloq_slice lower, eloq_slice upper)
{
    return slice_compare(key, lower) >= 0 && (upper.size == 0 || slice_compare(key, upper) < 0);
}

/* Marks the page as met: false if that is the second time, or it is no page. */
static bool reach(struct salvage *s, struct page_id id)
{
    if (id.n >= s->state.page_count || bitset_has(&s->seen, id.n))
        return false;
    bitset_add(&s->seen, id.n);
    return true;
}

static int visit_leaf(struct walk *w, struct page_id id, eloq_slice lower, eloq_slice upper)
{
    struct salvage *s = w->s;
    struct leaf leaf;
    eloq_slice first, last;
    enum page_state state =
        reach(s, id) ? salvage_read(s, id, PAGE_DATA, PAGE_DATA, s->page) : PAGE_IS_BAD;
    if (state == PAGE_FAILED)
        return CLI_FAILED;
    bool is_good = state == PAGE_IS_GOOD && salvage_leaf_bounds(s, s->page, &leaf, &first, &last)
                   && is_inside(first, lower, upper) && is_inside(last, lower, upper);
    if (w->gap_is_open)
        s->gaps.items[s->gaps.count - 1].right = id.n;
    w->gap_is_open = false;
    w->left = id.n;
    w->left_next = is_good ? leaf.next.n : NO_PAGE;
    w->has_left_next = is_good;
    if (w->is_ttl) {
        s->ttl_is_broken |= !is_good;
        return 0;
    }
    return is_good ? salvage_leaf(s, s->page) : salvage_lost(s, lower, upper);
}

/* ---- the index ---------------------------------------------------------------------------------
 */

/* What lies below an index page that cannot be read. */
static int add_gap(struct walk *w, eloq_slice lower, eloq_slice upper)
{
    struct salvage *s = w->s;
    if (w->is_ttl) {
        s->ttl_is_broken = true;
        return 0;
    }
    if (w->gap_is_open)
        return salvage_keep(s, upper, &s->gaps.items[s->gaps.count - 1].upper);
    struct gap gap = { .left = w->left,
                       .left_next = w->left_next,
                       .has_left_next = w->has_left_next,
                       .right = NO_PAGE };
    int code = salvage_keep(s, lower, &gap.lower);
    if (code == 0)
        code = salvage_keep(s, upper, &gap.upper);
    if (code == 0)
        code = salvage_grow(s, &s->gaps.items, s->gaps.count, &s->gaps.capacity, sizeof(gap));
    if (code != 0)
        return code;
    s->gaps.items[s->gaps.count++] = gap;
    w->gap_is_open = true;
    return 0;
}

static int level_new(struct walk *w, struct level **ret)
{
    struct mem *mem = &w->s->repair->cli->mem;
    size_t page_bytes = w->s->repair->format.data_page_size;
    struct level *l = mem_zalloc(mem, MEM_OTHER, sizeof(*l) + 3 * page_bytes);
    if (!l)
        return no_memory();
    l->page = (uint8_t *)(l + 1);
    l->key = l->page + page_bytes;
    l->lower_bytes = l->key + page_bytes;
    *ret = l;
    return 0;
}

static int enter(struct walk *w, struct page_id id, eloq_slice lower, eloq_slice upper)
{
    struct salvage *s = w->s;
    uint32_t page_bytes = s->repair->format.data_page_size;
    if (w->depth == TREE_DEPTH_MAX || !reach(s, id))
        return add_gap(w, lower, upper);
    if (!w->levels[w->depth]) {
        int code = level_new(w, &w->levels[w->depth]);
        if (code != 0 || !w->levels[w->depth])
            return code;
    }
    struct level *l = w->levels[w->depth];
    enum page_state state = salvage_read(s, id, PAGE_INNER_INDEX, PAGE_LEAF_INDEX, l->page);
    if (state == PAGE_FAILED)
        return CLI_FAILED;
    if (state == PAGE_IS_BAD || index_verify(l->page, page_bytes, l->key) < 0
        || index_open(&l->index, l->page, page_bytes) < 0)
        return add_gap(w, lower, upper);
    l->upper = upper;
    l->next_lower = lower;
    index_cursor_init(&l->cursor, &l->index, l->key);
    l->used_up = index_next(&l->cursor) != ELOQ_OK;
    w->depth++;
    return 0;
}

/* The next child with its bounds, valid until the next call; false: no more. What follows a
 * separator out of bounds is a gap. */
static bool next_child(struct walk *w, struct level *l, struct page_id *ret_child,
                       eloq_slice *ret_lower, eloq_slice *ret_upper, int *ret_code)
{
    if (l->used_up)
        return false;
    if (l->next_lower.size != 0)
        memcpy(l->lower_bytes, l->next_lower.data, l->next_lower.size);
    *ret_lower = eloq_bytes(l->lower_bytes, l->next_lower.size);
    *ret_child = l->cursor.child;
    l->used_up = index_next(&l->cursor) != ELOQ_OK;
    *ret_upper = l->used_up ? l->upper : l->cursor.separator;
    l->next_lower = *ret_upper;
    if (l->used_up
        || (slice_compare(*ret_lower, *ret_upper) < 0
            && (l->upper.size == 0 || slice_compare(*ret_upper, l->upper) < 0)))
        return true;
    l->used_up = true;
    *ret_code = add_gap(w, *ret_lower, l->upper);
    return false;
}

static int walk_levels(struct walk *w, struct page_id root)
{
    int code = enter(w, root, eloq_bytes(NULL, 0), eloq_bytes(NULL, 0));
    while (code == 0 && w->depth > 0) {
        struct level *l = w->levels[w->depth - 1];
        struct page_id child;
        eloq_slice lower, upper;
        if (!next_child(w, l, &child, &lower, &upper, &code))
            w->depth--;
        else if (l->index.above_leaves)
            code = visit_leaf(w, child, lower, upper);
        else
            code = enter(w, child, lower, upper);
    }
    return code;
}

int salvage_walk(struct salvage *s, bool is_ttl)
{
    struct walk w = { .s = s, .is_ttl = is_ttl, .left = NO_PAGE, .left_next = NO_PAGE };
    struct page_id root = s->state.root[is_ttl ? 1 : 0];
    int code = root.n == NO_PAGE ? 0 : walk_levels(&w, root);
    for (uint32_t i = 0; i < TREE_DEPTH_MAX; i++)
        mem_free(&s->repair->cli->mem, w.levels[i]);
    return code;
}
