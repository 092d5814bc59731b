/* eloqstore.h -- an embedded, sharded, ordered key-value store.
 *
 * A store holds tables; a table is split into numbered partitions; a partition is one ordered map
 * from key to value. A batch of writes to one partition is all of it durable, or none of it.
 *
 * Every call returns an eloq_status: 0 is done, > 0 is a normal "no" (not found, end), < 0 is a
 * failure, whose words are in eloq_errmsg(). Unless a function says otherwise it may be called
 * from any thread. Nothing here ends the process for bad input or a bad disk.
 *
 * Copyright (c) 2026 the EloqStore C authors. MIT licence.
 */
#ifndef ELOQSTORE_H
#define ELOQSTORE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __GNUC__
#pragma GCC visibility push(default) /* the library hides everything else */
#endif
#ifdef __cplusplus
extern "C" {
#endif

#define ELOQ_VERSION_MAJOR 0
#define ELOQ_VERSION_MINOR 1
#define ELOQ_VERSION_PATCH 0
#define ELOQ_VERSION "0.1.0"

/* ---- statuses ----------------------------------------------------------------------------- */

enum eloq_status {
    ELOQ_OK = 0,
    ELOQ_NOT_FOUND = 1,    /* no such key, table or archive */
    ELOQ_END = 2,          /* no more items */
    ELOQ_FETCH = 3,        /* the batch is used up: eloq_iter_fetch_async() the next */
    ELOQ_INVALID = -1,     /* fix the argument or the option */
    ELOQ_BUSY = -2,        /* a limit was reached: try again later */
    ELOQ_UNAVAILABLE = -3, /* disk or cloud cannot be reached: try again later */
    ELOQ_TIMEOUT = -4,     /* the deadline passed: a write may still happen */
    ELOQ_CANCELED = -5,
    ELOQ_NO_SPACE = -6,  /* free space on the disk */
    ELOQ_NO_MEMORY = -7, /* lower the limits, or raise memory_bytes */
    ELOQ_IO = -8,        /* the disk failed: see the message */
    ELOQ_CORRUPTED = -9, /* data is damaged: restore it */
    ELOQ_FENCED = -10,   /* another process took the store over: close this one */
    ELOQ_CLOSED = -11,   /* the store is closed */
    ELOQ_DENIED = -12    /* permissions */
};

/* ---- values ------------------------------------------------------------------------------- */

/* Bytes that somebody else owns. */
typedef struct eloq_slice {
    const void *data;
    size_t size;
} eloq_slice;

/* A slice over the bytes of a string, without its NUL. NULL is the empty slice. */
static inline eloq_slice eloq_str(const char *text)
{
    eloq_slice slice;
    slice.data = text;
    slice.size = text ? strlen(text) : 0;
    return slice;
}

/* A slice over `size` bytes at `data`. */
static inline eloq_slice eloq_bytes(const void *data, size_t size)
{
    eloq_slice slice;
    slice.data = data;
    slice.size = size;
    return slice;
}

/* The address of a partition. The table's name is borrowed for the call (asynchronous: until
 * done): 1 to 244 bytes, no '/', not "." or "..". */
typedef struct eloq_part {
    const char *table;
    uint32_t partition;
} eloq_part;

/* Memory that a record or a buffer owns; grows, is reused, freed once. */
typedef struct eloq_buffer {
    void *data;
    size_t size;
    size_t capacity;
} eloq_buffer;

/* What a read returns. Yours: zero it before its first use, reuse it, eloq_record_free() it once.
 * Only a read that answers ELOQ_OK changes the contents. */
typedef struct eloq_record {
    eloq_buffer key; /* set by floor */
    eloq_buffer value;
    uint64_t timestamp;
    uint64_t expire_at; /* Unix milliseconds; 0 = never */
} eloq_record;

/* One pair a scan found. Lent until the next call on its iterator. */
typedef struct eloq_item {
    eloq_slice key;
    eloq_slice value;
    uint64_t timestamp;
    uint64_t expire_at;
} eloq_item;

enum eloq_kind { ELOQ_PUT = 0, ELOQ_DELETE = 1 };

/* eloq_entry.timestamp: store 0 itself (0 in the field means "now"). */
#define ELOQ_TIMESTAMP_ZERO UINT64_MAX

/* One change of a batch. */
typedef struct eloq_entry {
    eloq_slice key;
    eloq_slice value;
    uint64_t timestamp; /* 0 = now, in microseconds, never older than the stored pair */
    uint64_t expire_at; /* Unix milliseconds; 0 = never */
    int kind;           /* enum eloq_kind */
} eloq_entry;

/* Which keys a scan visits. Zero is everything, upwards. */
typedef struct eloq_range {
    eloq_slice begin; /* included; empty = from the first */
    eloq_slice end;   /* not included; empty = to the last */
    uint64_t limit;   /* most pairs to return; 0 = no limit */
    int reverse;      /* 1: from the end down */
} eloq_range;

typedef struct eloq_store eloq_store;
typedef struct eloq_iter eloq_iter;
typedef struct eloq_queue eloq_queue;

/* ---- options ------------------------------------------------------------------------------ */

/* For an option where 0 is a value of its own: 0 in the field is the default, this is 0. */
#define ELOQ_ZERO UINT32_MAX

enum eloq_io_backend {
    ELOQ_IO_AUTO = 0,
    ELOQ_IO_URING = 1,
    ELOQ_IO_THREADS = 2,
    ELOQ_IO_SYNC = 3,
    ELOQ_IO_MEMORY = 4
};

enum eloq_log_level { ELOQ_LOG_ERROR = 0, ELOQ_LOG_WARNING = 1, ELOQ_LOG_INFO = 2 };

enum { ELOQ_TWO_FLUSH = 1, ELOQ_ONE_FLUSH = 2 };

/* What the files are made with: fixed at creation, recorded in <path>/.eloqstore/options, checked
 * at every open. 0 = as recorded, else the default. Specification: format.md section 2. */
typedef struct eloq_format {
    uint32_t data_page_size;       /* bytes; multiple of 4096, 4096 to 61440; default 4096 */
    uint32_t pages_per_file_shift; /* 2^shift pages a file; 0 to 30, a file at most 4 GiB; default
                                      18 or the largest that fits; ELOQ_ZERO = one page a file */
    uint32_t overflow_pointers;    /* 1 to 128; default 16 */
    uint32_t data_append_mode;     /* 1 = append, ELOQ_ZERO = in place (the default) */
    uint32_t commit_protocol;      /* ELOQ_TWO_FLUSH (the default) or ELOQ_ONE_FLUSH: small commits
                                      cost one flush instead of two; after a crash no version that
                                      does not know it may open the store */
    uint64_t data_file_size;       /* bytes, rounded down to a shift; instead of the shift */
} eloq_format;

/* How a store is opened. Start from ELOQ_OPTIONS(path); 0 is each field's default. */
typedef struct eloq_options {
    size_t size;              /* sizeof(eloq_options) */
    const char *path;         /* directory; several separated by ':' ; NULL = in memory */
    const char *const *paths; /* or: an array of path_count directories (path is then NULL) */
    uint32_t path_count;      /* 1 to 255 */
    eloq_format format;

    uint32_t shards;                      /* threads; 1 to 1024; default 1 */
    uint32_t data_page_restart_interval;  /* 1 to 1024; default 16 */
    uint32_t index_page_restart_interval; /* 1 to 1024; default 16 */
    uint32_t skip_verify_checksum;        /* 1 = do not verify page checksums on read */
    uint32_t enable_compression;          /* 1 = compress new values of at least 100 bytes when it
                                             helps; may change between runs. Reading never depends
                                             on it. Makes a dictionary of each partition's first
                                             1.6 MB (on a thread, for 0.2 s, once) */
    uint32_t show_expired;                /* 1 = expired pairs stay visible until cleaned */
    uint32_t fd_limit;                    /* descriptors; default 10000, clamped to the process */
    uint32_t io_queue_size;               /* power of two, 8 to 32768; default 4096 */
    uint32_t max_inflight_write;          /* page writes in flight a shard; default 32768 */
    uint32_t max_write_batch_pages;       /* pages a write gathers; 1 to 1024; default 256 */
    uint32_t coroutine_stack_size;  /* bytes; multiple of 4096, at least 32768; default 65536 */
    uint32_t queue_depth;           /* requests waiting a shard; default 4096 */
    uint32_t io_spin_us;            /* spin this long before sleeping; default 0 */
    uint32_t slow_op_ms;            /* requests and I/O that take this long are logged; default 0:
                                       none is */
    uint32_t low_prio_budget_us;    /* most of one round for background work; default 50 */
    uint32_t num_retained_archives; /* newest archives to keep; default 0 = all, no timer */
    uint32_t archive_interval_secs; /* default 86400; ELOQ_ZERO = no automatic archives */
    uint32_t max_archive_tasks;     /* partitions archived at a time; default 256 */
    uint32_t file_amplify_factor;   /* 2 to 255; default 2; ELOQ_ZERO = no compaction by
                                       itself */
    uint64_t manifest_limit;        /* bytes before a snapshot; 4096 to 2^31; default 8 MiB */
    uint64_t buffer_pool_size;      /* bytes of index pages a shard; default 32 MiB */
    uint64_t root_meta_cache_size;  /* bytes of loaded partitions; default 1 GiB */
    uint64_t data_cache_bytes;      /* bytes of data pages kept in memory; default 256 MiB; at
                                       most half of memory_bytes is used; 1 = none */
    uint64_t memory_bytes;          /* bounds everything; default 1 GiB; at least 8 MiB + 1
                                       MiB a shard */
    uint64_t write_merge_entries;   /* most entries one commit merges; default 100000 */
    uint64_t write_merge_bytes;     /* most bytes one commit merges; default 64 MiB */

    int io_backend;  /* enum eloq_io_backend */
    int host_driven; /* 1: one shard, no threads; every call from the thread that opened */
    int read_only;   /* 1: the live state, nothing is written */
    uint64_t as_of;  /* read the archives of this timestamp, read-only */

    /* Called for what has no caller (background jobs, fallbacks). From any thread of the store;
     * must not call the store. NULL = silence. */
    void (*log)(void *user, int level, const char *line);
    void *log_user;
    /* Which partitions belong to this instance; NULL = all. For jobs over all partitions. */
    int (*partition_filter)(void *user, eloq_part part);
    void *partition_filter_user;

    char *owned_path; /* of eloq_options_load and _set; leave it zero */
} eloq_options;

#ifdef __cplusplus
static inline eloq_options eloq_options_at(const char *path)
{
    eloq_options options = eloq_options();
    options.size = sizeof(options);
    options.path = path;
    return options;
}
#define ELOQ_OPTIONS(path_) eloq_options_at(path_)
#else
#define ELOQ_OPTIONS(path_)                           \
    {                                                 \
        .size = sizeof(eloq_options), .path = (path_) \
    }
#endif

/* Reads an ini file with the reference's keys and sections (format.md appendix A) over what
 * `options` holds. An unknown key, a malformed number or a value out of range is ELOQ_INVALID
 * and names the line. Strings it sets are owned by `options`: eloq_options_free() them. */
int eloq_options_load(eloq_options *options, const char *file);
/* Sets one option by its ini key, from text, as `-o key=value` of the command line does. */
int eloq_options_set(eloq_options *options, const char *key, const char *value);
/* Frees what eloq_options_load and eloq_options_set allocated. */
void eloq_options_free(eloq_options *options);

/* ---- operations --------------------------------------------------------------------------- */

/* One asynchronous call. Yours: zero it, set done (and queue, user), keep it until done runs.
 * `done` runs exactly once if the call answered ELOQ_OK, never otherwise; the op may be freed or
 * reused inside it. Without a queue it runs on the shard's thread and must be brief; a waiting
 * call made inside it answers ELOQ_INVALID. */
typedef struct eloq_op {
    void (*done)(struct eloq_op *op);
    void *user;
    eloq_queue *queue;
    int status;         /* when done */
    eloq_record record; /* of a read; yours to free */
    uint64_t skipped;   /* entries of a write that an explicit older timestamp lost */
    uint64_t opaque[112];
} eloq_op;

/* ---- life cycle --------------------------------------------------------------------------- */

/* Opens a store, creating its directories if needed (not with read_only or as_of). On failure
 * *ret is NULL and nothing stays open. ELOQ_INVALID: an option; ELOQ_BUSY: another process has
 * it; ELOQ_NOT_FOUND: as_of names no archive; ELOQ_IO, ELOQ_DENIED, ELOQ_CORRUPTED. */
int eloq_open(const eloq_options *options, eloq_store **ret);
/* Completes what was accepted, then closes. NULL is ELOQ_OK. Open iterators answer ELOQ_CLOSED
 * from then on and are still to be closed. Not from inside done. */
int eloq_close(eloq_store *store);

/* ---- writes: durable when they return, all or nothing per call ----------------------------- */

int eloq_put(eloq_store *store, eloq_part part, eloq_slice key, eloq_slice value);
/* Deleting an absent key is ELOQ_OK. */
int eloq_delete(eloq_store *store, eloq_part part, eloq_slice key);
/* Any order of keys; a key twice is ELOQ_INVALID. */
int eloq_write(eloq_store *store, eloq_part part, const eloq_entry *entries, size_t count);
int eloq_put_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_slice value,
                   eloq_op *op);
int eloq_delete_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_op *op);
int eloq_write_async(eloq_store *store, eloq_part part, const eloq_entry *entries, size_t count,
                     eloq_op *op);
/* Entries of this thread's last waiting write that lost to a newer stored timestamp. */
uint64_t eloq_skipped(void);

/* ---- reads -------------------------------------------------------------------------------- */

int eloq_get(eloq_store *store, eloq_part part, eloq_slice key, eloq_record *ret);
int eloq_get_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_op *op);
/* Each of `count` keys into records[i], its own status into statuses[i]; reads run together.
 * ELOQ_OK when every status is >= 0, else the first failure. */
int eloq_get_many(eloq_store *store, eloq_part part, const eloq_slice *keys, size_t count,
                  eloq_record *records, int *statuses);
int eloq_get_many_async(eloq_store *store, eloq_part part, const eloq_slice *keys, size_t count,
                        eloq_record *records, int *statuses, eloq_op *op);
/* The greatest key not above `key`. */
int eloq_floor(eloq_store *store, eloq_part part, eloq_slice key, eloq_record *ret);
int eloq_floor_async(eloq_store *store, eloq_part part, eloq_slice key, eloq_op *op);

/* ---- scans: one moment of the partition, that of the first step ----------------------------- */

/* Makes an iterator; reads nothing yet. The bounds and the name are copied. */
int eloq_scan(eloq_store *store, eloq_part part, const eloq_range *range, eloq_iter **ret);
/* The same, for event loops: eloq_iter_next() never waits, it answers ELOQ_FETCH. */
int eloq_scan_async(eloq_store *store, eloq_part part, const eloq_range *range, eloq_iter **ret);
/* The next pair. ELOQ_OK, ELOQ_END, ELOQ_FETCH (see above) or a failure; after the end or a
 * failure it repeats itself. One thread at a time per iterator. */
int eloq_iter_next(eloq_iter *iter, eloq_item *ret);
/* Fetches the next batch. op->status is ELOQ_OK when next() can go on. */
int eloq_iter_fetch_async(eloq_iter *iter, eloq_op *op);
/* NULL is fine. Not while a fetch is under way. */
void eloq_iter_close(eloq_iter *iter);

/* ---- looking at the whole ------------------------------------------------------------------ */

/* Calls `callback` for every partition on disk, sorted by table, then number; stops when it
 * answers non-zero, and returns that. It runs on the calling thread and may use the store; of the
 * asynchronous form just before done, where done runs. */
int eloq_tables(eloq_store *store, int (*callback)(void *user, eloq_part part), void *user);
int eloq_tables_async(eloq_store *store, int (*callback)(void *user, eloq_part part), void *user,
                      eloq_op *op);

enum eloq_severity { ELOQ_DAMAGE = 0, ELOQ_NOTE = 1 };

/* What eloq_check() found. Everything is lent for the call. */
typedef struct eloq_finding {
    int severity; /* enum eloq_severity */
    const char *what;
    const char *file; /* NULL if none */
    uint64_t offset;  /* in the file */
    eloq_slice from;  /* keys that may be affected: [from, to), empty = open */
    eloq_slice to;
} eloq_finding;

typedef struct eloq_checked {
    uint64_t pages;
    uint64_t keys;
    uint64_t damages;
    uint64_t notes;
} eloq_checked;

/* Verifies everything on disk of one partition; `callback` runs once per finding, on the thread
 * that eloq_tables() would use. ELOQ_NOT_FOUND when there is no such partition; ELOQ_OK when there
 * is no damage, ELOQ_CORRUPTED when there is some. `ret` may be NULL. */
int eloq_check(eloq_store *store, eloq_part part,
               void (*callback)(void *user, eloq_part part, const eloq_finding *finding),
               void *user, eloq_checked *ret);
int eloq_check_async(eloq_store *store, eloq_part part,
                     void (*callback)(void *user, eloq_part part, const eloq_finding *finding),
                     void *user, eloq_checked *ret, eloq_op *op);

/* ---- space ---------------------------------------------------------------------------------- */

/* Removes every key >= `from`; an empty `from` removes all. Durable, all or nothing. The space goes
 * back to the disk; when nothing is left and no archive is kept, the partition's files and
 * directory are gone when this returns. Readers that began before keep what they see, and its
 * space, until they end. An absent partition is ELOQ_OK. */
int eloq_truncate(eloq_store *store, eloq_part part, eloq_slice from);
int eloq_truncate_async(eloq_store *store, eloq_part part, eloq_slice from, eloq_op *op);
/* The same for every partition of a table, each of which is all or nothing, with their archives but
 * those that are being read. The first failure, after all were tried: some may be empty or gone,
 * dropping again goes on. A table of that name written afterwards is a new one. No such table:
 * ELOQ_OK. Works over a damaged manifest. */
int eloq_drop(eloq_store *store, const char *table);
int eloq_drop_async(eloq_store *store, const char *table, eloq_op *op);
/* Append mode: compacts every data file that is due by file_amplify_factor (0: by 2) now, which
 * otherwise happens after writes. Writes go on in between. In place: ELOQ_INVALID.
 * ELOQ_NOT_FOUND: no such partition. */
int eloq_compact(eloq_store *store, eloq_part part);
int eloq_compact_async(eloq_store *store, eloq_part part, eloq_op *op);
/* Removes every pair that has expired by now. Writes go on in between. ELOQ_NOT_FOUND: no such
 * partition. ELOQ_CORRUPTED: some may be left in damaged pages, the others are gone. */
int eloq_clean_expired(eloq_store *store, eloq_part part);
int eloq_clean_expired_async(eloq_store *store, eloq_part part, eloq_op *op);

/* ---- archives: states that are kept; append mode only (in place their pages would be recycled:
 *      ELOQ_INVALID, as in memory) ------------------------------------------------------------ */

/* Keeps the current state of a partition under a timestamp (microseconds; 0 = now). One of the same
 * timestamp is replaced, unless somebody reads it: ELOQ_BUSY. Then the oldest go until
 * options.num_retained_archives are left (0: none goes), except those that are being read, here or
 * in another process. ELOQ_NOT_FOUND: the partition is absent or empty. */
int eloq_archive(eloq_store *store, eloq_part part, uint64_t timestamp);
int eloq_archive_async(eloq_store *store, eloq_part part, uint64_t timestamp, eloq_op *op);
/* The same for all partitions that options.partition_filter lets pass, at one moment: no write is
 * half in, and whoever wrote one thing before another finds that order in the archives. Empty
 * partitions are skipped. The first failure, after all were tried; ELOQ_BUSY while another one is
 * under way. With archive_interval_secs and num_retained_archives set this happens by itself. */
int eloq_archive_all(eloq_store *store, uint64_t timestamp);
int eloq_archive_all_async(eloq_store *store, uint64_t timestamp, eloq_op *op);

/* Zero it before its first use, eloq_archives_free() it once. */
typedef struct eloq_archive_list {
    uint64_t *timestamps; /* ascending */
    size_t count;
} eloq_archive_list;

/* The archives of a partition, in place of what the list holds. ELOQ_NOT_FOUND: no such partition.
 * To read one, open the store with options.as_of; beside a store in use that is fine. */
int eloq_archives(eloq_store *store, eloq_part part, eloq_archive_list *ret);
int eloq_archives_async(eloq_store *store, eloq_part part, eloq_archive_list *ret, eloq_op *op);
/* NULL is fine. */
void eloq_archives_free(eloq_archive_list *list);
/* Makes an archive the current state. The state before is archived first, so that there is a way
 * back; but over a damaged manifest, which is replaced, there is none: eloqstore repair reads it
 * before. Readers stay in the version they began in. ELOQ_NOT_FOUND: no such archive. */
int eloq_restore(eloq_store *store, eloq_part part, uint64_t timestamp);
int eloq_restore_async(eloq_store *store, eloq_part part, uint64_t timestamp, eloq_op *op);

/* One number of the store by name, summed over its shards: counters since the open, and what is in
 * use now. ELOQ_INVALID: there is none of this name. `name` and `ret` are borrowed until done. */
int eloq_stat(eloq_store *store, const char *name, uint64_t *ret);
int eloq_stat_async(eloq_store *store, const char *name, uint64_t *ret, eloq_op *op);
/* All of them as Prometheus text (version 0.0.4), in place of what `ret` holds: ret->size bytes and
 * a NUL behind them. Yours: zero it before its first use, reuse it, eloq_buffer_free() it once.
 * Only ELOQ_OK changes it. What each means: docs/OPERATIONS.md. */
int eloq_metrics(eloq_store *store, eloq_buffer *ret);
int eloq_metrics_async(eloq_store *store, eloq_buffer *ret, eloq_op *op);
void eloq_buffer_free(eloq_buffer *buffer);
/* Names of all numbers, NULL-terminated, static. */
const char *const *eloq_stat_names(void);

/* ---- completion queues: not bound to a store ------------------------------------------------ */

int eloq_queue_new(eloq_queue **ret);
/* Readable when something completed. Owned by the queue. */
int eloq_queue_fd(eloq_queue *queue);
/* Runs done for what completed, on this thread. Waits at most wait_ms for the first, -1 for ever.
 * Returns how many ran, or < 0. */
int eloq_queue_run(eloq_queue *queue, int wait_ms);
/* NULL is fine. Nothing may be under way that names it. */
void eloq_queue_free(eloq_queue *queue);

/* ---- host-driven stores (options.host_driven) ------------------------------------------------ */

/* Runs the shard; waits at most wait_ms for something to do (0: not at all, -1: for ever).
 * ELOQ_OK or < 0. */
int eloq_run(eloq_store *store, int wait_ms);
/* Readable when the shard has work. Owned by the store. */
int eloq_fd(eloq_store *store);
/* Milliseconds until the next timer is due; -1: none. */
int eloq_next_ms(eloq_store *store);

/* ---- errors --------------------------------------------------------------------------------- */

/* The last failure as data. Strings are valid until this thread's next failing call. */
typedef struct eloq_error {
    int status;
    int sys_errno;     /* 0 if none */
    const char *file;  /* NULL if none */
    uint64_t offset;   /* in file */
    const char *table; /* NULL if none */
    uint32_t partition;
    int retryable;
} eloq_error;

/* A status in two or three words. Static. */
const char *eloq_strerror(int status);
/* Words of this thread's last failing call. Valid until the next one. */
const char *eloq_errmsg(void);
/* Words of a finished op that failed. Valid as long as the op is not reused. */
const char *eloq_op_errmsg(const eloq_op *op);
/* The failure as data: of `op`, or with NULL of this thread's last failing call. */
int eloq_error_detail(const eloq_op *op, eloq_error *ret);

void eloq_record_free(eloq_record *record);
/* "0.1.0" */
const char *eloq_version(void);

#ifdef __cplusplus
}
#endif
#ifdef __GNUC__
#pragma GCC visibility pop
#endif

#endif
