/* engine/run_archive.c -- archives of one partition: make, list, restore. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/run.h"
#include "engine/store.h"
#include "part/archive.h"
#include "part/maintain.h"
#include "part/prewrite.h"

/* Removes surplus archives, and what they alone needed. A failure is no failure of what went
 * before: it is tried again with the next archive. */
static void retain(struct task *t, struct shard *s, struct part *p)
{
    uint32_t keep = s->store->options.num_retained_archives;

    int rc = keep > 0 ? archive_retain(t, p, keep) : ELOQ_OK;
    while (rc == ELOQ_OK && part_needs_maintenance(p) && (rc = part_maintain(t, p)) > 0)
        task_yield(t);
    if (rc < 0)
        log_limited(&s->store->log, &s->retain_limit, &s->store->clock, ELOQ_LOG_WARNING,
                    "removing old archives failed table=%s partition=%" PRIu32 ": %s", p->table,
                    p->partition, t->err.text);
}

static int archive_part(struct task *t, struct request *r, struct part *p)
{
    struct snapshot *snapshot = r->ask.archive.of_moment ? cut_take(p) : snapshot_ref(p->current);
    struct shard *s = shard_of(t);
    uint64_t timestamp = r->ask.archive.timestamp;

    int rc = archive_create(t, p, snapshot, timestamp ? timestamp : shard_now_us(s));
    snapshot_unref(snapshot);
    if (rc == ELOQ_OK)
        retain(t, s, p);
    return rc;
}

int run_archive(struct task *t, struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    struct part *p;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc != ELOQ_OK)
        return rc;
    rc = archive_part(t, r, p);
    part_table_release(&s->parts, p);
    return rc;
}

/* Over a manifest that cannot be loaded; what is then loaded is durable as any. */
static int restore_damaged(struct task *t, struct shard *s, struct request *r, struct part **ret)
{
    eloq_part part = r->ask.part;

    int rc =
        archive_restore_damaged(t, &s->env, part.table, part.partition, r->ask.archive.timestamp);
    if (rc != ELOQ_OK)
        return rc;
    TRY(part_table_acquire(t, &s->parts, part.table, part.partition, true, ret));
    return prewrite(t, *ret);
}

int run_restore(struct task *t, struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    struct part *p = NULL;

    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &p);
    if (rc == ELOQ_OK)
        rc = archive_restore(t, p, r->ask.archive.timestamp, shard_now_us(s));
    else if (rc == ELOQ_CORRUPTED)
        rc = restore_damaged(t, s, r, &p);
    if (!p)
        return rc;
    if (rc == ELOQ_OK)
        retain(t, s, p);
    part_table_release(&s->parts, p);
    return rc;
}

/* The host frees it, so it is no memory of the store. */
static int hand_over(struct task *t, const struct archive_list *list, eloq_archive_list *ret)
{
    uint64_t *timestamps = NULL;

    if (list->count > 0) {
        timestamps = malloc(list->count * sizeof(*timestamps));
        if (!timestamps)
            return task_no_memory(t);
        memcpy(timestamps, list->timestamps, list->count * sizeof(*timestamps));
    }
    free(ret->timestamps);
    *ret = (eloq_archive_list){ .timestamps = timestamps, .count = list->count };
    return ELOQ_OK;
}

int run_archives(struct task *t, struct shard *s, struct request *r)
{
    struct archive_list list;
    const char *dir = store_files_part_dir(&s->store->files, r->ask.part, &t->arena);

    if (!dir)
        return task_no_memory(t);
    int rc = archive_list(t, &s->env, dir, &list);
    if (rc == ELOQ_OK)
        rc = hand_over(t, &list, r->ask.archives);
    archive_list_free(&list);
    return rc;
}
