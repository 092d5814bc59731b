/* part/ahead.c -- writes zeros where the next records and pages will go. */
#include "part/ahead.h"

#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "part/manifest_log.h"

#define RESERVE_MAX (UINT64_C(16) << 20)
#define PIECE_BYTES (UINT64_C(256) << 10) /* of one write */
#define AGAIN_AFTER 1024                  /* commits, when a filling failed */
#define SMALL_PAGES 64 /* of a commit; with so many free places a partition does not grow soon */

void ahead_init(struct ahead *a, uint32_t after)
{
    *a = (struct ahead){ .wait = after, .manifest_fill = UINT64_MAX, .places_fill = UINT64_MAX };
    mutex_init(&a->lock);
}

/* Large ones write whole new blocks anyway. */
void ahead_committed(struct part *p, size_t pages)
{
    if (pages > SMALL_PAGES)
        p->ahead.wait = MAX(p->ahead.wait, p->env->ahead_after);
    else if (p->ahead.wait > 0)
        p->ahead.wait--;
}

/* Bytes to have ahead: a quarter of the data; 0 for a small partition. */
static uint64_t reserve_of(const struct part *p)
{
    uint64_t data = (uint64_t)p->current->map.mapped_count * p->env->shape.page_bytes;
    uint64_t reserve = MIN(data / 4, RESERVE_MAX);

    if (p->env->ahead_least == 0 || reserve < p->env->ahead_least)
        return 0;
    return ALIGN_UP(reserve, MAX(RECORD_ALIGN, p->env->shape.page_bytes));
}

static bool can_fill(const struct part *p)
{
    return !p->env->read_only && p->manifest_end > 0 && !p->found_unsynced && !p->unknown
           && !p->broken;
}

/* Where the manifest will be replaced, at the latest. */
static uint64_t manifest_limit(const struct part *p)
{
    return MAX(p->env->manifest_limit, 2 * p->snapshot_bytes) / RECORD_ALIGN * RECORD_ALIGN;
}

static bool wants_manifest(const struct part *p, uint64_t reserve)
{
    uint64_t half = MIN(p->manifest_end + reserve / 2, manifest_limit(p));

    return p->ahead.manifest_ready < half;
}

/* Where the file ends that the next place lies in. */
static uint64_t file_end(const struct part *p)
{
    return ((p->falloc.next >> p->files.shift) + 1) << p->files.shift;
}

/* Only in a file that is there: the first page of a file makes it. */
static bool wants_places(const struct part *p, uint64_t reserve)
{
    uint64_t pages = reserve / p->env->shape.page_bytes;
    uint64_t half = MIN(p->falloc.next + pages / 2, file_end(p));

    if (pagefiles_offset(&p->files, file_page(p->falloc.next)) == 0)
        return false;
    if (!p->falloc.append && p->falloc.free.count >= SMALL_PAGES)
        return false;
    return p->ahead.places_ready < half;
}

bool ahead_wanted(const struct part *p)
{
    uint64_t reserve = reserve_of(p);

    return reserve > 0 && p->ahead.wait == 0 && !p->ahead.asked && can_fill(p)
           && (wants_manifest(p, reserve) || wants_places(p, reserve));
}

/* Writes zeros to [from, to). `zeros` is one page. 0 or -errno. */
static int64_t write_zeros(struct task *t, struct part *p, int fd, uint8_t *zeros, uint64_t from,
                           uint64_t to)
{
    uint32_t page_bytes = p->env->shape.page_bytes;
    size_t most = MAX(PIECE_BYTES / page_bytes, 1);
    struct iovec iov[PIECE_BYTES / PAGE_BYTES_MIN];

    for (size_t i = 0; i < most; i++)
        iov[i] = (struct iovec){ zeros, page_bytes };
    while (from < to) {
        uint64_t pages = MIN((to - from) / page_bytes, most);
        struct io_req req = {
            .op = IO_WRITE, .fd = fd, .iov = iov, .iov_count = (int)pages, .offset = from
        };
        if (pages == 0)
            break;
        io_run_all(t, p->env->io, &req, 1);
        if (req.result < 0)
            return req.result;
        from += pages * page_bytes;
        task_yield_low(t);
    }
    return 0;
}

/* Begins behind what is written already; else a little ahead of the writer, who goes on meanwhile:
 * what is left out becomes new blocks as before. */
static uint64_t fill_from(uint64_t ready, uint64_t end, uint64_t reserve)
{
    return MAX(ready, end + reserve / 8);
}

/* A descriptor of its own: the writer's may be closed meanwhile. */
static int64_t fill_manifest(struct task *t, struct part *p, uint8_t *zeros, uint64_t reserve)
{
    struct ahead *a = &p->ahead;
    uint32_t page_bytes = p->env->shape.page_bytes;
    uint64_t end = MAX(p->manifest_end, a->record_end);
    uint64_t to = MIN(p->manifest_end + reserve, manifest_limit(p));
    uint64_t from = fill_from(a->manifest_ready, end, reserve) / RECORD_ALIGN * RECORD_ALIGN;
    char path[PATH_MAX];

    if (to < from + page_bytes)
        return 0;
    to = from + (to - from) / page_bytes * page_bytes;
    a->manifest_fill = from;
    part_manifest_path(p, path, sizeof(path));
    part_brief_begin(t, p->env);
    int64_t rc = io_open_file(t, p->env->io, path, IO_OPEN_WRITE);
    if (rc >= 0) {
        int fd = (int)rc;
        rc = write_zeros(t, p, fd, zeros, from, to);
        if (rc >= 0)
            rc = io_sync(t, p->env->io, fd);
        io_close_file(t, p->env->io, fd);
    }
    part_brief_end(p->env);
    a->manifest_fill = UINT64_MAX;
    if (rc >= 0)
        a->manifest_ready = to;
    return rc;
}

static int64_t fill_places(struct task *t, struct part *p, uint8_t *zeros, uint64_t reserve)
{
    struct ahead *a = &p->ahead;
    struct pagefiles *f = &p->files;
    uint64_t pages = reserve / p->env->shape.page_bytes;
    uint64_t from = fill_from(a->places_ready, p->falloc.next, pages);
    uint64_t to = MIN(p->falloc.next + pages, file_end(p));
    uint64_t file_id = p->falloc.next >> f->shift;
    uint64_t offset = pagefiles_offset(f, file_page(from));
    struct fd_entry *e;
    bool created;

    if (from >= to)
        return 0;
    a->places_fill = from;
    int64_t rc = fdcache_acquire(t, f->fds, f, file_id, false, &e, &created);
    if (rc >= 0) {
        uint64_t bytes = (to - from) * p->env->shape.page_bytes;
        rc = write_zeros(t, p, e->fd, zeros, offset, offset + bytes);
        if (rc >= 0) {
            rc = io_sync(t, p->env->io, e->fd);
            /* The descriptor is shared: the system may have told us of a page that is lost. */
            f->sync_failed |= rc < 0;
        }
        fdcache_release(f->fds, e);
    }
    a->places_fill = UINT64_MAX;
    if (rc >= 0)
        a->places_ready = to;
    return rc;
}

void ahead_fill(struct task *t, struct part *p)
{
    struct ahead *a = &p->ahead;
    uint8_t *zeros = pagepool_get(p->env->pool);
    int64_t rc = zeros ? 0 : ELOQ_NO_MEMORY;

    mutex_lock(t, &a->lock);
    uint64_t reserve = reserve_of(p);
    if (zeros)
        memset(zeros, 0, p->env->shape.page_bytes);
    if (rc >= 0 && reserve > 0 && can_fill(p) && wants_manifest(p, reserve))
        rc = fill_manifest(t, p, zeros, reserve);
    if (rc >= 0 && reserve > 0 && can_fill(p) && wants_places(p, reserve))
        rc = fill_places(t, p, zeros, reserve);
    mutex_unlock(&a->lock);
    pagepool_put(p->env->pool, zeros);
    if (rc < 0)
        a->wait = AGAIN_AFTER;
}

static void await(struct task *t, struct part *p)
{
    mutex_lock(t, &p->ahead.lock);
    mutex_unlock(&p->ahead.lock);
}

void ahead_await_manifest(struct task *t, struct part *p, uint64_t record_end)
{
    p->ahead.record_end = record_end;
    if (record_end > p->ahead.manifest_fill)
        await(t, p);
}

void ahead_await_places(struct task *t, struct part *p)
{
    if (p->falloc.next > p->ahead.places_fill)
        await(t, p);
}

void ahead_hold(struct task *t, struct part *p)
{
    mutex_lock(t, &p->ahead.lock);
}

void ahead_let_go(struct part *p)
{
    mutex_unlock(&p->ahead.lock);
}

void ahead_trim(struct task *t, struct part *p)
{
    struct ahead *a = &p->ahead;

    if (!can_fill(p))
        return;
    if (a->manifest_ready > manifest_log_end(p) && manifest_log_open(t, p) == ELOQ_OK) {
        (void)io_truncate(t, p->env->io, p->manifest_fd, manifest_log_end(p));
        manifest_log_rest(p);
    }
    if (!p->falloc.append && a->places_ready > p->falloc.next) {
        struct file_page end = file_page(p->falloc.next);
        if (pagefiles_offset(&p->files, end) > 0)
            (void)pagefiles_cut(t, &p->files, pagefiles_file_id(&p->files, end),
                                pagefiles_offset(&p->files, end));
    }
    a->manifest_ready = a->places_ready = 0;
}
