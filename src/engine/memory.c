/* engine/memory.c -- what a shard does when memory_bytes is reached. */
#include "engine/memory.h"

#include "engine/iter.h"
#include "engine/store.h"

#define TRIES 1000
#define IN_VAIN 20 /* waits in which nothing moved */
#define WAIT_NS UINT64_C(100000000)
#define OTHERS_NS UINT64_C(10000000) /* other shards hold it: nobody here will say so */

void memory_init(struct shard *s)
{
    wait_list_init(&s->memory.waiting);
    s->memory.waiting_count = 0;
    s->memory.is_reclaiming = false;
}

bool memory_is_short(const struct shard *s)
{
    const struct mem *m = &s->store->mem;

    uint64_t spare = (uint64_t)s->leaves.count * s->pool.page_bytes;

    return atomic_load_explicit(&m->total, memory_order_relaxed) > m->limit / 2 + spare;
}

/* Gives back what idle iterators have read ahead, the oldest iterator's first, until `made` page
 * buffers are left in existence. Answers how many bytes that were no page buffers went. */
static size_t rest_iterators(struct shard *s, size_t made)
{
    size_t others = 0;

    LIST_FOR(node, &s->iters)
    {
        struct eloq_iter *iter = container_of(node, struct eloq_iter, link);
        if (s->pool.made <= made + others / s->pool.page_bytes)
            break;
        if (!iter->is_stepping)
            others += tree_scan_rest(&iter->scan);
        pagepool_trim(&s->pool, s->pool.made - made);
    }
    return others;
}

/* Whether anything was given back. */
static bool reclaim(struct shard *s, size_t size)
{
    struct pagepool *pool = &s->pool;
    size_t pages = size / pool->page_bytes + 1;
    size_t before = pool->made, made = before > pages ? before - pages : 0;

    pagepool_trim(pool, pages);
    if (pool->made > made) {
        leaf_cache_shrink(&s->leaves, pool->made - made);
        pagepool_trim(pool, pages);
    }
    if (pool->made > made) {
        page_cache_shrink(&s->cache, pool->made - made);
        pagepool_trim(pool, pages);
    }
    size_t others = rest_iterators(s, made);
    return pool->made < before || others > 0;
}

bool memory_reclaim(void *user, size_t size)
{
    struct shard *s = shard_current();

    if (!s || s->store != user || !s->parts_ready || s->memory.is_reclaiming)
        return false;
    s->memory.is_reclaiming = true;
    bool some = reclaim(s, size);
    s->memory.is_reclaiming = false;
    return some;
}

/* Idle partitions go, what is kept for reuse goes. Suspends. */
static void empty(struct task *t, struct shard *s)
{
    part_table_shrink(t, &s->parts);
    leaf_cache_shrink(&s->leaves, SIZE_MAX);
    page_cache_shrink(&s->cache, SIZE_MAX);
    pagepool_trim(&s->pool, SIZE_MAX);
    sched_trim(&s->sched);
}

static bool others_work(const struct shard *s)
{
    for (unsigned i = 0; i < s->store->shard_count; i++) {
        const struct shard *other = &s->store->shards[i];
        if (other != s && other->tasks > other->memory.waiting_count)
            return true;
    }
    return false;
}

/* Somebody will end and give memory back, however slow the device is. A task of ours without an
 * operation under way may wait for what the asking one has. */
static bool something_moves(const struct shard *s)
{
    return s->io->in_flight > 0 || others_work(s);
}

static bool await(struct task *t, struct shard *s, struct memory_tries *tries)
{
    bool is_alone = s->tasks <= s->memory.waiting_count + 1;
    bool has_others = s->store->shard_count > 1;

    if (tries->all++ >= TRIES || tries->in_vain >= IN_VAIN)
        return false;
    if (is_alone && !tries->emptied) {
        tries->emptied = true;
        empty(t, s);
        return true;
    }
    if (is_alone && !has_others)
        return false;
    s->memory.waiting_count++;
    bool woken = wait_on_for(t, &s->memory.waiting, is_alone ? OTHERS_NS : WAIT_NS);
    s->memory.waiting_count--;
    tries->in_vain = woken || something_moves(s) ? 0 : tries->in_vain + 1;
    return true;
}

bool memory_await(struct task *t, struct shard *s, struct memory_tries *tries)
{
    struct arena_mark mark = arena_mark(&t->arena);
    struct err *first = arena_copy(&t->arena, &t->err, sizeof(t->err));

    bool again = await(t, s, tries);
    if (again)
        s->counts.retried++;
    if (first)
        t->err = *first;
    arena_reset(&t->arena, mark);
    return again;
}

void memory_freed(struct shard *s)
{
    wait_wake_one(&s->memory.waiting);
}
