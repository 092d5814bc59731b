/* tests/sim/jobs_test.c -- what a store does beside writing batches, each once without memory at
 * every allocation and once with a failing disk at every operation: cutting, cleaning, compacting,
 * archiving, restoring, reading in every way.
 *
 *     jobs_test [--seed N] [--sample N]
 *     jobs_test --append 0|1 --job N --way N --nth N
 *
 * A store with a deep tree, long values, expired pairs and an archive is made once; each case gets
 * a copy of its disk. The job succeeds or answers the failure that was injected; the store then
 * holds all of what the job does or nothing of it, in memory and after reopening; it takes a write;
 * the check finds no damage; no memory is left.
 *
 * On failure: the command that repeats it, and exit 1. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/error.h"
#include "engine/store.h"
#include "model/model.h"
#include "sim/oracle.h"
#include "sim/sim_io.h"

#define PATH "/disk/store"
#define WALL_US UINT64_C(1700000000000000)
#define PAIRS 380
#define ARCHIVE_AT UINT64_C(1600000000000000)
#define HOUR_MS UINT64_C(3600000)
#define SECONDS 60 /* a case that takes longer hangs */

enum way { NO_FAULT, NO_MEMORY, NO_MEMORY_EVER, DISK, DISK_EVER, WAYS };

static const eloq_part part = { "jobs", 0 };
static uint64_t seed = 1, sample = 40;
static struct mem disk_mem;

struct world {
    bool append;
    struct sim_disk *disk;
    struct sim_clock clock;
    struct oracle oracle;
    eloq_store *db;
    uint64_t allocations, fail_at; /* 0: never */
    bool fail_for_ever;
};

/* What is tried just now, for the words of a failure. */
static struct {
    int append, job;
    enum way way;
    uint64_t nth;
} at;
static uint64_t only_append = UINT64_MAX, only_job = UINT64_MAX, only_way, only_nth;

static void fail(const char *what)
{
    fprintf(stderr,
            "jobs_test: %s (%s)\nrepeat: jobs_test --seed %llu --append %d --job %d --way %d --nth "
            "%llu\n",
            what, eloq_errmsg(), (unsigned long long)seed, at.append, at.job, (int)at.way,
            (unsigned long long)at.nth);
    exit(1);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    fail("hangs");
}

static void must(bool is_so, const char *what)
{
    if (!is_so)
        fail(what);
}

/* ---- the store ---- */

static bool should_fail(void *user, size_t size)
{
    struct world *w = user;
    (void)size;
    w->allocations++;
    return w->fail_at
           && (w->fail_for_ever ? w->allocations >= w->fail_at : w->allocations == w->fail_at);
}

static int open_io(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    struct world *w = user;
    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(w->disk, &w->clock, seed, ret);
}

static void needed(void *user, const char *what)
{
    (void)user;
    fail(what);
}

static void open_store(struct world *w)
{
    eloq_options options = ELOQ_OPTIONS(PATH);
    options.format.data_append_mode = w->append ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = w->append ? 4 : 7;
    options.format.overflow_pointers = 2;
    options.host_driven = 1;
    options.manifest_limit = 8192;
    options.archive_interval_secs = ELOQ_ZERO;
    options.file_amplify_factor = ELOQ_ZERO; /* only when asked */
    options.memory_bytes = 64 << 20;
    w->clock.clock.user = &w->clock; /* a world may have been copied */
    w->oracle = (struct oracle){ .disk = w->disk,
                                 .db = &w->db,
                                 .append = w->append,
                                 .shift = options.format.pages_per_file_shift,
                                 .page_bytes = 4096,
                                 .fail = needed };
    oracle_begin(&w->oracle);
    struct store_seams seams = { .clock = &w->clock.clock,
                                 .seed = seed + 1,
                                 .io_open = open_io,
                                 .io_user = w,
                                 .mem_fail = should_fail,
                                 .mem_user = w };
    must(store_open(&options, &seams, &w->db) == ELOQ_OK, "does not open");
}

static void close_store(struct world *w)
{
    const uint64_t header = 16; /* of a block in memory */
    eloq_store *db = w->db;
    w->db = NULL;
    must(eloq_close(db) == ELOQ_OK, "does not close");
    /* The shell is kept for late calls, and with it the array of one shard. */
    must(atomic_load(&db->mem.total) == sizeof(struct shard) + header, "memory is left");
}

/* 0: just these pairs and, where they have not expired, no others. 1: not so. */
static int holds(struct world *w, const struct model *m, bool reverse)
{
    uint64_t now = clock_wall_us(&w->clock.clock) / 1000;
    eloq_range range = { .reverse = reverse };
    eloq_iter *iter = NULL;
    eloq_item item;
    bool same = true;
    int rc = eloq_scan(w->db, part, &range, &iter);
    for (size_t i = 0; rc == ELOQ_OK && same && i < m->count; i++) {
        const struct model_pair *p = &m->pairs[reverse ? m->count - 1 - i : i];
        if (p->expire_at != 0 && p->expire_at <= now)
            continue;
        rc = eloq_iter_next(iter, &item);
        same = rc == ELOQ_OK
               && model_compare(p->key, p->key_size, item.key.data, item.key.size) == 0
               && model_compare(p->value, p->value_size, item.value.data, item.value.size) == 0;
    }
    if (rc == ELOQ_OK && same)
        same = (rc = eloq_iter_next(iter, &item)) == ELOQ_END;
    eloq_iter_close(iter);
    return rc < 0 ? rc : !same;
}

/* ---- what is in it ---- */

/* Neighbours share nearly all of a long key, so that separators are long and the tree is deep. The
 * last few are the lowest: in place they are all that a truncation leaves, at the end of the file.
 */
static size_t make_key(unsigned i, char *key)
{
    unsigned n = i < PAIRS - 12 ? i : 0;
    int size = snprintf(key, 500, "%c%04u", n ? 'm' : 'a', n ? n / 8 : i);
    memset(key + size, 'x', 380);
    size += 380;
    return (size_t)(size + snprintf(key + size, 20, "%05u", i));
}

static void put(struct model *m, eloq_entry *e, unsigned i, unsigned round)
{
    static uint8_t bytes[40000];
    static char keys[PAIRS][500];
    size_t size = i % 11 == 3 ? 26000 + i : 2500 + i % 7 * 100;
    memset(bytes, 'a' + (int)((i + round) % 26), sizeof(bytes));
    *e = (eloq_entry){ .key = eloq_bytes(keys[i], make_key(i, keys[i])),
                       .timestamp = WALL_US + round };
    if (i % 5 == 0)
        e->expire_at = WALL_US / 1000 + HOUR_MS;
    model_put(m, e->key.data, e->key.size, bytes, size, e->timestamp, e->expire_at, 0);
    const struct model_pair *p = model_find(m, e->key.data, e->key.size);
    e->value = eloq_bytes(p->value, p->value_size);
}

static void write_round(struct world *w, struct model *m, unsigned from, unsigned step,
                        unsigned round)
{
    static eloq_entry entries[PAIRS];
    size_t n = 0;
    for (unsigned i = from; i < PAIRS; i += step)
        put(m, &entries[n++], i, round);
    must(eloq_write(w->db, part, entries, n) == ELOQ_OK, "making the store: a write fails");
}

static struct model archived; /* what the archive holds */

/* The state that every job starts from. */
static void make(struct world *w, bool append, struct model *now)
{
    *w = (struct world){ .append = append, .disk = sim_disk_new(&disk_mem) };
    sim_clock_init(&w->clock, WALL_US);
    open_store(w);
    write_round(w, now, 0, 1, 1);
    model_copy(&archived, now);
    if (append)
        must(eloq_archive(w->db, part, ARCHIVE_AT) == ELOQ_OK, "making the store: no archive");
    write_round(w, now, 1, 3, 2);
    close_store(w);
    sim_clock_advance(&w->clock, 2 * HOUR_MS * 1000000); /* a fifth has expired */
}

/* ---- the jobs: what they call, and what that makes of the pairs ---- */

static void to_half(struct model *m)
{
    model_truncate(m, "m0020", 5);
}
static void to_few(struct model *m)
{
    model_truncate(m, "m", 1);
}
static void to_none(struct model *m)
{
    model_truncate(m, "", 0);
}
static void to_archived(struct model *m)
{
    model_free(m);
    model_copy(m, &archived);
}

static int cut_half(struct world *w)
{
    return eloq_truncate(w->db, part, eloq_str("m0020"));
}
static int cut_most(struct world *w)
{
    return eloq_truncate(w->db, part, eloq_str("m"));
}
static int cut_all(struct world *w)
{
    return eloq_truncate(w->db, part, eloq_str(""));
}
static int drop(struct world *w)
{
    return eloq_drop(w->db, part.table);
}
static int clean(struct world *w)
{
    return eloq_clean_expired(w->db, part);
}
static int compact(struct world *w)
{
    return eloq_compact(w->db, part);
}
static int archive(struct world *w)
{
    return eloq_archive(w->db, part, ARCHIVE_AT + 1);
}
static int archive_again(struct world *w)
{
    return eloq_archive(w->db, part, ARCHIVE_AT);
}
static int restore(struct world *w)
{
    return eloq_restore(w->db, part, ARCHIVE_AT);
}
static int check(struct world *w)
{
    /* What cannot be read is a finding. */
    int rc = eloq_check(w->db, part, NULL, NULL, NULL);
    return rc == ELOQ_CORRUPTED && sim_disk_struck(w->disk) > 0 ? ELOQ_IO : rc;
}

static bool is_kept(unsigned i)
{
    return i % 40 == 7;
}

/* Pages become empty, the tree loses levels. */
static int delete_most(struct world *w)
{
    static char keys[PAIRS][500];
    static eloq_entry entries[PAIRS];
    size_t n = 0;
    for (unsigned i = 0; i < PAIRS; i++) {
        if (is_kept(i))
            continue;
        entries[n] = (eloq_entry){ .key = eloq_bytes(keys[n], make_key(i, keys[n])),
                                   .timestamp = WALL_US + 9,
                                   .kind = ELOQ_DELETE };
        n++;
    }
    return eloq_write(w->db, part, entries, n);
}

static void to_kept(struct model *m)
{
    char key[500];
    for (unsigned i = 0; i < PAIRS; i++)
        if (!is_kept(i))
            model_delete(m, key, make_key(i, key), WALL_US + 9);
}

/* Pages split everywhere. */
static eloq_entry entry_between(unsigned i, char *key)
{
    static const uint8_t value[1500];
    size_t size = make_key(i, key);
    key[size++] = 'z';
    return (eloq_entry){ .key = eloq_bytes(key, size),
                         .value = eloq_bytes(value, sizeof(value)),
                         .timestamp = WALL_US + 9 };
}

static int insert_between(struct world *w)
{
    static char keys[PAIRS][500];
    static eloq_entry entries[PAIRS];
    for (unsigned i = 0; i < PAIRS; i++)
        entries[i] = entry_between(i, keys[i]);
    return eloq_write(w->db, part, entries, PAIRS);
}

static void to_twice(struct model *m)
{
    char key[500];
    for (unsigned i = 0; i < PAIRS; i++) {
        eloq_entry e = entry_between(i, key);
        model_put(m, e.key.data, e.key.size, e.value.data, e.value.size, e.timestamp, 0, 0);
    }
}

/* Every way to read; what it finds is in `expected`. */
static const struct model *expected;

static int read_back(struct world *w)
{
    int rc = holds(w, expected, true);
    must(rc <= 0, "a scan down tells what is not so");
    return rc;
}

static int read_pairs(struct world *w)
{
    eloq_record record = { 0 };
    int rc = ELOQ_OK;
    for (unsigned i = 1; i < PAIRS && rc >= 0; i += 17) {
        char key[500];
        size_t size = make_key(i, key);
        const struct model_pair *p = model_find(expected, key, size);
        bool is_there = i % 5 != 0;
        rc = eloq_get(w->db, part, eloq_bytes(key, size), &record);
        if (rc >= 0)
            must((rc == ELOQ_OK) == is_there
                     && (rc > 0
                         || model_compare(p->value, p->value_size, record.value.data,
                                          record.value.size)
                                == 0),
                 "a get answers what is not so");
        key[size++] = 'z';
        if (rc >= 0)
            rc = eloq_floor(w->db, part, eloq_bytes(key, size), &record);
        if (rc >= 0 && is_there)
            must(rc == ELOQ_OK
                     && model_compare(p->key, p->key_size, record.key.data, record.key.size) == 0,
                 "a floor answers what is not so");
    }
    eloq_record_free(&record);
    return rc < 0 ? rc : ELOQ_OK;
}

static const struct duty {
    const char *name;
    int (*run)(struct world *w);
    enum { IN_PLACE = 1, APPEND = 2, BOTH = 3 } modes;
    void (*change)(struct model *m); /* NULL: the pairs stay */
} jobs[] = {
    { "truncate half", cut_half, BOTH, to_half },
    { "truncate most", cut_most, BOTH, to_few },
    { "truncate all", cut_all, BOTH, to_none },
    { "drop", drop, BOTH, to_none },
    { "clean expired", clean, BOTH, NULL },
    { "compact", compact, APPEND, NULL },
    { "archive", archive, APPEND, NULL },
    { "archive again", archive_again, APPEND, NULL },
    { "restore", restore, APPEND, to_archived },
    { "check", check, BOTH, NULL },
    { "delete most", delete_most, BOTH, to_kept },
    { "insert between", insert_between, BOTH, to_twice },
    { "scan down", read_back, BOTH, NULL },
    { "get and floor", read_pairs, BOTH, NULL },
};
#define JOBS ((int)ARRAY_LEN(jobs))

/* ---- the cases ---- */

/* In memory, and reopened: all of the job or, if it failed, perhaps nothing of it. */
static void judge(struct world *w, const struct model *before, const struct model *after, int rc)
{
    int is_after = holds(w, after, false);
    int is_before = holds(w, before, false);
    must(is_after == 0 || (rc < 0 && is_before == 0), "neither done nor undone");
    close_store(w);
    sim_disk_heal(w->disk);
    open_store(w);
    int after_now = holds(w, after, false), before_now = holds(w, before, false);
    must(after_now == 0 || (rc < 0 && before_now == 0), "reopened: neither done nor undone");
    /* A failed flush may have happened: only what was seen done must stay. */
    must(is_after != 0 || is_before == 0 || after_now == 0, "reopened: undone");
    int found = eloq_check(w->db, part, NULL, NULL, NULL);
    must(found == ELOQ_OK || found == ELOQ_NOT_FOUND, "reopened: the check finds damage");
    must(eloq_put(w->db, part, eloq_str("one more"), eloq_str("value")) == ELOQ_OK,
         "reopened: takes no write");
}

static void check_status(enum way way, int rc)
{
    bool is_memory = way == NO_MEMORY || way == NO_MEMORY_EVER;
    must(rc >= 0 || (is_memory ? rc == ELOQ_NO_MEMORY : rc == ELOQ_IO),
         "another failure than the injected one");
}

/* Answers how many allocations or operations the job made. */
static uint64_t one_case(const struct world *made, const struct duty *job,
                         const struct model *before, const struct model *after)
{
    struct world w = *made;
    struct sim_fault disk_fault = {
        .kinds = UINT32_MAX, .nth = at.nth, .sys_errno = EIO, .forever = at.way == DISK_EVER
    };
    alarm(SECONDS);
    w.disk = sim_disk_copy(made->disk);
    expected = before;
    open_store(&w);
    uint64_t operations = sim_disk_count(w.disk, UINT32_MAX);
    w.allocations = 0;
    if (at.way == NO_MEMORY || at.way == NO_MEMORY_EVER) {
        w.fail_at = at.nth;
        w.fail_for_ever = at.way == NO_MEMORY_EVER;
    } else if (at.way != NO_FAULT && at.nth > 0) {
        sim_disk_fail(w.disk, &disk_fault);
    }
    int rc = job->run(&w);
    check_status(at.way, rc);
    must(at.way != NO_FAULT || rc == ELOQ_OK, "fails without a reason");
    uint64_t count = at.way == NO_MEMORY || at.way == NO_MEMORY_EVER
                         ? w.allocations
                         : sim_disk_count(w.disk, UINT32_MAX) - operations;
    w.fail_at = 0;
    sim_disk_heal(w.disk);
    judge(&w, before, after, rc);
    close_store(&w);
    sim_disk_free(w.disk);
    return count;
}

static uint64_t tried[WAYS];

static void try_way(const struct world *made, const struct duty *job, const struct model *before,
                    const struct model *after)
{
    struct rand r;

    rand_seed(&r, seed + (uint64_t)at.job);
    at.nth = UINT64_MAX;
    uint64_t total = one_case(made, job, before, after);
    uint64_t step = total / sample + 1;
    for (at.nth = 1; at.nth <= total; at.nth += step == 1 ? 1 : 1 + rand_below(&r, 2 * step - 1)) {
        one_case(made, job, before, after);
        tried[at.way]++;
    }
}

static void try_job(const struct world *made, int number, const struct model *before)
{
    const struct duty *job = &jobs[number];
    struct model after = { 0 };

    model_copy(&after, before);
    if (job->change)
        job->change(&after);
    at.job = number;
    at.way = NO_FAULT;
    one_case(made, job, before, &after);
    for (at.way = NO_MEMORY; at.way < WAYS && only_nth == 0; at.way++)
        try_way(made, job, before, &after);
    if (only_nth > 0) {
        at.way = (enum way)only_way;
        at.nth = only_nth;
        one_case(made, job, before, &after);
    }
    model_free(&after);
}

static void try_store(int append)
{
    struct world made;
    struct model now = { 0 };

    at.append = append;
    make(&made, append, &now);
    for (int i = 0; i < JOBS; i++)
        if (jobs[i].modes & (append ? APPEND : IN_PLACE)
            && (only_job == UINT64_MAX || only_job == (uint64_t)i))
            try_job(&made, i, &now);
    model_free(&now);
    model_free(&archived);
    sim_disk_free(made.disk);
}

static void parse(int argc, char **argv)
{
    static uint64_t *const numbers[] = { &seed,     &sample,   &only_append,
                                         &only_job, &only_way, &only_nth };
    static const struct option options[] = { { "seed", required_argument, NULL, 0 },
                                             { "sample", required_argument, NULL, 1 },
                                             { "append", required_argument, NULL, 2 },
                                             { "job", required_argument, NULL, 3 },
                                             { "way", required_argument, NULL, 4 },
                                             { "nth", required_argument, NULL, 5 },
                                             { NULL, 0, NULL, 0 } };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == '?')
            exit(2);
        *numbers[c] = strtoull(optarg, NULL, 0);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    signal(SIGALRM, on_alarm);
    mem_init(&disk_mem, 0);
    for (int append = 0; append < 2; append++)
        if (only_append == UINT64_MAX || only_append == (uint64_t)append)
            try_store(append);
    printf("row 5: tried %llu, failed 0\n", (unsigned long long)(tried[DISK] + tried[DISK_EVER]));
    printf("row 7: tried %llu, failed 0\n",
           (unsigned long long)(tried[NO_MEMORY] + tried[NO_MEMORY_EVER]));
    printf("row 14: tried %llu, failed 0\n", (unsigned long long)oracle_count());
    return 0;
}
