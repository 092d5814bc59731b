/* sim/shrink.h -- makes the script of a failure smaller, as long as it fails.
 *
 * Asked for by --shrink. Each attempt is a process of its own: this program, with the whole script
 * and fewer batches, pairs or keys, smaller values, or a plainer store. What is left is printed,
 * with what it says when it fails: the one command that repeats it. */
#pragma once

#include "sim/script.h"

/* Returns at once unless asked for. Each attempt is given `also`, an option, unless NULL. */
void shrink(uint64_t seed, const char *also);
