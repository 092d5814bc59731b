/* engine/store_submit.c -- hand a request to its shard; wait for the answer. */
#include "engine/store.h"
#include "engine/waiter.h"

/* Between the two a shard and its inbox stay where they are, unless it answers false. */
static bool enter(eloq_store *store)
{
    atomic_fetch_add(&store->inside, 1);
    if (atomic_load(&store->state) == STORE_OPEN)
        return true;
    atomic_fetch_sub(&store->inside, 1);
    return false;
}

static void leave(eloq_store *store)
{
    atomic_fetch_sub(&store->inside, 1);
}

static int push(eloq_store *store, unsigned shard, eloq_op *op, bool wait)
{
    struct request *r = request_of(op);
    bool spans = request_spans(r);

    if (!enter(store))
        return ELOQ_CLOSED;
    if (spans)
        store_span_begin(store);
    measure_submit(store, r);
    int rc = inbox_push(&store->shards[shard].inbox, &r->item, wait);
    if (spans && rc != ELOQ_OK)
        store_span_end(store);
    leave(store);
    return rc;
}

static int refused(eloq_store *store, int rc)
{
    if (rc == ELOQ_BUSY)
        return error_fail(rc, "queue is full queue_depth=%u", store->options.queue_depth);
    return error_fail(rc, "store is closed");
}

int store_submit(eloq_store *store, unsigned shard, eloq_op *op)
{
    TRY(store_check_thread(store));
    int rc = push(store, shard, op, false);
    return rc == ELOQ_OK ? rc : refused(store, rc);
}

static void op_done(eloq_op *op)
{
    waiter_wake(op->user);
}

/* The calling thread is the shards': it works until it has its answer. */
static int drive(eloq_store *store, unsigned shard, eloq_op *op, struct waiter *w)
{
    int rc;

    inbox_awake(&store->shards[shard].inbox); /* it is about to look: no need to wake it */
    while ((rc = push(store, shard, op, false)) == ELOQ_BUSY)
        store_host_step(store, UINT64_MAX);
    if (rc != ELOQ_OK)
        return refused(store, rc);
    while (!waiter_is_done(w))
        store_host_step(store, UINT64_MAX);
    shard_rest(&store->shards[0]);
    return ELOQ_OK;
}

int store_call(eloq_store *store, unsigned shard, eloq_op *op)
{
    struct waiter w = { 0 };
    struct request *r = request_of(op);

    if (shard_current())
        return error_fail(ELOQ_INVALID, "a waiting call inside done");
    TRY(store_check_thread(store));
    op->done = op_done;
    op->user = &w; /* cppcheck-suppress autoVariables; the op is done before this returns */
    op->queue = NULL;
    r->is_waited = true;
    if (store->options.host_driven) {
        TRY(drive(store, shard, op, &w));
    } else {
        int rc = push(store, shard, op, true);
        if (rc != ELOQ_OK)
            return refused(store, rc);
        waiter_sleep(&w);
    }
    if (op->status < 0)
        *error_last() = r->err;
    return r->delivery ? r->delivery->run(r->delivery, op->status) : op->status;
}
