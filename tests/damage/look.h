/* damage/look.h -- ask a damaged store in every way there is, and judge the answers.
 *
 * What must hold: every key has its value, or its reads fail with words that name the damaged file,
 * and only if the damage may cost this key. Never another value, "not found", or an end too early;
 * nothing is changed by looking. */
#pragma once

#include "damage/exhibit.h"

#define LOOK_KEYS_MAX 1200

struct look {
    struct exhibit *x;
    struct sim_disk *disk;
    const char *file;    /* what failures must name; NULL: any file */
    uint64_t from, to;   /* and where in it; to = 0: anywhere */
    bool look_elsewhere; /* the other partition is damaged, too */
    bool may_change;     /* looking makes the lock file that is missing */
    bool words_are_free; /* the failures' words need not name a file at all */

    /* Found: */
    unsigned failed;  /* reads that failed */
    unsigned damages; /* findings of check, of damage */
    bool found;       /* one of them names the file and place */
    unsigned notes;   /* findings of check that are none */
    bool opened;
    const char *wrong; /* what must never be; NULL: nothing */
    char detail[400];
};

/* How free the answers for a key are; with any, scans are not judged. */
enum look_freedom {
    LOOK_STRICT,
    LOOK_MAY_BE_OLD, /* any value that it had after some commit, or none */
    LOOK_FREE,       /* anything */
};

/* What a partition holds, and of which keys reads may fail. */
struct look_for {
    const struct model *model;
    const uint8_t *may_fail; /* one a key; NULL: none may */
    bool may_not_open;
    const uint8_t *freedom; /* one a key, of enum look_freedom; NULL: none */
};

/* Marks keys [from, to). */
void look_may_fail(uint8_t *may_fail, size_t from, size_t to);

/* Opens the store and looks at the damaged partition, and a little at the other one, which must be
 * whole. as_of 0: the live state, and a check. False: l->wrong says why. */
bool look_at(struct look *l, uint64_t as_of, const struct look_for *want);
/* The same of a store that is open: reads alone. */
bool look_reads(struct look *l, eloq_store *db, const struct look_for *want);
bool look_check(struct look *l, eloq_store *db);
bool look_other(struct look *l, eloq_store *db);
/* One key alone: ELOQ_OK with the right value, or a failure that is allowed; false: wrong. */
bool look_key(struct look *l, eloq_store *db, const struct look_for *want, size_t key);
/* Keys [from, to) come in order, whole until the first that may fail. */
bool look_scan(struct look *l, eloq_store *db, const struct look_for *want, size_t from, size_t to,
               bool reverse);
/* Sets l->wrong. */
bool look_wrong(struct look *l, const char *wrong, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
