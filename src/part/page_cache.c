/* part/page_cache.c -- index pages in memory: pin, load once, evict the least recently used.
 *
 *                  load succeeds               last unpin
 *     (new) LOADING ------------> LOADED, pinned <-----> LOADED, in lru --evict/drop--> (gone)
 *              |                                  pin
 *              +-- load fails --> not in the map, kept until its waiters have seen why
 */
#include "part/page_cache.h"

#include "base/check.h"

struct page_load {
    struct single_flight flight;
    uint32_t refs; /* the loader and those who wait */
};

struct page_key {
    const struct page_owner *owner;
    uint64_t place;
};

static bool same_page(const void *value, const void *key)
{
    const struct cached_page *p = value;
    const struct page_key *k = key;

    return p->owner == k->owner && p->place.n == k->place;
}

static uint64_t page_hash(const struct page_owner *owner, struct file_page place)
{
    return hash_mix((uint64_t)(uintptr_t)owner, place.n);
}

static struct cached_page *find(const struct page_cache *c, const struct page_owner *owner,
                                struct file_page place)
{
    struct page_key key = { owner, place.n };

    return map_get(&c->pages, page_hash(owner, place), &key);
}

void page_cache_init(struct page_cache *c, struct mem *m, struct pagepool *pool, size_t limit)
{
    CHECK(limit >= 1);
    c->mem = m;
    c->pool = pool;
    map_init(&c->pages, m, MEM_PAGES, same_page);
    list_init(&c->lru);
    c->count = 0;
    c->limit = limit;
    c->hits = c->misses = c->evictions = c->added = 0;
    wait_list_init(&c->room);
}

void page_owner_init(struct page_owner *o)
{
    list_init(&o->pages);
}

/* Takes a page out of the map and gives its buffer back; the struct stays. */
static void forget(struct page_cache *c, struct cached_page *p)
{
    list_remove(&p->lru);
    list_remove(&p->siblings);
    map_remove(&c->pages, page_hash(p->owner, p->place), p);
    pagepool_put(c->pool, p->data);
    p->data = NULL;
    c->count--;
    wait_wake_one(&c->room);
}

static void remove_page(struct page_cache *c, struct cached_page *p)
{
    CHECK(p->loaded && p->pins == 0);
    forget(c, p);
    mem_free(c->mem, p);
}

/* False when every page is pinned or being loaded. */
static bool evict_one(struct page_cache *c)
{
    struct list *node = list_first(&c->lru);

    if (!node)
        return false;
    remove_page(c, container_of(node, struct cached_page, lru));
    c->evictions++;
    return true;
}

void page_cache_deinit(struct page_cache *c)
{
    page_cache_shrink(c, SIZE_MAX);
    CHECK(c->count == 0 && list_empty(&c->room.tasks));
    map_free(&c->pages);
}

/* A page in the map, in no list, without content if `data` is NULL, evicting what is needed for it.
 * NULL when nothing more can be evicted; then `data` is still the caller's. */
static struct cached_page *add_page(struct page_cache *c, struct page_owner *owner,
                                    struct file_page place, uint8_t *data)
{
    struct cached_page *p = NULL;
    uint8_t *buffer = data;

    for (;;) {
        if (c->count < c->limit) {
            if (!p)
                p = mem_zalloc(c->mem, MEM_PAGES, sizeof(*p));
            if (!buffer)
                buffer = pagepool_get(c->pool);
            if (p && buffer && map_reserve(&c->pages) == ELOQ_OK)
                break;
        }
        if (!evict_one(c)) {
            mem_free(c->mem, p);
            if (buffer != data)
                pagepool_put(c->pool, buffer);
            return NULL;
        }
    }
    list_init(&p->lru);
    p->owner = owner;
    list_push_back(&owner->pages, &p->siblings);
    p->place = place;
    p->data = buffer;
    p->number = ++c->added;
    CHECK(map_put(&c->pages, page_hash(owner, place), p) == ELOQ_OK);
    c->count++;
    return p;
}

static void unref_load(struct page_cache *c, struct cached_page *p)
{
    if (--p->load->refs > 0)
        return;
    mem_free(c->mem, p->load);
    p->load = NULL;
}

static void unpin(struct page_cache *c, struct cached_page *p)
{
    CHECK(p->pins > 0);
    if (--p->pins > 0)
        return;
    if (!p->loaded) { /* a failed load; the last one who waited for it has seen why */
        mem_free(c->mem, p);
        return;
    }
    list_push_back(&c->lru, &p->lru);
    wait_wake_one(&c->room);
}

/* Reads a page that was just added. */
static int load_page(struct task *t, struct page_cache *c, struct pagefiles *files,
                     struct cached_page *p)
{
    int rc;

    c->misses++;
    p->pins = 1;
    p->load = mem_alloc(c->mem, MEM_PAGES, sizeof(*p->load));
    if (!p->load) {
        forget(c, p);
        unpin(c, p);
        return task_no_memory(t);
    }
    p->load->refs = 1;
    single_flight_init(&p->load->flight);
    CHECK(single_flight_begin(t, &p->load->flight, &rc));
    rc = pagefiles_read(t, files, p->place, p->data);
    if (rc < 0)
        forget(c, p);
    else
        p->loaded = true;
    single_flight_end(t, &p->load->flight, rc);
    unref_load(c, p);
    if (rc < 0)
        unpin(c, p);
    return rc;
}

/* Pins a page of the map, waiting for its load if that is under way. */
static int pin_found(struct task *t, struct page_cache *c, struct cached_page *p)
{
    int rc = ELOQ_OK;

    c->hits++;
    list_remove(&p->lru);
    p->pins++;
    if (p->loaded)
        return ELOQ_OK;
    p->load->refs++;
    CHECK(!single_flight_begin(t, &p->load->flight, &rc));
    unref_load(c, p);
    if (rc < 0)
        unpin(c, p);
    return rc;
}

int page_cache_pin(struct task *t, struct page_cache *c, struct pagefiles *files,
                   struct page_owner *owner, struct file_page place, struct cached_page **ret)
{
    struct cached_page *found, *added = NULL;
    bool waited = false;

    while (!(found = find(c, owner, place)) && !(added = add_page(c, owner, place, NULL))
           && c->count > 0) {
        wait_on(t, &c->room);
        waited = true;
    }
    /* Whoever was woken for room and may not have used it passes the word on. */
    if (waited && (c->count < c->limit || !list_empty(&c->lru)))
        wait_wake_one(&c->room);
    if (!found && !added)
        return task_no_memory(t);
    TRY(found ? pin_found(t, c, found) : load_page(t, c, files, added));
    *ret = found ? found : added;
    return ELOQ_OK;
}

const struct index *page_cache_open(struct cached_page *p, uint32_t page_bytes)
{
    CHECK(p->loaded);
    if (!p->is_open)
        p->is_open = index_open(&p->index, p->data, page_bytes) == ELOQ_OK;
    return p->is_open ? &p->index : NULL;
}

struct cached_page *page_cache_peek(struct page_cache *c, struct page_owner *owner,
                                    struct file_page place)
{
    struct cached_page *p = find(c, owner, place);

    if (!p || !p->loaded)
        return NULL;
    c->hits++;
    if (p->pins == 0) {
        list_remove(&p->lru);
        list_push_back(&c->lru, &p->lru);
    }
    return p;
}

void page_cache_unpin(struct page_cache *c, struct cached_page *p)
{
    CHECK(p->loaded);
    unpin(c, p);
}

void page_cache_insert(struct page_cache *c, struct page_owner *owner, struct file_page place,
                       uint8_t *data)
{
    struct cached_page *p = find(c, owner, place) ? NULL : add_page(c, owner, place, data);

    if (!p) {
        pagepool_put(c->pool, data);
        return;
    }
    p->loaded = true;
    list_push_back(&c->lru, &p->lru);
}

void page_cache_drop(struct page_cache *c, struct page_owner *owner, struct file_page place)
{
    struct cached_page *p = find(c, owner, place);

    if (p)
        remove_page(c, p);
}

void page_cache_let_go(struct page_cache *c, struct page_owner *owner, struct file_page place)
{
    struct cached_page *p = find(c, owner, place);

    if (p && p->loaded && p->pins == 0)
        remove_page(c, p);
}

void page_cache_drop_owner(struct page_cache *c, struct page_owner *owner)
{
    LIST_FOR(node, &owner->pages)
    {
        struct cached_page *p = container_of(node, struct cached_page, siblings);
        if (p->loaded && p->pins == 0)
            remove_page(c, p);
    }
}

size_t page_cache_shrink(struct page_cache *c, size_t pages)
{
    size_t given = 0;

    while (given < pages && evict_one(c))
        given++;
    return given;
}
