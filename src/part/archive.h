/* part/archive.h -- archives of a partition: manifest_<term>_<timestamp>, one snapshot record each.
 * Append mode, where no page that an archive names is ever overwritten. Specification: format.md
 * 16; engine.md 7.4, 7.5.
 *
 * Whoever reads an archive, in whatever process, holds a shared lock on its file. One that is
 * locked is neither replaced nor removed. What archives need, part_gc leaves alone. */
#pragma once

#include "part/part.h"

struct archive_list {
    struct mem *mem;
    uint64_t *timestamps; /* ascending */
    size_t count;
};

/* The archives in a partition's directory. ELOQ_OK, ELOQ_NOT_FOUND when there is no directory, or a
 * failure. archive_list_free in any case. */
int archive_list(struct task *t, struct part_env *env, const char *dir, struct archive_list *ret);
void archive_list_free(struct archive_list *list);

/* The rest is for the one who has the write slot, with no write open. */

/* Writes the state of a snapshot of this partition. ELOQ_OK, ELOQ_NOT_FOUND when it is empty,
 * ELOQ_BUSY when there is one of this timestamp that is being read, or a failure. */
int archive_create(struct task *t, struct part *p, const struct snapshot *s, uint64_t timestamp);
/* Removes all but the newest `keep`, for good when it returns; none while one of them cannot be
 * read, or in an open that dropped a commit. Those that are being read stay. Append mode.
 * keep = 0: the partition is dropped, so all of them go, whatever they are; in place too, where
 * some of a time in append mode may be left. Then part_gc. */
int archive_retain(struct task *t, struct part *p, size_t keep);
/* Makes an archive the current state; the state before is archived first, under `now` or soon
 * after. ELOQ_OK, ELOQ_NOT_FOUND, or a failure after which the state is what it was. */
int archive_restore(struct task *t, struct part *p, uint64_t timestamp, uint64_t now);
/* The same for one that cannot be loaded, since its live manifest is damaged or missing: that is
 * replaced, and there is no state before to be archived. It must not be loaded meanwhile. */
int archive_restore_damaged(struct task *t, struct part_env *env, const char *table,
                            uint32_t partition, uint64_t timestamp);
