/* tests/unit/base/fail.h -- makes the n-th allocation of a struct mem fail. */
#pragma once

#include "base/mem.h"

struct fail_at {
    unsigned left; /* allocations that still succeed; then each fails */
    unsigned asked;
};

static inline bool fail_at_hook(void *user, size_t size)
{
    struct fail_at *f = user;
    (void)size;
    f->asked++;
    if (f->left == 0)
        return true;
    f->left--;
    return false;
}

static inline void fail_at_set(struct mem *m, struct fail_at *f, unsigned left)
{
    *f = (struct fail_at){ .left = left };
    m->fail = fail_at_hook;
    m->fail_user = f;
}
