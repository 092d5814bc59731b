/* bench/engine_rocksdb.c -- RocksDB: a log-structured merge tree, through its C interface.
 *
 *   every write is synchronous; log files are recycled, so that a flush overwrites written blocks
 *   direct reads, direct flush and compaction; bloom filters of 10 bits; blocks of 4 KiB
 *   three quarters of the memory for the block cache, which holds index and filter blocks too; a
 *   quarter for write buffers, but four of 16 MiB at least, whatever the memory
 *   dynamic level sizes, pipelined writes, no compression, checksums verified (the default)
 */
#include "bench.h"

#include <rocksdb/c.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct store {
    const struct config *config;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_writeoptions_t *durable;
    rocksdb_readoptions_t *reading;
    rocksdb_readoptions_t *scanning;
};

struct session {
    struct store *store;
    rocksdb_writebatch_t *batch;
    rocksdb_pinnableslice_t *value;
};

static void check(char *error, const char *what)
{
    if (error)
        die("rocksdb %s: %s", what, error);
}

static rocksdb_options_t *make_options(struct store *store)
{
    uint64_t memory = store->config->cache;
    uint64_t buffers = memory / 4;
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *tables = rocksdb_block_based_options_create();

    store->cache = rocksdb_cache_create_lru(memory - buffers);
    rocksdb_block_based_options_set_block_cache(tables, store->cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(tables, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(tables, 1);
    rocksdb_block_based_options_set_filter_policy(tables,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_format_version(tables, 5);
    rocksdb_options_set_block_based_table_factory(options, tables);
    rocksdb_block_based_options_destroy(tables);

    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_increase_parallelism(options, 2);
    rocksdb_options_set_max_background_jobs(options, 4);
    rocksdb_options_set_write_buffer_size(options, buffers / 4 > 16 * MIB ? buffers / 4 : 16 * MIB);
    rocksdb_options_set_max_write_buffer_number(options, 4);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_use_direct_reads(options, 1);
    rocksdb_options_set_use_direct_io_for_flush_and_compaction(options, 1);
    rocksdb_options_set_recycle_log_file_num(options, 4);
    rocksdb_options_set_enable_pipelined_write(options, 1);
    rocksdb_options_set_max_open_files(options, -1);
    return options;
}

static void *rocks_open(const struct config *config)
{
    struct store *store = allocate(sizeof(*store));
    char *error = NULL;
    store->config = config;
    store->options = make_options(store);
    store->durable = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(store->durable, 1);
    store->reading = rocksdb_readoptions_create();
    store->scanning = rocksdb_readoptions_create();
    if (config->workload->limit == 0)
        rocksdb_readoptions_set_readahead_size(store->scanning, 2 * MIB);
    store->db = rocksdb_open(store->options, config->directory, &error);
    check(error, "open");
    return store;
}

static uint64_t number_of(struct store *store, const char *property)
{
    uint64_t n = 0;
    rocksdb_property_int(store->db, property, &n);
    return n;
}

static void rocks_settle(void *opaque)
{
    struct store *store = opaque;
    char *error = NULL;
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(flush, 1);
    rocksdb_flush(store->db, flush, &error);
    check(error, "flush");
    rocksdb_flushoptions_destroy(flush);
    while (number_of(store, "rocksdb.num-running-compactions")
           || number_of(store, "rocksdb.compaction-pending")
           || number_of(store, "rocksdb.num-running-flushes"))
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

static void rocks_close(void *opaque)
{
    struct store *store = opaque;
    rocksdb_close(store->db);
    rocksdb_readoptions_destroy(store->scanning);
    rocksdb_readoptions_destroy(store->reading);
    rocksdb_writeoptions_destroy(store->durable);
    rocksdb_options_destroy(store->options);
    rocksdb_cache_destroy(store->cache);
    free(store);
}

static void *rocks_session_open(void *opaque, uint32_t number)
{
    struct session *session = allocate(sizeof(*session));
    (void)number;
    session->store = opaque;
    session->batch = rocksdb_writebatch_create();
    return session;
}

static void rocks_session_close(void *opaque)
{
    struct session *session = opaque;
    rocksdb_writebatch_destroy(session->batch);
    if (session->value)
        rocksdb_pinnableslice_destroy(session->value);
    free(session);
}

static void rocks_write(void *opaque, uint32_t partition, const struct pair *pairs, size_t count)
{
    struct session *session = opaque;
    struct store *store = session->store;
    char *error = NULL;
    (void)partition;

    rocksdb_writebatch_clear(session->batch);
    for (size_t i = 0; i < count; i++)
        rocksdb_writebatch_put(session->batch, pairs[i].key, KEY_BYTES, pairs[i].value,
                               store->config->value_size);
    rocksdb_write(store->db, store->durable, session->batch, &error);
    check(error, "write");
}

static bool rocks_get(void *opaque, uint32_t partition, const char *key, const void **ret_value,
                      size_t *ret_size)
{
    struct session *session = opaque;
    char *error = NULL;
    (void)partition;

    if (session->value)
        rocksdb_pinnableslice_destroy(session->value);
    session->value =
        rocksdb_get_pinned(session->store->db, session->store->reading, key, KEY_BYTES, &error);
    check(error, "get");
    if (!session->value)
        return false;
    *ret_value = rocksdb_pinnableslice_value(session->value, ret_size);
    return true;
}

static uint64_t rocks_scan(void *opaque, uint32_t partition, const char *from, uint64_t limit,
                           visit_fn visit, void *user)
{
    struct session *session = opaque;
    char *error = NULL;
    uint64_t pairs = 0;
    rocksdb_iterator_t *iterator =
        rocksdb_create_iterator(session->store->db, session->store->scanning);
    (void)partition;

    if (from)
        rocksdb_iter_seek(iterator, from, KEY_BYTES);
    else
        rocksdb_iter_seek_to_first(iterator);
    for (; rocksdb_iter_valid(iterator); rocksdb_iter_next(iterator)) {
        size_t key_size, size;
        const char *key = rocksdb_iter_key(iterator, &key_size);
        const char *value = rocksdb_iter_value(iterator, &size);
        visit(user, key, value, size);
        if (++pairs == limit)
            break;
    }
    rocksdb_iter_get_error(iterator, &error);
    check(error, "scan");
    rocksdb_iter_destroy(iterator);
    return pairs;
}

const struct engine engine_rocksdb = {
    .name = "rocksdb",
    .open = rocks_open,
    .close = rocks_close,
    .settle = rocks_settle,
    .session_open = rocks_session_open,
    .session_close = rocks_session_close,
    .write = rocks_write,
    .get = rocks_get,
    .scan = rocks_scan,
};
