/* bench/streams.c -- operations in flight: a thread for each, or the engine's own pipeline. */
#include "streams.h"

#include "data.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum phase { WARMING, MEASURING, ENDING };

/* What the threads of one run share. */
struct run {
    const struct engine *engine;
    void *store;
    const struct config *config;
    const struct plan *plan;
    atomic_int phase;
    atomic_uint_fast64_t given; /* operations handed out while measuring */
    _Atomic uint64_t last_ns;   /* when the last answer came, of all threads */
    _Atomic uint64_t gap_ns;
    pthread_barrier_t ready;
    uint32_t stream_count;
    atomic_uint running; /* streams that have something to do */
};

struct stream {
    struct run *run;
    uint32_t number;
    uint64_t random;
    uint64_t next_index; /* in order */
    uint32_t next_partition;
    uint64_t version;
    uint64_t begin_ns; /* of the first operation that counts */
    uint64_t end_ns;   /* of the last */
    uint64_t operations;
    uint64_t pairs;
    struct latency reads;
    struct latency writes;
    uint64_t *picked; /* indexes of a batch */
    pthread_t thread;
};

struct op *stream_op(struct stream *stream)
{
    const struct run *run = stream->run;
    bool has_writes = run->plan->order == IN_ORDER || run->config->workload->read_percent < 100;
    struct op *op = allocate(sizeof(*op));
    if (has_writes) {
        uint32_t batch = run->plan->batch;
        op->pairs = allocate(batch * sizeof(*op->pairs));
        op->values = allocate((size_t)batch * run->config->value_size);
        for (uint32_t i = 0; i < batch; i++)
            op->pairs[i].value = op->values + (size_t)i * run->config->value_size;
    }
    return op;
}

uint32_t stream_batch(const struct stream *stream)
{
    return stream->run->plan->batch;
}

void stream_op_free(struct op *op)
{
    free(op->pairs);
    free(op->values);
    free(op);
}

static void fill_pair(struct stream *stream, struct op *op, size_t at, uint64_t index)
{
    uint32_t size = stream->run->config->value_size;
    data_key(op->pairs[at].key, index);
    data_value(op->values + at * size, size, index, stream->version);
}

static int next_in_order(struct stream *stream, struct op *op)
{
    const struct config *config = stream->run->config;
    uint32_t step = stream->run->engine->has_partitions ? config->partitions : 1;
    uint32_t batch = stream->run->plan->batch;

    while (stream->next_index >= config->keys) {
        if (++stream->next_partition >= step)
            return 1;
        stream->next_index = stream->next_partition;
    }
    op->is_write = true;
    op->partition = stream->next_partition;
    op->count = 0;
    for (; op->count < batch && stream->next_index < config->keys; stream->next_index += step)
        fill_pair(stream, op, op->count++, stream->next_index);
    return 0;
}

static int compare_indexes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A random index of the partition; of the stream's own keys where each has a store. */
static uint64_t pick(struct stream *stream, uint32_t partition)
{
    const struct config *config = stream->run->config;
    uint64_t each = (config->keys - partition + config->partitions - 1) / config->partitions;
    uint64_t at = (uint64_t)(((unsigned __int128)data_random(&stream->random) * each) >> 64);
    return at * config->partitions + partition;
}

static void next_write(struct stream *stream, struct op *op)
{
    uint32_t batch = stream->run->plan->batch;
    uint64_t *picked = stream->picked;
    for (uint32_t i = 0; i < batch; i++)
        picked[i] = pick(stream, op->partition);
    qsort(picked, batch, sizeof(*picked), compare_indexes);
    stream->version = data_random(&stream->random) >> 32;
    op->count = 0;
    for (uint32_t i = 0; i < batch; i++)
        if (i == 0 || picked[i] != picked[i - 1])
            fill_pair(stream, op, op->count++, picked[i]);
}

static void next_at_random(struct stream *stream, struct op *op)
{
    const struct workload *workload = stream->run->config->workload;
    uint64_t r = data_random(&stream->random);
    op->partition = workload->is_private ? stream->number
                                         : (uint32_t)((r >> 32) % stream->run->config->partitions);
    op->is_write = r % 100 >= workload->read_percent;
    if (op->is_write) {
        next_write(stream, op);
    } else {
        op->index = pick(stream, op->partition);
        data_key(op->key, op->index);
    }
}

int stream_next(struct stream *stream, struct op *op)
{
    struct run *run = stream->run;
    int phase = atomic_load_explicit(&run->phase, memory_order_relaxed);
    if (phase == ENDING)
        return 1;
    if (phase == MEASURING && run->plan->operations != 0
        && atomic_fetch_add(&run->given, 1) >= run->plan->operations)
        return 1;
    if (run->plan->order == IN_ORDER) {
        if (next_in_order(stream, op) != 0)
            return 1;
    } else {
        next_at_random(stream, op);
    }
    op->begin_ns = now_ns();
    if (phase == WARMING)
        op->begin_ns |= UINT64_C(1) << 63; /* does not count */
    else if (stream->begin_ns == 0)
        stream->begin_ns = op->begin_ns;
    return 0;
}

static void note_gap(struct run *run, uint64_t now)
{
    uint64_t last = atomic_exchange_explicit(&run->last_ns, now, memory_order_relaxed);
    uint64_t gap = now > last ? now - last : 0;
    if (last != 0 && gap > atomic_load_explicit(&run->gap_ns, memory_order_relaxed))
        atomic_store_explicit(&run->gap_ns, gap, memory_order_relaxed);
}

void stream_done(struct stream *stream, struct op *op, const void *value, size_t size)
{
    struct run *run = stream->run;
    uint64_t now = now_ns();
    if (!op->is_write && !data_value_is(value, size, run->config->value_size, op->index))
        die("a wrong value of key %.16s", op->key);
    if (op->begin_ns >> 63)
        return;
    stream->operations++;
    stream->pairs += op->is_write ? op->count : 1;
    stream->end_ns = now;
    latency_add(op->is_write ? &stream->writes : &stream->reads, now - op->begin_ns);
    note_gap(run, now);
}

/* One operation at a time, by calls that wait. */
static void one_by_one(struct stream *stream, void *session)
{
    const struct engine *engine = stream->run->engine;
    struct op *op = stream_op(stream);
    while (stream_next(stream, op) == 0) {
        const void *value = NULL;
        size_t size = 0;
        if (op->is_write)
            engine->write(session, op->partition, op->pairs, op->count);
        else if (!engine->get(session, op->partition, op->key, &value, &size))
            die("key %.16s is missing", op->key);
        stream_done(stream, op, value, size);
    }
    stream_op_free(op);
}

static void visit_nothing(void *user, const void *key, const void *value, size_t size)
{
    (void)user, (void)key, (void)value, (void)size;
}

static void warm(struct stream *stream, void *session)
{
    const struct run *run = stream->run;
    const struct config *config = run->config;
    if (!run->engine->has_partitions) {
        run->engine->scan(session, 0, NULL, 0, visit_nothing, NULL);
        return;
    }
    for (uint32_t i = 0; i < config->partitions; i++)
        if (!config->workload->is_private || i == stream->number)
            run->engine->scan(session, i, NULL, 0, visit_nothing, NULL);
}

static bool is_pipelined(const struct run *run)
{
    return run->engine->pipeline && run->plan->depth > 1 && !run->config->workload->is_private;
}

static void *stream_main(void *arg)
{
    struct stream *stream = arg;
    struct run *run = stream->run;
    void *session = run->engine->session_open(run->store, stream->number);
    if (run->plan->is_hot && (stream->number == 0 || run->config->workload->is_private))
        warm(stream, session);
    pthread_barrier_wait(&run->ready);
    if (is_pipelined(run))
        run->engine->pipeline(session, run->plan->depth, stream);
    else
        one_by_one(stream, session);
    atomic_fetch_sub(&run->running, 1);
    /* The probe comes before sessions close: closing is no part of the operations. */
    pthread_barrier_wait(&run->ready);
    pthread_barrier_wait(&run->ready);
    run->engine->session_close(session);
    return NULL;
}

static void pause_for(double seconds)
{
    struct timespec wait = { .tv_sec = (time_t)seconds };
    wait.tv_nsec = (long)((seconds - (double)wait.tv_sec) * 1e9);
    nanosleep(&wait, NULL);
}

static void collect(struct run *run, struct stream *streams, struct outcome *ret)
{
    for (uint32_t i = 0; i < run->stream_count; i++) {
        struct stream *stream = &streams[i];
        latency_merge(&ret->reads, &stream->reads);
        latency_merge(&ret->writes, &stream->writes);
        ret->operations += stream->operations;
        ret->pairs += stream->pairs;
        if (stream->end_ns > stream->begin_ns)
            ret->rate +=
                (double)stream->operations * 1e9 / (double)(stream->end_ns - stream->begin_ns);
        free(stream->picked);
    }
    ret->gap_ns = atomic_load(&run->gap_ns);
}

/* Waits while the streams run: until the time is up, or nothing is left to do. */
static void measure(struct run *run, struct outcome *ret)
{
    if (run->plan->warm_seconds > 0)
        pause_for(run->plan->warm_seconds);
    probe_now(&ret->before);
    atomic_store(&run->phase, MEASURING);
    if (run->plan->seconds <= 0)
        return;
    uint64_t end = now_ns() + (uint64_t)(run->plan->seconds * 1e9);
    while (now_ns() < end && atomic_load(&run->running) > 0)
        pause_for(0.005);
    atomic_store(&run->phase, ENDING);
}

void streams_run(const struct engine *engine, void *store, const struct config *config,
                 const struct plan *plan, struct outcome *ret)
{
    struct run run = { .engine = engine, .store = store, .config = config, .plan = plan };
    run.stream_count = plan->depth;
    if (is_pipelined(&run) || plan->order == IN_ORDER)
        run.stream_count = 1;
    atomic_store(&run.running, run.stream_count);
    struct stream *streams = allocate(run.stream_count * sizeof(*streams));
    if (plan->warm_seconds <= 0)
        atomic_store(&run.phase, MEASURING);
    pthread_barrier_init(&run.ready, NULL, run.stream_count + 1);
    memset(ret, 0, sizeof(*ret));
    for (uint32_t i = 0; i < run.stream_count; i++) {
        struct stream *stream = &streams[i];
        stream->run = &run;
        stream->number = i;
        stream->random = data_mix(now_ns() + i) | 1;
        stream->picked = allocate(plan->batch * sizeof(*stream->picked));
        if (pthread_create(&stream->thread, NULL, stream_main, stream) != 0)
            die("no thread");
    }
    pthread_barrier_wait(&run.ready);
    measure(&run, ret);
    pthread_barrier_wait(&run.ready);
    probe_now(&ret->after);
    pthread_barrier_wait(&run.ready);
    for (uint32_t i = 0; i < run.stream_count; i++)
        pthread_join(streams[i].thread, NULL);
    collect(&run, streams, ret);
    pthread_barrier_destroy(&run.ready);
    free(streams);
}
