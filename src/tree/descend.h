/* tree/descend.h -- from the root to the leaf that holds a key, with the bounds of that leaf.
 *
 * Index pages are pinned one at a time and only while they are searched, so a descent holds nothing
 * across its suspensions. What it needs of a page (child, separators) is copied. */
#pragma once

#include "page/leaf.h"
#include "tree/tree.h"

struct descent {
    struct page_id path[TREE_DEPTH_MAX]; /* index pages, root first; the last one is above leaves */
    uint32_t depth;
    struct page_id leaf;       /* after descend(); not yet read */
    eloq_slice lower, upper;   /* keys of the leaf (descend_index: of the last index page) lie in
                                  [lower, upper); empty = open */
    struct page_id prev, next; /* of the leaf, as in struct leaf_frame */
    struct leaf_spot spot;     /* of the leaf */
    uint8_t *scratch;          /* 2 pages, for key buffers; free to use between two descents */
    uint8_t *lower_bytes, *upper_bytes;
};

/* What the descent says of the leaf it found. */
static inline struct leaf_frame descend_frame(const struct descent *d)
{
    return (struct leaf_frame){ d->lower, d->upper, d->prev, d->next };
}
/* Memory for any number of descents, from the task's arena. ELOQ_OK or ELOQ_NO_MEMORY. */
int descent_init(struct task *t, struct descent *d, uint32_t page_bytes);
/* The same in DESCENT_PAGES pages of the caller's memory. */
#define DESCENT_PAGES 4
void descent_init_in(struct descent *d, uint8_t *memory, uint32_t page_bytes);

/* To the leaf that holds `key` (or, if `below`, the keys just below it; an empty key then means the
 * last leaf). root is not NO_PAGE; `key` is not memory of `d`. ELOQ_OK, or a failure: an index page
 * that is malformed, out of its parent's bounds, too deep or met twice is ELOQ_CORRUPTED. */
int descend(struct task *t, struct snapshot *s, struct page_id root, eloq_slice key, bool below,
            struct descent *d);
/* The same with the pages that are in memory, without a task. False: some are not, or something is
 * wrong; descend() tells. */
bool descend_in_memory(struct snapshot *s, struct page_id root, eloq_slice key, struct descent *d);
/* As descend(), but ends at the index page above the leaves: path[depth - 1]. */
int descend_index(struct task *t, struct snapshot *s, struct page_id root, eloq_slice key,
                  bool below, struct descent *d);

/* Adds the keys that a damaged page costs to the words of the task's failure `rc`: [lower, upper),
 * empty = open. Returns rc; does nothing for other failures than damage. */
int descend_damage(struct task *t, int rc, eloq_slice lower, eloq_slice upper);

/* Whether a leaf is linked as the index says. Where a bound is open there must be no neighbour. */
bool descend_is_linked(const struct snapshot *s, const struct leaf *leaf,
                       const struct leaf_frame *frame);
/* Opens a data page that was read as `id`: well-formed, its first key and its links as the index
 * says; else ELOQ_CORRUPTED with words. key_buffer: page_bytes. */
int descend_open_leaf(struct task *t, struct snapshot *s, struct page_id id, const uint8_t *page,
                      const struct leaf_frame *frame, uint8_t *key_buffer, struct leaf *ret);
/* The same without words: whether it is so. */
bool descend_try_leaf(const struct snapshot *s, const uint8_t *page, const struct leaf_frame *frame,
                      uint8_t *key_buffer, struct leaf *ret);
/* A leaf for reading only, held in memory across suspensions. Zero it first. */
struct held_leaf {
    struct page_id id;
    struct leaf_page *kept; /* in the cache, or */
    uint8_t *page;          /* a buffer of our own, whole if is_read */
    bool is_read;
};
/* Holds d->leaf and opens it: at most one device read. Uses d->scratch. Lets go of what was held
 * before. */
int descend_hold_leaf(struct task *t, struct snapshot *s, const struct descent *d,
                      struct held_leaf *h, struct leaf *ret);
/* Fine if nothing is held. */
void descend_let_go(struct snapshot *s, struct held_leaf *h);
/* d->leaf opened, pinned (leaf_cache_unpin), if it is in memory and nothing is wrong with it; else
 * NULL. Uses d->scratch. */
struct leaf_page *descend_pin_leaf(struct snapshot *s, const struct descent *d, struct leaf *ret);
/* Reads d->leaf into `page` and opens it. At most one device read. Uses d->scratch. */
int descend_read_leaf(struct task *t, struct snapshot *s, const struct descent *d, uint8_t *page,
                      struct leaf *ret);
