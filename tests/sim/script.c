/* sim/script.c -- a store's life that follows from a number. */
#include "sim/script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sim/sim_args.h"
#include "sim/sim_node.h"

const eloq_part script_parts[SCRIPT_PARTS] = { { "power", 0 }, { "beside", 1 } };

#define FAR_MS (UINT64_C(10) * 365 * 86400 * 1000) /* waiting does not get there */
#define PAGE_BYTES 4096
#define CLOCK_JUMPS_AT 3 /* the state */

#define DROPS_AT 4 /* the state */

static uint64_t limited(uint64_t n, uint64_t limit)
{
    return limit > 0 ? MIN(n, limit) : n;
}

static void add(struct model *m, struct rand *r, bool is_large, unsigned deletes)
{
    static uint8_t value[80000];
    char key[16];

    uint64_t keys = is_large ? 250 : 50;
    snprintf(key, sizeof(key), "key%04u",
             (unsigned)(rand_below(r, keys) % limited(keys, sim_args.keys)));
    if (rand_below(r, 100) < deletes) {
        model_delete(m, key, 7, UINT64_MAX);
        return;
    }
    size_t size =
        rand_below(r, 25) ? rand_below(r, 150) : rand_below(r, is_large ? sizeof(value) : 14000);
    size = limited(size, sim_args.values);
    memset(value, (int)rand_below(r, 256), size);
    uint64_t expire_at = rand_below(r, 5) ? 0 : SCRIPT_EXPIRY_MS + rand_below(r, 50);
    if (expire_at % 2) /* the others see the clock jump */
        expire_at += FAR_MS;
    model_put(m, key, 7, value, size, SCRIPT_WALL_US, expire_at, 0);
}

/* states[k] from states[k - 1]. */
static void make_state(struct script *s, unsigned k)
{
    static const unsigned small[] = { 1, 1, 2, 4, 20 }, large[] = { 1, 1, 3, 30, 200 };
    const struct model *from = &s->states[k - 1];
    struct model *m = &s->states[k];
    struct rand r;

    rand_seed(&r, s->seed * 1000 + k);
    model_copy(m, from);
    /* No two neighbours are equal: which batch a store holds can be told. */
    char turn[16];
    snprintf(turn, sizeof(turn), "%u", k);
    model_put(m, "turn", 4, turn, strlen(turn), SCRIPT_WALL_US, 0, 0);

    unsigned kind = (unsigned)rand_below(&r, 10);
    if (s->drops && k == DROPS_AT)
        kind = 0;
    if (kind == 0 && k > 1 && from->count > 0) { /* everything goes */
        while (m->count)
            model_delete(m, m->pairs[0].key, m->pairs[0].key_size, UINT64_MAX);
        return;
    }
    if (kind == 3
        && model_find(from, "turn", 4)) { /* everything from some key on, "turn" with it */
        size_t keep = rand_below(&r, from->count);
        while (m->count > keep)
            model_delete(m, m->pairs[keep].key, m->pairs[keep].key_size, UINT64_MAX);
        return;
    }
    unsigned count = s->is_large ? large[rand_below(&r, 5)] : small[rand_below(&r, 5)];
    if (k == 1)
        count = s->is_large ? 60 : 12;
    count = (unsigned)limited(count, sim_args.pairs);
    for (unsigned i = 0; i < count; i++)
        add(m, &r, s->is_large, kind < 3 ? 60 : 10);
}

void script_make(struct script *s, uint64_t seed)
{
    struct rand r;

    memset(s, 0, sizeof(*s));
    s->seed = seed;
    rand_seed(&r, seed);
    s->append = seed % 2;
    s->shift = (uint32_t)(uint64_t[]){ 0, 1, 3, 18 }[seed / 2 % 4];
    s->manifest_limit = rand_below(&r, 2) ? 8192 : 0;
    /* Files of 8 pages are what is compacted, if they have been full. */
    s->is_large = rand_below(&r, 6) == 0 || (s->append && s->shift == 3);
    s->drops = seed % 8 < 2;
    s->has_two_paths = seed % 5 == 0;
    s->is_ahead = seed / 8 % 2 == 1;
    s->is_one_flush = seed / 16 % 2 == 1;
    s->is_evicted = seed % 7 == 3;
    s->expires = seed % 3 == 2;
    s->parts = seed / 4 % 3 == 1 ? 2 : 1;
    s->compacts = seed % 3 != 1;
    s->reads = !s->expires; /* what it sees does not change with the clock then */
    s->batches = (unsigned)limited(s->is_large ? 7 : 5, sim_args.batches);
    if (sim_args.plain) {
        s->has_two_paths = s->is_ahead = s->is_one_flush = s->expires = s->compacts = false;
        s->is_evicted = false;
        s->parts = 1;
    }
    for (unsigned k = 1; k < SCRIPT_STATES; k++)
        make_state(s, k);
}

void script_free(struct script *s)
{
    for (unsigned k = 0; k < SCRIPT_STATES; k++)
        model_free(&s->states[k]);
}

static int open_io(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    struct run *run = user;

    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(run->disk, &run->clock, run->io_seed, ret);
}

void script_start(struct run *run, const struct script *script, struct sim_disk *disk)
{
    *run = (struct run){ .script = script, .disk = disk, .io_seed = script->seed };
    sim_clock_init(&run->clock, SCRIPT_WALL_US);
}

static void give_up(void *user, const char *what)
{
    (void)user;
    script_give_up(what);
}

int script_open(struct run *run)
{
    const struct script *s = run->script;
    eloq_options options = ELOQ_OPTIONS(SCRIPT_PATH);
    struct bytes manifest;

    if (s->has_two_paths)
        options.path = SCRIPT_PATH ":" SCRIPT_OTHER_PATH;
    bytes_init(&manifest, run->disk->mem, MEM_OTHER);
    if (sim_disk_get(run->disk, SCRIPT_PATH "/power.0/manifest_0", &manifest) < 0
        && sim_disk_get(run->disk, SCRIPT_PATH "/beside.1/manifest_0", &manifest) < 0
        && sim_disk_get(run->disk, SCRIPT_OTHER_PATH "/beside.1/manifest_0", &manifest) < 0) {
        options.format.commit_protocol = s->is_one_flush ? ELOQ_ONE_FLUSH : ELOQ_TWO_FLUSH;
        options.format.data_append_mode = s->append ? 1 : ELOQ_ZERO;
        options.format.pages_per_file_shift = s->shift ? s->shift : ELOQ_ZERO;
    }
    bytes_free(&manifest);
    run->clock.clock.user = &run->clock; /* a run may have been copied */
    options.host_driven = 1;
    options.manifest_limit = s->manifest_limit;
    options.num_retained_archives = run->retained_archives;
    if (s->is_evicted)
        options.root_meta_cache_size = 1;
    if (run->fd_limit)
        options.fd_limit = run->fd_limit;
    options.archive_interval_secs = ELOQ_ZERO;
    options.memory_bytes = 64 << 20;
    options.data_cache_bytes = (s->seed & 1) != 0 ? 1 : 5 * 4096; /* none, or few pages */
    options.enable_compression = s->compresses;
    struct store_seams seams = { .clock = &run->clock.clock,
                                 .seed = s->seed + 1,
                                 .ahead_least = s->is_ahead ? 4096 : 0,
                                 .io_open = open_io,
                                 .io_user = run,
                                 .mem_fail = run->mem_fail,
                                 .mem_user = run->mem_user,
                                 .host_shards = s->parts };
    run->oracle = (struct oracle){ .disk = run->disk,
                                   .db = &run->db,
                                   .append = s->append,
                                   .shift = s->shift,
                                   .page_bytes = PAGE_BYTES,
                                   .fail = give_up };
    oracle_begin(&run->oracle);
    return store_open(&options, &seams, &run->db);
}

bool script_close(struct run *run)
{
    eloq_store *db = run->db;
    const uint64_t header = 16; /* of a block in memory */

    eloq_iter_close(run->reader);
    run->reader = NULL;
    if (db)
        CHECK(eloq_close(db) == ELOQ_OK);
    oracle_end(run->disk);
    run->db = NULL;
    if (!db)
        return true;
    /* The shell is kept for late calls, and with it the array of shards. */
    return atomic_load(&db->mem.total) == run->script->parts * sizeof(struct shard) + header;
}

void (*script_fail)(const char *what);

void script_give_up(const char *what)
{
    if (script_fail)
        script_fail(what);
    fprintf(stderr, "%s\n", what);
    exit(1);
}

void script_must_open(struct run *run)
{
    if (script_open(run) < 0)
        script_give_up("does not open");
}

void script_must_close(struct run *run)
{
    if (!script_close(run))
        script_give_up("closed, and memory is left");
}

struct run script_copy(const struct run *run)
{
    struct run copy = *run;

    copy.db = NULL;
    copy.disk = sim_disk_copy(run->disk);
    sim_disk_print(copy.disk, sim_args.trace);
    return copy;
}

void script_tell_damage(void *user, eloq_part p, const eloq_finding *finding)
{
    const struct run *run = user;

    (void)p;
    if (finding->severity == ELOQ_DAMAGE && !(run && sim_disk_stopped(run->disk)))
        fprintf(stderr, "damage: %s %s\n", finding->what, finding->file ? finding->file : "");
}

static bool same_pair(const struct model_pair *a, const struct model_pair *b)
{
    return a->expire_at == b->expire_at
           && model_compare(a->value, a->value_size, b->value, b->value_size) == 0;
}

bool script_sees(const struct run *run, const struct model_pair *p)
{
    const struct sim_clock *clock = &run->clock;
    uint64_t now_us = clock->clock.wall_us((void *)(uintptr_t)clock);

    return p->expire_at == 0 || p->expire_at > now_us / 1000;
}

/* The next of the model that has not expired, NULL at its end. */
static const struct model_pair *next_pair(const struct run *run, const struct model *m, size_t *at)
{
    while (*at < m->count) {
        const struct model_pair *p = &m->pairs[(*at)++];
        if (script_sees(run, p))
            return p;
    }
    return NULL;
}

/* Reads on to the end: 0 the pairs of `m` from *at on, 1 others, < 0 a failure. */
static int read_rest(struct run *run, eloq_iter *iter, const struct model *m, size_t *at)
{
    eloq_item item;
    bool same = true;
    int rc = ELOQ_OK;

    while (same && (rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        const struct model_pair *p = next_pair(run, m, at);
        same = p && model_compare(p->key, p->key_size, item.key.data, item.key.size) == 0
               && model_compare(p->value, p->value_size, item.value.data, item.value.size) == 0
               && p->expire_at == item.expire_at;
    }
    if (rc < 0)
        return rc;
    return same && next_pair(run, m, at) == NULL ? 0 : 1;
}

static int holds(struct run *run, unsigned part, const struct model *m)
{
    eloq_range all = { 0 };
    eloq_iter *iter = NULL;
    size_t at = 0;

    int rc = eloq_scan(run->db, script_parts[part], &all, &iter);
    if (rc == ELOQ_OK)
        rc = read_rest(run, iter, m, &at);
    eloq_iter_close(iter);
    return rc;
}

int script_reader_begin(struct run *run, unsigned k)
{
    eloq_range all = { 0 };
    eloq_item item;

    run->reader_sees = &run->script->states[k];
    int rc = eloq_scan(run->db, script_part, &all, &run->reader);
    return rc == ELOQ_OK ? eloq_iter_next(run->reader, &item) : rc;
}

int script_reader_end(struct run *run)
{
    size_t at = 0;

    (void)next_pair(run, run->reader_sees, &at); /* was read when it began */
    int rc = read_rest(run, run->reader, run->reader_sees, &at);
    eloq_iter_close(run->reader);
    run->reader = NULL;
    return rc;
}

/* Whether `to` is `from` without its last pairs. */
static bool is_cut(const struct model *from, const struct model *to)
{
    for (size_t i = 0; i < to->count && i < from->count; i++)
        if (model_compare(from->pairs[i].key, from->pairs[i].key_size, to->pairs[i].key,
                          to->pairs[i].key_size)
                != 0
            || !same_pair(&from->pairs[i], &to->pairs[i]))
            return false;
    return to->count < from->count;
}

/* All of it, in one of the three ways, or from a key on. */
static int cut(struct run *run, const struct model *from, const struct model *to)
{
    const struct model_pair *first = &from->pairs[to->count];

    eloq_slice from_key = to->count > 0 ? eloq_bytes(first->key, first->key_size) : eloq_str("");
    bool drops = to->count == 0 && run->script->drops;
    if (!drops || run->mem_fail) { /* after a failed drop one must look */
        int rc = eloq_truncate(run->db, script_part, from_key);
        run->truncations += rc == ELOQ_OK;
        return rc;
    }
    int rc = eloq_drop(run->db, script_part.table);
    run->drops += rc == ELOQ_OK;
    /* It may fail with everything gone but the files. */
    return rc < 0 && holds(run, 0, to) == 0 ? ELOQ_OK : rc;
}

/* What differs; yours to free. */
static eloq_entry *make_batch(const struct model *from, const struct model *to, size_t *ret_count)
{
    eloq_entry *entries = calloc(from->count + to->count + 1, sizeof(*entries));
    size_t n = 0;

    CHECK(entries != NULL);
    for (size_t i = 0; i < to->count; i++) {
        const struct model_pair *p = &to->pairs[i];
        const struct model_pair *old = model_find(from, p->key, p->key_size);
        if (old && same_pair(old, p))
            continue;
        entries[n++] = (eloq_entry){ .key = eloq_bytes(p->key, p->key_size),
                                     .value = eloq_bytes(p->value, p->value_size),
                                     .timestamp = p->timestamp,
                                     .expire_at = p->expire_at };
    }
    for (size_t i = 0; i < from->count; i++) {
        const struct model_pair *p = &from->pairs[i];
        if (!model_find(to, p->key, p->key_size))
            entries[n++] =
                (eloq_entry){ .key = eloq_bytes(p->key, p->key_size), .kind = ELOQ_DELETE };
    }
    if (n == 0) /* equal: that there is nothing more is promised all the same */
        entries[n++] = (eloq_entry){ .key = eloq_str("none"), .kind = ELOQ_DELETE };
    *ret_count = n;
    return entries;
}

static int write_batch(struct run *run, const struct model *from, const struct model *to)
{
    size_t count;
    eloq_entry *entries = make_batch(from, to, &count);

    int rc = eloq_write(run->db, script_part, entries, count);
    free(entries);
    return rc;
}

int script_write(struct run *run, unsigned from_state, unsigned to_state)
{
    const struct script *s = run->script;
    const struct model *from = &s->states[from_state], *to = &s->states[to_state];
    bool cuts = s->seed % 4 < 2 ? is_cut(from, to) : is_cut(from, to) && to->count > 0;

    int rc = cuts ? cut(run, from, to) : write_batch(run, from, to);
    /* What follows holds the same; whether it succeeds is nothing the batch promises. */
    if (rc == ELOQ_OK && s->append && s->compacts)
        (void)eloq_compact(run->db, script_part);
    if (rc == ELOQ_OK && s->expires && to_state >= CLOCK_JUMPS_AT) {
        uint64_t later = (SCRIPT_EXPIRY_MS + FAR_MS / 2) * 1000;
        if (run->clock.clock.wall_us(&run->clock) < later)
            sim_clock_set_wall(&run->clock, later);
        (void)eloq_clean_expired(run->db, script_part);
    }
    return rc;
}

static void count_done(eloq_op *op)
{
    ++*(unsigned *)op->user;
}

void script_write_all(struct run *run, const unsigned *from, const unsigned *to, int *ret)
{
    static eloq_op ops[SCRIPT_PARTS];
    eloq_entry *batches[SCRIPT_PARTS] = { NULL };
    unsigned begun = 0, done = 0;

    for (unsigned p = 1; p < run->script->parts; p++) {
        const struct model *states = run->script->states;
        size_t count;

        batches[p] = make_batch(&states[from[p]], &states[to[p]], &count);
        ops[p] = (eloq_op){ .done = count_done, .user = &done };
        ret[p] = eloq_write_async(run->db, script_parts[p], batches[p], count, &ops[p]);
        begun += ret[p] == ELOQ_OK;
    }
    ret[0] = script_write(run, from[0], to[0]);
    while (done < begun)
        (void)eloq_run(run->db, 1);
    for (unsigned p = 1; p < run->script->parts; p++) {
        if (ret[p] == ELOQ_OK)
            ret[p] = ops[p].status;
        free(batches[p]);
    }
}

int script_holds(struct run *run, unsigned k)
{
    return script_holds_in(run, 0, k);
}

int script_holds_in(struct run *run, unsigned part, unsigned k)
{
    return holds(run, part, &run->script->states[k]);
}

unsigned script_find(struct run *run, unsigned part, uint32_t states)
{
    unsigned k = 0;

    int rc = eloq_check(run->db, script_parts[part], script_tell_damage, run, NULL);
    if (rc < 0 && rc != ELOQ_NOT_FOUND && !sim_disk_stopped(run->disk))
        script_give_up("check");
    while (k < SCRIPT_STATES
           && (!(states & (UINT32_C(1) << k)) || script_holds_in(run, part, k) != 0))
        k++;
    return k;
}

bool script_last_page(struct run *run, struct script_spot *ret)
{
    const struct script *s = run->script;
    struct manifest_state state;
    struct bytes file;

    bytes_init(&file, run->disk->mem, MEM_OTHER);
    manifest_state_init(&state, run->disk->mem);
    bool is_there = sim_disk_get(run->disk, SCRIPT_PATH "/power.0/manifest_0", &file) == 0
                    && manifest_replay(&state, file.data, file.size, !s->append) == ELOQ_OK
                    && state.last_page_count > 0;
    if (is_there) {
        uint64_t place = state.last_pages[0].place.n;
        snprintf(ret->path, sizeof(ret->path), SCRIPT_PATH "/power.0/data_%llu_0",
                 (unsigned long long)(place >> s->shift));
        ret->offset = (place & ((UINT64_C(1) << s->shift) - 1)) * PAGE_BYTES + PAGE_BYTES / 2;
    }
    bytes_free(&file);
    manifest_state_free(&state);
    return is_there;
}

void script_flip(struct run *run, const struct script_spot *spot)
{
    struct bytes file;

    bytes_init(&file, run->disk->mem, MEM_OTHER);
    CHECK(sim_disk_get(run->disk, spot->path, &file) == 0 && spot->offset < file.size);
    file.data[spot->offset] ^= 1;
    CHECK(sim_disk_put(run->disk, spot->path, file.data, file.size) == 0);
    bytes_free(&file);
}
