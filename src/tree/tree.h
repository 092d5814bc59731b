/* tree/tree.h -- all that can be done to the B+trees of a partition.
 * Specification: engine.md 5, 6; format.md 9, 10. */
#pragma once

#include "part/pages.h"
#include "part/wtx.h"
#include "tree/scan.h"

/* What the index says of a leaf: a page that says otherwise is in the wrong place, or old. */
struct leaf_frame {
    eloq_slice lower, upper;   /* its keys lie in [lower, upper); empty = open */
    struct page_id prev, next; /* its neighbours; NO_PAGE: the index page does not tell */
};

/* Where a read puts its result: memory that survives the task. Called once, just before the copy;
 * answers a buffer of `size` bytes for the value (and key), NULL when there is no memory. */
struct tree_sink {
    void *(*value_buffer)(void *user, uint64_t size);
    void *(*key_buffer)(void *user, uint64_t size); /* floor */
    void *user;
    uint64_t timestamp, expire_at; /* out */
    uint64_t now_ms;               /* pairs with expire_at <= now_ms are hidden; 0 = show all */
};

/* ELOQ_OK, ELOQ_NOT_FOUND or a failure. */
int tree_get(struct task *t, struct snapshot *s, eloq_slice key, struct tree_sink *sink);
/* A leaf that a read lacks. */
struct tree_miss {
    struct page_id leaf;     /* NO_PAGE: it is not known which, or that is not what is missing */
    struct leaf_frame frame; /* in the scratch memory of the read */
};
/* The same from what is in memory, without a task: ELOQ_OK, ELOQ_NOT_FOUND, or ELOQ_FETCH when that
 * is not enough (*ret_miss) or something is wrong, which tree_get tells. scratch: TREE_HOT_PAGES
 * pages. */
#define TREE_HOT_PAGES 5
int tree_get_hot(struct snapshot *s, eloq_slice key, struct tree_sink *sink, uint8_t *scratch,
                 struct tree_miss *ret_miss);
/* The same when the leaf was read: into `page`, by tree/read_cold.h. */
int tree_get_in_leaf(struct snapshot *s, const struct tree_miss *miss, const uint8_t *page,
                     eloq_slice key, struct tree_sink *sink, uint8_t *scratch);
/* The greatest visible key <= key, whatever lies between. */
int tree_floor(struct task *t, struct snapshot *s, eloq_slice key, struct tree_sink *sink);

/* One change to one key, for tree_apply. */
struct tree_op {
    eloq_slice key;
    eloq_slice value;
    uint64_t timestamp; /* resolved: TIMESTAMP_NOW, or the caller's own */
    uint64_t expire_at;
    bool is_delete;
    bool is_forced;    /* ignores timestamps: the TTL tree's own. In the main tree: cleaning, which
                          only    drops what has expired */
    uint32_t order;    /* arrival order among the same key */
    uint64_t *skipped; /* incremented when it loses to a newer one; may be NULL */
};
#define TIMESTAMP_NOW UINT64_MAX /* now, but never older than the stored pair */

/* Applies operations sorted by (key, order) to the main tree and keeps the TTL tree in step. The
 * wtx is neither committed nor aborted. now_us gives TIMESTAMP_NOW and, in ms, what has expired. */
int tree_apply(struct task *t, struct wtx *w, struct tree_op *ops, size_t count, uint64_t now_us);
/* Removes every pair with key >= from (not empty), with its overflow pages and TTL keys, whatever
 * its timestamp. Deleted leaves are read in parallel. */
int tree_truncate(struct task *t, struct wtx *w, eloq_slice from);
/* Removes up to `limit` pairs with expiry <= now_ms, by the TTL tree. *ret_removed: how many keys;
 * *ret_next: the next expiry left, 0 if none; *ret_passed: a leaf of the TTL tree that cannot be
 * read was passed over, so that some may be left. */
int tree_clean_expired(struct task *t, struct wtx *w, uint64_t now_ms, size_t limit,
                       size_t *ret_removed, uint64_t *ret_next, bool *ret_passed);
/* Smallest expiry in the TTL tree, 0 if it is empty. *ret_passed as above; then the words of the
 * damage are in t->err. */
int tree_next_expiry(struct task *t, struct snapshot *s, uint64_t *ret_ms, bool *ret_passed);

/* What tree_check found. Lent. */
struct tree_finding {
    const char *what;
    const struct err *err; /* the failed read that `what` is about, or NULL: it knows its place */
    bool is_note;          /* costs space, but no data */
    struct page_id id;     /* NO_PAGE if none */
    bool has_place;
    struct file_page place;
    eloq_slice from, to; /* keys concerned; empty = open */
};
struct tree_stats {
    uint64_t keys, leaves, index_pages, overflow_pages, depth, bytes_keys, bytes_values;
    uint64_t ttl_keys, ttl_pages;
};
/* Verifies the whole snapshot from the disk (format.md 19, engine.md 1.6): pages, links, order,
 * bounds, uniform depth, overflow chains, TTL tree one to one, every mapped page reached once.
 * ELOQ_OK (findings or not) or a failure that stopped it (no memory). */
int tree_check(struct task *t, struct snapshot *s,
               void (*found)(void *user, const struct tree_finding *finding), void *user,
               struct tree_stats *ret);
