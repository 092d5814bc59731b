/* tests/unit/api/archive_fixture.h -- append-mode stores and what is in their directories. */
#pragma once

#include <dirent.h>

#include "unit/api/fixture.h"

static inline eloq_options append_options(void)
{
    eloq_options options = ELOQ_OPTIONS(NULL);

    options.format.data_append_mode = 1;
    options.format.pages_per_file_shift = 3;
    return options;
}

static inline bool open_append(int kind, eloq_store **ret)
{
    eloq_options options = append_options();

    return fixture_open(kind, "s", &options, ret);
}

/* false: nothing to test here. */
static inline bool opens(int kind)
{
    eloq_store *db;

    if (fixture_is_memory(kind) || !open_append(kind, &db))
        return false;
    ck_ok(eloq_close(db));
    return true;
}

static inline unsigned number(eloq_slice digits)
{
    unsigned n = 0;

    for (size_t i = 0; i < digits.size; i++)
        n = n * 10 + (unsigned)(((const char *)digits.data)[i] - '0');
    return n;
}

/* Files of s/t.0 whose names begin so. */
static inline unsigned count_files(const char *prefix)
{
    DIR *dir = opendir(fixture_path("s/t.0"));
    unsigned count = 0;

    ck_assert_ptr_nonnull(dir);
    for (struct dirent *e; (e = readdir(dir));)
        count += strncmp(e->d_name, prefix, strlen(prefix)) == 0;
    closedir(dir);
    return count;
}
