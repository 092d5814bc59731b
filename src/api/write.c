/* api/write.c -- put, delete, write. */
#include "engine/arguments.h"

static _Thread_local uint64_t skipped_last;

static int prepare(eloq_store *store, eloq_part part, const eloq_entry *entries, size_t count,
                   eloq_op *op)
{
    uint64_t bytes = 0;

    TRY(arguments_part(store, part));
    if (!entries && count > 0)
        return error_fail(ELOQ_INVALID, "entries is NULL with a count");
    if (count > UINT32_MAX)
        return error_fail(ELOQ_INVALID, "a batch has at most 2^32-1 entries");
    for (size_t i = 0; i < count; i++) {
        TRY(arguments_entry(store, &entries[i]));
        bytes += entries[i].key.size + entries[i].value.size;
    }
    if (store->options.read_only || store->options.as_of)
        return error_fail(ELOQ_INVALID, "the store is open read-only");

    struct request *r = request_init(op, REQUEST_WRITE, part);
    r->ask.write.entries = entries;
    r->ask.write.count = count;
    r->ask.write.bytes = bytes;
    return ELOQ_OK;
}

/* The entry lies in the op: the caller gave its fields one by one. */
static int prepare_single(eloq_store *store, eloq_part part, const eloq_entry *entry, eloq_op *op)
{
    TRY(prepare(store, part, entry, 1, op));
    struct request *r = request_of(op);
    r->ask.write.single = *entry;
    r->ask.write.entries = &r->ask.write.single;
    return ELOQ_OK;
}

static int submit(eloq_store *store, eloq_part part, eloq_op *op)
{
    return store_submit(store, store_shard_of(store, part.partition), op);
}

static int call(eloq_store *store, eloq_part part, eloq_op *op)
{
    int rc = store_call(store, store_shard_of(store, part.partition), op);
    skipped_last = op->skipped;
    return rc;
}

int eloq_write_async(eloq_store *store, eloq_part part, const eloq_entry *entries, size_t count,
                     eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare(store, part, entries, count, op));
    return submit(store, part, op);
}

int eloq_write(eloq_store *store, eloq_part part, const eloq_entry *entries, size_t count)
{
    eloq_op op = { 0 };

    skipped_last = 0;
    TRY(prepare(store, part, entries, count, &op));
    return call(store, part, &op);
}

int eloq_put_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_slice value, eloq_op *op)
{
    const eloq_entry entry = { .key = key, .value = value };

    TRY(arguments_op(op));
    TRY(prepare_single(store, part, &entry, op));
    return submit(store, part, op);
}

int eloq_put(eloq_store *store, eloq_part part, eloq_slice key, eloq_slice value)
{
    const eloq_entry entry = { .key = key, .value = value };

    return eloq_write(store, part, &entry, 1);
}

int eloq_delete_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_op *op)
{
    const eloq_entry entry = { .key = key, .kind = ELOQ_DELETE };

    TRY(arguments_op(op));
    TRY(prepare_single(store, part, &entry, op));
    return submit(store, part, op);
}

int eloq_delete(eloq_store *store, eloq_part part, eloq_slice key)
{
    const eloq_entry entry = { .key = key, .kind = ELOQ_DELETE };

    return eloq_write(store, part, &entry, 1);
}

uint64_t eloq_skipped(void)
{
    return skipped_last;
}
