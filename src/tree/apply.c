/* tree/apply.c -- applies a sorted batch to a tree: finds the leaves it touches and has them
 * merged; then the index above, then the TTL tree. See apply_private.h for the whole. */
#include "tree/apply_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"

#define WINDOW_LEAVES 32 /* read together */

int applier_grow(struct applier *a, void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return ELOQ_OK;
    size_t wanted = *capacity ? 2 * *capacity : 16;
    void *old, *grown;
    memcpy(&old, array, sizeof(old));
    grown = mem_realloc(a->keep.mem, MEM_TASKS, old, wanted * size);
    if (!grown)
        return task_no_memory(a->t);
    memcpy(array, &grown, sizeof(grown));
    *capacity = wanted;
    return ELOQ_OK;
}

/* The leaf that holds the first of these operations, and how many of them it holds. */
static int find_leaf(struct applier *a, struct descent *d, struct tree_op *ops, size_t count,
                     struct touched *ret)
{
    TRY(descend(a->t, a->w->base, a->w->base->root[a->kind], ops[0].key, false, d));
    *ret = (struct touched){
        .id = d->leaf, .depth = d->depth, .prev = d->prev, .next = d->next, .ops = ops
    };
    ret->path = arena_copy(&a->leaf, d->path, d->depth * sizeof(d->path[0]));
    ret->lower = eloq_bytes(arena_copy(&a->leaf, d->lower.data, d->lower.size), d->lower.size);
    ret->upper = eloq_bytes(arena_copy(&a->leaf, d->upper.data, d->upper.size), d->upper.size);
    if (!ret->path || !ret->lower.data || !ret->upper.data)
        return task_no_memory(a->t);
    size_t n = 1;
    while (n < count && (ret->upper.size == 0 || slice_compare(ops[n].key, ret->upper) < 0))
        n++;
    ret->op_count = n;
    return ELOQ_OK;
}

/* Whether an operation may be left undone where the page cannot be read: what cannot be read cannot
 * be tidied. Keys of the TTL tree whose pairs go; and cleaning, whose pairs nobody sees any more.
 */
static bool is_tidying(const struct applier *a, const struct tree_op *op)
{
    return a->kind == TREE_TTL ? op->is_delete : op->is_forced;
}

/* Damage met with failure `rc`: how many of the operations end at `upper` (empty = open), if all of
 * them only tidy up. They are passed over. Else rc. */
static int skip_damaged(struct applier *a, const struct tree_op *ops, size_t count,
                        eloq_slice upper, int rc, size_t *ret_count)
{
    size_t n = 0;
    if (rc != ELOQ_CORRUPTED)
        return rc;
    for (; n < count && (upper.size == 0 || slice_compare(ops[n].key, upper) < 0); n++) {
        if (!is_tidying(a, &ops[n]))
            return rc;
    }
    *ret_count = n;
    return ELOQ_OK;
}

/* Reads the leaves of a window; one to be passed over is left without operations. */
static int read_window(struct applier *a, struct touched *window, struct page_read *reads,
                       size_t leaves)
{
    if (leaves == 0 || pages_read_many(a->t, a->w->base, PAGE_DATA, reads, leaves) == ELOQ_OK)
        return ELOQ_OK;
    for (size_t i = 0; i < leaves; i++) {
        struct touched *leaf = &window[i];
        if (reads[i].rc == ELOQ_OK)
            continue;
        /* Once more alone, so that the words are about this page. */
        int rc = pages_read(a->t, a->w->base, leaf->id, PAGE_DATA, leaf->page);
        if (rc < 0)
            rc = descend_damage(a->t, rc, leaf->lower, leaf->upper);
        size_t ignored;
        if (rc < 0)
            TRY(skip_damaged(a, leaf->ops, leaf->op_count, leaf->upper, rc, &ignored));
        if (rc < 0)
            leaf->op_count = 0;
    }
    return ELOQ_OK;
}

/* Finds and reads up to WINDOW_LEAVES leaves; *ret_used: the operations they hold. */
static int fill_window(struct applier *a, struct descent *d, struct tree_op *ops, size_t count,
                       struct touched *window, struct page_read *reads, size_t *ret_leaves,
                       size_t *ret_used)
{
    size_t leaves = 0, used = 0;
    while (leaves < WINDOW_LEAVES && used < count) {
        struct touched *leaf = &window[leaves];
        size_t skipped = 0;
        int rc = find_leaf(a, d, ops + used, count - used, leaf);
        if (rc < 0)
            TRY(skip_damaged(a, ops + used, count - used, d->upper, rc, &skipped));
        used += skipped;
        if (skipped > 0)
            continue;
        if (leaf->depth != window[0].depth)
            return pages_fail(a->t, a->w->base, leaf->id, "tree is not equally deep everywhere");
        TRY(wtx_new_page(a->t, a->w, &leaf->page));
        reads[leaves] = (struct page_read){ .id = leaf->id, .data = leaf->page };
        *ret_leaves = ++leaves;
        used += leaf->op_count;
    }
    *ret_used = used;
    return read_window(a, window, reads, leaves);
}

static int apply_window(struct applier *a, struct descent *d, struct tree_op *ops, size_t count,
                        size_t *ret_used)
{
    struct arena_mark mark = arena_mark(&a->leaf);
    struct touched *window = arena_zalloc(&a->leaf, WINDOW_LEAVES * sizeof(*window));
    struct page_read *reads = arena_alloc(&a->leaf, WINDOW_LEAVES * sizeof(*reads));
    if (!window || !reads)
        return task_no_memory(a->t);
    size_t leaves = 0;
    int rc = fill_window(a, d, ops, count, window, reads, &leaves, ret_used);
    for (size_t i = 0; i < leaves; i++) {
        if (rc >= 0 && window[i].op_count > 0)
            rc = leaf_apply(a, &window[i]);
        wtx_drop_page(a->w, window[i].page);
    }
    arena_reset(&a->leaf, mark);
    return rc;
}

static int apply_leaves(struct applier *a, struct tree_op *ops, size_t count)
{
    if (a->w->base->root[a->kind].n == NO_PAGE) {
        struct touched nothing = { .id = page_id(NO_PAGE),
                                   .prev = page_id(NO_PAGE),
                                   .next = page_id(NO_PAGE),
                                   .ops = ops,
                                   .op_count = count };
        return leaf_apply(a, &nothing);
    }
    struct descent *d = arena_alloc(&a->keep, sizeof(*d));
    if (!d)
        return task_no_memory(a->t);
    TRY(descent_init(a->t, d, a->shape->page_bytes));
    while (count > 0) {
        size_t used = 0;
        TRY(apply_window(a, d, ops, count, &used));
        ops += used;
        count -= used;
    }
    return leaf_stream_end(a); /* its last word about what the index must hold */
}

int applier_init(struct applier *a, struct task *t, struct wtx *w, enum tree_kind kind,
                 uint64_t now_us)
{
    *a = (struct applier){ .t = t,
                           .w = w,
                           .kind = kind,
                           .shape = &w->part->env->shape,
                           .now_us = now_us,
                           .now_ms = now_us / 1000 };
    arena_init(&a->keep, t->arena.mem);
    arena_init(&a->leaf, t->arena.mem);
    bytes_init(&a->packed, t->arena.mem, MEM_DICT);
    a->key_buffer = arena_alloc(&a->keep, a->shape->page_bytes);
    a->pack.scratch = arena_alloc(&a->keep, leaf_build_scratch_bytes(a->shape->page_bytes));
    return a->key_buffer && a->pack.scratch ? ELOQ_OK : task_no_memory(t);
}

void applier_deinit(struct applier *a)
{
    leaf_pack_reset(a);
    wtx_drop_page(a->w, a->stream.tail);
    mem_free(a->keep.mem, a->pack.entries);
    mem_free(a->keep.mem, a->changes.items);
    mem_free(a->keep.mem, a->ttl);
    bytes_free(&a->packed);
    arena_free(&a->leaf);
    arena_free(&a->keep);
}

static int compare_ops(const void *x, const void *y)
{
    const struct tree_op *a = x, *b = y;
    return slice_compare(a->key, b->key);
}

static int apply_tree(struct task *t, struct wtx *w, enum tree_kind kind, struct tree_op *ops,
                      size_t count, uint64_t now_us)
{
    if (count == 0)
        return ELOQ_OK;
    struct arena_mark mark = arena_mark(&t->arena);
    struct applier *a = arena_alloc(&t->arena, sizeof(*a));
    if (!a)
        return task_no_memory(t);
    int rc = applier_init(a, t, w, kind, now_us);
    if (rc >= 0)
        rc = apply_leaves(a, ops, count);
    if (rc >= 0)
        rc = index_apply(a);
    if (rc >= 0)
        rc = applier_finish(a);
    applier_deinit(a);
    arena_reset(&t->arena, mark);
    return rc;
}

int applier_finish(struct applier *a)
{
    TRY(leaf_stream_end(a));
    if (a->ttl_count > 1)
        qsort(a->ttl, a->ttl_count, sizeof(a->ttl[0]), compare_ops);
    /* one level deep: the TTL tree notes nothing for itself */
    return apply_tree(a->t, a->w, TREE_TTL, a->ttl, a->ttl_count, a->now_us);
}

int tree_apply(struct task *t, struct wtx *w, struct tree_op *ops, size_t count, uint64_t now_us)
{
    apply_train(t, w, ops, count);
    return apply_tree(t, w, TREE_MAIN, ops, count, now_us);
}
