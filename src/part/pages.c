/* part/pages.c -- a page of a snapshot: id to place to verified bytes. */
#include "part/pages.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "page/page.h"

int pages_fail(struct task *t, struct snapshot *s, struct page_id id, const char *what)
{
    struct part *p = s->part;
    struct file_page place;
    char path[PATH_MAX];

    if (!mapping_get(&s->map, id, &place)) {
        task_fail(t, ELOQ_CORRUPTED, "%s table=%s partition=%u page=%u", what, p->table,
                  p->partition, id.n);
    } else {
        uint64_t offset = pagefiles_offset(&p->files, place);
        pagefiles_path(&p->files, pagefiles_file_id(&p->files, place), path, sizeof(path));
        task_fail(t, ELOQ_CORRUPTED, "%s table=%s partition=%u page=%u place=%" PRIu64, what,
                  p->table, p->partition, id.n, place.n);
        err_place(&t->err, path, offset);
    }
    err_part(&t->err, p->table, p->partition);
    return ELOQ_CORRUPTED;
}

static int find_place(struct task *t, struct snapshot *s, struct page_id id, struct file_page *ret)
{
    if (mapping_get(&s->map, id, ret))
        return ELOQ_OK;
    return pages_fail(t, s, id, "a page that does not exist is referred to");
}

static bool is_index(const uint8_t *data)
{
    enum page_type type = page_type(data);

    return type == PAGE_INNER_INDEX || type == PAGE_LEAF_INDEX;
}

int pages_pin_index(struct task *t, struct snapshot *s, struct page_id id, struct cached_page **ret)
{
    struct part *p = s->part;
    struct page_cache *cache = p->env->cache;
    struct cached_page *page;
    struct file_page place;

    TRY(find_place(t, s, id, &place));
    TRY(page_cache_pin(t, cache, &p->files, &p->indexes, place, &page));
    if (!is_index(page->data)) {
        page_cache_unpin(cache, page);
        return pages_fail(t, s, id, "not an index page");
    }
    *ret = page;
    return ELOQ_OK;
}

const struct cached_page *pages_peek_index(struct snapshot *s, struct page_id id)
{
    struct part *p = s->part;
    struct file_page place;
    struct cached_page *page = mapping_get(&s->map, id, &place)
                                   ? page_cache_peek(p->env->cache, &p->indexes, place)
                                   : NULL;

    return page && page_cache_open(page, p->env->shape.page_bytes) ? page : NULL;
}

int pages_copy_index(struct task *t, struct snapshot *s, struct page_id id, uint8_t *data)
{
    struct page_cache *cache = s->part->env->cache;
    struct cached_page *page = NULL;

    TRY(pages_pin_index(t, s, id, &page));
    memcpy(data, page->data, s->part->env->shape.page_bytes);
    page_cache_unpin(cache, page);
    return ELOQ_OK;
}

static int check_type(struct task *t, struct snapshot *s, struct page_id id, enum page_type type,
                      const uint8_t *data)
{
    if (page_type(data) == type)
        return ELOQ_OK;
    return pages_fail(t, s, id, type == PAGE_OVERFLOW ? "not an overflow page" : "not a data page");
}

static struct leaf_page *pin_leaf(struct part *p, struct file_page place)
{
    return leaf_cache_pin(p->env->leaves, &p->leaves, place);
}

struct leaf_page *pages_pin_leaf(struct snapshot *s, struct page_id id)
{
    struct file_page place;

    return mapping_get(&s->map, id, &place) ? pin_leaf(s->part, place) : NULL;
}

bool pages_keep_leaf(struct snapshot *s, struct page_id id, uint8_t *data)
{
    struct part *p = s->part;
    struct file_page place;

    return mapping_get(&s->map, id, &place)
           && leaf_cache_offer(p->env->leaves, &p->leaves, place, data);
}

/* A data page that is in memory needs no read. */
static bool copy_leaf(struct part *p, enum page_type type, struct file_page place, uint8_t *data)
{
    struct leaf_page *kept = type == PAGE_DATA ? pin_leaf(p, place) : NULL;

    if (!kept)
        return false;
    memcpy(data, kept->data, p->env->shape.page_bytes);
    leaf_cache_unpin(kept);
    return true;
}

static int read_at(struct task *t, struct snapshot *s, struct page_id id, struct file_page place,
                   enum page_type type, uint8_t *data)
{
    struct part *p = s->part;

    p->env->pages_read[type]++;
    TRY(pagefiles_read(t, &p->files, place, data));
    return check_type(t, s, id, type, data);
}

bool pages_fetch_leaf(struct snapshot *s, struct page_id id, uint8_t *data,
                      struct pagefiles_fetch *fetch, void (*done)(struct pagefiles_fetch *fetch))
{
    struct part *p = s->part;
    struct file_page place;

    if (!mapping_get(&s->map, id, &place) || !pagefiles_fetch(&p->files, place, data, fetch, done))
        return false;
    p->env->pages_read[PAGE_DATA]++;
    return true;
}

bool pages_fetched_leaf(struct pagefiles_fetch *fetch)
{
    return pagefiles_fetched(fetch) && page_type(fetch->iov.iov_base) == PAGE_DATA;
}

int pages_read_stored(struct task *t, struct snapshot *s, struct page_id id, enum page_type type,
                      uint8_t *data)
{
    struct file_page place;

    TRY(find_place(t, s, id, &place));
    return read_at(t, s, id, place, type, data);
}

int pages_read(struct task *t, struct snapshot *s, struct page_id id, enum page_type type,
               uint8_t *data)
{
    struct file_page place;

    TRY(find_place(t, s, id, &place));
    return copy_leaf(s->part, type, place, data) ? ELOQ_OK : read_at(t, s, id, place, type, data);
}

/* The result of the read into `data`; they come back in another order, most often by place. */
static int result_of(const struct page_io *ios, size_t count, const uint8_t *data, size_t *hint)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = (*hint + i) % count;
        if (ios[at].data == data) {
            *hint = (at + 1) % count;
            return ios[at].rc;
        }
    }
    return ELOQ_IO; /* each that was asked for is among them */
}

int pages_read_many(struct task *t, struct snapshot *s, enum page_type type,
                    struct page_read *reads, size_t count)
{
    struct part *p = s->part;
    struct arena_mark mark = arena_mark(&t->arena);
    struct page_io *ios = arena_alloc(&t->arena, count * sizeof(*ios));
    size_t io_count = 0, hint = 0;
    int failure = ELOQ_OK;

    if (!ios) {
        for (size_t i = 0; i < count; i++)
            reads[i] = (struct page_read){ reads[i].id, reads[i].data, ELOQ_NO_MEMORY, false };
        return task_no_memory(t);
    }
    for (size_t i = 0; i < count; i++) {
        struct file_page place;
        reads[i].was_in_memory = false;
        reads[i].rc = find_place(t, s, reads[i].id, &place);
        if (reads[i].rc < 0)
            failure = reads[i].rc;
        else if (!(reads[i].was_in_memory = copy_leaf(p, type, place, reads[i].data)))
            ios[io_count++] = (struct page_io){ .place = place, .data = reads[i].data };
    }
    p->env->pages_read[type] += io_count;
    if (io_count > 0) {
        int rc = pagefiles_read_many(t, &p->files, ios, io_count);
        failure = rc < 0 ? rc : failure;
    }
    for (size_t i = 0; i < count; i++) {
        if (reads[i].rc < 0 || reads[i].was_in_memory)
            continue;
        reads[i].rc = result_of(ios, io_count, reads[i].data, &hint);
        if (reads[i].rc < 0)
            continue;
        reads[i].rc = check_type(t, s, reads[i].id, type, reads[i].data);
        failure = reads[i].rc < 0 ? reads[i].rc : failure;
    }
    arena_reset(&t->arena, mark);
    return failure;
}
