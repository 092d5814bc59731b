/* tests/unit/api/space_fixture.h -- partitions filled with rounds of values; what they take on
 * disk.
 */
#pragma once

#include <dirent.h>

#include "unit/api/fixture.h"

#define VALUE_BYTES 900
#define MIB (UINT64_C(1) << 20)

static const eloq_part part = { "t", 0 };

static inline uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n;

    ck_ok(eloq_stat(db, name, &n));
    return n;
}

static inline eloq_options options_of(bool append, unsigned shift)
{
    eloq_options options = ELOQ_OPTIONS(NULL);

    options.format.data_append_mode = append ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = shift;
    return options;
}

/* Keys first .. first+count-1, one batch; the value begins with `round`. */
static inline void fill(eloq_store *db, eloq_part to, unsigned first, unsigned count,
                        unsigned round)
{
    eloq_entry *entries = calloc(count, sizeof(*entries));
    char(*keys)[16] = calloc(count, sizeof(*keys));
    char value[VALUE_BYTES];

    memset(value, 'v', sizeof(value));
    memcpy(value, &round, sizeof(round));
    for (unsigned i = 0; i < count; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%08u", first + i);
        entries[i] =
            (eloq_entry){ .key = eloq_str(keys[i]), .value = eloq_bytes(value, sizeof(value)) };
    }
    ck_ok(eloq_write(db, to, entries, count));
    free(keys);
    free(entries);
}

static inline unsigned count_keys(eloq_store *db, eloq_part of)
{
    eloq_iter *iter;
    eloq_item item;
    unsigned n = 0;
    int rc;

    ck_ok(eloq_scan(db, of, NULL, &iter));
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK)
        n++;
    ck_rc(rc, ELOQ_END);
    eloq_iter_close(iter);
    return n;
}

/* Bytes on disk in the partition's directory (blocks, so that holes do not count). */
static inline uint64_t disk_bytes(const char *dir, unsigned *ret_files)
{
    DIR *d = opendir(fixture_path(dir));
    uint64_t sum = 0;
    struct dirent *e;
    struct stat st;

    *ret_files = 0;
    while (d && (e = readdir(d))) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/%s", fixture_path(dir), e->d_name);
        if (strncmp(e->d_name, "data_", 5) != 0 || stat(path, &st) != 0)
            continue;
        sum += (uint64_t)st.st_size;
        ++*ret_files;
    }
    if (d)
        closedir(d);
    return sum;
}

/* Reads what the iterator still has: it must be so many pairs, all of one round. */
static inline void drain(eloq_iter *iter, unsigned round, unsigned count)
{
    eloq_item item;
    int rc;

    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        ck_assert_mem_eq(item.value.data, &round, sizeof(round));
        count--;
    }
    ck_rc(rc, ELOQ_END);
    ck_assert_uint_eq(count, 0);
}

static inline eloq_iter *begin_scan(eloq_store *db, unsigned round)
{
    eloq_iter *iter;
    eloq_item item;

    ck_ok(eloq_scan(db, part, NULL, &iter));
    ck_ok(eloq_iter_next(iter, &item));
    ck_assert_mem_eq(item.value.data, &round, sizeof(round));
    return iter;
}
