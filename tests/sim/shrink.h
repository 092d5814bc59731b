/* sim/shrink.h -- makes the script of a failure smaller, as long as it fails.
 *
 * Asked for by --shrink. Each attempt is a process of its own, made by fork, that runs the whole
 * script with fewer batches, pairs or keys, smaller values, or a plainer store. What is left is
 * printed, with what it says when it fails: the one command that repeats it. */
#pragma once

#include "sim/script.h"

/* Returns at once unless asked for, and when it is itself an attempt. `again` runs a script from
 * its beginning to its end or its failure, which exits. */
void shrink(uint64_t seed, void (*again)(uint64_t seed));
