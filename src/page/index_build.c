/* page/index_build.c -- write an index page. */
#include "page/index_build.h"

#include <string.h>

#include "base/check.h"
#include "page/regions.h"

size_t index_build_scratch_bytes(uint32_t page_bytes)
{
    return page_bytes + (size_t)page_bytes / 4 * sizeof(uint16_t);
}

void index_build_init(struct index_build *b, const struct page_shape *shape, bool above_leaves,
                      uint8_t *page, void *scratch)
{
    CHECK(shape->index_restart_every > 0);
    memset(b, 0, sizeof(*b));
    memset(page, 0, shape->page_bytes);
    b->page = page;
    b->page_bytes = shape->page_bytes;
    b->restart_every = shape->index_restart_every;
    b->above_leaves = above_leaves;
    b->used = INDEX_HEADER_BYTES;
    b->last_key = scratch;
    b->restarts = (uint16_t *)(void *)((uint8_t *)scratch + shape->page_bytes);
}

uint32_t index_build_size(const struct index_build *b)
{
    return b->used + 2 * b->restart_count + 2;
}

bool index_build_add(struct index_build *b, eloq_slice separator, struct page_id child)
{
    CHECK(child.n < LOGICAL_ID_END);
    if (b->child_count == 0) {
        put_u32(b->page + INDEX_LEFTMOST_AT, child.n);
        b->child_count = 1;
        return true;
    }
    eloq_slice last = eloq_bytes(b->last_key, b->last_key_size);
    if (separator.size > b->page_bytes)
        return false;
    CHECK(separator.size > 0);
    DCHECK(slice_compare(last, separator) < 0);

    bool opens_region = b->child_count == 1 || b->in_region == b->restart_every;
    uint32_t shared = opens_region ? 0 : (uint32_t)slice_common(last, separator);
    uint32_t fresh = (uint32_t)separator.size - shared;
    uint64_t delta = sdelta_encode((int64_t)child.n - (opens_region ? 0 : (int64_t)b->last_child));
    uint32_t bytes = varint_size(shared) + varint_size(fresh) + fresh + varint_size(delta);
    if (index_build_size(b) + bytes + (opens_region ? 2 : 0) > b->page_bytes)
        return false;

    uint8_t *p = b->page + b->used;
    p = put_varint(p, shared);
    p = put_varint(p, fresh);
    memcpy(p, (const uint8_t *)separator.data + shared, fresh);
    p = put_varint(p + fresh, delta);
    DCHECK((uint32_t)(p - b->page) == b->used + bytes);

    if (opens_region) {
        b->restarts[b->restart_count++] = (uint16_t)b->used;
        b->in_region = 0;
    }
    b->in_region++;
    b->child_count++;
    b->used += bytes;
    memcpy(b->last_key + shared, (const uint8_t *)separator.data + shared, fresh);
    b->last_key_size = (uint32_t)separator.size;
    b->last_child = child.n;
    return true;
}

void index_build_finish(struct index_build *b)
{
    CHECK(b->child_count > 0);
    b->page[PAGE_TYPE_AT] = b->above_leaves ? PAGE_LEAF_INDEX : PAGE_INNER_INDEX;
    regions_finish(b->page, b->used, b->restarts, b->restart_count);
}
