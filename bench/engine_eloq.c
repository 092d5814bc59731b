/* bench/engine_eloq.c -- EloqStore, through its public header: in place, in append mode, and in
 * place with one flush a small commit.
 *
 * Where the workload allows it the store is host-driven: the thread that asks runs the shard.
 * Otherwise a shard has a thread, calls wait, and several operations in flight come back through a
 * completion queue. A private stream has a host-driven store of its own.
 */
#include "bench.h"

#include <eloqstore.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORES_MAX = 64, PATH_BYTES = 4096 };

struct store {
    const struct config *config;
    bool is_append;
    bool is_one_flush;
    bool is_hosted;
    uint32_t store_count; /* of private streams: one a partition */
    eloq_store *stores[STORES_MAX];
};

struct session {
    struct store *store;
    eloq_store *db;
    bool owns_db;
    eloq_queue *queue;
    eloq_record record;
    eloq_entry *entries; /* of the waiting write */
    size_t capacity;
};

static const char table[] = "bench";

static void check(int rc, const char *what)
{
    if (rc < 0)
        die("eloq %s: %s", what, eloq_errmsg());
}

static void tell(void *user, int level, const char *line)
{
    (void)user;
    if (level <= ELOQ_LOG_WARNING)
        fprintf(stderr, "eloq: %s\n", line);
}

/* Append mode: files of a sixteenth of a partition, small enough that a few are reclaimed at a
 * time. In place pages are reused one by one; in one file those of a commit take one flush. */
static uint64_t file_bytes(const struct config *config, bool is_append)
{
    if (!is_append)
        return config->partitions > 1000 ? MIB : 1024 * MIB;
    uint64_t total = config->keys * (config->value_size + KEY_BYTES) / config->partitions / 16;
    uint64_t bytes = config->partitions > 1000 ? 64 * KIB : MIB;
    while (bytes < total && bytes < 256 * MIB)
        bytes *= 2;
    return bytes;
}

static eloq_store *open_one(const struct store *store, uint32_t number)
{
    const struct config *config = store->config;
    char path[PATH_BYTES];
    eloq_options options = ELOQ_OPTIONS(path);
    eloq_store *db = NULL;

    if (config->workload->is_private)
        snprintf(path, sizeof(path), "%s/%" PRIu32, config->directory, number);
    else
        snprintf(path, sizeof(path), "%s", config->directory);
    options.format.data_append_mode = store->is_append ? 1 : ELOQ_ZERO;
    options.format.data_file_size = file_bytes(config, store->is_append);
    options.format.commit_protocol = store->is_one_flush ? ELOQ_ONE_FLUSH : ELOQ_TWO_FLUSH;
    options.memory_bytes = config->cache;
    options.buffer_pool_size = config->cache / 8;
    options.data_cache_bytes = config->cache / 2;
    options.root_meta_cache_size = config->cache / 4;
    options.host_driven = store->is_hosted;
    options.shards = !store->is_hosted && config->partitions > 1 ? 2 : 1;
    options.log = tell;
    check(eloq_open(&options, &db), "open");
    return db;
}

static struct store *open_store(const struct config *config, bool is_append, bool is_one_flush)
{
    struct store *store = allocate(sizeof(*store));
    store->config = config;
    store->is_append = is_append;
    store->is_one_flush = is_one_flush;
    store->is_hosted = config->workload->is_hosted && !config->is_loading;
    store->store_count = config->workload->is_private ? config->partitions : 1;
    if (store->store_count > STORES_MAX)
        die("at most %d private stores", STORES_MAX);
    for (uint32_t i = 0; i < store->store_count && !store->is_hosted; i++)
        store->stores[i] = open_one(store, i);
    return store;
}

static void *eloq_open_in_place(const struct config *config)
{
    return open_store(config, false, false);
}

static void *eloq_open_append(const struct config *config)
{
    return open_store(config, true, false);
}

static void *eloq_open_one_flush(const struct config *config)
{
    return open_store(config, false, true);
}

static void eloq_close_store(void *opaque)
{
    struct store *store = opaque;
    for (uint32_t i = 0; i < store->store_count; i++)
        check(eloq_close(store->stores[i]), "close");
    free(store);
}

static void eloq_settle(void *opaque)
{
    struct store *store = opaque;
    for (uint32_t i = 0; i < store->store_count && !store->is_hosted; i++) {
        for (uint32_t j = 0; j < store->config->partitions && store->config->partitions <= 64; j++)
            if (!store->config->workload->is_private || i == j)
                check(eloq_compact(store->stores[i], (eloq_part){ table, j }), "compact");
    }
}

/* Of a host-driven store nothing: it is closed with its session. */
static void eloq_stats(void *opaque, FILE *out)
{
    struct store *store = opaque;
    const char *before = "";
    for (const char *const *name = eloq_stat_names(); store->stores[0] && *name; name++) {
        uint64_t n = 0;
        check(eloq_stat(store->stores[0], *name, &n), "stat");
        if (n == 0)
            continue;
        fprintf(out, "%s\"%s\":%" PRIu64, before, *name, n);
        before = ",";
    }
}

static void *eloq_session_open(void *opaque, uint32_t number)
{
    struct store *store = opaque;
    struct session *session = allocate(sizeof(*session));
    session->store = store;
    session->owns_db = store->is_hosted;
    session->db = store->is_hosted ? open_one(store, number) : store->stores[0];
    check(eloq_queue_new(&session->queue), "queue");
    return session;
}

static void eloq_session_close(void *opaque)
{
    struct session *session = opaque;
    if (session->owns_db)
        check(eloq_close(session->db), "close");
    eloq_queue_free(session->queue);
    eloq_record_free(&session->record);
    free(session->entries);
    free(session);
}

/* Where a partition is: loads of private stores go to the store of their number. */
static eloq_store *db_of(const struct session *session, uint32_t partition)
{
    const struct store *store = session->store;
    return store->store_count > 1 && !store->is_hosted ? store->stores[partition] : session->db;
}

static void fill_entries(eloq_entry *entries, const struct pair *pairs, size_t count, size_t size)
{
    memset(entries, 0, count * sizeof(*entries));
    for (size_t i = 0; i < count; i++) {
        entries[i].key = eloq_bytes(pairs[i].key, KEY_BYTES);
        entries[i].value = eloq_bytes(pairs[i].value, size);
    }
}

static void eloq_write_batch(void *opaque, uint32_t partition, const struct pair *pairs,
                             size_t count)
{
    struct session *session = opaque;
    if (session->capacity < count) {
        free(session->entries);
        session->entries = allocate(count * sizeof(*session->entries));
        session->capacity = count;
    }
    fill_entries(session->entries, pairs, count, session->store->config->value_size);
    check(eloq_write(db_of(session, partition), (eloq_part){ table, partition }, session->entries,
                     count),
          "write");
}

static bool eloq_get_one(void *opaque, uint32_t partition, const char *key, const void **ret_value,
                         size_t *ret_size)
{
    struct session *session = opaque;
    int rc = eloq_get(session->db, (eloq_part){ table, partition }, eloq_bytes(key, KEY_BYTES),
                      &session->record);
    check(rc, "get");
    *ret_value = session->record.value.data;
    *ret_size = session->record.value.size;
    return rc == ELOQ_OK;
}

static uint64_t eloq_scan_pairs(void *opaque, uint32_t partition, const char *from, uint64_t limit,
                                visit_fn visit, void *user)
{
    struct session *session = opaque;
    eloq_range range = { .limit = limit };
    eloq_iter *iter = NULL;
    eloq_item item;
    uint64_t pairs = 0;
    int rc;

    if (from)
        range.begin = eloq_bytes(from, KEY_BYTES);
    check(eloq_scan(session->db, (eloq_part){ table, partition }, &range, &iter), "scan");
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        visit(user, item.key.data, item.value.data, item.value.size);
        pairs++;
    }
    check(rc, "next");
    eloq_iter_close(iter);
    return pairs;
}

/* One operation in flight. */
struct flight {
    eloq_op op; /* first: an eloq_op * is a struct flight * */
    struct op *mine;
    eloq_entry *entries;
    struct session *session;
    struct stream *stream;
    uint32_t *running;
};

static void flight_start(struct flight *flight);

static void flight_done(eloq_op *op)
{
    struct flight *flight = (struct flight *)op;
    if (op->status != ELOQ_OK)
        die("eloq: %s", op->status < 0 ? eloq_op_errmsg(op) : "a key is missing");
    stream_done(flight->stream, flight->mine, op->record.value.data, op->record.value.size);
    flight_start(flight);
}

static void flight_start(struct flight *flight)
{
    struct session *session = flight->session;
    struct op *mine = flight->mine;
    eloq_part part = { table, 0 };
    eloq_store *db;
    int rc;

    if (stream_next(flight->stream, mine) != 0) {
        (*flight->running)--;
        return;
    }
    part.partition = mine->partition;
    db = db_of(session, mine->partition);
    if (mine->is_write) {
        fill_entries(flight->entries, mine->pairs, mine->count, session->store->config->value_size);
        rc = eloq_write_async(db, part, flight->entries, mine->count, &flight->op);
    } else {
        rc = eloq_get_async(db, part, eloq_bytes(mine->key, KEY_BYTES), &flight->op);
    }
    check(rc, "submit");
}

static struct flight *flights_new(struct session *session, uint32_t depth, struct stream *stream,
                                  uint32_t *running)
{
    struct flight *flights = allocate(depth * sizeof(*flights));
    for (uint32_t i = 0; i < depth; i++) {
        struct flight *flight = &flights[i];
        flight->op.done = flight_done;
        flight->op.queue = session->store->is_hosted ? NULL : session->queue;
        flight->mine = stream_op(stream);
        flight->entries = allocate(stream_batch(stream) * sizeof(*flight->entries));
        flight->session = session;
        flight->stream = stream;
        flight->running = running;
    }
    return flights;
}

static void eloq_pipeline(void *opaque, uint32_t depth, struct stream *stream)
{
    struct session *session = opaque;
    uint32_t running = depth;
    struct flight *flights = flights_new(session, depth, stream, &running);
    for (uint32_t i = 0; i < depth; i++)
        flight_start(&flights[i]);
    while (running > 0) {
        if (session->store->is_hosted)
            check(eloq_run(session->db, -1), "run");
        else if (eloq_queue_run(session->queue, -1) < 0)
            die("eloq queue: %s", eloq_errmsg());
    }
    for (uint32_t i = 0; i < depth; i++) {
        eloq_record_free(&flights[i].op.record);
        free(flights[i].entries);
        stream_op_free(flights[i].mine);
    }
    free(flights);
}

#define ELOQ_ENGINE(name_, open_, settle_)                                                   \
    {                                                                                        \
        .name = (name_), .has_partitions = true, .open = (open_), .close = eloq_close_store, \
        .settle = (settle_), .stats = eloq_stats, .session_open = eloq_session_open,         \
        .session_close = eloq_session_close, .write = eloq_write_batch, .get = eloq_get_one, \
        .scan = eloq_scan_pairs, .pipeline = eloq_pipeline                                   \
    }

const struct engine engine_eloq = ELOQ_ENGINE("eloq", eloq_open_in_place, NULL);
const struct engine engine_eloq_append = ELOQ_ENGINE("eloq_append", eloq_open_append, eloq_settle);
const struct engine engine_eloq_one_flush =
    ELOQ_ENGINE("eloq_one_flush", eloq_open_one_flush, NULL);
