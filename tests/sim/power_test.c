/* tests/sim/power_test.c -- the whole engine on the simulated disk: power cut at every I/O boundary
 * of every kind of commit; and killed, restarted, more commits, then power cut.
 *
 *     power_test [--seed N] [--scripts N] [--script N] [--verbose]
 *
 * A script is a few batches that follow from its seed: a first commit, appends and replacements of
 * the manifest, overwrites, deletes, large values, expiry, everything deleted, many small files; in
 * place or appending. For each mutating operation n the script runs on a fresh disk that stops
 * after n; then, for each way the power can go:
 *
 *   row 1   cut: the store opens and holds the last acknowledged batch, or whole the one under way;
 *           it takes another batch
 *   row 2   the same, the power being cut again during that recovery and its batch
 *   row 3   process killed instead, restarted, more batches, stopped again, then the power cut
 *
 * On failure: the seed, n, the row and the cut, and exit 1. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/store.h"
#include "model/model.h"
#include "sim/sim_io.h"

#define BATCHES 7
#define STATES (3 * BATCHES + 2)
#define WALL_US UINT64_C(1700000000000000)

static struct {
    uint64_t seed, scripts, only;
    bool verbose;
} arg = { .seed = 1, .scripts = 12, .only = UINT64_MAX };

static const eloq_part part = { "power", 0 };
static struct mem sim_mem;
static uint64_t tried;

/* One script: its options and, by number, its batches. */
struct script {
    uint64_t seed;
    bool append;
    uint32_t shift, manifest_limit;
    struct model states[STATES]; /* states[k]: after batch k; 0 is empty */
};

struct run {
    struct script *script;
    struct sim_disk *disk;
    struct sim_clock clock;
    uint64_t io_seed;
    eloq_store *db;
};

static const char *where = "";
static uint64_t where_seed, where_n, where_cut;

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "power_test: script %llu, stopped after %llu, %s, cut %llu: %s (%s)\n",
            (unsigned long long)where_seed, (unsigned long long)where_n, where,
            (unsigned long long)where_cut, what, eloq_errmsg());
    fprintf(stderr, "repeat: power_test --script %llu --verbose\n", (unsigned long long)where_seed);
    exit(1);
}

/* ---- batches ---- */

static void add(struct model *m, struct rand *r, unsigned key_space, unsigned deletes)
{
    char key[16];
    snprintf(key, sizeof(key), "key%04u", (unsigned)rand_below(r, key_space));
    if (rand_below(r, 100) < deletes) {
        model_delete(m, key, 7, UINT64_MAX);
        return;
    }
    static uint8_t value[80000];
    size_t size = rand_below(r, 25) ? rand_below(r, 150) : rand_below(r, sizeof(value));
    memset(value, (int)rand_below(r, 256), size);
    uint64_t expire_at = rand_below(r, 5) ? 0 : 4102444800000 + rand_below(r, 50);
    model_put(m, key, 7, value, size, WALL_US, expire_at, 0);
}

/* states[k] from states[k - 1]: a batch is what differs between the two. */
static void make_state(struct script *s, unsigned k)
{
    struct rand r;
    const struct model *from = &s->states[k - 1];
    struct model *m = &s->states[k];
    rand_seed(&r, s->seed * 1000 + k);
    for (size_t i = 0; i < from->count; i++) {
        const struct model_pair *p = &from->pairs[i];
        model_put(m, p->key, p->key_size, p->value, p->value_size, p->timestamp, p->expire_at, 0);
    }
    unsigned kind = (unsigned)rand_below(&r, 10);
    if (kind == 0 && k > 1) { /* everything goes */
        while (m->count)
            model_delete(m, m->pairs[0].key, m->pairs[0].key_size, UINT64_MAX);
        return;
    }
    static const unsigned counts[] = { 1, 1, 3, 30, 200 };
    unsigned count = k == 1 ? 60 : counts[rand_below(&r, 5)];
    for (unsigned i = 0; i < count; i++)
        add(m, &r, 250, kind < 3 ? 60 : 10);
}

static void make_script(struct script *s, uint64_t seed)
{
    struct rand r;
    memset(s, 0, sizeof(*s));
    s->seed = seed;
    rand_seed(&r, seed);
    s->append = rand_below(&r, 2);
    s->shift = (uint32_t)(uint64_t[]){ 0, 2, 5, 18 }[rand_below(&r, 4)];
    s->manifest_limit = rand_below(&r, 2) ? 8192 : 0;
    for (unsigned k = 1; k < STATES; k++)
        make_state(s, k);
}

static void free_script(struct script *s)
{
    for (unsigned k = 0; k < STATES; k++)
        model_free(&s->states[k]);
}

/* ---- the store ---- */

static int io_open(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    struct run *run = user;
    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(run->disk, &run->clock, run->io_seed, ret);
}

static int open_store(struct run *run)
{
    eloq_options options = ELOQ_OPTIONS("/disk/store");
    options.host_driven = 1;
    options.format.data_append_mode = run->script->append ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = run->script->shift ? run->script->shift : ELOQ_ZERO;
    options.manifest_limit = run->script->manifest_limit;
    options.memory_bytes = 64 << 20;
    struct store_seams seams = { .clock = &run->clock.clock,
                                 .seed = run->script->seed + 1,
                                 .io_open = io_open,
                                 .io_user = run };
    return store_open(&options, &seams, &run->db);
}

static void close_store(struct run *run)
{
    if (run->db)
        eloq_close(run->db);
    run->db = NULL;
}

/* Writes what leads from one state to another; the batch is whole or not at all. */
static int write_batch(struct run *run, const struct model *from, const struct model *to)
{
    size_t capacity = from->count + to->count, n = 0;
    eloq_entry *entries = calloc(capacity + 1, sizeof(*entries));
    for (size_t i = 0; i < to->count; i++) {
        const struct model_pair *p = &to->pairs[i];
        const struct model_pair *old = model_find(from, p->key, p->key_size);
        if (old && old->expire_at == p->expire_at
            && model_compare(old->value, old->value_size, p->value, p->value_size) == 0)
            continue;
        entries[n++] = (eloq_entry){ .key = eloq_bytes(p->key, p->key_size),
                                     .value = eloq_bytes(p->value, p->value_size),
                                     .timestamp = p->timestamp,
                                     .expire_at = p->expire_at };
    }
    for (size_t i = 0; i < from->count; i++)
        if (!model_find(to, from->pairs[i].key, from->pairs[i].key_size))
            entries[n++] =
                (eloq_entry){ .key = eloq_bytes(from->pairs[i].key, from->pairs[i].key_size),
                              .kind = ELOQ_DELETE };
    int rc = eloq_write(run->db, part, entries, n);
    free(entries);
    return rc;
}

/* Runs batches from, from + 1, ... while they are acknowledged; answers the last acknowledged one.
 */
static unsigned write_batches(struct run *run, unsigned done, unsigned last)
{
    while (done < last) {
        if (write_batch(run, &run->script->states[done], &run->script->states[done + 1]) < 0)
            break;
        done++;
    }
    return done;
}

static bool holds(struct run *run, const struct model *m)
{
    eloq_range all = { 0 };
    eloq_iter *iter;
    eloq_item item;
    size_t n = 0;
    bool same = true;
    int rc = eloq_scan(run->db, part, &all, &iter);
    while (rc == ELOQ_OK && (rc = eloq_iter_next(iter, &item)) == ELOQ_OK && same) {
        const struct model_pair *p = n < m->count ? &m->pairs[n] : NULL;
        same = p && model_compare(p->key, p->key_size, item.key.data, item.key.size) == 0
               && model_compare(p->value, p->value_size, item.value.data, item.value.size) == 0
               && p->expire_at == item.expire_at;
        n++;
    }
    if (rc < 0)
        fail("scan");
    eloq_iter_close(iter);
    return same && n == m->count;
}

static void on_finding(void *user, eloq_part p, const eloq_finding *finding)
{
    (void)user;
    (void)p;
    if (finding->severity == ELOQ_DAMAGE)
        fprintf(stderr, "damage: %s %s\n", finding->what, finding->file ? finding->file : "");
}

/* What a cut may leave: the last acknowledged state, or a later one that was under way. */
struct allowed {
    unsigned acknowledged, last;
};

/* Which of them the store is in. */
static unsigned find_state(struct run *run, struct allowed allowed)
{
    if (eloq_check(run->db, part, on_finding, NULL, NULL) < 0)
        fail("check");
    for (unsigned k = allowed.acknowledged; k <= allowed.last; k++)
        if (holds(run, &run->script->states[k]))
            return k;
    if (arg.verbose)
        for (unsigned k = 0; k < STATES; k++)
            if (holds(run, &run->script->states[k]))
                fprintf(stderr, "it is state %u, not one of %u to %u\n", k, allowed.acknowledged,
                        allowed.last);
    fail("neither the acknowledged state nor the one under way");
}

static void must_open(struct run *run)
{
    if (open_store(run) < 0)
        fail("does not open");
}

/* ---- rows ---- */

/* After a cut: opens, is right, takes a batch, is right again after another opening. */
static void recover(struct run *run, struct allowed allowed)
{
    must_open(run);
    unsigned at = find_state(run, allowed);
    if (write_batches(run, at, at + 1) != at + 1)
        fail("takes no batch");
    if (!holds(run, &run->script->states[at + 1]))
        fail("the batch after recovery is not there");
    close_store(run);
    must_open(run);
    if (!holds(run, &run->script->states[at + 1]))
        fail("the batch after recovery is gone");
    close_store(run);
    tried++;
}

/* Opens, finds the state and writes batches until the disk stops (or `count` are written). What was
 * found is promised only once a batch on top of it is acknowledged. */
static struct allowed go_on(struct run *run, struct allowed allowed, unsigned count)
{
    eloq_record record = { 0 };
    if (open_store(run) < 0)
        return allowed;
    if (eloq_get(run->db, part, eloq_str("key0001"), &record) >= 0) {
        unsigned at = find_state(run, allowed);
        unsigned done = write_batches(run, at, at + count);
        if (done > at)
            allowed.acknowledged = done;
        allowed.last = done < at + count ? done + 1 : done;
    }
    eloq_record_free(&record);
    close_store(run);
    return allowed;
}

/* The power goes, and with `again` once more, during recovery and the batch after it. */
static void cut(const struct run *run, struct rand *r, enum sim_cut how, struct allowed allowed,
                uint64_t again)
{
    struct run copy = *run;
    copy.db = NULL;
    copy.disk = sim_disk_copy(run->disk);
    where_cut = how;
    sim_disk_power_cut(copy.disk, r, how);
    if (again > 0) {
        sim_disk_stop_after(copy.disk, again);
        allowed = go_on(&copy, allowed, 1);
        sim_disk_power_cut(copy.disk, r, (enum sim_cut)rand_below(r, SIM_CUTS));
    }
    recover(&copy, allowed);
    sim_disk_free(copy.disk);
}

/* Killed, restarted on what the kernel shows, more batches, stopped, then the power goes. */
static void kill_restart(const struct run *run, struct rand *r, struct allowed allowed)
{
    struct run copy = *run;
    copy.db = NULL;
    copy.disk = sim_disk_copy(run->disk);
    sim_disk_kill(copy.disk);
    sim_disk_stop_after(copy.disk, rand_below(r, 60));
    allowed = go_on(&copy, allowed, BATCHES - 1);
    for (enum sim_cut how = 0; how < SIM_CUTS; how++)
        cut(&copy, r, how, allowed, 0);
    sim_disk_free(copy.disk);
}

/* The script on a fresh disk that stops after n operations. False: it ran to its end before. */
static bool stop_at(struct script *script, uint64_t n)
{
    struct rand r;
    struct run run = { .script = script,
                       .disk = sim_disk_new(&sim_mem),
                       .io_seed = script->seed + n };
    where_n = n;
    rand_seed(&r, script->seed * 100000 + n);
    sim_clock_init(&run.clock, WALL_US);
    sim_disk_stop_after(run.disk, n);
    struct allowed allowed = { 0, 1 };
    if (open_store(&run) == ELOQ_OK)
        allowed.acknowledged = write_batches(&run, 0, BATCHES);
    allowed.last = MIN(allowed.acknowledged + 1, BATCHES);
    bool stopped = sim_disk_stopped(run.disk);
    close_store(&run);

    where = "power cut";
    for (enum sim_cut how = 0; how < SIM_CUTS; how++)
        cut(&run, &r, how, allowed, 0);
    where = "power cut during recovery";
    for (enum sim_cut how = 0; how < SIM_CUTS; how++)
        cut(&run, &r, how, allowed, 1 + rand_below(&r, 30));
    where = "killed, restarted, power cut";
    kill_restart(&run, &r, allowed);
    sim_disk_free(run.disk);
    return stopped;
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = { { "seed", 1, NULL, 's' },
                                             { "scripts", 1, NULL, 'n' },
                                             { "script", 1, NULL, 'o' },
                                             { "verbose", 0, NULL, 'v' },
                                             { NULL, 0, NULL, 0 } };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            arg.seed = strtoull(optarg, NULL, 0);
        else if (c == 'n')
            arg.scripts = strtoull(optarg, NULL, 0);
        else if (c == 'o')
            arg.only = strtoull(optarg, NULL, 0);
        else if (c == 'v')
            arg.verbose = true;
        else
            exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    mem_init(&sim_mem, 0);
    uint64_t first = arg.only != UINT64_MAX ? arg.only : arg.seed * 1000;
    uint64_t end = arg.only != UINT64_MAX ? arg.only + 1 : first + arg.scripts;
    for (uint64_t seed = first; seed < end; seed++) {
        struct script script;
        make_script(&script, seed);
        where_seed = seed;
        uint64_t n = 0;
        while (stop_at(&script, n))
            n++;
        if (arg.verbose)
            printf("script %llu: %s, shift %u, %llu boundaries\n", (unsigned long long)seed,
                   script.append ? "append" : "in place", script.shift, (unsigned long long)n);
        free_script(&script);
    }
    printf("seed %llu: %llu scripts, %llu power cuts, ok\n", (unsigned long long)first,
           (unsigned long long)(end - first), (unsigned long long)tried);
    return 0;
}
