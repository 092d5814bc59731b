/* engine/waiter.h -- one thread sleeps until another says so; nothing is touched after that. */
#pragma once

#include <stdatomic.h>

#include "base/common.h"

enum { WAITER_AWAKE = 0, WAITER_ASLEEP, WAITER_DONE };

/* Zero at first. */
struct waiter {
    _Atomic uint32_t state;
};

static inline bool waiter_is_done(const struct waiter *w)
{
    return atomic_load_explicit(&w->state, memory_order_acquire) == WAITER_DONE;
}
void waiter_wake(struct waiter *w);
void waiter_sleep(struct waiter *w);
