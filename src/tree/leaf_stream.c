/* tree/leaf_stream.c -- keeps the links between leaves right while pages are replaced, and writes
 * them.
 *
 * Pages come in key order. The last one (the tail) is held until its next link is known. A run is a
 * stretch of old leaves that are neighbours; where it ends, the leaf behind it is rewritten only if
 * its previous link changed, and then becomes the tail itself, so that it is not written twice when
 * the batch goes on right there. Likewise the leaf before a run whose first leaf vanished. A
 * neighbour that is damaged is left alone, so that its damage costs its own keys and no others.
 */
#include "tree/apply_private.h"

/* ELOQ_OK with *ret NULL: it is damaged. Then its link stays as it is: nobody can read it, and
 * what it said is lost with it. */
static int read_neighbour(struct applier *a, struct page_id id, uint8_t **ret, struct leaf *leaf)
{
    uint8_t *page = NULL;
    TRY(wtx_new_page(a->t, a->w, &page));
    int rc = pages_read(a->t, a->w->base, id, PAGE_DATA, page);
    if (rc == ELOQ_OK && leaf_open(leaf, page, a->shape->page_bytes) < 0)
        rc = ELOQ_CORRUPTED;
    if (rc < 0) {
        wtx_drop_page(a->w, page);
        page = NULL;
    }
    *ret = page;
    return rc == ELOQ_CORRUPTED ? ELOQ_OK : rc;
}

static int put_tail(struct applier *a, struct page_id next)
{
    struct leaf_stream *s = &a->stream;
    uint8_t *page = s->tail;
    s->tail = NULL;
    leaf_set_next(page, next);
    return wtx_put(a->t, a->w, s->tail_id, page);
}

/* Ends the run: afterwards either it is inactive, or its tail is the successor, relinked. */
static int close_run(struct applier *a)
{
    struct leaf_stream *s = &a->stream;
    struct page_id end = s->tail ? s->tail_id : s->before;

    if (s->old_next.n == NO_PAGE || end.n == s->last_old.n) {
        s->active = false;
        return s->tail ? put_tail(a, s->old_next) : ELOQ_OK;
    }

    struct page_id id = s->old_next;
    struct leaf leaf = { 0 };
    uint8_t *page = NULL;
    TRY(read_neighbour(a, id, &page, &leaf));
    if (!page) {
        s->active = false;
        if (s->gone > 0) /* the keys of those that went stay out of it */
            a->changes.items[a->changes.count - 1].separator = s->gone_upper;
        return s->tail ? put_tail(a, id) : ELOQ_OK;
    }
    if (leaf.prev.n != s->last_old.n) {
        wtx_drop_page(a->w, page);
        return pages_fail(a->t, a->w->base, id, "data page's previous link is wrong");
    }
    int rc = s->tail ? put_tail(a, id) : ELOQ_OK;
    leaf_set_prev(page, end);
    s->tail = page;
    s->tail_id = id;
    s->last_old = id;
    s->old_next = leaf.next;
    s->gone = 0;
    return rc;
}

/* The leaf is consumed: goes on with the run that ends right before it, or begins a new one. */
static int begin(struct applier *a, const struct touched *leaf)
{
    struct leaf_stream *s = &a->stream;
    while (s->active && s->old_next.n != leaf->id.n)
        TRY(close_run(a));
    if (s->active) {
        if (leaf->prev.n != s->last_old.n)
            return pages_fail(a->t, a->w->base, leaf->id, "data page's previous link is wrong");
    } else {
        s->active = true;
        s->before = leaf->prev;
        s->gone = 0;
    }
    s->last_old = leaf->id;
    s->old_next = leaf->next;
    return ELOQ_OK;
}

int leaf_stream_push(struct applier *a, const struct touched *leaf, bool is_first, uint8_t *page,
                     struct page_id id)
{
    struct leaf_stream *s = &a->stream;
    int rc = is_first ? begin(a, leaf) : ELOQ_OK;
    if (rc < 0) {
        wtx_drop_page(a->w, page);
        return rc;
    }
    s->gone = 0;
    leaf_set_prev(page, s->tail ? s->tail_id : s->before);
    rc = s->tail ? put_tail(a, id) : ELOQ_OK;
    s->tail = page;
    s->tail_id = id;
    return rc;
}

/* Takes in the leaf before one that vanished, to be relinked: it becomes the tail, if it can be
 * read. */
static int take_before(struct applier *a, const struct touched *leaf)
{
    struct leaf_stream *s = &a->stream;
    struct leaf neighbour = { 0 };
    uint8_t *page = NULL;
    TRY(read_neighbour(a, s->before, &page, &neighbour));
    if (page && neighbour.next.n != leaf->id.n) {
        wtx_drop_page(a->w, page);
        return pages_fail(a->t, a->w->base, s->before, "data page's next link is wrong");
    }
    s->tail = page;
    s->tail_id = s->before;
    s->is_left_damaged = !page;
    return ELOQ_OK;
}

static int keep_bound(struct applier *a, eloq_slice key, eloq_slice *ret)
{
    *ret = eloq_bytes(arena_copy(&a->keep, key.data, key.size), key.size);
    return ret->data ? ELOQ_OK : task_no_memory(a->t);
}

int leaf_stream_removed(struct applier *a, const struct touched *leaf)
{
    struct leaf_stream *s = &a->stream;
    struct child_change change = {
        .path = leaf->path, .depth = leaf->depth, .anchor = leaf->id, .added = page_id(NO_PAGE)
    };
    TRY(begin(a, leaf));
    if (s->gone++ == 0) {
        s->is_left_damaged = false;
        TRY(keep_bound(a, leaf->lower, &s->gone_lower));
        if (!s->tail && s->before.n != NO_PAGE)
            TRY(take_before(a, leaf));
    }
    TRY(keep_bound(a, leaf->upper, &s->gone_upper));
    if (s->is_left_damaged)
        change.separator = s->gone_lower;
    TRY(child_changes_add(a, &a->changes, &change));
    return wtx_free_page(a->t, a->w, leaf->id);
}

int leaf_stream_end(struct applier *a)
{
    while (a->stream.active)
        TRY(close_run(a));
    return ELOQ_OK;
}
