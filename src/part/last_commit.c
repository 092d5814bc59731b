/* part/last_commit.c -- reads the pages that the last record vouches for. */
#include "part/last_commit.h"

#include "page/page.h"

static void drop_buffers(struct part *p, struct page_io *ios, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pagepool_put(p->env->pool, ios[i].data);
}

/* A buffer for each page. */
static int take_buffers(struct task *t, struct part *p, const struct manifest_page *pages,
                        size_t count, struct page_io *ios)
{
    for (size_t i = 0; i < count; i++) {
        ios[i] = (struct page_io){ .place = pages[i].place, .data = pagepool_get(p->env->pool) };
        if (!ios[i].data) {
            drop_buffers(p, ios, i);
            return task_no_memory(t);
        }
    }
    return ELOQ_OK;
}

/* The stored checksum proves nothing: it may be the first sector of a torn page. */
static bool is_same(const struct part *p, const struct page_io *io,
                    const struct manifest_page *pages, size_t count)
{
    uint64_t sum = page_checksum(io->data, p->env->shape.page_bytes);

    for (size_t i = 0; i < count; i++)
        if (pages[i].place.n == io->place.n)
            return pages[i].sum == sum;
    return false;
}

/* As last_commit_check. The pages are in `ios`, in another order. */
static int read_and_compare(struct task *t, struct part *p, const struct manifest_page *pages,
                            size_t count, struct page_io *ios)
{
    bool differs = false;

    (void)pagefiles_read_many(t, &p->files, ios, count);
    for (size_t i = 0; i < count; i++) {
        int rc = ios[i].rc;
        if (rc < 0 && rc != ELOQ_CORRUPTED) /* once more, for its words */
            rc = pagefiles_read(t, &p->files, ios[i].place, ios[i].data);
        if (rc < 0 && rc != ELOQ_CORRUPTED)
            return rc;
        differs |= rc < 0 || !is_same(p, &ios[i], pages, count);
    }
    return differs;
}

int last_commit_check(struct task *t, struct part *p, const struct manifest_page *pages,
                      size_t count)
{
    struct arena_mark mark = arena_mark(&t->arena);
    struct page_io *ios = arena_alloc(&t->arena, MAX(count, 1) * sizeof(*ios));
    int rc = ios ? take_buffers(t, p, pages, count, ios) : task_no_memory(t);

    if (rc == ELOQ_OK) {
        rc = read_and_compare(t, p, pages, count, ios);
        drop_buffers(p, ios, count);
    }
    arena_reset(&t->arena, mark);
    return rc;
}

int last_commit_rewrite(struct task *t, struct part *p)
{
    const struct manifest_page *pages = p->found_pages;
    struct arena_mark mark = arena_mark(&t->arena);
    size_t count = p->found_page_count;

    if (count == 0)
        return ELOQ_OK;
    struct page_io *ios = arena_alloc(&t->arena, count * sizeof(*ios));
    int rc = ios ? take_buffers(t, p, pages, count, ios) : task_no_memory(t);
    if (rc == ELOQ_OK) {
        rc = read_and_compare(t, p, pages, count, ios);
        if (rc == ELOQ_OK)
            rc = pagefiles_write_many(t, &p->files, ios, count);
        else if (rc > 0) /* what was read may be gone from the system's memory meanwhile */
            rc = part_fail(t, p, ELOQ_CORRUPTED, "a page is not what it was when loaded");
        drop_buffers(p, ios, count);
    }
    arena_reset(&t->arena, mark);
    return rc;
}

void last_commit_forget(struct part *p)
{
    mem_free(p->env->mem, p->found_pages);
    p->found_pages = NULL;
    p->found_page_count = 0;
}
