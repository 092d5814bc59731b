/* eloqstore/load_batch.c -- batches of a load in flight. */
#include "load_batch.h"

#include <stdio.h>
#include <unistd.h>

#define BUSY_RETRY_US 1000

static struct load_batch *gathering(const struct load_flight *f)
{
    return (struct load_batch *)&f->batches[(f->first + f->count) % ARRAY_LEN(f->batches)];
}

/* A key as the map sees it. */
struct key_probe {
    const struct load_batch *batch;
    eloq_part part;
    eloq_slice key;
};

static bool same_part(eloq_part a, eloq_part b)
{
    return a.partition == b.partition && strcmp(a.table, b.table) == 0;
}

static bool same_key(const void *value, const void *key)
{
    const struct load_pair *pair = value;
    const struct key_probe *probe = key;
    return pair->entry.key.size == probe->key.size
           && memcmp(pair->entry.key.data, probe->key.data, probe->key.size) == 0
           && same_part(probe->batch->parts[pair->part], probe->part);
}

static uint64_t key_hash(eloq_slice key, eloq_part part)
{
    return hash_mix(hash_bytes(key.data, key.size), part.partition);
}

static void batch_init(struct load_batch *b, struct mem *mem)
{
    *b = (struct load_batch){ 0 };
    arena_init(&b->arena, mem);
    map_init(&b->keys, mem, MEM_OTHER, same_key);
}

static void batch_free(struct load_batch *b)
{
    struct mem *mem = b->arena.mem;
    mem_free(mem, b->pairs);
    mem_free(mem, b->parts);
    mem_free(mem, b->writes);
    map_free(&b->keys);
    arena_free(&b->arena);
}

static void batch_reset(struct load_batch *b)
{
    struct mem *mem = b->arena.mem;
    batch_free(b);
    batch_init(b, mem);
}

int load_flight_init(struct load_flight *f, struct cli *cli, size_t most)
{
    *f = (struct load_flight){ .cli = cli, .most = most };
    for (size_t i = 0; i < ARRAY_LEN(f->batches); i++)
        batch_init(&f->batches[i], &cli->mem);
    return eloq_queue_new(&f->queue);
}

void load_flight_deinit(struct load_flight *f)
{
    for (size_t i = 0; i < ARRAY_LEN(f->batches); i++)
        batch_free(&f->batches[i]);
    eloq_queue_free(f->queue);
}

bool load_flight_repeats(const struct load_flight *f, const struct load_row *row, eloq_part part)
{
    struct load_batch *b = gathering(f);
    struct key_probe probe = { b, part, row->key };
    return map_get(&b->keys, key_hash(row->key, part), &probe) != NULL;
}

/* Room for one more element of an array that grows. */
static int grow(struct mem *mem, void **array, size_t count, size_t *capacity, size_t element)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *grown = mem_realloc(mem, MEM_OTHER, *array, wanted * element);
    if (!grown)
        return ELOQ_NO_MEMORY;
    *array = grown;
    *capacity = wanted;
    return 0;
}

/* The batch's own copy of the address. Lines of one partition usually stand together, so the last
 * one is looked at first. */
static int find_part(struct load_batch *b, eloq_part part, size_t *ret)
{
    for (size_t i = b->part_count; i-- > 0;) {
        if (same_part(b->parts[i], part)) {
            *ret = i;
            return 0;
        }
    }
    TRY(grow(b->arena.mem, (void **)&b->parts, b->part_count, &b->part_capacity,
             sizeof(*b->parts)));
    part.table = arena_copy(&b->arena, part.table, strlen(part.table) + 1);
    if (!part.table)
        return ELOQ_NO_MEMORY;
    *ret = b->part_count;
    b->parts[b->part_count++] = part;
    return 0;
}

static int copy_slice(struct load_batch *b, eloq_slice from, eloq_slice *ret)
{
    *ret = eloq_bytes(NULL, 0);
    if (from.size == 0)
        return 0;
    *ret = eloq_bytes(arena_copy(&b->arena, from.data, from.size), from.size);
    return ret->data ? 0 : ELOQ_NO_MEMORY;
}

int load_flight_add(struct load_flight *f, const struct load_row *row, eloq_part part,
                    uint64_t line)
{
    struct load_batch *b = gathering(f);
    struct load_pair *pair = arena_zalloc(&b->arena, sizeof(*pair));
    if (!pair)
        return ELOQ_NO_MEMORY;
    TRY(find_part(b, part, &pair->part));
    TRY(copy_slice(b, row->key, &pair->entry.key));
    TRY(copy_slice(b, row->value, &pair->entry.value));
    pair->entry.timestamp = row->timestamp;
    pair->entry.expire_at = row->expire_at;
    TRY(grow(b->arena.mem, (void **)&b->pairs, b->pair_count, &b->pair_capacity,
             sizeof(struct load_pair *)));
    TRY(map_put(&b->keys, key_hash(row->key, part), pair));
    b->pairs[b->pair_count++] = pair;
    b->bytes += row->key.size + row->value.size;
    b->last_line = line;
    return 0;
}

size_t load_flight_gathered(const struct load_flight *f, uint64_t *ret_bytes)
{
    *ret_bytes = gathering(f)->bytes;
    return gathering(f)->pair_count;
}

/* Sorts the pairs by partition, each partition's in line order, into one write each. */
static int batch_split(struct load_batch *b)
{
    eloq_entry *entries = arena_alloc(&b->arena, b->pair_count * sizeof(*entries));
    b->writes = mem_zalloc(b->arena.mem, MEM_OTHER, b->part_count * sizeof(*b->writes));
    if (!entries || !b->writes)
        return ELOQ_NO_MEMORY;
    for (size_t i = 0; i < b->pair_count; i++)
        b->writes[b->pairs[i]->part].count++;
    for (size_t i = 0; i < b->part_count; i++) {
        b->writes[i].batch = b;
        b->writes[i].part = b->parts[i];
        b->writes[i].entries = entries;
        entries += b->writes[i].count;
        b->writes[i].count = 0;
    }
    for (size_t i = 0; i < b->pair_count; i++) {
        struct load_write *w = &b->writes[b->pairs[i]->part];
        w->entries[w->count++] = b->pairs[i]->entry;
    }
    return 0;
}

static void batch_fail(struct load_batch *b, int status, const char *words)
{
    if (b->status != 0)
        return;
    b->status = status;
    snprintf(b->words, sizeof(b->words), "%s", words);
}

static void write_done(eloq_op *op)
{
    struct load_write *w = op->user;
    if (op->status < 0)
        batch_fail(w->batch, op->status, eloq_op_errmsg(op));
    w->batch->pending--;
}

/* Takes finished batches from the front. */
static void retire(struct load_flight *f)
{
    while (f->count > 0 && f->batches[f->first].pending == 0) {
        struct load_batch *b = &f->batches[f->first];
        if (b->status != 0 && f->status == 0) {
            f->status = b->status;
            snprintf(f->words, sizeof(f->words), "%s", b->words);
        }
        if (f->status == 0) {
            f->durable_lines = b->last_line;
            f->pairs += b->pair_count;
            f->bytes += b->bytes;
            for (size_t i = 0; i < b->part_count; i++)
                f->skipped += b->writes[i].op.skipped;
        }
        batch_reset(b);
        f->first = (f->first + 1) % ARRAY_LEN(f->batches);
        f->count--;
    }
}

/* Waits until at most `most` batches are in flight. */
static int wait_below(struct load_flight *f, size_t most)
{
    retire(f);
    while (f->count > most) {
        int rc = eloq_queue_run(f->queue, -1);
        if (rc < 0)
            return rc;
        retire(f);
    }
    return f->status;
}

/* Starts one write; a full queue is waited for. */
static int start_write(struct load_flight *f, struct load_write *w)
{
    int rc = 0;
    for (;;) {
        w->op = (eloq_op){ .done = write_done, .user = w, .queue = f->queue };
        rc = eloq_write_async(f->cli->store, w->part, w->entries, w->count, &w->op);
        if (rc != ELOQ_BUSY)
            return rc;
        if (eloq_queue_run(f->queue, 0) <= 0)
            usleep(BUSY_RETRY_US);
    }
}

int load_flight_submit(struct load_flight *f)
{
    struct load_batch *b = gathering(f);
    if (b->pair_count == 0)
        return f->status;
    TRY(wait_below(f, f->most - 1));
    int rc = batch_split(b);
    if (rc < 0) {
        batch_fail(b, rc, "out of memory");
        b->part_count = 0;
    }
    f->count++;
    for (size_t i = 0; i < b->part_count && b->status == 0; i++) {
        b->pending++;
        rc = start_write(f, &b->writes[i]);
        if (rc < 0) {
            b->pending--;
            batch_fail(b, rc, eloq_errmsg());
        }
    }
    retire(f);
    return f->status;
}

int load_flight_wait(struct load_flight *f)
{
    return wait_below(f, 0);
}
