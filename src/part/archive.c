/* part/archive.c -- archives of a partition: list, create, remove. */
#include "part/archive.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "file/name.h"
#include "file/whole.h"
#include "part/archive_private.h"
#include "part/gc.h"
#include "part/manifest_log.h"
#include "part/prewrite.h"
#include "part/wtx.h"

#define LOCAL_TERM 0 /* archives of other terms are another owner's */

/* ---- which there are ---- */

void archive_list_free(struct archive_list *list)
{
    mem_free(list->mem, list->timestamps);
    *list = (struct archive_list){ .mem = list->mem };
}

static int compare(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static int collect(struct task *t, const struct io_names *names, struct archive_list *ret)
{
    ret->timestamps = mem_alloc(ret->mem, MEM_RESULTS, names->count * sizeof(uint64_t));
    if (!ret->timestamps)
        return task_no_memory(t);
    for (size_t i = 0; i < names->count; i++) {
        struct file_name name = file_name_parse(names->names[i].name);
        if (name.kind == FILE_ARCHIVE && name.term == LOCAL_TERM)
            ret->timestamps[ret->count++] = name.timestamp;
    }
    qsort(ret->timestamps, ret->count, sizeof(uint64_t), compare);
    return ELOQ_OK;
}

int archive_list(struct task *t, struct part_env *env, const char *dir, struct archive_list *ret)
{
    struct io_names names;

    *ret = (struct archive_list){ .mem = env->mem };
    io_names_init(&names, env->mem);
    int rc = io_list(t, env->io, dir, &names);
    if (rc == -ENOENT)
        rc = ELOQ_NOT_FOUND;
    else if (rc < 0)
        rc = io_fail(t, "list", rc, dir, 0);
    else
        rc = collect(t, &names, ret);
    io_names_free(&names);
    return rc;
}

void archive_path(const struct part *p, uint64_t timestamp, char *path, size_t size)
{
    char name[FILE_NAME_BYTES];

    file_name_archive(name, p->manifest_term, timestamp);
    snprintf(path, size, "%s/%s", p->files.dir, name);
}

static int fail(struct task *t, const struct part *p, const char *verb, int64_t result,
                const char *path)
{
    int rc = io_fail(t, verb, result, path, 0);

    err_part(&t->err, p->table, p->partition);
    return rc;
}

/* ---- locks ---- */

/* Keeps readers away from the archive at `path`: *ret_fd is its descriptor, -1 when there is none.
 * 1 when it is being read. */
static int lock(struct task *t, struct part *p, const char *path, int *ret_fd)
{
    struct io *io = p->env->io;

    *ret_fd = -1;
    int fd = io_open_file(t, io, path, IO_OPEN_READ);
    if (fd == -ENOENT)
        return ELOQ_OK;
    if (fd < 0)
        return fail(t, p, "open", fd, path);
    int rc = io_lock(t, io, fd, IO_LOCK_EXCLUSIVE);
    if (rc == 0) {
        *ret_fd = fd;
        return ELOQ_OK;
    }
    io_close_file(t, io, fd);
    return rc == -EAGAIN ? 1 : fail(t, p, "lock", rc, path);
}

static void unlock(struct task *t, struct part *p, int fd)
{
    if (fd >= 0)
        io_close_file(t, p->env->io, fd);
}

/* ---- create ---- */

struct protection {
    struct part *part;
    uint64_t last;
};

static int protect_page(void *user, struct page_id id, uint64_t value)
{
    struct protection *r = user;
    uint64_t file_id = (value >> 3) >> r->part->files.shift;

    (void)id;
    if ((value & 7) != MAPPING_TYPE_FILE_PAGE || file_id == r->last)
        return ELOQ_OK;
    r->last = file_id;
    return usage_set_archived(&r->part->usage, file_id);
}

/* Before the archive is there, so that nothing it needs is ever garbage. While nobody knows what
 * archives need, nothing is removed, and this one is read with the others. */
static int protect(struct task *t, struct part *p, const struct snapshot *s)
{
    struct protection r = { p, UINT64_MAX };

    if (p->archives_known && mapping_each(&s->map, protect_page, &r) < 0)
        return task_no_memory(t);
    return ELOQ_OK;
}

static int write(struct task *t, struct part *p, const struct snapshot *s, const char *path,
                 bool replaces)
{
    struct manifest_image image;
    bool unknown = false;

    int rc = manifest_log_encode(t, p, s, &image);
    if (rc == ELOQ_OK)
        rc = whole_replace(t, p->env->io, p->files.dir, path, image.record.data, image.record.size,
                           &unknown);
    if (rc == ELOQ_OK)
        p->env->archives_made++;
    else /* what was protected for it may not need to be */
        part_gc_archives_changed(p);
    if (unknown && replaces)
        p->broken = true; /* the older one may come back: its files must stay */
    bytes_free(&image.record);
    if (rc < 0)
        err_part(&t->err, p->table, p->partition);
    return rc;
}

int archive_create(struct task *t, struct part *p, const struct snapshot *s, uint64_t timestamp)
{
    char path[PATH_MAX];
    int fd;

    CHECK(p->env->append && timestamp != 0);
    TRY(wtx_check_writable(t, p));
    /* Of one that was removed since, nothing is left to be kept. */
    if (s->root[TREE_MAIN].n == NO_PAGE || p->manifest_end == 0)
        return ELOQ_NOT_FOUND;
    /* It names what was found: that must last as long as the archive does. */
    TRY(prewrite(t, p));
    archive_path(p, timestamp, path, sizeof(path));
    int rc = lock(t, p, path, &fd);
    if (rc > 0)
        return part_fail(t, p, ELOQ_BUSY, "the archive of this timestamp is being read");
    if (rc == ELOQ_OK)
        rc = protect(t, p, s);
    if (rc == ELOQ_OK)
        rc = write(t, p, s, path, fd >= 0);
    if (rc == ELOQ_OK && fd >= 0) /* what the replaced one alone needed may be garbage */
        part_gc_archives_changed(p);
    unlock(t, p, fd);
    return rc;
}

/* ---- remove ---- */

/* 1 when it is being read. */
static int remove_one(struct task *t, struct part *p, uint64_t timestamp)
{
    char path[PATH_MAX];
    int fd;

    archive_path(p, timestamp, path, sizeof(path));
    int rc = lock(t, p, path, &fd);
    if (rc != ELOQ_OK || fd < 0)
        return rc;
    rc = io_unlink(t, p->env->io, path);
    unlock(t, p, fd);
    if (rc < 0 && rc != -ENOENT)
        return fail(t, p, "unlink", rc, path);
    p->env->archives_removed++;
    return ELOQ_OK;
}

/* 1: a commit was found that does not count, or an archive that cannot be read. Of some pairs the
 * surplus may be all that there is. */
static int check_surplus(struct task *t, struct part *p)
{
    return p->commit_dropped ? 1 : part_gc_archives(t, p);
}

int archive_retain(struct task *t, struct part *p, size_t keep)
{
    struct archive_list list;
    size_t removed = 0;
    int rc;

    TRY(wtx_check_writable(t, p));
    if (keep > 0 && (rc = check_surplus(t, p)) != ELOQ_OK)
        return MIN(rc, ELOQ_OK);
    rc = archive_list(t, p->env, p->files.dir, &list);
    size_t surplus = list.count > keep ? list.count - keep : 0;
    for (size_t i = 0; i < surplus && rc >= 0; i++) {
        rc = remove_one(t, p, list.timestamps[i]);
        removed += rc == ELOQ_OK;
    }
    archive_list_free(&list);
    if (removed > 0) {
        /* Only for good does it need no data file any more. */
        int synced = io_sync_dir(t, p->env->io, p->files.dir);
        if (synced < 0) {
            p->broken = true; /* nobody knows which names are there, nor will be told again */
            return fail(t, p, "fsync of directory", synced, p->files.dir);
        }
        part_gc_archives_changed(p);
    }
    return MIN(rc, ELOQ_OK);
}
