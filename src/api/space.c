/* api/space.c -- truncate, drop, compact, clean. */
#include "engine/arguments.h"

static int check_writable(const eloq_store *store)
{
    if (!store)
        return error_fail(ELOQ_INVALID, "no store");
    if (store->options.read_only || store->options.as_of)
        return error_fail(ELOQ_INVALID, "the store is open read-only");
    return ELOQ_OK;
}

static int prepare(eloq_store *store, enum request_kind kind, eloq_part part, eloq_op *op)
{
    TRY(check_writable(store));
    TRY(arguments_part(store, part));
    request_init(op, kind, part);
    return ELOQ_OK;
}

static int submit(eloq_store *store, eloq_part part, eloq_op *op)
{
    return store_submit(store, store_shard_of(store, part.partition), op);
}

static int call(eloq_store *store, eloq_part part, eloq_op *op)
{
    return store_call(store, store_shard_of(store, part.partition), op);
}

static int prepare_truncate(eloq_store *store, eloq_part part, eloq_slice from, eloq_op *op)
{
    TRY(arguments_slice(from, "from"));
    TRY(prepare(store, REQUEST_TRUNCATE, part, op));
    request_of(op)->ask.truncate.from = from;
    return ELOQ_OK;
}

int eloq_truncate(eloq_store *store, eloq_part part, eloq_slice from)
{
    eloq_op op = { 0 };

    TRY(prepare_truncate(store, part, from, &op));
    return call(store, part, &op);
}

int eloq_truncate_async(eloq_store *store, eloq_part part, eloq_slice from, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare_truncate(store, part, from, op));
    return submit(store, part, op);
}

int eloq_drop(eloq_store *store, const char *table)
{
    eloq_op op = { 0 };

    TRY(prepare(store, REQUEST_DROP, (eloq_part){ .table = table }, &op));
    return store_call(store, 0, &op);
}

int eloq_drop_async(eloq_store *store, const char *table, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare(store, REQUEST_DROP, (eloq_part){ .table = table }, op));
    return store_submit(store, 0, op);
}

static int prepare_compact(eloq_store *store, eloq_part part, eloq_op *op)
{
    TRY(prepare(store, REQUEST_COMPACT, part, op));
    if (!store->format.data_append_mode)
        return error_fail(ELOQ_INVALID, "nothing to compact in place");
    return ELOQ_OK;
}

int eloq_compact(eloq_store *store, eloq_part part)
{
    eloq_op op = { 0 };

    TRY(prepare_compact(store, part, &op));
    return call(store, part, &op);
}

int eloq_compact_async(eloq_store *store, eloq_part part, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare_compact(store, part, op));
    return submit(store, part, op);
}

int eloq_clean_expired(eloq_store *store, eloq_part part)
{
    eloq_op op = { 0 };

    TRY(prepare(store, REQUEST_CLEAN, part, &op));
    return call(store, part, &op);
}

int eloq_clean_expired_async(eloq_store *store, eloq_part part, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare(store, REQUEST_CLEAN, part, op));
    return submit(store, part, op);
}
