/* bench/engine_leveldb.c -- LevelDB, through its C interface.
 *
 *   every write is synchronous; checksums verified, as the others do; no compression
 *   bloom filters of 10 bits; blocks of 4 KiB (the default)
 *   half of the memory for the block cache, a quarter for each of its two write buffers, but 16 MiB
 *   at least and 64 MiB at most
 * It reads through the system's cache, which the driver bounds.
 */
#include "bench.h"

#include <leveldb/c.h>

#include <stdlib.h>
#include <string.h>

struct store {
    const struct config *config;
    leveldb_t *db;
    leveldb_options_t *options;
    leveldb_cache_t *cache;
    leveldb_filterpolicy_t *bloom;
    leveldb_writeoptions_t *durable;
    leveldb_readoptions_t *reading;
};

struct session {
    struct store *store;
    leveldb_writebatch_t *batch;
    char *value;
};

static void check(char *error, const char *what)
{
    if (error)
        die("leveldb %s: %s", what, error);
}

static void *level_open(const struct config *config)
{
    struct store *store = allocate(sizeof(*store));
    uint64_t buffer = config->cache / 4 < 64 * MIB ? config->cache / 4 : 64 * MIB;
    if (buffer < 16 * MIB)
        buffer = 16 * MIB;
    char *error = NULL;

    store->config = config;
    store->options = leveldb_options_create();
    store->cache = leveldb_cache_create_lru(config->cache / 2);
    store->bloom = leveldb_filterpolicy_create_bloom(10);
    leveldb_options_set_create_if_missing(store->options, 1);
    leveldb_options_set_cache(store->options, store->cache);
    leveldb_options_set_filter_policy(store->options, store->bloom);
    leveldb_options_set_write_buffer_size(store->options, buffer);
    leveldb_options_set_max_open_files(store->options, 10000);
    leveldb_options_set_max_file_size(store->options, 16 * MIB);
    leveldb_options_set_compression(store->options, leveldb_no_compression);
    store->durable = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(store->durable, 1);
    store->reading = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(store->reading, 1);
    store->db = leveldb_open(store->options, config->directory, &error);
    check(error, "open");
    return store;
}

/* LevelDB tells nothing of its compactions; of a range it compacts and waits, which also writes out
 * the write buffer. */
static void level_settle(void *opaque)
{
    struct store *store = opaque;
    leveldb_compact_range(store->db, NULL, 0, NULL, 0);
}

static void level_close(void *opaque)
{
    struct store *store = opaque;
    leveldb_close(store->db);
    leveldb_readoptions_destroy(store->reading);
    leveldb_writeoptions_destroy(store->durable);
    leveldb_options_destroy(store->options);
    leveldb_filterpolicy_destroy(store->bloom);
    leveldb_cache_destroy(store->cache);
    free(store);
}

static void *level_session_open(void *opaque, uint32_t number)
{
    struct session *session = allocate(sizeof(*session));
    (void)number;
    session->store = opaque;
    session->batch = leveldb_writebatch_create();
    return session;
}

static void level_session_close(void *opaque)
{
    struct session *session = opaque;
    leveldb_writebatch_destroy(session->batch);
    leveldb_free(session->value);
    free(session);
}

static void level_write(void *opaque, uint32_t partition, const struct pair *pairs, size_t count)
{
    struct session *session = opaque;
    char *error = NULL;
    (void)partition;

    leveldb_writebatch_clear(session->batch);
    for (size_t i = 0; i < count; i++)
        leveldb_writebatch_put(session->batch, pairs[i].key, KEY_BYTES, pairs[i].value,
                               session->store->config->value_size);
    leveldb_write(session->store->db, session->store->durable, session->batch, &error);
    check(error, "write");
}

static bool level_get(void *opaque, uint32_t partition, const char *key, const void **ret_value,
                      size_t *ret_size)
{
    struct session *session = opaque;
    char *error = NULL;
    (void)partition;

    leveldb_free(session->value);
    session->value =
        leveldb_get(session->store->db, session->store->reading, key, KEY_BYTES, ret_size, &error);
    check(error, "get");
    *ret_value = session->value;
    return session->value != NULL;
}

static uint64_t level_scan(void *opaque, uint32_t partition, const char *from, uint64_t limit,
                           visit_fn visit, void *user)
{
    struct session *session = opaque;
    char *error = NULL;
    uint64_t pairs = 0;
    leveldb_iterator_t *iterator =
        leveldb_create_iterator(session->store->db, session->store->reading);
    (void)partition;

    if (from)
        leveldb_iter_seek(iterator, from, KEY_BYTES);
    else
        leveldb_iter_seek_to_first(iterator);
    for (; leveldb_iter_valid(iterator); leveldb_iter_next(iterator)) {
        size_t key_size, size;
        const char *key = leveldb_iter_key(iterator, &key_size);
        const char *value = leveldb_iter_value(iterator, &size);
        visit(user, key, value, size);
        if (++pairs == limit)
            break;
    }
    leveldb_iter_get_error(iterator, &error);
    check(error, "scan");
    leveldb_iter_destroy(iterator);
    return pairs;
}

const struct engine engine_leveldb = {
    .name = "leveldb",
    .open = level_open,
    .close = level_close,
    .settle = level_settle,
    .session_open = level_session_open,
    .session_close = level_session_close,
    .write = level_write,
    .get = level_get,
    .scan = level_scan,
};
