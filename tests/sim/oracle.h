/* sim/oracle.h -- looks at every data file that is about to be removed or cut: nothing that is
 * needed may be in it. Needed is what is named by
 *
 *     the manifest and each archive, as a power cut would leave them now and as they are shown
 *     each version of the partition in memory: the current one and those of readers
 *
 * It reads manifests by the pure decoder and asks nobody who decides what to remove. */
#pragma once

#include "sim/script.h"

/* Watches a run that is open, until it is closed. */
void oracle_begin(struct run *run);
void oracle_end(struct run *run);
/* Removals and cuts looked at, of all runs. */
uint64_t oracle_count(void);
