/* api/admin.c -- tables, check. */
#include "engine/arguments.h"

static int prepare_tables(eloq_store *store, int (*callback)(void *user, eloq_part part),
                          void *user, eloq_op *op)
{
    eloq_part none = { 0 };

    if (!store || !callback)
        return error_fail(ELOQ_INVALID, "no store, or no callback");
    struct request *r = request_init(op, REQUEST_TABLES, none);
    r->ask.tables.callback = callback;
    r->ask.tables.user = user;
    return ELOQ_OK;
}

int eloq_tables(eloq_store *store, int (*callback)(void *user, eloq_part part), void *user)
{
    eloq_op op = { 0 };

    TRY(prepare_tables(store, callback, user, &op));
    return store_call(store, 0, &op);
}

int eloq_tables_async(eloq_store *store, int (*callback)(void *user, eloq_part part), void *user,
                      eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare_tables(store, callback, user, op));
    return store_submit(store, 0, op);
}

static int prepare_check(eloq_store *store, eloq_part part,
                         void (*callback)(void *user, eloq_part part, const eloq_finding *finding),
                         void *user, eloq_checked *ret, eloq_op *op)
{
    TRY(arguments_part(store, part));
    if (ret)
        *ret = (eloq_checked){ 0 };
    struct request *r = request_init(op, REQUEST_CHECK, part);
    r->ask.check.callback = callback;
    r->ask.check.user = user;
    r->ask.check.ret = ret;
    return ELOQ_OK;
}

int eloq_check(eloq_store *store, eloq_part part,
               void (*callback)(void *user, eloq_part part, const eloq_finding *finding),
               void *user, eloq_checked *ret)
{
    eloq_op op = { 0 };

    TRY(prepare_check(store, part, callback, user, ret, &op));
    return store_call(store, store_shard_of(store, part.partition), &op);
}

int eloq_check_async(eloq_store *store, eloq_part part,
                     void (*callback)(void *user, eloq_part part, const eloq_finding *finding),
                     void *user, eloq_checked *ret, eloq_op *op)
{
    TRY(arguments_op(op));
    TRY(prepare_check(store, part, callback, user, ret, op));
    return store_submit(store, store_shard_of(store, part.partition), op);
}
