/* part/part.h -- one partition in memory: its current snapshot and what a write needs besides.
 *
 *     part -> current snapshot (version 9) <-> version 7 <-> ...   newest first; the older ones
 *                                                                 live as long as a reader
 */
#pragma once

#include "base/rand.h"
#include "coro/wait.h"
#include "file/pagefiles.h"
#include "page/pagepool.h"
#include "page/span.h"
#include "part/ahead.h"
#include "part/cut.h"
#include "part/expiry.h"
#include "part/falloc.h"
#include "part/leaf_cache.h"
#include "part/manifest.h"
#include "part/pace.h"
#include "part/page_cache.h"
#include "part/snapshot.h"
#include "part/training.h"
#include "part/usage.h"

/* What the partitions of one shard share. Filled by the engine. */
struct part_env {
    struct mem *mem;
    const struct log *log;
    struct io *io;
    struct fdcache *fds;
    struct page_cache *cache;  /* index pages */
    struct leaf_cache *leaves; /* data pages */
    struct pagepool *pool;
    struct dict_context *dicts;
    struct part *gathering[TRAININGS_AT_ONCE]; /* samples for a dictionary; NULL: a free place */
    struct mutex packing; /* a large value is being compressed, which takes some megabytes */
    struct rand *rand;
    struct heap expiries; /* loaded partitions, by when they are due (part/expiry.h) */
    struct page_shape shape;
    uint32_t pages_per_file_shift;
    bool append;
    bool verify;
    bool read_only;
    bool compress;           /* new values, when it helps */
    bool host_driven;        /* nothing else can be done while a dictionary is trained */
    uint64_t as_of;          /* open archives of this timestamp; 0 = the live state */
    uint64_t manifest_limit; /* bytes */
    bool one_flush;          /* small commits flush their pages together with their record */
    uint32_t write_batch_pages;
    struct spans *spans;      /* for the windows of long scans; NULL: there are none */
    size_t scan_window_bytes; /* leaves that a scan reads at once, twice; 0: 4 MiB */
    uint64_t ahead_least;     /* no fewer bytes are written ahead (part/ahead.h); 0: none ... */
    uint32_t ahead_after;     /* ... and only after so many small commits */
    struct pace pace;
    struct tokens *writes;   /* one for each page write in flight; NULL: any number */
    uint32_t amplify_factor; /* append mode: files with live pages * factor < pages are compacted;
                                0 = 2, and only on request */
    /* part_needs_maintenance has become true because a reader left. Must not suspend. NULL: nobody
     * wants to know. */
    void (*wants_maintenance)(void *user, struct part *p);
    void *maintenance_user;
    /* Manifests stay open for the next append; those not being used make room for others. */
    uint32_t manifest_fds_max;  /* 0 = any number */
    uint32_t manifest_fds;      /* open now, being opened or being closed */
    struct list manifests_idle; /* struct part.manifest_idle, least recently used first */
    struct wait_list manifest_room;
    struct tokens *brief_fds; /* one for each file that is open for a moment; NULL: any number */
    struct cut cut;
    const char *const *store_paths;
    uint32_t store_path_count;
    struct {
        struct log_limit tail, archive, damage, dict;
    } said; /* lines that may repeat */
    /* now */
    uint64_t versions_pinned, /* snapshots that only readers keep */
        pages_pinned;         /* and pages that only these can see */
    /* counters */
    uint64_t archives_made, archives_removed, restores;
    uint64_t files_removed, compactions, pages_compacted, parts_removed;
    uint64_t pages_read[PAGE_TYPES], pages_written[PAGE_TYPES];
    uint64_t keys_expired, commits, manifest_appends, manifest_switches, manifest_tails_dropped,
        manifest_bytes, parts_loaded, parts_evicted, commit_failures, values_compressed, dicts_made,
        dicts_failed;
};

struct part {
    struct part_env *env;
    char *table;
    uint32_t partition;
    struct pagefiles files;
    struct page_owner indexes; /* its index pages that are in memory */
    struct leaf_owner leaves;  /* those of its data pages that are in memory */
    struct list snapshots;
    struct snapshot *current; /* referenced by the part itself */
    struct falloc falloc;
    struct usage usage;     /* append mode: what is needed of each data file */
    uint64_t compacted_at;  /* falloc.next at the last step of compaction */
    struct bitset free_ids; /* logical ids below current->map.page_count that are unmapped */
    struct training training;
    struct expiry expiry;
    struct ahead ahead;

    /* the manifest file */
    uint64_t manifest_term;
    uint64_t manifest_end;   /* where the next record goes; 0 = there is no manifest yet */
    uint64_t snapshot_bytes; /* size of its snapshot record */
    uint64_t found_at;       /* offset of the last record found when it was loaded */
    uint64_t last_checksum;
    struct manifest_sequence sequence;
    uint64_t terms_listed; /* every file id below has an entry on disk */
    bool padding_missing;
    bool last_joint; /* the last record counts only if the pages it names are there */
    bool sealed; /* ... but behind it stands one that says they are, not flushed; the next record
                    takes its place */
    bool commit_dropped; /* the last record found did not count: no file is removed any more */
    /* What the last record found names, until it is flushed: NULL if it was flushed after them. */
    struct manifest_page *found_pages;
    size_t found_page_count;
    bool found_unsynced;  /* loaded from disk and not flushed since: flush before the first write */
    bool unknown;         /* a manifest write failed: nobody knows what is on disk. No file of the
                             partition may be removed meanwhile */
    bool broken;          /* and rewriting it failed too: no write until reopened */
    bool is_prepared;     /* no manifest yet, but its directory is ready for the first commit */
    bool tail_dropped;    /* what was found ended in a damaged record: nothing without an owner is
                             removed before a commit of ours is durable */
    bool orphans_pending; /* look for files without an owner, before the first write ... */
    bool orphans_asked;   /* ... or sooner: archives have changed */
    bool archives_known;  /* usage knows which files archives need */
    bool archives_bad;    /* one of them cannot be read: no file is removed */
    uint64_t archived_end; /* every place that a known archive may use is below */
    bool has_archives;     /* in place: do not cut what they name */
    bool wants_removal; /* was truncated as a whole: leaves the disk when the last reader leaves */
    int manifest_fd;    /* the live manifest for appending, -1: opened when needed */
    struct list manifest_idle; /* in env->manifests_idle: it is open, and not being used */
    int archive_fd;            /* locked archive file (as_of), -1 */
    uint64_t cut_number;       /* the moment whose state cut_kept is, or was (part/cut.h) */
    struct snapshot *cut_kept;

    /* part_table's */
    struct part_slot *slot;
    struct list lru;
    uint32_t refs;
    uint64_t footprint; /* bytes, for the soft limit */
};

/* Loads from disk: ELOQ_OK, ELOQ_NOT_FOUND (no manifest: never written, or an unfinished first
 * commit), or a failure. `create`: make an empty one in memory instead of ELOQ_NOT_FOUND; nothing
 * is written before its first commit. */
int part_open(struct task *t, struct part_env *env, const char *table, uint32_t partition,
              bool create, struct part **ret);
/* No snapshot but the current one may be referenced. Frees its memory in bounded steps. */
void part_close(struct task *t, struct part *p);
/* Bytes of memory that it takes, about: mapping, dictionary, allocators. */
uint64_t part_footprint(const struct part *p);
/* An empty one in memory, whatever is on the disk. */
int part_open_blank(struct task *t, struct part_env *env, const char *table, uint32_t partition,
                    struct part **ret);

/* The next version becomes current: takes over the caller's reference to it and attaches the
 * garbage to the one before. Cannot fail: `next` was allocated before, with everything set but its
 * place in the list. `freed` may be NULL. */
void part_install(struct part *p, struct snapshot *next, struct mapping_node *dead_nodes,
                  struct garbage_block *freed);
/* A place that nobody sees any more. */
void part_give_place(struct part *p, struct file_page place);
/* Whether something can be removed or given back that could not be before: see part/maintain.h. */
bool part_needs_maintenance(struct part *p);
/* Makes all written pages durable, and the names of new files. On failure p->unknown is set, and
 * p->broken if names may be lost. */
int part_sync_pages(struct task *t, struct part *p);
/* Fails the task with words naming the partition. */
int part_fail(struct task *t, const struct part *p, int code, const char *what);
/* Around what needs a descriptor for a moment. Waits for one; who has one must not wait for others.
 */
static inline void part_brief_begin(struct task *t, struct part_env *env)
{
    if (env->brief_fds)
        tokens_take(t, env->brief_fds);
}
static inline void part_brief_end(struct part_env *env)
{
    if (env->brief_fds)
        tokens_give(env->brief_fds);
}
/* Path of the manifest it was loaded from: the live one, or an archive. */
void part_source_path(const struct part *p, char *path, size_t size);
/* Path of the live manifest. */
void part_manifest_path(const struct part *p, char *path, size_t size);
