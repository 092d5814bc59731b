/* tree/buffers.c -- page buffers for a read, at the page cache's expense when memory is short. */
#include "tree/buffers.h"

#define SHRINK_PAGES 8 /* evicted at once, so that the next read need not evict again */

size_t buffers_take(struct part_env *env, uint8_t **pages, size_t want)
{
    size_t got = 0;
    while (got < want) {
        uint8_t *page = pagepool_get(env->pool);
        if (!page && got == 0 && leaf_cache_shrink(env->leaves, SHRINK_PAGES) > 0)
            page = pagepool_get(env->pool);
        if (!page && got == 0 && page_cache_shrink(env->cache, SHRINK_PAGES) > 0)
            page = pagepool_get(env->pool);
        if (!page)
            break;
        pages[got++] = page;
    }
    return got;
}

int buffers_take_one(struct task *t, struct part_env *env, uint8_t **ret)
{
    return buffers_take(env, ret, 1) == 1 ? ELOQ_OK : task_no_memory(t);
}

void buffers_give(struct part_env *env, uint8_t **pages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pagepool_put(env->pool, pages[i]);
        pages[i] = NULL;
    }
}
