/* file/pagefiles_sync.c -- makes written data files and their directory durable. */
#include <errno.h>
#include <string.h>

#include "file/pagefiles_private.h"

struct sync {
    struct pagefiles *f;
    bool with_dir;
    int beside;             /* one more descriptor to flush, -1: none */
    int64_t *beside_result; /* of that */
    const uint64_t *ids;    /* not yet in a round; taken from the end */
    size_t count;
    struct fd_entry **files; /* this round; NULL is the directory, or what is beside */
    struct io_req *reqs;
    size_t req_count, req_max;
    int rc; /* the first failure */
    struct err err;
};

static void keep_failure(struct task *t, struct sync *s, int rc)
{
    if (s->rc < 0)
        return;
    s->rc = rc;
    s->err = t->err;
}

static void add(struct sync *s, struct fd_entry *file, struct io_req req)
{
    s->files[s->req_count] = file;
    req.table = s->f->table;
    req.partition = s->f->partition;
    s->reqs[s->req_count++] = req;
}

/* Takes files into this round as long as descriptors can be had. */
static void gather(struct task *t, struct sync *s)
{
    struct pagefiles *f = s->f;
    bool holds = false;

    s->req_count = 0;
    if (s->with_dir)
        add(s, NULL, (struct io_req){ .op = IO_SYNC_DIR, .path = f->dir });
    s->with_dir = false;
    if (s->beside >= 0)
        add(s, NULL, (struct io_req){ .op = IO_SYNC, .fd = s->beside });
    s->beside = -1;
    while (s->count > 0 && s->req_count < s->req_max) {
        uint64_t id = s->ids[s->count - 1];
        struct fd_entry *e;
        bool created;
        int rc = holds ? fdcache_acquire_more(t, f->fds, f, id, false, &e, &created)
                       : fdcache_acquire(t, f->fds, f, id, false, &e, &created);
        if (rc < 0)
            keep_failure(t, s, rc);
        if (rc != ELOQ_OK)
            return;
        add(s, e, (struct io_req){ .op = IO_SYNC, .fd = e->fd });
        holds = true;
        s->count--;
    }
}

static void finish_one(struct task *t, struct sync *s, struct fd_entry *e, const struct io_req *req)
{
    struct pagefiles *f = s->f;
    int64_t result = req->result;

    if (!e && req->op == IO_SYNC) {
        *s->beside_result = result;
    } else if (result >= 0) {
        if (e)
            pagefiles_mark_synced(f, e);
        else
            f->dir_unsynced = false;
    } else if (e) {
        keep_failure(t, s, pagefiles_io_fail(t, f, "fdatasync", result, e->file_id, 0));
    } else {
        int rc = io_fail(t, "fsync", result, f->dir, 0);
        err_part(&t->err, f->table, f->partition);
        keep_failure(t, s, rc);
    }
    if (e)
        fdcache_release(f->fds, e);
}

static int run(struct task *t, struct sync *s)
{
    while ((s->with_dir || s->beside >= 0 || s->count > 0) && s->rc == ELOQ_OK) {
        gather(t, s);
        io_run_all(t, s->f->io, s->reqs, s->req_count);
        for (size_t i = 0; i < s->req_count; i++)
            finish_one(t, s, s->files[i], &s->reqs[i]);
    }
    if (s->rc < 0)
        t->err = s->err;
    return s->rc;
}

static int sync_files(struct task *t, struct pagefiles *f, const uint64_t *ids, size_t count,
                      bool with_dir, int beside, int64_t *beside_result)
{
    struct arena_mark mark = arena_mark(&t->arena);
    struct sync *s = arena_zalloc(&t->arena, sizeof(*s));
    uint64_t *copy = arena_copy(&t->arena, ids, count * sizeof(*ids));
    int rc;

    if (s) {
        s->f = f;
        s->with_dir = with_dir;
        s->beside = beside;
        s->beside_result = beside_result;
        s->ids = copy; /* the list changes meanwhile */
        s->count = count;
        s->req_max = MIN(count + 2, PAGEFILES_REQUESTS_MAX);
        s->files = arena_alloc(&t->arena, s->req_max * sizeof(struct fd_entry *));
        s->reqs = arena_alloc(&t->arena, s->req_max * sizeof(*s->reqs));
    }
    if (s && copy && s->files && s->reqs)
        rc = run(t, s);
    else
        rc = task_no_memory(t);
    arena_reset(&t->arena, mark);
    return rc;
}

static int check_earlier(struct task *t, const struct pagefiles *f)
{
    if (!f->sync_failed)
        return ELOQ_OK;
    task_fail(t, ELOQ_IO, "an earlier fdatasync failed path=%s", f->dir);
    err_place(&t->err, f->dir, 0);
    err_part(&t->err, f->table, f->partition);
    return ELOQ_IO;
}

int pagefiles_sync(struct task *t, struct pagefiles *f)
{
    TRY(check_earlier(t, f));
    if (f->unsynced_count > 0 || f->dir_unsynced)
        TRY(sync_files(t, f, f->unsynced, f->unsynced_count, f->dir_unsynced, -1, NULL));
    /* Making room for descriptors may have closed, and so synced, one of ours. */
    return check_earlier(t, f);
}

int pagefiles_sync_beside(struct task *t, struct pagefiles *f, int fd, int64_t *ret_result)
{
    *ret_result = -EIO; /* unless it is tried */
    TRY(check_earlier(t, f));
    TRY(sync_files(t, f, f->unsynced, f->unsynced_count, f->dir_unsynced, fd, ret_result));
    return check_earlier(t, f);
}

int pagefiles_sync_found(struct task *t, struct pagefiles *f, const uint64_t *file_ids,
                         size_t count)
{
    if (count > 0)
        TRY(sync_files(t, f, file_ids, count, false, -1, NULL));
    return check_earlier(t, f); /* as above: pages of the last commit were written anew */
}
