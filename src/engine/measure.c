/* engine/measure.c -- what became of requests, how long they took, and what they waited for. */
#include "engine/measure.h"

#include <inttypes.h>

#include "engine/shard.h"
#include "engine/store.h"

static const char *const request_labels[] = {
    [REQUEST_GET] = "get",
    [REQUEST_GET_MANY] = "get_many",
    [REQUEST_FLOOR] = "floor",
    [REQUEST_WRITE] = "write",
    [REQUEST_FETCH] = "scan",
    [REQUEST_TABLES] = "tables",
    [REQUEST_CHECK] = "check",
    [REQUEST_TRUNCATE] = "truncate",
    [REQUEST_COMPACT] = "compact",
    [REQUEST_CLEAN] = "clean_expired",
    [REQUEST_DROP] = "drop",
    [REQUEST_ARCHIVE] = "archive",
    [REQUEST_RESTORE] = "restore",
    [REQUEST_ARCHIVES] = "archives",
    [REQUEST_ARCHIVE_ALL] = "archive_all",
    [REQUEST_STAT] = "stat",
};
_Static_assert(ARRAY_LEN(request_labels) == REQUEST_KINDS, "a label for each kind");

static const char *const status_labels[STATUSES] = {
    "ok",       "not_found", "end",       "fetch", "invalid",   "busy",   "unavailable", "timeout",
    "canceled", "no_space",  "no_memory", "io",    "corrupted", "fenced", "closed",      "denied",
};

const char *request_label(enum request_kind kind)
{
    return request_labels[kind];
}

const char *status_label(unsigned index)
{
    return status_labels[index];
}

unsigned status_index(int status)
{
    unsigned index = status < 0 ? (unsigned)(ELOQ_FETCH - status) : (unsigned)status;

    return MIN(index, STATUSES - 1);
}

void measure_submit(const struct eloq_store *store, struct request *r)
{
    r->ask.submitted_ns = clock_mono_ns(&store->clock);
}

void measure_begin(struct task *t, struct request *r)
{
    const struct shard *s = r->ask.shard;

    if (s->measure.slow_ns == 0 || r->ask.begun_ns != 0)
        return;
    r->ask.begun_ns = clock_mono_ns(&s->store->clock);
    r->ask.io_before_ns = t->io_wait_ns;
}

void measure_begin_alone(const struct shard *s, struct request *r)
{
    if (s->measure.slow_ns != 0)
        r->ask.begun_ns = clock_mono_ns(&s->store->clock);
}

/* In the task that did it, or on the loop's stack when it had none. */
static void tell_slow(struct shard *s, const struct request *r, uint64_t now_ns, int rc)
{
    const struct request_ask *ask = &r->ask;
    const struct task *t = s->sched.running;
    uint64_t begun_ns = ask->begun_ns ? ask->begun_ns : now_ns;
    /* Without a task it did nothing but wait for the disk. */
    uint64_t disk_ns = t ? t->io_wait_ns - ask->io_before_ns : now_ns - begun_ns;
    disk_ns = ask->begun_ns ? disk_ns : 0;

    s->measure.slow++;
    log_limited(&s->store->log, &s->measure.limit, &s->store->clock, ELOQ_LOG_WARNING,
                "slow request kind=%s table=%s partition=%" PRIu32 " us=%" PRIu64
                " queue_us=%" PRIu64 " disk_us=%" PRIu64 " status=%s",
                request_labels[r->kind], ask->part.table ? ask->part.table : "",
                ask->part.partition, (now_ns - ask->submitted_ns) / 1000,
                (begun_ns - ask->submitted_ns) / 1000, disk_ns / 1000,
                status_labels[status_index(rc)]);
}

void measure_answer(struct shard *s, enum request_kind kind, int rc, uint64_t took_ns)
{
    s->measure.answers[kind][status_index(rc)]++;
    histogram_add(&s->measure.latency[kind], took_ns / 1000);
}

void measure_end(struct shard *s, const struct request *r, int rc)
{
    struct measure *m = &s->measure;

    if (r->ask.submitted_ns == 0 || !request_labels[r->kind])
        return;
    uint64_t now_ns = clock_mono_ns(&s->store->clock);
    uint64_t took_ns = now_ns - MIN(r->ask.submitted_ns, now_ns);
    measure_answer(s, r->kind, rc, took_ns);
    if (m->slow_ns != 0 && took_ns >= m->slow_ns)
        tell_slow(s, r, now_ns, rc);
}
