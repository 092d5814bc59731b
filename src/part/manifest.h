/* part/manifest.h -- the records of a manifest as bytes, and their replay. Pure; any bytes may be
 * given. Specification: format.md 12 and 13.1. */
#pragma once

#include "base/bytes.h"
#include "eloqstore.h"
#include "file/terms.h"
#include "page/format.h"

/* One change of a log record. value: place << 3 | 1, or MAPPING_FREE. */
struct manifest_change {
    uint32_t id;
    uint64_t value;
};

/* Section kind 2: what ties a record of ours to the one before it. */
struct manifest_sequence {
    uint64_t manifest_id; /* random per snapshot record; 0 = none known */
    uint64_t number;
};

/* What a log record says, for the encoder. */
struct manifest_log {
    struct page_id root[2]; /* main, TTL */
    const struct manifest_change *changes;
    size_t change_count;
    const struct term_entry *terms; /* new entries (term 0 too) */
    size_t term_count;
    struct manifest_sequence sequence;
    uint64_t previous_checksum; /* of the record before */
    /* Section kind 1: of each page put, in the order of the changes; NULL: the pages are durable.
     * At most PAGE_CHECKSUMS_MAX, and no page twice. */
    const uint64_t *page_sums;
    size_t page_sum_count;
};

/* A page that a record vouches for. */
struct manifest_page {
    struct file_page place;
    uint64_t sum; /* XXH3 of bytes [8, P) */
};

/* What a snapshot record says, for the encoder. The mapping and the terms come by callback, since
 * they live in other shapes. */
struct manifest_snapshot {
    struct page_id root[2];
    uint64_t max_place; /* max_fp */
    const uint8_t *dict;
    uint32_t dict_size;
    uint32_t page_count;
    int (*each_value)(const void *user, int (*f)(void *out, struct page_id id, uint64_t value),
                      void *out); /* calls f for ids 0 .. page_count-1 in order */
    const void *each_user;
    const struct terms *terms; /* listed for file ids 0 .. file_count-1 */
    uint64_t file_count;
    uint64_t manifest_term;
    struct manifest_sequence sequence;
};

/* Appends a whole padded record to `out`; *ret_checksum is its checksum. ELOQ_OK, ELOQ_NO_MEMORY,
 * or ELOQ_INVALID when it would exceed 32-bit lengths. */
int manifest_encode_log(struct bytes *out, const struct manifest_log *log, uint64_t *ret_checksum);
int manifest_encode_snapshot(struct bytes *out, const struct manifest_snapshot *snapshot,
                             uint64_t *ret_checksum);
/* Padded size of a log record with these counts, at most. For the switch decision. */
uint64_t manifest_log_bytes_max(size_t change_count, size_t term_count);

/* The state that replay builds. values[id] as on disk, ids unmapped are MAPPING_FREE. */
struct manifest_state {
    struct mem *mem;
    struct page_id root[2];
    uint64_t max_place;
    uint64_t *values;
    uint32_t page_count, page_capacity;
    uint8_t *dict;
    uint32_t dict_size;
    struct terms terms;
    uint64_t *listed; /* file ids that a term section listed, sorted, without doubles */
    size_t listed_count, listed_capacity;
    uint64_t manifest_term;
    bool has_manifest_term;
    uint64_t valid_end;      /* where the next record goes */
    uint64_t snapshot_bytes; /* padded size of the snapshot record */
    uint64_t last_at;        /* offset of the last record */
    uint64_t last_checksum;
    struct manifest_sequence sequence; /* of the last record of ours; manifest_id 0 = none */
    uint32_t record_count;
    uint64_t
        damaged_tail_at; /* offset of a damaged or stale tail (zeros are none), or UINT64_MAX */
    /* The last record carries section kind 1: its pages were flushed together with it, and it is a
     * commit only if they are all there. NULL: it does not. */
    struct manifest_page *last_pages;
    size_t last_page_count;
    bool padding_missing; /* the last record's padding is cut: write it before appending */
    uint64_t error_at;    /* offset of the record that failed */
    const char *error;    /* static words for it */
};

void manifest_state_init(struct manifest_state *s, struct mem *m);
void manifest_state_free(struct manifest_state *s);
/* Replays a whole file. ELOQ_OK, ELOQ_CORRUPTED (error, error_at) or ELOQ_NO_MEMORY. Checks all of
 * format.md 13.1: lengths, value types, id bounds, max_fp above every mapped place, no place mapped
 * twice, roots mapped or NO_PAGE. `in_place` refuses places >= 2^32. */
int manifest_replay(struct manifest_state *s, const uint8_t *data, size_t size, bool in_place);
/* Whether a term section named this file: those that hold pages must be. */
bool manifest_state_lists(const struct manifest_state *s, uint64_t file_id);

/* One record, decoded for a person (`eloqstore manifest`). */
struct manifest_record {
    uint64_t offset;
    uint64_t padded_bytes;
    bool checksum_ok;
    bool is_snapshot;
    bool is_seal;
    struct page_id root[2];
    uint32_t payload_bytes;
    uint64_t max_place;   /* snapshot */
    uint32_t dict_size;   /* snapshot */
    uint32_t value_count; /* mapping values or changes */
    uint32_t freed_count; /* of them unmapped */
    uint32_t term_count;
    bool has_sequence;
    struct manifest_sequence sequence;
    bool has_page_checksums;
    const char
        *error; /* static words if the checksum is right and the payload malformed, or NULL */
};
/* Calls f per record, damaged ones too (checksum_ok false), but not for zeros at the end. ELOQ_OK,
 * or ELOQ_CORRUPTED if any was damaged, malformed or cut. */
int manifest_each(const uint8_t *data, size_t size,
                  void (*f)(void *user, const struct manifest_record *record), void *user);
