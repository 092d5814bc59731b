/* engine/spread.h -- one request that is work for many partitions or shards: operations of our own,
 * a bounded number under way at once.
 *
 *     the request's task --spread_take, spread_submit--> inbox of a shard --> as any request
 *            ^                                                                     | done, there
 *            +------------------ a message to the home shard <---------------------+
 *
 * Such a request keeps every shard open until it is answered: store_span_end. */
#pragma once

#include "coro/wait.h"
#include "engine/request.h"

struct spread_op;

struct spread {
    struct task *t;
    struct shard *home;
    struct spread_op *ops;
    size_t count; /* of ops */
    struct spread_op *idle;
    size_t under_way;
    struct wait_list done; /* the task, while it waits for an answer */
    int rc;                /* the first failure */
    struct err err;
};

/* On a task of its home shard. ELOQ_OK or ELOQ_NO_MEMORY. */
int spread_init(struct task *t, struct spread *sp, struct shard *home, size_t at_once);
/* An operation to be prepared by request_init and submitted; waits until one is idle. */
eloq_op *spread_take(struct spread *sp);
void spread_submit(struct spread *sp, unsigned shard, eloq_op *op);
/* Waits for all, frees; returns the first failure, with its words in the task. */
int spread_finish(struct spread *sp);
