/* engine/arguments.c -- what the public functions check before anything else. */
#include "engine/arguments.h"

#include <inttypes.h>

#include "file/name.h"
#include "page/format.h"

int arguments_part(const eloq_store *store, eloq_part part)
{
    if (!store)
        return error_fail(ELOQ_INVALID, "no store");
    if (!part.table)
        return error_fail(ELOQ_INVALID, "no table name");
    if (!file_name_table_valid(part.table))
        return error_fail(ELOQ_INVALID,
                          "bad table name: 1 to 244 bytes, no '/', not . or ..: %.80s", part.table);
    return ELOQ_OK;
}

int arguments_slice(eloq_slice slice, const char *what)
{
    if (!slice.data && slice.size > 0)
        return error_fail(ELOQ_INVALID, "%s is NULL with a size", what);
    return ELOQ_OK;
}

int arguments_op(const eloq_op *op)
{
    if (!op)
        return error_fail(ELOQ_INVALID, "no op");
    if (!op->done)
        return error_fail(ELOQ_INVALID, "op.done is NULL");
    return ELOQ_OK;
}

static int check_key(const eloq_store *store, const eloq_entry *entry)
{
    uint32_t most = store->format.data_page_size / 2;

    TRY(arguments_slice(entry->key, "key"));
    if (entry->kind == ELOQ_PUT && entry->expire_at != 0)
        most -= 8;
    if (entry->key.size == 0 || entry->key.size > most)
        return error_fail(ELOQ_INVALID, "key has %zu bytes, may have 1 to %u", entry->key.size,
                          most);
    return ELOQ_OK;
}

int arguments_entry(const eloq_store *store, const eloq_entry *entry)
{
    if (entry->kind != ELOQ_PUT && entry->kind != ELOQ_DELETE)
        return error_fail(ELOQ_INVALID, "entry.kind is %d", entry->kind);
    TRY(check_key(store, entry));
    if (entry->timestamp > TIMESTAMP_MAX && entry->timestamp != ELOQ_TIMESTAMP_ZERO)
        return error_fail(ELOQ_INVALID, "timestamp is %" PRIu64 ", may be at most 2^63-1",
                          entry->timestamp);
    if (entry->kind == ELOQ_DELETE)
        return ELOQ_OK;
    TRY(arguments_slice(entry->value, "value"));
    if (entry->value.size > store->budget.value_bytes)
        return error_fail(ELOQ_INVALID, "value has %zu bytes, may have at most %" PRIu64,
                          entry->value.size, store->budget.value_bytes);
    return ELOQ_OK;
}
