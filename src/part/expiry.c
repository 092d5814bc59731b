/* part/expiry.c -- when a partition is to be looked at because a pair may have expired. */
#include "part/expiry.h"

#include "part/part.h"

#define RETRY_MS_LEAST 1000u
#define RETRY_MS_MOST 60000u

void expiry_init(struct part *p)
{
    p->expiry = (struct expiry){ .node = { .key = EXPIRY_NEVER } };
}

void expiry_deinit(struct part *p)
{
    heap_remove(&p->env->expiries, &p->expiry.node);
}

void expiry_postpone(struct part *p, uint64_t at_ms)
{
    heap_remove(&p->env->expiries, &p->expiry.node);
    p->expiry.node.key = p->env->read_only ? EXPIRY_NEVER : at_ms;
    if (expiry_due(&p->expiry) != EXPIRY_NEVER)
        heap_add(&p->env->expiries, &p->expiry.node);
}

void expiry_set(struct part *p, uint64_t at_ms)
{
    p->expiry.retry_ms = 0;
    expiry_postpone(p, at_ms);
}

void expiry_retry(struct part *p, uint64_t now_ms)
{
    uint32_t wait_ms = MIN(MAX(2 * p->expiry.retry_ms, RETRY_MS_LEAST), RETRY_MS_MOST);

    p->expiry.retry_ms = wait_ms;
    expiry_postpone(p, now_ms + wait_ms);
}

void expiry_committed(struct part *p, uint64_t least_ms)
{
    if (p->current->root[TREE_TTL].n == NO_PAGE)
        expiry_set(p, EXPIRY_NEVER);
    else if (p->expiry.retry_ms == 0 && least_ms < p->expiry.node.key)
        expiry_postpone(p, least_ms);
}
