/* page/overflow.c -- values larger than a page: how they are cut, and the pages that hold them. */
#include "page/overflow.h"

#include <string.h>

#include "base/check.h"

#define ROOM_USED (OVERFLOW_HEADER_BYTES + 1) /* header and pointer count */

int overflow_open(struct overflow *o, const uint8_t *page, uint32_t page_bytes)
{
    uint32_t size = get_u16(page + PAGE_LENGTH_AT);
    uint32_t id_count = page[page_bytes - 1];
    if (page[PAGE_TYPE_AT] != PAGE_OVERFLOW || id_count > OVERFLOW_POINTERS_MAX
        || ROOM_USED + size + 4 * id_count > page_bytes)
        return ELOQ_CORRUPTED;
    o->bytes = eloq_bytes(page + OVERFLOW_HEADER_BYTES, size);
    o->id_count = id_count;
    o->ids = page + page_bytes - 1 - 4 * id_count;
    return ELOQ_OK;
}

uint32_t overflow_group_pages(const struct page_shape *shape, uint64_t left)
{
    uint64_t capacity = shape->page_bytes - ROOM_USED;
    uint64_t pages = left / capacity + (left % capacity != 0);
    return (uint32_t)MIN(pages, (uint64_t)shape->overflow_pointers);
}

uint32_t overflow_page_takes(const struct page_shape *shape, uint32_t i, uint64_t left,
                             bool *ret_continues)
{
    uint32_t capacity = shape->page_bytes - ROOM_USED;
    *ret_continues = i + 1 == shape->overflow_pointers && left > capacity;
    if (*ret_continues)
        return capacity - 4 * shape->overflow_pointers;
    return (uint32_t)MIN((uint64_t)capacity, left);
}

void overflow_build(uint8_t *page, const struct page_shape *shape, const void *bytes, uint32_t size,
                    const struct page_id *next_ids, uint32_t next_count)
{
    uint32_t page_bytes = shape->page_bytes;
    CHECK(next_count <= OVERFLOW_POINTERS_MAX);
    CHECK((uint64_t)ROOM_USED + size + 4 * next_count <= page_bytes);
    memset(page, 0, page_bytes);
    page[PAGE_TYPE_AT] = PAGE_OVERFLOW;
    put_u16(page + PAGE_LENGTH_AT, (uint16_t)size);
    if (size > 0)
        memcpy(page + OVERFLOW_HEADER_BYTES, bytes, size);
    uint8_t *p = page + page_bytes - 1 - 4 * next_count;
    for (uint32_t i = 0; i < next_count; i++)
        put_u32(p + 4 * (size_t)i, next_ids[i].n);
    page[page_bytes - 1] = (uint8_t)next_count;
}
