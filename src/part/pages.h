/* part/pages.h -- a page of a snapshot: id to place to verified bytes. */
#pragma once

#include "part/part.h"

/* An index page from the cache, pinned (page_cache_unpin(part->env->cache, ...)); checksum and type
 * verified, type being either of the index types. */
int pages_pin_index(struct task *t, struct snapshot *s, struct page_id id,
                    struct cached_page **ret);
/* An index page, opened, if it is in memory, for the time until the next suspension; NULL: it is
 * not, or it is no index page, or malformed. */
const struct cached_page *pages_peek_index(struct snapshot *s, struct page_id id);
/* Copies an index page into `data` (page_bytes): for those who must hold it across suspensions. */
int pages_copy_index(struct task *t, struct snapshot *s, struct page_id id, uint8_t *data);
/* Reads a data or overflow page into `data`, checksum and type verified. Exactly one device read,
 * or none for a data page that is in memory. */
int pages_read(struct task *t, struct snapshot *s, struct page_id id, enum page_type type,
               uint8_t *data);
/* The same from the device in any case. */
int pages_read_stored(struct task *t, struct snapshot *s, struct page_id id, enum page_type type,
                      uint8_t *data);
/* A data page by a read that no task waits for (pagefiles_fetch). */
bool pages_fetch_leaf(struct snapshot *s, struct page_id id, uint8_t *data,
                      struct pagefiles_fetch *fetch, void (*done)(struct pagefiles_fetch *fetch));
/* Whether it is there: checksum and type verified. */
bool pages_fetched_leaf(struct pagefiles_fetch *fetch);
struct page_read {
    struct page_id id;
    uint8_t *data;
    int rc;
    bool was_in_memory; /* it took no device read */
};
/* Many in parallel; each .rc and .was_in_memory is set; returns the first failure (words in the
 * task), ELOQ_OK if none. */
int pages_read_many(struct task *t, struct snapshot *s, enum page_type type,
                    struct page_read *reads, size_t count);
/* The data page if it is in memory, pinned (leaf_cache_unpin); else NULL. */
struct leaf_page *pages_pin_leaf(struct snapshot *s, struct page_id id);
/* A data page that was read of this snapshot, in a buffer from the pool: true when it is kept in
 * memory and the buffer with it; false: the buffer is still the caller's. */
bool pages_keep_leaf(struct snapshot *s, struct page_id id, uint8_t *data);
/* Fails the task: `what` about page `id` of this snapshot, with file and offset if it is mapped. */
int pages_fail(struct task *t, struct snapshot *s, struct page_id id, const char *what);
