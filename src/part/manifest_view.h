/* part/manifest_view.h -- one record of a manifest cut into its parts. Pure, bounded: any bytes may
 * be given. Specification: format.md 12. */
#pragma once

#include "base/coding.h"
#include "part/manifest.h"

/* Where a record stands in a file, before its payload is looked at. */
struct manifest_frame {
    uint64_t at;
    uint64_t bytes;    /* header and payload */
    uint64_t end;      /* of the padding; may lie behind the end of the file */
    uint64_t checksum; /* as stored */
    bool checksum_ok;
};

/* The payload of a record, borrowed. Its form was checked, not what it means for a state. */
struct manifest_view {
    struct page_id root[2];
    uint64_t max_place;    /* snapshot */
    const uint8_t *dict;   /* snapshot */
    uint32_t dict_size;    /* snapshot */
    struct reader values;  /* varints: mapping values, or pairs of id and value */
    uint32_t value_count;  /* values or pairs */
    uint32_t mapped_count; /* of them type 1 */
    struct reader terms;   /* varints: pairs of file id and term */
    uint32_t term_count;
    bool has_page_checksums;
    struct reader page_sums; /* mapped_count of them */
    bool has_sequence;
    struct manifest_sequence sequence;
    uint64_t previous_checksum;
};

/* The record at `at`: false when fewer bytes are left than it says. */
bool manifest_view_frame(const uint8_t *data, size_t size, uint64_t at, struct manifest_frame *ret);
/* NULL, or static words for what is wrong. A snapshot's places are below max_place. */
const char *manifest_view_parse(struct manifest_view *v, const uint8_t *record, uint64_t bytes,
                                bool is_snapshot);
/* Offset behind the last byte that is not zero: what follows was preallocated, or wiped. */
uint64_t manifest_view_nonzero_end(const uint8_t *data, size_t size);
