/* tree/apply_leaf.c -- merges one leaf with the operations on its keys, by the write rule of
 * engine.md 1.3, and notes what the TTL tree must do. */
#include "tree/apply_private.h"

#include <string.h>

#include "base/check.h"
#include "tree/value.h"

/* A key's pair while its operations run over it. */
struct current {
    bool exists;
    bool is_new;        /* not the stored one */
    struct entry entry; /* new ones: value is plain, until it is emitted */
};

static bool has_expired(const struct applier *a, uint64_t expire_at)
{
    return a->kind == TREE_MAIN && expire_at != 0 && expire_at <= a->now_ms;
}

static int add_ttl(struct applier *a, const struct entry *entry, bool is_delete)
{
    uint8_t *key = arena_alloc(&a->keep, 8 + entry->key.size);
    if (!key)
        return task_no_memory(a->t);
    put_u64_be(key, entry->expire_at);
    memcpy(key + 8, entry->key.data, entry->key.size);
    TRY(applier_grow(a, &a->ttl, a->ttl_count, &a->ttl_capacity, sizeof(a->ttl[0])));
    if (!is_delete)
        a->w->least_expiry = MIN(a->w->least_expiry, entry->expire_at);
    a->ttl[a->ttl_count++] = (struct tree_op){ .key = eloq_bytes(key, 8 + entry->key.size),
                                               .is_delete = is_delete,
                                               .is_forced = true };
    return ELOQ_OK;
}

/* The stored pair goes; a new one with the same expiry keeps its TTL key. */
static int replace_stored(struct applier *a, const struct entry *stored, const struct current *now)
{
    if (stored->is_overflow)
        TRY(value_free_overflow(a->t, a->w, stored));
    if (a->kind == TREE_MAIN && stored->expire_at != 0
        && !(now->exists && now->entry.expire_at == stored->expire_at))
        TRY(add_ttl(a, stored, true));
    return ELOQ_OK;
}

int leaf_drop_stored(struct applier *a, const struct entry *stored)
{
    struct current nothing = { 0 };
    return replace_stored(a, stored, &nothing);
}

static void run_op(struct applier *a, const struct tree_op *op, struct current *c)
{
    if (op->is_forced && a->kind == TREE_MAIN)
        return; /* cleaning: what has expired was dropped already, anything else stays */
    uint64_t timestamp = op->timestamp;
    if (timestamp == TIMESTAMP_NOW) {
        timestamp = a->now_us;
        if (c->exists && c->entry.timestamp > timestamp)
            timestamp = c->entry.timestamp;
    }
    if (c->exists && !op->is_forced && timestamp < c->entry.timestamp) {
        if (op->skipped)
            (*op->skipped)++;
        return;
    }
    if (op->is_delete || has_expired(a, op->expire_at)) {
        c->exists = false;
        return;
    }
    c->exists = true;
    c->is_new = true;
    c->entry = (struct entry){ .key = op->key,
                               .value = op->value,
                               .timestamp = MIN(timestamp, (uint64_t)TIMESTAMP_MAX),
                               .expire_at = op->expire_at };
}

static int emit_new(struct applier *a, struct touched *leaf, struct entry *entry)
{
    if (leaf_needs_overflow(a->shape->page_bytes, entry->key.size, entry->value.size,
                            entry->timestamp, entry->expire_at))
        TRY(value_write_overflow(a, entry));
    else if (entry->compression != COMPRESSION_NONE)
        TRY(value_keep_inline(a, entry));
    return leaf_pack_add(a, leaf, entry);
}

/* Whether a new pair, its value in this form, is the stored one. */
static bool is_same(const struct entry *stored, const struct entry *new)
{
    return !stored->is_overflow && stored->compression == new->compression
           && stored->timestamp == new->timestamp
           && stored->expire_at == new->expire_at &&slice_equal(stored->value, new->value);
}

/* Runs the operations [ops, ops + count) on one key, stored or not (NULL), and emits what is left.
 */
static int merge_key(struct applier *a, struct touched *leaf, const struct entry *stored,
                     const struct tree_op *ops, size_t count, bool *changed)
{
    struct current now = { 0 };
    if (stored && has_expired(a, stored->expire_at)) {
        a->w->expired++;
    } else if (stored) {
        now.exists = true;
        now.entry = *stored;
    }
    for (size_t i = 0; i < count; i++)
        run_op(a, &ops[i], &now);

    bool is_kept = stored && now.exists && (!now.is_new || is_same(stored, &now.entry));
    if (!is_kept && now.exists && value_compress(a, &now.entry))
        is_kept = stored && is_same(stored, &now.entry);
    if (is_kept)
        return leaf_pack_add(a, leaf, stored);
    if (stored) {
        *changed = true;
        TRY(replace_stored(a, stored, &now));
    }
    if (!now.exists)
        return ELOQ_OK;
    *changed = true;
    if (a->kind == TREE_MAIN && now.entry.expire_at != 0
        && !(stored && stored->expire_at == now.entry.expire_at))
        TRY(add_ttl(a, &now.entry, false));
    return emit_new(a, leaf, &now.entry);
}

static int damaged(struct applier *a, const struct touched *leaf, const char *what)
{
    int rc = pages_fail(a->t, a->w->base, leaf->id, what);
    return descend_damage(a->t, rc, leaf->lower, leaf->upper);
}

/* Steps to the next stored entry, its key copied: the packer keeps entries for a while. */
static int next_stored(struct applier *a, struct touched *leaf, struct leaf_cursor *cursor,
                       struct entry *stored)
{
    int rc = leaf_next(cursor);
    if (rc == ELOQ_END)
        return rc;
    if (rc < 0)
        return damaged(a, leaf, "malformed data page");
    *stored = cursor->entry;
    stored->key.data = arena_copy(&a->leaf, stored->key.data, stored->key.size);
    if (!stored->key.data)
        return task_no_memory(a->t);
    if (slice_compare(stored->key, leaf->lower) < 0
        || (leaf->upper.size > 0 && slice_compare(stored->key, leaf->upper) >= 0))
        return damaged(a, leaf, "data page holds a key of another page");
    return ELOQ_OK;
}

static size_t same_key_ops(const struct tree_op *ops, size_t count)
{
    size_t n = 1;
    while (n < count && slice_equal(ops[0].key, ops[n].key))
        n++;
    return n;
}

/* Merges all of it into the packer. *ret_append: the greatest key is a new one. */
static int merge(struct applier *a, struct touched *leaf, const struct leaf *old, bool *ret_changed,
                 bool *ret_append)
{
    struct leaf_cursor cursor;
    struct entry stored = { 0 };
    const struct tree_op *ops = leaf->ops;
    size_t left = leaf->op_count;
    int rc = ELOQ_END;
    if (old) {
        leaf_cursor_init(&cursor, old, a->key_buffer);
        rc = next_stored(a, leaf, &cursor, &stored);
    }
    while (rc == ELOQ_OK || (rc == ELOQ_END && left > 0)) {
        bool has_stored = rc == ELOQ_OK;
        int order = !left ? -1 : !has_stored ? 1 : slice_compare(stored.key, ops->key);
        size_t n = order < 0 ? 0 : same_key_ops(ops, left);
        *ret_append = order > 0;
        TRY(merge_key(a, leaf, order <= 0 ? &stored : NULL, ops, n, ret_changed));
        ops += n;
        left -= n;
        if (order <= 0)
            rc = next_stored(a, leaf, &cursor, &stored);
    }
    return rc < 0 ? rc : ELOQ_OK;
}

int leaf_apply(struct applier *a, struct touched *leaf)
{
    struct arena_mark mark = arena_mark(&a->leaf);
    bool is_new = leaf->id.n == NO_PAGE;
    bool changed = false, append = true;
    struct leaf old;

    leaf_pack_begin(a, leaf);
    if (!is_new) {
        struct leaf_frame frame = { leaf->lower, leaf->upper, leaf->prev, leaf->next };
        if (leaf_open(&old, leaf->page, a->shape->page_bytes) < 0)
            return damaged(a, leaf, "malformed data page");
        if (!descend_is_linked(a->w->base, &old, &frame))
            return damaged(a, leaf, "data page is linked otherwise than its parent says");
        leaf->prev = old.prev;
        leaf->next = old.next;
    }
    int rc = merge(a, leaf, is_new ? NULL : &old, &changed, &append);
    if (rc >= 0 && !changed && a->pack.pushed == 0)
        leaf_pack_reset(a); /* what was built is what is there */
    else if (rc >= 0)
        rc = leaf_pack_end(a, leaf, append && leaf->next.n == NO_PAGE);
    if (rc >= 0 && changed && a->pack.pushed == 0 && !is_new)
        rc = leaf_stream_removed(a, leaf);
    arena_reset(&a->leaf, mark);
    return rc;
}
