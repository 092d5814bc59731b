/* engine/run_read.c -- get, get_many, floor. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "engine/dispatch.h"
#include "engine/run.h"
#include "engine/store.h"
#include "tree/read_cold.h"

#define MANY_TASKS_MAX 32
#define COLD_READS_A_TASK 4 /* one takes a page, where a task takes a stack */

/* A partition held for a read: its current snapshot cannot go. */
struct reading {
    struct part *part;
    struct snapshot *snapshot;
};

static int begin(struct task *t, struct shard *s, eloq_part part, struct reading *r)
{
    int rc = part_table_acquire(t, &s->parts, part.table, part.partition, false, &r->part);
    if (rc == ELOQ_OK)
        r->snapshot = snapshot_ref(r->part->current);
    return rc;
}

static void end(struct task *t, struct shard *s, struct reading *r)
{
    snapshot_unref(r->snapshot);
    part_table_release(&s->parts, r->part);
    part_table_trim(t, &s->parts);
}

/* Room in a buffer of the caller's. Its memory is plain: it outlives the store. */
static void *buffer_room(struct mem *m, eloq_buffer *b, uint64_t size)
{
    if (size > b->capacity || !b->data) {
        uint64_t capacity = MAX(size, 64);
        if (capacity > SIZE_MAX || (m->fail && m->fail(m->fail_user, (size_t)capacity)))
            return NULL;
        void *data = realloc(b->data, (size_t)capacity);
        if (!data)
            return NULL;
        b->data = data;
        b->capacity = (size_t)capacity;
    }
    return b->data;
}

/* Where one read's result goes: the record is changed at the end, when nothing can fail. */
struct target {
    struct mem *mem;
    eloq_record *record;
    uint64_t key_size, value_size;
    struct tree_sink sink;
};

static void *value_buffer(void *user, uint64_t size)
{
    struct target *target = user;
    target->value_size = size;
    return buffer_room(target->mem, &target->record->value, size);
}

static void *key_buffer(void *user, uint64_t size)
{
    struct target *target = user;
    target->key_size = size;
    return buffer_room(target->mem, &target->record->key, size);
}

static void target_init(struct target *target, struct shard *s, eloq_record *record,
                        uint64_t now_ms)
{
    *target = (struct target){ .mem = &s->store->mem, .record = record };
    target->sink = (struct tree_sink){
        .value_buffer = value_buffer, .key_buffer = key_buffer, .user = target, .now_ms = now_ms
    };
}

static void target_done(struct target *target)
{
    eloq_record *record = target->record;

    record->value.size = (size_t)target->value_size;
    record->timestamp = target->sink.timestamp;
    record->expire_at = target->sink.expire_at;
}

static int get(struct task *t, struct shard *s, struct snapshot *snapshot, eloq_slice key,
               eloq_record *record)
{
    struct target target;

    target_init(&target, s, record, shard_hide_ms(s));
    int rc = tree_get(t, snapshot, key, &target.sink);
    if (rc == ELOQ_OK)
        target_done(&target);
    return rc;
}

/* The end of a read without a task. */
static int answer(struct shard *s, struct target *target, int rc)
{
    if (rc != ELOQ_OK)
        return rc;
    if (target->sink.expire_at != 0 && target->sink.expire_at <= shard_hide_ms(s))
        return ELOQ_NOT_FOUND;
    target_done(target);
    return ELOQ_OK;
}

int run_get_hot(struct shard *s, eloq_part part, eloq_slice key, eloq_record *record,
                struct tree_miss *ret_miss)
{
    struct target target;

    ret_miss->leaf = page_id(NO_PAGE);
    if (!s->parts_ready)
        return ELOQ_FETCH;
    struct part *p = part_table_peek(&s->parts, part.table, part.partition);
    if (!p)
        return ELOQ_FETCH;
    if (!s->hot_scratch)
        s->hot_scratch =
            mem_alloc(&s->store->mem, MEM_OTHER, TREE_HOT_PAGES * (size_t)s->env.shape.page_bytes);
    if (!s->hot_scratch)
        return ELOQ_FETCH;
    target_init(&target, s, record, 0); /* the clock is asked only if the pair expires at all */
    int rc = tree_get_hot(p->current, key, &target.sink, s->hot_scratch, ret_miss);
    return answer(s, &target, rc);
}

static void cold_done(struct cold_read *c)
{
    struct request *r = c->user;
    struct shard *s = r->ask.shard;
    struct part *p = c->snapshot->part;
    struct target target;

    target_init(&target, s, &request_op(r)->record, 0);
    int rc = cold_read_end(c, r->ask.key, &target.sink, s->hot_scratch);
    part_table_release(&s->parts, p);
    s->cold_reads--;
    rc = answer(s, &target, rc);
    if (rc == ELOQ_FETCH)
        dispatch_task(s, r);
    else
        request_finish(r, rc, NULL);
}

/* With no room for data pages, what the read found would be gone if a task had to go on. */
bool run_get_cold(struct shard *s, struct request *r, const struct tree_miss *miss)
{
    if (miss->leaf.n == NO_PAGE || s->leaves.limit == 0
        || s->cold_reads >= COLD_READS_A_TASK * s->tasks_max)
        return false;
    struct part *p = part_table_hold(&s->parts, r->ask.part.table, r->ask.part.partition);
    if (!p)
        return false;
    measure_begin_alone(s, r);
    s->cold_reads++;
    if (cold_read_start(p->current, miss, cold_done, r))
        return true;
    s->cold_reads--;
    part_table_release(&s->parts, p);
    return false;
}

int run_get(struct task *t, struct shard *s, struct request *r)
{
    struct reading reading;

    int rc = begin(t, s, r->ask.part, &reading);
    if (rc != ELOQ_OK)
        return rc;
    rc = get(t, s, reading.snapshot, r->ask.key, &request_op(r)->record);
    end(t, s, &reading);
    return rc;
}

int run_floor(struct task *t, struct shard *s, struct request *r)
{
    struct reading reading;
    struct target target;

    int rc = begin(t, s, r->ask.part, &reading);
    if (rc != ELOQ_OK)
        return rc;
    target_init(&target, s, &request_op(r)->record, shard_hide_ms(s));
    rc = tree_floor(t, reading.snapshot, r->ask.key, &target.sink);
    if (rc == ELOQ_OK) {
        target_done(&target);
        target.record->key.size = (size_t)target.key_size;
    }
    end(t, s, &reading);
    return rc;
}

/* ---- get_many: several tasks take the next key each, from one snapshot ---- */

struct many {
    struct shard *shard;
    struct request *request;
    struct snapshot *snapshot;
    size_t next;
    size_t failed; /* index of the first failure, or SIZE_MAX */
    struct err *err;
    struct group helpers;
};

static void work(struct task *t, struct many *m)
{
    const struct request_ask *ask = &m->request->ask;

    while (m->next < ask->many.count) {
        size_t i = m->next++;
        int rc = get(t, m->shard, m->snapshot, ask->many.keys[i], &ask->many.records[i]);
        ask->many.statuses[i] = rc;
        if (rc < 0 && i < m->failed) {
            m->failed = i;
            *m->err = t->err;
        }
    }
}

static void helper_main(struct task *t, void *arg)
{
    struct many *m = arg;
    struct shard *s = m->shard;

    work(t, m);
    group_done(&m->helpers); /* m may be gone when somebody else runs */
    shard_task_end(s);
}

int run_get_many(struct task *t, struct shard *s, struct request *r)
{
    struct many m = { .shard = s, .request = r, .failed = SIZE_MAX };
    size_t count = r->ask.many.count;
    struct reading reading;

    int rc = begin(t, s, r->ask.part, &reading);
    if (rc != ELOQ_OK) {
        for (size_t i = 0; i < count; i++)
            r->ask.many.statuses[i] = rc;
        return MIN(rc, ELOQ_OK);
    }
    m.err = arena_alloc(&t->arena, sizeof(*m.err));
    m.snapshot = reading.snapshot;
    group_init(&m.helpers);
    if (m.err) {
        for (size_t i = 1; i < MIN(count, MANY_TASKS_MAX); i++) {
            if (!shard_try_start(s, helper_main, &m))
                break;
            group_add(&m.helpers);
        }
        work(t, &m);
        group_wait(t, &m.helpers);
        if (m.failed != SIZE_MAX) {
            t->err = *m.err;
            rc = t->err.code;
        }
    } else {
        rc = task_no_memory(t);
        for (size_t i = 0; i < count; i++)
            r->ask.many.statuses[i] = rc;
    }
    end(t, s, &reading);
    return rc;
}
