/* tests/stress/expiry_test.c -- very many pairs of one partition expire within one second: they are
 * cleaned in bounded batches, its writes and reads are answered in between, and the space comes
 * back.
 *
 *     expiry_test [--pairs N] [--in-place] [--dir DIR]
 *
 * Host-driven, with a clock that moves when told, so that what is judged are counts: how many pairs
 * go between two answers. How long answers took is printed, not judged. */
#include <dirent.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/store.h"
#include "sim/sim_clock.h"

#define START_MS UINT64_C(1700000000000)
#define HOUR_MS UINT64_C(3600000)
#define MS UINT64_C(1000000)
#define SHIFT 6 /* 256 KiB files */
#define STAYING 1000
#define BATCH 5000
#define MEMORY (UINT64_C(128) << 20)
/* A batch of cleaning follows so many TTL keys into their leaves that about 8192 pairs go, once it
 * is known how many that are; before that, and when the leaves get emptier, it may be off by two.
 */
#define MOST_BETWEEN (2 * 8192)

static struct {
    uint64_t pairs;
    int in_place;
    const char *dir;
} arg = { .pairs = 100000 };

static const eloq_part part = { "expiry", 0 };
static struct sim_clock sim;
static eloq_store *db;

struct waits {
    uint64_t count, us, most_us;
};

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "expiry_test: %s (%s)\n", what, eloq_errmsg());
        exit(1);
    }
}

static uint64_t real_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t stat_of(const char *name)
{
    uint64_t n = 0;

    must(eloq_stat(db, name, &n) == ELOQ_OK, name);
    return n;
}

/* Of the data files. */
static uint64_t disk_bytes(void)
{
    char path[1024], file[2048];
    uint64_t total = 0;
    struct dirent *entry;
    struct stat st;

    snprintf(path, sizeof(path), "%s/expiry.0", arg.dir);
    DIR *d = opendir(path);
    while (d && (entry = readdir(d))) {
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (strncmp(entry->d_name, "data_", 5) == 0 && stat(file, &st) == 0)
            total += (uint64_t)st.st_size;
    }
    if (d)
        closedir(d);
    return total;
}

static void open_store(void)
{
    static const struct store_seams seams = { .clock = &sim.clock, .seed = 42 };
    eloq_options options = ELOQ_OPTIONS(arg.dir);

    options.host_driven = 1;
    options.memory_bytes = MEMORY;
    options.format.data_append_mode = arg.in_place ? ELOQ_ZERO : 1;
    options.format.pages_per_file_shift = SHIFT;
    must(store_open(&options, &seams, &db) == ELOQ_OK, "open");
}

static void make_key(char key[16], const char *kind, uint64_t n)
{
    snprintf(key, 16, "%s%09llu", kind, (unsigned long long)(n * 7919 % 1000000007));
}

/* All of them expire within one second. */
static void load(const char *kind, uint64_t count, uint64_t expire_at)
{
    static char keys[BATCH][16];
    static eloq_entry entries[BATCH];

    for (uint64_t done = 0; done < count;) {
        size_t n = 0;
        for (; n < BATCH && done < count; n++, done++) {
            make_key(keys[n], kind, done);
            entries[n] = (eloq_entry){ .key = eloq_str(keys[n]),
                                       .value = eloq_str("some value"),
                                       .expire_at = expire_at ? expire_at + done % 1000 : 0 };
        }
        must(eloq_write(db, part, entries, n) == ELOQ_OK, "load");
    }
}

static void set_flag(eloq_op *op)
{
    *(bool *)op->user = true;
}

/* Runs the store until the operation is answered. */
static int answer(eloq_op *op, struct waits *waits)
{
    uint64_t begin = real_us();

    while (!*(bool *)op->user)
        must(eloq_run(db, 0) == ELOQ_OK, "run");
    uint64_t us = real_us() - begin;
    waits->count++;
    waits->us += us;
    waits->most_us = MAX(waits->most_us, us);
    return op->status;
}

static void write_one(uint64_t n, struct waits *waits)
{
    bool done = false;
    eloq_op op = { .done = set_flag, .user = &done };
    char key[16], value[24];

    make_key(key, "s", n % STAYING);
    snprintf(value, sizeof(value), "written %llu", (unsigned long long)n);
    must(eloq_put_async(db, part, eloq_str(key), eloq_str(value), &op) == ELOQ_OK, "submit");
    must(answer(&op, waits) == ELOQ_OK, "a write while pairs are cleaned");
}

static void read_one(uint64_t n, int wanted, struct waits *waits)
{
    bool done = false;
    eloq_op op = { .done = set_flag, .user = &done };
    char key[16];

    make_key(key, wanted == ELOQ_OK ? "s" : "e", n);
    must(eloq_get_async(db, part, eloq_str(key), &op) == ELOQ_OK, "submit");
    must(answer(&op, waits) == wanted, "a read while pairs are cleaned");
    eloq_record_free(&op.record);
}

/* So that cleaning is somewhere in the middle. */
static void run_some(uint64_t rounds)
{
    while (rounds-- > 0)
        must(eloq_run(db, 0) == ELOQ_OK, "run");
}

static void note_progress(uint64_t *seen, uint64_t *most)
{
    uint64_t now = stat_of("keys_expired");

    *most = MAX(*most, now - *seen);
    *seen = now;
}

static void expire(void)
{
    uint64_t seen = 0, between_writes = 0, between_reads = 0, commits = stat_of("commits");
    struct waits writes = { 0 }, reads = { 0 };
    uint64_t memory = 0, begin = real_us();

    sim_clock_advance(&sim, (HOUR_MS + 1000) * MS);
    for (uint64_t n = 0; seen < arg.pairs; n++) {
        write_one(n, &writes);
        note_progress(&seen, &between_writes);
        run_some(n % 7);
        read_one(n % STAYING, ELOQ_OK, &reads);
        run_some(n % 61);
        read_one(n * 31 % arg.pairs, ELOQ_NOT_FOUND, &reads);
        note_progress(&seen, &between_reads);
        memory = MAX(memory, stat_of("memory_used"));
    }
    printf("%llu pairs cleaned in %.1f s by %llu batches; at most %llu between two writes, %llu "
           "within two reads\n",
           (unsigned long long)seen, (double)(real_us() - begin) / 1e6,
           (unsigned long long)stat_of("cleanings"), (unsigned long long)between_writes,
           (unsigned long long)between_reads);
    printf("meanwhile %llu writes: mean %llu us, most %llu us; %llu reads: mean %llu us, most %llu "
           "us; memory %llu KiB\n",
           (unsigned long long)writes.count, (unsigned long long)(writes.us / writes.count),
           (unsigned long long)writes.most_us, (unsigned long long)reads.count,
           (unsigned long long)(reads.us / reads.count), (unsigned long long)reads.most_us,
           (unsigned long long)memory / 1024);
    must(between_writes <= MOST_BETWEEN, "writes wait for more than a batch");
    must(between_reads <= MOST_BETWEEN, "reads wait for more than a batch");
    must(stat_of("commits") - commits >= writes.count + stat_of("cleanings"),
         "each batch is a commit of its own");
    must(memory <= MEMORY, "memory is over its bound");
    must(stat_of("keys_expired") == arg.pairs, "all that expired went, and nothing else");
}

static void settle(void)
{
    for (int i = 0; i < 20 || db->shards[0].tasks > 0 || eloq_next_ms(db) == 0; i++)
        must(eloq_run(db, 0) == ELOQ_OK, "run");
}

static void show(void *user, eloq_part where, const eloq_finding *finding)
{
    (void)user;
    fprintf(stderr, "check: partition %u: %s\n", where.partition, finding->what);
}

/* What stays is there and nothing else is, in memory and on the disk. */
static void verify(uint64_t loaded_bytes)
{
    eloq_checked checked;

    settle();
    must(eloq_next_ms(db) == -1, "nothing is left to expire");
    must(eloq_check(db, part, show, NULL, &checked) == ELOQ_OK, "check");
    must(checked.keys == STAYING, "what stays is there, and nothing else");
    uint64_t live = checked.pages * 4096, used = disk_bytes();
    printf("data files: %llu KiB loaded, %llu KiB left, %llu KiB of them live\n",
           (unsigned long long)loaded_bytes / 1024, (unsigned long long)used / 1024,
           (unsigned long long)live / 1024);
    must(used <= 2 * live + 2 * (UINT64_C(4096) << SHIFT), "the space is back");
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "pairs", 1, NULL, 'p' },
                                             { "in-place", 0, NULL, 'i' },
                                             { "dir", 1, NULL, 'D' },
                                             { NULL, 0, NULL, 0 } };
    char dir[] = "/tmp/eloq-expiry-XXXXXX", command[512];
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'p')
            arg.pairs = strtoull(optarg, NULL, 10);
        else if (c == 'i')
            arg.in_place = 1;
        else if (c == 'D')
            arg.dir = optarg;
        else
            return 2;
    }
    if (!arg.dir)
        arg.dir = mkdtemp(dir);
    must(arg.dir != NULL && arg.pairs > 0, "usage: expiry_test [--pairs N] [--in-place] [--dir D]");
    sim_clock_init(&sim, START_MS * 1000);
    open_store();
    load("e", arg.pairs, START_MS + HOUR_MS);
    load("s", STAYING, 0);
    settle();
    uint64_t loaded_bytes = disk_bytes();
    expire();
    verify(loaded_bytes);
    must(eloq_close(db) == ELOQ_OK, "close");
    snprintf(command, sizeof(command), "rm -rf '%s'", arg.dir);
    return system(command) == 0 ? 0 : 1;
}
