/* page/index.h -- read an index page. Specification: format.md 9. Pure and bounded, as leaf.h. */
#pragma once

#include "base/slice.h"
#include "page/format.h"

/* An index page whose header and restart array were checked. Borrows the page. */
struct index {
    const uint8_t *page;
    uint32_t entries_end;
    uint32_t restart_count;
    struct page_id leftmost;
    bool above_leaves; /* its children are data pages */
};

/* Walks separators and children. Starts before the leftmost child. */
struct index_cursor {
    const struct index *index;
    uint8_t *key; /* page_bytes, lent by the caller */
    uint32_t key_size;
    uint32_t offset;
    uint32_t next_restart;
    bool started;
    int64_t previous_child;
    struct page_id child; /* the current child */
    eloq_slice separator; /* its lower bound, in `key`; empty for the leftmost */
};

/* What a search found. Slices live in the buffers given to the search. */
struct index_found {
    struct page_id child;
    eloq_slice lower; /* the child's separator; empty if it is the leftmost */
    eloq_slice upper; /* the next separator; empty if it is the last child */
    /* Its neighbours in this page; NO_PAGE: there is none, or (before) the search passed none. */
    struct page_id before, behind;
    uint32_t slot; /* where the child stands in the page; 0: it is the leftmost */
};

int index_open(struct index *index, const uint8_t *page, uint32_t page_bytes);
void index_cursor_init(struct index_cursor *c, const struct index *index, uint8_t *key_buffer);
/* The next child, the leftmost first: ELOQ_OK, ELOQ_END, ELOQ_CORRUPTED (also if separators do not
 * strictly ascend or a child id is not below LOGICAL_ID_END). */
int index_next(struct index_cursor *c);
/* The child that holds `key`: the one with the greatest separator <= key (or, if `below`, < key),
 * else the leftmost. With an empty key and `below`: the last child. Uses binary search over
 * restart points. key_buffer holds two keys: 2 * page_bytes. */
int index_seek(const struct index *index, eloq_slice key, bool below, uint8_t *key_buffer,
               struct index_found *ret);
int index_verify(const uint8_t *page, uint32_t page_bytes, uint8_t *key_buffer);
