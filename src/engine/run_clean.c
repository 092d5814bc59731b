/* engine/run_clean.c -- removes pairs that have expired, a bounded batch a commit. */
#include <inttypes.h>

#include "engine/run.h"
#include "engine/store.h"
#include "tree/tree.h"

#define KEYS_LEAST 16u
#define KEYS_MOST 1024u
#define LEASE_MS 60000u /* the next batch comes before that */

/* Keys of one batch: fewer where the longest ones would take more than a small part of the memory.
 * Each may lie in a leaf of its own, from which all that has expired goes with it. */
static size_t batch_keys(const struct shard *s)
{
    uint64_t key_bytes = s->env.shape.page_bytes / 2 + 2 * sizeof(struct tree_op);
    uint64_t share = s->store->options.memory_bytes / s->store->shard_count / 32;

    return (size_t)MIN(MAX(share / key_bytes, KEYS_LEAST), KEYS_MOST);
}

/* 0 = none. */
static int first_expiry(struct task *t, struct part *p, uint64_t *ret_ms)
{
    struct snapshot *snap = snapshot_ref(p->current);
    int rc = tree_next_expiry(t, snap, ret_ms);

    snapshot_unref(snap);
    return rc;
}

/* What has expired at `now_ms`: 1 when there is more. */
static int clean_part(struct task *t, struct shard *s, struct part *p, uint64_t now_ms)
{
    struct wtx w;
    size_t removed = 0;
    uint64_t next = 0;

    TRY(first_expiry(t, p, &next));
    if (next == 0 || next > now_ms) {
        expiry_set(p, next ? next : EXPIRY_NEVER);
        return ELOQ_OK;
    }
    TRY(wtx_begin(t, p, &w));
    int rc = tree_clean_expired(t, &w, now_ms, batch_keys(s), &removed, &next);
    if (rc < 0) {
        wtx_abort(t, &w);
        return rc;
    }
    TRY(wtx_commit(t, &w));
    s->counts.cleanings++;
    if (removed > 0 && next != 0 && next <= now_ms) {
        expiry_postpone(p, now_ms + LEASE_MS);
        return 1;
    }
    expiry_set(p, next ? next : EXPIRY_NEVER);
    return ELOQ_OK;
}

/* What expires after its first step is for another time. */
int run_clean_expired(struct task *t, struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    struct part *p;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc != ELOQ_OK)
        return rc == ELOQ_NOT_FOUND && r->ask.steps.begun ? ELOQ_OK : rc;
    if (!r->ask.steps.begun)
        r->ask.steps.until = shard_now_us(s) / 1000;
    r->ask.steps.begun = true;
    rc = clean_part(t, s, p, r->ask.steps.until);
    part_table_release(&s->parts, p);
    return rc > 0 ? ELOQ_FETCH : rc;
}

int run_clean(struct task *t, struct shard *s, eloq_part part, bool looks)
{
    uint64_t now_ms = shard_now_us(s) / 1000;
    struct part *p;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc == ELOQ_OK) {
        if (p->broken)
            expiry_set(p, EXPIRY_NEVER); /* it takes no write until the store is reopened */
        else if (looks || expiry_due(&p->expiry) <= now_ms)
            rc = clean_part(t, s, p, now_ms);
        if (rc < 0)
            expiry_retry(p, now_ms);
        part_table_release(&s->parts, p);
    } else if (rc == ELOQ_NOT_FOUND) {
        rc = 0;
    }
    if (rc < 0) { /* nobody asked, so nobody is answered */
        s->counts.cleanings_failed++;
        log_limited(&s->store->log, &s->clean_limit, &s->store->clock, ELOQ_LOG_WARNING,
                    "cleaning expired pairs failed table=%s partition=%" PRIu32 ": %s", part.table,
                    part.partition, t->err.text);
    }
    return rc;
}
