/* part/wtx.c -- a write in the making: new pages, new mapping; or forgets it. */
#include <string.h>

#include "base/check.h"
#include "coro/sched.h"
#include "page/page.h"
#include "part/manifest_log.h"
#include "part/prewrite.h"
#include "part/wtx_private.h"

#define INDEX_PAGES_MAX 1024 /* kept until the commit, at most */
#define LEAVES_MAX 64        /* the same of data pages: of a large write others need not be near */
#define FREE_STEP 256        /* mapping nodes between two yields */
#define PACED_WRITES 24      /* operations at once, where point reads would wait for more */

/* Room for one more item in an array of the write; false when memory is out. */
static bool has_room(struct wtx *w, void *array, size_t count, size_t *capacity, size_t item)
{
    void *p;

    if (count < *capacity)
        return true;
    memcpy(&p, array, sizeof(p)); /* a pointer of any type */
    size_t larger = *capacity ? 2 * *capacity : 16;
    p = mem_realloc(w->part->env->mem, MEM_OTHER, p, larger * item);
    if (!p)
        return false;
    memcpy(array, &p, sizeof(p));
    *capacity = larger;
    return true;
}

static bool has_change_room(struct wtx *w)
{
    return has_room(w, &w->changes, w->change_count, &w->change_capacity, sizeof(*w->changes));
}

/* Room for one more freed place. The block outlives the write. */
static bool has_freed_room(struct wtx *w)
{
    if (w->freed && w->freed->count < w->freed_capacity)
        return true;
    size_t larger = w->freed_capacity ? 2 * w->freed_capacity : 4;
    struct garbage_block *block = mem_realloc(w->part->env->mem, MEM_MAPPING, w->freed,
                                              sizeof(*block) + larger * sizeof(block->places[0]));
    if (!block)
        return false;
    if (!w->freed)
        *block = (struct garbage_block){ 0 };
    w->freed = block;
    w->freed_capacity = larger;
    return true;
}

static void add_freed(struct wtx *w, struct file_page place, uint64_t born)
{
    w->freed->places[w->freed->count++] = (struct freed_place){ place, born };
}

static void add_change(struct wtx *w, struct page_id id, uint64_t value)
{
    w->changes[w->change_count++] = (struct manifest_change){ id.n, value };
    w->changed = true;
}

int wtx_check_writable(struct task *t, struct part *p)
{
    if (p->env->read_only)
        return part_fail(t, p, ELOQ_DENIED, "store is open for reading only");
    if (p->broken)
        return part_fail(t, p, ELOQ_IO,
                         "partition takes no write until the store is reopened: a flush failed");
    return p->unknown ? manifest_log_repair(t, p) : ELOQ_OK;
}

int wtx_begin(struct task *t, struct part *p, struct wtx *w)
{
    struct part_env *env = p->env;

    *w = (struct wtx){ .part = p, .least_expiry = EXPIRY_NEVER };
    TRY(wtx_check_writable(t, p));
    TRY(prewrite_keep_archived(t, p));
    w->next = snapshot_new(p, p->current->version + 1);
    w->out = mem_alloc(env->mem, MEM_OTHER, env->write_batch_pages * sizeof(*w->out));
    if (!w->next || !w->out) {
        snapshot_free(w->next);
        mem_free(env->mem, w->out);
        return task_no_memory(t);
    }
    /* If a flush failed since the last commit, it was of pages that an aborted write left. */
    p->files.sync_failed = false;
    w->base = snapshot_ref(p->current);
    w->root[TREE_MAIN] = w->base->root[TREE_MAIN];
    w->root[TREE_TTL] = w->base->root[TREE_TTL];
    w->ids_end = w->base->map.page_count;
    w->falloc_next_before = p->falloc.next;
    mapping_edit_begin(&w->edit, env->mem, &w->base->map, w->next->version);
    return ELOQ_OK;
}

int wtx_new_id(struct task *t, struct wtx *w, struct page_id *ret)
{
    struct part *p = w->part;

    if (!has_room(w, &w->ids_taken, w->ids_taken_count, &w->ids_taken_capacity,
                  sizeof(*w->ids_taken)))
        return task_no_memory(t);
    uint64_t id = bitset_next(&p->free_ids, 0);
    if (id != BITSET_NONE) {
        bitset_remove(&p->free_ids, id);
    } else {
        if (w->ids_end >= LOGICAL_ID_END)
            return part_fail(t, p, ELOQ_NO_SPACE, "partition is full: no page id is left");
        id = w->ids_end++;
    }
    *ret = page_id((uint32_t)id);
    w->ids_taken[w->ids_taken_count++] = *ret;
    return ELOQ_OK;
}

int wtx_new_page(struct task *t, struct wtx *w, uint8_t **ret)
{
    uint8_t *page = pagepool_get(w->part->env->pool);

    if (!page)
        return task_no_memory(t);
    *ret = page;
    return ELOQ_OK;
}

void wtx_drop_page(struct wtx *w, uint8_t *page)
{
    pagepool_put(w->part->env->pool, page);
}

/* The last written ones are the highest in the tree, so when there are too many the oldest go. */
static void keep_index_page(struct wtx *w, const struct page_io *page)
{
    struct part_env *env = w->part->env;
    size_t limit = MIN(env->cache->limit / 2, INDEX_PAGES_MAX);

    if (w->index_page_count < limit
        && has_room(w, &w->index_pages, w->index_page_count, &w->index_page_capacity,
                    sizeof(*w->index_pages))) {
        w->index_pages[w->index_page_count++] = *page;
    } else if (w->index_page_count > 0) {
        struct page_io *oldest = &w->index_pages[w->index_page_oldest];
        pagepool_put(env->pool, oldest->data);
        *oldest = *page;
        w->index_page_oldest = (w->index_page_oldest + 1) % w->index_page_count;
    } else {
        pagepool_put(env->pool, page->data);
    }
}

/* True: the buffer is kept with it. */
static bool keep_leaf(struct wtx *w, const struct page_io *page)
{
    struct part_env *env = w->part->env;
    size_t limit = MIN(env->leaves->limit, LEAVES_MAX);

    if (page_type(page->data) != PAGE_DATA)
        return false;
    if (w->leaf_count < limit
        && has_room(w, &w->leaves, w->leaf_count, &w->leaf_capacity, sizeof(*w->leaves))) {
        w->leaves[w->leaf_count++] = *page;
        return true;
    }
    if (w->leaf_count == 0)
        return false;
    /* The last one in any case: a sorted load goes on right there. */
    struct page_io *last = &w->leaves[w->leaf_count - 1];
    pagepool_put(env->pool, last->data);
    *last = *page;
    return true;
}

static bool is_index(const uint8_t *page)
{
    enum page_type type = page_type(page);

    return type == PAGE_INNER_INDEX || type == PAGE_LEAF_INDEX;
}

/* What becomes of the buffers of pages that were written, or not. */
static int written(struct task *t, struct wtx *w, struct page_io *pages, size_t *count, int rc)
{
    struct part *p = w->part;

    for (size_t i = 0; i < *count; i++) {
        p->env->pages_written[page_type(pages[i].data) % PAGE_TYPES]++;
        if (rc == ELOQ_OK && is_index(pages[i].data))
            keep_index_page(w, &pages[i]);
        else if (rc < 0 || !keep_leaf(w, &pages[i]))
            pagepool_put(p->env->pool, pages[i].data);
    }
    *count = 0;
    if (rc < 0)
        err_part(&t->err, p->table, p->partition);
    return rc;
}

/* Pages that a task of their own writes. */
struct wtx_behind {
    struct part *part;
    struct group task;
    int rc;
    struct err err;
    size_t count;
    struct page_io pages[];
};

static void write_main(struct task *t, void *arg)
{
    struct wtx_behind *b = arg;

    b->rc = pagefiles_write_many(t, &b->part->files, b->pages, b->count);
    if (b->rc < 0)
        b->err = t->err;
    group_done(&b->task);
}

/* Waits for what is being written. */
static int await_behind(struct task *t, struct wtx *w)
{
    struct wtx_behind *b = w->behind;

    if (!b || b->count == 0)
        return ELOQ_OK;
    uint64_t begin_ns = clock_mono_ns(t->sched->clock);
    group_wait(t, &b->task);
    t->io_wait_ns += clock_mono_ns(t->sched->clock) - begin_ns;
    if (b->rc < 0)
        t->err = b->err;
    return written(t, w, b->pages, &b->count, b->rc);
}

/* NULL when there is no memory for it. */
static struct wtx_behind *get_behind(struct wtx *w)
{
    struct part_env *env = w->part->env;
    struct wtx_behind *b = w->behind;

    if (b)
        return b;
    b = mem_alloc(env->mem, MEM_OTHER, sizeof(*b) + env->write_batch_pages * sizeof(b->pages[0]));
    if (!b)
        return NULL;
    b->part = w->part;
    b->count = 0;
    group_init(&b->task);
    w->behind = b;
    return b;
}

/* What must have happened before a page is written. */
static int before_pages(struct task *t, struct part *p)
{
    TRY(prewrite(t, p));
    ahead_await_places(t, p);
    p->files.writes_at_once = pace_is_wanted(&p->env->pace) ? PACED_WRITES : 0;
    return ELOQ_OK;
}

int wtx_flush(struct task *t, struct wtx *w)
{
    struct part *p = w->part;

    TRY(await_behind(t, w));
    if (w->out_count == 0)
        return ELOQ_OK;
    TRY(before_pages(t, p));
    int rc = pagefiles_write_many(t, &p->files, w->out, w->out_count);
    return written(t, w, w->out, &w->out_count, rc);
}

/* A task of its own writes the waiting pages, while the write goes on. */
static int write_behind(struct task *t, struct wtx *w)
{
    struct wtx_behind *b = get_behind(w);

    if (!b)
        return wtx_flush(t, w);
    TRY(await_behind(t, w));
    TRY(before_pages(t, w->part));
    memcpy(b->pages, w->out, w->out_count * sizeof(*w->out));
    b->count = w->out_count;
    w->out_count = 0;
    group_add(&b->task);
    if (task_start(t->sched, write_main, b) == ELOQ_OK) {
        task_yield(t); /* so that it begins */
        return ELOQ_OK;
    }
    write_main(t, b);
    return await_behind(t, w);
}

static int take_place(struct task *t, struct wtx *w, struct file_page *ret)
{
    struct part *p = w->part;

    if (!has_room(w, &w->places_taken, w->places_taken_count, &w->places_taken_capacity,
                  sizeof(*w->places_taken))
        || !has_change_room(w) || !has_freed_room(w))
        return task_no_memory(t);
    int rc = falloc_take(&p->falloc, ret);
    if (rc == ELOQ_OK && p->falloc.append && usage_reserve(&p->usage, *ret) < 0) {
        p->falloc.next--;
        rc = ELOQ_NO_MEMORY;
    }
    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    if (rc < 0)
        return part_fail(t, p, rc, "partition is full: no file page is left");
    w->places_taken[w->places_taken_count++] = *ret;
    return ELOQ_OK;
}

int wtx_put(struct task *t, struct wtx *w, struct page_id id, uint8_t *page)
{
    struct part *p = w->part;
    struct file_page place = { 0 }, old = { 0 };
    uint64_t born = 0;
    bool had = false;

    int rc = id.n < w->ids_end
                 ? take_place(t, w, &place)
                 : pages_fail(t, w->base, id, "a page that does not exist is changed");
    if (rc == ELOQ_OK && mapping_edit_set(&w->edit, id, place, &had, &old, &born) < 0)
        rc = task_no_memory(t);
    if (rc < 0) {
        pagepool_put(p->env->pool, page);
        return rc;
    }
    if (had)
        add_freed(w, old, born);
    add_change(w, id, place.n << 3 | MAPPING_TYPE_FILE_PAGE);
    page_seal(page, p->env->shape.page_bytes);
    w->out[w->out_count++] = (struct page_io){ .place = place, .data = page };
    /* Half of them wait while the other half is written. */
    return w->out_count >= MAX(p->env->write_batch_pages / 2, 1) ? write_behind(t, w) : ELOQ_OK;
}

int wtx_free_page(struct task *t, struct wtx *w, struct page_id id)
{
    struct file_page old;
    uint64_t born;

    if (!has_change_room(w) || !has_freed_room(w)
        || !has_room(w, &w->ids_freed, w->ids_freed_count, &w->ids_freed_capacity,
                     sizeof(*w->ids_freed)))
        return task_no_memory(t);
    int rc = mapping_edit_clear(&w->edit, id, &old, &born);
    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    if (rc < 0)
        return pages_fail(t, w->base, id, "a page is referred to twice, or was never written");
    add_freed(w, old, born);
    add_change(w, id, MAPPING_FREE);
    w->ids_freed[w->ids_freed_count++] = id;
    return ELOQ_OK;
}

static void keep_freed(void *user, struct file_page place, uint64_t born)
{
    add_freed(user, place, born);
}

int wtx_free_all(struct task *t, struct wtx *w)
{
    size_t count = w->base->map.mapped_count;

    CHECK(!w->changed);
    w->freed = mem_alloc(w->part->env->mem, MEM_MAPPING,
                         sizeof(*w->freed) + count * sizeof(w->freed->places[0]));
    if (!w->freed)
        return task_no_memory(t);
    *w->freed = (struct garbage_block){ 0 };
    w->freed_capacity = count;
    while (!mapping_edit_clear_some(&w->edit, FREE_STEP, keep_freed, w))
        task_yield(t);
    w->root[TREE_MAIN] = w->root[TREE_TTL] = page_id(NO_PAGE);
    w->changed = w->emptied = true;
    return ELOQ_OK;
}

int wtx_map(struct task *t, struct wtx *w, struct page_id id, struct file_page place)
{
    struct part *p = w->part;
    struct file_page old;
    uint64_t born;
    bool had;

    CHECK(w->emptied && p->falloc.append);
    if (!has_change_room(w) || usage_reserve(&p->usage, place) < 0)
        return task_no_memory(t);
    int rc = mapping_edit_set(&w->edit, id, place, &had, &old, &born);
    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    if (rc < 0)
        return part_fail(t, p, rc, "a page's id or place is out of range");
    CHECK(!had);
    add_change(w, id, place.n << 3 | MAPPING_TYPE_FILE_PAGE);
    return ELOQ_OK;
}

int wtx_leave_free(struct task *t, struct wtx *w, struct page_id id)
{
    CHECK(w->emptied);
    if (!has_room(w, &w->ids_taken, w->ids_taken_count, &w->ids_taken_capacity,
                  sizeof(*w->ids_taken)))
        return task_no_memory(t);
    w->ids_taken[w->ids_taken_count++] = id;
    w->edit.map.page_count = MAX(w->edit.map.page_count, id.n + 1);
    return ELOQ_OK;
}

void wtx_set_dict(struct wtx *w, struct dict *d)
{
    CHECK(!wtx_dict(w));
    w->new_dict = dict_ref(d);
}

void wtx_give_ids(struct part *p, const struct mapping *map, const struct page_id *ids,
                  size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i].n < map->page_count && mapping_value(map, ids[i]) == MAPPING_FREE)
            bitset_add(&p->free_ids, ids[i].n);
}

void wtx_free_arrays(struct wtx *w)
{
    struct mem *m = w->part->env->mem;

    mem_free(m, w->changes);
    mem_free(m, w->ids_taken);
    mem_free(m, w->ids_freed);
    mem_free(m, w->places_taken);
    mem_free(m, w->out);
    mem_free(m, w->behind);
    mem_free(m, w->index_pages);
    mem_free(m, w->leaves);
    dict_unref(w->new_dict);
    *w = (struct wtx){ 0 };
}

/* The places go back at once even when the manifest is in doubt: nobody takes one before it is
 * repaired, since wtx_begin sees to that. */
void wtx_abort(struct task *t, struct wtx *w)
{
    struct part *p = w->part;
    struct part_env *env = p->env;

    if (w->behind)
        group_wait(t, &w->behind->task);
    for (size_t i = 0; w->behind && i < w->behind->count; i++)
        pagepool_put(env->pool, w->behind->pages[i].data);
    for (size_t i = 0; i < w->out_count; i++)
        pagepool_put(env->pool, w->out[i].data);
    for (size_t i = 0; i < w->index_page_count; i++)
        pagepool_put(env->pool, w->index_pages[i].data);
    for (size_t i = 0; i < w->leaf_count; i++)
        pagepool_put(env->pool, w->leaves[i].data);
    mapping_edit_abort(&w->edit, &w->base->map);
    for (size_t i = 0; !p->falloc.append && i < w->places_taken_count; i++)
        falloc_give(&p->falloc, w->places_taken[i]);
    if (p->falloc.append)
        p->falloc.next = w->falloc_next_before;
    wtx_give_ids(p, &w->base->map, w->ids_taken, w->ids_taken_count);
    mem_free(env->mem, w->freed);
    snapshot_free(w->next);
    snapshot_unref(w->base);
    wtx_free_arrays(w);
}
