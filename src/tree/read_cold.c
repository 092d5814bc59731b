/* tree/read_cold.c -- one pair by its key with one device read, without a task. */
#include "tree/read_cold.h"

#include <string.h>

#include "tree/buffers.h"
#include "tree/descend.h"

static void fetched(struct pagefiles_fetch *fetch)
{
    struct cold_read *r = container_of(fetch, struct cold_read, fetch);

    r->done(r);
}

static struct cold_read *new_read(struct snapshot *s, const struct tree_miss *miss)
{
    struct part_env *env = s->part->env;
    eloq_slice lower = miss->frame.lower, upper = miss->frame.upper;
    struct cold_read *r = mem_alloc(env->mem, MEM_TASKS, sizeof(*r) + lower.size + upper.size);

    if (!r)
        return NULL;
    r->miss = *miss;
    if (lower.size != 0)
        memcpy(r->bounds, lower.data, lower.size);
    if (upper.size != 0)
        memcpy(r->bounds + lower.size, upper.data, upper.size);
    r->miss.frame.lower = eloq_bytes(r->bounds, lower.size);
    r->miss.frame.upper = eloq_bytes(r->bounds + lower.size, upper.size);
    if (buffers_take(env, &r->page, 1) == 1)
        return r;
    mem_free(env->mem, r);
    return NULL;
}

static void free_read(struct part_env *env, struct cold_read *r)
{
    pagepool_put(env->pool, r->page);
    mem_free(env->mem, r);
}

bool cold_read_start(struct snapshot *s, const struct tree_miss *miss,
                     void (*done)(struct cold_read *r), void *user)
{
    struct cold_read *r = new_read(s, miss);

    if (!r)
        return false;
    r->done = done;
    r->user = user;
    r->snapshot = snapshot_ref(s);
    if (pages_fetch_leaf(s, miss->leaf, r->page, &r->fetch, fetched))
        return true;
    free_read(s->part->env, r);
    snapshot_unref(s);
    return false;
}

int cold_read_end(struct cold_read *r, eloq_slice key, struct tree_sink *sink, uint8_t *scratch)
{
    struct snapshot *s = r->snapshot;
    struct part_env *env = s->part->env;
    int rc = ELOQ_FETCH;

    if (pages_fetched_leaf(&r->fetch)) {
        rc = tree_get_in_leaf(s, &r->miss, r->page, key, sink, scratch);
        if (pages_keep_leaf(s, r->miss.leaf, r->page))
            r->page = NULL;
    }
    free_read(env, r);
    snapshot_unref(s);
    return rc;
}
