/* tests/cost/table.h -- the table whose commits are counted and timed: keys of 16 digits, values of
 * 100 bytes; and what is asked of it. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "eloqstore.h"

#define BATCH 5000

static const eloq_part part = { "cost", 0 };
static eloq_store *db;

static inline uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 20;
}

static inline void make_pair(uint64_t n, char *key, char *value)
{
    snprintf(key, 17, "%016llu", (unsigned long long)(n % 10000000000000000u));
    memset(value, 'v', 100);
    memcpy(value, key, 16);
}

/* < 0: a write failed. */
static inline int load(uint64_t keys)
{
    static char key[BATCH][17], value[BATCH][100];
    static eloq_entry entries[BATCH];
    int rc = ELOQ_OK;

    for (uint64_t at = 0; at < keys && rc >= 0;) {
        size_t n = 0;
        for (; n < BATCH && at < keys; n++, at++) {
            make_pair(at, key[n], value[n]);
            entries[n].key = eloq_bytes(key[n], 16);
            entries[n].value = eloq_bytes(value[n], 100);
        }
        rc = eloq_write(db, part, entries, n);
    }
    return rc;
}

__attribute__((noreturn)) static inline void fail(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, eloq_errmsg());
    exit(1);
}

static inline double now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* For qsort. */
static inline int compare_times(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static inline double number(const char *name)
{
    uint64_t value = 0;

    if (eloq_stat(db, name, &value) < 0)
        fail(name);
    return (double)value;
}
