/* bench/run_ops.c -- loads, and point reads and updates at random. */
#include "run.h"

#include <inttypes.h>
#include <string.h>

enum { LOAD_BATCH = 20000, LOAD_DEPTH = 64 };

void print_latency(FILE *out, const char *prefix, const struct latency *latency)
{
    if (latency->count == 0)
        return;
    fprintf(out, ",\"%sp50\":%.2f,\"%sp99\":%.2f,\"%sp99.9\":%.2f,\"%sp99.99\":%.2f,\"%smax\":%.2f",
            prefix, latency_us(latency, 0.5), prefix, latency_us(latency, 0.99), prefix,
            latency_us(latency, 0.999), prefix, latency_us(latency, 0.9999), prefix,
            (double)latency->max_ns / 1000);
}

void print_probes(FILE *out, const struct probe *before, const struct probe *after,
                  uint64_t operations)
{
    double n = operations ? (double)operations : 1;
    fprintf(out, ",\"cpu_us_per_op\":%.3f", (after->cpu_s - before->cpu_s) * 1e6 / n);
    fprintf(out, ",\"process_read_bytes_per_op\":%.1f,\"process_write_bytes_per_op\":%.1f",
            (double)(after->read_bytes - before->read_bytes) / n,
            (double)(after->write_bytes - before->write_bytes) / n);
    fprintf(out, ",\"device_reads_per_op\":%.3f,\"device_read_bytes_per_op\":%.1f",
            (double)(after->device_reads - before->device_reads) / n,
            (double)(after->device_read_bytes - before->device_read_bytes) / n);
    fprintf(out, ",\"device_writes_per_op\":%.3f,\"device_write_bytes_per_op\":%.1f",
            (double)(after->device_writes - before->device_writes) / n,
            (double)(after->device_write_bytes - before->device_write_bytes) / n);
    fprintf(out, ",\"flushes_per_op\":%.3f",
            (double)(after->device_flushes - before->device_flushes) / n);
}

static void print_outcome(FILE *out, const struct outcome *outcome)
{
    fprintf(out, ",\"operations\":%" PRIu64 ",\"ops_per_s\":%.1f,\"pairs_per_s\":%.1f",
            outcome->operations, outcome->rate,
            outcome->operations
                ? outcome->rate * (double)outcome->pairs / (double)outcome->operations
                : 0);
    if (outcome->reads.count != 0) {
        print_latency(out, "", &outcome->reads);
        print_latency(out, "write_", &outcome->writes);
    } else {
        print_latency(out, "", &outcome->writes);
    }
    print_probes(out, &outcome->before, &outcome->after, outcome->operations);
    fprintf(out, ",\"gap_ms\":%.1f", (double)outcome->gap_ns / 1e6);
}

/* What an engine left for later is part of its price: its duration beside the rate without it. */
static void print_settled(FILE *out, const struct engine *engine, void *store,
                          const struct outcome *outcome)
{
    if (!engine->settle || outcome->writes.count == 0)
        return;
    uint64_t begin = now_ns();
    engine->settle(store);
    double settle_s = (double)(now_ns() - begin) / 1e9;
    double elapsed_s = (double)(outcome->after.ns - outcome->before.ns) / 1e9;
    fprintf(out, ",\"settle_s\":%.3f,\"pairs_per_s_settled\":%.1f", settle_s,
            (double)outcome->pairs / (elapsed_s + settle_s));
}

static void print_stats(FILE *out, const struct engine *engine, void *store,
                        const struct config *config)
{
    if (!config->wants_stats || !engine->stats)
        return;
    fprintf(out, ",\"stats\":{");
    engine->stats(store, out);
    fprintf(out, "}");
}

void load_all(const struct engine *engine, const struct config *config)
{
    static struct outcome outcome;
    uint64_t each = config->keys / (engine->has_partitions ? config->partitions : 1) + 1;
    struct plan plan = { .order = IN_ORDER,
                         .batch = (uint32_t)(each < LOAD_BATCH ? each : LOAD_BATCH),
                         .depth =
                             engine->has_partitions && config->partitions > 64 ? LOAD_DEPTH : 1 };
    void *store = engine->open(config);
    streams_run(engine, store, config, &plan, &outcome);
    if (engine->settle)
        engine->settle(store);
    engine->close(store);
}

void run_load(const struct engine *engine, const struct config *config, FILE *out)
{
    static struct outcome outcome;
    struct plan plan = { .order = IN_ORDER,
                         .batch = config->workload->batch,
                         .depth = config->workload->depth,
                         .seconds = config->seconds };
    void *store = engine->open(config);
    streams_run(engine, store, config, &plan, &outcome);
    print_outcome(out, &outcome);
    print_settled(out, engine, store, &outcome);
    print_stats(out, engine, store, config);
    engine->close(store);
}

void run_ops(const struct engine *engine, const struct config *config, FILE *out)
{
    static struct outcome outcome;
    const struct workload *workload = config->workload;
    struct plan plan = { .order = AT_RANDOM,
                         .batch = workload->batch,
                         .depth = workload->depth,
                         .warm_seconds = config->seconds > 2 ? config->seconds / 4 : 0.5,
                         .seconds = config->seconds,
                         .is_hot = !workload->is_cold };
    if (workload->is_cold) {
        probe_forget(config->directory);
        probe_touch(config->directory);
    }
    void *store = engine->open(config);
    if (workload->is_cold)
        probe_bound_start(config->directory, config->cache, true);
    streams_run(engine, store, config, &plan, &outcome);
    if (workload->is_cold)
        probe_bound_stop();
    print_outcome(out, &outcome);
    print_settled(out, engine, store, &outcome);
    print_stats(out, engine, store, config);
    engine->close(store);
}
