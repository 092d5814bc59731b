/* bench/bench.h -- what a measurement is, and what an engine must be able to do for it.
 *
 * One run of the program is one measurement: a workload (workloads.c) on an engine (engine_*.c).
 *
 *     bench.c       arguments; a process each for the load and for the measurement; the JSON line
 *     run_*.c       the kinds of workload
 *     streams.c     operations in flight: by threads, or by the engine's own pipeline
 *     data.c        keys and values, which can be checked wherever they are seen
 *     probe.c       what the process and the device did meanwhile
 *     latency.c     how long each operation took
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define KIB UINT64_C(1024)
#define MIB (KIB * KIB)

enum { KEY_BYTES = 16 };

enum kind {
    LOAD,  /* sorted, into a new store, in durable batches */
    OPS,   /* point reads and durable batches of updates, at random */
    SCANS, /* all pairs, or `limit` pairs from random keys */
    OPENS, /* from the open to the first pair read */
    SPACE  /* load, then overwrite everything three times in random order */
};

struct workload {
    const char *id;
    const char *variant;
    enum kind kind;
    uint64_t keys;      /* pairs in the store, in a short run */
    uint64_t keys_full; /* ... in a full one; 0 = the same */
    uint64_t cache;     /* bytes the engine may keep in memory, short */
    uint64_t cache_full;
    uint32_t value_size;
    uint32_t batch;      /* pairs a write */
    uint32_t depth;      /* operations in flight */
    uint32_t partitions; /* of engines that have them; key i is in partition i % partitions */
    uint32_t partitions_full;
    uint32_t read_percent; /* of the operations */
    uint64_t limit;        /* pairs a scan; 0 = all */
    bool is_cold;      /* nothing in memory at first; what the system keeps is bounded as well */
    bool is_hosted;    /* an engine that can do without threads of its own does */
    bool is_full_only; /* takes too long for a short run */
    bool is_private;   /* each stream has a store of its own where the engine is hosted */
    bool is_eloq_only; /* shows another way to drive it, which peers do not have */
};

/* A workload at a size, and where. */
struct config {
    const struct workload *workload;
    const char *directory; /* of the store */
    uint64_t keys;
    uint64_t cache;
    uint32_t value_size;
    uint32_t partitions;
    double seconds; /* how long to measure at most */
    bool is_loading;
    bool wants_stats;
};

struct pair {
    char key[KEY_BYTES];
    const char *value; /* value_size bytes */
};

/* One operation; its memory is the driver's. */
struct op {
    bool is_write;
    uint32_t partition;
    char key[KEY_BYTES]; /* of a read */
    uint64_t index;      /* of that key */
    struct pair *pairs;  /* of a write: sorted, no key twice */
    size_t count;
    char *values;
    uint64_t begin_ns;
};

/* Where operations come from and go to. */
struct stream;
/* The next operation into *op: 0, or 1 when time is up. */
int stream_next(struct stream *stream, struct op *op);
/* It is answered; a value is lent for the call. Ends the process when the answer is wrong. */
void stream_done(struct stream *stream, struct op *op, const void *value, size_t size);
/* Memory for one operation at a time; lives as long as the stream. */
struct op *stream_op(struct stream *stream);
void stream_op_free(struct op *op);
/* The most pairs one of its writes has. */
uint32_t stream_batch(const struct stream *stream);

typedef void (*visit_fn)(void *user, const void *key, const void *value, size_t size);

/* Calls end the process (die()) when they fail: nothing here goes on after a failure. */
struct engine {
    const char *name;
    bool has_partitions;
    void *(*open)(const struct config *config);
    void (*close)(void *store);
    /* Background work to its end. NULL: there is none. */
    void (*settle)(void *store);
    /* Its own counters since the open, as members of a JSON object. NULL: there are none. */
    void (*stats)(void *store, FILE *out);
    /* What one thread needs: transactions, cursors, statements. Opened and used on that thread. */
    void *(*session_open)(void *store, uint32_t number);
    void (*session_close)(void *session);
    /* On stable storage, whole, when it returns. */
    void (*write)(void *session, uint32_t partition, const struct pair *pairs, size_t count);
    /* The value is lent until the session's next call. False: no such key. */
    bool (*get)(void *session, uint32_t partition, const char *key, const void **ret_value,
                size_t *ret_size);
    /* From `from` on (NULL: the first), at most `limit` pairs (0: all). Returns how many. */
    uint64_t (*scan)(void *session, uint32_t partition, const char *from, uint64_t limit,
                     visit_fn visit, void *user);
    /* `depth` operations in flight from one thread until stream_next says 1. NULL: the driver
     * starts a thread for each. */
    void (*pipeline)(void *session, uint32_t depth, struct stream *stream);
};

extern const struct workload workloads[];
extern const struct engine *const engines[]; /* NULL behind the last */
/* Settings that differ from the peer's defaults are in its file, with the reason. */
extern const struct engine engine_eloq, engine_eloq_append, engine_eloq_one_flush, engine_rocksdb,
    engine_leveldb, engine_lmdb, engine_wiredtiger, engine_sqlite;

void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void *allocate(size_t size);
uint64_t now_ns(void);

#endif
