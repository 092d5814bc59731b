/* sim/sim_io.h -- the simulated disk as a struct io. */
#pragma once

#include "sim/sim_clock.h"
#include "sim/sim_disk.h"

/* Requests take effect and complete in poll, some at a time, in an order that follows from the
 * seed. A poll that may wait while nothing is under way moves the clock (may be NULL) by the wait.
 * O_DIRECT handles want memory, size and offset aligned to 4096, as a strict device does. */
int sim_io_open(struct sim_disk *disk, struct sim_clock *clock, uint64_t seed, struct io **ret);
