/* engine/findings.h -- what a check found, kept until the host's callback hears of it. */
#pragma once

#include "engine/request.h"
#include "engine/store.h"

struct findings {
    struct delivery delivery;
    struct eloq_store *store; /* referenced */
    char *table;
    uint32_t partition;
    void (*callback)(void *user, eloq_part part, const eloq_finding *finding);
    void *user;
    struct finding *first, **last;
    struct map known; /* hashes of what findings_is_new was asked */
    eloq_checked counts;
    bool no_memory; /* some are counted but not kept */
};

/* NULL when there is no memory. */
struct findings *findings_new(struct eloq_store *store, const struct request *r);
void findings_free(struct findings *f);
/* Whether this is asked for the first time. */
bool findings_is_new(struct findings *f, const char *what, const char *path, uint64_t offset);
/* `path` may be NULL. */
void findings_add(struct findings *f, enum eloq_severity severity, const char *what,
                  const char *path, uint64_t offset, eloq_slice from, eloq_slice to);
