/* engine/spread.c -- operations of our own on many shards, waited for by one task. */
#include "engine/spread.h"

#include "base/check.h"
#include "engine/store.h"

struct spread_op {
    eloq_op op;
    struct message back;
    struct spread *spread;
    struct spread_op *next_idle;
};

int spread_init(struct task *t, struct spread *sp, struct shard *home, size_t at_once)
{
    *sp = (struct spread){ .t = t, .home = home, .count = at_once };
    wait_list_init(&sp->done);
    sp->ops = mem_zalloc(&home->store->mem, MEM_REQUESTS, at_once * sizeof(*sp->ops));
    if (!sp->ops)
        return task_no_memory(t);
    for (size_t i = 0; i < at_once; i++) {
        sp->ops[i].spread = sp;
        sp->ops[i].next_idle = sp->idle;
        sp->idle = &sp->ops[i];
    }
    return ELOQ_OK;
}

/* At home again. */
static void come_back(struct shard *s, struct message *message)
{
    struct spread_op *one = container_of(message, struct spread_op, back);
    struct spread *sp = one->spread;

    (void)s;
    if (one->op.status < 0 && sp->rc == ELOQ_OK) {
        sp->rc = one->op.status;
        sp->err = request_of(&one->op)->err;
    }
    one->next_idle = sp->idle;
    sp->idle = one;
    sp->under_way--;
    wait_wake_all(&sp->done);
}

/* On the shard that did it; the last it does with it. */
static void send_back(eloq_op *op)
{
    struct spread_op *one = container_of(op, struct spread_op, op);

    one->back = (struct message){ .kind = REQUEST_MESSAGE, .run = come_back };
    inbox_push_internal(&one->spread->home->inbox, &one->back.item);
}

static void await_one(struct spread *sp)
{
    sp->home->spreading++;
    wait_on(sp->t, &sp->done);
    sp->home->spreading--;
}

eloq_op *spread_take(struct spread *sp)
{
    while (!sp->idle)
        await_one(sp);
    struct spread_op *one = sp->idle;
    sp->idle = one->next_idle;
    one->op = (eloq_op){ .done = send_back };
    return &one->op;
}

void spread_submit(struct spread *sp, unsigned shard, eloq_op *op)
{
    struct eloq_store *store = sp->home->store;

    CHECK(shard < store->shard_count);
    sp->under_way++;
    inbox_push_internal(&store->shards[shard].inbox, &request_of(op)->item);
}

int spread_finish(struct spread *sp)
{
    while (sp->under_way > 0)
        await_one(sp);
    mem_free(&sp->home->store->mem, sp->ops);
    if (sp->rc < 0)
        sp->t->err = sp->err;
    return sp->rc;
}
