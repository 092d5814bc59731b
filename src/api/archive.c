/* api/archive.c -- archives: make, list, restore. */
#include <stdlib.h>

#include "engine/arguments.h"

static int check_mode(const eloq_store *store)
{
    if (!store)
        return error_fail(ELOQ_INVALID, "no store");
    if (store->disk)
        return error_fail(ELOQ_INVALID, "a store in memory has no archives");
    if (!store->format.data_append_mode)
        return error_fail(ELOQ_INVALID,
                          "a store in place has no archives: their pages would be recycled");
    return ELOQ_OK;
}

static int check_writable(const eloq_store *store)
{
    TRY(check_mode(store));
    if (store->options.read_only || store->options.as_of)
        return error_fail(ELOQ_DENIED, "store is open for reading only");
    return ELOQ_OK;
}

static int prepare(eloq_store *store, enum request_kind kind, eloq_part part, uint64_t timestamp,
                   eloq_op *op)
{
    TRY(check_writable(store));
    TRY(arguments_part(store, part));
    request_init(op, kind, part)->ask.archive.timestamp = timestamp;
    return ELOQ_OK;
}

static int waiting(eloq_store *store, enum request_kind kind, eloq_part part, uint64_t timestamp)
{
    eloq_op op = { 0 };

    TRY(prepare(store, kind, part, timestamp, &op));
    return store_call(store, store_shard_of(store, part.partition), &op);
}

static int async(eloq_store *store, enum request_kind kind, eloq_part part, uint64_t timestamp,
                 eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare(store, kind, part, timestamp, op));
    return store_submit(store, store_shard_of(store, part.partition), op);
}

int eloq_archive(eloq_store *store, eloq_part part, uint64_t timestamp)
{
    return waiting(store, REQUEST_ARCHIVE, part, timestamp);
}

int eloq_archive_async(eloq_store *store, eloq_part part, uint64_t timestamp, eloq_op *op)
{
    return async(store, REQUEST_ARCHIVE, part, timestamp, op);
}

static int check_timestamp(uint64_t timestamp)
{
    return timestamp == 0 ? error_fail(ELOQ_INVALID, "no archive has timestamp 0") : ELOQ_OK;
}

int eloq_restore(eloq_store *store, eloq_part part, uint64_t timestamp)
{
    TRY(check_timestamp(timestamp));
    return waiting(store, REQUEST_RESTORE, part, timestamp);
}

int eloq_restore_async(eloq_store *store, eloq_part part, uint64_t timestamp, eloq_op *op)
{
    TRY(check_timestamp(timestamp));
    return async(store, REQUEST_RESTORE, part, timestamp, op);
}

/* ---- all partitions ---- */

static int prepare_all(eloq_store *store, uint64_t timestamp, eloq_op *op)
{
    eloq_part none = { 0 };

    TRY(check_writable(store));
    request_init(op, REQUEST_ARCHIVE_ALL, none)->ask.archive.timestamp = timestamp;
    return ELOQ_OK;
}

int eloq_archive_all(eloq_store *store, uint64_t timestamp)
{
    eloq_op op = { 0 };

    TRY(prepare_all(store, timestamp, &op));
    return store_call(store, 0, &op);
}

int eloq_archive_all_async(eloq_store *store, uint64_t timestamp, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare_all(store, timestamp, op));
    return store_submit(store, 0, op);
}

/* ---- list ---- */

static int prepare_list(eloq_store *store, eloq_part part, eloq_archive_list *ret, eloq_op *op)
{
    TRY(check_mode(store));
    TRY(arguments_part(store, part));
    if (!ret)
        return error_fail(ELOQ_INVALID, "no list");
    request_init(op, REQUEST_ARCHIVES, part)->ask.archives = ret;
    return ELOQ_OK;
}

int eloq_archives(eloq_store *store, eloq_part part, eloq_archive_list *ret)
{
    eloq_op op = { 0 };

    TRY(prepare_list(store, part, ret, &op));
    return store_call(store, store_shard_of(store, part.partition), &op);
}

int eloq_archives_async(eloq_store *store, eloq_part part, eloq_archive_list *ret, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare_list(store, part, ret, op));
    return store_submit(store, store_shard_of(store, part.partition), op);
}

void eloq_archives_free(eloq_archive_list *list)
{
    if (!list)
        return;
    free(list->timestamps);
    *list = (eloq_archive_list){ 0 };
}
