/* sim/kinds.h -- which kinds of store and of batch the scripts of a program had: that each is
 * tried is promised by the scoreboard, so it is counted. */
#pragma once

#include "sim/script.h"

/* A run that is open and has done its batches. */
void kinds_add(const struct run *run);
/* One line to stdout. The name of one that never came, or NULL. */
const char *kinds_print(void);
