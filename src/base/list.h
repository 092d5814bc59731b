/* base/list.h -- intrusive doubly linked list. A node that is in no list points to itself. */
#pragma once

#include "base/common.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
static inline void list_insert_before(struct list *at, struct list *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}
static inline void list_push_back(struct list *l, struct list *node)
{
    list_insert_before(l, node);
}
static inline void list_push_front(struct list *l, struct list *node)
{
    list_insert_before(l->next, node);
}
/* Safe on a node that is in no list. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}
static inline struct list *list_first(struct list *l)
{
    return list_empty(l) ? NULL : l->next;
}
static inline struct list *list_last(struct list *l)
{
    return list_empty(l) ? NULL : l->prev;
}
static inline struct list *list_pop_front(struct list *l)
{
    struct list *node = list_first(l);
    if (node)
        list_remove(node);
    return node;
}
/* Moves all of `from` to the end of `l`. */
static inline void list_splice_back(struct list *l, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = l->prev;
    l->prev->next = from->next;
    from->prev->next = l;
    l->prev = from->prev;
    list_init(from);
}
/* `node` may be removed inside the loop. */
#define LIST_FOR(node, l)                                                        \
    for (struct list *node = (l)->next, *node##_next_ = node->next; node != (l); \
         node = node##_next_, node##_next_ = node->next)
