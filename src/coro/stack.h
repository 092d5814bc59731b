/* coro/stack.h -- a pool of task stacks with guard pages. */
#pragma once

#include "base/mem.h"

struct stack_pool {
    struct mem *mem;
    size_t usable; /* bytes of each stack, without its guard page */
    void *free;    /* list of unused stacks, linked through their highest word */
    size_t made;   /* stacks in existence */
};

/* `usable` is rounded up to whole pages, and times four under the sanitizers, whose frames are
 * larger. */
void stack_pool_init(struct stack_pool *p, struct mem *m, size_t usable);
/* The lowest usable address, or NULL. */
void *stack_acquire(struct stack_pool *p);
void stack_release(struct stack_pool *p, void *low);
void stack_pool_trim(struct stack_pool *p); /* gives back the unused ones */
void stack_pool_free(struct stack_pool *p); /* all must be released */
