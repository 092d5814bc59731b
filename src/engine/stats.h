/* engine/stats.h -- every number of a store, summed over its shards: collected, and found by name.
 *
 *     request --> shard 0: adds its own --> shard 1: adds --> ... the last one answers
 */
#pragma once

#include "engine/measure.h"

#define STAT(name, kind, metric, labels, help) STAT_##name,
enum stat {
#include "engine/stats.def"
    STATS
};

struct stats {
    uint64_t n[STATS];
    uint64_t answers[REQUEST_KINDS][STATUSES];
    struct histogram latency[REQUEST_KINDS];
};

/* A row of stats.def. */
struct stat_row {
    const char *name, *metric, *labels, *help;
    bool is_counter;
};
extern const struct stat_row stat_rows[STATS];

/* A request of kind STAT, on the thread of one shard after the other. */
void stats_run(struct shard *s, struct request *r);
/* One number by name; false when there is none of this name. */
bool stats_find(const struct stats *stats, const char *name, uint64_t *ret);
/* All names, NULL at the end; static. */
const char *const *stats_names(void);
