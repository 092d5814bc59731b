/* engine/run_scan.c -- fill an iterator's next batch, for a fetch or before it. */
#include "base/check.h"
#include "engine/iter.h"
#include "engine/iter_batch.h"
#include "engine/run.h"

static bool start_helper(void *user, void (*entry)(struct task *t, void *arg), void *arg)
{
    struct eloq_iter *iter = user;
    struct shard *s = &iter->store->shards[iter->shard];

    return !memory_is_short(s) && shard_try_start(s, entry, arg);
}

/* A task does not work on the iterator any more: does what waited for that. The iterator may be
 * gone afterwards. */
static void leave(struct shard *s, struct eloq_iter *iter)
{
    if (iter->is_over)
        iter_release(s, iter);
    if (iter->is_closed && !iter->has_scan)
        iter_free(iter);
}

static void end_helper(void *user)
{
    struct eloq_iter *iter = user;
    struct shard *s = &iter->store->shards[iter->shard];

    leave(s, iter);
    shard_task_end(s);
}

static const struct scan_helpers helpers = { .start = start_helper, .end = end_helper };

/* The first fetch decides which moment of the partition the scan sees. */
static int start(struct task *t, struct shard *s, struct eloq_iter *iter)
{
    int rc = part_table_acquire(t, &s->parts, iter->table, iter->partition, false, &iter->part);
    if (rc != ELOQ_OK)
        return rc;
    rc = tree_scan_open(&iter->scan, &s->store->mem, iter->part->current, TREE_MAIN, &iter->range,
                        shard_hide_ms(s));
    if (rc < 0) {
        part_table_release(&s->parts, iter->part);
        return task_no_memory(t);
    }
    tree_scan_help(&iter->scan, &helpers, iter);
    iter->has_scan = true;
    list_push_back(&s->iters, &iter->link);
    s->counts.iterators++;
    return ELOQ_OK;
}

void iter_release(struct shard *s, struct eloq_iter *iter)
{
    if (!iter->has_scan)
        return;
    iter->is_over = true;
    if (iter->is_preparing || iter->scan.is_reading)
        return; /* leave() comes back here */
    iter->has_scan = false;
    list_remove(&iter->link);
    s->counts.iterators--;
    tree_scan_close(&iter->scan);
    part_table_release(&s->parts, iter->part);
}

/* A batch being filled. */
struct filling {
    struct eloq_iter *iter;
    struct bytes *pairs;
};

static int take(void *user, const struct tree_pair *pair)
{
    struct filling *f = user;

    TRY(iter_batch_add(f->pairs, pair));
    return f->pairs->size >= f->iter->batch_max ? ELOQ_FETCH : ELOQ_OK;
}

/* A step. What was found before memory ran out is handed out first. */
static int step(struct task *t, struct shard *s, struct filling *f)
{
    struct eloq_iter *iter = f->iter;
    struct memory_tries tries = { 0 };
    int rc;

    do {
        iter->is_stepping = true;
        rc = tree_scan_step(t, &iter->scan, take, f);
        iter->is_stepping = false;
    } while (rc == ELOQ_NO_MEMORY && f->pairs->size == 0 && !iter->is_preparing
             && memory_await(t, s, &tries));
    return rc == ELOQ_NO_MEMORY && f->pairs->size > 0 ? ELOQ_OK : rc;
}

/* Steps until there is something to hand out, or nothing more. */
static int fill(struct task *t, struct shard *s, struct eloq_iter *iter, struct iter_batch *b)
{
    struct filling f = { iter, &b->pairs };
    size_t most = MAX(s->store->budget.scan_bytes, ITER_BATCH_FIRST);
    if (memory_is_short(s))
        iter->batch_max = most = ITER_BATCH_LEAST;
    if (b->pairs.capacity > 2 * most)
        bytes_free(&b->pairs); /* a giant was in it, or it was made in better times */
    b->pairs.size = 0;
    b->at = 0;
    for (;;) {
        int rc = step(t, s, &f);
        if (rc != ELOQ_OK)
            return rc;
        if (b->pairs.size > 0)
            break;
        task_yield(t);
    }
    iter->batch_max = MIN(2 * iter->batch_max, most);
    return ELOQ_OK;
}

/* How the filling ended stays with the batch, and so with the pairs before that. */
static void finish(struct task *t, struct eloq_iter *iter, struct iter_batch *b, int rc)
{
    b->end = rc;
    if (rc >= 0)
        return;
    if (t->err.code != rc)
        task_fail(t, rc, "%s", err_name(rc));
    b->err = t->err;
    err_part(&b->err, iter->table, iter->partition);
}

/* ---- before the caller comes for it ---- */

static void prepare(struct task *t, void *arg)
{
    struct eloq_iter *iter = arg;
    struct shard *s = shard_of(t);

    int rc = fill(t, s, iter, &iter->next);
    iter->is_preparing = false;
    if (rc != ELOQ_NO_MEMORY) { /* else the fetch may have more luck */
        finish(t, iter, &iter->next, rc);
        iter->is_prepared = true;
        if (rc != ELOQ_OK)
            iter_release(s, iter);
    }
    wait_wake_all(&iter->prepared);
    leave(s, iter);
    part_table_trim(t, &s->parts);
    shard_task_end(s);
}

/* Who drives the shard himself would only wait for it sooner. */
static void start_preparing(struct shard *s, struct eloq_iter *iter)
{
    bool is_wanted = iter->is_wanted;

    iter->is_wanted = true;
    if (!is_wanted || s->store->options.host_driven || !iter->has_scan || iter->is_over
        || memory_is_short(s)) {
        bytes_free(&iter->next.pairs);
        return;
    }
    iter->is_preparing = shard_try_start(s, prepare, iter);
}

static int take_prepared(struct shard *s, struct eloq_iter *iter, struct err *ret)
{
    struct iter_batch used = iter->batch;

    iter->batch = iter->next;
    iter->next = used;
    iter->is_prepared = false;
    start_preparing(s, iter);
    if (iter->batch.pairs.size > 0 || iter->batch.end >= 0)
        return ELOQ_OK;
    *ret = iter->batch.err;
    return iter->batch.end;
}

/* ---- a fetch ---- */

/* The caller has not come to its end yet, or there is nothing behind it. */
static bool is_in_hand(const struct iter_batch *b)
{
    return b->at < b->pairs.size || b->end != ELOQ_OK;
}

/* Answers ELOQ_OK when next can go on. */
static int fetch(struct task *t, struct shard *s, struct eloq_iter *iter)
{
    struct iter_batch *b = &iter->batch;

    if (is_in_hand(b))
        return ELOQ_OK;
    if (iter->is_preparing)
        wait_on(t, &iter->prepared);
    if (iter->is_prepared)
        return take_prepared(s, iter, &t->err);
    int rc = ELOQ_OK;
    struct memory_tries tries = { 0 };
    if (!iter->has_scan) {
        do
            rc = start(t, s, iter);
        while (rc == ELOQ_NO_MEMORY && memory_await(t, s, &tries));
    }
    if (rc == ELOQ_NOT_FOUND)
        rc = ELOQ_END; /* absent is as good as empty */
    if (rc == ELOQ_OK)
        rc = fill(t, s, iter, b);
    finish(t, iter, b, rc);
    if (rc != ELOQ_OK)
        iter_release(s, iter);
    else
        start_preparing(s, iter);
    part_table_trim(t, &s->parts);
    return b->pairs.size > 0 ? ELOQ_OK : MIN(rc, ELOQ_OK);
}

bool run_fetch_prepared(struct shard *s, struct request *r)
{
    struct eloq_iter *iter = r->ask.iter;
    struct err err;

    if (!iter->is_prepared || is_in_hand(&iter->batch))
        return false;
    int rc = take_prepared(s, iter, &err);
    iter_fetched(iter);
    if (rc < 0)
        request_finish(r, rc, &err);
    else
        request_finish_at_once(r, rc);
    return true;
}

int run_fetch(struct task *t, struct shard *s, struct request *r)
{
    int rc = fetch(t, s, r->ask.iter);

    iter_fetched(r->ask.iter);
    return rc;
}
