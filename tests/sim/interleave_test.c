/* tests/sim/interleave_test.c -- many requests at once: readers, writers, space, archives, close.
 *
 *     interleave_test [--seed N] [--cases N] [--script N] [--trace]
 *
 * Each script is one interleaving (sim/interleave.h) of 20 to 200 requests on up to three
 * shards and four partitions. Every answer is held against the history of its partition
 * (sim/history.h). At its end the store is closed in peace, closed with requests under way, or
 * loses its disk in the midst of them and then the power. What must hold then: each request was
 * answered once; nothing is left in memory; reopened, each partition is in a state it may be in,
 * undamaged; each archive holds such a state, those of all partitions a moment that was.
 *
 * On failure: the command that repeats it, and exit 1. */
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "sim/interleave.h"
#include "sim/sim_args.h"

#define SECONDS 60      /* a case that takes longer hangs */
#define STEPS_MAX 30000 /* without an answer */

enum ending { IN_PEACE, IN_FLIGHT, POWER_CUT, ENDINGS };

static struct mem sim_mem;
static struct world world;
static uint64_t endings[ENDINGS], archives_read;

__attribute__((noreturn)) static void give_up(void)
{
    fprintf(stderr, "repeat: interleave_test --script %llu --trace\n",
            (unsigned long long)world.seed);
    exit(1);
}

void world_fail(struct world *w, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "interleave_test: script %llu, event %llu: ", (unsigned long long)w->seed,
            (unsigned long long)w->now);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (%s)\n", eloq_errmsg());
    give_up();
}

static void on_alarm(int signal)
{
    (void)signal;
    fprintf(stderr, "interleave_test: script %llu hangs\n", (unsigned long long)world.seed);
    give_up();
}

/* ---- the store ---- */

static int open_io(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    struct world *w = user;

    (void)m;
    (void)log;
    return sim_io_open(w->disk, &w->clock, w->seed * 8 + shard, ret);
}

static int open_store(struct world *w, uint64_t as_of, eloq_store **ret)
{
    struct rand *r = &w->rand;
    eloq_options options = ELOQ_OPTIONS("/disk");

    if (w->now == 0) {
        options.format.data_append_mode = w->append ? 1 : ELOQ_ZERO;
        options.format.pages_per_file_shift = w->shift ? w->shift : ELOQ_ZERO;
        options.format.overflow_pointers = 1 + (uint32_t)rand_below(r, 4);
    }
    options.host_driven = 1;
    options.as_of = as_of;
    options.memory_bytes = UINT64_C(12) << 20;
    options.manifest_limit = rand_below(r, 2) ? 4096 : 0;
    options.root_meta_cache_size = rand_below(r, 3) ? 0 : 1;
    options.buffer_pool_size = rand_below(r, 2) ? 262144 : 0;
    options.queue_depth = rand_below(r, 3) ? 0 : 1 + (uint32_t)rand_below(r, 6);
    options.max_inflight_write = rand_below(r, 3) ? 0 : 1 + (uint32_t)rand_below(r, 4);
    options.max_write_batch_pages = rand_below(r, 3) ? 0 : 1 + (uint32_t)rand_below(r, 3);
    options.write_merge_entries = rand_below(r, 3) ? 0 : 1 + rand_below(r, 8);
    options.max_archive_tasks = rand_below(r, 3) ? 0 : 1;
    struct store_seams seams = { .clock = &w->clock.clock,
                                 .seed = w->seed + 1,
                                 .io_open = open_io,
                                 .io_user = w,
                                 .host_shards = 1 + (unsigned)rand_below(r, 3) };
    return store_open(&options, &seams, ret);
}

static void close_store(struct world *w, eloq_store *db)
{
    const uint64_t header = 16; /* of a block in memory */
    unsigned shards = db->shard_count;

    if (eloq_close(db) != ELOQ_OK)
        world_fail(w, "does not close");
    if (db == w->db) {
        world_close_scans(w);
        w->db = NULL;
    }
    if (atomic_load(&db->mem.total) != shards * sizeof(struct shard) + header)
        world_fail(w, "closed, and memory is left");
}

/* ---- an interleaved life ---- */

static void step(struct world *w)
{
    struct rand *r = &w->rand;
    struct shard *s = &w->db->shards[rand_below(r, w->db->shard_count)];

    /* Nothing may happen before the clock moves. */
    shard_step(s, w->idle > 200 ? 1000000 : 0);
    if (rand_below(r, 30) == 0)
        sim_clock_advance(&w->clock, rand_below(r, 2000000));
    if (w->idle++ > STEPS_MAX)
        world_fail(w, "%u requests are never answered", w->under_way);
}

static bool has_scans(const struct world *w)
{
    for (unsigned i = 0; i < FLIGHTS; i++)
        if (w->flights[i].busy)
            return true;
    return false;
}

static void run(struct world *w, uint64_t until_left)
{
    unsigned eagerness = 1 + (unsigned)rand_below(&w->rand, 40); /* of 100 */

    while (w->left > until_left || (until_left == 0 && has_scans(w))) {
        uint64_t dice = rand_below(&w->rand, 100);
        if (dice < eagerness)
            world_issue(w);
        else if (dice > 90)
            world_continue(w);
        else
            step(w);
    }
}

/* ---- afterwards ---- */

static void on_finding(void *user, eloq_part p, const eloq_finding *finding)
{
    (void)user;
    if (finding->severity == ELOQ_DAMAGE)
        fprintf(stderr, "damage: %s.%u %s %s\n", p.table, p.partition, finding->what,
                finding->file ? finding->file : "");
}

static void check_parts(struct world *w)
{
    struct history_answer answer;

    for (unsigned p = 0; p < w->parts; p++) {
        struct history *h = &w->histories[p];
        struct history_span span = { h->seen, h->count, world_ms(w), 0 };
        world_read(w, w->db, p, &answer);
        span.to_ms = world_ms(w);
        if (history_find(h, span.low, &span, &answer) == UINT_MAX) {
            history_print(h, &span, &answer);
            world_fail(w, "partition %u, reopened, is in no state it may be in", p);
        }
        int rc = eloq_check(w->db, world_part(p), on_finding, NULL, NULL);
        if (rc != ELOQ_OK && rc != ELOQ_NOT_FOUND)
            world_fail(w, "partition %u, reopened: check answers %d", p, rc);
    }
}

/* The next state from `from` on that is what was read of the partition. */
static unsigned next_state(struct world *w, const struct archive *a, unsigned p, unsigned from,
                           const struct history_answer *answer)
{
    struct history_span span = { from, a->high[p], world_ms(w), world_ms(w) };
    unsigned k = history_find(&w->histories[p], from, &span, answer);

    if (k == UINT_MAX) {
        span.low = a->low[p];
        history_print(&w->histories[p], &span, answer);
        world_fail(w, "the archive of %llu holds no state of partition %u that fits",
                   (unsigned long long)a->timestamp, p);
    }
    return k;
}

/* Whether a write that p's state holds began after one had ended that q's does not. */
static bool is_torn(const struct world *w, const unsigned *states, unsigned p, unsigned q)
{
    const struct history *hp = &w->histories[p], *hq = &w->histories[q];

    return states[q] < hq->count && hq->done[states[q] + 1] < hp->submitted[states[p]];
}

/* All partitions are of one moment: the earliest that fits is found by moving those on that are
 * behind. */
static void check_moment(struct world *w, const struct archive *a,
                         const struct history_answer *answers)
{
    unsigned states[PARTS];
    bool moved = true;

    for (unsigned p = 0; p < w->parts; p++)
        states[p] = next_state(w, a, p, a->low[p], &answers[p]);
    while (moved) {
        moved = false;
        for (unsigned p = 0; p < w->parts; p++)
            for (unsigned q = 0; q < w->parts; q++)
                if (is_torn(w, states, p, q)) {
                    states[q] = next_state(w, a, q, states[q] + 1, &answers[q]);
                    moved = true;
                }
    }
}

static void check_archive(struct world *w, const struct archive *a)
{
    struct history_answer answers[PARTS];
    eloq_store *db;

    int rc = open_store(w, a->timestamp, &db);
    if (rc == ELOQ_NOT_FOUND && a->optional)
        return;
    if (rc == ELOQ_NOT_FOUND && a->all) { /* all that it is of may have been empty */
        for (unsigned p = 0; p < w->parts; p++)
            answers[p] = (struct history_answer){ .end = HISTORY_KEYS };
        check_moment(w, a, answers);
        return;
    }
    if (rc != ELOQ_OK)
        world_fail(w, "the archive of %llu does not open", (unsigned long long)a->timestamp);
    for (unsigned p = 0; p < w->parts; p++) {
        if (!a->all && p != a->part)
            continue;
        world_read(w, db, p, &answers[p]);
        if (!a->optional && !a->all)
            (void)next_state(w, a, p, a->low[p], &answers[p]);
    }
    if (!a->optional && a->all)
        check_moment(w, a, answers);
    archives_read++;
    close_store(w, db);
}

static void check_archives(struct world *w)
{
    unsigned first = w->archive_count > 2 ? (unsigned)rand_below(&w->rand, w->archive_count) : 0;

    for (unsigned i = 0, n = 0; i < w->archive_count && n < 2; i++) {
        const struct archive *a = &w->archives[(first + i) % w->archive_count];
        if (a->exists) {
            check_archive(w, a);
            n++;
        }
    }
}

static void reopen(struct world *w)
{
    if (open_store(w, 0, &w->db) != ELOQ_OK)
        world_fail(w, "does not reopen");
    check_parts(w);
    close_store(w, w->db);
}

static void needed(void *user, const char *what)
{
    world_fail(user, "%s", what);
}

static void watch(struct world *w)
{
    w->oracle = (struct oracle){ .disk = w->disk,
                                 .db = &w->db,
                                 .append = w->append,
                                 .shift = w->shift,
                                 .page_bytes = 4096,
                                 .fail = needed,
                                 .user = w };
    oracle_begin(&w->oracle);
}

static void run_script(uint64_t seed)
{
    struct world *w = &world;

    alarm(SECONDS);
    world_init(w, &sim_mem, seed);
    sim_disk_print(w->disk, sim_args.trace);
    watch(w);
    if (open_store(w, 0, &w->db) != ELOQ_OK)
        world_fail(w, "does not open");
    enum ending ending = (enum ending)rand_below(&w->rand, ENDINGS);
    run(w, ending == IN_PEACE ? 0 : rand_below(&w->rand, w->left));
    if (ending == POWER_CUT) {
        w->broken = true;
        sim_disk_stop_after(w->disk, 0);
    }
    w->closing = true;
    close_store(w, w->db);
    if (w->under_way > 0)
        world_fail(w, "closed, and %u requests were not answered", w->under_way);
    if (ending == POWER_CUT) {
        w->broken = false;
        sim_disk_power_cut(w->disk, &w->rand, (enum sim_cut)rand_below(&w->rand, SIM_CUTS));
    } else {
        for (unsigned p = 0; p < w->parts; p++) /* all that was accepted was done */
            if (w->histories[p].seen != w->histories[p].count)
                world_fail(w, "closed, and a write was not acknowledged");
    }
    reopen(w);
    check_archives(w);
    endings[ending]++;
    world_free(w);
}

int main(int argc, char **argv)
{
    uint64_t tried = 0, answers = 0;
    char text[160];

    sim_args.scripts = 2000;
    sim_args.spacing = 100000000;
    sim_args_parse(argc, argv, NULL, 0);
    signal(SIGALRM, on_alarm);
    mem_init(&sim_mem, 0);
    for (uint64_t seed; sim_args_next(tried, &seed); tried++)
        run_script(seed);
    for (unsigned i = 0; i < KINDS; i++)
        answers += world.answered[i];
    snprintf(text, sizeof(text),
             "%llu answers, %llu archives read; %llu closed in peace, %llu in flight, %llu cut off",
             (unsigned long long)answers, (unsigned long long)archives_read,
             (unsigned long long)endings[IN_PEACE], (unsigned long long)endings[IN_FLIGHT],
             (unsigned long long)endings[POWER_CUT]);
    sim_args_row(13, tried, 0, text);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
