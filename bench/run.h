/* bench/run.h -- the kinds of workload, each a function that measures and prints its numbers. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "streams.h"

#include <stdio.h>

/* Each prints members of a JSON object, with a comma before each. */
void run_load(const struct engine *engine, const struct config *config, FILE *out);
void run_ops(const struct engine *engine, const struct config *config, FILE *out);
void run_scans(const struct engine *engine, const struct config *config, FILE *out);
void run_opens(const struct engine *engine, const struct config *config, FILE *out);
void run_space(const struct engine *engine, const struct config *config, FILE *out);

/* All pairs of the store, nothing measured. */
void load_all(const struct engine *engine, const struct config *config);

/* Members that every kind has. */
void print_latency(FILE *out, const char *prefix, const struct latency *latency);
void print_probes(FILE *out, const struct probe *before, const struct probe *after,
                  uint64_t operations);

#endif
