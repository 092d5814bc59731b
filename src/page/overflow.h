/* page/overflow.h -- values larger than a page, in groups of pages. Specification: format.md 7.
 * Pure. */
#pragma once

#include "base/slice.h"
#include "page/format.h"

/* An overflow page whose header was checked. */
struct overflow {
    eloq_slice bytes;   /* value bytes, in the page */
    const uint8_t *ids; /* u32 each: the next group */
    uint32_t id_count;
};

int overflow_open(struct overflow *o, const uint8_t *page, uint32_t page_bytes);
static inline struct page_id overflow_id(const uint8_t *ids, uint32_t i);

/* Pages of the group that begins with `left` bytes still to store. */
uint32_t overflow_group_pages(const struct page_shape *shape, uint64_t left);
/* Value bytes that page number `i` (from 0) of a group takes when `left` bytes remain before it;
 * *ret_continues: it is the end page of a full group and will hold the next group's ids. */
uint32_t overflow_page_takes(const struct page_shape *shape, uint32_t i, uint64_t left,
                             bool *ret_continues);
/* Writes a whole page, without its checksum. next_ids may be NULL when next_count is 0. */
void overflow_build(uint8_t *page, const struct page_shape *shape, const void *bytes, uint32_t size,
                    const struct page_id *next_ids, uint32_t next_count);

#include "base/coding.h"
static inline struct page_id overflow_id(const uint8_t *ids, uint32_t i)
{
    return page_id(get_u32(ids + 4 * (size_t)i));
}
