/* tree/apply_index.c -- rebuilds the index above a batch's leaves, one level after the other.
 * Specification: format.md 9. */
#include "tree/apply_private.h"

#include <string.h>

#include "base/check.h"

/* A child on its way into an index page. */
struct child {
    eloq_slice separator; /* in a->keep, or in a->leaf for the page being rebuilt */
    struct page_id id;
};

struct children {
    struct child *items;
    size_t count, capacity;
    bool append; /* the last one is new: the tree grows at its end, so leave pages full */
    eloq_slice lower, upper; /* bounds of the page that move; empty = they stay */
};

static int add_child(struct applier *a, struct children *list, eloq_slice separator,
                     struct page_id id)
{
    TRY(applier_grow(a, &list->items, list->count, &list->capacity, sizeof(list->items[0])));
    list->items[list->count++] = (struct child){ .separator = separator, .id = id };
    return ELOQ_OK;
}

int child_changes_add(struct applier *a, struct child_changes *list,
                      const struct child_change *change)
{
    TRY(applier_grow(a, &list->items, list->count, &list->capacity, sizeof(list->items[0])));
    struct child_change *item = &list->items[list->count];
    *item = *change;
    if (change->path) {
        item->path = arena_copy(&a->keep, change->path, change->depth * sizeof(change->path[0]));
        if (!item->path)
            return task_no_memory(a->t);
    }
    list->count++;
    return ELOQ_OK;
}

/* Builds children from `from` on into `page` until one does not fit or `stop` bytes are used. */
static size_t build_page(struct applier *a, uint8_t *page, void *scratch, bool above_leaves,
                         const struct children *list, size_t from, size_t to, uint32_t stop,
                         uint32_t *ret_size)
{
    struct index_build build;
    index_build_init(&build, a->shape, above_leaves, page, scratch);
    while (from < to && index_build_size(&build) < stop
           && index_build_add(&build, list->items[from].separator, list->items[from].id))
        from++;
    *ret_size = index_build_size(&build);
    index_build_finish(&build);
    return from;
}

/* Where each page begins, into `starts` (list->count + 1 of them): full pages, the last two
 * balanced. Returns the number of pages. */
static size_t plan_pages(struct applier *a, uint8_t *page, void *scratch, bool above_leaves,
                         const struct children *list, size_t *starts)
{
    size_t pages = 0, at = 0;
    uint32_t size = 0, before = 0;
    while (at < list->count) {
        before = size;
        starts[pages++] = at;
        at = build_page(a, page, scratch, above_leaves, list, at, list->count, UINT32_MAX, &size);
    }
    starts[pages] = at;
    if (pages > 1 && !list->append && size < a->shape->page_bytes / 2) {
        uint32_t half = (before + size) / 2, ignored = 0;
        size_t split = build_page(a, page, scratch, above_leaves, list, starts[pages - 2],
                                  list->count - 1, half, &ignored);
        if (build_page(a, page, scratch, above_leaves, list, split, list->count, UINT32_MAX,
                       &ignored)
            == list->count)
            starts[pages - 1] = split;
    }
    return pages;
}

/* Writes the children into pages, the first with id `first` (NO_PAGE: a new one), and lists them.
 */
static int write_pages(struct applier *a, bool above_leaves, const struct children *list,
                       struct page_id first, struct children *ret)
{
    struct arena_mark mark = arena_mark(&a->leaf);
    void *scratch = arena_alloc(&a->leaf, index_build_scratch_bytes(a->shape->page_bytes));
    size_t *starts = arena_alloc(&a->leaf, (list->count + 1) * sizeof(*starts));
    uint8_t *page = NULL;
    int rc = scratch && starts ? wtx_new_page(a->t, a->w, &page) : task_no_memory(a->t);
    if (rc < 0)
        goto out;
    size_t pages = plan_pages(a, page, scratch, above_leaves, list, starts);
    for (size_t i = 0; i < pages && rc >= 0; i++) {
        struct page_id id = first;
        uint32_t size = 0;
        if (!page)
            rc = wtx_new_page(a->t, a->w, &page);
        if (rc >= 0 && (i > 0 || first.n == NO_PAGE))
            rc = wtx_new_id(a->t, a->w, &id);
        if (rc >= 0)
            rc = add_child(a, ret, list->items[starts[i]].separator, id);
        if (rc < 0)
            break;
        build_page(a, page, scratch, above_leaves, list, starts[i], starts[i + 1], UINT32_MAX,
                   &size);
        uint8_t *done = page;
        page = NULL;
        rc = wtx_put(a->t, a->w, id, done);
    }
    ret->append = list->append;
out:
    wtx_drop_page(a->w, page);
    arena_reset(&a->leaf, mark);
    return rc;
}

/* New levels above these children until one page is left: the root. Takes the list. */
static int build_root(struct applier *a, struct children *list, bool above_leaves)
{
    int rc = ELOQ_OK;
    bool is_page = above_leaves ? false : list->count == 1;
    for (uint32_t level = 0; rc >= 0 && !is_page; level++) {
        struct children up = { 0 };
        if (level == TREE_DEPTH_MAX)
            rc = task_fail(a->t, ELOQ_CORRUPTED, "tree is too deep table=%s partition=%u",
                           a->w->part->table, a->w->part->partition);
        else
            rc = write_pages(a, above_leaves, list, page_id(NO_PAGE), &up);
        mem_free(a->keep.mem, list->items);
        *list = up;
        above_leaves = false;
        is_page = list->count == 1;
    }
    if (rc >= 0)
        a->w->root[a->kind] = list->items[0].id;
    mem_free(a->keep.mem, list->items);
    return rc;
}

/* Whether an index page below `id`, itself included, along its right or left edge cannot be read.
 * `level` is that of `id`. */
static int is_edge_damaged(struct applier *a, struct page_id id, uint32_t level, bool right,
                           bool *ret)
{
    struct arena_mark mark = arena_mark(&a->leaf);
    uint8_t *keys = arena_alloc(&a->leaf, 2 * (size_t)a->shape->page_bytes);
    int rc = keys ? ELOQ_OK : task_no_memory(a->t);
    for (; level > 0 && rc == ELOQ_OK; level--) {
        struct cached_page *page;
        struct index index;
        struct index_found found;
        rc = pages_pin_index(a->t, a->w->base, id, &page);
        if (rc < 0)
            break;
        rc = index_open(&index, page->data, a->shape->page_bytes);
        if (rc == ELOQ_OK && right)
            rc = index_seek(&index, eloq_bytes(NULL, 0), true, keys, &found);
        if (rc == ELOQ_OK)
            id = right ? found.child : index.leftmost;
        page_cache_unpin(a->w->part->env->cache, page);
    }
    arena_reset(&a->leaf, mark);
    *ret = rc == ELOQ_CORRUPTED;
    return *ret ? ELOQ_OK : rc;
}

/* An index page's children while changes are merged in. */
struct merging {
    struct applier *a;
    uint32_t level; /* of the page */
    const struct child_change *changes;
    size_t left; /* of changes */
    struct children *list;
    struct page_id last; /* the old child that stayed last */
    eloq_slice bound;    /* where the next child is to begin; empty: where it does */
    bool has_gap;        /* a child before the next one went */
};

static bool is_next(const struct merging *m, struct page_id child, enum change_kind kind)
{
    return m->left > 0 && m->changes->anchor.n == child.n && m->changes->kind == kind;
}

static const struct child_change *take_change(struct merging *m)
{
    m->left--;
    return m->changes++;
}

/* A child went: its keys fall to the one before, or if there is none in this page to the next one.
 */
static int child_gone(struct merging *m, eloq_slice separator, eloq_slice bound)
{
    bool is_damaged = false;
    m->has_gap = true;
    if (bound.size == 0 && m->bound.size == 0 && m->level > 1 && m->list->count > 0)
        TRY(is_edge_damaged(m->a, m->last, m->level - 1, true, &is_damaged));
    if (is_damaged) {
        bound = eloq_bytes(arena_copy(&m->a->keep, separator.data, separator.size), separator.size);
        if (!bound.data)
            return task_no_memory(m->a->t);
    }
    if (bound.size != 0)
        m->bound = bound;
    return ELOQ_OK;
}

/* A child stays, or was kept back by nothing but its bound. */
static int child_stays(struct merging *m, eloq_slice separator, struct page_id child)
{
    bool is_damaged = false;
    separator.data = arena_copy(&m->a->keep, separator.data, separator.size);
    if (!separator.data)
        return task_no_memory(m->a->t);
    if (m->has_gap && m->bound.size == 0 && m->level > 1 && m->list->count == 0)
        TRY(is_edge_damaged(m->a, child, m->level - 1, false, &is_damaged));
    if (is_damaged)
        m->bound = separator;
    if (m->bound.size != 0 && m->list->count == 0)
        m->list->lower = m->bound;
    else if (m->bound.size != 0)
        separator = m->bound;
    m->bound = eloq_bytes(NULL, 0);
    m->has_gap = false;
    m->last = child;
    return add_child(m->a, m->list, separator, child);
}

static int merge_child(struct merging *m, eloq_slice separator, struct page_id child)
{
    m->list->append = false;
    if (is_next(m, child, CHANGE_BEFORE))
        m->bound = take_change(m)->separator;
    if (is_next(m, child, CHANGE_CHILD) && m->changes->added.n == NO_PAGE)
        return child_gone(m, separator, take_change(m)->separator);
    TRY(child_stays(m, separator, child));
    while (is_next(m, child, CHANGE_CHILD)) {
        const struct child_change *change = take_change(m);
        TRY(add_child(m->a, m->list, change->separator, change->added));
        m->list->append = true;
    }
    if (is_next(m, child, CHANGE_BEHIND))
        m->bound = take_change(m)->separator;
    return ELOQ_OK;
}

/* The old children of an index page with the changes merged in. Separators are copied to a->keep,
 * since some may go up. `page` is a copy of it. */
static int merge_children(struct applier *a, struct page_id id, const uint8_t *page, uint32_t level,
                          const struct child_change *changes, size_t count, struct children *ret)
{
    struct merging m = { .a = a, .level = level, .changes = changes, .left = count, .list = ret };
    struct index index;
    struct index_cursor cursor;
    if (index_open(&index, page, a->shape->page_bytes) < 0 || index.above_leaves != (level == 1))
        return pages_fail(a->t, a->w->base, id, "malformed index page");
    index_cursor_init(&cursor, &index, a->key_buffer);
    int rc;
    while ((rc = index_next(&cursor)) == ELOQ_OK)
        TRY(merge_child(&m, cursor.separator, cursor.child));
    if (rc < 0 || m.left > 0)
        return pages_fail(a->t, a->w->base, id, "malformed index page");
    ret->upper = m.bound;
    return ELOQ_OK;
}

/* Notes in `up` what the rebuilt page means for the one above it. */
static int note_rebuilt(struct applier *a, const struct child_change *like,
                        const struct children *children, const struct children *pages,
                        struct child_changes *up)
{
    struct child_change change = *like;
    if (children->lower.size != 0) {
        change.kind = CHANGE_BEFORE;
        change.separator = children->lower;
        TRY(child_changes_add(a, up, &change));
    }
    change.kind = CHANGE_CHILD;
    for (size_t i = 1; i < pages->count; i++) {
        change.added = pages->items[i].id;
        change.separator = pages->items[i].separator;
        TRY(child_changes_add(a, up, &change));
    }
    if (children->upper.size == 0)
        return ELOQ_OK;
    change.kind = CHANGE_BEHIND;
    change.separator = children->upper;
    return child_changes_add(a, up, &change);
}

int index_rebuild(struct applier *a, uint32_t level, const struct child_change *changes,
                  size_t count, struct child_changes *up)
{
    uint32_t at = changes[0].depth - level;
    struct page_id id = changes[0].path[at];
    struct children children = { 0 }, pages = { 0 };
    uint8_t *page = NULL;
    int rc = wtx_new_page(a->t, a->w, &page);
    if (rc >= 0)
        rc = pages_copy_index(a->t, a->w->base, id, page);
    if (rc >= 0)
        rc = merge_children(a, id, page, level, changes, count, &children);
    wtx_drop_page(a->w, page);

    struct child_change change = {
        .path = changes[0].path, .depth = changes[0].depth, .anchor = id, .added = page_id(NO_PAGE)
    };
    if (rc >= 0 && children.count == 0) {
        rc = wtx_free_page(a->t, a->w, id);
        change.separator = children.upper;
        if (rc >= 0 && at > 0)
            rc = child_changes_add(a, up, &change);
        else if (rc >= 0)
            a->w->root[a->kind] = page_id(NO_PAGE);
    } else if (rc >= 0) {
        rc = write_pages(a, level == 1, &children, id, &pages);
        if (rc >= 0 && at > 0)
            rc = note_rebuilt(a, &change, &children, &pages, up);
        if (rc >= 0 && at == 0 && pages.count > 1) {
            rc = build_root(a, &pages, false);
            pages.items = NULL;
        }
    }
    mem_free(a->keep.mem, children.items);
    mem_free(a->keep.mem, pages.items);
    return rc;
}

/* The first index of a tree that was empty. */
static int index_new(struct applier *a)
{
    struct children list = { .append = true };
    for (size_t i = 0; i < a->changes.count; i++) {
        int rc = add_child(a, &list, a->changes.items[i].separator, a->changes.items[i].added);
        if (rc < 0) {
            mem_free(a->keep.mem, list.items);
            return rc;
        }
    }
    return build_root(a, &list, true);
}

int index_apply(struct applier *a)
{
    if (a->changes.count == 0)
        return ELOQ_OK;
    if (a->changes.items[0].anchor.n == NO_PAGE)
        return index_new(a);

    struct child_changes now = a->changes;
    a->changes = (struct child_changes){ 0 };
    int rc = ELOQ_OK;
    for (uint32_t level = 1; rc >= 0 && now.count > 0; level++) {
        struct child_changes up = { 0 };
        for (size_t i = 0, end; i < now.count && rc >= 0; i = end) {
            CHECK(level <= now.items[i].depth);
            uint32_t at = now.items[i].depth - level;
            for (end = i + 1;
                 end < now.count && now.items[end].path[at].n == now.items[i].path[at].n;)
                end++;
            rc = index_rebuild(a, level, &now.items[i], end - i, &up);
        }
        mem_free(a->keep.mem, now.items);
        now = up;
    }
    mem_free(a->keep.mem, now.items);
    return rc;
}
