/* page/leaf.h -- read a data page: open, step, seek. Specification: format.md 6. Pure, bounded:
 * any bytes may be given; what is malformed is ELOQ_CORRUPTED, never a crash. */
#pragma once

#include "base/slice.h"
#include "page/format.h"

/* A data page whose header and restart array were checked. Borrows the page. */
struct leaf {
    const uint8_t *page;
    uint32_t entries_end; /* offset just past the last entry */
    uint32_t restart_count;
    struct page_id prev, next;
};

/* One entry, decoded. The slices live in the page (value) and the cursor (key). */
struct entry {
    eloq_slice key;
    eloq_slice value; /* stored bytes: plain, compressed, or overflow ids */
    uint64_t timestamp;
    uint64_t expire_at; /* 0 = never */
    bool is_overflow;
    enum compression compression;
};

/* Walks the entries of a leaf. Keys are rebuilt into `key`, of at least page_bytes bytes (a key
 * cannot be longer than its page), lent by the caller. */
struct leaf_cursor {
    const struct leaf *leaf;
    uint8_t *key;
    uint32_t key_size;
    uint32_t offset;       /* of the next entry */
    uint32_t next_restart; /* index of the next restart point at or after offset */
    uint64_t timestamp;
    struct entry entry; /* the current one */
};

/* ELOQ_OK or ELOQ_CORRUPTED. The checksum is the caller's business (page_verify). */
int leaf_open(struct leaf *leaf, const uint8_t *page, uint32_t page_bytes);
/* Where a region of it begins; region < restart_count. */
uint32_t leaf_region(const struct leaf *leaf, uint32_t region);
void leaf_cursor_init(struct leaf_cursor *c, const struct leaf *leaf, uint8_t *key_buffer);
/* The next entry into c->entry: ELOQ_OK, ELOQ_END or ELOQ_CORRUPTED (also when keys do not strictly
 * ascend). */
int leaf_next(struct leaf_cursor *c);
/* Positions at the first entry with key >= `key`, found by binary search over restart points:
 * ELOQ_OK with it in c->entry, ELOQ_END if none, ELOQ_CORRUPTED. leaf_next goes on behind it. */
int leaf_seek(struct leaf_cursor *c, eloq_slice key);
/* The last entry with key <= `key` (or, if `below`, < key): ELOQ_OK, ELOQ_END if none. With an
 * empty key: the last entry of the page. leaf_next goes on behind it. */
int leaf_seek_floor(struct leaf_cursor *c, eloq_slice key, bool below);
/* Reads the whole page: every entry, each restart point an entry start, strictly ascending.
 * ELOQ_OK or ELOQ_CORRUPTED. `key_buffer` as above. */
int leaf_verify(const uint8_t *page, uint32_t page_bytes, uint8_t *key_buffer);
/* Patches the links of a page that will be sealed again. */
void leaf_set_prev(uint8_t *page, struct page_id id);
void leaf_set_next(uint8_t *page, struct page_id id);
