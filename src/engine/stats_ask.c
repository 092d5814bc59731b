/* engine/stats_ask.c -- an op that asks for the numbers of a store. */
#include "engine/stats_ask.h"

#include "engine/metrics.h"
#include "engine/store.h"

struct asked {
    struct delivery delivery;
    struct eloq_store *store; /* referenced: this is its memory */
    struct stats stats;
    const char *name; /* with `number`; lent until done */
    uint64_t *number;
    eloq_buffer *text;
};

static void free_asked(struct asked *a)
{
    struct eloq_store *store = a->store;

    mem_free(&store->mem, a);
    store_unref(store);
}

static int deliver(struct delivery *delivery, int status)
{
    struct asked *a = container_of(delivery, struct asked, delivery);

    if (status == ELOQ_OK && a->text)
        status = metrics_text(&a->stats, &a->store->mem, a->text);
    else if (status == ELOQ_OK)
        stats_find(&a->stats, a->name, a->number);
    free_asked(a);
    return status;
}

void stats_ask(eloq_op *op, struct stats *stats)
{
    const eloq_part none = { 0 };

    request_init(op, REQUEST_STAT, none)->ask.stats = stats;
}

static struct asked *ask(eloq_store *store, eloq_op *op)
{
    struct asked *a = mem_zalloc(&store->mem, MEM_RESULTS, sizeof(*a));

    if (!a)
        return NULL;
    store_ref(store);
    a->delivery.run = deliver;
    a->store = store;
    stats_ask(op, &a->stats);
    request_of(op)->delivery = &a->delivery;
    return a;
}

int stats_ask_one(eloq_store *store, eloq_op *op, const char *name, uint64_t *ret)
{
    struct asked *a = ask(store, op);

    if (!a)
        return error_fail(ELOQ_NO_MEMORY, "out of memory");
    a->name = name;
    a->number = ret;
    return ELOQ_OK;
}

int stats_ask_text(eloq_store *store, eloq_op *op, eloq_buffer *ret)
{
    struct asked *a = ask(store, op);

    if (!a)
        return error_fail(ELOQ_NO_MEMORY, "out of memory");
    a->text = ret;
    return ELOQ_OK;
}

void stats_ask_drop(eloq_op *op)
{
    struct request *r = request_of(op);

    free_asked(container_of(r->delivery, struct asked, delivery));
    r->delivery = NULL;
}
