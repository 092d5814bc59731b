/* tree/apply.c -- applies a sorted batch to a tree: the leaves it touches, then the index above,
 * then the TTL tree. See apply_private.h for the whole. */
#include "tree/apply_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"

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
        rc = leaves_apply(a, ops, count);
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
