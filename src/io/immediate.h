/* io/immediate.h -- the common half of backends that execute in submit: completion in poll, so that
 * a request completed does not grow the stack of the one who submitted it. */
#pragma once

#include "io/io.h"

struct immediate {
    struct io io; /* first */
    struct list finished;
};

/* 0 or -errno. */
int immediate_init(struct immediate *im, const struct io_ops *ops, struct mem *m,
                   const struct log *log);
void immediate_deinit(struct immediate *im);
/* The request was executed: the next poll completes it. */
void immediate_finish(struct io *io, struct io_req *req, int64_t result);
/* For struct io_ops. */
void immediate_poll(struct io *io, uint64_t wait_ns);
int immediate_pollfd(struct io *io);
