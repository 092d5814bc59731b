/* tree/apply_leaves.c -- finds the leaves a batch touches and reads them ahead of the merging.
 *
 *     operations in key order:   merged | window | window | window | not looked at yet
 *                                         ^ first: merged next, the others being read meanwhile
 *
 * A window is read by a helper task of its own, so that the device always has the reads of several
 * before it. Where there is only one, or no memory for a helper, the write reads it itself. */
#include <string.h>

#include "base/slice.h"
#include "coro/sched.h"
#include "tree/apply_private.h"

#define WINDOW_LEAVES 32 /* read together */
#define WINDOWS_MAX 4
#define PACED_LEAVES 8 /* where point reads would wait for more: one window of so many */
#define STEP_LEAVES                                                              \
    4 /* merged in a row; then others, who may wait for their reads, have a turn \
       */
#define AHEAD_BYTES (1u << 20) /* where nobody says what the windows may take */

struct window {
    struct arena memory; /* of all below */
    struct touched *leaves;
    struct page_read *reads;
    size_t count, room;
    struct snapshot *snapshot;
    bool is_read;         /* or a helper is about it: `reading` */
    struct group reading; /* the helper */
};

struct windows {
    struct applier *a;
    struct descent d;
    struct tree_op *ops; /* those that are in no window yet */
    size_t left;
    struct window ring[WINDOWS_MAX];
    size_t first, pending, max;
    bool is_paced;
};

static void advance(struct windows *h, size_t ops)
{
    h->ops += ops;
    h->left -= ops;
}

/* The leaf that holds the first of the operations, and how many of them it holds. */
static int find_leaf(struct windows *h, struct window *w, struct touched *ret)
{
    struct applier *a = h->a;
    struct descent *d = &h->d;
    TRY(descend(a->t, a->w->base, a->w->base->root[a->kind], h->ops[0].key, false, d));
    *ret = (struct touched){
        .id = d->leaf, .depth = d->depth, .prev = d->prev, .next = d->next, .ops = h->ops
    };
    ret->path = arena_copy(&w->memory, d->path, d->depth * sizeof(d->path[0]));
    ret->lower = eloq_bytes(arena_copy(&w->memory, d->lower.data, d->lower.size), d->lower.size);
    ret->upper = eloq_bytes(arena_copy(&w->memory, d->upper.data, d->upper.size), d->upper.size);
    if (!ret->path || !ret->lower.data || !ret->upper.data)
        return task_no_memory(a->t);
    size_t n = 1;
    while (n < h->left && (ret->upper.size == 0 || slice_compare(h->ops[n].key, ret->upper) < 0))
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

/* Adds the next leaf to the window: ELOQ_OK, also when it was passed over, or a failure. */
static int add_leaf(struct windows *h, struct window *w)
{
    struct applier *a = h->a;
    struct touched *leaf = &w->leaves[w->count];
    int rc = find_leaf(h, w, leaf);
    if (rc < 0) {
        size_t skipped = 0;
        TRY(skip_damaged(a, h->ops, h->left, h->d.upper, rc, &skipped));
        advance(h, skipped);
        return ELOQ_OK;
    }
    if (leaf->depth != w->leaves[0].depth)
        return pages_fail(a->t, a->w->base, leaf->id, "tree is not equally deep everywhere");
    TRY(wtx_new_page(a->t, a->w, &leaf->page));
    w->reads[w->count++] = (struct page_read){ .id = leaf->id, .data = leaf->page };
    advance(h, leaf->op_count);
    return ELOQ_OK;
}

/* Finds the leaves of the next window. When memory runs out, those found must do; if there are none
 * but of windows before: 1, these come first. */
static int fill_window(struct windows *h, struct window *w)
{
    w->room = MIN(h->left, h->is_paced ? PACED_LEAVES : WINDOW_LEAVES);
    w->leaves = arena_alloc(&w->memory, w->room * sizeof(*w->leaves));
    w->reads = arena_alloc(&w->memory, w->room * sizeof(*w->reads));
    int rc = w->leaves && w->reads ? ELOQ_OK : task_no_memory(h->a->t);
    while (rc == ELOQ_OK && w->count < w->room && h->left > 0)
        rc = add_leaf(h, w);
    if (rc == ELOQ_NO_MEMORY && w->count > 0)
        return ELOQ_OK;
    return rc == ELOQ_NO_MEMORY && h->pending > 0 ? 1 : rc;
}

static void close_window(struct windows *h, struct window *w)
{
    for (size_t i = 0; i < w->count; i++)
        wtx_drop_page(h->a->w, w->leaves[i].page);
    arena_free(&w->memory);
}

static void read_main(struct task *t, void *arg)
{
    struct window *w = arg;
    (void)pages_read_many(t, w->snapshot, PAGE_DATA, w->reads,
                          w->count); /* each says how it went */
    group_done(&w->reading);
}

/* ELOQ_OK, 1 as fill_window, or a failure. */
static int open_window(struct windows *h)
{
    struct task *t = h->a->t;
    struct window *w = &h->ring[(h->first + h->pending) % WINDOWS_MAX];
    *w = (struct window){ .snapshot = h->a->w->base };
    arena_init(&w->memory, h->a->keep.mem);
    group_init(&w->reading);
    int rc = fill_window(h, w);
    if (rc != ELOQ_OK || w->count == 0) {
        close_window(h, w);
        return rc;
    }
    h->pending++;
    if (h->pending == 1 && h->left == 0)
        return ELOQ_OK; /* nothing to do meanwhile */
    group_add(&w->reading);
    w->is_read = task_start(t->sched, read_main, w) == ELOQ_OK;
    if (!w->is_read)
        group_done(&w->reading);
    return ELOQ_OK;
}

static int look_ahead(struct windows *h)
{
    size_t before = h->pending;
    int rc = ELOQ_OK;
    h->is_paced = pace_is_wanted(&h->a->w->part->env->pace);
    while (rc == ELOQ_OK && h->pending < (h->is_paced ? 1 : h->max) && h->left > 0)
        rc = open_window(h);
    if (rc >= 0 && before > 0 && h->pending > before)
        task_yield(h->a->t); /* so that the reads are under way while the first is merged */
    return MIN(rc, ELOQ_OK);
}

/* Waits for the window; one leaf to be passed over is left without operations. */
static int await_window(struct windows *h, struct window *w)
{
    struct applier *a = h->a;
    struct task *t = a->t;
    if (w->is_read) {
        uint64_t begin_ns = clock_mono_ns(t->sched->clock);
        group_wait(t, &w->reading);
        t->io_wait_ns += clock_mono_ns(t->sched->clock) - begin_ns;
    } else {
        (void)pages_read_many(t, w->snapshot, PAGE_DATA, w->reads, w->count);
    }
    for (size_t i = 0; i < w->count; i++) {
        struct touched *leaf = &w->leaves[i];
        if (w->reads[i].rc == ELOQ_OK)
            continue;
        /* Once more alone, so that the words are about this page. */
        int rc = pages_read(t, w->snapshot, leaf->id, PAGE_DATA, leaf->page);
        if (rc < 0)
            rc = descend_damage(t, rc, leaf->lower, leaf->upper);
        size_t ignored;
        if (rc < 0)
            TRY(skip_damaged(a, leaf->ops, leaf->op_count, leaf->upper, rc, &ignored));
        if (rc < 0)
            leaf->op_count = 0;
    }
    return ELOQ_OK;
}

static int merge_first(struct windows *h)
{
    struct window *w = &h->ring[h->first];
    int rc = await_window(h, w);
    for (size_t i = 0; i < w->count && rc >= 0; i++) {
        struct touched *leaf = &w->leaves[i];
        if (leaf->op_count > 0)
            rc = leaf_apply(h->a, leaf);
        wtx_drop_page(h->a->w, leaf->page);
        leaf->page = NULL;
        if (i % STEP_LEAVES == STEP_LEAVES - 1)
            task_yield(h->a->t);
    }
    close_window(h, w);
    h->first = (h->first + 1) % WINDOWS_MAX;
    h->pending--;
    return rc;
}

/* After a failure: those being read must be waited for. */
static void close_all(struct windows *h)
{
    for (; h->pending > 0; h->pending--) {
        struct window *w = &h->ring[h->first];
        group_wait(h->a->t, &w->reading);
        close_window(h, w);
        h->first = (h->first + 1) % WINDOWS_MAX;
    }
}

/* Not more than a scan reads ahead. */
static size_t windows_max(const struct part_env *env)
{
    size_t bytes = env->scan_window_bytes ? env->scan_window_bytes : AHEAD_BYTES;
    return MIN(MAX(bytes / env->shape.page_bytes / WINDOW_LEAVES, 1), WINDOWS_MAX);
}

static int apply_new(struct applier *a, struct tree_op *ops, size_t count)
{
    struct touched nothing = { .id = page_id(NO_PAGE),
                               .prev = page_id(NO_PAGE),
                               .next = page_id(NO_PAGE),
                               .ops = ops,
                               .op_count = count };
    return leaf_apply(a, &nothing);
}

int leaves_apply(struct applier *a, struct tree_op *ops, size_t count)
{
    if (a->w->base->root[a->kind].n == NO_PAGE)
        return apply_new(a, ops, count);
    struct windows *h = arena_zalloc(&a->keep, sizeof(*h));
    if (!h)
        return task_no_memory(a->t);
    h->a = a;
    h->ops = ops;
    h->left = count;
    h->max = windows_max(a->w->part->env);
    TRY(descent_init(a->t, &h->d, a->shape->page_bytes));
    int rc = ELOQ_OK;
    while (rc >= 0 && (h->left > 0 || h->pending > 0)) {
        rc = look_ahead(h);
        if (rc >= 0 && h->pending > 0)
            rc = merge_first(h);
    }
    close_all(h);
    return rc < 0 ? rc : leaf_stream_end(a); /* its last word about what the index must hold */
}
