/* io/posix.c -- executes a request with blocking system calls. */
#include "io/posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "io/transfer.h"

static int64_t answer_of(int64_t rc)
{
    return rc < 0 ? -errno : rc;
}

int posix_open_flags(int flags)
{
    /* O_NONBLOCK so that a FIFO in the place of a file cannot hang us; posix_opened clears it. */
    int system_flags = O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    system_flags |= flags & IO_OPEN_WRITE ? O_RDWR : O_RDONLY;
    if (flags & IO_OPEN_CREATE)
        system_flags |= O_CREAT;
    if (flags & IO_OPEN_TRUNCATE)
        system_flags |= O_TRUNC;
    if (flags & IO_OPEN_DIRECT)
        system_flags |= O_DIRECT;
    if (flags & IO_OPEN_DIRECTORY)
        system_flags |= O_DIRECTORY;
    return system_flags;
}

int posix_opened(int fd, int flags)
{
    struct stat st;
    int rc = 0;
    int status;

    if (fstat(fd, &st) < 0)
        rc = -errno;
    else if (S_ISDIR(st.st_mode) && !(flags & IO_OPEN_DIRECTORY))
        rc = -EISDIR;
    else if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        rc = -EINVAL;
    if (rc == 0) {
        /* With O_NONBLOCK the ring answers EAGAIN instead of waiting for the disk. */
        status = fcntl(fd, F_GETFL);
        if (status < 0 || fcntl(fd, F_SETFL, status & ~O_NONBLOCK) < 0)
            rc = -errno;
    }
    if (rc < 0) {
        close(fd);
        return rc;
    }
    return fd;
}

static int64_t open_once(const char *path, int flags)
{
    int fd = open(path, posix_open_flags(flags), POSIX_FILE_MODE);

    if (fd < 0)
        return -errno;
    return posix_opened(fd, flags);
}

static int64_t open_file(struct io_req *req)
{
    int64_t rc = open_once(req->path, req->flags);

    if (rc == -EINVAL && (req->flags & IO_OPEN_DIRECT))
        rc = open_once(req->path, req->flags & ~IO_OPEN_DIRECT);
    return rc;
}

static int64_t close_file(struct io_req *req)
{
    /* Linux has let go of the descriptor whatever it answers, so EINTR must not be retried. */
    int64_t rc = answer_of(close(req->fd));

    return rc == -EINTR ? 0 : rc;
}

static int64_t sync_dir(struct io_req *req)
{
    int64_t rc;
    int fd = open(req->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    rc = answer_of(fsync(fd));
    close(fd);
    return rc;
}

static int64_t file_size(struct io_req *req)
{
    struct stat st;

    if (fstat(req->fd, &st) < 0)
        return -errno;
    return st.st_size;
}

/* 1, 0 or -errno. Not every file system says what an entry is. */
static int entry_is_dir(int dir_fd, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return S_ISDIR(st.st_mode);
}

static int64_t list_entries(DIR *dir, struct io_names *names)
{
    for (;;) {
        struct dirent *entry;
        int rc;

        errno = 0;
        entry = readdir(dir);
        if (!entry)
            return -errno;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rc = entry_is_dir(dirfd(dir), entry);
        if (rc == -ENOENT)
            continue; /* removed since */
        if (rc >= 0)
            rc = io_names_add(names, entry->d_name, rc == 1);
        if (rc != 0)
            return MIN(rc, 0);
    }
}

static int64_t list_dir(struct io_req *req)
{
    int64_t rc;
    DIR *dir;
    int fd = open(req->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        rc = -errno;
        close(fd);
        return rc;
    }
    rc = list_entries(dir, req->names);
    if (rc < 0)
        io_names_free(req->names); /* a retry starts anew */
    closedir(dir);
    return rc;
}

static int64_t lock_file(struct io_req *req)
{
    int how = req->flags & IO_LOCK_RELEASE     ? LOCK_UN
              : req->flags & IO_LOCK_EXCLUSIVE ? LOCK_EX
                                               : LOCK_SH;

    return answer_of(flock(req->fd, how | LOCK_NB));
}

static int64_t transfer(struct io_req *req)
{
    const struct iovec *iov;
    off_t at = (off_t)(req->offset + (uint64_t)req->progress);
    int n = transfer_rest(req, &iov);

    if (n == 0)
        return 0;
    if (req->op == IO_READ)
        return answer_of(preadv(req->fd, iov, n, at));
    return answer_of(pwritev(req->fd, iov, n, at));
}

static int64_t execute_once(struct io_req *req)
{
    switch (req->op) {
    case IO_OPEN:
        return open_file(req);
    case IO_CLOSE:
        return close_file(req);
    case IO_SYNC:
        return answer_of(fdatasync(req->fd));
    case IO_SYNC_DIR:
        return sync_dir(req);
    case IO_TRUNCATE:
        return answer_of(ftruncate(req->fd, (off_t)req->length));
    case IO_PREALLOCATE:
        return answer_of(fallocate(req->fd, 0, 0, (off_t)req->length));
    case IO_SIZE:
        return file_size(req);
    case IO_RENAME:
        return answer_of(rename(req->path, req->path2));
    case IO_UNLINK:
        return answer_of(unlink(req->path));
    case IO_MKDIR:
        return answer_of(mkdir(req->path, POSIX_DIR_MODE));
    case IO_RMDIR:
        return answer_of(rmdir(req->path));
    case IO_LIST:
        return list_dir(req);
    default:
        CHECK(req->op == IO_LOCK);
        return lock_file(req);
    }
}

static void pause_briefly(void)
{
    const struct timespec pause = { .tv_nsec = 1000000 };

    nanosleep(&pause, NULL);
}

int64_t posix_execute(struct io_req *req)
{
    int64_t result;

    req->scratch[0] = 0; /* retries */
    if (req->op == IO_READ || req->op == IO_WRITE) {
        if (transfer_size(req) == 0)
            return 0;
        while (!transfer_step(req, transfer(req), &result))
            if (req->scratch[0] > 0)
                pause_briefly();
        return result;
    }
    for (;;) {
        result = execute_once(req);
        /* For a lock EAGAIN is the answer. */
        if ((result == -EAGAIN && req->op == IO_LOCK) || !transfer_retry(req, result))
            return result;
        pause_briefly();
    }
}
