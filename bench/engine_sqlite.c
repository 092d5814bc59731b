/* bench/engine_sqlite.c -- SQLite.
 *
 *   WAL with synchronous=FULL: a commit flushes the log; a checkpoint each 4000 pages of it
 *   small values: a table WITHOUT ROWID, so that the key's tree holds the value; large ones: a
 * table and an index, since inner pages WITHOUT ROWID hold whole rows, as its manual says
 *   statements prepared once a connection, a connection for each session
 *   the page cache is all of the memory, divided among the connections; of what it reads the
 *   system keeps a copy, which the driver bounds
 *   one writer at a time: a mutex, rather than retries of SQLITE_BUSY
 */
#include "bench.h"

#include <sqlite3.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store {
    const struct config *config;
    sqlite3 *db; /* keeps the log from being folded in when sessions close */
    pthread_mutex_t writing;
};

struct session {
    struct store *store;
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *put, *get, *scan, *scan_all;
};

static void check(sqlite3 *db, int rc, const char *what)
{
    if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
        die("sqlite %s: %s", what, db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
}

static sqlite3 *connect(const struct config *config)
{
    char text[4096 + 512];
    sqlite3 *db;
    /* Streams that only wait for each other share the memory of one. */
    uint64_t connections =
        config->is_loading || config->workload->depth == 0 ? 1 : config->workload->depth;
    snprintf(text, sizeof(text), "%s/bench.sqlite", config->directory);
    check(NULL,
          sqlite3_open_v2(text, &db,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL),
          "open");
    snprintf(text, sizeof(text),
             "PRAGMA page_size=4096; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
             "PRAGMA cache_size=-%" PRIu64 "; PRAGMA wal_autocheckpoint=4000;"
             "CREATE TABLE IF NOT EXISTS bench (k BLOB PRIMARY KEY, v BLOB)%s;",
             config->cache / connections / 1024, config->value_size < 200 ? " WITHOUT ROWID" : "");
    sqlite3_busy_timeout(db, 60000);
    check(db, sqlite3_exec(db, text, NULL, NULL, NULL), "settings");
    return db;
}

static void *lite_open(const struct config *config)
{
    struct store *store = allocate(sizeof(*store));
    store->config = config;
    pthread_mutex_init(&store->writing, NULL);
    store->db = connect(config);
    return store;
}

static void lite_settle(void *opaque)
{
    struct store *store = opaque;
    check(store->db,
          sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
          "checkpoint");
}

static void lite_close(void *opaque)
{
    struct store *store = opaque;
    check(store->db, sqlite3_close(store->db), "close");
    pthread_mutex_destroy(&store->writing);
    free(store);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *text)
{
    sqlite3_stmt *statement;
    check(db, sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL), text);
    return statement;
}

static void *lite_session_open(void *opaque, uint32_t number)
{
    struct session *session = allocate(sizeof(*session));
    (void)number;
    session->store = opaque;
    sqlite3 *db = session->db = connect(session->store->config);
    session->begin = prepare(db, "BEGIN IMMEDIATE");
    session->commit = prepare(db, "COMMIT");
    session->put = prepare(
        db, "INSERT INTO bench VALUES (?1, ?2) ON CONFLICT (k) DO UPDATE SET v = excluded.v");
    session->get = prepare(db, "SELECT v FROM bench WHERE k = ?1");
    session->scan = prepare(db, "SELECT k, v FROM bench WHERE k >= ?1 ORDER BY k");
    session->scan_all = prepare(db, "SELECT k, v FROM bench ORDER BY k");
    return session;
}

static void lite_session_close(void *opaque)
{
    struct session *session = opaque;
    sqlite3_finalize(session->begin);
    sqlite3_finalize(session->commit);
    sqlite3_finalize(session->put);
    sqlite3_finalize(session->get);
    sqlite3_finalize(session->scan);
    sqlite3_finalize(session->scan_all);
    check(session->db, sqlite3_close(session->db), "close");
    free(session);
}

static void step(struct session *session, sqlite3_stmt *statement, const char *what)
{
    check(session->db, sqlite3_step(statement), what);
    check(session->db, sqlite3_reset(statement), what);
}

static void lite_write(void *opaque, uint32_t partition, const struct pair *pairs, size_t count)
{
    struct session *session = opaque;
    int size = (int)session->store->config->value_size;
    (void)partition;

    sqlite3_reset(session->get); /* a read that is open keeps its snapshot */
    pthread_mutex_lock(&session->store->writing);
    step(session, session->begin, "begin");
    for (size_t i = 0; i < count; i++) {
        sqlite3_bind_blob(session->put, 1, pairs[i].key, KEY_BYTES, SQLITE_STATIC);
        sqlite3_bind_blob(session->put, 2, pairs[i].value, size, SQLITE_STATIC);
        step(session, session->put, "put");
    }
    step(session, session->commit, "commit");
    pthread_mutex_unlock(&session->store->writing);
}

static bool lite_get(void *opaque, uint32_t partition, const char *key, const void **ret_value,
                     size_t *ret_size)
{
    struct session *session = opaque;
    (void)partition;

    sqlite3_reset(session->get);
    sqlite3_bind_blob(session->get, 1, key, KEY_BYTES, SQLITE_STATIC);
    int rc = sqlite3_step(session->get);
    check(session->db, rc, "get");
    if (rc != SQLITE_ROW)
        return false;
    *ret_value = sqlite3_column_blob(session->get, 0);
    *ret_size = (size_t)sqlite3_column_bytes(session->get, 0);
    return true;
}

static uint64_t lite_scan(void *opaque, uint32_t partition, const char *from, uint64_t limit,
                          visit_fn visit, void *user)
{
    struct session *session = opaque;
    sqlite3_stmt *statement = from ? session->scan : session->scan_all;
    uint64_t pairs = 0;
    int rc;
    (void)partition;

    if (from)
        sqlite3_bind_blob(statement, 1, from, KEY_BYTES, SQLITE_STATIC);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        visit(user, sqlite3_column_blob(statement, 0), sqlite3_column_blob(statement, 1),
              (size_t)sqlite3_column_bytes(statement, 1));
        if (++pairs == limit)
            break;
    }
    check(session->db, rc, "scan");
    sqlite3_reset(statement);
    return pairs;
}

const struct engine engine_sqlite = {
    .name = "sqlite",
    .open = lite_open,
    .close = lite_close,
    .settle = lite_settle,
    .session_open = lite_session_open,
    .session_close = lite_session_close,
    .write = lite_write,
    .get = lite_get,
    .scan = lite_scan,
};
