/* bench/engine_wiredtiger.c -- WiredTiger: a B+tree with a write-ahead log.
 *
 *   log, a transaction is flushed when it commits (method=fsync); log files are preallocated
 *   direct_io=(data) but for scans, which want the system's read-ahead: its cache is the only one
 *   leaves of 4 KiB on disk, for point reads
 *   a checkpoint each 512 MB of log or each minute
 *   a session has a cursor, which is reset, not closed; batches are one transaction
 *   the cache is all of the memory; no compression
 */
#include "bench.h"

#include <wiredtiger.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store {
    const struct config *config;
    WT_CONNECTION *connection;
};

struct session {
    struct store *store;
    WT_SESSION *session;
    WT_CURSOR *cursor;
};

static const char uri[] = "table:bench";

static void check(int rc, const char *what)
{
    if (rc != 0)
        die("wiredtiger %s: %s", what, wiredtiger_strerror(rc));
}

static void *wt_open(const struct config *config)
{
    struct store *store = allocate(sizeof(*store));
    char text[512];
    WT_SESSION *session;

    store->config = config;
    snprintf(text, sizeof(text),
             "create,cache_size=%" PRIu64 ",session_max=1024,%s"
             "log=(enabled,file_max=100MB,prealloc),transaction_sync=(enabled,method=fsync),"
             "checkpoint=(wait=60,log_size=512MB),eviction=(threads_min=1,threads_max=4)",
             config->cache, config->workload->kind == SCANS ? "" : "direct_io=(data),");
    check(wiredtiger_open(config->directory, NULL, text, &store->connection), "open");
    check(store->connection->open_session(store->connection, NULL, NULL, &session), "session");
    check(session->create(session, uri,
                          "key_format=u,value_format=u,leaf_page_max=4KB,internal_page_max=4KB,"
                          "leaf_value_max=2KB,prefix_compression"),
          "create");
    check(session->close(session, NULL), "session close");
    return store;
}

/* What is in memory alone goes to the file, as it would later. */
static void wt_settle(void *opaque)
{
    struct store *store = opaque;
    WT_SESSION *session;
    check(store->connection->open_session(store->connection, NULL, NULL, &session), "session");
    check(session->checkpoint(session, NULL), "checkpoint");
    check(session->close(session, NULL), "session close");
}

static void wt_close(void *opaque)
{
    struct store *store = opaque;
    check(store->connection->close(store->connection, NULL), "close");
    free(store);
}

static void *wt_session_open(void *opaque, uint32_t number)
{
    struct session *session = allocate(sizeof(*session));
    WT_CONNECTION *connection = ((struct store *)opaque)->connection;
    (void)number;
    session->store = opaque;
    check(connection->open_session(connection, NULL, NULL, &session->session), "session");
    check(session->session->open_cursor(session->session, uri, NULL, "overwrite", &session->cursor),
          "cursor");
    return session;
}

static void wt_session_close(void *opaque)
{
    struct session *session = opaque;
    check(session->session->close(session->session, NULL), "session close");
    free(session);
}

static int put_all(struct session *session, const struct pair *pairs, size_t count)
{
    WT_CURSOR *cursor = session->cursor;
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        WT_ITEM key = { .data = pairs[i].key, .size = KEY_BYTES };
        WT_ITEM value = { .data = pairs[i].value, .size = session->store->config->value_size };
        cursor->set_key(cursor, &key);
        cursor->set_value(cursor, &value);
        rc = cursor->insert(cursor);
    }
    return rc;
}

static void wt_write(void *opaque, uint32_t partition, const struct pair *pairs, size_t count)
{
    struct session *session = opaque;
    WT_SESSION *wt = session->session;
    int rc;
    (void)partition;

    do { /* a conflict with another writer is tried again */
        check(wt->begin_transaction(wt, NULL), "begin");
        rc = put_all(session, pairs, count);
        if (rc == 0)
            rc = wt->commit_transaction(wt, NULL);
        else
            check(wt->rollback_transaction(wt, NULL), "rollback");
    } while (rc == WT_ROLLBACK);
    check(rc, "write");
}

static bool wt_get(void *opaque, uint32_t partition, const char *key, const void **ret_value,
                   size_t *ret_size)
{
    struct session *session = opaque;
    WT_CURSOR *cursor = session->cursor;
    WT_ITEM wanted = { .data = key, .size = KEY_BYTES };
    WT_ITEM value;
    (void)partition;

    check(cursor->reset(cursor), "reset"); /* lets go of the last page read */
    cursor->set_key(cursor, &wanted);
    int rc = cursor->search(cursor);
    if (rc == WT_NOTFOUND)
        return false;
    check(rc, "search");
    check(cursor->get_value(cursor, &value), "value");
    *ret_value = value.data;
    *ret_size = value.size;
    return true;
}

static uint64_t wt_scan(void *opaque, uint32_t partition, const char *from, uint64_t limit,
                        visit_fn visit, void *user)
{
    struct session *session = opaque;
    WT_CURSOR *cursor = session->cursor;
    uint64_t pairs = 0;
    int rc, exact;
    (void)partition;

    check(cursor->reset(cursor), "reset");
    if (from) {
        WT_ITEM wanted = { .data = from, .size = KEY_BYTES };
        cursor->set_key(cursor, &wanted);
        rc = cursor->search_near(cursor, &exact);
        if (rc == 0 && exact < 0)
            rc = cursor->next(cursor);
    } else {
        rc = cursor->next(cursor);
    }
    for (; rc == 0; rc = cursor->next(cursor)) {
        WT_ITEM key, value;
        check(cursor->get_key(cursor, &key), "key");
        check(cursor->get_value(cursor, &value), "value");
        visit(user, key.data, value.data, value.size);
        if (++pairs == limit)
            break;
    }
    if (rc != WT_NOTFOUND)
        check(rc, "scan");
    check(cursor->reset(cursor), "reset");
    return pairs;
}

const struct engine engine_wiredtiger = {
    .name = "wiredtiger",
    .open = wt_open,
    .close = wt_close,
    .settle = wt_settle,
    .session_open = wt_session_open,
    .session_close = wt_session_close,
    .write = wt_write,
    .get = wt_get,
    .scan = wt_scan,
};
