/* tree/read_cold.h -- one pair by its key where only its leaf is not in memory: one device read,
 * and no task that waits for it.
 *
 *     tree_get_hot --ELOQ_FETCH, miss--> cold_read_start --> (device) --> done --> cold_read_end
 *
 * It tells nothing of what is wrong: then it answers ELOQ_FETCH, and tree_get tells. */
#pragma once

#include "part/pages.h"
#include "tree/tree.h"

struct cold_read {
    struct pagefiles_fetch fetch; /* first */
    struct snapshot *snapshot;    /* referenced */
    struct tree_miss miss;        /* its bounds are in `bounds` */
    uint8_t *page;
    void (*done)(struct cold_read *r);
    void *user;
    uint8_t bounds[];
};

/* Reads the leaf; `done` is called when it is there, on the loop's stack, perhaps before this
 * returns. False: there is no memory for it, or its file is not open. */
bool cold_read_start(struct snapshot *s, const struct tree_miss *miss,
                     void (*done)(struct cold_read *r), void *user);
/* What tree_get_hot answers for the key that missed the leaf; ends the read. */
int cold_read_end(struct cold_read *r, eloq_slice key, struct tree_sink *sink, uint8_t *scratch);
