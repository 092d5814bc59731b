/* part/usage.h -- append mode: how many pages of each data file are still needed, and by whom.
 *
 *     live      pages that the current snapshot maps
 *     visible   the same, and garbage that an older snapshot can still see
 *
 *        usage_add                 usage_dead                  usage_gone
 *     ----------------> live,visible ---------> visible alone ---------> neither
 *        (published)                (replaced)          (its last reader left)
 *
 * Exact, and kept up to date by the changes of each commit. A file with nothing visible is garbage;
 * one with few live pages is sparse: moving them away makes it garbage. Both are found without a
 * search. Specification: engine.md 7.1, 7.2. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "page/format.h"

struct usage_file {
    struct list link; /* in usage.sparse or usage.garbage, or in none */
    uint64_t id;
    uint32_t live, visible;
    uint32_t cursor; /* of a full file: no live page lies in a slot below (compaction's) */
    bool archived;   /* an archive needs it: neither garbage nor sparse */
    bool damaged;    /* a page of it cannot be read: not moved, so never sparse */
    uint32_t *ids;   /* logical page put into each slot, NO_PAGE if none */
    uint32_t capacity;
};

struct usage {
    struct mem *mem;
    uint32_t shift;  /* pages a file = 2^shift */
    uint32_t factor; /* sparse: live * factor < pages a file */
    struct map files;
    struct list sparse, garbage;
    size_t archived_count;
    uint64_t bytes; /* of memory */
};

void usage_init(struct usage *u, struct mem *m, uint32_t shift, uint32_t factor);
/* Forgets every file: as after init. */
void usage_clear(struct usage *u);
/* Room to note a page at this place, so that usage_add cannot fail: ELOQ_OK or ELOQ_NO_MEMORY. */
int usage_reserve(struct usage *u, struct file_page place);
/* The current snapshot maps `id` to this place, which was reserved. */
void usage_add(struct usage *u, struct file_page place, struct page_id id);
/* It does not any more, but older ones may. / Nobody does. */
void usage_dead(struct usage *u, struct file_page place);
void usage_gone(struct usage *u, struct file_page place);

/* NULL when nothing is known of it: nothing of ours is there. */
struct usage_file *usage_find(const struct usage *u, uint64_t file_id);
/* Any file of garbage but `current`, the one being filled; NULL if there is none. */
struct usage_file *usage_garbage(const struct usage *u, uint64_t current);
/* It was removed. */
void usage_forget(struct usage *u, struct usage_file *f);
/* A sparse file with an id below `end`, few live pages first, or NULL. It leaves the list of sparse
 * files until usage_settle, or until one of its counts changes. */
struct usage_file *usage_take_sparse(struct usage *u, uint64_t end);
/* Whether there is one. */
bool usage_has_sparse(const struct usage *u, uint64_t end);
/* Puts a file where its counts and marks say. */
void usage_settle(struct usage *u, struct usage_file *f);
/* An archive needs this file. ELOQ_OK or ELOQ_NO_MEMORY. / No archive needs any. */
int usage_set_archived(struct usage *u, uint64_t file_id);
void usage_clear_archived(struct usage *u);
