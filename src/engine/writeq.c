/* engine/writeq.c -- one writer at a time per partition. */
#include "engine/writeq.h"

#include <string.h>

#include "base/check.h"
#include "engine/cleaner.h"
#include "engine/run.h"
#include "engine/store.h"

#define CLEAN_EVERY 8 /* requests that may pass a cleaning that waits */

enum clean { CLEAN_NOT, CLEAN_IF_DUE, CLEAN_LOOK };

struct writeq {
    struct job job;
    struct shard *shard;
    uint64_t hash;
    struct inbox_item *head, *tail; /* requests, oldest first */
    uint32_t partition;
    enum clean clean;    /* wanted: pairs may have expired */
    bool clean_is_timed; /* and the cleaner's timer asked for it */
    unsigned passed;     /* requests since it is wanted */
    bool maintain;       /* space may be given back */
    char table[];        /* a copy: requests come and go */
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
    [REQUEST_CHECK] = run_check,     [REQUEST_ARCHIVE] = run_archive,
    [REQUEST_RESTORE] = run_restore, [REQUEST_TRUNCATE] = run_truncate,
    [REQUEST_COMPACT] = run_compact, [REQUEST_CLEAN] = run_clean_expired,
};

/* One that ran a step and has more to do lets those that came meanwhile go first. */
static void push(struct writeq *q, struct request *r)
{
    r->item.next = NULL;
    if (q->tail)
        q->tail->next = &r->item;
    else
        q->head = &r->item;
    q->tail = &r->item;
}

/* Those that leave nothing behind when they fail for want of memory, and so can be run again. A
 * check with findings to deliver is over. */
static bool can_repeat(const struct request *r)
{
    if (r->kind == REQUEST_CHECK)
        return !r->delivery;
    return r->kind == REQUEST_TRUNCATE || r->kind == REQUEST_COMPACT || r->kind == REQUEST_CLEAN
           || r->kind == REQUEST_ARCHIVE;
}

static void run_front(struct task *t, struct writeq *q)
{
    struct shard *s = q->shard;
    /* the queue's own copy of the name: requests go as they are answered */
    eloq_part part = { q->table, q->partition };

    if (request_of_item(q->head)->kind == REQUEST_WRITE) {
        size_t count;
        struct inbox_item *chain = gather(q, &count);
        run_write(t, s, part, chain, count);
        if (q->head)
            run_maintain(t, s, part, true);
        return;
    }
    struct request *r = pop(q);
    measure_begin(t, r);
    struct memory_tries tries = { 0 };
    int rc;
    do
        rc = alone[r->kind](t, s, r);
    while (rc == ELOQ_NO_MEMORY && can_repeat(r) && memory_await(t, s, &tries));
    if (rc == ELOQ_FETCH)
        push(q, r);
    else
        request_finish(r, rc, &t->err);
}

static void end_clean(struct writeq *q)
{
    q->clean = CLEAN_NOT;
    if (q->clean_is_timed)
        cleaner_done(q->shard);
    q->clean_is_timed = false;
}

/* What is queued goes first, but not for ever. */
static bool is_clean_next(const struct writeq *q)
{
    return q->clean != CLEAN_NOT && (!q->head || q->passed >= CLEAN_EVERY);
}

/* One batch. */
static void clean(struct task *t, struct writeq *q)
{
    struct shard *s = q->shard;
    eloq_part part = { q->table, q->partition };

    q->passed = 0;
    q->maintain = true;
    if (!cleaner_is_closing(s) && run_clean(t, s, part, q->clean == CLEAN_LOOK) > 0)
        q->clean = CLEAN_LOOK;
    else
        end_clean(q);
}

static void run_queue(struct task *t, struct job *job)
{
    struct writeq *q = container_of(job, struct writeq, job);
    struct shard *s = q->shard;

    q->maintain = true;
    while (q->head || q->clean != CLEAN_NOT || q->maintain) {
        if (is_clean_next(q)) {
            clean(t, q);
        } else if (q->head) {
            run_front(t, q);
            q->clean = MAX(q->clean, CLEAN_IF_DUE);
            q->passed++;
            q->maintain = true;
        } else {
            q->maintain = false; /* a reader that leaves meanwhile asks anew */
            if (run_maintain(t, s, (eloq_part){ q->table, q->partition }, false) > 0)
                q->maintain = true;
        }
        if (q->head || q->clean != CLEAN_NOT)
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
    end_clean(q);
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

static uint64_t queue_hash(eloq_part part)
{
    return hash_mix(hash_bytes(part.table, strlen(part.table)), part.partition);
}

void writeq_enter(struct shard *s, struct request *r)
{
    eloq_part part = r->ask.part;
    uint64_t hash = queue_hash(part);
    struct writeq *q = map_get(&s->writeqs, hash, &part);
    bool is_new = !q;

    if (is_new && !(q = new_queue(s, hash, part))) {
        struct err e;
        err_set(&e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "out of memory");
        request_finish(r, ELOQ_NO_MEMORY, &e);
        return;
    }
    push(q, r);
    if (is_new)
        shard_start(s, &q->job);
}

void writeq_maintain(struct shard *s, eloq_part part)
{
    uint64_t hash = queue_hash(part);
    struct writeq *q = map_get(&s->writeqs, hash, &part);

    if (q)
        q->maintain = true;
    else if ((q = new_queue(s, hash, part)))
        shard_start(s, &q->job);
}

bool writeq_clean(struct shard *s, eloq_part part)
{
    uint64_t hash = queue_hash(part);
    struct writeq *q = map_get(&s->writeqs, hash, &part);
    bool is_new = !q;

    if ((q && q->clean_is_timed) || (is_new && !(q = new_queue(s, hash, part))))
        return false;
    q->clean = CLEAN_LOOK;
    q->clean_is_timed = true;
    if (is_new)
        shard_start(s, &q->job);
    return true;
}

void writeq_each(struct shard *s, void (*f)(void *user, const char *table, uint32_t partition),
                 void *user)
{
    struct writeq *q;
    size_t at = 0;

    while ((q = map_next(&s->writeqs, &at)))
        f(user, q->table, q->partition);
}
