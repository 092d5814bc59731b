/* io/wake.h -- the eventfd by which other threads end a poll. */
#pragma once

#include "base/common.h"

/* The descriptor, or -errno. */
int wake_open(void);
/* Makes it unreadable again. */
void wake_drain(int wake_fd);
/* Waits until it is readable, at most wait_ns (UINT64_MAX: for ever), then drains it. */
void wake_wait(int wake_fd, uint64_t wait_ns);
