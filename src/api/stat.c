/* api/stat.c -- the numbers of a store: one by name, all as text. */
#include "engine/arguments.h"
#include "engine/metrics.h"
#include "engine/stats_ask.h"

/* On the caller's stack: the numbers are wanted most when memory is out. */
static int collect(eloq_store *store, struct stats *ret)
{
    eloq_op op = { 0 };

    stats_ask(&op, ret);
    return store_call(store, 0, &op);
}

static int check_name(eloq_store *store, const char *name, const uint64_t *ret)
{
    uint64_t ignored;

    if (!store || !name || !ret)
        return error_fail(ELOQ_INVALID, "no store, name or place for the number");
    if (!stats_find(NULL, name, &ignored))
        return error_fail(ELOQ_INVALID, "no counter of this name: %.80s", name);
    return ELOQ_OK;
}

int eloq_stat(eloq_store *store, const char *name, uint64_t *ret)
{
    struct stats stats = { 0 };

    TRY(check_name(store, name, ret));
    TRY(collect(store, &stats));
    stats_find(&stats, name, ret);
    return ELOQ_OK;
}

static int submit(eloq_store *store, eloq_op *op)
{
    int rc = store_submit(store, 0, op);

    if (rc != ELOQ_OK)
        stats_ask_drop(op);
    return rc;
}

int eloq_stat_async(eloq_store *store, const char *name, uint64_t *ret, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(check_name(store, name, ret));
    TRY(stats_ask_one(store, op, name, ret));
    return submit(store, op);
}

int eloq_metrics(eloq_store *store, eloq_buffer *ret)
{
    struct stats stats = { 0 };

    if (!store || !ret)
        return error_fail(ELOQ_INVALID, "no store, or no buffer");
    TRY(collect(store, &stats));
    if (metrics_text(&stats, &store->mem, ret) < 0)
        return error_fail(ELOQ_NO_MEMORY, "out of memory");
    return ELOQ_OK;
}

int eloq_metrics_async(eloq_store *store, eloq_buffer *ret, eloq_op *op)
{
    TRY(arguments_op(op));
    if (!store || !ret)
        return error_fail(ELOQ_INVALID, "no store, or no buffer");
    TRY(stats_ask_text(store, op, ret));
    return submit(store, op);
}

const char *const *eloq_stat_names(void)
{
    return stats_names();
}
