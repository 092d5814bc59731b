/* tree/descend.c -- from the root to the leaf that holds a key, with the bounds of that leaf. */
#include "tree/descend.h"

#include <string.h>

#include "base/slice.h"
#include "page/index.h"
#include "tree/buffers.h"

static void begin(struct descent *d)
{
    d->depth = 0;
    d->leaf = page_id(NO_PAGE);
    d->lower = d->upper = eloq_bytes(NULL, 0);
    d->spot = (struct leaf_spot){ 0 };
}

void descent_init_in(struct descent *d, uint8_t *memory, uint32_t page_bytes)
{
    d->scratch = memory;
    d->lower_bytes = memory + 2 * (size_t)page_bytes;
    d->upper_bytes = memory + 3 * (size_t)page_bytes;
    begin(d);
}

int descent_init(struct task *t, struct descent *d, uint32_t page_bytes)
{
    uint8_t *memory = arena_alloc(&t->arena, DESCENT_PAGES * (size_t)page_bytes);

    if (!memory)
        return task_no_memory(t);
    descent_init_in(d, memory, page_bytes);
    return ELOQ_OK;
}

/* Takes over the bounds of the child that was found; false if they are not inside those so far. */
static bool narrow(struct descent *d, const struct index_found *found)
{
    if (found->lower.size != 0) {
        if (slice_compare(found->lower, d->lower) <= 0)
            return false;
        if (d->upper.size != 0 && slice_compare(found->lower, d->upper) >= 0)
            return false;
    }
    if (found->upper.size != 0) {
        if (slice_compare(found->upper, d->lower) <= 0)
            return false;
        if (d->upper.size != 0 && slice_compare(found->upper, d->upper) >= 0)
            return false;
    }
    if (found->lower.size != 0) {
        copy_short(d->lower_bytes, found->lower.data, found->lower.size);
        d->lower = eloq_bytes(d->lower_bytes, found->lower.size);
    }
    if (found->upper.size != 0) {
        copy_short(d->upper_bytes, found->upper.data, found->upper.size);
        d->upper = eloq_bytes(d->upper_bytes, found->upper.size);
    }
    return true;
}

/* Searches an index page. With `to_leaf` unset, a page above the leaves is left alone. ELOQ_OK or
 * ELOQ_CORRUPTED. */
static int search_page(struct descent *d, const struct cached_page *page, eloq_slice key,
                       bool below, bool to_leaf, struct page_id *ret_child, bool *ret_above_leaves)
{
    struct index_found found;

    *ret_above_leaves = page->index.above_leaves;
    if (!to_leaf && *ret_above_leaves)
        return ELOQ_OK;
    TRY(index_seek(&page->index, key, below, d->scratch, &found));
    if (!narrow(d, &found))
        return ELOQ_CORRUPTED;
    bool is_inner = found.lower.size != 0 && found.upper.size != 0;
    d->spot = (struct leaf_spot){ is_inner ? page->number : 0, found.slot };
    *ret_child = found.child;
    d->prev = found.before;
    d->next = found.behind;
    return ELOQ_OK;
}

static int search(struct task *t, struct snapshot *s, struct descent *d, struct page_id id,
                  eloq_slice key, bool below, bool to_leaf, struct page_id *ret_child,
                  bool *ret_above_leaves)
{
    const struct part_env *env = s->part->env;
    struct cached_page *page;

    TRY(pages_pin_index(t, s, id, &page));
    int rc = page_cache_open(page, env->shape.page_bytes)
                 ? search_page(d, page, key, below, to_leaf, ret_child, ret_above_leaves)
                 : ELOQ_CORRUPTED;
    page_cache_unpin(env->cache, page);
    return rc < 0 ? pages_fail(t, s, id, "malformed index page, or out of its parent's bounds")
                  : ELOQ_OK;
}

static bool on_path(const struct descent *d, struct page_id id)
{
    for (uint32_t i = 0; i < d->depth; i++) {
        if (d->path[i].n == id.n)
            return true;
    }
    return false;
}

int descend_damage(struct task *t, int rc, eloq_slice lower, eloq_slice upper)
{
    if (rc == ELOQ_CORRUPTED || rc == ELOQ_IO)
        err_range(&t->err, lower, upper);
    return rc;
}

/* One step down from index page `id`: ELOQ_OK with the child. */
static int step(struct task *t, struct snapshot *s, struct descent *d, struct page_id id,
                eloq_slice key, bool below, bool to_leaf, struct page_id *ret_child,
                bool *ret_above_leaves)
{
    if (d->depth == TREE_DEPTH_MAX)
        return pages_fail(t, s, id, "tree is too deep");
    if (on_path(d, id))
        return pages_fail(t, s, id, "index page is its own ancestor");
    d->path[d->depth++] = id;
    return search(t, s, d, id, key, below, to_leaf, ret_child, ret_above_leaves);
}

static int walk(struct task *t, struct snapshot *s, struct page_id root, eloq_slice key, bool below,
                bool to_leaf, struct descent *d)
{
    bool above_leaves = false;
    struct page_id id = root;

    begin(d);
    while (!above_leaves) {
        struct page_id child = page_id(NO_PAGE);
        int rc = step(t, s, d, id, key, below, to_leaf, &child, &above_leaves);
        if (rc < 0)
            return descend_damage(t, rc, d->lower, d->upper);
        id = child;
    }
    d->leaf = id;
    return ELOQ_OK;
}

int descend(struct task *t, struct snapshot *s, struct page_id root, eloq_slice key, bool below,
            struct descent *d)
{
    return walk(t, s, root, key, below, true, d);
}

bool descend_in_memory(struct snapshot *s, struct page_id root, eloq_slice key, struct descent *d)
{
    bool above_leaves = false;
    struct page_id id = root;

    begin(d);
    while (!above_leaves) {
        struct page_id child = page_id(NO_PAGE);
        const struct cached_page *page = d->depth < TREE_DEPTH_MAX ? pages_peek_index(s, id) : NULL;
        if (!page || search_page(d, page, key, false, true, &child, &above_leaves) < 0)
            return false;
        d->path[d->depth++] = id;
        id = child;
    }
    d->leaf = id;
    return true;
}

int descend_index(struct task *t, struct snapshot *s, struct page_id root, eloq_slice key,
                  bool below, struct descent *d)
{
    return walk(t, s, root, key, below, false, d);
}

/* An id that is not mapped is the index page's own fault, and costs the keys below it alone. */
static bool is_neighbour(const struct snapshot *s, struct page_id link, struct page_id told,
                         eloq_slice bound)
{
    struct file_page ignored;
    if (told.n != NO_PAGE)
        return link.n == told.n || !mapping_get(&s->map, told, &ignored);
    return (link.n == NO_PAGE) == (bound.size == 0);
}

bool descend_is_linked(const struct snapshot *s, const struct leaf *leaf,
                       const struct leaf_frame *frame)
{
    return is_neighbour(s, leaf->prev, frame->prev, frame->lower)
           && is_neighbour(s, leaf->next, frame->next, frame->upper);
}

/* What is wrong with an opened data page, or NULL. */
static const char *check_frame(const struct snapshot *s, const struct leaf *leaf,
                               const struct leaf_frame *frame, uint8_t *key_buffer)
{
    struct leaf_cursor c;

    leaf_cursor_init(&c, leaf, key_buffer);
    if (leaf_next(&c) != ELOQ_OK)
        return "malformed data page";
    eloq_slice first = c.entry.key;
    if (slice_compare(first, frame->lower) < 0
        || (frame->upper.size != 0 && slice_compare(first, frame->upper) >= 0))
        return "data page out of its parent's bounds";
    if (!descend_is_linked(s, leaf, frame))
        return "data page is linked otherwise than its parent says";
    return NULL;
}

bool descend_try_leaf(const struct snapshot *s, const uint8_t *page, const struct leaf_frame *frame,
                      uint8_t *key_buffer, struct leaf *ret)
{
    return leaf_open(ret, page, s->part->env->shape.page_bytes) == ELOQ_OK
           && !check_frame(s, ret, frame, key_buffer);
}

int descend_open_leaf(struct task *t, struct snapshot *s, struct page_id id, const uint8_t *page,
                      const struct leaf_frame *frame, uint8_t *key_buffer, struct leaf *ret)
{
    const char *fault = leaf_open(ret, page, s->part->env->shape.page_bytes) < 0
                            ? "malformed data page"
                            : check_frame(s, ret, frame, key_buffer);

    if (!fault)
        return ELOQ_OK;
    return descend_damage(t, pages_fail(t, s, id, fault), frame->lower, frame->upper);
}

/* The leaf that the descent has found. */
static int open_found(struct task *t, struct snapshot *s, const struct descent *d,
                      const uint8_t *page, struct leaf *ret)
{
    struct leaf_frame frame = descend_frame(d);
    return descend_open_leaf(t, s, d->leaf, page, &frame, d->scratch, ret);
}

/* Whether the next check of this leaf, found at the same spot, would look at the same bytes. */
static bool is_final(const struct descent *d, const struct leaf *leaf)
{
    return d->spot.index_page != 0 && (d->prev.n == NO_PAGE || d->prev.n == leaf->prev.n)
           && (d->next.n == NO_PAGE || d->next.n == leaf->next.n);
}

static bool is_checked(const struct leaf_page *page, const struct descent *d)
{
    return d->spot.index_page != 0 && page->checked.index_page == d->spot.index_page
           && page->checked.slot == d->spot.slot;
}

static void open_kept(struct leaf_page *page, uint32_t page_bytes)
{
    page->is_open = leaf_open(&page->leaf, page->data, page_bytes) == ELOQ_OK;
    for (uint32_t i = 0; page->is_open && i < LEAF_REGIONS_NEAR; i++)
        page->regions[i] = (uint16_t)leaf_region(&page->leaf, MIN(i, page->leaf.restart_count - 1));
}

static bool check_kept(struct snapshot *s, struct leaf_page *page, const struct descent *d)
{
    struct leaf_frame frame = descend_frame(d);

    if (!page->is_open)
        open_kept(page, s->part->env->shape.page_bytes);
    if (!page->is_open || check_frame(s, &page->leaf, &frame, d->scratch))
        return false;
    if (is_final(d, &page->leaf))
        page->checked = d->spot;
    return true;
}

struct leaf_page *descend_pin_leaf(struct snapshot *s, const struct descent *d, struct leaf *ret)
{
    struct leaf_page *page = pages_pin_leaf(s, d->leaf);

    if (!page)
        return NULL;
    __builtin_prefetch(page->data + page->leaf.entries_end); /* what is looked at, all at once */
    for (unsigned i = 0; i < LEAF_REGIONS_NEAR; i++)
        __builtin_prefetch(page->data + page->regions[i]);
    if (!is_checked(page, d) && !check_kept(s, page, d)) {
        leaf_cache_unpin(page);
        return NULL;
    }
    *ret = page->leaf;
    return page;
}

int descend_read_leaf(struct task *t, struct snapshot *s, const struct descent *d, uint8_t *page,
                      struct leaf *ret)
{
    int rc = pages_read(t, s, d->leaf, PAGE_DATA, page);
    if (rc < 0)
        return descend_damage(t, rc, d->lower, d->upper);
    return open_found(t, s, d, page, ret);
}

void descend_let_go(struct snapshot *s, struct held_leaf *h)
{
    if (h->kept)
        leaf_cache_unpin(h->kept);
    else if (!h->is_read || !pages_keep_leaf(s, h->id, h->page))
        buffers_give(s->part->env, &h->page, 1);
    *h = (struct held_leaf){ 0 };
}

int descend_hold_leaf(struct task *t, struct snapshot *s, const struct descent *d,
                      struct held_leaf *h, struct leaf *ret)
{
    int rc = ELOQ_OK;

    descend_let_go(s, h);
    h->id = d->leaf;
    h->kept = pages_pin_leaf(s, d->leaf);
    if (!h->kept) {
        TRY(buffers_take_one(t, s->part->env, &h->page));
        rc = pages_read_stored(t, s, d->leaf, PAGE_DATA, h->page);
        h->is_read = rc == ELOQ_OK;
    }
    if (rc < 0)
        return descend_damage(t, rc, d->lower, d->upper);
    return open_found(t, s, d, h->kept ? h->kept->data : h->page, ret);
}
