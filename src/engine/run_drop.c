/* engine/run_drop.c -- all partitions of a table go, each through its own write queue. */
#include <string.h>

#include "engine/run.h"
#include "engine/spread.h"
#include "engine/store.h"
#include "engine/writeq.h"
#include "file/name.h"

#define AT_ONCE 16 /* partitions */

/* Partitions that are written to: they need not be on disk yet. Others are, if they are at all. */
struct loaded {
    const char *table;
    struct mem *mem;
    uint32_t *numbers;
    size_t count, capacity;
    bool no_memory;
};

static void add_number(void *user, const char *table, uint32_t partition)
{
    struct loaded *l = user;

    if (strcmp(table, l->table) != 0)
        return;
    if (l->count == l->capacity) {
        size_t capacity = MAX(16, 2 * l->capacity);
        uint32_t *numbers =
            mem_realloc(l->mem, MEM_REQUESTS, l->numbers, capacity * sizeof(*numbers));
        if (!numbers) {
            l->no_memory = true;
            return;
        }
        l->numbers = numbers;
        l->capacity = capacity;
    }
    l->numbers[l->count++] = partition;
}

void run_loaded(struct shard *s, struct request *r)
{
    struct loaded *l = r->ask.loaded;

    writeq_each(s, add_number, l);
    request_finish(r, ELOQ_OK, NULL);
}

static bool is_known(const struct loaded *l, uint32_t partition)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->numbers[i] == partition)
            return true;
    return false;
}

/* ---- on shard 0 ---- */

static int ask_shards(struct task *t, struct shard *s, struct loaded *l)
{
    eloq_part none = { 0 };
    struct spread sp;

    TRY(spread_init(t, &sp, s, 1)); /* one after the other: they share the list */
    for (unsigned i = 0; i < s->store->shard_count; i++) {
        eloq_op *op = spread_take(&sp);
        request_init(op, REQUEST_LOADED, none)->ask.loaded = l;
        spread_submit(&sp, i, op);
    }
    TRY(spread_finish(&sp));
    return l->no_memory ? task_no_memory(t) : ELOQ_OK;
}

static int list_disk(struct task *t, struct shard *s, struct loaded *l)
{
    struct io_names names;
    size_t busy = l->count; /* those are known already */
    size_t wanted = strlen(l->table);

    io_names_init(&names, &s->store->mem);
    int rc = tables_list(t, s, &names);
    for (size_t i = 0; i < names.count && rc == ELOQ_OK; i++) {
        const char *name = names.names[i].name;
        size_t table_size = 0;
        uint32_t partition = 0;
        const struct loaded known = { .numbers = l->numbers, .count = busy };
        if (!file_name_parse_partition(name, &table_size, &partition) || table_size != wanted
            || memcmp(name, l->table, wanted) != 0 || is_known(&known, partition))
            continue;
        add_number(l, l->table, partition);
    }
    io_names_free(&names);
    return rc < 0 ? rc : l->no_memory ? task_no_memory(t) : ELOQ_OK;
}

static int drop_all(struct task *t, struct shard *s, const struct loaded *l)
{
    struct spread sp;

    TRY(spread_init(t, &sp, s, MIN(AT_ONCE, MAX(l->count, 1))));
    for (size_t i = 0; i < l->count; i++) {
        eloq_part part = { l->table, l->numbers[i] };
        eloq_op *op = spread_take(&sp);
        request_init(op, REQUEST_TRUNCATE, part)->ask.truncate.drop = true;
        spread_submit(&sp, store_shard_of(s->store, part.partition), op);
    }
    return spread_finish(&sp);
}

int run_drop(struct task *t, struct shard *s, struct request *r)
{
    struct loaded l = { .table = r->ask.part.table, .mem = &s->store->mem };

    int rc = ask_shards(t, s, &l);
    if (rc == ELOQ_OK)
        rc = list_disk(t, s, &l);
    if (rc == ELOQ_OK)
        rc = drop_all(t, s, &l);
    mem_free(l.mem, l.numbers);
    return rc;
}
