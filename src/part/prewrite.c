/* part/prewrite.c -- what must be durable before the first page of a partition is written. */
#include "part/prewrite.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "file/name.h"
#include "part/gc.h"
#include "part/last_commit.h"
#include "part/manifest_log.h"
#include "part/manifest_view.h"

#define STEP 16384 /* pages between two yields */

static int fail(struct task *t, struct part *p, const char *verb, int64_t result, const char *path)
{
    int rc = io_fail(t, verb, result, path, 0);

    err_part(&t->err, p->table, p->partition);
    return rc;
}

/* Without memory or a descriptor there was no flush. */
static bool is_lost(int code)
{
    return code < 0 && code != ELOQ_NO_MEMORY && code != ELOQ_BUSY;
}

/* When it fails, the names in the directory may be lost without the system saying so again. */
static int sync_directory(struct task *t, struct part *p, const char *path)
{
    int rc = io_sync_dir(t, p->env->io, path);

    if (rc == 0)
        return ELOQ_OK;
    rc = fail(t, p, "fsync of directory", rc, path);
    p->broken |= is_lost(rc);
    return rc;
}

/* The data files that hold pages. Yields; writes are kept away by the caller being the writer. */
static int collect_files(struct task *t, struct part *p, struct bitset *files)
{
    struct snapshot *s = p->current;

    if (bitset_grow(files, (p->falloc.next >> p->files.shift) + 1) < 0)
        return task_no_memory(t);
    for (uint32_t id = 0; id < s->map.page_count; id++) {
        struct file_page place;
        if (mapping_get(&s->map, page_id(id), &place))
            bitset_add(files, pagefiles_file_id(&p->files, place));
        if (id % STEP == STEP - 1)
            task_yield(t);
    }
    return ELOQ_OK;
}

/* A file that is missing is damage that was there before, and costs its pages alone. */
static int sync_ids(struct task *t, struct part *p, const uint64_t *ids, size_t count)
{
    int rc = pagefiles_sync_found(t, &p->files, ids, count);

    if (rc != ELOQ_CORRUPTED)
        return rc;
    rc = ELOQ_OK;
    for (size_t i = 0; i < count && rc == ELOQ_OK; i++) {
        rc = pagefiles_sync_found(t, &p->files, &ids[i], 1);
        if (rc == ELOQ_CORRUPTED)
            rc = ELOQ_OK;
    }
    return rc;
}

static int sync_data_files(struct task *t, struct part *p)
{
    struct bitset files;
    uint64_t *ids = NULL;

    bitset_init(&files, p->env->mem, MEM_OTHER);
    int rc = collect_files(t, p, &files);
    if (rc == ELOQ_OK && files.count > 0) {
        ids = mem_alloc(p->env->mem, MEM_OTHER, files.count * sizeof(*ids));
        rc = ids ? ELOQ_OK : task_no_memory(t);
    }
    size_t count = 0;
    if (ids)
        for (uint64_t id = bitset_next(&files, 0); id != BITSET_NONE;
             id = bitset_next(&files, id + 1))
            ids[count++] = id;
    if (count > 0)
        rc = sync_ids(t, p, ids, count);
    mem_free(p->env->mem, ids);
    bitset_free(&files);
    return rc;
}

/* Writes the last record anew, as it was found. Its flush may have failed before the store was
 * reopened: then the system shows it, holds it for clean and never writes it, so that flushing it
 * does nothing. The records before it were flushed before it was written; of a snapshot record the
 * same holds, since it got its name after that. */
static int rewrite_last_record(struct task *t, struct part *p, const char *path)
{
    struct io *io = p->env->io;
    size_t size = (size_t)(p->manifest_end - p->found_at);
    struct manifest_frame frame;
    struct bytes record;

    bytes_init(&record, p->env->mem, MEM_OTHER);
    bytes_add_zeros(&record, size);
    if (record.failed) {
        bytes_free(&record);
        return task_no_memory(t);
    }
    const char *verb = "read";
    int64_t rc = io_read(t, io, p->manifest_fd, record.data, size, p->found_at);
    /* What was read may be gone from the system's memory meanwhile. */
    bool is_same = rc >= 0 && manifest_view_frame(record.data, size, 0, &frame) && frame.checksum_ok
                   && frame.checksum == p->last_checksum;
    if (is_same) {
        verb = "write";
        rc = io_write(t, io, p->manifest_fd, record.data, size, p->found_at);
    }
    bytes_free(&record);
    if (rc < 0)
        return fail(t, p, verb, rc, path);
    return is_same ? ELOQ_OK
                   : part_fail(t, p, ELOQ_CORRUPTED, "the manifest is not what it was when loaded");
}

/* Cuts a damaged tail off, or completes missing padding, and flushes the manifest. */
static int sync_manifest(struct task *t, struct part *p)
{
    struct io *io = p->env->io;
    char path[PATH_MAX];

    TRY(manifest_log_open(t, p));
    part_manifest_path(p, path, sizeof(path));
    int64_t size = io_size(t, io, p->manifest_fd);
    if (size < 0)
        return fail(t, p, "stat", size, path);
    if ((uint64_t)size != p->manifest_end) {
        int rc = io_truncate(t, io, p->manifest_fd, p->manifest_end);
        if (rc < 0)
            return fail(t, p, "truncate", rc, path);
    }
    if (p->found_at > 0)
        TRY(rewrite_last_record(t, p, path));
    int rc = io_sync(t, io, p->manifest_fd);
    if (rc == 0)
        return ELOQ_OK;
    rc = fail(t, p, "fdatasync", rc, path);
    p->broken |= is_lost(rc);
    return rc;
}

/* After a failed flush the system may hold pages for clean that never reached the disk: what was
 * loaded is not to be built upon. A write that fails leaves what was there: it may be tried again.
 */
static int flush_found(struct task *t, struct part *p)
{
    TRY(last_commit_rewrite(t, p));
    int rc = sync_data_files(t, p);
    p->broken |= is_lost(rc);
    TRY(rc);
    rc = sync_manifest(t, p);
    manifest_log_rest(p);
    TRY(rc);
    TRY(sync_directory(t, p, p->files.dir));
    TRY(sync_directory(t, p, p->files.parent));
    last_commit_forget(p);
    p->found_unsynced = false;
    p->padding_missing = false;
    return ELOQ_OK;
}

/* The marker says that data files without a manifest are an unfinished first commit. */
static int make_marker(struct task *t, struct part *p)
{
    struct io *io = p->env->io;
    char path[PATH_MAX + sizeof(".tmp")];

    part_manifest_path(p, path, PATH_MAX);
    snprintf(path + strnlen(path, PATH_MAX), sizeof(".tmp"), ".tmp");
    int fd = io_open_file(t, io, path, IO_OPEN_WRITE | IO_OPEN_CREATE);
    if (fd < 0)
        return fail(t, p, "create", fd, path);
    int rc = io_close_file(t, io, fd);
    return rc < 0 ? fail(t, p, "close", rc, path) : ELOQ_OK;
}

/* What a crash left is in nobody's way: if it cannot be removed, that is tried again later. */
static void remove_orphans(struct task *t, struct part *p)
{
    p->orphans_pending = true;
    if (!p->tail_dropped && !p->commit_dropped)
        (void)part_gc_orphans(t, p);
}

static int make_directory(struct task *t, struct part *p)
{
    int made = io_mkdir(t, p->env->io, p->files.dir);

    if (made < 0 && made != -EEXIST)
        return fail(t, p, "mkdir", made, p->files.dir);
    TRY(sync_directory(t, p, p->files.parent));
    TRY(make_marker(t, p));
    TRY(sync_directory(t, p, p->files.dir));
    p->is_prepared = true;
    if (made == -EEXIST)
        remove_orphans(t, p);
    return ELOQ_OK;
}

int prewrite_skip_files(struct task *t, struct part *p)
{
    struct io_names names;

    io_names_init(&names, p->env->mem);
    int rc = io_list(t, p->env->io, p->files.dir, &names);
    if (rc < 0) {
        rc = io_fail(t, "list", rc, p->files.dir, 0);
        err_part(&t->err, p->table, p->partition);
    }
    for (size_t i = 0; i < names.count && rc >= 0; i++) {
        struct file_name name = file_name_parse(names.names[i].name);
        if (name.kind != FILE_DATA)
            continue;
        if (name.id >= FILE_PAGE_END >> p->files.shift)
            rc = part_fail(t, p, ELOQ_NO_SPACE, "a data file has the greatest number there is");
        else
            p->falloc.next = MAX(p->falloc.next, (name.id + 1) << p->files.shift);
    }
    io_names_free(&names);
    return MIN(rc, ELOQ_OK);
}

int prewrite_keep_archived(struct task *t, struct part *p)
{
    if (!p->falloc.append || !p->found_unsynced)
        return ELOQ_OK;
    int rc = part_gc_archives(t, p);
    if (rc == 1 && (p->tail_dropped || p->commit_dropped)) /* one that cannot be read */
        rc = prewrite_skip_files(t, p);
    p->falloc.next = MAX(p->falloc.next, p->archived_end);
    return MIN(rc, ELOQ_OK);
}

int prewrite(struct task *t, struct part *p)
{
    if (p->manifest_end == 0)
        return p->is_prepared ? ELOQ_OK : make_directory(t, p);
    if (!p->found_unsynced)
        return ELOQ_OK;
    int rc = flush_found(t, p);
    p->broken |= rc == ELOQ_CORRUPTED; /* it is not what was loaded */
    if (rc == ELOQ_OK)
        remove_orphans(t, p);
    return rc;
}
