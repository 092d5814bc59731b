/* engine/waiter.h -- one thread sleeps until another says so; nothing is touched after that. */
#pragma once

#include <stdatomic.h>

#include "base/common.h"

struct waiter {
    _Atomic uint32_t done;
};

void waiter_wake(struct waiter *w);
void waiter_sleep(struct waiter *w);
