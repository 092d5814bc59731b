/* file/name.h -- names of files and partition directories, to and from their parts.
 * Specification: format.md 3. Pure. */
#pragma once

#include "base/common.h"

#define FILE_NAME_BYTES 80 /* the longest: manifest_<u64>_<u64>.tmp */

enum file_kind { FILE_DATA, FILE_MANIFEST, FILE_ARCHIVE, FILE_TMP, FILE_OTHER };

struct file_name {
    enum file_kind kind;
    uint64_t id;        /* data */
    uint64_t term;      /* data, manifest, archive */
    uint64_t timestamp; /* archive */
};

/* Canonical decimal only; anything else is FILE_OTHER. Names ending in ".tmp" are FILE_TMP. */
struct file_name file_name_parse(const char *name);
void file_name_data(char *buf, uint64_t id, uint64_t term);
void file_name_manifest(char *buf, uint64_t term);
void file_name_archive(char *buf, uint64_t term, uint64_t timestamp);
/* "table.7": the table's length and the number; false when it is no partition's directory. */
bool file_name_parse_partition(const char *name, size_t *ret_table_size, uint32_t *ret_partition);
/* 1 to 244 bytes, no '/', not "." or "..". */
bool file_name_table_valid(const char *table);
