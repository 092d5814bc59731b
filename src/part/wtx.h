/* part/wtx.h -- a write in the making: new pages, new mapping, commit or abort.
 *
 *     wtx_begin            take a reference to the current snapshot; flush what replay found
 *        |  wtx_put ...    new pages go to places nobody uses; written in batches
 *        v
 *     wtx_commit  (a) all pages are written
 *                 (b) fdatasync of the data files, and of the directory if a file is new
 *                     (here it waits while a moment of all partitions is chosen: part/cut.h)
 *                 (c) the manifest record is appended (or the manifest replaced) and synced:
 *                     the commit point
 *                 (d) part_install: the new snapshot is current
 *
 * With env.one_flush a small write skips (b): its pages are flushed together with the record, which
 * names their checksums, and is no commit at an open that finds one of them different (format.md
 * 12.6; part/last_commit.h).
 *
 * Before (c) anything may fail and wtx_abort forgets it all. After (c) nothing may fail. If (b) or
 * (c) itself fails, nobody knows whether it happened: the partition takes no write until a manifest
 * switch to the last acknowledged state succeeded (tried at once, in wtx_commit's failure path;
 * where that failed for want of space, memory or descriptors, again in wtx_begin); so the places
 * this commit took are not reused before that.
 *
 * All pages a write reads are read from `base`: a tree is changed left to right, and no page is
 * read again after it was put. One write at a time per partition (engine/writeq.h).
 */
#pragma once

#include "part/pages.h"

struct wtx {
    struct part *part;
    struct snapshot *base; /* referenced */
    struct page_id root[2];
    struct snapshot *next; /* allocated at begin, so that install cannot fail */
    struct mapping_edit edit;
    bool changed;          /* a page was put or freed, or a root changed */
    bool emptied;          /* by wtx_free_all */
    uint64_t least_expiry; /* of the pairs it adds; EXPIRY_NEVER: none expires */
    uint64_t expired;      /* pairs it drops because they have */
    struct dict *new_dict; /* the commit stores it; NULL: it keeps that of base */

    struct manifest_change *changes;
    size_t change_count, change_capacity;
    struct page_id *ids_taken, *ids_freed;
    size_t ids_taken_count, ids_taken_capacity, ids_freed_count, ids_freed_capacity;
    uint32_t ids_end; /* no id at or above it was handed out */
    struct file_page *places_taken;
    size_t places_taken_count, places_taken_capacity;
    struct garbage_block *freed; /* places freed, with births; grows */
    size_t freed_capacity;
    uint64_t falloc_next_before;

    uint64_t page_sums[PAGE_CHECKSUMS_MAX]; /* of the pages put, if they are ... */
    size_t page_sum_count;                  /* ... flushed together with the record; else 0 */

    struct page_io *out; /* pages waiting to be written, write_batch_pages of them */
    size_t out_count;
    struct wtx_behind *behind;   /* those being written meanwhile; NULL until the first time */
    struct page_io *index_pages; /* the last index pages written, to be cached at commit */
    size_t index_page_count, index_page_capacity;
    size_t index_page_oldest; /* when there are as many as may be kept */
    struct page_io *leaves;   /* the first data pages written, to be kept in memory at commit */
    size_t leaf_count, leaf_capacity;
};

/* Whether the partition takes writes: ELOQ_OK, having repaired what a failed commit left in doubt,
 * or a failure. With no write open. */
int wtx_check_writable(struct task *t, struct part *p);
/* ELOQ_OK with an open write; ELOQ_IO when the partition is broken; else a failure. */
int wtx_begin(struct task *t, struct part *p, struct wtx *w);
/* A logical page id nobody uses. */
int wtx_new_id(struct task *t, struct wtx *w, struct page_id *ret);
/* A page buffer from the pool; wtx_put takes it back. */
int wtx_new_page(struct task *t, struct wtx *w, uint8_t **ret);
void wtx_drop_page(struct wtx *w, uint8_t *page); /* one that will not be put; NULL is fine */
/* Seals `page` (takes it, also on failure), gives it a place and maps id to it. May have pages
 * written, while the caller goes on. */
int wtx_put(struct task *t, struct wtx *w, struct page_id id, uint8_t *page);
/* Unmaps a page of the base; its place is garbage after the commit. */
int wtx_free_page(struct task *t, struct wtx *w, struct page_id id);
/* Unmaps every page, forgets the ids, the roots and the dictionary: the first change of a write,
 * and the last but for those below. Yields. */
int wtx_free_all(struct task *t, struct wtx *w);
/* After that, in append mode, the state of an archive, each id once: this page is there already;
 * this id is not used. Places of old are garbage of the base nevertheless: who sees which is told
 * by their births. */
int wtx_map(struct task *t, struct wtx *w, struct page_id id, struct file_page place);
int wtx_leave_free(struct task *t, struct wtx *w, struct page_id id);
/* The dictionary of the values this write stores; NULL: none. */
static inline struct dict *wtx_dict(const struct wtx *w)
{
    return w->new_dict || w->emptied ? w->new_dict : w->base->dict;
}
/* The commit will store this dictionary (takes a reference); base must have none. */
void wtx_set_dict(struct wtx *w, struct dict *d);
/* Durable and current, or a failure after which it is aborted. Ends the wtx in any case. When
 * nothing changed it writes nothing, but flushes what was found on disk: that is what it says yes
 * to. Roots are taken from w->root. */
int wtx_commit(struct task *t, struct wtx *w);
/* Forgets everything. Ends the wtx. Keeps t->err. */
void wtx_abort(struct task *t, struct wtx *w);
