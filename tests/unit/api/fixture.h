/* tests/unit/api/fixture.h -- stores in directories of a test's own, over each backend. */
#pragma once

#include <check.h>
#include <eloqstore.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit/base/run.h"

static char fixture_dir[256];

static int fixture_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void fixture_setup(void)
{
    snprintf(fixture_dir, sizeof(fixture_dir), "/tmp/eloq-api-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture_dir));
}

static void fixture_teardown(void)
{
    nftw(fixture_dir, fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
}

/* Lent until the next call. */
static inline const char *fixture_path(const char *name)
{
    static char path[32][512];
    static unsigned next;
    char *p = path[next++ % 32];
    snprintf(p, sizeof(path[0]), "%s/%s", fixture_dir, name);
    return p;
}

static inline bool fixture_exists(const char *name)
{
    return access(fixture_path(name), F_OK) == 0;
}

/* rc, with the words of what went wrong. */
#define ck_ok(expr)                                                                    \
    do {                                                                               \
        int ck_rc_ = (expr);                                                           \
        ck_assert_msg(ck_rc_ == ELOQ_OK, "%s = %d: %s", #expr, ck_rc_, eloq_errmsg()); \
    } while (0)
#define ck_rc(expr, want)                                                             \
    do {                                                                              \
        int ck_rc_ = (expr);                                                          \
        ck_assert_msg(ck_rc_ == (want), "%s = %d, not %d: %s", #expr, ck_rc_, (want), \
                      eloq_errmsg());                                                 \
    } while (0)
#define ck_words(text)                                                                   \
    ck_assert_msg(strstr(eloq_errmsg(), (text)) != NULL, "\"%s\" not in \"%s\"", (text), \
                  eloq_errmsg())

/* A kind of store: index of a loop test. */
enum {
    STORE_MEMORY,
    STORE_SYNC,
    STORE_THREADS,
    STORE_URING,
    STORE_HOST_SYNC,
    STORE_HOST_MEMORY,
    STORE_TWO_SHARDS,
    STORE_KINDS
};

/* false: this kernel or container forbids the ring. */
static inline bool fixture_open(int kind, const char *name, eloq_options *options, eloq_store **ret)
{
    static const int backends[STORE_KINDS] = { ELOQ_IO_MEMORY, ELOQ_IO_SYNC, ELOQ_IO_THREADS,
                                               ELOQ_IO_URING,  ELOQ_IO_SYNC, ELOQ_IO_MEMORY,
                                               ELOQ_IO_THREADS };
    eloq_options plain = ELOQ_OPTIONS(NULL);
    eloq_options o = options ? *options : plain;

    o.path = fixture_path(name);
    o.io_backend = backends[kind];
    o.host_driven = kind == STORE_HOST_SYNC || kind == STORE_HOST_MEMORY;
    if (kind == STORE_TWO_SHARDS)
        o.shards = 2;
    int rc = eloq_open(&o, ret);
    if (rc < 0 && kind == STORE_URING && strstr(eloq_errmsg(), "not available"))
        return false;
    ck_ok(rc);
    return true;
}

static inline bool fixture_is_memory(int kind)
{
    return kind == STORE_MEMORY || kind == STORE_HOST_MEMORY;
}

static inline void put(eloq_store *db, eloq_part part, const char *key, const char *value)
{
    ck_ok(eloq_put(db, part, eloq_str(key), eloq_str(value)));
}

/* The value must be this; NULL: not found. */
static inline void expect(eloq_store *db, eloq_part part, const char *key, const char *value)
{
    eloq_record record = { 0 };
    int rc = eloq_get(db, part, eloq_str(key), &record);

    if (!value) {
        ck_rc(rc, ELOQ_NOT_FOUND);
    } else {
        ck_ok(rc);
        ck_assert_uint_eq(record.value.size, strlen(value));
        ck_assert_mem_eq(record.value.data, value, strlen(value));
    }
    eloq_record_free(&record);
}
