/* bench/run_store.c -- what a store takes to open, and on the disk. */
#include "run.h"

#include "data.h"

#include <inttypes.h>

static void read_one(const struct engine *engine, const struct config *config, void *store,
                     uint64_t index)
{
    char key[KEY_BYTES];
    const void *value;
    size_t size;
    void *session = engine->session_open(store, 0);
    data_key(key, index);
    if (!engine->get(session, (uint32_t)(index % config->partitions), key, &value, &size))
        die("key %.16s is missing", key);
    if (!data_value_is(value, size, config->value_size, index))
        die("a wrong value of key %.16s", key);
    engine->session_close(session);
}

void run_opens(const struct engine *engine, const struct config *config, FILE *out)
{
    static struct latency latency;
    struct probe before, after;
    uint64_t random = data_mix(now_ns()) | 1;
    probe_forget(config->directory);
    probe_now(&before);
    uint64_t begin = now_ns();
    void *store = engine->open(config);
    uint64_t opened = now_ns();
    read_one(engine, config, store, data_random(&random) % config->keys);
    uint64_t end = now_ns();
    probe_now(&after);
    latency_add(&latency, end - begin);
    fprintf(out, ",\"operations\":1,\"ops_per_s\":%.2f,\"open_ms\":%.3f,\"first_read_ms\":%.3f",
            1e9 / (double)(end - begin), (double)(opened - begin) / 1e6,
            (double)(end - opened) / 1e6);
    print_latency(out, "", &latency);
    print_probes(out, &before, &after, 1);
    engine->close(store);
}

static void print_space(FILE *out, const char *when, const struct config *config, uint64_t written,
                        uint64_t pairs)
{
    double pair_bytes = KEY_BYTES + config->value_size;
    double disk = (double)probe_disk_bytes(config->directory);
    fprintf(out, ",\"space_%s\":%.3f,\"write_amplification_%s\":%.3f", when,
            disk / ((double)config->keys * pair_bytes), when,
            (double)written / ((double)pairs * pair_bytes));
}

/* Bytes are those of the device, others included: what the system counts for the process is, of
 * writes through its cache, the whole of a folio (up to 256 KiB) for each page of it. */
void run_space(const struct engine *engine, const struct config *config, FILE *out)
{
    static struct outcome outcome;
    const struct workload *workload = config->workload;
    struct probe begin, loaded, end;
    struct plan overwrite = { .order = AT_RANDOM,
                              .batch = workload->batch,
                              .depth = 1,
                              .operations = 3 * config->keys / workload->batch };
    struct config loading = *config;
    loading.is_loading = true;
    probe_now(&begin);
    load_all(engine, &loading);
    probe_now(&loaded);
    print_space(out, "loaded", config, loaded.device_write_bytes - begin.device_write_bytes,
                config->keys);

    void *store = engine->open(config);
    streams_run(engine, store, config, &overwrite, &outcome);
    if (engine->settle)
        engine->settle(store);
    engine->close(store);
    probe_now(&end);
    print_space(out, "overwritten", config, end.device_write_bytes - loaded.device_write_bytes,
                outcome.pairs);
    fprintf(out, ",\"operations\":%" PRIu64 ",\"ops_per_s\":%.1f,\"pairs_per_s\":%.1f",
            outcome.operations, outcome.rate,
            outcome.rate * (double)outcome.pairs / (double)outcome.operations);
    print_latency(out, "", &outcome.writes);
    print_probes(out, &outcome.before, &outcome.after, outcome.operations);
}
