/* engine/request.c -- prepare a request, answer it. */
#include "engine/request.h"

#include <string.h>

#include "engine/store.h"

struct request *request_init(eloq_op *op, enum request_kind kind, eloq_part part)
{
    struct request *r = request_of(op);

    r->item = (struct inbox_item){ 0 };
    r->kind = kind;
    r->is_waited = false;
    r->delivery = NULL;
    memset(&r->ask, 0, sizeof(r->ask));
    list_init(&r->ask.job.link);
    r->ask.part = part;
    op->status = ELOQ_OK;
    op->skipped = 0;
    return r;
}

static void finish(struct request *r, int rc, const struct err *e)
{
    struct shard *s = r->ask.shard;

    if (request_spans(r))
        store_span_end(s->store);
    measure_end(s, r, rc);
    request_op(r)->status = rc;
    if (rc < 0) {
        eloq_part part = r->ask.part;
        if (e && e->code == rc)
            r->err = *e; /* over what was asked */
        else
            err_set(&r->err, rc, __FILE__, __LINE__, "%s", err_name(rc));
        if (part.table)
            err_part(&r->err, part.table, part.partition);
    } else {
        err_clear(&r->err);
    }
    shard_finished(s, r);
}

void request_finish(struct request *r, int rc, const struct err *e)
{
    struct shard *s = r->ask.shard; /* it is overwritten */

    finish(r, rc, e);
    memory_freed(s);
}

void request_finish_at_once(struct request *r, int rc)
{
    finish(r, rc, NULL);
}

void request_call_done(struct request *r)
{
    eloq_op *op = request_op(r);

    if (r->delivery && !r->is_waited)
        op->status = r->delivery->run(r->delivery, op->status);
    op->done(op);
}

struct err *error_last(void)
{
    static _Thread_local struct err last;
    return &last;
}
