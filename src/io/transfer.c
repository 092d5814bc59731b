/* io/transfer.c -- what a read or write that came back short still has to do. */
#include "io/transfer.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

/* Answers of EINTR, EAGAIN or zero bytes written that one request may get. */
#define RETRIES 16
/* One system call moves less than 2 GiB; a multiple of every block size below that. */
#define PIECE_BYTES ((size_t)1 << 30)

uint64_t transfer_size(const struct io_req *req)
{
    uint64_t size = 0;

    for (int i = 0; i < req->iov_count; i++)
        size += req->iov[i].iov_len;
    return size;
}

int transfer_rest(struct io_req *req, const struct iovec **ret_iov)
{
    uint64_t skip = (uint64_t)req->progress;
    int i = 0;

    while (i < req->iov_count && skip >= req->iov[i].iov_len)
        skip -= req->iov[i++].iov_len;
    if (i == req->iov_count)
        return 0;
    if (skip > 0 || req->iov[i].iov_len > PIECE_BYTES || i + 1 == req->iov_count) {
        req->part[0].iov_base = (char *)req->iov[i].iov_base + skip;
        req->part[0].iov_len = MIN(req->iov[i].iov_len - skip, PIECE_BYTES);
        *ret_iov = req->part;
        return 1;
    }
    *ret_iov = req->iov + i;
    return MIN(req->iov_count - i, IOV_MAX);
}

bool transfer_retry(struct io_req *req, int64_t answer)
{
    if (answer != -EINTR && answer != -EAGAIN)
        return false;
    return req->scratch[0]++ < RETRIES;
}

/* O_DIRECT refuses to go on where a short read ended off a block boundary: at the end of the file
 * that is no failure. */
static bool is_at_end(const struct io_req *req)
{
    struct stat st;

    return fstat(req->fd, &st) == 0 && st.st_size >= 0
           && req->offset + (uint64_t)req->progress >= (uint64_t)st.st_size;
}

bool transfer_step(struct io_req *req, int64_t answer, int64_t *ret)
{
    if (answer > 0) {
        req->progress += answer;
        *ret = req->progress;
        return (uint64_t)req->progress >= transfer_size(req);
    }
    if (answer == 0) {
        *ret = req->op == IO_READ ? req->progress : -EIO;
        return req->op == IO_READ || req->scratch[0]++ >= RETRIES;
    }
    if (transfer_retry(req, answer))
        return false;
    *ret = answer;
    if (answer == -EINVAL && req->progress > 0)
        *ret = req->op == IO_READ && is_at_end(req) ? req->progress : -EIO;
    return true;
}
