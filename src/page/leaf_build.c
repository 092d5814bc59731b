/* page/leaf_build.c -- write a data page. */
#include "page/leaf_build.h"

#include <string.h>

#include "base/check.h"
#include "page/regions.h"

size_t leaf_build_scratch_bytes(uint32_t page_bytes)
{
    return page_bytes + (size_t)page_bytes / 4 * sizeof(uint16_t);
}

void leaf_build_init(struct leaf_build *b, const struct page_shape *shape, uint8_t *page,
                     void *scratch)
{
    CHECK(shape->leaf_restart_every > 0);
    memset(b, 0, sizeof(*b));
    memset(page, 0, shape->page_bytes);
    b->page = page;
    b->page_bytes = shape->page_bytes;
    b->restart_every = shape->leaf_restart_every;
    b->used = LEAF_HEADER_BYTES;
    b->last_key = scratch;
    b->restarts = (uint16_t *)(void *)((uint8_t *)scratch + shape->page_bytes);
}

uint32_t leaf_build_size(const struct leaf_build *b)
{
    return b->used + 2 * b->restart_count + 2;
}

static uint64_t clamp_timestamp(uint64_t t)
{
    return MIN(t, (uint64_t)TIMESTAMP_MAX);
}

bool leaf_build_add(struct leaf_build *b, const struct entry *entry)
{
    eloq_slice key = entry->key, last = eloq_bytes(b->last_key, b->last_key_size);
    if (key.size > b->page_bytes || entry->value.size > b->page_bytes)
        return false;
    CHECK(key.size > 0);
    DCHECK(b->entry_count == 0 || slice_compare(last, key) < 0);

    bool opens_region = b->entry_count == 0 || b->in_region == b->restart_every;
    uint32_t shared = opens_region ? 0 : (uint32_t)slice_common(last, key);
    uint32_t fresh = (uint32_t)key.size - shared, value_size = (uint32_t)entry->value.size;
    uint32_t lenbits =
        value_size << ENTRY_LENGTH_SHIFT | (uint32_t)entry->compression << ENTRY_COMPRESSION_SHIFT
        | (entry->is_overflow ? ENTRY_OVERFLOW : 0) | (entry->expire_at ? ENTRY_EXPIRES : 0);
    uint64_t timestamp = clamp_timestamp(entry->timestamp);
    uint64_t delta =
        sdelta_encode((int64_t)timestamp - (int64_t)(opens_region ? 0 : b->last_timestamp));

    uint32_t bytes = varint_size(shared) + varint_size(fresh) + varint_size(lenbits) + fresh
                     + value_size + varint_size(delta)
                     + (entry->expire_at ? varint_size(entry->expire_at) : 0);
    if (leaf_build_size(b) + bytes + (opens_region ? 2 : 0) > b->page_bytes)
        return false;

    uint8_t *p = b->page + b->used;
    p = put_varint(p, shared);
    p = put_varint(p, fresh);
    p = put_varint(p, lenbits);
    memcpy(p, (const uint8_t *)key.data + shared, fresh);
    p += fresh;
    if (value_size > 0)
        memcpy(p, entry->value.data, value_size);
    p += value_size;
    if (entry->expire_at)
        p = put_varint(p, entry->expire_at);
    p = put_varint(p, delta);
    DCHECK((uint32_t)(p - b->page) == b->used + bytes);

    if (opens_region) {
        b->restarts[b->restart_count++] = (uint16_t)b->used;
        b->in_region = 0;
    }
    b->in_region++;
    b->entry_count++;
    b->used += bytes;
    memcpy(b->last_key + shared, (const uint8_t *)key.data + shared, fresh);
    b->last_key_size = (uint32_t)key.size;
    b->last_timestamp = timestamp;
    return true;
}

void leaf_build_finish(struct leaf_build *b, struct page_id prev, struct page_id next)
{
    CHECK(b->entry_count > 0);
    b->page[PAGE_TYPE_AT] = PAGE_DATA;
    leaf_set_prev(b->page, prev);
    leaf_set_next(b->page, next);
    regions_finish(b->page, b->used, b->restarts, b->restart_count);
}

bool leaf_needs_overflow(uint32_t page_bytes, size_t key_size, uint64_t stored_size,
                         uint64_t timestamp, uint64_t expire_at)
{
    if (key_size > page_bytes || stored_size > page_bytes)
        return true;
    /* header, one restart point, their count, and shared = 0 */
    uint64_t need = LEAF_HEADER_BYTES + 2 + 2 + 1;
    need += varint_size(key_size) + varint_size(stored_size << ENTRY_LENGTH_SHIFT);
    need += key_size + stored_size + varint_size(2 * clamp_timestamp(timestamp));
    if (expire_at)
        need += varint_size(expire_at);
    return need > page_bytes;
}
