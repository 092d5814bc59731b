/* engine/metrics.h -- every number of a store as Prometheus text (format 0.0.4). */
#pragma once

#include "engine/stats.h"

/* Takes the place of what `ret` holds: text, its size without the NUL behind it. ELOQ_OK, or
 * ELOQ_NO_MEMORY, and `ret` is as it was. `m` says whether it may; the memory is plain, since it
 * outlives the store. */
int metrics_text(const struct stats *stats, const struct mem *m, eloq_buffer *ret);
