/* engine/store_files.c -- the directories of a store: made, looked over, locked, recorded. */
#include "engine/store_files.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "engine/options.h"
#include "file/name.h"
#include "file/whole.h"

#define RECORD_DIR ".eloqstore"
#define MEMORY_PATH "/memory"
/* Room for "/.eloqstore/options.tmp" and for a partition's file behind a path. */
#define PATH_BYTES_MAX (PATH_MAX - 512)

/* Drops empty and "." components, in place. ".." stays: it means what links make of it. */
static void tidy_path(char *path)
{
    char *to = path;

    for (const char *from = path; *from;) {
        size_t slashes = strspn(from, "/");
        size_t size = strcspn(from + slashes, "/");
        bool skip = size == 0 || (size == 1 && from[slashes] == '.');
        if (!skip) {
            *to++ = '/';
            memmove(to, from + slashes, size);
            to += size;
        }
        from += slashes + size;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

static int add_path(struct store_files *f, const char *text, size_t size, struct err *e)
{
    char cwd[PATH_MAX] = "";

    if (size == 0)
        return ELOQ_OK;
    if (f->path_count == 255)
        return err_set(e, ELOQ_INVALID, __FILE__, __LINE__, "more than 255 store paths");
    if (text[0] != '/' && !getcwd(cwd, sizeof(cwd)))
        return err_set(e, ELOQ_IO, __FILE__, __LINE__, "working directory has no name: %s",
                       strerror(errno));
    size_t cwd_size = strlen(cwd), room = cwd_size + 1 + size + 1;
    if (room > PATH_BYTES_MAX)
        return err_set(e, ELOQ_INVALID, __FILE__, __LINE__, "store path is too long: %.100s...",
                       text);
    char *path = mem_alloc(f->mem, MEM_OTHER, room);
    if (!path)
        return err_set(e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "out of memory");
    memcpy(path, cwd, cwd_size);
    path[cwd_size] = '/';
    memcpy(path + cwd_size + 1, text, size);
    path[room - 1] = '\0';
    tidy_path(path);
    for (uint32_t i = 0; i < f->path_count; i++) {
        if (strcmp(f->paths[i], path) == 0) {
            mem_free(f->mem, path);
            return err_set(e, ELOQ_INVALID, __FILE__, __LINE__, "store path is given twice: %.200s",
                           f->paths[i]);
        }
    }
    f->paths[f->path_count++] = path;
    return ELOQ_OK;
}

static int add_paths(struct store_files *f, const eloq_options *options, struct err *e)
{
    for (uint32_t i = 0; i < options->path_count; i++) {
        if (!options->paths[i] || !options->paths[i][0])
            return err_set(e, ELOQ_INVALID, __FILE__, __LINE__, "options.paths[%u] is empty", i);
        TRY(add_path(f, options->paths[i], strlen(options->paths[i]), e));
    }
    for (const char *at = options->path; at && *at;) {
        size_t size = strcspn(at, ":");
        TRY(add_path(f, at, size, e));
        at += size + (at[size] == ':');
    }
    if (f->path_count == 0 && options->path) /* a forgotten variable, not a wish for memory */
        return err_set(e, ELOQ_INVALID, __FILE__, __LINE__, "store path is empty");
    if (f->path_count == 0)
        TRY(add_path(f, MEMORY_PATH, strlen(MEMORY_PATH), e));
    return ELOQ_OK;
}

int store_files_init(struct store_files *f, struct mem *m, const eloq_options *options,
                     struct err *e)
{
    *f = (struct store_files){ .mem = m };
    f->paths = mem_zalloc(m, MEM_OTHER, 255 * sizeof(*f->paths));
    f->fds = mem_alloc(m, MEM_OTHER, 2 * 255 * sizeof(*f->fds));
    if (!f->paths || !f->fds)
        return err_set(e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "out of memory");
    for (int i = 0; i < 2 * 255; i++)
        f->fds[i] = -1;
    return add_paths(f, options, e);
}

void store_files_deinit(struct store_files *f)
{
    for (uint32_t i = 0; i < f->path_count; i++)
        mem_free(f->mem, f->paths[i]);
    mem_free(f->mem, f->paths);
    mem_free(f->mem, f->fds);
}

static int lock(struct task *t, struct io *io, const char *path, bool read_only, int open_flags,
                int *ret_fd)
{
    int fd = io_open_file(t, io, path, open_flags);
    if (fd < 0)
        return io_fail(t, "open", fd, path, 0);
    *ret_fd = fd;
    int rc = io_lock(t, io, fd, read_only ? IO_LOCK_SHARED : IO_LOCK_EXCLUSIVE);
    if (rc == -EAGAIN) {
        task_fail(t, ELOQ_BUSY, "store is in use%s path=%.200s",
                  read_only ? " by a writer" : ": it is open already, here or in another process",
                  path);
        err_place(&t->err, path, 0);
        return ELOQ_BUSY;
    }
    return rc < 0 ? io_fail(t, "lock", rc, path, 0) : ELOQ_OK;
}

/* What a look at a path's entries tells. */
struct survey {
    bool has_partitions;
    bool has_record;
    char misplaced[256]; /* a partition that belongs in another path; "" if none */
    struct store_record record;
};

/* In a store of one path that has a record the entries can only tell of strangers: an open looks at
 * so many, since a hundred thousand would be most of its time. Of several paths, or without a
 * record, all say whether a partition is where it will be looked for. */
#define ENTRIES_LOOKED_AT 2000

static int survey_entries(struct task *t, struct io *io, struct store_files *f, uint32_t index,
                          struct survey *s)
{
    struct io_names names;
    int rc = ELOQ_OK;

    io_names_init(&names, f->mem);
    if (f->path_count == 1 && s->has_record)
        names.most = ENTRIES_LOOKED_AT;
    int listed = io_list(t, io, f->paths[index], &names);
    if (listed < 0)
        rc = io_fail(t, "list", listed, f->paths[index], 0);
    for (size_t i = 0; i < names.count && rc == ELOQ_OK; i++) {
        size_t table_size;
        uint32_t partition;
        if (!names.names[i].is_dir)
            rc = task_fail(
                t, ELOQ_INVALID,
                "store path holds something that is no directory: path=%.120s name=%.120s",
                f->paths[index], names.names[i].name);
        else if (file_name_parse_partition(names.names[i].name, &table_size, &partition)) {
            s->has_partitions = true;
            if (partition % f->path_count != index)
                snprintf(s->misplaced, sizeof(s->misplaced), "%s", names.names[i].name);
        }
    }
    io_names_free(&names);
    return rc;
}

static int read_record(struct task *t, struct io *io, struct store_files *f, uint32_t index,
                       struct survey *s)
{
    char path[PATH_MAX];
    struct bytes text;

    snprintf(path, sizeof(path), "%s/" RECORD_DIR "/options", f->paths[index]);
    bytes_init(&text, f->mem, MEM_OTHER);
    int rc = whole_read(t, io, path, &text);
    if (rc == ELOQ_OK) {
        rc = store_record_parse((const char *)text.data, text.size, &s->record, &t->err);
        if (rc < 0)
            err_place(&t->err, path, 0);
        s->has_record = rc == ELOQ_OK;
    }
    bytes_free(&text);
    return rc < 0 ? rc : ELOQ_OK;
}

static int write_record(struct task *t, struct io *io, struct store_files *f, uint32_t index,
                        const struct store_record *like)
{
    struct store_record record = *like;
    char dir[PATH_MAX], path[PATH_MAX], text[RECORD_TEXT_MAX];
    bool unknown;

    record.path_index = index;
    record.path_count = f->path_count;
    size_t size = store_record_format(&record, text);
    snprintf(dir, sizeof(dir), "%s/" RECORD_DIR, f->paths[index]);
    snprintf(path, sizeof(path), "%s/" RECORD_DIR "/options", f->paths[index]);
    return whole_replace(t, io, dir, path, text, size, &unknown);
}

static int sync_file(struct task *t, struct io *io, const char *path)
{
    int fd = io_open_file(t, io, path, IO_OPEN_READ);
    if (fd < 0)
        return io_fail(t, "open", fd, path, 0);
    int rc = io_sync(t, io, fd);
    io_close_file(t, io, fd);
    return rc < 0 ? io_fail(t, "fdatasync", rc, path, 0) : ELOQ_OK;
}

/* What stands here may have been made by a process that was killed before it was flushed, or copied
 * here: it is durable before anything is built on it. Without a record nobody knows which
 * directories above are new. */
static int sync_found(struct task *t, struct io *io, const char *path, bool has_record)
{
    char inner[PATH_MAX];

    if (!has_record)
        return whole_sync_up(t, io, path);
    snprintf(inner, sizeof(inner), "%s/" RECORD_DIR "/options", path);
    TRY(sync_file(t, io, inner));
    snprintf(inner, sizeof(inner), "%s/" RECORD_DIR, path);
    int rc = io_sync_dir(t, io, inner);
    if (rc >= 0)
        rc = io_sync_dir(t, io, path);
    return rc < 0 ? io_fail(t, "fsync of directory", rc, path, 0) : ELOQ_OK;
}

/* Makes the path if it may, looks at it, locks it. */
static int open_path(struct task *t, struct io *io, struct store_files *f, uint32_t index,
                     const struct store_files_want *want, struct survey *s)
{
    const char *path = f->paths[index];
    char inner[PATH_MAX];

    if (!want->read_only)
        TRY(whole_mkdirs(t, io, path));
    if (want->as_of == 0)
        TRY(lock(t, io, path, want->read_only, IO_OPEN_READ | IO_OPEN_DIRECTORY,
                 &f->fds[2 * index]));
    TRY(read_record(t, io, f, index, s));
    TRY(survey_entries(t, io, f, index, s));

    if (!want->read_only) {
        snprintf(inner, sizeof(inner), "%s/" RECORD_DIR, path);
        TRY(whole_mkdirs(t, io, inner));
        snprintf(inner, sizeof(inner), "%s/" RECORD_DIR "/lock", path);
        TRY(lock(t, io, inner, false, IO_OPEN_WRITE | IO_OPEN_CREATE, &f->fds[2 * index + 1]));
    } else if (want->as_of == 0) {
        snprintf(inner, sizeof(inner), "%s/" RECORD_DIR "/lock", path);
        int rc = lock(t, io, inner, true, IO_OPEN_READ, &f->fds[2 * index + 1]);
        if (rc < 0 && t->err.sys_errno != ENOENT)
            return rc;
    }
    return want->read_only ? ELOQ_OK : sync_found(t, io, path, s->has_record);
}

/* Whether the records say that these paths, in this order, are one store. */
static int check_records(struct task *t, struct store_files *f, const struct survey *surveys,
                         const struct survey *first)
{
    for (uint32_t i = 0; i < f->path_count; i++) {
        const struct survey *s = &surveys[i];
        if (!s->has_record)
            continue;
        if (s->record.id != first->record.id)
            return task_fail(t, ELOQ_INVALID, "store path belongs to another store: path=%.200s",
                             f->paths[i]);
        if (s->record.path_count != f->path_count)
            return task_fail(t, ELOQ_INVALID, "store has %u paths, %u are given: path=%.200s",
                             s->record.path_count, f->path_count, f->paths[i]);
        if (s->record.path_index != i)
            return task_fail(t, ELOQ_INVALID,
                             "store paths are out of order: number %u is given as number %u: "
                             "path=%.200s",
                             s->record.path_index + 1, i + 1, f->paths[i]);
        TRY(options_format(&s->record.format, &first->record.format, &(eloq_format){ 0 }, &t->err));
    }
    return ELOQ_OK;
}

/* Where a partition belongs follows from its number: in another path it would read as absent. */
static int check_placement(struct task *t, struct store_files *f, const struct survey *surveys)
{
    for (uint32_t i = 0; i < f->path_count; i++)
        if (surveys[i].misplaced[0])
            return task_fail(t, ELOQ_INVALID,
                             "store paths are out of order, or not all given: this partition does "
                             "not belong there: path=%.120s name=%.120s",
                             f->paths[i], surveys[i].misplaced);
    return ELOQ_OK;
}

/* A path without a record beside one that has it: an unfinished creation, or a stranger. */
static int check_unrecorded(struct task *t, struct store_files *f, const struct survey *surveys,
                            bool has_partitions)
{
    for (uint32_t i = 0; i < f->path_count; i++)
        if (!surveys[i].has_record && has_partitions)
            return task_fail(t, ELOQ_INVALID,
                             "store path does not belong to this store, it has no record: "
                             "path=%.200s",
                             f->paths[i]);
    return ELOQ_OK;
}

static int settle_records(struct task *t, struct io *io, struct store_files *f,
                          const struct store_files_want *want, const struct survey *surveys,
                          eloq_format *ret)
{
    const struct survey *first = NULL;
    bool has_partitions = false;

    for (uint32_t i = 0; i < f->path_count; i++) {
        has_partitions |= surveys[i].has_partitions;
        if (!first && surveys[i].has_record)
            first = &surveys[i];
    }
    if (first) {
        TRY(check_records(t, f, surveys, first));
        TRY(check_unrecorded(t, f, surveys, has_partitions));
    }
    TRY(check_placement(t, f, surveys));
    TRY(options_format(want->format, first ? &first->record.format : NULL, ret, &t->err));
    if (want->read_only || has_partitions)
        return ELOQ_OK;

    struct store_record record = { .format = *ret, .id = first ? first->record.id : want->new_id };
    for (uint32_t i = 0; i < f->path_count; i++)
        if (!surveys[i].has_record)
            TRY(write_record(t, io, f, i, &record));
    return ELOQ_OK;
}

/* Whether a partition's directory holds the archive of this timestamp. */
static int has_archive(struct task *t, struct io *io, struct mem *m, const char *dir,
                       uint64_t as_of)
{
    struct io_names names;
    int rc = 0;

    io_names_init(&names, m);
    int listed = io_list(t, io, dir, &names);
    if (listed < 0)
        rc = listed == -ENOENT ? 0 : io_fail(t, "list", listed, dir, 0);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        struct file_name name = file_name_parse(names.names[i].name);
        rc = name.kind == FILE_ARCHIVE && name.timestamp == as_of;
    }
    io_names_free(&names);
    return rc;
}

/* 1 if any partition of this path has the archive. */
static int find_archive(struct task *t, struct io *io, struct store_files *f, uint32_t index,
                        uint64_t as_of)
{
    struct io_names names;
    char dir[PATH_MAX];
    int rc = 0;

    io_names_init(&names, f->mem);
    int listed = io_list(t, io, f->paths[index], &names);
    if (listed < 0)
        rc = io_fail(t, "list", listed, f->paths[index], 0);
    for (size_t i = 0; i < names.count && rc == 0; i++) {
        size_t table_size;
        uint32_t partition;
        if (!file_name_parse_partition(names.names[i].name, &table_size, &partition))
            continue;
        snprintf(dir, sizeof(dir), "%s/%s", f->paths[index], names.names[i].name);
        rc = has_archive(t, io, f->mem, dir, as_of);
    }
    io_names_free(&names);
    return rc;
}

static int require_archive(struct task *t, struct io *io, struct store_files *f, uint64_t as_of,
                           const eloq_format *format)
{
    int rc = 0;

    if (!format->data_append_mode)
        return task_fail(t, ELOQ_INVALID, "as_of: a store in place has no archives");
    for (uint32_t i = 0; i < f->path_count && rc == 0; i++)
        rc = find_archive(t, io, f, i, as_of);
    return rc == 0 ? ELOQ_NOT_FOUND : MIN(rc, ELOQ_OK); /* a normal no needs no words */
}

int store_files_open(struct task *t, struct io *io, struct store_files *f,
                     const struct store_files_want *want, eloq_format *ret)
{
    struct survey *surveys = mem_zalloc(f->mem, MEM_OTHER, f->path_count * sizeof(*surveys));
    int rc = ELOQ_OK;

    if (!surveys)
        return task_no_memory(t);
    for (uint32_t i = 0; i < f->path_count && rc == ELOQ_OK; i++)
        rc = open_path(t, io, f, i, want, &surveys[i]);
    if (rc == ELOQ_OK)
        rc = settle_records(t, io, f, want, surveys, ret);
    mem_free(f->mem, surveys);
    if (rc == ELOQ_OK && want->as_of)
        rc = require_archive(t, io, f, want->as_of, ret);
    return rc;
}

void store_files_close(struct task *t, struct io *io, struct store_files *f)
{
    for (uint32_t i = 0; i < 2 * f->path_count; i++) {
        if (f->fds[i] >= 0)
            (void)io_close_file(t, io, f->fds[i]); /* the lock goes with it, whatever it answers */
        f->fds[i] = -1;
    }
}

char *store_files_part_dir(const struct store_files *f, eloq_part part, struct arena *a)
{
    const char *path = f->paths[part.partition % f->path_count];
    size_t bytes = strlen(path) + strlen(part.table) + sizeof("/.4294967295");
    char *dir = arena_alloc(a, bytes);

    if (dir)
        snprintf(dir, bytes, "%s/%s.%" PRIu32, path, part.table, part.partition);
    return dir;
}
