/* engine/iter.h -- an iterator: a scan on its shard, a batch of pairs in the caller's hands.
 *
 *     next: pairs of the batch -> ... -> used up -> a fetch (a request) brings the next one
 *
 * The scan belongs to the shard, the batch to whoever calls next; a fetch is the hand-over. A shard
 * with a thread of its own prepares the next batch meanwhile, once a caller has come for a second
 * one. The iterator outlives its store and answers ELOQ_CLOSED then.
 */
#pragma once

#include "engine/shard.h"
#include "engine/store.h"
#include "tree/tree.h"

struct iter_batch {
    struct bytes pairs;
    size_t at;      /* of the next pair */
    int end;        /* what next answers when it is used up: ELOQ_OK: fetch more */
    struct err err; /* words for it */
};

struct eloq_iter {
    struct message release;   /* sent at close; first: it is the whole iterator's */
    struct eloq_store *store; /* referenced */
    unsigned shard;
    bool is_async;
    bool started;          /* a fetch was submitted: the shard may know it */
    _Atomic bool fetching; /* one is under way: what follows is the shard's */
    char *table;
    uint32_t partition;
    eloq_range range; /* bounds owned, behind `table` */

    /* the shard's */
    struct list link; /* in shard.iters while it has a scan */
    struct part *part;
    struct tree_scan scan;
    bool has_scan;
    bool is_stepping;  /* a task is inside the scan */
    bool is_preparing; /* one fills `next` */
    bool is_prepared;  /* it did */
    bool is_wanted;    /* the first batch was used up */
    bool is_over;      /* the scan is let go of as soon as nobody is inside */
    bool is_closed;    /* and the iterator freed */
    struct iter_batch next;
    struct wait_list prepared; /* the fetch that waits for it */
    size_t batch_max;          /* bytes; grows */

    struct iter_batch batch; /* the caller's, the shard's during a fetch */
};

/* Copies everything. ELOQ_OK, ELOQ_NO_MEMORY or ELOQ_CLOSED, with words in error_last(). */
int iter_new(struct eloq_store *store, eloq_part part, const eloq_range *range, bool is_async,
             eloq_iter **ret);
/* Makes the op a fetch of the next batch. ELOQ_INVALID while another one is under way. */
int iter_prepare_fetch(eloq_iter *iter, eloq_op *op);
/* It is over, or was never accepted. */
void iter_fetched(eloq_iter *iter);
int iter_next(eloq_iter *iter, eloq_item *ret);
void iter_close(eloq_iter *iter);
/* On the shard: lets go of the scan, at once or when the tasks that work on it end. */
void iter_release(struct shard *s, struct eloq_iter *iter);
/* On the shard, when neither the caller nor a task can come to it any more. */
void iter_free(struct eloq_iter *iter);
