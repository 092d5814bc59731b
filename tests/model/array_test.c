/* tests/model/array_test.c -- millions of random operations against sorted arrays.
 *
 *     array_test [--seed N] [--cases OPERATIONS] [--script N] [--trace] [--verbose]
 *
 * Each script is a long life (model/life.h) of a store on the simulated disk, all its shards in
 * this thread: batches, timestamps, expiry, truncation, drop, compaction; reads in every way there
 * is; scans that stay; archives made, listed, read beside the store, restored; and in between
 * closed, killed or cut off from power, then opened with other options. Every answer must be the
 * array's. Counted: entries written, keys asked for, scans, and every other call.
 *
 * On failure: the command that repeats it, and exit 1. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "model/life.h"
#include "sim/sim_args.h"

#define SECONDS 120 /* a life that takes longer hangs */
#define SECOND_US UINT64_C(1000000)

static struct mem sim_mem;
static struct life life;

void life_fail(const struct life *l, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "array_test: script %llu, step %llu: ", (unsigned long long)l->seed,
            (unsigned long long)l->step);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (%s)\nrepeat: array_test --script %llu\n", eloq_errmsg(),
            (unsigned long long)l->seed);
    exit(1);
}

static void on_alarm(int signal)
{
    (void)signal;
    life_fail(&life, "hangs");
}

uint64_t life_below(struct life *l, uint64_t n)
{
    return n > 0 ? rand_below(&l->rand, n) : 0;
}

eloq_part life_part(unsigned p)
{
    static const char *const tables[TABLES] = { "even", "odd.table" };
    eloq_part part = { tables[p % TABLES], p };

    return part;
}

/* ---- the store ---- */

static int open_io(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    struct life *l = user;

    (void)m;
    (void)log;
    return sim_io_open(l->disk, &l->clock, rand_u64(&l->rand) + shard, ret);
}

int life_open(struct life *l, uint64_t as_of, eloq_store **ret)
{
    eloq_options options = ELOQ_OPTIONS("/disk/a:/disk/b");

    if (l->seed % 3)
        options.path = "/disk";
    if (l->step == 0) { /* afterwards it is recorded */
        options.format.data_page_size = l->page;
        options.format.pages_per_file_shift = l->shift ? l->shift : ELOQ_ZERO;
        options.format.overflow_pointers = l->pointers;
        options.format.data_append_mode = l->append ? 1 : ELOQ_ZERO;
    }
    options.host_driven = 1;
    options.as_of = as_of;
    options.memory_bytes = UINT64_C(256) << 20;
    options.data_page_restart_interval = 1 + (uint32_t)life_below(l, 20);
    options.index_page_restart_interval = 1 + (uint32_t)life_below(l, 20);
    options.manifest_limit = life_below(l, 2) ? 4096 + life_below(l, 100000) : 0;
    options.buffer_pool_size = life_below(l, 2) ? 262144 : 0;
    options.root_meta_cache_size = life_below(l, 4) ? 0 : 1;
    options.max_write_batch_pages = life_below(l, 3) ? 0 : 1 + (uint32_t)life_below(l, 8);
    options.max_inflight_write = life_below(l, 3) ? 0 : 1 + (uint32_t)life_below(l, 8);
    options.file_amplify_factor = life_below(l, 3) ? 2 + (uint32_t)life_below(l, 2) : ELOQ_ZERO;
    options.enable_compression = l->compress && life_below(l, 4);
    options.num_retained_archives = l->retained;
    options.archive_interval_secs = ELOQ_ZERO;
    struct store_seams seams = { .clock = &l->clock.clock,
                                 .seed = l->seed + l->step + 1,
                                 .io_open = open_io,
                                 .io_user = l,
                                 .host_shards = 1 + (unsigned)life_below(l, 3) };
    return store_open(&options, &seams, ret);
}

static int on_part(void *user, eloq_part part)
{
    bool *listed = user;

    if (part.partition < PARTS_MAX)
        listed[part.partition] = true;
    return 0;
}

static void on_finding(void *user, eloq_part part, const eloq_finding *finding)
{
    (void)user;
    if (finding->severity == ELOQ_DAMAGE)
        fprintf(stderr, "damage: %s.%u %s, %s at %llu\n", part.table, part.partition, finding->what,
                finding->file ? finding->file : "", (unsigned long long)finding->offset);
}

static void check_all(struct life *l)
{
    bool listed[PARTS_MAX] = { false };

    if (eloq_tables(l->db, on_part, listed) != ELOQ_OK)
        life_fail(l, "tables are not listed");
    for (unsigned p = 0; p < l->parts; p++) {
        bool empty = array_up(l->slots[p], 0, (int)l->keys) < 0;
        life_compare(l, l->db, p, l->slots[p]);
        if (!empty && !listed[p])
            life_fail(l, "partition %u is not listed", p);
        int rc = eloq_check(l->db, life_part(p), on_finding, NULL, NULL);
        if (rc != ELOQ_OK && (rc != ELOQ_NOT_FOUND || !empty))
            life_fail(l, "check answers %d", rc);
        l->operations += 2;
    }
}

/* Everything was acknowledged, so however it ends, all is there again. */
static void reopen(struct life *l)
{
    uint64_t how = life_below(l, 4);

    check_all(l);
    if (how > 0)
        sim_disk_stop_after(l->disk, 0);
    if (eloq_close(l->db) != ELOQ_OK)
        life_fail(l, "does not close");
    l->db = NULL;
    life_views_close(l, true);
    if (how == 1)
        sim_disk_kill(l->disk);
    else if (how > 1)
        sim_disk_power_cut(l->disk, &l->rand, (enum sim_cut)life_below(l, SIM_CUTS));
    sim_clock_set_wall(&l->clock, l->now_us);
    l->step++;
    int rc = life_open(l, 0, &l->db);
    if (rc != ELOQ_OK)
        life_fail(l, "does not open: %d", rc);
    check_all(l);
    l->operations++;
}

/* ---- a life ---- */

static void pass_time(struct life *l)
{
    l->now_us += (1 + life_below(l, 4)) * SECOND_US;
    sim_clock_set_wall(&l->clock, l->now_us);
    for (unsigned p = 0; p < l->parts; p++)
        array_expire(l->slots[p], l->now_us / 1000);
}

static void tend(struct life *l, unsigned p)
{
    int rc = l->append && life_below(l, 2) ? eloq_compact(l->db, life_part(p))
                                           : eloq_clean_expired(l->db, life_part(p));

    if (rc != ELOQ_OK && rc != ELOQ_NOT_FOUND)
        life_fail(l, "compacting or cleaning answers %d", rc);
    l->operations++;
}

static void change_something(struct life *l, unsigned p)
{
    uint64_t dice = life_below(l, l->append ? 16 : 8);

    if (dice == 0 && life_below(l, 3) == 0)
        life_drop(l, p % TABLES);
    else if (dice <= 1)
        life_truncate(l, p);
    else if (dice == 2)
        reopen(l);
    else if (dice == 3)
        tend(l, p);
    else if (dice <= 7)
        pass_time(l);
    else if (dice <= 9)
        life_archive(l, p);
    else if (dice == 10)
        life_archive_all(l);
    else if (dice == 11) {
        pass_time(l); /* two of one moment would keep one state */
        life_restore(l, p);
    } else if (dice == 12)
        life_read_archive(l);
}

static void step(struct life *l)
{
    unsigned p = (unsigned)life_below(l, l->parts);

    /* Expiries are at whole seconds, steps half a second away from them. */
    sim_clock_set_wall(&l->clock, l->now_us);
    if (life_below(l, 4) == 0) /* before what has expired is cleaned away */
        life_points(l, p);
    life_write(l, p);
    if (life_below(l, 2))
        life_points(l, p);
    if (life_below(l, 3) == 0)
        life_ranges(l, p);
    if (life_below(l, 5) == 0)
        life_view_open(l, p);
    if (life_below(l, 4) == 0)
        life_views_read(l);
    if (life_below(l, 6) == 0)
        life_compare(l, l->db, p, l->slots[p]);
    if (clock_wall_us(&l->clock.clock) > l->now_us + 400000)
        life_fail(l, "time passed while nobody waited");
    change_something(l, (unsigned)life_below(l, l->parts));
    l->step++;
}

static void needed(void *user, const char *what)
{
    life_fail(user, "%s", what);
}

static void begin(struct life *l, uint64_t seed)
{
    static const uint32_t pages[] = { 4096, 4096, 4096, 8192, 16384, 61440 };
    static const uint32_t pointers[] = { 1, 2, 16, 128 };

    *l = (struct life){ .seed = seed };
    rand_seed(&l->rand, seed);
    l->append = life_below(l, 3) > 0;
    l->compress = life_below(l, 8) == 0;
    l->page = pages[life_below(l, 6)];
    l->shift = (uint32_t)life_below(l, 8);
    l->pointers = pointers[life_below(l, life_below(l, 8) ? 3 : 4)];
    l->retained = life_below(l, 2) ? 0 : 1 + (uint32_t)life_below(l, 4);
    l->parts = 1 + (unsigned)life_below(l, PARTS_MAX);
    l->keys = 20 + (unsigned)life_below(l, life_below(l, 4) ? 300 : 3000);
    if (l->compress)
        l->keys = 4000;
    l->now_us = UINT64_C(1700000000) * SECOND_US + SECOND_US / 2;
    array_keys_make(seed, l->keys, l->page / 2 - 8);
    for (unsigned p = 0; p < l->parts; p++)
        l->slots[p] = array_new();
    l->stamps = calloc(l->keys, sizeof(*l->stamps));
    CHECK(l->stamps != NULL);
    l->disk = sim_disk_new(&sim_mem);
    sim_disk_print(l->disk, sim_args.trace);
    sim_clock_init(&l->clock, l->now_us);
    l->oracle = (struct oracle){ .disk = l->disk,
                                 .db = &l->db,
                                 .append = l->append,
                                 .shift = l->shift,
                                 .page_bytes = l->page,
                                 .fail = needed,
                                 .user = l };
    oracle_begin(&l->oracle);
}

static uint64_t run_script(uint64_t seed)
{
    struct life *l = &life;

    alarm(SECONDS);
    begin(l, seed);
    if (life_open(l, 0, &l->db) != ELOQ_OK)
        life_fail(l, "does not open");
    while (l->operations < 20000)
        step(l);
    reopen(l);
    life_views_close(l, false);
    if (eloq_close(l->db) != ELOQ_OK)
        life_fail(l, "does not close");
    for (unsigned p = 0; p < l->parts; p++) {
        life_forget_archives(l, p);
        free(l->slots[p]);
    }
    free(l->stamps);
    sim_disk_free(l->disk);
    return l->operations;
}

int main(int argc, char **argv)
{
    uint64_t tried = 0, lives = 0;
    char text[64];

    sim_args.scripts = 20;
    sim_args.spacing = 1000000;
    sim_args_parse(argc, argv, NULL, 0);
    signal(SIGALRM, on_alarm);
    mem_init(&sim_mem, 0);
    for (uint64_t seed; sim_args_next(tried, &seed); lives++) {
        uint64_t operations = run_script(seed);
        tried += operations;
        if (sim_args.verbose)
            printf("script %llu: %llu operations in %llu steps\n", (unsigned long long)seed,
                   (unsigned long long)operations, (unsigned long long)life.step);
    }
    array_keys_free();
    snprintf(text, sizeof(text), "%llu lives", (unsigned long long)lives);
    sim_args_row(12, tried, 0, text);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
