/* tests/wrong/victim.h -- a small partition written by hand, page by page, so that a test can make
 * exactly one thing of it wrong under a right checksum.
 *
 *     root (5) --+-- below "c": left (3) --+-- below "b": leaf a (0)   a0 .. a9
 *                |                         +-- from "b":  leaf b (1)   b0 .. b9
 *                +-- from "c":  right (4) ---- leaf c (2)  c0 .. c4, cbig, cdict, cexp, cz
 *     overflow pages of cbig: 6, 7, 8.   TTL tree: index (10) -- leaf (9): cexp
 *
 * Pages have 4096 bytes, files four pages. Leaf b lies last, at the end of data_2_0.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VICTIM_PAGE = 4096,
    VICTIM_SHIFT = 2,
    VICTIM_PAGES = 11,
    VICTIM_PAGES_MAX = 96,
    LEAF_A = 0,
    LEAF_B = 1,
    LEAF_C = 2,
    INDEX_LEFT = 3,
    INDEX_RIGHT = 4,
    INDEX_ROOT = 5,
    OVERFLOW_1 = 6,
    OVERFLOW_2 = 7,
    OVERFLOW_3 = 8,
    LEAF_TTL = 9,
    INDEX_TTL = 10,
    CBIG_BYTES = 2 * (VICTIM_PAGE - 12) + 100
};
#define VICTIM_NONE UINT32_C(0xFFFFFFFF)
#define CEXP_EXPIRES UINT64_C(4102444800000) /* the year 2100 */

struct buf {
    uint8_t data[4000];
    size_t size;
};

/* What will be on the disk. */
struct victim {
    uint8_t pages[VICTIM_PAGES_MAX][VICTIM_PAGE];
    uint32_t place[VICTIM_PAGES_MAX];
    uint32_t page_count; /* pages that are written */
    uint32_t root[2];

    /* the manifest's snapshot record */
    uint64_t max_place;
    uint64_t dict_size; /* as told; no dictionary follows */
    struct buf values, terms, tail;
    int64_t values_size, terms_size; /* as told, -1: right */
    struct buf log;                  /* payload of a log record behind it, if has_log */
    bool has_log;
    unsigned variant; /* which of its ways to do damage a test is at */
};

void buf_add(struct buf *b, const void *data, size_t size);
void buf_varint(struct buf *b, uint64_t v);
void buf_u32(struct buf *b, uint32_t v);

/* A sound one. */
void victim_make(struct victim *v);
/* Gives the id a page more, at the end: the number of the new page. */
uint32_t victim_add_page(struct victim *v);
/* Table and terms again, after places were changed. */
void victim_map(struct victim *v);
/* Seals the pages and writes everything into `dir`, which is emptied. */
void victim_write(struct victim *v, const char *dir);
/* "data_1_0" and the offset in it at which a page lies. */
const char *victim_file(const struct victim *v, uint32_t id, uint64_t *ret_offset);
/* The value a key has in a sound one; NULL if it is not there. Lent until the next call. */
const void *victim_value(const char *key, size_t *ret_size);
/* All keys, in order, NULL at the end. */
extern const char *const victim_keys[];

/* Leaf b with the bytes of one entry (of b0 .. b9) replaced; b5 opens the second region. */
void victim_leaf_b(struct victim *v, unsigned index, const void *entry, size_t size);
/* Leaf c with the entry of a key replaced, or NULL. */
void victim_leaf_c(struct victim *v, const char *key, const void *entry, size_t size);
/* An index page: the leftmost child, then `count` separators with their children. */
void victim_index(struct victim *v, uint32_t id, bool above_leaves, uint32_t leftmost,
                  const char *const *separators, const uint32_t *children, unsigned count);
/* Bytes [from, from + size) of the value of cbig. */
void victim_big_bytes(uint8_t *data, size_t from, size_t size);
/* The TTL leaf with this single key. */
void victim_leaf_ttl(struct victim *v, const void *key, size_t size);
/* An entry: with a whole key, `lenbits` as given or, if 0, those of the value; `delta` coded. */
void victim_entry(struct buf *b, const char *key, uint64_t lenbits, const void *value, size_t size,
                  uint64_t delta);
