/* tree/read.c -- one pair: by its key, or the greatest at or below a key. */
#include <string.h>

#include "base/slice.h"
#include "tree/descend.h"
#include "tree/tree.h"
#include "tree/value.h"

/* What one read works with. */
struct reading {
    struct snapshot *s;
    struct tree_sink *sink;
    struct descent d;
    struct held_leaf held;
    uint8_t *key; /* page_bytes: of the cursor */
    struct leaf leaf;
    struct leaf_cursor cursor;
};

static int reading_begin(struct task *t, struct reading *r, struct snapshot *s,
                         struct tree_sink *sink)
{
    uint32_t page_bytes = s->part->env->shape.page_bytes;
    r->s = s;
    r->sink = sink;
    memset(&r->held, 0, sizeof(r->held));
    TRY(descent_init(t, &r->d, page_bytes));
    r->key = arena_alloc(&t->arena, page_bytes);
    return r->key ? ELOQ_OK : task_no_memory(t);
}

static int load_leaf(struct task *t, struct reading *r, eloq_slice key, bool below)
{
    TRY(descend(t, r->s, r->s->root[TREE_MAIN], key, below, &r->d));
    TRY(descend_hold_leaf(t, r->s, &r->d, &r->held, &r->leaf));
    leaf_cursor_init(&r->cursor, &r->leaf, r->key);
    return ELOQ_OK;
}

static int damaged(struct task *t, struct reading *r, const char *what)
{
    return descend_damage(t, pages_fail(t, r->s, r->d.leaf, what), r->d.lower, r->d.upper);
}

static int malformed(struct task *t, struct reading *r)
{
    return damaged(t, r, "malformed data page");
}

/* Hands the pair to the sink. Everything that can fail comes before the sink's memory changes. */
static int deliver(struct task *t, struct reading *r, const struct entry *entry, bool with_key)
{
    struct tree_sink *sink = r->sink;
    struct value v;
    value_init(&v, r->s->part->env->mem);
    eloq_slice value;
    int rc = value_load(t, r->s, r->d.leaf, entry, &v, &value);
    if (rc < 0)
        goto out;

    void *key_to = NULL;
    if (with_key && !(key_to = sink->key_buffer(sink->user, entry->key.size))) {
        rc = task_no_memory(t);
        goto out;
    }
    void *value_to = sink->value_buffer(sink->user, value.size);
    if (!value_to && value.size != 0) {
        rc = task_no_memory(t);
        goto out;
    }
    if (key_to)
        memcpy(key_to, entry->key.data, entry->key.size);
    if (value.size != 0)
        memcpy(value_to, value.data, value.size);
    sink->timestamp = entry->timestamp;
    sink->expire_at = entry->expire_at;
out:
    value_deinit(&v);
    return rc;
}

/* For those who look behind the last pair of the leaf. Where the leaf is the last of its index
 * page, and that page or one above it is an old one, what they look for may be in a leaf that it
 * does not know: then the leaf's neighbour is not the one that the index leads to. Reads index
 * pages alone. */
static int check_end(struct task *t, struct reading *r)
{
    const struct descent *d = &r->d;
    if (d->next.n != NO_PAGE || d->upper.size == 0)
        return ELOQ_OK; /* it was compared already */
    struct descent *behind = arena_alloc(&t->arena, sizeof(*behind));
    if (!behind)
        return task_no_memory(t);
    TRY(descent_init(t, behind, r->s->part->env->shape.page_bytes));
    int rc = descend(t, r->s, r->s->root[TREE_MAIN], d->upper, false, behind);
    if (rc == ELOQ_CORRUPTED || rc == ELOQ_IO)
        return ELOQ_OK; /* that is damage of other keys */
    TRY(rc);
    return behind->leaf.n == r->leaf.next.n
               ? ELOQ_OK
               : damaged(t, r, "data page is linked otherwise than the index says");
}

static int get(struct task *t, struct reading *r, eloq_slice key)
{
    TRY(load_leaf(t, r, key, false));
    int rc = leaf_seek(&r->cursor, key);
    if (rc < 0)
        return malformed(t, r);
    if (rc == ELOQ_END)
        TRY(check_end(t, r));
    const struct entry *entry = &r->cursor.entry;
    if (rc != ELOQ_OK || !slice_equal(entry->key, key) || value_is_hidden(entry, r->sink->now_ms))
        return ELOQ_NOT_FOUND;
    return deliver(t, r, entry, false);
}

int tree_get(struct task *t, struct snapshot *s, eloq_slice key, struct tree_sink *sink)
{
    if (s->root[TREE_MAIN].n == NO_PAGE || key.size == 0)
        return ELOQ_NOT_FOUND;
    struct arena_mark mark = arena_mark(&t->arena);
    struct reading r;
    int rc = reading_begin(t, &r, s, sink);
    if (rc == ELOQ_OK)
        rc = get(t, &r, key);
    descend_let_go(s, &r.held);
    arena_reset(&t->arena, mark);
    return rc;
}

/* The last visible entry of the leaf with a key <= `key` (< if `below`; any if it is empty), its
 * key kept in `keep`: ELOQ_OK, ELOQ_END if there is none, ELOQ_CORRUPTED. The last entry is looked
 * at first; only if that one has expired is the page walked. */
static int last_visible(struct reading *r, eloq_slice key, bool below, uint8_t *keep,
                        struct entry *ret)
{
    uint64_t now_ms = r->sink->now_ms;
    struct leaf_cursor *c = &r->cursor;
    int rc = leaf_seek_floor(c, key, below);
    if (rc != ELOQ_OK)
        return rc;
    if (!value_is_hidden(&c->entry, now_ms)) {
        *ret = c->entry;
        return ELOQ_OK;
    }
    bool found = false;
    leaf_cursor_init(c, &r->leaf, r->key);
    while ((rc = leaf_next(c)) == ELOQ_OK) {
        int order = key.size == 0 ? -1 : slice_compare(c->entry.key, key);
        if (order > 0 || (order == 0 && below))
            break;
        if (value_is_hidden(&c->entry, now_ms))
            continue;
        memcpy(keep, c->entry.key.data, c->entry.key.size);
        *ret = c->entry;
        ret->key = eloq_bytes(keep, c->entry.key.size);
        found = true;
    }
    if (rc < 0)
        return rc;
    return found ? ELOQ_OK : ELOQ_END;
}

/* Each round looks at the leaf left of the one before: its bound `fence` falls strictly, so that
 * the loop ends whatever the pages say. */
static int floor_of(struct task *t, struct reading *r, eloq_slice key, uint8_t *keep,
                    uint8_t *fence)
{
    bool below = false;
    for (;;) {
        TRY(load_leaf(t, r, key, below));
        TRY(check_end(t, r));
        if (below && !slice_equal(r->d.upper, key))
            return damaged(t, r, "data page is not left of its neighbour");
        struct entry entry;
        int rc = last_visible(r, key, below, keep, &entry);
        if (rc < 0)
            return malformed(t, r);
        if (rc == ELOQ_OK)
            return deliver(t, r, &entry, true);
        if (r->d.lower.size == 0)
            return ELOQ_NOT_FOUND;
        memcpy(fence, r->d.lower.data, r->d.lower.size);
        key = eloq_bytes(fence, r->d.lower.size);
        below = true;
    }
}

int tree_floor(struct task *t, struct snapshot *s, eloq_slice key, struct tree_sink *sink)
{
    if (s->root[TREE_MAIN].n == NO_PAGE || key.size == 0)
        return ELOQ_NOT_FOUND;
    struct arena_mark mark = arena_mark(&t->arena);
    size_t page_bytes = s->part->env->shape.page_bytes;
    struct reading r;
    int rc = reading_begin(t, &r, s, sink);
    uint8_t *keep = arena_alloc(&t->arena, 2 * page_bytes);
    if (rc == ELOQ_OK && !keep)
        rc = task_no_memory(t);
    if (rc == ELOQ_OK)
        rc = floor_of(t, &r, key, keep, keep + page_bytes);
    descend_let_go(s, &r.held);
    arena_reset(&t->arena, mark);
    return rc;
}
