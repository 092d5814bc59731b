/* file/name.c -- names of files and partition directories, to and from their parts. */
#include "file/name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TABLE_BYTES_MAX 244
#define DATA_ID_MAX UINT64_C(0xFFFFFFFFFFFFFFFD) /* the two above are pseudo ids */

/* Reads canonical decimal at *p and moves past it; false if there is none or it does not fit. */
static bool parse_number(const char **p, uint64_t max, uint64_t *ret)
{
    const char *s = *p;
    uint64_t n = 0;
    if (*s < '0' || *s > '9' || (s[0] == '0' && s[1] >= '0' && s[1] <= '9'))
        return false;
    for (; *s >= '0' && *s <= '9'; s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        if (n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *p = s;
    *ret = n;
    return true;
}

static bool skip(const char **p, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(*p, prefix, n) != 0)
        return false;
    *p += n;
    return true;
}

static bool has_suffix(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);
    return n >= m && strcmp(name + n - m, suffix) == 0;
}

static bool parse_data(const char *p, struct file_name *ret)
{
    ret->kind = FILE_DATA;
    return skip(&p, "data_") && parse_number(&p, DATA_ID_MAX, &ret->id) && skip(&p, "_")
           && parse_number(&p, UINT64_MAX, &ret->term) && *p == 0;
}

static bool parse_manifest(const char *p, struct file_name *ret)
{
    ret->kind = FILE_MANIFEST;
    if (!skip(&p, "manifest_") || !parse_number(&p, UINT64_MAX, &ret->term))
        return false;
    if (*p == 0)
        return true;
    ret->kind = FILE_ARCHIVE;
    return skip(&p, "_") && parse_number(&p, UINT64_MAX, &ret->timestamp) && *p == 0;
}

struct file_name file_name_parse(const char *name)
{
    struct file_name n = { .kind = FILE_TMP };
    if (has_suffix(name, ".tmp"))
        return n;
    if (parse_data(name, &n))
        return n;
    n = (struct file_name){ .kind = FILE_OTHER };
    if (parse_manifest(name, &n))
        return n;
    return (struct file_name){ .kind = FILE_OTHER };
}

void file_name_data(char *buf, uint64_t id, uint64_t term)
{
    snprintf(buf, FILE_NAME_BYTES, "data_%" PRIu64 "_%" PRIu64, id, term);
}

void file_name_manifest(char *buf, uint64_t term)
{
    snprintf(buf, FILE_NAME_BYTES, "manifest_%" PRIu64, term);
}

void file_name_archive(char *buf, uint64_t term, uint64_t timestamp)
{
    snprintf(buf, FILE_NAME_BYTES, "manifest_%" PRIu64 "_%" PRIu64, term, timestamp);
}

static bool table_valid(const char *table, size_t size)
{
    if (size == 0 || size > TABLE_BYTES_MAX || memchr(table, '/', size))
        return false;
    return !(size <= 2 && memcmp(table, "..", size) == 0);
}

bool file_name_table_valid(const char *table)
{
    return table_valid(table, strnlen(table, TABLE_BYTES_MAX + 1));
}

bool file_name_parse_partition(const char *name, size_t *ret_table_size, uint32_t *ret_partition)
{
    const char *dot = strrchr(name, '.');
    if (!dot || !table_valid(name, (size_t)(dot - name)))
        return false;
    const char *p = dot + 1;
    uint64_t partition;
    if (!parse_number(&p, UINT32_MAX, &partition) || *p != 0)
        return false;
    *ret_table_size = (size_t)(dot - name);
    *ret_partition = (uint32_t)partition;
    return true;
}
