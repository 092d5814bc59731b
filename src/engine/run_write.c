/* engine/run_write.c -- commit what a partition's write queue gathered. */
#include <string.h>

#include "base/check.h"
#include "engine/filler.h"
#include "engine/ops.h"
#include "engine/run.h"
#include "engine/store.h"

/* Requests that go into one commit, or try to. */
struct merge {
    struct shard *shard;
    eloq_part part;
    struct inbox_item *chain; /* requests */
    struct tree_op *ops;
    struct tree_op *scratch;
    size_t count; /* operations */
    bool only_deletes;
    bool writable; /* after a failure: the partition can still be written, or repaired when there is
                      memory */
};

static int commit_part(struct task *t, struct merge *m, struct part *p)
{
    struct wtx w;

    TRY(wtx_begin(t, p, &w));
    int rc = tree_apply(t, &w, m->ops, m->count, shard_now_us(m->shard));
    if (rc < 0) {
        wtx_abort(t, &w);
        return rc;
    }
    return wtx_commit(t, &w);
}

static int commit_once(struct task *t, struct merge *m)
{
    struct part_table *parts = &m->shard->parts;
    struct part *p;

    int rc = part_table_acquire(t, parts, m->part.table, m->part.partition, !m->only_deletes, &p);
    if (rc != ELOQ_OK)
        return rc == ELOQ_NOT_FOUND ? ELOQ_OK : rc; /* nothing to delete from */
    rc = commit_part(t, m, p);
    m->writable = !p->broken && (!p->unknown || rc == ELOQ_NO_MEMORY);
    if (rc == ELOQ_OK && ahead_wanted(p))
        filler_start(m->shard, p);
    part_table_release(parts, p);
    return rc;
}

/* `is_patient`: waits for memory. */
static int commit(struct task *t, struct merge *m, bool is_patient)
{
    struct memory_tries tries = { 0 };
    int rc;

    if (m->count == 0)
        return ELOQ_OK;
    do {
        for (size_t i = 0; i < m->count; i++)
            if (m->ops[i].skipped)
                *m->ops[i].skipped = 0; /* counted by a commit that did not come to be */
        rc = commit_once(t, m);
    } while (rc == ELOQ_NO_MEMORY && is_patient && m->writable
             && memory_await(t, m->shard, &tries));
    return rc;
}

/* Appends one request's operations, sorted. ELOQ_INVALID when it names a key twice. */
static int add_request(struct task *t, struct merge *m, struct request *r, uint32_t *order)
{
    eloq_op *op = request_op(r);
    struct tree_op *ops = m->ops + m->count;
    size_t count = r->ask.write.count;

    op->skipped = 0;
    for (size_t i = 0; i < count; i++)
        ops_from_entry(&ops[i], &r->ask.write.entries[i], (*order)++, &op->skipped);
    ops_sort(t, ops, m->scratch, count);
    if (ops_find_double(ops, count))
        return task_fail(t, ELOQ_INVALID, "a key is twice in the batch");
    for (size_t i = 0; i < count; i++)
        m->only_deletes &= ops[i].is_delete;
    m->count += count;
    return ELOQ_OK;
}

static void answer(struct task *t, struct request *r, int rc)
{
    if (rc < 0)
        request_op(r)->skipped = 0;
    request_finish(r, rc, &t->err);
}

/* One request at a time, after they failed together. */
static void commit_singly(struct task *t, struct merge *m, struct inbox_item *chain)
{
    struct inbox_item *next;

    for (; chain; chain = next) {
        struct request *r = request_of_item(chain);
        uint32_t order = 0;
        next = chain->next;
        m->count = 0;
        m->only_deletes = true;
        int rc = add_request(t, m, r, &order);
        if (rc == ELOQ_OK)
            rc = commit(t, m, true);
        answer(t, r, rc);
    }
}

static void answer_all(struct task *t, struct inbox_item *chain, int rc)
{
    struct inbox_item *next;

    for (; chain; chain = next) {
        next = chain->next;
        answer(t, request_of_item(chain), rc);
    }
}

/* Fills m->ops from the chain. Those it refuses are answered and leave the chain. */
static void add_requests(struct task *t, struct merge *m, struct inbox_item *chain)
{
    struct inbox_item **link = &m->chain, *next;
    uint32_t order = 0;

    for (; chain; chain = next) {
        struct request *r = request_of_item(chain);
        next = chain->next;
        measure_begin(t, r);
        int rc = add_request(t, m, r, &order);
        if (rc < 0) {
            answer(t, r, rc);
            continue;
        }
        *link = chain;
        link = &chain->next;
    }
    *link = NULL;
}

static size_t count_entries(const struct inbox_item *chain)
{
    size_t count = 0;

    for (; chain; chain = chain->next)
        count += container_of(chain, const struct request, item)->ask.write.count;
    return count;
}

void run_write(struct task *t, struct shard *s, eloq_part part, struct inbox_item *chain,
               size_t count)
{
    struct mem *mem = &s->store->mem;
    size_t entries = count_entries(chain);
    struct merge m = { .shard = s, .part = part, .only_deletes = true, .writable = true };

    struct memory_tries tries = { 0 };
    do
        m.ops = mem_alloc(mem, MEM_REQUESTS, 2 * entries * sizeof(*m.ops));
    while (!m.ops && memory_await(t, s, &tries));
    if (!m.ops) {
        answer_all(t, chain, task_no_memory(t));
        return;
    }
    m.scratch = m.ops + entries;
    add_requests(t, &m, chain);
    if (m.chain) {
        bool has_many = m.chain->next != NULL; /* one by one they need less */
        if (has_many)
            ops_sort(t, m.ops, m.scratch, m.count);
        s->counts.batches += count;
        s->counts.batches_merged += count - 1;
        int rc = commit(t, &m, !has_many);
        if (rc < 0 && m.writable && has_many)
            commit_singly(t, &m, m.chain);
        else
            answer_all(t, m.chain, rc);
    }
    mem_free(mem, m.ops);
}
