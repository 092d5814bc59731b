/* engine/run_clean.c -- removes pairs that have expired, a bounded batch a commit. */
#include <inttypes.h>

#include "engine/run.h"
#include "engine/store.h"
#include "tree/tree.h"

#define KEYS_LEAST 16u
#define KEYS_FIRST 64u
#define KEYS_MOST 1024u
#define PAIRS_MOST 8192u /* of a batch, as soon as it is known how many keys make so many */
#define LEASE_MS 60000u  /* the next batch comes before that */

/* Keys of one batch at most: fewer where the longest ones would take more than a small part of the
 * memory. */
static uint32_t keys_most(const struct shard *s)
{
    uint64_t key_bytes = s->env.shape.page_bytes / 2 + 2 * sizeof(struct tree_op);
    uint64_t share = s->store->options.memory_bytes / s->store->shard_count / 32;

    return (uint32_t)MIN(MAX(share / key_bytes, KEYS_LEAST), KEYS_MOST);
}

static uint32_t batch_keys(const struct shard *s, const struct part *p)
{
    return MIN(p->expiry.batch_keys ? p->expiry.batch_keys : KEYS_FIRST, keys_most(s));
}

/* Each key may lie in a leaf of its own, from which all that has expired goes with it, or all of
 * them in one: the last batch tells how many the next should have, so that writes wait for about
 * the same work whichever it is. */
static void adapt_batch(struct part *p, uint32_t keys, uint64_t pairs)
{
    if (pairs > PAIRS_MOST)
        keys = MAX(keys / 2, KEYS_LEAST);
    else if (pairs < PAIRS_MOST / 2)
        keys = MIN(keys * 2, KEYS_MOST);
    p->expiry.batch_keys = keys;
}

static void end_batches(struct task *t, struct shard *s, struct part *p, uint64_t next)
{
    expiry_set(p, next ? next : EXPIRY_NEVER);
    if (p->expiry.batch_keys > 0)
        run_pull_in(t, s, p);
    p->expiry.batch_keys = 0;
}

/* 0 = none. */
static int first_expiry(struct task *t, struct part *p, uint64_t *ret_ms, bool *ret_passed)
{
    struct snapshot *snap = snapshot_ref(p->current);
    int rc = tree_next_expiry(t, snap, ret_ms, ret_passed);

    snapshot_unref(snap);
    return rc;
}

/* A page that cannot be read was passed over: in the words of its damage. */
static int fail_passed(struct task *t, struct part *p)
{
    bool passed;
    uint64_t next;

    TRY(first_expiry(t, p, &next, &passed));
    return passed ? ELOQ_CORRUPTED
                  : part_fail(t, p, ELOQ_CORRUPTED, "expired pairs are left: a page is damaged");
}

/* What has expired at `now_ms`: 1 when there is more. *ret_ended: all of it is gone, also when some
 * may be left in pages that cannot be read, which is the failure then. */
static int clean_part(struct task *t, struct shard *s, struct part *p, uint64_t now_ms,
                      bool *ret_ended)
{
    struct wtx w;
    size_t removed = 0;
    uint64_t next = 0;
    bool passed;

    TRY(first_expiry(t, p, &next, &passed));
    if (next == 0 || next > now_ms) {
        end_batches(t, s, p, next);
        *ret_ended = true;
        return passed ? fail_passed(t, p) : ELOQ_OK;
    }
    uint32_t keys = batch_keys(s, p);
    TRY(wtx_begin(t, p, &w));
    int rc = tree_clean_expired(t, &w, now_ms, keys, &removed, &next, &passed);
    if (rc < 0) {
        wtx_abort(t, &w);
        return rc;
    }
    uint64_t pairs = w.expired;
    TRY(wtx_commit(t, &w));
    s->counts.cleanings++;
    adapt_batch(p, keys, pairs);
    if (removed > 0 && (passed || (next != 0 && next <= now_ms))) {
        expiry_postpone(p, now_ms + LEASE_MS);
        return 1;
    }
    end_batches(t, s, p, next);
    *ret_ended = true;
    return passed ? fail_passed(t, p) : ELOQ_OK;
}

/* What expires after its first step is for another time. */
int run_clean_expired(struct task *t, struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    struct part *p;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc != ELOQ_OK)
        return rc == ELOQ_NOT_FOUND && r->ask.steps.begun ? ELOQ_OK : rc;
    bool ended = false;
    if (!r->ask.steps.begun)
        r->ask.steps.until = shard_now_us(s) / 1000;
    r->ask.steps.begun = true;
    rc = clean_part(t, s, p, r->ask.steps.until, &ended);
    part_table_release(&s->parts, p);
    return rc > 0 ? ELOQ_FETCH : rc;
}

int run_clean(struct task *t, struct shard *s, eloq_part part, bool looks)
{
    uint64_t now_ms = shard_now_us(s) / 1000;
    bool ended = false;
    struct part *p;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc == ELOQ_OK) {
        if (p->broken)
            expiry_set(p, EXPIRY_NEVER); /* it takes no write until the store is reopened */
        else if (looks || expiry_due(&p->expiry) <= now_ms)
            rc = clean_part(t, s, p, now_ms, &ended);
        if (rc < 0 && !ended)
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
