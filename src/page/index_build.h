/* page/index_build.h -- write an index page, child by child in key order. Specification:
 * format.md 9. */
#pragma once

#include "page/index.h"

struct index_build {
    uint8_t *page;
    uint32_t page_bytes;
    uint32_t restart_every;
    uint32_t used;
    uint32_t restart_count;
    uint32_t in_region;
    uint32_t child_count; /* with the leftmost */
    uint32_t last_key_size;
    uint32_t last_child;
    uint8_t *last_key;
    uint16_t *restarts;
    bool above_leaves;
};

size_t index_build_scratch_bytes(uint32_t page_bytes);
void index_build_init(struct index_build *b, const struct page_shape *shape, bool above_leaves,
                      uint8_t *page, void *scratch);
/* The first child added is the leftmost (its separator is not stored). false: does not fit. */
bool index_build_add(struct index_build *b, eloq_slice separator, struct page_id child);
uint32_t index_build_size(const struct index_build *b);
/* Not the checksum (page_seal). At least one child. */
void index_build_finish(struct index_build *b);
