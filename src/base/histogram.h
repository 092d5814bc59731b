/* base/histogram.h -- how often values of each size were seen: fixed memory, right to a quarter.
 *
 *     value    0 1 2 3 | 4 5 6 7 | 8-9 10-11 12-13 14-15 | 16-19 ...    four buckets a power of two
 */
#pragma once

#include "base/common.h"

#define HISTOGRAM_BUCKETS 128

struct histogram {
    uint64_t count, sum, most;
    uint64_t buckets[HISTOGRAM_BUCKETS]; /* the last one holds all that is larger, too */
};

void histogram_add(struct histogram *h, uint64_t value);
void histogram_merge(struct histogram *h, const struct histogram *other);
/* How many values were below 2^exponent (at least 2). */
uint64_t histogram_below(const struct histogram *h, unsigned exponent);
/* A value that `permille` of those seen do not exceed, at most a quarter too large; 0 if none was
 * seen. */
uint64_t histogram_quantile(const struct histogram *h, unsigned permille);
