/* io/uring_ops.c -- each verb as a submission to the ring.
 *
 * What may wait for the disk long goes to the ring; list, lock, size and truncate are executed in
 * place, as is whatever the kernel's ring is too old for. */
#include "io/uring_ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "io/posix.h"
#include "io/transfer.h"

/* req->scratch[0] counts retries (transfer.c); scratch[1] is one of these. */
enum {
    STATE_RING,
    STATE_EXECUTED, /* req->result is the result */
    STATE_BUFFERED, /* open: the file system has no O_DIRECT */
    STATE_DIR_OPEN  /* sync of a directory: req->progress is its descriptor */
};

int uring_ops_probe(struct uring_ops *ops, struct io_uring *ring)
{
    static const int needed[] = { IORING_OP_NOP,     IORING_OP_READ,   IORING_OP_WRITE,
                                  IORING_OP_READV,   IORING_OP_WRITEV, IORING_OP_FSYNC,
                                  IORING_OP_POLL_ADD };
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);

    if (!probe)
        return -EOPNOTSUPP;
    for (int i = 0; i < IORING_OP_LAST; i++)
        ops->has[i] = io_uring_opcode_supported(probe, i);
    io_uring_free_probe(probe);
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (!ops->has[needed[i]])
            return -EOPNOTSUPP;
    return 0;
}

void uring_begin(struct io_req *req)
{
    req->scratch[0] = 0;
    req->scratch[1] = STATE_RING;
}

static void prepare_executed(struct io_uring_sqe *sqe, struct io_req *req, int64_t result)
{
    req->scratch[1] = STATE_EXECUTED;
    req->result = result;
    io_uring_prep_nop(sqe);
}

static void prepare_transfer(struct io_uring_sqe *sqe, struct io_req *req)
{
    const struct iovec *iov;
    uint64_t at = req->offset + (uint64_t)req->progress;
    int n = transfer_rest(req, &iov);

    if (n == 0)
        prepare_executed(sqe, req, req->progress);
    else if (n == 1 && req->op == IO_READ)
        io_uring_prep_read(sqe, req->fd, iov->iov_base, (unsigned)iov->iov_len, at);
    else if (n == 1)
        io_uring_prep_write(sqe, req->fd, iov->iov_base, (unsigned)iov->iov_len, at);
    else if (req->op == IO_READ)
        io_uring_prep_readv(sqe, req->fd, iov, (unsigned)n, at);
    else
        io_uring_prep_writev(sqe, req->fd, iov, (unsigned)n, at);
}

static void prepare_open(struct io_uring_sqe *sqe, struct io_req *req)
{
    int flags = req->flags;

    if (req->scratch[1] == STATE_BUFFERED)
        flags &= ~IO_OPEN_DIRECT;
    io_uring_prep_openat(sqe, AT_FDCWD, req->path, posix_open_flags(flags), POSIX_FILE_MODE);
}

static void prepare_sync_dir(struct io_uring_sqe *sqe, struct io_req *req)
{
    if (req->scratch[1] != STATE_DIR_OPEN) {
        int fd = open(req->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0) {
            prepare_executed(sqe, req, -errno);
            return;
        }
        req->progress = fd;
        req->scratch[1] = STATE_DIR_OPEN;
    }
    io_uring_prep_fsync(sqe, (int)req->progress, 0);
}

/* The ring's code for a verb, IORING_OP_LAST if it has none. Those needed are not asked for. */
static int ring_op(enum io_op op)
{
    switch (op) {
    case IO_OPEN:
        return IORING_OP_OPENAT;
    case IO_CLOSE:
        return IORING_OP_CLOSE;
    case IO_READ:
    case IO_WRITE:
    case IO_SYNC:
    case IO_SYNC_DIR:
        return IORING_OP_NOP;
    case IO_PREALLOCATE:
        return IORING_OP_FALLOCATE;
    case IO_RENAME:
        return IORING_OP_RENAMEAT;
    case IO_UNLINK:
    case IO_RMDIR:
        return IORING_OP_UNLINKAT;
    case IO_MKDIR:
        return IORING_OP_MKDIRAT;
    case IO_TRUNCATE:
    case IO_SIZE:
    case IO_LIST:
    case IO_LOCK:
    case IO_OPS:
        break;
    }
    return IORING_OP_LAST;
}

void uring_prepare(const struct uring_ops *ops, struct io_uring_sqe *sqe, struct io_req *req)
{
    int code = ring_op(req->op);

    if (code == IORING_OP_LAST || !ops->has[code]) {
        prepare_executed(sqe, req, posix_execute(req));
        return;
    }
    switch (req->op) {
    case IO_OPEN:
        prepare_open(sqe, req);
        break;
    case IO_CLOSE:
        io_uring_prep_close(sqe, req->fd);
        break;
    case IO_READ:
    case IO_WRITE:
        prepare_transfer(sqe, req);
        break;
    case IO_SYNC:
        io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
        break;
    case IO_SYNC_DIR:
        prepare_sync_dir(sqe, req);
        break;
    case IO_PREALLOCATE:
        io_uring_prep_fallocate(sqe, req->fd, 0, 0, (off_t)req->length);
        break;
    case IO_RENAME:
        io_uring_prep_renameat(sqe, AT_FDCWD, req->path, AT_FDCWD, req->path2, 0);
        break;
    case IO_UNLINK:
        io_uring_prep_unlinkat(sqe, AT_FDCWD, req->path, 0);
        break;
    case IO_RMDIR:
        io_uring_prep_unlinkat(sqe, AT_FDCWD, req->path, AT_REMOVEDIR);
        break;
    default:
        CHECK(req->op == IO_MKDIR);
        io_uring_prep_mkdirat(sqe, AT_FDCWD, req->path, POSIX_DIR_MODE);
    }
}

static bool open_answered(struct io_req *req, int32_t answer, int64_t *ret)
{
    if (answer == -EINVAL && (req->flags & IO_OPEN_DIRECT) && req->scratch[1] != STATE_BUFFERED) {
        req->scratch[1] = STATE_BUFFERED;
        return false;
    }
    *ret = answer >= 0 ? posix_opened(answer, req->flags) : answer;
    return true;
}

bool uring_answered(struct io_req *req, int32_t answer, int64_t *ret)
{
    if (req->scratch[1] == STATE_EXECUTED) {
        *ret = req->result;
        return true;
    }
    if (req->op == IO_READ || req->op == IO_WRITE)
        return transfer_step(req, answer, ret);
    if (req->op == IO_CLOSE) {
        /* As in posix.c: it is closed, whatever it says. */
        *ret = answer == -EINTR ? 0 : answer;
        return true;
    }
    if (transfer_retry(req, answer))
        return false;
    if (req->op == IO_OPEN)
        return open_answered(req, answer, ret);
    if (req->scratch[1] == STATE_DIR_OPEN)
        close((int)req->progress);
    *ret = answer;
    return true;
}
