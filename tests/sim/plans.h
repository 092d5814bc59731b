/* sim/plans.h -- what plan_test tries: short lives that put together what seldom meets. */
#pragma once

#include "sim/sim_disk.h"

enum verb {
    WRITE,    /* this state, to every partition */
    TRUNCATE, /* the first one, all of it */
    DROP,     /* its table */
    ARCHIVE,  /* of it, under this timestamp */
    RESTORE,
    REOPEN,
    KILL,        /* the process; then it is opened again */
    LOSE,        /* the power goes, and what was not flushed; then it is opened again */
    DROP_COMMIT, /* the same, and a page of the last commit is not there */
    FAIL,        /* the plan's faults begin */
    HEAL
};
struct step {
    enum verb verb;
    uint64_t what;
};

#define PLAN_STEPS 12
#define PLAN_FAULTS 2
enum { IN_PLACE = 1, APPEND = 2, TWO_FLUSH = 4, ONE_FLUSH = 8, ANY = 15 };

struct plan {
    const char *name;
    unsigned modes; /* it is tried in */
    unsigned parts, shift;
    bool is_ahead, is_evicted, compacts, loses_at_close;
    uint32_t manifest_limit, retained, fd_limit;
    /* nth of the first one is 1 and up to `nths`, each in a life of its own. */
    struct sim_fault faults[PLAN_FAULTS];
    unsigned nths;
    struct step steps[PLAN_STEPS];
    unsigned count;
};

extern const struct plan plans[];
extern const unsigned plan_count;
