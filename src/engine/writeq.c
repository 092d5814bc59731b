/* engine/writeq.c -- one writer at a time per partition. */
#include "engine/writeq.h"

#include <string.h>

#include "base/check.h"
#include "engine/run.h"
#include "engine/store.h"

struct writeq {
    struct job job;
    struct shard *shard;
    uint64_t hash;
    struct inbox_item *head, *tail; /* requests, oldest first */
    uint32_t partition;
    char table[]; /* a copy: requests come and go */
};

bool writeq_equal(const void *value, const void *key)
{
    const struct writeq *q = value;
    const eloq_part *part = key;
    return q->partition == part->partition && strcmp(q->table, part->table) == 0;
}

static void remove_queue(struct writeq *q)
{
    map_remove(&q->shard->writeqs, q->hash, q);
    mem_free(q->shard->writeqs.mem, q);
}

static struct request *pop(struct writeq *q)
{
    struct inbox_item *item = q->head;

    q->head = item->next;
    if (!q->head)
        q->tail = NULL;
    item->next = NULL;
    return request_of_item(item);
}

/* Takes the writes at the front that one commit may merge: at least one. */
static struct inbox_item *gather(struct writeq *q, size_t *ret_count)
{
    const struct budget *budget = &q->shard->store->budget;
    struct request *first = pop(q);
    struct inbox_item *last = &first->item;
    uint64_t entries = first->ask.write.count, bytes = first->ask.write.bytes;

    *ret_count = 1;
    while (q->head) {
        struct request *r = request_of_item(q->head);
        if (r->kind != REQUEST_WRITE)
            break;
        entries += r->ask.write.count;
        bytes += r->ask.write.bytes;
        if (entries > budget->merge_entries || bytes > budget->merge_bytes)
            break;
        pop(q);
        last->next = &r->item;
        last = &r->item;
        (*ret_count)++;
    }
    return &first->item;
}

/* Requests that have the write slot for themselves. */
static int (*const alone[REQUEST_KINDS])(struct task *t, struct shard *s, struct request *r) = {
    [REQUEST_CHECK] = run_check,
    [REQUEST_ARCHIVE] = run_archive,
    [REQUEST_RESTORE] = run_restore,
};

static void run_queue(struct task *t, struct job *job)
{
    struct writeq *q = container_of(job, struct writeq, job);
    struct shard *s = q->shard;
    int more = 0; /* after a write: pairs may have expired */

    while (q->head || more > 0) {
        if (!q->head) {
            more = run_clean(t, s, q->table, q->partition);
        } else if (request_of_item(q->head)->kind == REQUEST_WRITE) {
            size_t count;
            struct inbox_item *chain = gather(q, &count);
            /* the queue's own copy of the name: requests go as they are answered */
            run_write(t, s, (eloq_part){ q->table, q->partition }, chain, count);
            more = 1;
        } else {
            struct request *r = pop(q);
            int rc = alone[r->kind](t, s, r);
            request_finish(r, rc, &t->err);
        }
        if (q->head)
            task_yield(t);
    }
    remove_queue(q);
    part_table_trim(t, &s->parts);
}

static void refuse_queue(struct job *job)
{
    struct writeq *q = container_of(job, struct writeq, job);
    struct err e;

    err_set(&e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "no memory for a task");
    while (q->head)
        request_finish(pop(q), ELOQ_NO_MEMORY, &e);
    remove_queue(q);
}

static struct writeq *new_queue(struct shard *s, uint64_t hash, eloq_part part)
{
    size_t name_bytes = strlen(part.table) + 1;
    struct mem *m = s->writeqs.mem;

    if (map_reserve(&s->writeqs) < 0)
        return NULL;
    struct writeq *q = mem_alloc(m, MEM_REQUESTS, sizeof(*q) + name_bytes);
    if (!q)
        return NULL;
    *q = (struct writeq){ .job = { .run = run_queue, .refuse = refuse_queue },
                          .shard = s,
                          .hash = hash,
                          .partition = part.partition };
    list_init(&q->job.link);
    memcpy(q->table, part.table, name_bytes);
    CHECK(map_put(&s->writeqs, hash, q) == ELOQ_OK); /* reserved */
    return q;
}

void writeq_enter(struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    uint64_t hash = hash_mix(hash_bytes(part.table, strlen(part.table)), part.partition);
    struct writeq *q = map_get(&s->writeqs, hash, &part);
    bool is_new = !q;

    if (is_new && !(q = new_queue(s, hash, part))) {
        struct err e;
        err_set(&e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "out of memory");
        request_finish(r, ELOQ_NO_MEMORY, &e);
        return;
    }
    r->item.next = NULL;
    if (q->tail)
        q->tail->next = &r->item;
    else
        q->head = &r->item;
    q->tail = &r->item;
    if (is_new)
        shard_start(s, &q->job);
}
