/* tests/wrong/commits.h -- a partition of a few commits, and which of them a damaged copy still
 * shows: all up to one, or an error; never a part of one, another value, or nothing at all. */
#pragma once

#include <eloqstore.h>

enum { COMMITS = 3, COMMIT_KEYS = 40 };

/* Writes commit number 1 .. COMMITS: so many keys of its own. */
void commits_write(eloq_store *db, eloq_part part, int commit);

struct commits_seen {
    int failures;    /* calls that failed, each with words that name the partition */
    int state;       /* commits that are there, when nothing failed */
    int status;      /* of the last failure */
    char words[400]; /* and its message */
};
/* Asks for every key, and scans in both directions. */
void commits_look(eloq_store *db, eloq_part part, struct commits_seen *ret);
