/* io/transfer.h -- what a read or write that came back short still has to do.
 *
 *     iov    [ a | b | c ]        req->progress counts what is done, in bytes
 *     done   =======|             the rest begins inside b: first part of b, then c, ...
 */
#pragma once

#include "io/io.h"

/* Bytes the request asks for. */
uint64_t transfer_size(const struct io_req *req);
/* The next piece to transfer at offset + progress: *ret_iov (lent, or the request's scratch) and
 * its count; 0 when nothing is left. One system call takes it. */
int transfer_rest(struct io_req *req, const struct iovec **ret_iov);
/* What one system call answered (bytes or -errno): true when the request is over, with its result;
 * false when the rest is to be tried (again). Bounds the retries. */
bool transfer_step(struct io_req *req, int64_t answer, int64_t *ret);

/* For every kind of request: true when this failure may pass and was not retried too often. */
bool transfer_retry(struct io_req *req, int64_t answer);
