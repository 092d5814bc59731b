/* io/uring_ops.h -- each verb as a submission to the ring. */
#pragma once

#include <liburing.h>

#include "io/io.h"

/* Which operations this kernel's ring has. */
struct uring_ops {
    bool has[IORING_OP_LAST];
};

/* 0, or -errno when the ring lacks what we cannot do without. */
int uring_ops_probe(struct uring_ops *ops, struct io_uring *ring);
/* Before the first uring_prepare of a request. */
void uring_begin(struct io_req *req);
/* Fills the submission for the request, or for what is left of it. A verb that the ring does not
 * have is executed here, and what is submitted is a NOP that brings its result around. */
void uring_prepare(const struct uring_ops *ops, struct io_uring_sqe *sqe, struct io_req *req);
/* The ring answered: true when the request is over, with its result; false: prepare it again. */
bool uring_answered(struct io_req *req, int32_t answer, int64_t *ret);
