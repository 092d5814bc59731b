/* part/pages.h -- a page of a snapshot: id to place to verified bytes. */
#pragma once

#include "part/part.h"

/* An index page from the cache, pinned (page_cache_unpin(part->env->cache, ...)); checksum and type
 * verified, type being either of the index types. */
int pages_pin_index(struct task *t, struct snapshot *s, struct page_id id,
                    struct cached_page **ret);
/* Copies an index page into `data` (page_bytes): for those who must hold it across suspensions. */
int pages_copy_index(struct task *t, struct snapshot *s, struct page_id id, uint8_t *data);
/* Reads a data or overflow page into `data`, checksum and type verified. Exactly one device read.
 */
int pages_read(struct task *t, struct snapshot *s, struct page_id id, enum page_type type,
               uint8_t *data);
struct page_read {
    struct page_id id;
    uint8_t *data;
    int rc;
};
/* Many in parallel; each .rc is set; returns the first failure (words in the task), ELOQ_OK if
 * none. */
int pages_read_many(struct task *t, struct snapshot *s, enum page_type type,
                    struct page_read *reads, size_t count);
/* Fails the task: `what` about page `id` of this snapshot, with file and offset if it is mapped. */
int pages_fail(struct task *t, struct snapshot *s, struct page_id id, const char *what);
