/* sim/sim_disk.h -- a disk that remembers what was made durable, and can lose the rest.
 *
 *     write, rename, ...  ->  now       what the kernel shows
 *                         ->  changes   the same, in order, until a sync covers them
 *     sync                ->  durable   what a power cut cannot take
 *
 * (1) A file's content becomes durable by its own sync, its name by a sync of its directory.
 * (2) A process killed loses its handles and locks; a power cut loses changes too. What is left
 *     after a power cut is durable.
 * (3) Everything follows from the calls and the seeds: the same twice gives the same twice.
 *
 * For tests: out of its own memory it stops the test, so give it a struct mem that does not fail.
 */
#pragma once

#include "base/bytes.h"
#include "base/rand.h"
#include "io/io.h"

struct sim_disk;

struct sim_disk *sim_disk_new(struct mem *m);
void sim_disk_free(struct sim_disk *disk);
/* Another disk in the same state (content, changes), without handles, faults and counters: try many
 * cuts after one run. */
struct sim_disk *sim_disk_copy(const struct sim_disk *disk);

enum sim_cut {
    SIM_CUT_LOSE_ALL, /* nothing unsynced survives */
    SIM_CUT_KEEP_ALL,
    SIM_CUT_PREFIX, /* the first n changes of the whole disk */
    SIM_CUT_SUBSET, /* each write kept or lost; of each directory's changes the first n */
    SIM_CUT_TORN,   /* as SUBSET; of a write some 512-byte sectors are new, some old or zero */
    SIM_CUT_NAMES,  /* as SUBSET, but a directory's changes in no order, as on btrfs */
    SIM_CUT_PAGES,  /* as TORN, in sectors of 4096 bytes */
    SIM_CUT_TAILS,  /* as SUBSET; a file may have grown without what was written there: zeros, or
                       what once stood in a file that was removed or replaced */
    SIM_CUTS
};
/* Both end every struct io on the disk (its requests answer -EIO from now on), and any stop. */
void sim_disk_kill(struct sim_disk *disk);
void sim_disk_power_cut(struct sim_disk *disk, struct rand *r, enum sim_cut how);
/* Leaves the first n of the changes. */
void sim_disk_power_cut_after(struct sim_disk *disk, size_t n);
/* A number that follows from what is durable: names and contents. */
uint64_t sim_disk_durable_hash(const struct sim_disk *disk);

#define SIM_KIND(op) (UINT32_C(1) << (op))
/* Kinds that change something; of opens only those that create or truncate. */
#define SIM_MUTATIONS                                                                   \
    (SIM_KIND(IO_OPEN) | SIM_KIND(IO_WRITE) | SIM_KIND(IO_SYNC) | SIM_KIND(IO_SYNC_DIR) \
     | SIM_KIND(IO_TRUNCATE) | SIM_KIND(IO_PREALLOCATE) | SIM_KIND(IO_RENAME)           \
     | SIM_KIND(IO_UNLINK) | SIM_KIND(IO_MKDIR) | SIM_KIND(IO_RMDIR))
/* After n more mutating operations everything answers -EIO and changes nothing. Mutating: creating
 * or truncating opens, write, sync, truncate, preallocate, rename, unlink, mkdir, rmdir. */
void sim_disk_stop_after(struct sim_disk *disk, uint64_t n);
bool sim_disk_stopped(const struct sim_disk *disk);
/* From now on some of what is under way is answered each `ns` nanoseconds of the clock; 0, as at
 * first: at once. */
void sim_disk_slow(struct sim_disk *disk, uint64_t ns);
/* Everything under a directory, and another one unless NULL, is there and not durable, the rest is
 * durable: somebody copied it here a moment ago. */
void sim_disk_unsync(struct sim_disk *disk, const char *path, const char *other);

struct sim_fault {
    uint32_t kinds; /* of SIM_KIND */
    uint64_t nth;   /* of these operations from now on; 1 is the next */
    int sys_errno;
    bool forever; /* and all later ones */
    bool lose;    /* a sync that fails: its changes are clean and lost, as on ext4 */
    bool passes;  /* one system call's answer, which backends go on from (io/transfer.h): EINTR,
                     EAGAIN, or with sys_errno 0 a short transfer */
};
/* A failing write may have written some of its sectors; what changes names may have done so. At
 * most 8 faults at a time. */
void sim_disk_fail(struct sim_disk *disk, const struct sim_fault *fault);
uint64_t sim_disk_struck(const struct sim_disk *disk);     /* operations that a fault made fail */
uint64_t sim_disk_syncs_lost(const struct sim_disk *disk); /* those of them that lost changes */
/* A failing flush of a directory has lost changes, since the last power cut. */
bool sim_disk_lost_names(const struct sim_disk *disk);
void sim_disk_heal(struct sim_disk *disk); /* no faults, no stop */
/* From now on the last close of a file loses what was not flushed, and nobody is told: the system
 * writes it later, that fails, and with the inode the failure is forgotten. */
void sim_disk_lose_at_close(struct sim_disk *disk);

/* Called before a file is unlinked (size 0) or made shorter. NULL: nobody watches. */
void sim_disk_watch(struct sim_disk *disk, void (*f)(void *user, const char *path, uint64_t size),
                    void *user);

/* Operations executed so far, failed ones too: of these kinds; mutating ones. */
uint64_t sim_disk_count(const struct sim_disk *disk, uint32_t kinds);
uint64_t sim_disk_mutations(const struct sim_disk *disk);
size_t sim_disk_unsynced(const struct sim_disk *disk); /* changes */
/* A number that follows from every operation so far, its arguments, data written and result. */
uint64_t sim_disk_trace(const struct sim_disk *disk);
void sim_disk_print(struct sim_disk *disk, bool on); /* each operation, to stderr */

/* Behind the engine's back: what the kernel shows of a file; a file set to a durable content (made
 * if its directory exists). 0 or -errno. */
int sim_disk_get(struct sim_disk *disk, const char *path, struct bytes *ret);
int sim_disk_put(struct sim_disk *disk, const char *path, const void *data, size_t size);
/* A name goes, for good; 0 or -errno. */
int sim_disk_remove(struct sim_disk *disk, const char *path);
