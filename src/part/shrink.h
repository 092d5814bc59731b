/* part/shrink.h -- in-place mode: gives the free space at the end of the files back to the system.
 *
 *     places   0 1 2 3 4 5 6 7 8 9 (next)
 *              # # . # . . . . . .           the tail is free, and more than a quarter of it all
 *              # # . # (next)                the manifest is replaced, since only a snapshot record
 *                                            can lower `next`; then the files are cut */
#pragma once

#include "part/part.h"

/* The last pages often lie at the very end: a write takes its places before it frees others. Moves
 * them down, if they are few and that makes the tail worth cutting. For after a truncation or
 * the end of a cleaning: it looks at the whole mapping if it moves any. ELOQ_OK or a failure. Under
 * the write slot, with no write open. */
int part_pull_in(struct task *t, struct part *p);
/* Whether it is worth it: the tail is larger than 1 MiB and than a quarter of the space. */
bool part_can_shrink(struct part *p);
/* Under the write slot, with no write open. ELOQ_OK or a failure, after which the partition is as
 * good as before. Does nothing while there are archives (of a time in append mode). */
int part_shrink(struct task *t, struct part *p);
