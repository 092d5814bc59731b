/* bench/streams.h -- operations in flight, and what came of them. */
#ifndef BENCH_STREAMS_H
#define BENCH_STREAMS_H

#include "bench.h"
#include "latency.h"
#include "probe.h"

enum order {
    IN_ORDER, /* writes of all keys, once, sorted */
    AT_RANDOM /* reads and updates of random keys */
};

struct plan {
    enum order order;
    uint32_t batch;
    uint32_t depth;
    double warm_seconds; /* not counted */
    double seconds;      /* counted; 0 = until `operations` */
    uint64_t operations; /* at most; 0 = until the time is up, or the last key in order */
    bool is_hot;         /* every thread reads all pairs once before it begins */
};

struct outcome {
    struct latency reads;
    struct latency writes;
    uint64_t operations;
    uint64_t pairs;
    double rate;     /* operations a second */
    uint64_t gap_ns; /* the longest time in which nothing was answered */
    struct probe before, after;
};

void streams_run(const struct engine *engine, void *store, const struct config *config,
                 const struct plan *plan, struct outcome *ret);

#endif
