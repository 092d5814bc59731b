/* tests/wrong/row.h -- a row of the table of wrong input: one thing made wrong in one partition of
 * a sound store, and what every kind of call must then answer.
 *
 * Each is run over the sync, the threads and the uring backend. First the partition is shown to be
 * sound without the damage; then it is damaged in each of its ways and the store opened: reads and
 * check answer as told, everything else stays readable, no file changes; writes answer as told and
 * leave the rest as it was. */
#pragma once

#include "wrong/victim.h"

enum { ROW_BACKENDS = 3 };

struct row {
    unsigned variants;                                /* ways to do the damage; 0: one */
    void (*damage)(struct victim *v);                 /* in memory, before it is written */
    void (*spoil)(struct victim *v, const char *dir); /* on the disk, afterwards */

    const char *key;     /* of it reads fail, and scans do; NULL: none does */
    const char *lost[2]; /* keys that begin so may be lost with it; "" is all */
    const char *words;
    const char *file; /* that failures name; NULL: the one of `page` */
    uint64_t offset;
    int page;             /* that lies there; -1: no place is named */
    const char *writes;   /* a key whose change fails; NULL: of `key` */
    bool writes_are_fine; /* even of that key */
    bool check_is_fine;
};

void row_run(const struct row *row, int backend);

/* A test of the name, which runs the row over each backend. */
#define ROW(name, ...)                                    \
    static const struct row name##_row = { __VA_ARGS__ }; \
    START_TEST(name)                                      \
    {                                                     \
        row_run(&name##_row, _i);                         \
    }                                                     \
    END_TEST
