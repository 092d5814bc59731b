/* bench/latency.h -- times of operations, counted in buckets 3 % wide. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <stdint.h>

enum { LATENCY_BUCKETS = 64 * 32 };

struct latency {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};

void latency_add(struct latency *latency, uint64_t ns);
void latency_merge(struct latency *latency, const struct latency *other);
/* The time that `part` (0 to 1) of the operations did not exceed, in microseconds. */
double latency_us(const struct latency *latency, double part);

#endif
