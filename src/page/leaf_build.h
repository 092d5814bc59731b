/* page/leaf_build.h -- write a data page, entry by entry in key order. Specification:
 * format.md 6.3. */
#pragma once

#include "page/leaf.h"

struct leaf_build {
    uint8_t *page; /* page_bytes, lent; zeroed by init */
    uint32_t page_bytes;
    uint32_t restart_every;
    uint32_t used; /* offset behind the last entry */
    uint32_t restart_count;
    uint32_t in_region; /* entries of the current region */
    uint32_t entry_count;
    uint32_t last_key_size;
    uint64_t last_timestamp;
    uint8_t *last_key;  /* page_bytes, lent */
    uint16_t *restarts; /* page_bytes / 4 of them, lent */
};

/* Scratch that a builder needs beside the page: this many bytes, aligned to 8. */
size_t leaf_build_scratch_bytes(uint32_t page_bytes);
void leaf_build_init(struct leaf_build *b, const struct page_shape *shape, uint8_t *page,
                     void *scratch);
/* true: added. false: it does not fit; nothing changed. Keys must ascend strictly (DCHECK).
 * `value` is the stored form. The timestamp is clamped to 63 bits. */
bool leaf_build_add(struct leaf_build *b, const struct entry *entry);
/* Size of the page if finished now. */
uint32_t leaf_build_size(const struct leaf_build *b);
/* Writes restart array, header and links; not the checksum (page_seal). At least one entry. */
void leaf_build_finish(struct leaf_build *b, struct page_id prev, struct page_id next);
/* Whether a pair must go to overflow pages (format.md 7.1): it would not fit alone into an empty
 * page. stored_size is the size of the value's stored form. */
bool leaf_needs_overflow(uint32_t page_bytes, size_t key_size, uint64_t stored_size,
                         uint64_t timestamp, uint64_t expire_at);
