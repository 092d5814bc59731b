/* file/whole.c -- whole small files: read, atomically replace; directories with their parents. */
#include "file/whole.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PIECE_BYTES (UINT64_C(1) << 20)

/* Reads to the end of an open file. The size it said it has is only a hint. */
static int read_to_end(struct task *t, struct io *io, const char *path, int fd, struct bytes *ret)
{
    int64_t hint = io_size(t, io, fd);

    if (hint < 0)
        return io_fail(t, "size", hint, path, 0);
    ret->size = 0;
    /* One byte more, so that the read that takes the last byte also sees the end. */
    size_t want = (size_t)hint + 1;
    for (;;) {
        if (bytes_reserve(ret, want) < 0)
            return task_no_memory(t);
        size_t piece = MIN(want, PIECE_BYTES);
        int64_t got = io_read(t, io, fd, ret->data + ret->size, piece, ret->size);
        if (got < 0)
            return io_fail(t, "read", got, path, ret->size);
        ret->size += (size_t)got;
        if ((size_t)got < piece)
            return ELOQ_OK;
        want = want > piece ? want - piece : PIECE_BYTES;
    }
}

int whole_read(struct task *t, struct io *io, const char *path, struct bytes *ret)
{
    int fd = io_open_file(t, io, path, IO_OPEN_READ);

    if (fd == -ENOENT)
        return ELOQ_NOT_FOUND;
    if (fd < 0)
        return io_fail(t, "open", fd, path, 0);
    int rc = read_to_end(t, io, path, fd, ret);
    io_close_file(t, io, fd);
    return rc;
}

/* Creates or truncates `path` and makes its new content durable. */
static int write_new(struct task *t, struct io *io, const char *path, const uint8_t *data,
                     size_t size)
{
    int fd = io_open_file(t, io, path, IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_TRUNCATE);
    int rc = ELOQ_OK;

    if (fd < 0)
        return io_fail(t, "open", fd, path, 0);
    for (size_t at = 0; at < size && rc == ELOQ_OK; at += PIECE_BYTES) {
        int64_t put = io_write(t, io, fd, data + at, MIN(size - at, PIECE_BYTES), at);
        if (put < 0)
            rc = io_fail(t, "write", put, path, at);
    }
    if (rc == ELOQ_OK) {
        int synced = io_sync(t, io, fd);
        if (synced < 0)
            rc = io_fail(t, "fdatasync", synced, path, 0);
    }
    int closed = io_close_file(t, io, fd);
    if (rc == ELOQ_OK && closed < 0)
        rc = io_fail(t, "close", closed, path, 0);
    return rc;
}

int whole_replace(struct task *t, struct io *io, const char *dir, const char *path,
                  const void *data, size_t size, bool *ret_unknown)
{
    char tmp[PATH_MAX];

    *ret_unknown = false;
    if (snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= (int)sizeof(tmp))
        return io_fail(t, "open", -ENAMETOOLONG, path, 0);
    TRY(write_new(t, io, tmp, data, size));
    int rc = io_rename(t, io, tmp, path);
    if (rc < 0) {
        *ret_unknown = true;
        return io_fail(t, "rename", rc, path, 0);
    }
    rc = io_sync_dir(t, io, dir);
    if (rc < 0) {
        *ret_unknown = true;
        return io_fail(t, "fsync", rc, dir, 0);
    }
    return ELOQ_OK;
}

/* Makes the directory `path` durable in its parent. `slash` is its last one, inside `path`. */
static int sync_parent(struct task *t, struct io *io, char *path, char *slash)
{
    if (slash == path)
        return io_sync_dir(t, io, "/");
    *slash = '\0';
    int rc = io_sync_dir(t, io, path);
    *slash = '/';
    return rc;
}

/* Where the parent's path ends: at the first of the slashes before the last name; NULL if none. */
static char *parent_end(char *path)
{
    char *slash = strrchr(path, '/');

    while (slash && slash > path && slash[-1] == '/')
        slash--;
    return slash;
}

int whole_mkdirs(struct task *t, struct io *io, const char *path)
{
    size_t size = strlen(path), end = size;
    char part[PATH_MAX];
    int rc;

    if (size >= sizeof(part))
        return io_fail(t, "mkdir", -ENAMETOOLONG, path, 0);
    memcpy(part, path, size + 1);
    while (end > 1 && part[end - 1] == '/')
        part[--end] = '\0';
    size = end;

    /* Up to the first one that is there or can be made, ... */
    while ((rc = io_mkdir(t, io, part)) == -ENOENT) {
        char *slash = parent_end(part);
        if (!slash || slash == part)
            break;
        *slash = '\0';
        end = (size_t)(slash - part);
    }
    /* ... and down again. */
    for (;;) {
        char *slash = parent_end(part);
        if (rc == 0 && slash) {
            rc = sync_parent(t, io, part, slash);
            if (rc < 0)
                return io_fail(t, "fsync of the parent", rc, part, 0);
        } else if (rc < 0 && rc != -EEXIST) {
            return io_fail(t, "mkdir", rc, part, 0);
        }
        if (end == size)
            return rc == 0 ? 1 : ELOQ_OK;
        part[end] = path[end];
        end += strlen(part + end);
        rc = io_mkdir(t, io, part);
    }
}

int whole_sync_up(struct task *t, struct io *io, const char *path)
{
    char part[PATH_MAX];

    if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
        return io_fail(t, "fsync", -ENAMETOOLONG, path, 0);
    for (;;) {
        int rc = io_sync_dir(t, io, part);
        if (rc < 0 && rc != -EACCES && rc != -EPERM)
            return io_fail(t, "fsync of directory", rc, part, 0);
        char *slash = parent_end(part);
        if (!slash || part[1] == '\0')
            return ELOQ_OK;
        slash[slash == part] = '\0';
    }
}
