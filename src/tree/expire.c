/* tree/expire.c -- the tree of expiry times: what expires next, remove what has expired. */
#include <stdlib.h>
#include <string.h>

#include "base/coding.h"
#include "base/slice.h"
#include "tree/buffers.h"
#include "tree/descend.h"
#include "tree/tree.h"

#define TTL_PREFIX 8 /* the expiry before the key, big endian */

/* A place in the TTL tree, kept across leaves that cannot be read. */
struct place {
    struct descent d;
    uint8_t *from; /* page_bytes */
    size_t from_size;
};

static int place_descend(struct task *t, struct snapshot *s, struct place *p)
{
    return descend(t, s, s->root[TREE_TTL], eloq_bytes(p->from, p->from_size), false, &p->d);
}

/* To the leaf behind the one of the last descent: ELOQ_OK or ELOQ_END. */
static int place_next(struct place *p)
{
    if (p->d.upper.size == 0)
        return ELOQ_END;
    memcpy(p->from, p->d.upper.data, p->d.upper.size);
    p->from_size = p->d.upper.size;
    return ELOQ_OK;
}

/* The first expiry in a leaf that can be read; 0 if there is none. */
static int first_key(struct task *t, struct snapshot *s, struct place *p, uint8_t *page,
                     uint64_t *ret_ms, bool *ret_passed)
{
    struct leaf_cursor c;
    struct leaf leaf;
    int rc;

    *ret_ms = 0;
    for (;;) {
        TRY(place_descend(t, s, p));
        rc = descend_read_leaf(t, s, &p->d, page, &leaf);
        if (rc != ELOQ_CORRUPTED)
            break;
        *ret_passed = true;
        if (place_next(p) == ELOQ_END)
            return ELOQ_OK;
    }
    TRY(rc);
    leaf_cursor_init(&c, &leaf, p->d.scratch);
    if (leaf_next(&c) != ELOQ_OK || c.entry.key.size <= TTL_PREFIX)
        return pages_fail(t, s, p->d.leaf, "TTL key is too short");
    *ret_ms = get_u64_be(c.entry.key.data);
    return ELOQ_OK;
}

int tree_next_expiry(struct task *t, struct snapshot *s, uint64_t *ret_ms, bool *ret_passed)
{
    *ret_passed = false;
    if (s->root[TREE_TTL].n == NO_PAGE) {
        *ret_ms = 0;
        return ELOQ_OK;
    }
    struct arena_mark mark = arena_mark(&t->arena);
    uint32_t page_bytes = s->part->env->shape.page_bytes;
    struct place p = { .from = arena_alloc(&t->arena, page_bytes) };
    uint8_t *page = NULL;
    int rc = p.from ? descent_init(t, &p.d, page_bytes) : task_no_memory(t);
    if (rc == ELOQ_OK)
        rc = buffers_take_one(t, s->part->env, &page);
    if (rc == ELOQ_OK)
        rc = first_key(t, s, &p, page, ret_ms, ret_passed);
    buffers_give(s->part->env, &page, 1);
    arena_reset(&t->arena, mark);
    return rc;
}

/* Keys of the TTL tree, collected until enough have expired. */
struct expired {
    struct task *t;
    struct arena keys;
    uint64_t now_ms;
    struct tree_op *ops; /* room for `limit` */
    uint64_t *expiries;  /* of ops, in TTL order */
    size_t count, limit;
    uint64_t next;      /* the first expiry not collected; 0 = none */
    struct place place; /* from: the TTL key met last, or at which the scan began */
    bool passed;        /* a page that cannot be read was passed over */
};

static int collect(void *user, const struct tree_pair *pair)
{
    struct expired *e = user;
    memcpy(e->place.from, pair->key.data, pair->key.size);
    e->place.from_size = pair->key.size;
    if (pair->key.size <= TTL_PREFIX)
        return ELOQ_OK; /* damage: tree_check tells */
    const uint8_t *bytes = pair->key.data;
    uint64_t expire_at = get_u64_be(bytes);
    if (expire_at > e->now_ms || e->count == e->limit) {
        e->next = expire_at;
        return ELOQ_FETCH;
    }
    size_t size = pair->key.size - TTL_PREFIX;
    void *key = arena_copy(&e->keys, bytes + TTL_PREFIX, size);
    if (!key)
        return task_no_memory(e->t);
    e->expiries[e->count] = expire_at;
    e->ops[e->count++] =
        (struct tree_op){ .key = eloq_bytes(key, size), .is_delete = true, .is_forced = true };
    /* Full: what comes next is looked at by a step of its own, so that it is not lost if these turn
     * out to be nothing. */
    return e->count == e->limit ? ELOQ_FETCH : ELOQ_OK;
}

/* Whether the main tree holds the key with this expiry. ELOQ_OK, ELOQ_NOT_FOUND (also when it would
 * stand in a damaged page: it cannot be cleaned) or a failure. */
static int has_pair(struct task *t, struct snapshot *s, eloq_slice key, uint64_t expire_at)
{
    if (s->root[TREE_MAIN].n == NO_PAGE)
        return ELOQ_NOT_FOUND;
    struct arena_mark mark = arena_mark(&t->arena);
    struct held_leaf held = { 0 };
    struct descent d;
    struct leaf leaf;
    struct leaf_cursor c;
    int rc = descent_init(t, &d, s->part->env->shape.page_bytes);
    if (rc == ELOQ_OK)
        rc = descend(t, s, s->root[TREE_MAIN], key, false, &d);
    if (rc == ELOQ_OK)
        rc = descend_hold_leaf(t, s, &d, &held, &leaf);
    if (rc < 0)
        goto out;
    leaf_cursor_init(&c, &leaf, d.scratch);
    rc = leaf_seek(&c, key);
    if (rc < 0)
        rc = pages_fail(t, s, d.leaf, "malformed data page");
    else if (rc == ELOQ_END || !slice_equal(c.entry.key, key) || c.entry.expire_at != expire_at)
        rc = ELOQ_NOT_FOUND;
out:
    descend_let_go(s, &held);
    arena_reset(&t->arena, mark);
    return rc == ELOQ_CORRUPTED ? ELOQ_NOT_FOUND : rc;
}

/* ELOQ_OK if one of the collected keys has its pair, ELOQ_NOT_FOUND if none has, or a failure. */
static int any_pair(struct expired *e, struct snapshot *s)
{
    for (size_t i = 0; i < e->count; i++) {
        int rc = has_pair(e->t, s, e->ops[i].key, e->expiries[i]);
        if (rc != ELOQ_NOT_FOUND)
            return rc;
    }
    return ELOQ_NOT_FOUND;
}

/* The scan has met a leaf that cannot be read: it begins anew behind the leaf of the key it met
 * last. ELOQ_OK, ELOQ_END, or a failure: also where it is an index page that cannot be read. */
static int pass_over(struct expired *e, struct snapshot *s, struct tree_scan *scan)
{
    struct task *t = e->t;
    struct arena_mark mark = arena_mark(&t->arena);
    int rc = descent_init(t, &e->place.d, s->part->env->shape.page_bytes);
    if (rc == ELOQ_OK)
        rc = place_descend(t, s, &e->place);
    if (rc == ELOQ_OK)
        rc = place_next(&e->place);
    if (rc == ELOQ_OK) {
        const eloq_range rest = { .begin = eloq_bytes(e->place.from, e->place.from_size) };
        tree_scan_close(scan);
        if (tree_scan_open(scan, s->part->env->mem, s, TREE_TTL, &rest, 0) < 0)
            rc = task_no_memory(t);
    }
    e->passed = true;
    arena_reset(&t->arena, mark);
    return rc;
}

static int scan_on(struct expired *e, struct snapshot *s, struct tree_scan *scan)
{
    int rc;
    while ((rc = tree_scan_step(e->t, scan, collect, e)) == ELOQ_CORRUPTED)
        if ((rc = pass_over(e, s, scan)) != ELOQ_OK)
            return rc;
    return rc;
}

/* Collects the next expired keys. A TTL key without its pair stays where it is (only a damaged
 * store has any), so a round that met nothing else would be met again for ever: it is skipped. */
static int collect_round(struct expired *e, struct snapshot *s, struct tree_scan *scan)
{
    int rc;
    do {
        e->count = 0;
        rc = scan_on(e, s, scan);
        if (rc < 0 && !(rc == ELOQ_CORRUPTED && e->count > 0))
            return rc; /* else those before the damage can be cleaned */
        rc = any_pair(e, s);
    } while (rc == ELOQ_NOT_FOUND && e->count == e->limit);
    if (rc == ELOQ_NOT_FOUND)
        e->count = 0;
    if (rc < 0 || e->count < e->limit)
        return rc < 0 ? rc : ELOQ_OK;
    rc = scan_on(e, s, scan);
    return rc < 0 && rc != ELOQ_CORRUPTED ? rc : ELOQ_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct tree_op *x = a, *y = b;
    int order = slice_compare(x->key, y->key);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static int clean(struct task *t, struct wtx *w, struct expired *e)
{
    struct tree_scan scan;
    const eloq_range everything = { 0 };
    if (tree_scan_open(&scan, w->base->part->env->mem, w->base, TREE_TTL, &everything, 0) < 0)
        return task_no_memory(t);
    int rc = collect_round(e, w->base, &scan);
    tree_scan_close(&scan);
    if (rc < 0 || e->count == 0)
        return rc;
    for (size_t i = 0; i < e->count; i++)
        e->ops[i].order = (uint32_t)i;
    qsort(e->ops, e->count, sizeof(*e->ops), by_key);
    uint64_t now_us = e->now_ms > UINT64_MAX / 1000 ? UINT64_MAX : e->now_ms * 1000;
    return tree_apply(t, w, e->ops, e->count, now_us);
}

int tree_clean_expired(struct task *t, struct wtx *w, uint64_t now_ms, size_t limit,
                       size_t *ret_removed, uint64_t *ret_next, bool *ret_passed)
{
    struct arena_mark mark = arena_mark(&t->arena);
    struct expired e = { .t = t, .now_ms = now_ms, .limit = MAX(limit, 1) };
    e.ops = arena_alloc(&t->arena, e.limit * sizeof(*e.ops));
    e.expiries = arena_alloc(&t->arena, e.limit * sizeof(*e.expiries));
    e.place.from = arena_alloc(&t->arena, w->base->part->env->shape.page_bytes);
    arena_init(&e.keys, w->base->part->env->mem);
    int rc = e.ops && e.expiries && e.place.from ? clean(t, w, &e) : task_no_memory(t);
    arena_free(&e.keys);
    arena_reset(&t->arena, mark);
    if (rc < 0)
        return rc;
    *ret_removed = e.count;
    *ret_next = e.next;
    *ret_passed = e.passed;
    return ELOQ_OK;
}
