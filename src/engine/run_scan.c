/* engine/run_scan.c -- fill an iterator's next batch. */
#include "base/check.h"
#include "engine/iter.h"
#include "engine/iter_batch.h"
#include "engine/run.h"

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
    iter->has_scan = true;
    list_push_back(&s->iters, &iter->link);
    s->counts.iterators++;
    return ELOQ_OK;
}

void iter_release(struct shard *s, struct eloq_iter *iter)
{
    if (!iter->has_scan)
        return;
    iter->has_scan = false;
    list_remove(&iter->link);
    s->counts.iterators--;
    tree_scan_close(&iter->scan);
    part_table_release(&s->parts, iter->part);
}

static int take(void *user, const struct tree_pair *pair)
{
    struct eloq_iter *iter = user;
    struct bytes *batch = &iter->batch;

    if (bytes_reserve(batch, ITER_BATCH_HEADER + pair->key.size + pair->value.size) < 0)
        return ELOQ_NO_MEMORY;
    iter_batch_add(batch, pair);
    return batch->size >= iter->batch_max ? ELOQ_FETCH : ELOQ_OK;
}

/* A step. What was found before memory ran out is handed out first. */
static int step(struct task *t, struct shard *s, struct eloq_iter *iter)
{
    struct memory_tries tries = { 0 };
    int rc;

    do {
        iter->is_stepping = true;
        rc = tree_scan_step(t, &iter->scan, take, iter);
        iter->is_stepping = false;
    } while (rc == ELOQ_NO_MEMORY && iter->batch.size == 0 && memory_await(t, s, &tries));
    return rc == ELOQ_NO_MEMORY && iter->batch.size > 0 ? ELOQ_OK : rc;
}

/* Steps until there is something to hand out, or nothing more. */
static int fill(struct task *t, struct shard *s, struct eloq_iter *iter)
{
    size_t most = MAX(s->store->budget.scan_bytes, ITER_BATCH_FIRST);
    if (memory_is_short(s))
        iter->batch_max = most = ITER_BATCH_LEAST;
    if (iter->batch.capacity > 2 * most)
        bytes_free(&iter->batch); /* a giant was in it, or it was made in better times */
    iter->batch.size = 0;
    iter->at = 0;
    for (;;) {
        int rc = step(t, s, iter);
        if (rc != ELOQ_OK)
            return rc;
        if (iter->batch.size > 0)
            break;
        task_yield(t);
    }
    iter->batch_max = MIN(2 * iter->batch_max, most);
    return ELOQ_OK;
}

/* Answers ELOQ_OK when next can go on; how the scan ended stays with the iterator. */
static int fetch(struct task *t, struct shard *s, struct eloq_iter *iter)
{
    if (iter->at < iter->batch.size || iter->end != ELOQ_OK)
        return ELOQ_OK;
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
        rc = fill(t, s, iter);
    iter->end = rc;
    if (rc < 0) {
        if (t->err.code != rc)
            task_fail(t, rc, "%s", err_name(rc));
        iter->err = t->err;
        err_part(&iter->err, iter->table, iter->partition);
    }
    if (rc != ELOQ_OK)
        iter_release(s, iter);
    part_table_trim(t, &s->parts);
    return iter->batch.size > 0 ? ELOQ_OK : MIN(rc, ELOQ_OK);
}

int run_fetch(struct task *t, struct shard *s, struct request *r)
{
    int rc = fetch(t, s, r->ask.iter);

    iter_fetched(r->ask.iter);
    return rc;
}
