/* tree/scan.c -- hand out the pairs of a tree in order. Which leaves come next: scan_window.c. */
#include "tree/scan.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "tree/descend.h"
#include "tree/scan_private.h"
#include "tree/value.h"

/* Memory of one reverse pass over a leaf, in pages: enough for the keys of any usual one. */
#define REVERSE_KEYS_PAGES 16

/* What one step works with. */
struct step {
    struct task *t;
    struct tree_scan *scan;
    tree_scan_take *take;
    void *user;
    struct value value;
    uint8_t *key_buffer;  /* page_bytes */
    uint8_t *keys;        /* reverse: keys of a leaf */
    struct bytes entries; /* reverse: struct entry, ascending */
    bool is_lost;         /* it is not known where the next step would go on */
};

static int copy_bound(struct mem *m, eloq_slice from, eloq_slice *ret)
{
    if (from.size == 0)
        return ELOQ_OK;
    void *copy = mem_alloc(m, MEM_RESULTS, from.size);
    if (!copy)
        return ELOQ_NO_MEMORY;
    memcpy(copy, from.data, from.size);
    *ret = eloq_bytes(copy, from.size);
    return ELOQ_OK;
}

int tree_scan_open(struct tree_scan *scan, struct mem *mem, struct snapshot *s, enum tree_kind tree,
                   const eloq_range *range, uint64_t now_ms)
{
    memset(scan, 0, sizeof(*scan));
    scan->mem = mem;
    scan->tree = tree;
    scan->reverse = range->reverse != 0;
    scan->now_ms = now_ms;
    scan->left = range->limit == 0 ? UINT64_MAX : range->limit;
    scan->ahead = 1;
    wait_list_init(&scan->read);
    scan->last_leaf = page_id(NO_PAGE);
    bytes_init(&scan->window.bounds, mem, MEM_RESULTS);
    bytes_init(&scan->next.bounds, mem, MEM_RESULTS);
    bytes_init(&scan->fence, mem, MEM_RESULTS);
    bytes_init(&scan->last, mem, MEM_RESULTS);
    if (copy_bound(mem, range->begin, &scan->begin) < 0
        || copy_bound(mem, range->end, &scan->end) < 0) {
        tree_scan_close(scan);
        return ELOQ_NO_MEMORY;
    }
    scan->finished = !s || s->root[tree].n == NO_PAGE
                     || (scan->end.size != 0 && slice_compare(scan->begin, scan->end) >= 0);
    scan->snapshot = s ? snapshot_ref(s) : NULL;
    return ELOQ_OK;
}

void tree_scan_help(struct tree_scan *scan, const struct scan_helpers *helpers, void *user)
{
    scan->helpers = helpers;
    scan->helpers_user = user;
}

static void free_window(struct tree_scan *scan, struct scan_window *w)
{
    scan_window_drop(scan, w, 0);
    mem_free(scan->mem, w->leaves);
    bytes_free(&w->bounds);
}

void tree_scan_close(struct tree_scan *scan)
{
    CHECK(!scan->is_reading);
    free_window(scan, &scan->window);
    free_window(scan, &scan->next);
    scan_window_drop_span(scan);
    mem_free(scan->mem, (void *)scan->begin.data);
    mem_free(scan->mem, (void *)scan->end.data);
    bytes_free(&scan->fence);
    bytes_free(&scan->last);
    if (scan->snapshot)
        snapshot_unref(scan->snapshot);
    memset(scan, 0, sizeof(*scan));
    scan->finished = true;
}

static int damaged(struct step *st, const struct scan_leaf *l, const char *what)
{
    struct tree_scan *scan = st->scan;
    int rc = pages_fail(st->t, scan->snapshot, l->id, what);
    return descend_damage(st->t, rc, scan_bound(&scan->window, l->lower_at, l->lower_size),
                          scan_bound(&scan->window, l->upper_at, l->upper_size));
}

static int malformed(struct step *st, const struct scan_leaf *l)
{
    return damaged(st, l, "malformed data page");
}

static int out_of_bounds(struct step *st, const struct scan_leaf *l)
{
    return damaged(st, l, "data page out of its parent's bounds");
}

/* Where the next step goes on in this leaf: at this key, or behind it. */
static bool keep_place(struct step *st, eloq_slice key, bool is_next)
{
    struct tree_scan *scan = st->scan;
    scan->last.size = 0;
    scan->has_last = bytes_reserve(&scan->last, key.size) == ELOQ_OK;
    st->is_lost = !scan->has_last;
    if (st->is_lost)
        return false;
    bytes_add(&scan->last, key.data, key.size);
    scan->last_is_next = is_next;
    return true;
}

/* Hands one entry to the reader: ELOQ_OK, ELOQ_FETCH when the reader is full (the place is kept),
 * ELOQ_END when the limit is reached, or a failure. */
static int hand_over(struct step *st, const struct scan_leaf *l, const struct entry *entry)
{
    struct tree_scan *scan = st->scan;
    scan->pairs_seen++;
    if (value_is_hidden(entry, scan->now_ms))
        return ELOQ_OK;
    struct tree_pair pair = { .key = entry->key,
                              .timestamp = entry->timestamp,
                              .expire_at = entry->expire_at };
    int rc = value_load(st->t, scan->snapshot, l->id, entry, &st->value, &pair.value);
    if (rc == ELOQ_OK)
        rc = st->take(st->user, &pair);
    if (rc == ELOQ_NO_MEMORY && !keep_place(st, entry->key, true))
        return task_no_memory(st->t);
    if (rc < 0)
        return rc;
    if (scan->left != UINT64_MAX && --scan->left == 0)
        return ELOQ_END;
    if (rc != ELOQ_FETCH)
        return ELOQ_OK;
    return keep_place(st, entry->key, false) ? ELOQ_FETCH : task_no_memory(st->t);
}

static eloq_slice last_key(const struct tree_scan *scan)
{
    return eloq_bytes(scan->last.data, scan->has_last ? scan->last.size : 0);
}

static int leaf_forward(struct step *st, const struct scan_leaf *l, const struct leaf *leaf,
                        eloq_slice upper)
{
    struct tree_scan *scan = st->scan;
    struct leaf_cursor c;
    leaf_cursor_init(&c, leaf, st->key_buffer);
    eloq_slice from = scan->has_last ? last_key(scan) : scan->begin;
    int rc = from.size != 0 ? leaf_seek(&c, from) : leaf_next(&c);
    if (rc == ELOQ_OK && scan->has_last && !scan->last_is_next && slice_equal(c.entry.key, from))
        rc = leaf_next(&c);

    bool ends_here =
        scan->end.size != 0 && (upper.size == 0 || slice_compare(scan->end, upper) <= 0);
    eloq_slice stop = ends_here ? scan->end : upper;
    for (; rc == ELOQ_OK; rc = leaf_next(&c)) {
        if (stop.size != 0 && slice_compare(c.entry.key, stop) >= 0)
            return ends_here ? ELOQ_END : out_of_bounds(st, l);
        int taken = hand_over(st, l, &c.entry);
        if (taken != ELOQ_OK)
            return taken;
    }
    return rc < 0 ? malformed(st, l) : ELOQ_OK;
}

/* Entries below `stop` (empty: all; `with_stop`: it, too) are noted, keys copied: ELOQ_OK, ELOQ_END
 * when there are too many keys for that, or a failure. */
static int note_entries(struct step *st, const struct scan_leaf *l, const struct leaf *leaf,
                        eloq_slice stop, bool with_stop, eloq_slice upper)
{
    size_t room = REVERSE_KEYS_PAGES * (size_t)st->scan->snapshot->part->env->shape.page_bytes;
    size_t used = 0;
    struct leaf_cursor c;
    leaf_cursor_init(&c, leaf, st->key_buffer);
    st->entries.size = 0;
    int rc;
    while ((rc = leaf_next(&c)) == ELOQ_OK) {
        int order = stop.size != 0 ? slice_compare(c.entry.key, stop) : -1;
        if (order > 0 || (order == 0 && !with_stop))
            return ELOQ_OK;
        if (upper.size != 0 && slice_compare(c.entry.key, upper) >= 0)
            return out_of_bounds(st, l);
        if (c.entry.key.size > room - used)
            return ELOQ_END;
        struct entry entry = c.entry;
        memcpy(st->keys + used, entry.key.data, entry.key.size);
        entry.key.data = st->keys + used;
        used += entry.key.size;
        if (bytes_reserve(&st->entries, sizeof(entry)) < 0)
            return task_no_memory(st->t);
        bytes_add(&st->entries, &entry, sizeof(entry));
    }
    return rc < 0 ? malformed(st, l) : ELOQ_OK;
}

/* Hands one entry over unless it lies before the range. */
static int hand_over_reverse(struct step *st, const struct scan_leaf *l, const struct entry *entry)
{
    if (slice_compare(entry->key, st->scan->begin) < 0)
        return ELOQ_END;
    return hand_over(st, l, entry);
}

/* A leaf whose keys are too long to keep them all: each entry is searched for. */
static int leaf_reverse_slowly(struct step *st, const struct scan_leaf *l, const struct leaf *leaf,
                               eloq_slice stop, bool with_stop, eloq_slice upper)
{
    struct leaf_cursor c;
    leaf_cursor_init(&c, leaf, st->key_buffer);
    int rc = leaf_seek_floor(&c, stop, !with_stop);
    while (rc == ELOQ_OK) {
        if (upper.size != 0 && slice_compare(c.entry.key, upper) >= 0)
            return out_of_bounds(st, l);
        int taken = hand_over_reverse(st, l, &c.entry);
        if (taken != ELOQ_OK)
            return taken;
        memcpy(st->keys, c.entry.key.data, c.entry.key.size);
        rc = leaf_seek_floor(&c, eloq_bytes(st->keys, c.entry.key.size), true);
    }
    return rc < 0 ? malformed(st, l) : ELOQ_OK;
}

static int leaf_reverse(struct step *st, const struct scan_leaf *l, const struct leaf *leaf,
                        eloq_slice upper)
{
    struct tree_scan *scan = st->scan;
    eloq_slice stop = scan->has_last ? last_key(scan) : scan->end;
    bool with_stop = scan->has_last && scan->last_is_next;
    int rc = note_entries(st, l, leaf, stop, with_stop, upper);
    if (rc == ELOQ_END)
        return leaf_reverse_slowly(st, l, leaf, stop, with_stop, upper);
    if (rc < 0)
        return rc;
    const struct entry *entries = (const void *)st->entries.data;
    for (size_t i = st->entries.size / sizeof(*entries); i-- > 0;) {
        rc = hand_over_reverse(st, l, &entries[i]);
        if (rc != ELOQ_OK)
            return rc;
    }
    return ELOQ_OK;
}

/* Delivers the leaf at the front of the window: ELOQ_OK when it is used up. */
static int deliver_leaf(struct step *st)
{
    struct tree_scan *scan = st->scan;
    const struct scan_leaf *l = &scan->window.leaves[scan->window.at];
    eloq_slice lower = scan_bound(&scan->window, l->lower_at, l->lower_size);
    eloq_slice upper = scan_bound(&scan->window, l->upper_at, l->upper_size);
    struct leaf_frame frame = { lower, upper, l->prev, l->next };
    struct leaf leaf;
    TRY(descend_open_leaf(st->t, scan->snapshot, l->id, l->page, &frame, st->key_buffer, &leaf));
    return scan->reverse ? leaf_reverse(st, l, &leaf, upper) : leaf_forward(st, l, &leaf, upper);
}

static int run_step(struct step *st)
{
    struct tree_scan *scan = st->scan;
    for (;;) {
        int rc;
        if (scan->window.at == scan->window.count
            && (rc = scan_window_advance(st->t, scan)) != ELOQ_OK)
            return rc;
        if (scan_window_read_ahead(scan))
            task_yield(st->t); /* so that its reads are under way meanwhile */
        rc = deliver_leaf(st);
        if (rc == ELOQ_FETCH)
            return ELOQ_OK;
        if (rc != ELOQ_OK)
            return rc;
        scan_window_next(scan);
    }
}

static int step_init(struct step *st, struct task *t, struct tree_scan *scan, tree_scan_take *take,
                     void *user)
{
    size_t page_bytes = scan->snapshot->part->env->shape.page_bytes;
    *st = (struct step){ .t = t, .scan = scan, .take = take, .user = user };
    value_init(&st->value, scan->mem);
    bytes_init(&st->entries, scan->mem, MEM_RESULTS);
    st->key_buffer = arena_alloc(&t->arena, page_bytes);
    if (st->key_buffer && scan->reverse)
        st->keys = arena_alloc(&t->arena, REVERSE_KEYS_PAGES * page_bytes);
    return !st->key_buffer || (scan->reverse && !st->keys) ? task_no_memory(t) : ELOQ_OK;
}

int tree_scan_step(struct task *t, struct tree_scan *scan, tree_scan_take *take, void *user)
{
    if (scan->failure.code < 0) {
        t->err = scan->failure;
        return scan->failure.code;
    }
    if (scan->finished)
        return ELOQ_END;

    struct arena_mark mark = arena_mark(&t->arena);
    struct step st;
    int rc = step_init(&st, t, scan, take, user);
    if (rc == ELOQ_OK)
        rc = run_step(&st);
    value_deinit(&st.value);
    bytes_free(&st.entries);
    arena_reset(&t->arena, mark);

    if (rc == ELOQ_NO_MEMORY && !st.is_lost)
        return rc; /* everything is where it was before the pair, or the leaf, that did not fit */
    if (rc < 0) {
        scan->failure = t->err;
        scan->failure.code = rc;
    }
    if (rc != ELOQ_OK) {
        scan->finished = true;
        scan_window_drop(scan, &scan->window, 0);
        if (!scan->is_reading)
            scan_window_drop(scan, &scan->next, 0);
    }
    return rc;
}
