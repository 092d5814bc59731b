/* base/heap.h -- which of many has the least key: a pairing heap, intrusive, so nothing can fail.
 *
 * Adding and looking at the first take constant time, removing takes logarithmic time, amortised.
 */
#pragma once

#include "base/common.h"

struct heap_node {
    struct heap_node *child; /* first of its children */
    struct heap_node *next;  /* sibling */
    struct heap_node *prev;  /* sibling before it, or for a first child the parent */
    uint64_t key;            /* may be changed only while it is in no heap */
    bool is_inside;
};

struct heap {
    struct heap_node *root; /* NULL: empty */
};

void heap_add(struct heap *h, struct heap_node *node);
/* Safe on a node that is in no heap. */
void heap_remove(struct heap *h, struct heap_node *node);
static inline struct heap_node *heap_first(const struct heap *h)
{
    return h->root;
}
