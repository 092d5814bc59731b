/* engine/iter.c -- an iterator in its caller's hands. */
#include "engine/iter.h"

#include <string.h>

#include "base/coding.h"
#include "engine/iter_batch.h"

int iter_new(struct eloq_store *store, eloq_part part, const eloq_range *range, bool is_async,
             eloq_iter **ret)
{
    size_t name_bytes = strlen(part.table) + 1;
    struct mem *m = &store->mem;

    if (atomic_load(&store->state) != STORE_OPEN)
        return error_fail(ELOQ_CLOSED, "store is closed");
    struct eloq_iter *iter = mem_zalloc(m, MEM_RESULTS, sizeof(*iter));
    char *copy = mem_alloc(m, MEM_RESULTS, name_bytes + range->begin.size + range->end.size);
    if (!iter || !copy) {
        mem_free(m, iter);
        mem_free(m, copy);
        return error_fail(ELOQ_NO_MEMORY, "out of memory");
    }
    memcpy(copy, part.table, name_bytes);
    char *begin = copy + name_bytes, *end = begin + range->begin.size;
    if (range->begin.size)
        memcpy(begin, range->begin.data, range->begin.size);
    if (range->end.size)
        memcpy(end, range->end.data, range->end.size);

    store_ref(store);
    iter->store = store;
    iter->shard = store_shard_of(store, part.partition);
    iter->is_async = is_async;
    iter->table = copy;
    iter->partition = part.partition;
    iter->range = *range;
    iter->range.begin = eloq_bytes(begin, range->begin.size);
    iter->range.end = eloq_bytes(end, range->end.size);
    list_init(&iter->link);
    bytes_init(&iter->batch.pairs, m, MEM_RESULTS);
    bytes_init(&iter->next.pairs, m, MEM_RESULTS);
    wait_list_init(&iter->prepared);
    iter->batch_max = ITER_BATCH_FIRST;
    *ret = iter;
    return ELOQ_OK;
}

void iter_free(struct eloq_iter *iter)
{
    struct eloq_store *store = iter->store;

    bytes_free(&iter->batch.pairs);
    bytes_free(&iter->next.pairs);
    mem_free(&store->mem, iter->table);
    mem_free(&store->mem, iter);
    store_unref(store);
}

static void released(struct shard *s, struct message *message)
{
    struct eloq_iter *iter = container_of(message, struct eloq_iter, release);

    iter->is_closed = true;
    iter_release(s, iter);
    if (!iter->has_scan)
        iter_free(iter);
}

void iter_close(eloq_iter *iter)
{
    if (!iter)
        return;
    struct eloq_store *store = iter->store;
    struct shard *s = &store->shards[iter->shard];

    pthread_mutex_lock(&store->life);
    bool gone = s->gone || !iter->started;
    if (!gone) {
        iter->release = (struct message){ .kind = REQUEST_MESSAGE, .run = released };
        inbox_push_internal(&s->inbox, &iter->release.item);
    }
    pthread_mutex_unlock(&store->life);
    if (gone)
        iter_free(iter);
}

int iter_prepare_fetch(eloq_iter *iter, eloq_op *op)
{
    eloq_part part = { iter->table, iter->partition };

    if (atomic_exchange(&iter->fetching, true))
        return error_fail(ELOQ_INVALID, "a fetch of this iterator is under way");
    request_init(op, REQUEST_FETCH, part)->ask.iter = iter;
    iter->started = true;
    return ELOQ_OK;
}

void iter_fetched(eloq_iter *iter)
{
    atomic_store(&iter->fetching, false);
}

static int fetch(eloq_iter *iter)
{
    eloq_op op = { 0 };

    TRY(iter_prepare_fetch(iter, &op));
    int rc = store_call(iter->store, iter->shard, &op);
    iter_fetched(iter);
    return rc;
}

int iter_next(eloq_iter *iter, eloq_item *ret)
{
    if (iter->is_async && atomic_load(&iter->fetching))
        return ELOQ_FETCH;
    struct iter_batch *b = &iter->batch;
    for (;;) {
        bool at_end = b->at == b->pairs.size;
        if (at_end && b->end != ELOQ_OK) {
            if (b->end < 0)
                *error_last() = b->err;
            return b->end;
        }
        if (atomic_load(&iter->store->state) != STORE_OPEN)
            return error_fail(ELOQ_CLOSED, "store is closed");
        if (!at_end) {
            iter_batch_read(&b->pairs, &b->at, ret);
            return ELOQ_OK;
        }
        if (iter->is_async)
            return ELOQ_FETCH;
        int rc = fetch(iter);
        if (rc < 0 && b->end == ELOQ_OK)
            return rc; /* it did not reach the scan: calling again tries again */
    }
}
