/* file/pagefiles.c -- where a partition's file pages lie; reading one; which files are unsynced. */
#include "file/pagefiles.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "file/name.h"
#include "file/pagefiles_private.h"
#include "page/page.h"

static char *partition_dir(struct mem *m, const char *store_path, const char *table,
                           uint32_t partition)
{
    size_t size = strlen(store_path) + strlen(table) + sizeof("/.4294967295");
    char *dir = mem_alloc(m, MEM_MAPPING, size);

    if (dir)
        snprintf(dir, size, "%s/%s.%" PRIu32, store_path, table, partition);
    return dir;
}

int pagefiles_init(struct pagefiles *f, struct fdcache *fds, struct mem *m, const char *table,
                   uint32_t partition, const char *store_path, uint32_t page_bytes, uint32_t shift,
                   bool append, bool verify)
{
    *f = (struct pagefiles){ .fds = fds,
                             .io = fds->io,
                             .mem = m,
                             .table = table,
                             .partition = partition,
                             .page_bytes = page_bytes,
                             .shift = shift,
                             .append = append,
                             .verify = verify };
    terms_init(&f->terms, m);
    list_init(&f->open_files);
    f->parent = mem_strdup(m, MEM_MAPPING, store_path);
    f->dir = partition_dir(m, store_path, table, partition);
    int rc = f->parent && f->dir ? ELOQ_OK : ELOQ_NO_MEMORY;
    if (rc == ELOQ_OK && strlen(f->dir) + 1 + FILE_NAME_BYTES >= PATH_MAX)
        rc = ELOQ_INVALID;
    if (rc < 0)
        pagefiles_deinit(f);
    return rc;
}

void pagefiles_deinit(struct pagefiles *f)
{
    CHECK(list_empty(&f->open_files));
    terms_free(&f->terms);
    mem_free(f->mem, f->unsynced);
    mem_free(f->mem, f->dir);
    mem_free(f->mem, f->parent);
    f->unsynced = NULL;
    f->unsynced_count = f->unsynced_capacity = 0;
    f->dir = f->parent = NULL;
}

void pagefiles_path(const struct pagefiles *f, uint64_t file_id, char *path, size_t size)
{
    char name[FILE_NAME_BYTES];

    file_name_data(name, file_id, terms_get(&f->terms, file_id));
    snprintf(path, size, "%s/%s", f->dir, name);
}

int pagefiles_fail(struct task *t, const struct pagefiles *f, struct file_page place, int code,
                   const char *what)
{
    uint64_t offset = pagefiles_offset(f, place);
    char path[PATH_MAX];

    pagefiles_path(f, pagefiles_file_id(f, place), path, sizeof(path));
    task_fail(t, code, "%s path=%s offset=%" PRIu64, what, path, offset);
    err_place(&t->err, path, offset);
    err_part(&t->err, f->table, f->partition);
    return code;
}

int pagefiles_io_fail(struct task *t, const struct pagefiles *f, const char *verb, int64_t result,
                      uint64_t file_id, uint64_t offset)
{
    char path[PATH_MAX];

    pagefiles_path(f, file_id, path, sizeof(path));
    int rc = io_fail(t, verb, result, path, offset);
    err_part(&t->err, f->table, f->partition);
    return rc;
}

int pagefiles_check_page(struct task *t, const struct pagefiles *f, struct file_page place,
                         const uint8_t *data, bool is_inside)
{
    if (!is_inside)
        return pagefiles_fail(t, f, place, ELOQ_CORRUPTED, "page past the end of its file");
    if (f->verify && !page_verify(data, f->page_bytes))
        return pagefiles_fail(t, f, place, ELOQ_CORRUPTED, "bad page checksum");
    return ELOQ_OK;
}

int pagefiles_read(struct task *t, struct pagefiles *f, struct file_page place, uint8_t *data)
{
    uint64_t file_id = pagefiles_file_id(f, place), offset = pagefiles_offset(f, place);
    struct fd_entry *e;
    bool created;

    TRY(fdcache_acquire(t, f->fds, f, file_id, false, &e, &created));
    int64_t got = io_read(t, f->io, e->fd, data, f->page_bytes, offset);
    fdcache_release(f->fds, e);
    if (got < 0)
        return pagefiles_io_fail(t, f, "read", got, file_id, offset);
    return pagefiles_check_page(t, f, place, data, got == f->page_bytes);
}

static void fetch_done(struct io_req *req)
{
    struct pagefiles_fetch *fetch = container_of(req, struct pagefiles_fetch, req);

    fdcache_release(fetch->files->fds, fetch->file);
    fetch->done(fetch);
}

bool pagefiles_fetch(struct pagefiles *f, struct file_page place, uint8_t *data,
                     struct pagefiles_fetch *fetch, void (*done)(struct pagefiles_fetch *fetch))
{
    struct fd_entry *e = fdcache_take_open(f->fds, f, pagefiles_file_id(f, place));

    if (!e)
        return false;
    fetch->iov = (struct iovec){ data, f->page_bytes };
    fetch->files = f;
    fetch->file = e;
    fetch->done = done;
    fetch->req = (struct io_req){ .op = IO_READ,
                                  .fd = e->fd,
                                  .iov = &fetch->iov,
                                  .iov_count = 1,
                                  .offset = pagefiles_offset(f, place),
                                  .table = f->table,
                                  .partition = f->partition,
                                  .done = fetch_done };
    io_submit(f->io, &fetch->req);
    return true;
}

bool pagefiles_fetched(struct pagefiles_fetch *fetch)
{
    const struct pagefiles *f = fetch->files;

    return fetch->req.result == f->page_bytes
           && (!f->verify || page_verify(fetch->iov.iov_base, f->page_bytes));
}

/* Where the id stands in the list of unsynced files, or unsynced_count. Searched from the end,
 * since pagefiles_sync takes them from there. */
static size_t find_unsynced(const struct pagefiles *f, uint64_t file_id)
{
    for (size_t i = f->unsynced_count; i > 0; i--) {
        if (f->unsynced[i - 1] == file_id)
            return i - 1;
    }
    return f->unsynced_count;
}

int pagefiles_mark_unsynced(struct pagefiles *f, struct fd_entry *e)
{
    if (e->unsynced)
        return ELOQ_OK;
    /* It may still be listed: closed by the cache when its sync had failed. */
    if (find_unsynced(f, e->file_id) == f->unsynced_count) {
        if (f->unsynced_count == f->unsynced_capacity) {
            size_t capacity = MAX(16, f->unsynced_capacity * 2);
            uint64_t *ids =
                mem_realloc(f->mem, MEM_FILES, f->unsynced, capacity * sizeof(*f->unsynced));
            if (!ids)
                return ELOQ_NO_MEMORY;
            f->unsynced = ids;
            f->unsynced_capacity = capacity;
        }
        f->unsynced[f->unsynced_count++] = e->file_id;
    }
    e->unsynced = true;
    return ELOQ_OK;
}

void pagefiles_forget_unsynced(struct pagefiles *f, uint64_t file_id)
{
    size_t at = find_unsynced(f, file_id);

    if (at < f->unsynced_count)
        f->unsynced[at] = f->unsynced[--f->unsynced_count];
}

void pagefiles_mark_synced(struct pagefiles *f, struct fd_entry *e)
{
    pagefiles_forget_unsynced(f, e->file_id);
    e->unsynced = false;
}
