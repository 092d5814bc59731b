/* file/pagefiles.h -- the data files of one partition: file page to (file, offset); read and write
 * pages in batches; what is written and not yet synced. Specification: format.md 11, 14, 15. */
#pragma once

#include "base/bitset.h"
#include "file/fdcache.h"
#include "file/terms.h"
#include "page/format.h"

struct pagefiles {
    struct fdcache *fds;
    struct io *io;
    struct mem *mem;
    const char *table; /* for words; lent by the partition */
    uint32_t partition;
    char *dir;    /* absolute path of the partition's directory; owned */
    char *parent; /* the store path it lies in; owned */
    uint32_t page_bytes;
    uint32_t shift;        /* file pages a file = 2^shift */
    bool append;           /* new files are extended to their full size at once */
    bool verify;           /* read checks checksums */
    struct tokens *writes; /* one for each page write in flight; NULL: any number */
    size_t writes_at_once; /* operations that one call has under way; 0: as many as it can */
    struct terms terms;
    struct list open_files; /* struct fd_entry.of_owner */
    bool dir_unsynced;      /* a file was created or renamed in dir since its last sync */
    bool sync_failed; /* a sync outside a commit failed: the next commit must fail. Stays until the
                         caller, having made the last acknowledged state durable anew, resets it */
    uint64_t *unsynced; /* ids of files written since their last successful sync */
    size_t unsynced_count, unsynced_capacity;
};

struct page_io {
    struct file_page place;
    uint8_t *data; /* page_bytes; for writes not changed */
    int rc;        /* of a read */
};

/* ELOQ_OK, ELOQ_NO_MEMORY, or ELOQ_INVALID when the paths would be too long for the system. */
int pagefiles_init(struct pagefiles *f, struct fdcache *fds, struct mem *m, const char *table,
                   uint32_t partition, const char *store_path, uint32_t page_bytes, uint32_t shift,
                   bool append, bool verify);
void pagefiles_deinit(struct pagefiles *f); /* after fdcache_close_owner */
/* All its files are gone: as after init. After fdcache_close_owner. */
void pagefiles_clear(struct pagefiles *f);

/* File and offset of a place. `path` has room for PATH_MAX bytes. */
void pagefiles_path(const struct pagefiles *f, uint64_t file_id, char *path, size_t size);
static inline uint64_t pagefiles_file_id(const struct pagefiles *f, struct file_page place)
{
    return place.n >> f->shift;
}
static inline uint64_t pagefiles_offset(const struct pagefiles *f, struct file_page place)
{
    return (place.n & ((UINT64_C(1) << f->shift) - 1)) * f->page_bytes;
}

/* Reads and verifies one page: ELOQ_OK, or a failure with file and offset: ELOQ_CORRUPTED for a bad
 * checksum, a missing file or a page not wholly inside its file. */
int pagefiles_read(struct task *t, struct pagefiles *f, struct file_page place, uint8_t *data);
/* The read of one page that no task waits for. */
struct pagefiles_fetch {
    struct io_req req; /* first */
    struct iovec iov;
    struct pagefiles *files;
    struct fd_entry *file;
    void (*done)(struct pagefiles_fetch *fetch);
};
/* Starts it, if the page's file is open. `done` is called on the loop's stack, perhaps before this
 * returns. */
bool pagefiles_fetch(struct pagefiles *f, struct file_page place, uint8_t *data,
                     struct pagefiles_fetch *fetch, void (*done)(struct pagefiles_fetch *fetch));
/* In `done`: whether the page is there and verified. What is wrong with it, pagefiles_read tells.
 */
bool pagefiles_fetched(struct pagefiles_fetch *fetch);
/* Reads and verifies many in parallel, neighbours in one operation; each .rc is set. Returns the
 * first failure (its words are the task's), ELOQ_OK if none. Reorders the array. */
int pagefiles_read_many(struct task *t, struct pagefiles *f, struct page_io *pages, size_t count);
/* The same, for pages most of whose neighbours are asked for too: what lies between is read along,
 * into `gaps`, pages that are lent; at most so many operations at once go through a gap. */
int pagefiles_read_through(struct task *t, struct pagefiles *f, struct page_io *pages, size_t count,
                           uint8_t *const *gaps, size_t gap_count);
/* Writes many in parallel, neighbours in one operation; creates missing files. Reorders the array.
 * On failure the rest was still waited for. */
int pagefiles_write_many(struct task *t, struct pagefiles *f, struct page_io *pages, size_t count);
/* fdatasync of every unsynced data file and, if a file was created, of the directory; all at once
 * (as far as descriptors go); the marks go only where it succeeded. Fails too when sync_failed. */
int pagefiles_sync(struct task *t, struct pagefiles *f);
/* The same, and at once another descriptor, which is not one of a data file: *ret_result is what
 * its flush says. ELOQ_OK only says that the data files are durable. */
int pagefiles_sync_beside(struct task *t, struct pagefiles *f, int fd, int64_t *ret_result);
/* After an open: fdatasync of these data files (they exist), whatever the marks say. */
int pagefiles_sync_found(struct task *t, struct pagefiles *f, const uint64_t *file_ids,
                         size_t count);
/* Removes a data file that nothing needs any more: ELOQ_OK, also when it is not there; 1 when its
 * descriptor is in use; or a failure. */
int pagefiles_remove(struct task *t, struct pagefiles *f, uint64_t file_id);
/* Many, all at once. ret[i] as pagefiles_remove would answer for file_ids[i]; returns the first
 * failure. */
int pagefiles_remove_many(struct task *t, struct pagefiles *f, const uint64_t *file_ids,
                          size_t count, int *ret);
/* Cuts an existing file to this many bytes, unless it is no larger. */
int pagefiles_cut(struct task *t, struct pagefiles *f, uint64_t file_id, uint64_t bytes);
/* Fails the task with words naming this partition and the file and offset of `place`. */
int pagefiles_fail(struct task *t, const struct pagefiles *f, struct file_page place, int code,
                   const char *what);
/* Fails the task with the words for a failed operation on a data file; `result` is -errno. */
int pagefiles_io_fail(struct task *t, const struct pagefiles *f, const char *verb, int64_t result,
                      uint64_t file_id, uint64_t offset);
/* Marks a file that is about to be written: ELOQ_OK or ELOQ_NO_MEMORY. / It was synced. */
int pagefiles_mark_unsynced(struct pagefiles *f, struct fd_entry *e);
void pagefiles_mark_synced(struct pagefiles *f, struct fd_entry *e);
