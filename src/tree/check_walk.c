/* tree/check_walk.c -- walk one tree depth first, every page from the disk, and verify its shape.
 */
#include <string.h>

#include "base/slice.h"
#include "page/index.h"
#include "page/page.h"
#include "tree/buffers.h"
#include "tree/check_private.h"

#define BATCH_LEAVES 32 /* read together */

/* An index page on the way down, and where in it we are. */
struct level {
    struct page_id id;
    uint8_t *page;
    uint8_t *key, *lower_bytes; /* page_bytes each */
    struct index index;
    struct index_cursor cursor;
    eloq_slice lower, upper; /* of the page */
    eloq_slice next_lower;   /* of the child the cursor stands on */
    bool used_up;
};

struct batch_leaf {
    struct page_id id;
    size_t lower_at, upper_at, lower_size, upper_size;
};

struct walk {
    struct check *c;
    enum tree_kind kind;
    check_visit *visit;
    struct level *levels[TREE_DEPTH_MAX];
    uint32_t depth;
    uint64_t leaf_depth; /* 0 until the first leaf */

    struct batch_leaf batch[BATCH_LEAVES];
    uint8_t *pages[BATCH_LEAVES];
    size_t batch_count, batch_room;
    struct bytes bounds;
    struct page_read *reads;
    uint8_t *key_buffer;

    struct bytes last_key;        /* of all leaves so far */
    struct page_id previous;      /* the leaf before in order; NO_PAGE at the start */
    struct page_id previous_next; /* its next link */
    bool previous_known;          /* false: leaves may be missing before this one */
    bool previous_read;
};

static void count_page(struct walk *w, bool is_leaf)
{
    struct tree_stats *stats = w->c->stats;
    if (w->c->silent)
        return;
    if (w->kind == TREE_TTL)
        stats->ttl_pages++;
    else if (is_leaf)
        stats->leaves++;
    else
        stats->index_pages++;
}

/* Leaves may be missing here: their neighbours' links cannot be told right from wrong. */
static void gap(struct walk *w)
{
    w->previous_known = w->previous_read = false;
    w->c->incomplete = true;
}

/* Reads an index page of either type: an unexpected type is refused by pages_read, so that the
 * inner ones, which are few, arrive by way of a refusal. */
static int read_index(struct check *c, struct page_id id, uint8_t *page)
{
    page[PAGE_TYPE_AT] = UINT8_MAX; /* what the buffer held before must not pass for the page */
    int rc = pages_read(c->t, c->s, id, PAGE_LEAF_INDEX, page);
    if (rc < 0 && rc != ELOQ_CORRUPTED)
        return rc;
    bool is_sound = page_verify(page, c->page_bytes);
    if (rc == ELOQ_OK)
        return is_sound ? ELOQ_OK : pages_fail(c->t, c->s, id, "bad page checksum");
    if (!is_sound)
        return rc;
    return page_type(page) == PAGE_INNER_INDEX ? ELOQ_OK
                                               : pages_fail(c->t, c->s, id, "not an index page");
}

static int level_new(struct walk *w, struct level **ret)
{
    struct check *c = w->c;
    struct level *l = arena_zalloc(&c->t->arena, sizeof(*l));
    uint8_t *memory = arena_alloc(&c->t->arena, 2 * (size_t)c->page_bytes);
    if (!l || !memory)
        return task_no_memory(c->t);
    l->key = memory;
    l->lower_bytes = memory + c->page_bytes;
    TRY(buffers_take_one(c->t, c->s->part->env, &l->page));
    *ret = l;
    return ELOQ_OK;
}

/* Enters an index page. Damage is reported and the page's range skipped. */
static int push(struct walk *w, struct page_id id, eloq_slice lower, eloq_slice upper)
{
    struct check *c = w->c;
    if (w->depth == TREE_DEPTH_MAX) {
        check_report(c, "tree is too deep", id, lower, upper);
        gap(w);
        return ELOQ_OK;
    }
    if (!check_reach(c, id, lower, upper)) {
        gap(w);
        return ELOQ_OK;
    }
    if (!w->levels[w->depth])
        TRY(level_new(w, &w->levels[w->depth]));
    struct level *l = w->levels[w->depth];
    int rc = read_index(c, id, l->page);
    if (rc == ELOQ_OK
        && (index_verify(l->page, c->page_bytes, l->key) < 0
            || index_open(&l->index, l->page, c->page_bytes) < 0))
        rc = pages_fail(c->t, c->s, id, "malformed index page");
    if (rc < 0) {
        gap(w);
        return check_damage(c, rc, id, lower, upper);
    }
    count_page(w, false);
    l->id = id;
    l->lower = lower;
    l->upper = upper;
    l->next_lower = lower;
    index_cursor_init(&l->cursor, &l->index, l->key);
    l->used_up = index_next(&l->cursor) != ELOQ_OK;
    w->depth++;
    return ELOQ_OK;
}

/* The next child with its bounds, which stay valid until the next call. false: no more. */
static bool next_child(struct walk *w, struct level *l, struct page_id *ret_child,
                       eloq_slice *ret_lower, eloq_slice *ret_upper)
{
    if (l->used_up)
        return false;
    if (l->next_lower.size != 0)
        memcpy(l->lower_bytes, l->next_lower.data, l->next_lower.size);
    *ret_lower = eloq_bytes(l->lower_bytes, l->next_lower.size);
    *ret_child = l->cursor.child;
    l->used_up = index_next(&l->cursor) != ELOQ_OK; /* verified: no damage, just the end */
    *ret_upper = l->used_up ? l->upper : l->cursor.separator;
    l->next_lower = *ret_upper;
    if (ret_upper->size != 0
        && (slice_compare(*ret_lower, *ret_upper) >= 0
            || (l->upper.size != 0 && !l->used_up && slice_compare(*ret_upper, l->upper) >= 0))) {
        check_report(w->c, "separator out of its parent's bounds", l->id, *ret_lower, *ret_upper);
        gap(w);
        l->used_up = true;
        return false;
    }
    return true;
}

/* ---- leaves -------------------------------------------------------------------------------------
 */

static void check_links(struct walk *w, const struct batch_leaf *b, const struct leaf *leaf,
                        eloq_slice lower, eloq_slice upper)
{
    if (w->previous_known && leaf->prev.n != w->previous.n)
        check_report(w->c, "wrong link to the previous data page", b->id, lower, upper);
    if (w->previous_read && w->previous_next.n != b->id.n)
        check_report(w->c, "wrong link to the next data page", w->previous, lower, upper);
}

static int keep_key(struct walk *w, eloq_slice key)
{
    w->last_key.size = 0;
    if (bytes_reserve(&w->last_key, key.size) < 0)
        return task_no_memory(w->c->t);
    bytes_add(&w->last_key, key.data, key.size);
    return ELOQ_OK;
}

static int check_entries(struct walk *w, const struct batch_leaf *b, const struct leaf *leaf,
                         eloq_slice lower, eloq_slice upper)
{
    struct check *c = w->c;
    struct leaf_cursor cursor;
    leaf_cursor_init(&cursor, leaf, w->key_buffer);
    bool is_first = true;
    while (leaf_next(&cursor) == ELOQ_OK) {
        eloq_slice key = cursor.entry.key;
        if (slice_compare(key, lower) < 0 || (upper.size != 0 && slice_compare(key, upper) >= 0))
            check_report(c, "key out of the bounds of its data page", b->id, key, key);
        /* Inside the page the cursor sees to the order. */
        if (is_first && slice_compare(key, eloq_bytes(w->last_key.data, w->last_key.size)) <= 0)
            check_report(c, "keys do not ascend from one data page to the next", b->id, key, key);
        is_first = false;
        TRY(w->visit(c, b->id, &cursor.entry));
    }
    return keep_key(w, cursor.entry.key);
}

static eloq_slice bound(const struct walk *w, size_t at, size_t size)
{
    return size ? eloq_bytes(w->bounds.data + at, size) : eloq_bytes(NULL, 0);
}

static int check_leaf(struct walk *w, const struct batch_leaf *b, const uint8_t *page, int rc)
{
    struct check *c = w->c;
    eloq_slice lower = bound(w, b->lower_at, b->lower_size);
    eloq_slice upper = bound(w, b->upper_at, b->upper_size);
    struct leaf leaf;
    if (rc == ELOQ_OK && !page_verify(page, c->page_bytes))
        rc = pages_fail(c->t, c->s, b->id, "bad page checksum");
    if (rc == ELOQ_OK
        && (leaf_verify(page, c->page_bytes, w->key_buffer) < 0
            || leaf_open(&leaf, page, c->page_bytes) < 0))
        rc = pages_fail(c->t, c->s, b->id, "malformed data page");
    if (rc == ELOQ_OK) {
        count_page(w, true);
        check_links(w, b, &leaf, lower, upper);
        TRY(check_entries(w, b, &leaf, lower, upper));
        w->previous_next = leaf.next;
    } else {
        TRY(check_damage(c, rc, b->id, lower, upper));
    }
    w->previous = b->id;
    w->previous_known = true;
    w->previous_read = rc == ELOQ_OK;
    return ELOQ_OK;
}

static int flush_batch(struct walk *w)
{
    struct check *c = w->c;
    for (size_t i = 0; i < w->batch_count; i++)
        w->reads[i] =
            (struct page_read){ .id = w->batch[i].id, .data = w->pages[i], .rc = ELOQ_IO };
    if (w->batch_count != 0)
        pages_read_many(c->t, c->s, PAGE_DATA, w->reads, w->batch_count);
    for (size_t i = 0; i < w->batch_count; i++) {
        int rc = w->reads[i].rc;
        if (rc < 0) /* again, alone, for words about this page */
            rc = pages_read(c->t, c->s, w->batch[i].id, PAGE_DATA, w->pages[i]);
        TRY(check_leaf(w, &w->batch[i], w->pages[i], rc));
    }
    w->batch_count = 0;
    w->bounds.size = 0;
    return ELOQ_OK;
}

static int add_leaf(struct walk *w, struct page_id id, eloq_slice lower, eloq_slice upper)
{
    if (!check_reach(w->c, id, lower, upper)) {
        TRY(flush_batch(w));
        gap(w);
        return ELOQ_OK;
    }
    struct batch_leaf *b = &w->batch[w->batch_count++];
    b->id = id;
    b->lower_at = w->bounds.size;
    b->lower_size = lower.size;
    bytes_add(&w->bounds, lower.data, lower.size);
    b->upper_at = w->bounds.size;
    b->upper_size = upper.size;
    bytes_add(&w->bounds, upper.data, upper.size);
    if (w->bounds.failed)
        return task_no_memory(w->c->t);
    return w->batch_count == w->batch_room ? flush_batch(w) : ELOQ_OK;
}

static int walk_leaves(struct walk *w, struct level *l)
{
    if (w->leaf_depth == 0)
        w->leaf_depth = w->depth;
    else if (w->leaf_depth != w->depth)
        check_report(w->c, "data pages at different depths", l->id, l->lower, l->upper);
    struct page_id child;
    eloq_slice lower, upper;
    while (next_child(w, l, &child, &lower, &upper))
        TRY(add_leaf(w, child, lower, upper));
    return flush_batch(w);
}

/* ---- the tree ------------------------------------------------------------------------------- */

static int walk_levels(struct walk *w)
{
    TRY(push(w, w->c->s->root[w->kind], eloq_bytes(NULL, 0), eloq_bytes(NULL, 0)));
    while (w->depth > 0) {
        struct level *l = w->levels[w->depth - 1];
        struct page_id child;
        eloq_slice lower, upper;
        if (l->index.above_leaves) {
            TRY(walk_leaves(w, l));
            w->depth--;
        } else if (next_child(w, l, &child, &lower, &upper)) {
            TRY(push(w, child, lower, upper));
        } else {
            w->depth--;
        }
    }
    if (w->previous_read && w->previous_known && w->previous_next.n != NO_PAGE)
        check_report(w->c, "last data page has a next one", w->previous, eloq_bytes(NULL, 0),
                     eloq_bytes(NULL, 0));
    if (w->kind == TREE_MAIN && !w->c->silent)
        w->c->stats->depth = w->leaf_depth;
    return ELOQ_OK;
}

static int walk_init(struct walk *w)
{
    struct task *t = w->c->t;
    w->key_buffer = arena_alloc(&t->arena, w->c->page_bytes);
    w->reads = arena_alloc(&t->arena, BATCH_LEAVES * sizeof(*w->reads));
    w->batch_room = buffers_take(w->c->s->part->env, w->pages, BATCH_LEAVES);
    return !w->key_buffer || !w->reads || w->batch_room == 0 ? task_no_memory(t) : ELOQ_OK;
}

int check_walk(struct check *c, enum tree_kind kind, check_visit *visit)
{
    if (c->s->root[kind].n == NO_PAGE)
        return ELOQ_OK;
    struct part_env *env = c->s->part->env;
    struct arena_mark mark = arena_mark(&c->t->arena);
    struct walk *w = arena_zalloc(&c->t->arena, sizeof(*w));
    if (!w)
        return task_no_memory(c->t);
    w->c = c;
    w->kind = kind;
    w->visit = visit;
    w->previous = page_id(NO_PAGE);
    w->previous_known = true;
    bytes_init(&w->bounds, c->mem, MEM_RESULTS);
    bytes_init(&w->last_key, c->mem, MEM_RESULTS);

    int rc = walk_init(w);
    if (rc == ELOQ_OK)
        rc = walk_levels(w);
    for (uint32_t i = 0; i < TREE_DEPTH_MAX && w->levels[i]; i++)
        buffers_give(env, &w->levels[i]->page, 1);
    buffers_give(env, w->pages, w->batch_room);
    bytes_free(&w->bounds);
    bytes_free(&w->last_key);
    arena_reset(&c->t->arena, mark);
    return rc;
}
