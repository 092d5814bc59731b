/* part/leaf_cache.c -- data pages in memory: pin, offer, evict what is not used again (S3-FIFO). */
#include "part/leaf_cache.h"

#include "base/check.h"

#define USES_MAX 3
#define SMALL_SHARE 10 /* the small queue is 1/10 of the cache */

struct page_key {
    const struct leaf_owner *owner;
    uint64_t place;
};

static bool same_page(const void *value, const void *key)
{
    const struct leaf_page *p = value;
    const struct page_key *k = key;

    return p->owner == k->owner && p->place.n == k->place;
}

static uint64_t page_hash(const struct leaf_owner *owner, struct file_page place)
{
    return hash_mix(owner->number, place.n);
}

static struct leaf_page *find(const struct leaf_cache *c, const struct leaf_owner *owner,
                              struct file_page place)
{
    struct page_key key = { owner, place.n };

    return map_get(&c->pages, page_hash(owner, place), &key);
}

void leaf_cache_init(struct leaf_cache *c, struct mem *m, struct pagepool *pool, size_t limit)
{
    *c = (struct leaf_cache){ .mem = m, .pool = pool, .limit = limit };
    map_init(&c->pages, m, MEM_PAGES, same_page);
    list_init(&c->small);
    list_init(&c->main);
}

void leaf_cache_deinit(struct leaf_cache *c)
{
    leaf_cache_shrink(c, SIZE_MAX);
    CHECK(c->count == 0);
    map_free(&c->pages);
    mem_free(c->mem, c->gone);
}

void leaf_owner_init(struct leaf_cache *c, struct leaf_owner *o)
{
    o->number = ++c->owners;
    list_init(&o->pages);
}

/* ---- what has left the small queue: newer ones overwrite older ones ---- */

/* Without memory for it nothing is remembered. */
static void make_memory(struct leaf_cache *c)
{
    c->gone_size = 64;
    while (c->gone_size < c->limit)
        c->gone_size *= 2;
    c->gone = mem_zalloc(c->mem, MEM_PAGES, c->gone_size * sizeof(*c->gone));
}

static void remember(struct leaf_cache *c, uint64_t hash)
{
    if (c->gone)
        c->gone[hash & (c->gone_size - 1)] = (uint32_t)(hash >> 32);
}

static bool was_here(const struct leaf_cache *c, uint64_t hash)
{
    return c->gone && c->gone[hash & (c->gone_size - 1)] == (uint32_t)(hash >> 32);
}

/* ---- queues ---- */

static void enqueue(struct leaf_cache *c, struct leaf_page *p, bool is_main)
{
    p->is_main = is_main;
    c->small_count += !is_main;
    list_push_back(is_main ? &c->main : &c->small, &p->queue);
}

static void dequeue(struct leaf_cache *c, struct leaf_page *p)
{
    list_remove(&p->queue);
    c->small_count -= !p->is_main;
}

static void remove_page(struct leaf_cache *c, struct leaf_page *p)
{
    CHECK(p->pins == 0);
    dequeue(c, p);
    list_remove(&p->siblings);
    map_remove(&c->pages, page_hash(p->owner, p->place), p);
    pagepool_put(c->pool, p->data);
    mem_free(c->mem, p);
    c->count--;
}

/* Looks at the oldest page of one of the queues; true if it went. */
static bool look_at_oldest(struct leaf_cache *c)
{
    bool from_small = c->small_count > c->limit / SMALL_SHARE || list_empty(&c->main);
    struct list *node = list_first(from_small ? &c->small : &c->main);
    struct leaf_page *p = container_of(node, struct leaf_page, queue);

    if (p->pins == 0 && p->uses == 0) {
        uint64_t hash = page_hash(p->owner, p->place);
        remove_page(c, p);
        c->evictions++;
        if (from_small)
            remember(c, hash);
        return true;
    }
    if (p->uses > 0)
        p->uses--;
    dequeue(c, p);
    enqueue(c, p, true);
    return false;
}

/* False when all are pinned. */
static bool evict_one(struct leaf_cache *c)
{
    for (size_t left = (USES_MAX + 1) * c->count; left > 0; left--) {
        if (look_at_oldest(c))
            return true;
    }
    return false;
}

/* ---- pages ---- */

struct leaf_page *leaf_cache_pin(struct leaf_cache *c, const struct leaf_owner *owner,
                                 struct file_page place)
{
    struct leaf_page *p = find(c, owner, place);

    if (!p) {
        c->misses++;
        return NULL;
    }
    c->hits++;
    p->pins++;
    if (p->uses < USES_MAX)
        p->uses++;
    return p;
}

void leaf_cache_unpin(struct leaf_page *p)
{
    CHECK(p->pins > 0);
    p->pins--;
}

bool leaf_cache_offer(struct leaf_cache *c, struct leaf_owner *owner, struct file_page place,
                      uint8_t *data)
{
    if (c->limit == 0 || find(c, owner, place))
        return false;
    while (c->count >= c->limit) {
        if (!evict_one(c))
            return false;
    }
    if (!c->gone)
        make_memory(c);
    struct leaf_page *p = mem_zalloc(c->mem, MEM_PAGES, sizeof(*p));
    if (!p || map_reserve(&c->pages) < 0) {
        mem_free(c->mem, p);
        return false;
    }
    uint64_t hash = page_hash(owner, place);
    p->owner = owner;
    p->place = place;
    p->data = data;
    list_init(&p->queue);
    list_push_back(&owner->pages, &p->siblings);
    CHECK(map_put(&c->pages, hash, p) == ELOQ_OK);
    enqueue(c, p, was_here(c, hash));
    c->count++;
    return true;
}

void leaf_cache_drop(struct leaf_cache *c, const struct leaf_owner *owner, struct file_page place)
{
    struct leaf_page *p = find(c, owner, place);

    if (p && p->pins == 0)
        remove_page(c, p);
}

void leaf_cache_drop_owner(struct leaf_cache *c, struct leaf_owner *owner)
{
    LIST_FOR(node, &owner->pages)
    remove_page(c, container_of(node, struct leaf_page, siblings));
}

size_t leaf_cache_shrink(struct leaf_cache *c, size_t pages)
{
    size_t given = 0;

    while (given < pages && evict_one(c))
        given++;
    return given;
}
