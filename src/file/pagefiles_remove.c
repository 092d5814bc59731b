/* file/pagefiles_remove.c -- removes and cuts data files that hold nothing any more. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/check.h"
#include "file/name.h"
#include "file/pagefiles_private.h"

#define TOGETHER 32 /* files removed at once */

/* Whatever was written to it is not to be synced any more. */
static int let_go(struct task *t, struct pagefiles *f, uint64_t file_id)
{
    int rc = fdcache_drop(t, f->fds, f, file_id);

    if (rc == ELOQ_OK)
        pagefiles_forget_unsynced(f, file_id);
    return rc;
}

static int finish(struct task *t, const struct pagefiles *f, uint64_t file_id, int64_t result)
{
    if (result >= 0 || result == -ENOENT)
        return ELOQ_OK;
    return pagefiles_io_fail(t, f, "unlink", result, file_id, 0);
}

int pagefiles_remove(struct task *t, struct pagefiles *f, uint64_t file_id)
{
    char path[PATH_MAX];

    int rc = let_go(t, f, file_id);
    if (rc != ELOQ_OK)
        return rc;
    pagefiles_path(f, file_id, path, sizeof(path));
    return finish(t, f, file_id, io_unlink(t, f->io, path));
}

/* At most TOGETHER of them. `paths` has room for as many, `path_bytes` each. */
static int remove_some(struct task *t, struct pagefiles *f, const uint64_t *file_ids, size_t count,
                       char *paths, size_t path_bytes, int *ret)
{
    struct io_req reqs[TOGETHER];
    size_t which[TOGETHER], req_count = 0;
    int failure = ELOQ_OK;
    struct err first;

    for (size_t i = 0; i < count; i++) {
        ret[i] = let_go(t, f, file_ids[i]);
        if (ret[i] != ELOQ_OK)
            continue;
        char *path = paths + req_count * path_bytes;
        pagefiles_path(f, file_ids[i], path, path_bytes);
        which[req_count] = i;
        reqs[req_count++] = (struct io_req){ .op = IO_UNLINK, .path = path };
    }
    if (req_count > 0)
        io_run_all(t, f->io, reqs, req_count);
    for (size_t n = 0; n < req_count; n++) {
        size_t i = which[n];
        ret[i] = finish(t, f, file_ids[i], reqs[n].result);
        if (ret[i] < 0 && failure == ELOQ_OK) {
            failure = ret[i];
            first = t->err;
        }
    }
    if (failure < 0)
        t->err = first;
    return failure;
}

int pagefiles_remove_many(struct task *t, struct pagefiles *f, const uint64_t *file_ids,
                          size_t count, int *ret)
{
    size_t path_bytes = strlen(f->dir) + 1 + FILE_NAME_BYTES;
    struct arena_mark mark = arena_mark(&t->arena);
    char *paths = arena_alloc(&t->arena, MIN(count, TOGETHER) * path_bytes);
    int failure = ELOQ_OK;

    if (!paths)
        return task_no_memory(t);
    for (size_t i = 0; i < count; i += TOGETHER) {
        int rc =
            remove_some(t, f, file_ids + i, MIN(count - i, TOGETHER), paths, path_bytes, ret + i);
        failure = failure < 0 ? failure : rc;
    }
    arena_reset(&t->arena, mark);
    return failure;
}

void pagefiles_clear(struct pagefiles *f)
{
    CHECK(list_empty(&f->open_files));
    terms_free(&f->terms);
    f->unsynced_count = 0;
    f->dir_unsynced = f->sync_failed = false;
}

int pagefiles_cut(struct task *t, struct pagefiles *f, uint64_t file_id, uint64_t bytes)
{
    struct fd_entry *e;
    bool created;
    const char *verb = "stat";

    TRY(fdcache_acquire(t, f->fds, f, file_id, false, &e, &created));
    int64_t rc = io_size(t, f->io, e->fd);
    if (rc > (int64_t)bytes) {
        verb = "truncate";
        rc = io_truncate(t, f->io, e->fd, bytes);
    }
    fdcache_release(f->fds, e);
    return rc < 0 ? pagefiles_io_fail(t, f, verb, rc, file_id, bytes) : ELOQ_OK;
}
