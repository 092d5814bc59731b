/* engine/dispatch.c -- request kind to function. */
#include "engine/dispatch.h"

#include "engine/archive_all.h"
#include "engine/iter.h"
#include "engine/run.h"
#include "engine/stats.h"
#include "engine/writeq.h"

typedef int run_function(struct task *t, struct shard *s, struct request *r);

static run_function *const table[REQUEST_KINDS] = {
    [REQUEST_GET] = run_get,
    [REQUEST_GET_MANY] = run_get_many,
    [REQUEST_FLOOR] = run_floor,
    [REQUEST_FETCH] = run_fetch,
    [REQUEST_TABLES] = run_tables,
    [REQUEST_ARCHIVES] = run_archives,
    [REQUEST_ARCHIVE_ALL] = run_archive_all,
    [REQUEST_DROP] = run_drop,
};

/* Those that leave nothing behind when they fail, and so can be run again. */
static bool can_repeat(const struct request *r)
{
    return r->kind == REQUEST_GET || r->kind == REQUEST_GET_MANY || r->kind == REQUEST_FLOOR
           || r->kind == REQUEST_TABLES || r->kind == REQUEST_ARCHIVES;
}

static void run_job(struct task *t, struct job *job)
{
    struct request *r = request_of_job(job);
    struct shard *s = shard_of(t);
    struct memory_tries tries = { 0 };
    int rc;

    measure_begin(t, r);
    do
        rc = table[r->kind](t, s, r);
    while (rc == ELOQ_NO_MEMORY && can_repeat(r) && memory_await(t, s, &tries));
    request_finish(r, rc, &t->err);
}

static void refuse_job(struct job *job)
{
    struct request *r = request_of_job(job);
    struct err e;

    if (r->kind == REQUEST_FETCH)
        iter_fetched(r->ask.iter);
    err_set(&e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "no memory for a task");
    request_finish(r, ELOQ_NO_MEMORY, &e);
}

/* Most reads need none: now if all is in memory, else when the leaf is there. */
static bool is_answered_without_task(struct shard *s, struct request *r)
{
    if (r->kind == REQUEST_FETCH)
        return run_fetch_prepared(s, r);
    if (r->kind != REQUEST_GET)
        return false;
    struct tree_miss miss;
    int rc = run_get_hot(s, r->ask.part, r->ask.key, &request_op(r)->record, &miss);
    if (rc == ELOQ_FETCH)
        return run_get_cold(s, r, &miss);
    request_finish_at_once(r, rc);
    return true;
}

void dispatch_task(struct shard *s, struct request *r)
{
    r->ask.job.run = run_job;
    r->ask.job.refuse = refuse_job;
    shard_start(s, &r->ask.job);
}

void dispatch(struct shard *s, struct request *r)
{
    switch (r->kind) {
    case REQUEST_WRITE:
    case REQUEST_CHECK:
    case REQUEST_TRUNCATE:
    case REQUEST_COMPACT:
    case REQUEST_CLEAN:
    case REQUEST_ARCHIVE:
    case REQUEST_RESTORE:
        writeq_enter(s, r);
        break;
    case REQUEST_LOADED:
        run_loaded(s, r);
        break;
    case REQUEST_STAT:
        stats_run(s, r);
        break;
    default:
        if (!is_answered_without_task(s, r))
            dispatch_task(s, r);
        break;
    }
}
