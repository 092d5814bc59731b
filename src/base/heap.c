/* base/heap.c -- a pairing heap. */
#include "base/heap.h"

#include "base/check.h"

/* Two roots become one; neither may have siblings. */
static struct heap_node *meld(struct heap_node *a, struct heap_node *b)
{
    if (!a || !b)
        return a ? a : b;
    if (b->key < a->key) {
        struct heap_node *greater = a;
        a = b;
        b = greater;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    return a;
}

static struct heap_node *take(struct heap_node **list)
{
    struct heap_node *node = *list;

    if (node) {
        *list = node->next;
        node->next = node->prev = NULL;
    }
    return node;
}

/* Melds siblings in pairs, then the pairs from the last to the first. */
static struct heap_node *meld_all(struct heap_node *list)
{
    struct heap_node *pairs = NULL, *root = NULL, *a;

    while ((a = take(&list))) {
        struct heap_node *pair = meld(a, take(&list));
        pair->next = pairs;
        pairs = pair;
    }
    while ((a = take(&pairs)))
        root = meld(root, a);
    return root;
}

void heap_add(struct heap *h, struct heap_node *node)
{
    CHECK(!node->is_inside);
    node->child = node->next = node->prev = NULL;
    node->is_inside = true;
    h->root = meld(h->root, node);
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (!node->is_inside)
        return;
    node->is_inside = false;
    struct heap_node *orphans = meld_all(node->child);
    node->child = NULL;
    if (h->root == node) {
        h->root = orphans;
        return;
    }
    if (node->prev->child == node)
        node->prev->child = node->next;
    else
        node->prev->next = node->next;
    if (node->next)
        node->next->prev = node->prev;
    h->root = meld(h->root, orphans);
}
