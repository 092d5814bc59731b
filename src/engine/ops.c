/* engine/ops.c -- a batch's entries as operations for the tree, sorted. */
#include "engine/ops.h"

#include <string.h>

#include "base/slice.h"

/* Operations merged before others get a turn. */
#define YIELD_EVERY 16384

static bool in_order(const struct tree_op *a, const struct tree_op *b)
{
    int c = slice_compare(a->key, b->key);
    return c < 0 || (c == 0 && a->order <= b->order);
}

static bool is_sorted(const struct tree_op *ops, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (!in_order(&ops[i - 1], &ops[i]))
            return false;
    return true;
}

/* Merges from[0, half) and from[half, count) into `to`. */
static void merge(const struct tree_op *from, size_t half, size_t count, struct tree_op *to)
{
    size_t a = 0, b = half;

    if (half >= count || in_order(&from[half - 1], &from[half])) {
        memcpy(to, from, count * sizeof(*to));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        bool take_a = a < half && (b == count || in_order(&from[a], &from[b]));
        to[i] = take_a ? from[a++] : from[b++];
    }
}

void ops_sort(struct task *t, struct tree_op *ops, struct tree_op *scratch, size_t count)
{
    struct tree_op *from = ops, *to = scratch;
    size_t work = 0;

    if (is_sorted(ops, count))
        return;
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t size = MIN(2 * width, count - at);
            merge(from + at, MIN(width, size), size, to + at);
            work += size;
            if (work >= YIELD_EVERY) {
                work = 0;
                task_yield(t);
            }
        }
        struct tree_op *swap = from;
        from = to;
        to = swap;
    }
    if (from != ops)
        memcpy(ops, from, count * sizeof(*ops));
}

const struct tree_op *ops_find_double(const struct tree_op *ops, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (slice_equal(ops[i - 1].key, ops[i].key))
            return &ops[i];
    return NULL;
}

void ops_from_entry(struct tree_op *op, const eloq_entry *entry, uint32_t order, uint64_t *skipped)
{
    uint64_t timestamp = entry->timestamp == 0                     ? TIMESTAMP_NOW
                         : entry->timestamp == ELOQ_TIMESTAMP_ZERO ? 0
                                                                   : entry->timestamp;
    bool is_delete = entry->kind == ELOQ_DELETE;

    *op = (struct tree_op){
        .key = entry->key,
        .value = is_delete ? eloq_bytes(NULL, 0) : entry->value,
        .timestamp = timestamp,
        .expire_at = is_delete ? 0 : entry->expire_at,
        .is_delete = is_delete,
        .order = order,
        .skipped = skipped,
    };
}
