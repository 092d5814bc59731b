/* bench/engine_lmdb.c -- LMDB: a copy-on-write B+tree in a memory map.
 *
 *   default flags of durability: a commit flushes its pages, then its meta page
 *   MDB_NOTLS          a read transaction belongs to a session, and is renewed for each read
 *   MDB_NORDAHEAD      where the data is larger than the memory, as its manual says (not for scans)
 *   MDB_APPEND         for the load, which is sorted
 * No MDB_WRITEMAP: here it made neither the load nor small commits faster, and gives up safety.
 * It has no cache of its own: the driver bounds what the system keeps of its file.
 */
#include "bench.h"

#include <lmdb.h>

#include <stdlib.h>
#include <string.h>

struct store {
    const struct config *config;
    MDB_env *env;
    MDB_dbi dbi;
};

struct session {
    struct store *store;
    MDB_txn *reader;
    MDB_cursor *cursor;
};

static void check(int rc, const char *what)
{
    if (rc != 0)
        die("lmdb %s: %s", what, mdb_strerror(rc));
}

static void *lmdb_open(const struct config *config)
{
    const struct workload *workload = config->workload;
    struct store *store = allocate(sizeof(*store));
    size_t map = config->keys * (config->value_size + 64) * 4 + (size_t)(256 * MIB);
    unsigned flags = MDB_NOTLS;
    MDB_txn *txn;

    store->config = config;
    if (workload->is_cold && !(workload->kind == SCANS && workload->limit == 0))
        flags |= MDB_NORDAHEAD;
    check(mdb_env_create(&store->env), "create");
    check(mdb_env_set_mapsize(store->env, map / 4096 * 4096), "map size");
    check(mdb_env_set_maxreaders(store->env, 1024), "readers");
    check(mdb_env_open(store->env, config->directory, flags, 0644), "open");
    check(mdb_txn_begin(store->env, NULL, 0, &txn), "begin");
    check(mdb_dbi_open(txn, NULL, 0, &store->dbi), "dbi");
    check(mdb_txn_commit(txn), "commit");
    return store;
}

static void lmdb_close(void *opaque)
{
    struct store *store = opaque;
    mdb_env_close(store->env);
    free(store);
}

static void *lmdb_session_open(void *opaque, uint32_t number)
{
    struct session *session = allocate(sizeof(*session));
    (void)number;
    session->store = opaque;
    check(mdb_txn_begin(session->store->env, NULL, MDB_RDONLY, &session->reader), "reader");
    check(mdb_cursor_open(session->reader, session->store->dbi, &session->cursor), "cursor");
    mdb_txn_reset(session->reader);
    return session;
}

static void lmdb_session_close(void *opaque)
{
    struct session *session = opaque;
    mdb_cursor_close(session->cursor);
    mdb_txn_abort(session->reader);
    free(session);
}

static void lmdb_write(void *opaque, uint32_t partition, const struct pair *pairs, size_t count)
{
    struct session *session = opaque;
    const struct config *config = session->store->config;
    bool is_sorted = config->is_loading || config->workload->kind == LOAD;
    MDB_txn *txn;
    MDB_cursor *cursor;
    (void)partition;

    mdb_txn_reset(session->reader); /* a reader that stays keeps pages from being used again */
    check(mdb_txn_begin(session->store->env, NULL, 0, &txn), "begin");
    check(mdb_cursor_open(txn, session->store->dbi, &cursor), "cursor");
    for (size_t i = 0; i < count; i++) {
        MDB_val key = { KEY_BYTES, (void *)(uintptr_t)pairs[i].key };
        MDB_val value = { config->value_size, (void *)(uintptr_t)pairs[i].value };
        check(mdb_cursor_put(cursor, &key, &value, is_sorted ? MDB_APPEND : 0), "put");
    }
    mdb_cursor_close(cursor);
    check(mdb_txn_commit(txn), "commit");
}

/* The value of the last read stays while its transaction does. */
static void renew(struct session *session)
{
    mdb_txn_reset(session->reader);
    check(mdb_txn_renew(session->reader), "renew");
    check(mdb_cursor_renew(session->reader, session->cursor), "renew");
}

static bool lmdb_get(void *opaque, uint32_t partition, const char *key, const void **ret_value,
                     size_t *ret_size)
{
    struct session *session = opaque;
    MDB_val wanted = { KEY_BYTES, (void *)(uintptr_t)key };
    MDB_val value;
    (void)partition;

    renew(session);
    int rc = mdb_cursor_get(session->cursor, &wanted, &value, MDB_SET);
    if (rc == MDB_NOTFOUND)
        return false;
    check(rc, "get");
    *ret_value = value.mv_data;
    *ret_size = value.mv_size;
    return true;
}

static uint64_t lmdb_scan(void *opaque, uint32_t partition, const char *from, uint64_t limit,
                          visit_fn visit, void *user)
{
    struct session *session = opaque;
    MDB_val key = { KEY_BYTES, (void *)(uintptr_t)from };
    MDB_val value;
    uint64_t pairs = 0;
    (void)partition;

    renew(session);
    int rc = mdb_cursor_get(session->cursor, &key, &value, from ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0) {
        visit(user, key.mv_data, value.mv_data, value.mv_size);
        if (++pairs == limit)
            break;
        rc = mdb_cursor_get(session->cursor, &key, &value, MDB_NEXT);
    }
    if (rc != MDB_NOTFOUND)
        check(rc, "scan");
    mdb_txn_reset(session->reader);
    return pairs;
}

const struct engine engine_lmdb = {
    .name = "lmdb",
    .open = lmdb_open,
    .close = lmdb_close,
    .session_open = lmdb_session_open,
    .session_close = lmdb_session_close,
    .write = lmdb_write,
    .get = lmdb_get,
    .scan = lmdb_scan,
};
