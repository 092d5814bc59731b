/* file/pagefiles_batch.c -- reads or writes many pages: neighbours in one operation, all at once.
 *
 *     pages sorted by place:   3 4 5 | 9 | 64 65 ...      a run never leaves its file
 *     one round:               up to REQUESTS_MAX runs, as many as descriptors can be had
 *
 * A read may go through gaps, over pages that nobody asked for: of many that lie near each other
 * that makes one operation. Where they go no other run of the round reads to.
 *
 * Between rounds no descriptor is held, so two batches never wait for each other. Writes take as
 * many pages into a round as may be in flight (pagefiles.writes).
 */
#include <limits.h>

#include "file/pagefiles_private.h"

#define RUN_PAGES_MAX 256
#define ROUND_PAGES_MAX 4096
#define GAP_MAX 8 /* to read so many pages takes no longer than another operation */

struct run {
    struct page_io *pages; /* which were asked for */
    size_t count;
    struct fd_entry *file;
};

struct batch {
    struct pagefiles *f;
    bool write;
    struct page_io *pages; /* not yet in a round */
    size_t count;
    uint8_t *const *gaps; /* where pages go that nobody asked for: one for each run that has any */
    size_t gap_count;
    /* this round */
    struct run *runs;
    struct io_req *reqs; /* one a run */
    size_t run_count, run_max;
    struct iovec *iov;
    size_t iov_count, iov_max;
    size_t gaps_used;
    /* the first failure */
    int rc;
    struct err err;
};

static void sift_down(struct page_io *pages, size_t at, size_t count)
{
    struct page_io moved = pages[at];

    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && pages[child + 1].place.n > pages[child].place.n)
            child++;
        if (pages[child].place.n <= moved.place.n)
            break;
        pages[at] = pages[child];
    }
    pages[at] = moved;
}

/* Heap sort: no memory, no recursion, no bad case. Mostly there is nothing to do. */
static void sort_by_place(struct page_io *pages, size_t count)
{
    size_t sorted = 1;

    while (sorted < count && pages[sorted - 1].place.n <= pages[sorted].place.n)
        sorted++;
    if (sorted >= count)
        return;
    for (size_t i = count / 2; i > 0; i--)
        sift_down(pages, i - 1, count);
    for (size_t end = count - 1; end > 0; end--) {
        struct page_io greatest = pages[0];
        pages[0] = pages[end];
        pages[end] = greatest;
        sift_down(pages, 0, end);
    }
}

/* Where the next run may read gaps to; NULL: it goes through none. */
static uint8_t *next_gap(const struct batch *b)
{
    return b->gaps_used < b->gap_count ? b->gaps[b->gaps_used] : NULL;
}

/* How many of the next pages one operation can take. */
static size_t run_length(const struct batch *b)
{
    size_t max = MIN(RUN_PAGES_MAX, b->iov_max - b->iov_count);
    uint64_t file_id = pagefiles_file_id(b->f, b->pages[0].place);
    uint64_t near = next_gap(b) ? 1 + GAP_MAX : 1;
    size_t n = 1;

    while (n < b->count && b->pages[n].place.n - b->pages[n - 1].place.n <= near
           && b->pages[n].place.n > b->pages[n - 1].place.n
           && b->pages[n].place.n - b->pages[0].place.n < max
           && pagefiles_file_id(b->f, b->pages[n].place) == file_id)
        n++;
    return n;
}

static void keep_failure(struct task *t, struct batch *b, int rc)
{
    if (b->rc < 0)
        return;
    b->rc = rc;
    b->err = t->err;
}

/* ELOQ_OK, a failure, or 1 when the descriptors have to be given back first. */
static int acquire_file(struct task *t, struct batch *b, uint64_t file_id, struct fd_entry **ret)
{
    struct pagefiles *f = b->f;
    bool created;
    int rc;

    if (b->run_count == 0)
        rc = fdcache_acquire(t, f->fds, f, file_id, b->write, ret, &created);
    else
        rc = fdcache_acquire_more(t, f->fds, f, file_id, b->write, ret, &created);
    if (rc != ELOQ_OK || !b->write)
        return rc;
    rc = pagefiles_mark_unsynced(f, *ret);
    if (rc < 0) {
        fdcache_release(f->fds, *ret);
        return task_no_memory(t);
    }
    /* Only saves the file system work; where it cannot, the file grows as it is written. */
    if (created && f->append)
        io_preallocate(t, f->io, (*ret)->fd, (uint64_t)f->page_bytes << f->shift);
    return ELOQ_OK;
}

static void add_run(struct batch *b, struct fd_entry *file, size_t count)
{
    struct iovec *iov = b->iov + b->iov_count;
    uint8_t *gap = next_gap(b);
    size_t n = 0, at = 0;

    for (size_t i = 0; i < count; i++, at++) {
        for (; at < b->pages[i].place.n - b->pages[0].place.n; at++)
            iov[n++] = (struct iovec){ gap, b->f->page_bytes };
        if (!b->write && n > 0
            && (uint8_t *)iov[n - 1].iov_base + iov[n - 1].iov_len == b->pages[i].data)
            iov[n - 1].iov_len += b->f->page_bytes; /* of a span */
        else
            iov[n++] = (struct iovec){ b->pages[i].data, b->f->page_bytes };
    }
    b->gaps_used += at > count;
    b->runs[b->run_count] = (struct run){ b->pages, count, file };
    b->reqs[b->run_count] = (struct io_req){ .op = b->write ? IO_WRITE : IO_READ,
                                             .fd = file->fd,
                                             .iov = iov,
                                             .iov_count = (int)n,
                                             .offset = pagefiles_offset(b->f, b->pages[0].place),
                                             .table = b->f->table,
                                             .partition = b->f->partition };
    b->iov_count += n;
    b->run_count++;
}

static void set_rc(struct page_io *pages, size_t count, int rc)
{
    for (size_t i = 0; i < count; i++)
        pages[i].rc = rc;
}

/* Takes pages into this round as long as there is room and descriptors can be had. */
static void gather(struct task *t, struct batch *b)
{
    b->run_count = b->iov_count = b->gaps_used = 0;
    while (b->count > 0 && b->run_count < b->run_max && b->iov_count < b->iov_max) {
        size_t n = run_length(b);
        struct fd_entry *file;
        int rc = acquire_file(t, b, pagefiles_file_id(b->f, b->pages[0].place), &file);
        if (rc > 0)
            return;
        if (rc < 0) {
            keep_failure(t, b, rc);
            if (b->write)
                return;
            set_rc(b->pages, n, rc);
        } else {
            add_run(b, file, n);
        }
        b->pages += n;
        b->count -= n;
    }
}

/* The operation failed for one page of the run, nobody knows which: one after the other. */
static void read_singly(struct task *t, struct batch *b, const struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        struct page_io *p = &run->pages[i];
        p->rc = pagefiles_read(t, b->f, p->place, p->data);
        if (p->rc < 0)
            keep_failure(t, b, p->rc);
    }
}

/* No descriptor of the round is held any more: it may read again. */
static void finish_run(struct task *t, struct batch *b, const struct run *run, int64_t result)
{
    struct pagefiles *f = b->f;

    if (result < 0 && !b->write && run->count > 1) {
        read_singly(t, b, run);
        return;
    }
    if (result < 0) {
        struct file_page place = run->pages[0].place;
        int rc = pagefiles_io_fail(t, f, b->write ? "write" : "read", result,
                                   pagefiles_file_id(f, place), pagefiles_offset(f, place));
        keep_failure(t, b, rc);
        set_rc(run->pages, run->count, rc);
        return;
    }
    for (size_t i = 0; i < run->count && !b->write; i++) {
        struct page_io *p = &run->pages[i];
        uint64_t end = (p->place.n - run->pages[0].place.n + 1) * f->page_bytes;
        p->rc = pagefiles_check_page(t, f, p->place, p->data, (uint64_t)result >= end);
        if (p->rc < 0)
            keep_failure(t, b, p->rc);
    }
}

/* Operands of a round: one a page, and those of gaps as long as they fit. */
static size_t iov_room(const struct batch *b)
{
    return MIN(b->gap_count > 0 ? MAX(b->count, RUN_PAGES_MAX) : b->count, ROUND_PAGES_MAX);
}

static struct batch *new_batch(struct task *t, struct pagefiles *f, struct page_io *pages,
                               size_t count, bool write, uint8_t *const *gaps, size_t gap_count)
{
    struct batch *b = arena_zalloc(&t->arena, sizeof(*b));

    if (!b)
        return NULL;
    b->f = f;
    b->write = write;
    b->pages = pages;
    b->count = count;
    b->gaps = gaps;
    b->gap_count = gap_count;
    b->run_max = MIN(count, PAGEFILES_REQUESTS_MAX);
    if (write && f->writes_at_once > 0)
        b->run_max = MIN(b->run_max, f->writes_at_once);
    b->runs = arena_alloc(&t->arena, b->run_max * sizeof(*b->runs));
    b->reqs = arena_alloc(&t->arena, b->run_max * sizeof(*b->reqs));
    b->iov = arena_alloc(&t->arena, iov_room(b) * sizeof(*b->iov));
    return b->runs && b->reqs && b->iov ? b : NULL;
}

/* Tokens are taken before descriptors: who holds a descriptor never waits for a token. */
static void run_round(struct task *t, struct batch *b)
{
    struct pagefiles *f = b->f;
    struct tokens *tokens = b->write ? f->writes : NULL;
    size_t taken = 0;

    b->iov_max = iov_room(b);
    if (tokens)
        b->iov_max = taken = tokens_take_some(t, tokens, b->iov_max);
    gather(t, b);
    io_run_all(t, f->io, b->reqs, b->run_count);
    for (size_t i = 0; i < b->run_count; i++)
        fdcache_release(f->fds, b->runs[i].file);
    for (size_t i = 0; i < b->run_count; i++)
        finish_run(t, b, &b->runs[i], b->reqs[i].result);
    if (tokens)
        tokens_give_some(tokens, taken);
}

static int run_batch(struct task *t, struct pagefiles *f, struct page_io *pages, size_t count,
                     bool write, uint8_t *const *gaps, size_t gap_count)
{
    struct arena_mark mark = arena_mark(&t->arena);
    struct batch *b = new_batch(t, f, pages, count, write, gaps, gap_count);

    if (!b) {
        arena_reset(&t->arena, mark);
        set_rc(pages, count, ELOQ_NO_MEMORY);
        return task_no_memory(t);
    }
    sort_by_place(pages, count);
    /* A read tells what it can of each page; a write that failed in part is of no use. */
    while (b->count > 0 && !(write && b->rc < 0))
        run_round(t, b);
    int rc = b->rc;
    if (rc < 0)
        t->err = b->err;
    arena_reset(&t->arena, mark);
    return rc;
}

int pagefiles_read_many(struct task *t, struct pagefiles *f, struct page_io *pages, size_t count)
{
    return count > 0 ? run_batch(t, f, pages, count, false, NULL, 0) : ELOQ_OK;
}

int pagefiles_read_through(struct task *t, struct pagefiles *f, struct page_io *pages, size_t count,
                           uint8_t *const *gaps, size_t gap_count)
{
    return count > 0 ? run_batch(t, f, pages, count, false, gaps, gap_count) : ELOQ_OK;
}

int pagefiles_write_many(struct task *t, struct pagefiles *f, struct page_io *pages, size_t count)
{
    return count > 0 ? run_batch(t, f, pages, count, true, NULL, 0) : ELOQ_OK;
}
