/* part/expiry.h -- when a partition is to be looked at because a pair may have expired, known
 * without reading anything. Milliseconds since 1970.
 *
 *     loaded, with a TTL tree        at once: what it holds is not known
 *     a look, or a cleaning          the first expiry that is left
 *     a commit                       the least expiry it adds, if that is earlier
 *     a failure                      1 s later, then 2 s ... 60 s
 *
 * It may be too early (the pair was deleted), never too late. The loaded partitions of a shard
 * stand in env->expiries by it. */
#pragma once

#include "base/heap.h"

struct part;

#define EXPIRY_NEVER UINT64_MAX

struct expiry {
    struct heap_node node; /* key: when to look; EXPIRY_NEVER: in no heap */
    uint32_t retry_ms;     /* after failures; 0: the last look succeeded */
    uint32_t batch_keys;   /* of the next batch of a cleaning; 0: none is under way */
};

static inline uint64_t expiry_due(const struct expiry *e)
{
    return e->node.key;
}
void expiry_init(struct part *p);
void expiry_deinit(struct part *p);
/* It was looked at: nothing is left that expires before. */
void expiry_set(struct part *p, uint64_t at_ms);
/* A look has begun, or its end is near: the next one not before this, unless another says so. */
void expiry_postpone(struct part *p, uint64_t at_ms);
/* The look failed. */
void expiry_retry(struct part *p, uint64_t now_ms);
/* A new version is current; `least_ms`: the least expiry it added. */
void expiry_committed(struct part *p, uint64_t least_ms);
