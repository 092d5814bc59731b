/* api/read.c -- get, get_many, floor. */
#include <stdlib.h>

#include "engine/arguments.h"

static int check_key(eloq_store *store, eloq_part part, eloq_slice key)
{
    TRY(arguments_part(store, part));
    return arguments_slice(key, "key");
}

static int read_async(eloq_store *store, enum request_kind kind, eloq_part part, eloq_slice key,
                      eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(check_key(store, part, key));
    request_init(op, kind, part)->ask.key = key;
    return store_submit(store, store_shard_of(store, part.partition), op);
}

static int read_waiting(eloq_store *store, enum request_kind kind, eloq_part part, eloq_slice key,
                        eloq_record *ret)
{
    if (!ret)
        return error_fail(ELOQ_INVALID, "no record");
    TRY(check_key(store, part, key));
    unsigned shard = store_shard_of(store, part.partition);
    int rc = kind == REQUEST_GET ? store_get_here(store, shard, part, key, ret) : ELOQ_FETCH;
    if (rc != ELOQ_FETCH)
        return rc;
    eloq_op op = { .record = *ret };
    request_init(&op, kind, part)->ask.key = key;
    rc = store_call(store, shard, &op);
    *ret = op.record; /* its buffers may have moved, whatever the answer */
    return rc;
}

int eloq_get(eloq_store *store, eloq_part part, eloq_slice key, eloq_record *ret)
{
    return read_waiting(store, REQUEST_GET, part, key, ret);
}

int eloq_get_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_op *op)
{
    return read_async(store, REQUEST_GET, part, key, op);
}

int eloq_floor(eloq_store *store, eloq_part part, eloq_slice key, eloq_record *ret)
{
    return read_waiting(store, REQUEST_FLOOR, part, key, ret);
}

int eloq_floor_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_op *op)
{
    return read_async(store, REQUEST_FLOOR, part, key, op);
}

static int prepare_many(eloq_store *store, eloq_part part, const eloq_slice *keys, size_t count,
                        eloq_record *records, int *statuses, eloq_op *op)
{
    TRY(arguments_part(store, part));
    if (count > 0 && (!keys || !records || !statuses))
        return error_fail(ELOQ_INVALID, "keys, records or statuses is NULL with a count");
    for (size_t i = 0; i < count; i++)
        TRY(arguments_slice(keys[i], "key"));
    struct request *r = request_init(op, REQUEST_GET_MANY, part);
    r->ask.many.keys = keys;
    r->ask.many.count = count;
    r->ask.many.records = records;
    r->ask.many.statuses = statuses;
    return ELOQ_OK;
}

int eloq_get_many(eloq_store *store, eloq_part part, const eloq_slice *keys, size_t count,
                  eloq_record *records, int *statuses)
{
    eloq_op op = { 0 };

    TRY(prepare_many(store, part, keys, count, records, statuses, &op));
    return store_call(store, store_shard_of(store, part.partition), &op);
}

int eloq_get_many_async(eloq_store *store, eloq_part part, const eloq_slice *keys, size_t count,
                        eloq_record *records, int *statuses, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare_many(store, part, keys, count, records, statuses, op));
    return store_submit(store, store_shard_of(store, part.partition), op);
}

void eloq_buffer_free(eloq_buffer *buffer)
{
    if (!buffer)
        return;
    free(buffer->data);
    *buffer = (eloq_buffer){ 0 };
}

void eloq_record_free(eloq_record *record)
{
    if (!record)
        return;
    eloq_buffer_free(&record->key);
    eloq_buffer_free(&record->value);
    *record = (eloq_record){ 0 };
}
