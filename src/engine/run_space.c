/* engine/run_space.c -- truncate, compact, and what is given back to the disk afterwards. */
#include <inttypes.h>

#include "base/check.h"
#include "engine/run.h"
#include "engine/store.h"
#include "part/archive.h"
#include "part/compact.h"
#include "part/gc.h"
#include "part/maintain.h"
#include "part/remove.h"
#include "part/replace.h"
#include "part/shrink.h"
#include "tree/tree.h"

#define MIB (UINT64_C(1) << 20)
/* A step that compacts: when nobody waits; at least and at most when writes do. */
#define STEP_IDLE (4 * MIB)
#define STEP_LEAST (MIB / 2)
#define STEP_MOST (32 * MIB)

static void log_failure(struct task *t, struct shard *s, eloq_part part, const char *what)
{
    log_limited(&s->store->log, &s->space_limit, &s->store->clock, ELOQ_LOG_WARNING,
                "%s table=%s partition=%" PRIu32 ": %s", what, part.table, part.partition,
                t->err.text);
}

/* ---- truncate ---- */

static int cut_pairs(struct task *t, struct part *p, eloq_slice from)
{
    struct wtx w;
    int rc = ELOQ_OK;

    TRY(wtx_begin(t, p, &w));
    if (from.size > 0)
        rc = tree_truncate(t, &w, from);
    else if (p->current->map.mapped_count > 0)
        rc = wtx_free_all(t, &w);
    if (rc < 0) {
        wtx_abort(t, &w);
        return rc;
    }
    return wtx_commit(t, &w);
}

/* Whatever was cut is gone; now its space. Readers of older versions keep theirs for a while. */
static int give_back(struct task *t, struct part *p, bool drop)
{
    int rc;

    if (p->current->map.mapped_count == 0) {
        if (drop && p->manifest_end > 0)
            TRY(archive_retain(t, p, 0));
        p->wants_removal = true;
        if (part_can_remove(p) && (rc = part_remove(t, p)) <= 0)
            return rc;
    }
    rc = part_pull_in(t, p);
    while (rc >= 0 && (rc = part_maintain(t, p)) > 0)
        ;
    return rc;
}

void run_pull_in(struct task *t, struct shard *s, struct part *p)
{
    if (part_pull_in(t, p) < 0)
        log_failure(t, s, (eloq_part){ p->table, p->partition }, "giving space back failed");
}

int run_truncate(struct task *t, struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    bool drop = r->ask.truncate.drop;
    struct part *p;

    /* To drop is also to remove what an unfinished first commit left. */
    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, drop, &p);
    if (rc == ELOQ_CORRUPTED && drop) {
        /* Its manifest is damaged, but what was asked for is to remove it, by name. */
        TRY(replace_with_nothing(t, &s->env, part.table, part.partition));
        rc = part_table_acquire(t, &s->parts, part.table, part.partition, true, &p);
    }
    if (rc != ELOQ_OK)
        return MIN(rc, ELOQ_OK); /* nothing to cut */
    rc = cut_pairs(t, p, r->ask.truncate.from);
    if (rc == ELOQ_OK) {
        rc = give_back(t, p, drop);
        if (rc < 0)
            log_failure(t, s, part, "giving space back failed");
        /* The pairs are gone for good, so it is done; but a drop is also about the files. */
        rc = drop ? rc : ELOQ_OK;
    }
    part_table_release(&s->parts, p);
    return rc;
}

/* ---- compaction ---- */

int run_compact(struct task *t, struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    uint32_t pages = (uint32_t)(STEP_IDLE / s->env.shape.page_bytes);
    struct part *p;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc != ELOQ_OK)
        return rc == ELOQ_NOT_FOUND && r->ask.steps.begun ? ELOQ_OK : rc;
    if (!r->ask.steps.begun)
        r->ask.steps.until = part_compact_end(p);
    r->ask.steps.begun = true;
    rc = part_compact_step(t, p, r->ask.steps.until, pages);
    int more = rc;
    while (rc >= 0 && (rc = part_maintain(t, p)) > 0)
        ;
    part_table_release(&s->parts, p);
    return rc < 0 ? rc : more ? ELOQ_FETCH : ELOQ_OK;
}

/* How much a step moves while writes wait: twice what they have written since the last one. A file
 * is compacted when less than half of it is live, so that frees more than they add. */
static uint32_t hurried_pages(const struct part *p)
{
    uint64_t bytes = 2 * (p->falloc.next - p->compacted_at) * p->env->shape.page_bytes;

    return (uint32_t)(MIN(MAX(bytes, STEP_LEAST), STEP_MOST) / p->env->shape.page_bytes);
}

static int maintain(struct task *t, struct part *p, bool hurried)
{
    int rc = part_maintain(t, p);

    if (rc != ELOQ_OK || p->env->amplify_factor == 0)
        return rc;
    uint64_t end = part_compact_end(p);
    if (!part_can_compact(p, end))
        return ELOQ_OK;
    uint32_t pages = hurried ? hurried_pages(p) : (uint32_t)(STEP_IDLE / p->env->shape.page_bytes);
    rc = part_compact_step(t, p, end, pages);
    p->compacted_at = p->falloc.next;
    if (rc < 0)
        return rc;
    int more = rc;
    rc = part_maintain(t, p);
    return rc < 0 ? rc : more || rc;
}

int run_maintain(struct task *t, struct shard *s, eloq_part part, bool hurried)
{
    struct part *p;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc != ELOQ_OK)
        return 0; /* absent, or it cannot be loaded: nothing to give back */
    rc = p->broken || p->unknown ? 0 : maintain(t, p, hurried);
    part_table_release(&s->parts, p);
    if (rc < 0) /* nobody asked, so nobody is answered */
        log_failure(t, s, part, "giving space back failed");
    return rc;
}
