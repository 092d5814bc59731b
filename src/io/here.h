/* io/here.h -- which writes and flushes a thread makes itself while it would sleep anyway.
 *
 * Through the ring a small commit costs more in hand-overs than in work: a flush goes to a thread
 * of the kernel, whose end wakes ours. A thread that has nothing else to do can wait in the system
 * call instead. What it risks is that somebody comes meanwhile and waits for the rest of the call.
 * So only short ones: little data, nothing else under way. And each time it was wrong, because the
 * call was slow or somebody came, twice as many go to the ring before it is tried again.
 */
#pragma once

#include "io/io.h"

struct here {
    uint64_t unflushed; /* bytes written since the last flush */
    bool flushed;       /* no write since */
    uint32_t to_ring;   /* so many still go to the ring */
    uint32_t penalty;
};

void here_init(struct here *h);
/* Of each request, before it is executed. True: a write or flush that should be short. */
bool here_is_short(struct here *h, const struct io_req *req);
/* One was executed in place: how long it took, and whether somebody came meanwhile. */
void here_was(struct here *h, uint64_t took_ns, bool was_missed);
