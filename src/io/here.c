/* io/here.c -- which writes and flushes a thread makes itself while it would sleep anyway. */
#include "io/here.h"

#define WRITE_BYTES_MAX (UINT64_C(64) << 10)
#define WRITE_PIECES_MAX 16
#define FLUSH_BYTES_MAX (UINT64_C(256) << 10)
#define SLOW_NS UINT64_C(1000000)
#define PENALTY_MIN 16
#define PENALTY_MAX 4096

void here_init(struct here *h)
{
    *h = (struct here){ .penalty = PENALTY_MIN };
}

static uint64_t count_bytes(const struct io_req *req)
{
    uint64_t bytes = 0;

    for (int i = 0; i < req->iov_count; i++)
        bytes += req->iov[i].iov_len;
    return bytes;
}

bool here_is_short(struct here *h, const struct io_req *req)
{
    bool is_short;

    if (req->op == IO_WRITE) {
        uint64_t bytes = count_bytes(req);
        h->unflushed = h->flushed ? bytes : h->unflushed + bytes;
        h->flushed = false;
        is_short = bytes <= WRITE_BYTES_MAX && req->iov_count <= WRITE_PIECES_MAX;
    } else if (req->op == IO_SYNC) {
        h->flushed = true; /* of several flushes the others see the same sum */
        is_short = h->unflushed <= FLUSH_BYTES_MAX;
    } else {
        return false;
    }
    if (!is_short || h->to_ring == 0)
        return is_short;
    h->to_ring--;
    return false;
}

void here_was(struct here *h, uint64_t took_ns, bool was_missed)
{
    if (took_ns < SLOW_NS && !was_missed) {
        h->penalty = MAX(h->penalty / 2, PENALTY_MIN);
        return;
    }
    h->to_ring = h->penalty;
    h->penalty = MIN(h->penalty * 2, PENALTY_MAX);
}
