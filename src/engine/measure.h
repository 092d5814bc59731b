/* engine/measure.h -- what became of requests, how long they took, and what they waited for.
 *
 *     measure_submit      measure_begin            measure_end
 *     |--- the queue ---->|--- disk, ... work ---->|
 *     |<---------------- latency ----------------->|
 *
 * A shard's own requests (of a drop, of an archive of all) are part of one that is measured. */
#pragma once

#include "base/histogram.h"
#include "base/log.h"
#include "engine/request.h"

struct shard;

#define STATUSES 16

struct measure {
    uint64_t slow_ns; /* 0 = nothing is slow */
    uint64_t slow;
    struct log_limit limit;
    uint64_t answers[REQUEST_KINDS][STATUSES]; /* by status_index */
    struct histogram latency[REQUEST_KINDS];   /* microseconds */
};

/* Any thread, just before it is handed to its shard. */
void measure_submit(const struct eloq_store *store, struct request *r);
/* Its task has come to it. Only the first time counts. */
void measure_begin(struct task *t, struct request *r);
/* It goes on without a task. */
void measure_begin_alone(const struct shard *s, struct request *r);
/* One that was answered at once, without a request: how long it took. */
void measure_answer(struct shard *s, enum request_kind kind, int rc, uint64_t took_ns);
/* Before its answer takes the place of what was asked. */
void measure_end(struct shard *s, const struct request *r, int rc);

/* 0 to STATUSES - 1, and its name: "ok", "not_found", ... */
unsigned status_index(int status);
const char *status_label(unsigned index);
/* "get", "write", ...; NULL for what is no request of a caller. */
const char *request_label(enum request_kind kind);
