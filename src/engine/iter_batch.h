/* engine/iter_batch.h -- pairs packed one behind the other: key size u64, value size u64, timestamp
 * u64, expiry u64, key, value. */
#pragma once

#include <string.h>

#include "base/bytes.h"
#include "base/coding.h"
#include "tree/tree.h"

#define ITER_BATCH_FIRST 65536u
#define ITER_BATCH_LEAST 4096u /* when memory is short: the batches of idle iterators stay */
#define ITER_BATCH_HEADER 32u

/* ELOQ_OK or ELOQ_NO_MEMORY. */
static inline int iter_batch_add(struct bytes *batch, const struct tree_pair *pair)
{
    size_t size = ITER_BATCH_HEADER + pair->key.size + pair->value.size;

    TRY(bytes_reserve(batch, size));
    uint8_t *p = batch->data + batch->size;
    put_u64(p, pair->key.size);
    put_u64(p + 8, pair->value.size);
    put_u64(p + 16, pair->timestamp);
    put_u64(p + 24, pair->expire_at);
    copy_short(p + ITER_BATCH_HEADER, pair->key.data, pair->key.size);
    if (pair->value.size > 0)
        memcpy(p + ITER_BATCH_HEADER + pair->key.size, pair->value.data, pair->value.size);
    batch->size += size;
    return ELOQ_OK;
}

/* Lends the pair at *at and steps over it. */
static inline void iter_batch_read(const struct bytes *batch, size_t *at, eloq_item *ret)
{
    const uint8_t *p = batch->data + *at;
    size_t key_size = (size_t)get_u64(p), value_size = (size_t)get_u64(p + 8);

    ret->timestamp = get_u64(p + 16);
    ret->expire_at = get_u64(p + 24);
    ret->key = eloq_bytes(p + ITER_BATCH_HEADER, key_size);
    ret->value = eloq_bytes(p + ITER_BATCH_HEADER + key_size, value_size);
    *at += ITER_BATCH_HEADER + key_size + value_size;
}
