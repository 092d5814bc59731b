/* engine/store_record.h -- <path>/.eloqstore/options as text: what a store was made with. Pure.
 *
 *     [format]
 *     data_page_size = 4096
 *     pages_per_file_shift = 18
 *     overflow_pointers = 16
 *     data_append_mode = 0
 *     commit_protocol = one_flush     (not with two_flush: older versions may open that)
 *     [store]
 *     id = 16 hex digits, random
 *     path_index = 0
 *     path_count = 1
 *     [end]
 *     checksum = 16 hex digits, XXH3 of everything before "[end]"
 */
#pragma once

#include "base/error.h"

#define RECORD_TEXT_MAX 1024

struct store_record {
    eloq_format format; /* 0 is 0; data_file_size is not recorded */
    uint64_t id;
    uint32_t path_index;
    uint32_t path_count;
};

/* Writes it into `text` (RECORD_TEXT_MAX bytes); returns its length. */
size_t store_record_format(const struct store_record *record, char *text);
/* Any bytes may be given. ELOQ_OK, or ELOQ_CORRUPTED with words. */
int store_record_parse(const char *text, size_t size, struct store_record *ret, struct err *e);
