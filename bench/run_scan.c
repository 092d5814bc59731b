/* bench/run_scan.c -- scans of everything, and of a few pairs from random keys. */
#include "run.h"

#include "data.h"

#include <inttypes.h>
#include <string.h>

/* What a scan must see next. */
struct expected {
    uint64_t index;
    uint32_t step;
    uint32_t value_size;
};

static void check_pair(void *user, const void *key, const void *value, size_t size)
{
    struct expected *expected = user;
    char wanted[KEY_BYTES];
    data_key(wanted, expected->index);
    if (memcmp(key, wanted, KEY_BYTES) != 0)
        die("a scan should come to %.16s and comes to %.16s", wanted, (const char *)key);
    if (!data_value_is(value, size, expected->value_size, expected->index))
        die("a scan sees a wrong value of %.16s", wanted);
    expected->index += expected->step;
}

static uint64_t scan_all(const struct engine *engine, const struct config *config, void *session)
{
    uint32_t step = engine->has_partitions ? config->partitions : 1;
    uint64_t pairs = 0;
    for (uint32_t i = 0; i < step; i++) {
        struct expected expected = { i, step, config->value_size };
        pairs += engine->scan(session, i, NULL, 0, check_pair, &expected);
    }
    if (pairs != config->keys)
        die("a scan of %" PRIu64 " pairs saw %" PRIu64, config->keys, pairs);
    return pairs;
}

static uint64_t scan_some(const struct engine *engine, const struct config *config, void *session,
                          uint64_t *random)
{
    uint64_t limit = config->workload->limit;
    struct expected expected = { data_random(random) % (config->keys - limit), 1,
                                 config->value_size };
    char from[KEY_BYTES];
    data_key(from, expected.index);
    uint64_t pairs = engine->scan(session, 0, from, limit, check_pair, &expected);
    if (pairs != limit)
        die("a scan of %" PRIu64 " pairs saw %" PRIu64, limit, pairs);
    return pairs;
}

/* Scans until the time is up, but one at least; of everything when `latency` is NULL. */
static uint64_t scan_for(const struct engine *engine, const struct config *config, void *session,
                         double seconds, struct latency *latency)
{
    uint64_t random = data_mix(now_ns()) | 1;
    uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
    uint64_t pairs = 0;
    uint64_t begin;
    while ((begin = now_ns()) < end || pairs == 0) {
        if (config->workload->limit)
            pairs += scan_some(engine, config, session, &random);
        else
            pairs += scan_all(engine, config, session);
        latency_add(latency, now_ns() - begin);
        if (config->workload->is_cold && config->workload->limit == 0)
            break; /* the next one would find what this one read */
    }
    return pairs;
}

void run_scans(const struct engine *engine, const struct config *config, FILE *out)
{
    static struct latency warm, latency;
    const struct workload *workload = config->workload;
    struct probe before, after;
    if (workload->is_cold) {
        probe_forget(config->directory);
        probe_touch(config->directory);
    }
    void *store = engine->open(config);
    void *session = engine->session_open(store, 0);
    /* Of one scan of everything nothing is read twice: what the system keeps does not matter. */
    bool is_bound = workload->is_cold && workload->limit != 0;
    if (is_bound)
        probe_bound_start(config->directory, config->cache, false);
    if (!workload->is_cold)
        scan_all(engine, config, session);
    if (workload->limit)
        scan_for(engine, config, session, config->seconds / 4, &warm);
    probe_now(&before);
    uint64_t pairs = scan_for(engine, config, session, config->seconds, &latency);
    probe_now(&after);
    if (is_bound)
        probe_bound_stop();
    double seconds = (double)(after.ns - before.ns) / 1e9;
    fprintf(out, ",\"operations\":%" PRIu64 ",\"ops_per_s\":%.1f,\"pairs_per_s\":%.1f",
            latency.count, (double)latency.count / seconds, (double)pairs / seconds);
    fprintf(out, ",\"mb_per_s\":%.1f",
            (double)pairs * (KEY_BYTES + config->value_size) / 1e6 / seconds);
    print_latency(out, "", &latency);
    /* By pair: a scan of everything is a matter of its size. */
    print_probes(out, &before, &after, pairs);
    engine->session_close(session);
    engine->close(store);
}
