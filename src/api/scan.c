/* api/scan.c -- iterators. */
#include "engine/arguments.h"
#include "engine/iter.h"

static int scan(eloq_store *store, eloq_part part, const eloq_range *range, bool is_async,
                eloq_iter **ret)
{
    static const eloq_range everything = { 0 };

    if (!ret)
        return error_fail(ELOQ_INVALID, "no place for the iterator");
    *ret = NULL;
    if (!range)
        range = &everything;
    TRY(arguments_part(store, part));
    TRY(arguments_slice(range->begin, "range.begin"));
    TRY(arguments_slice(range->end, "range.end"));
    return iter_new(store, part, range, is_async, ret);
}

int eloq_scan(eloq_store *store, eloq_part part, const eloq_range *range, eloq_iter **ret)
{
    return scan(store, part, range, false, ret);
}

int eloq_scan_async(eloq_store *store, eloq_part part, const eloq_range *range, eloq_iter **ret)
{
    return scan(store, part, range, true, ret);
}

int eloq_iter_next(eloq_iter *iter, eloq_item *ret)
{
    if (!iter || !ret)
        return error_fail(ELOQ_INVALID, "no iterator, or no place for the item");
    return iter_next(iter, ret);
}

int eloq_iter_fetch_async(eloq_iter *iter, eloq_op *op)
{
    if (!iter)
        return error_fail(ELOQ_INVALID, "no iterator");
    TRY(arguments_op(op));
    TRY(iter_prepare_fetch(iter, op));
    int rc = store_submit(iter->store, iter->shard, op);
    if (rc != ELOQ_OK)
        iter_fetched(iter);
    return rc;
}

void eloq_iter_close(eloq_iter *iter)
{
    iter_close(iter);
}
