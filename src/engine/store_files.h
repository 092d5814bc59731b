/* engine/store_files.h -- the directories of a store: made, looked over, locked, recorded.
 *
 *     <path>/                 flock: exclusive for a writer, shared for a reader, so that a reader
 *                             of a store without a lock file still keeps writers out
 *     <path>/.eloqstore/lock  flock, the same: the lock that others may look at
 *     <path>/.eloqstore/options   the record (engine/store_record.h)
 *
 * The record is written before the first partition and never into a path that holds partitions
 * already, which the reference may have made. A read-only open writes nothing at all.
 */
#pragma once

#include "engine/store_record.h"
#include "io/io.h"

struct store_files {
    struct mem *mem;
    char **paths; /* absolute, no slash at the end; owned */
    uint32_t path_count;
    int *fds; /* two a path: the directory and the lock file; -1 = not open */
};

/* How the caller wants them. */
struct store_files_want {
    bool read_only;            /* or as_of */
    uint64_t as_of;            /* no locks; ELOQ_NOT_FOUND when no partition has this archive */
    const eloq_format *format; /* as given */
    uint64_t new_id;           /* for a new store */
};

/* Takes the paths out of the options. ELOQ_OK or a failure with words. */
int store_files_init(struct store_files *f, struct mem *m, const eloq_options *options,
                     struct err *e);
void store_files_deinit(struct store_files *f);
/* Makes, checks, locks and records. *ret is the format in force. On failure what was locked stays
 * for store_files_close. */
int store_files_open(struct task *t, struct io *io, struct store_files *f,
                     const struct store_files_want *want, eloq_format *ret);
/* Path of a partition's directory, or NULL when there is no memory. */
char *store_files_part_dir(const struct store_files *f, eloq_part part, struct arena *a);
void store_files_close(struct task *t, struct io *io, struct store_files *f);
