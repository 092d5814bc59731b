/* engine/ops.h -- a batch's entries as operations for the tree, sorted. */
#pragma once

#include "tree/tree.h"

/* Sorts by (key, order); stable merges of the runs that are there already. `scratch` has room for
 * `count` as well. Lets others run in between. */
void ops_sort(struct task *t, struct tree_op *ops, struct tree_op *scratch, size_t count);
/* In sorted operations of one batch: the first that has its predecessor's key, or NULL. */
const struct tree_op *ops_find_double(const struct tree_op *ops, size_t count);
/* Fills one operation. */
void ops_from_entry(struct tree_op *op, const eloq_entry *entry, uint32_t order, uint64_t *skipped);
