/* tree/truncate.c -- cuts the main tree at a key. Specification: engine.md 8.1.
 *
 * The leaf that holds the key keeps what is below it; everything to the right of the path goes: its
 * leaves are read, a window at a time, for the overflow pages and TTL keys they own. Then the index
 * pages of the path are rebuilt without those children, bottom up.
 */
#include "tree/apply_private.h"

#define WINDOW_LEAVES 32

/* Pages of subtrees still to be dropped: a stack, at most one index page's children a level. */
struct doomed {
    struct page_id id;
    uint32_t level; /* 0: a leaf */
};
struct doomed_stack {
    struct doomed *items;
    size_t count, capacity;
};

static int push(struct applier *a, struct doomed_stack *stack, struct page_id id, uint32_t level)
{
    TRY(applier_grow(a, &stack->items, stack->count, &stack->capacity, sizeof(stack->items[0])));
    stack->items[stack->count++] = (struct doomed){ id, level };
    return ELOQ_OK;
}

/* Frees what the pairs from `from` on own (empty: all of them); the others go to the packer if
 * `keep`, which may push pages at once: so the leaf is the last one from the beginning. */
static int drop_pairs(struct applier *a, struct touched *leaf, eloq_slice from, bool keep,
                      bool *ret_changed)
{
    struct leaf opened;
    struct leaf_cursor cursor;
    if (leaf_open(&opened, leaf->page, a->shape->page_bytes) < 0)
        return pages_fail(a->t, a->w->base, leaf->id, "malformed data page");
    leaf->prev = opened.prev;
    leaf->next = page_id(NO_PAGE);
    *ret_changed = opened.next.n != NO_PAGE;
    leaf_cursor_init(&cursor, &opened, a->key_buffer);
    int rc;
    while ((rc = leaf_next(&cursor)) == ELOQ_OK) {
        struct entry entry = cursor.entry;
        if (!keep || slice_compare(entry.key, from) >= 0) {
            *ret_changed = true;
            TRY(leaf_drop_stored(a, &entry));
            continue;
        }
        entry.key.data = arena_copy(&a->leaf, entry.key.data, entry.key.size);
        if (!entry.key.data)
            return task_no_memory(a->t);
        TRY(leaf_pack_add(a, leaf, &entry));
    }
    return rc < 0 ? pages_fail(a->t, a->w->base, leaf->id, "malformed data page") : ELOQ_OK;
}

/* A leaf that cannot be read goes all the same, since all of it is to go; what its pairs owned
 * stays behind: overflow pages and TTL keys that tree_check tells of. */
static int drop_leaf(struct applier *a, const struct page_read *read)
{
    struct touched leaf = { .id = read->id, .page = read->data };
    bool changed = false;
    if (read->rc == ELOQ_OK)
        TRY(drop_pairs(a, &leaf, eloq_bytes(NULL, 0), false, &changed));
    return wtx_free_page(a->t, a->w, leaf.id);
}

/* Whether any of them failed for another reason than damage of its own. */
static int read_leaves(struct applier *a, struct page_read *reads, size_t n)
{
    if (pages_read_many(a->t, a->w->base, PAGE_DATA, reads, n) == ELOQ_OK)
        return ELOQ_OK;
    for (size_t i = 0; i < n; i++) {
        if (reads[i].rc == ELOQ_OK || reads[i].rc == ELOQ_CORRUPTED)
            continue;
        /* Once more alone, so that the words are about this page. */
        reads[i].rc = pages_read(a->t, a->w->base, reads[i].id, PAGE_DATA, reads[i].data);
        if (reads[i].rc < 0 && reads[i].rc != ELOQ_CORRUPTED)
            return reads[i].rc;
    }
    return ELOQ_OK;
}

static int drop_leaves(struct applier *a, const struct doomed *leaves, size_t count)
{
    struct page_read reads[WINDOW_LEAVES];
    size_t n = 0;
    int rc = ELOQ_OK;
    for (; n < count && rc >= 0; n++) {
        reads[n] = (struct page_read){ .id = leaves[n].id };
        rc = wtx_new_page(a->t, a->w, &reads[n].data);
        if (rc < 0)
            break;
    }
    if (rc >= 0)
        rc = read_leaves(a, reads, n);
    for (size_t i = 0; i < n; i++) {
        if (rc >= 0)
            rc = drop_leaf(a, &reads[i]);
        wtx_drop_page(a->w, reads[i].data);
    }
    return rc;
}

/* A copy of an index page, opened; the buffer is the caller's to drop, also on failure. */
static int open_index(struct applier *a, struct page_id id, uint32_t level, uint8_t **ret_page,
                      struct index *ret)
{
    TRY(wtx_new_page(a->t, a->w, ret_page));
    TRY(pages_copy_index(a->t, a->w->base, id, *ret_page));
    if (index_open(ret, *ret_page, a->shape->page_bytes) < 0 || ret->above_leaves != (level == 1))
        return pages_fail(a->t, a->w->base, id, "malformed index page");
    return ELOQ_OK;
}

/* Pushes the children of an index page that come after `after` (NO_PAGE: all), last first. With a
 * list, notes in it that they are gone. */
static int push_children(struct applier *a, struct page_id id, uint32_t level, struct page_id after,
                         struct doomed_stack *stack, struct child_changes *list,
                         const struct child_change *change)
{
    uint8_t *page = NULL;
    struct index index;
    struct index_cursor cursor;
    bool found = after.n == NO_PAGE;
    size_t first = stack->count;
    int step = ELOQ_END;
    int rc = open_index(a, id, level, &page, &index);
    if (rc >= 0)
        index_cursor_init(&cursor, &index, a->key_buffer);
    while (rc >= 0 && (step = index_next(&cursor)) == ELOQ_OK) {
        if (found)
            rc = push(a, stack, cursor.child, level - 1);
        if (found && list && rc >= 0) {
            struct child_change gone = *change;
            gone.anchor = cursor.child;
            rc = child_changes_add(a, list, &gone);
        }
        found = found || cursor.child.n == after.n;
    }
    if (rc >= 0 && step < 0)
        rc = pages_fail(a->t, a->w->base, id, "malformed index page");
    wtx_drop_page(a->w, page);
    if (rc < 0)
        return rc;
    for (size_t i = first, j = stack->count; i + 1 < j; i++) {
        struct doomed swap = stack->items[i];
        stack->items[i] = stack->items[--j];
        stack->items[j] = swap;
    }
    return ELOQ_OK;
}

/* Drops everything on the stack. */
static int drop_subtrees(struct applier *a, struct doomed_stack *stack)
{
    struct doomed leaves[WINDOW_LEAVES];
    size_t n = 0;
    const struct child_change none = { 0 };
    while (stack->count > 0) {
        struct doomed top = stack->items[--stack->count];
        if (top.level == 0) {
            leaves[n++] = top;
        } else {
            TRY(push_children(a, top.id, top.level, page_id(NO_PAGE), stack, NULL, &none));
            TRY(wtx_free_page(a->t, a->w, top.id));
        }
        if (n == WINDOW_LEAVES || (n > 0 && stack->count == 0)) {
            TRY(drop_leaves(a, leaves, n));
            n = 0;
        }
    }
    return ELOQ_OK;
}

/* Cuts the leaf that holds `from`. Its right neighbours go, so that it becomes the last one. */
static int cut_leaf(struct applier *a, const struct descent *d, eloq_slice from)
{
    struct touched leaf = { .id = d->leaf, .depth = d->depth, .path = d->path };
    bool changed = false;
    TRY(wtx_new_page(a->t, a->w, &leaf.page));
    int rc = pages_read(a->t, a->w->base, leaf.id, PAGE_DATA, leaf.page);
    if (rc >= 0)
        rc = drop_pairs(a, &leaf, from, true, &changed);
    rc = descend_damage(a->t, rc, d->lower, d->upper);
    if (rc >= 0 && !changed && a->pack.pushed == 0)
        leaf_pack_reset(a); /* nothing at or above the key */
    else if (rc >= 0) {
        rc = leaf_pack_end(a, &leaf, false);
        if (rc >= 0 && a->pack.pushed == 0)
            rc = leaf_stream_removed(a, &leaf);
    }
    wtx_drop_page(a->w, leaf.page);
    return rc;
}

static int truncate_at(struct applier *a, struct descent *d, eloq_slice from)
{
    TRY(descent_init(a->t, d, a->shape->page_bytes));
    TRY(descend(a->t, a->w->base, a->w->base->root[TREE_MAIN], from, false, d));
    TRY(cut_leaf(a, d, from));

    struct doomed_stack stack = { 0 };
    struct child_changes changes = a->changes; /* what the cut leaf means for the page above it */
    const struct child_change change = { .path = d->path,
                                         .depth = d->depth,
                                         .added = page_id(NO_PAGE) };
    a->changes = (struct child_changes){ 0 };
    struct page_id child = d->leaf;
    int rc = ELOQ_OK;
    for (uint32_t level = 1; level <= d->depth && rc >= 0; level++) {
        struct page_id id = d->path[d->depth - level];
        struct child_changes up = { 0 };
        rc = push_children(a, id, level, child, &stack, &changes, &change);
        if (rc >= 0)
            rc = drop_subtrees(a, &stack);
        rc = descend_damage(a->t, rc, from, eloq_bytes(NULL, 0));
        if (rc >= 0 && changes.count > 0)
            rc = index_rebuild(a, level, changes.items, changes.count, &up);
        mem_free(a->keep.mem, changes.items);
        changes = up;
        child = id;
    }
    mem_free(a->keep.mem, changes.items);
    mem_free(a->keep.mem, stack.items);
    return rc;
}

int tree_truncate(struct task *t, struct wtx *w, eloq_slice from)
{
    if (w->base->root[TREE_MAIN].n == NO_PAGE)
        return ELOQ_OK;
    struct arena_mark mark = arena_mark(&t->arena);
    struct applier *a = arena_alloc(&t->arena, sizeof(*a));
    struct descent *d = arena_alloc(&t->arena, sizeof(*d));
    if (!a || !d)
        return task_no_memory(t);
    int rc = applier_init(a, t, w, TREE_MAIN, 0);
    if (rc >= 0)
        rc = truncate_at(a, d, from);
    if (rc >= 0)
        rc = applier_finish(a);
    applier_deinit(a);
    arena_reset(&t->arena, mark);
    return rc;
}
