/* part/part.h -- one partition in memory: its current snapshot and what a write needs besides.
 *
 *     part -> current snapshot (version 9) <-> version 7 <-> ...   newest first; the older ones
 *                                                                 live as long as a reader
 * A snapshot is immutable. What a commit makes superfluous (nodes of the mapping, file pages) is
 * garbage of the newest live snapshot that can still see it:
 *   - it was born in version b and died in version d: the snapshots v with b <= v < d can see it;
 *   - when such a snapshot goes, its garbage moves to the next older live one with v >= b, else it
 *     is freed: nodes to memory, file pages to the allocator (in-place) or forgotten (append).
 * So a page is recycled exactly when its last possible reader has left, and a slow reader pins only
 * what it can see.
 */
#pragma once

#include "base/list.h"
#include "base/rand.h"
#include "file/pagefiles.h"
#include "page/dict.h"
#include "page/pagepool.h"
#include "part/falloc.h"
#include "part/manifest.h"
#include "part/mapping.h"
#include "part/page_cache.h"

enum tree_kind { TREE_MAIN = 0, TREE_TTL = 1 };

/* What the partitions of one shard share. Filled by the engine. */
struct part_env {
    struct mem *mem;
    const struct log *log;
    struct io *io;
    struct fdcache *fds;
    struct page_cache *cache;
    struct pagepool *pool;
    struct dict_context *dicts;
    struct rand *rand;
    struct page_shape shape;
    uint32_t pages_per_file_shift;
    bool append;
    bool verify;
    bool read_only;
    uint64_t as_of;          /* open archives of this timestamp; 0 = the live state */
    uint64_t manifest_limit; /* bytes */
    uint32_t write_batch_pages;
    const char *const *store_paths;
    uint32_t store_path_count;
    /* counters */
    uint64_t commits, manifest_appends, manifest_switches, pages_written, pages_read,
        manifest_bytes, parts_loaded, parts_evicted, commit_failures;
};

/* File pages freed by one commit. */
struct freed_place {
    struct file_page place;
    uint64_t born;
};
struct garbage_block {
    struct garbage_block *next;
    size_t count;
    struct freed_place places[];
};

struct snapshot {
    struct list link; /* in part->snapshots, newest first */
    struct part *part;
    uint64_t version;
    uint32_t refs;
    struct mapping map;
    struct page_id root[2]; /* by enum tree_kind; NO_PAGE = empty tree */
    struct dict *dict;      /* NULL if none */
    struct mapping_node *dead_nodes;
    struct garbage_block *dead_places;
};

struct part {
    struct part_env *env;
    char *table;
    uint32_t partition;
    struct pagefiles files;
    struct list snapshots;
    struct snapshot *current; /* referenced by the part itself */
    struct falloc falloc;
    struct bitset free_ids;   /* logical ids below current->map.page_count that are unmapped */

    /* the manifest file */
    uint64_t manifest_term;
    uint64_t manifest_end;      /* where the next record goes; 0 = there is no manifest yet */
    uint64_t snapshot_bytes;    /* size of its snapshot record */
    uint64_t last_checksum;
    struct manifest_sequence sequence;
    uint64_t terms_listed;      /* every file id below has an entry on disk */
    bool padding_missing;
    bool found_unsynced; /* loaded from disk and not flushed since: flush before the first write */
    bool unknown;        /* a manifest write failed: nobody knows what is on disk */
    bool broken;         /* and rewriting it failed too: no write until reopened */
    int archive_fd;      /* locked archive file (as_of), -1 */

    /* part_table's */
    struct list lru;
    uint32_t refs;
    uint64_t footprint; /* bytes, for the soft limit */
};

/* Loads from disk: ELOQ_OK, ELOQ_NOT_FOUND (no manifest: never written, or an unfinished first
 * commit), or a failure. `create`: make an empty one in memory instead of ELOQ_NOT_FOUND; nothing is
 * written before its first commit. */
int part_open(struct task *t, struct part_env *env, const char *table, uint32_t partition,
              bool create, struct part **ret);
/* No snapshot but the current one may be referenced. Frees its memory in bounded steps. */
void part_close(struct task *t, struct part *p);

struct snapshot *snapshot_ref(struct snapshot *s);
/* Never fails, never suspends; work is proportional to the garbage it frees or moves. */
void snapshot_unref(struct snapshot *s);
/* The next version becomes current: takes over the edit's mapping, attaches garbage. Cannot fail:
 * `next` was allocated before. `freed` may be NULL. */
void part_install(struct part *p, struct snapshot *next, struct mapping_node *dead_nodes,
                  struct garbage_block *freed);
/* Fails the task with words naming the partition. */
int part_fail(struct task *t, struct part *p, int code, const char *what);
/* Path of the live manifest. */
void part_manifest_path(const struct part *p, char *path, size_t size);
