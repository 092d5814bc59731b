/* tests/wrong/reads.h -- ask a store in every way there is, and judge the answers: what was stored,
 * or the error; never another value, never an end too early. */
#pragma once

#include <eloqstore.h>
#include <stdbool.h>

/* What must be the answer, and what its words must say. */
struct verdict {
    int code;
    const char *words; /* in the message; NULL: anything */
    const char *file;  /* the end of the file's path; NULL: none need be named */
    uint64_t offset;   /* UINT64_MAX: anywhere */
};

/* What may be stored in a partition. */
struct expected {
    const char *const *keys; /* ascending, NULL at the end */
    const void *(*value)(const char *key, size_t *ret_size);
};

/* The last failing call is as `verdict` says, and names the partition. */
void reads_judge(const struct verdict *verdict, eloq_part part, const char *what, int rc);
/* get, floor and get_many of one key answer its value (verdict NULL), or the failure. */
void reads_key(eloq_store *db, eloq_part part, const char *key, const struct expected *expected,
               const struct verdict *verdict);
/* Scans in both directions give all of `expected` (verdict NULL), or a run of it, then the
 * failure, which is repeated. */
void reads_scan(eloq_store *db, eloq_part part, const struct expected *expected,
                const struct verdict *verdict);
/* eloq_check answers ELOQ_OK without findings of damage (verdict NULL), or ELOQ_CORRUPTED with a
 * finding that names file and offset as the verdict says. */
void reads_check(eloq_store *db, eloq_part part, const struct verdict *verdict);
/* put and delete of the key answer ELOQ_OK (verdict NULL), or the failure. */
void reads_write(eloq_store *db, eloq_part part, const char *key, const struct verdict *verdict);
