/* page/format.h -- every layout on disk, as numbers. Specification: format.md. */
#pragma once

#include "base/common.h"

#define NO_PAGE UINT32_C(0xFFFFFFFF)
#define RECORD_ALIGN 4096u /* "A": padding of manifest records */

#define PAGE_BYTES_MIN 4096u
#define PAGE_BYTES_MAX 61440u

/* all pages: checksum u64 | type u8 | length u16 */
#define PAGE_CHECKSUM_AT 0
#define PAGE_TYPE_AT 8
#define PAGE_LENGTH_AT 9

enum page_type { PAGE_INNER_INDEX = 0, PAGE_LEAF_INDEX = 1, PAGE_DATA = 2, PAGE_OVERFLOW = 3 };
#define PAGE_TYPES 4

/* data pages: ... | previous u32 | next u32 | entries | restarts u16[] | restart count u16 */
#define LEAF_PREV_AT 11
#define LEAF_NEXT_AT 15
#define LEAF_HEADER_BYTES 19

/* index pages: ... | leftmost child u32 | entries | restarts u16[] | restart count u16 */
#define INDEX_LEFTMOST_AT 11
#define INDEX_HEADER_BYTES 15

/* overflow pages: ... | value bytes | ... | next ids u32[c] | c u8 */
#define OVERFLOW_HEADER_BYTES 11
#define OVERFLOW_POINTERS_MAX 128

/* flags in an entry's lenbits */
#define ENTRY_OVERFLOW 1u
#define ENTRY_EXPIRES 2u
#define ENTRY_COMPRESSION_SHIFT 2
#define ENTRY_LENGTH_SHIFT 4
enum compression { COMPRESSION_NONE = 0, COMPRESSION_DICT = 1, COMPRESSION_ALONE = 2 };

/* plain lengths: shorter stays plain; up to the second one by dictionary, above it stand-alone */
#define COMPRESS_BYTES_MIN 100u
#define COMPRESS_DICT_BYTES_MAX (10u << 20)
#define COMPRESS_BYTES_MAX UINT32_MAX /* the length is a v32 */
#define COMPRESS_LEVEL 3

#define TIMESTAMP_MAX INT64_MAX
#define TREE_DEPTH_MAX 64

/* mapping values: id << 3 | type */
#define MAPPING_TYPE_FILE_PAGE 1u
#define MAPPING_TYPE_FREE 2u
#define MAPPING_FREE UINT64_C(7)
#define LOGICAL_ID_END (UINT32_C(1) << 29) /* ids are below */
#define FILE_PAGE_END (UINT64_C(1) << 61)
#define FILE_PAGE_END_IN_PLACE (UINT64_C(1) << 32)

/* manifest records: checksum u64 | root u32 | ttl root u32 | payload length u32 | payload */
#define RECORD_HEADER_BYTES 20
#define TERM_MANIFEST_ID UINT64_C(0xFFFFFFFFFFFFFFFE)
#define DICT_BYTES 16384
#define SECTION_PAGE_CHECKSUMS 1
#define PAGE_CHECKSUMS_MAX 64 /* pages that such a record may name */
#define SECTION_SEQUENCE 2
#define SECTION_SEQUENCE_BYTES 24

#define FILE_BYTES_MAX (UINT64_C(1) << 32)
#define PAGES_PER_FILE_SHIFT_MAX 30

/* A logical page id and a place on disk: two numbers that must not be confused. */
struct page_id {
    uint32_t n;
};
struct file_page {
    uint64_t n;
};

static inline struct page_id page_id(uint32_t n)
{
    struct page_id id = { n };
    return id;
}
static inline struct file_page file_page(uint64_t n)
{
    struct file_page fp = { n };
    return fp;
}

/* The few numbers that page code needs. */
struct page_shape {
    uint32_t page_bytes;
    uint32_t leaf_restart_every;
    uint32_t index_restart_every;
    uint32_t overflow_pointers;
};
