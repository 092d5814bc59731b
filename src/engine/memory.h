/* engine/memory.h -- what a shard does when memory_bytes is reached.
 *
 *     an allocation does not fit   -> pages that nobody uses go, data pages first, and what idle
 *                                     iterators have read ahead; and again     (memory_reclaim)
 *     it still does not            -> ELOQ_NO_MEMORY: the task gives up all it holds, waits until
 *                                     another one is done, and begins anew     (memory_await)
 *     nobody else works            -> idle partitions leave memory, and once more
 *     it still does not            -> that is the answer
 *
 * A slow device is no reason to give up: waits count only while nothing moves. Who waits holds
 * nothing another task could wait for but its turn to write; and no wait is without end: so none
 * can wait for one that waits for it.
 */
#pragma once

#include "coro/wait.h"

struct shard;

struct memory {
    struct wait_list waiting;
    _Atomic size_t waiting_count; /* the shard's own, which others look at */
    bool is_reclaiming;
};

/* What one request has tried already; zeroed at its begin. */
struct memory_tries {
    unsigned all, in_vain;
    bool emptied;
};

void memory_init(struct shard *s);
/* More than half of it is used, what is only kept in case it is needed apart: what can be done with
 * less should be. */
bool memory_is_short(const struct shard *s);
/* For mem.reclaim; the user is the store. */
bool memory_reclaim(void *user, size_t size);
/* Something failed with ELOQ_NO_MEMORY and undid what it had done: true when it may work now. Keeps
 * t->err. */
bool memory_await(struct task *t, struct shard *s, struct memory_tries *tries);
/* Something ended. */
void memory_freed(struct shard *s);
