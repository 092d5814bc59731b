/* tests/stress/churn_test.c -- random updates for a while, with a slow reader, archives and
 * compaction: disk, memory and descriptors stay within what is promised; nothing acknowledged is
 * lost.
 *
 *     churn_test [--seconds N] [--in-place] [--seed N] [--dir DIR]
 *
 * First half: writers alone, without compaction; second half: with everything. Disk is judged
 * against (factor x live + 2 files a partition) for the live state, once more for each archive kept
 * and for what the reader's version pins; memory against memory_bytes + 10 %; descriptors against
 * fd_limit. The latencies of both halves are printed, not judged: a busy machine is no failure. */
#include <dirent.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "eloqstore.h"

#define WRITERS 3
#define KEYS 4000 /* a partition */
#define BATCH 40
#define SHIFT 6 /* 256 KiB files */
#define MEMORY (UINT64_C(64) << 20)
#define FDS 128
#define ARCHIVES 2
#define SAMPLES 200000

static struct {
    unsigned seconds;
    uint64_t seed;
    int in_place;
    const char *dir;
} arg = { .seconds = 20 };

static eloq_store *db;
static atomic_int stop;
static _Atomic uint64_t latest[WRITERS][KEYS]; /* version acknowledged last */

struct latencies {
    uint32_t us[SAMPLES];
    size_t count;
};
static struct latencies latencies[WRITERS];

static void must(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "churn_test: seed %llu: %s (%s)\n", (unsigned long long)arg.seed, what,
                eloq_errmsg());
        exit(1);
    }
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 20;
}

static void make_key(char *key, uint64_t n)
{
    snprintf(key, 17, "key%013llu", (unsigned long long)(n % 10000000));
}

static size_t make_value(uint8_t *value, uint64_t n, uint64_t version)
{
    size_t size = 100 + (n * 7 + version * 13) % 900;
    memset(value, (int)(n + version), size);
    memcpy(value, &version, sizeof(version));
    return size;
}

static void *write_on(void *user)
{
    unsigned w = (unsigned)(uintptr_t)user;
    eloq_part part = { "churn", w };
    uint64_t state = arg.seed + w, version = 0;
    char keys[BATCH][17];
    uint8_t *values = malloc(BATCH * 1000);
    eloq_entry entries[BATCH];
    for (unsigned k = 0; k < KEYS; k++)
        if (atomic_load(&latest[w][k]) > version)
            version = atomic_load(&latest[w][k]);
    while (!atomic_load(&stop)) {
        uint64_t first = next_random(&state) % KEYS, begin = now_us();
        version++;
        memset(entries, 0, sizeof(entries));
        for (unsigned i = 0; i < BATCH; i++) {
            uint64_t n = (first + i * 97) % KEYS;
            make_key(keys[i], n);
            entries[i].key = eloq_bytes(keys[i], 16);
            entries[i].value =
                eloq_bytes(values + i * 1000, make_value(values + i * 1000, n, version));
        }
        must(eloq_write(db, part, entries, BATCH) == ELOQ_OK, "write");
        struct latencies *l = &latencies[w];
        if (l->count < SAMPLES)
            l->us[l->count++] = (uint32_t)(now_us() - begin);
        for (unsigned i = 0; i < BATCH; i++)
            atomic_store(&latest[w][(first + i * 97) % KEYS], version);
        usleep(1000);
    }
    free(values);
    return NULL;
}

/* Scans with long pauses, so that it pins old versions; what it sees must be whole. */
static void *read_slowly(void *user)
{
    eloq_part part = { "churn", 0 };
    (void)user;
    while (!atomic_load(&stop)) {
        eloq_iter *iter;
        eloq_item item;
        unsigned n = 0;
        int rc;
        must(eloq_scan(db, part, NULL, &iter) == ELOQ_OK, "scan");
        while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
            if (++n % 200 == 0 && !atomic_load(&stop))
                usleep(100000);
        }
        must(rc == ELOQ_END && (n == 0 || n == KEYS), "a slow scan sees all keys");
        eloq_iter_close(iter);
    }
    return NULL;
}

static void *keep_archives(void *user)
{
    (void)user;
    while (!atomic_load(&stop)) {
        must(eloq_archive_all(db, 0) == ELOQ_OK, "archive_all");
        for (int i = 0; i < 20 && !atomic_load(&stop); i++)
            usleep(100000);
    }
    return NULL;
}

static uint64_t disk_bytes(const char *dir)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    uint64_t total = 0;
    char path[1024];
    struct stat st;
    while (d && (entry = readdir(d))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        if (stat(path, &st) != 0)
            continue;
        total += S_ISDIR(st.st_mode) ? disk_bytes(path) : (uint64_t)st.st_blocks * 512;
    }
    if (d)
        closedir(d);
    return total;
}

static uint64_t stat_of(const char *name)
{
    uint64_t n = 0;
    must(eloq_stat(db, name, &n) == ELOQ_OK, name);
    return n;
}

/* Pages that the live states map. */
static uint64_t live_pages(void)
{
    uint64_t pages = 0;
    for (unsigned w = 0; w < WRITERS; w++) {
        eloq_checked checked;
        must(eloq_check(db, (eloq_part){ "churn", w }, NULL, NULL, &checked) == ELOQ_OK, "check");
        pages += checked.pages;
    }
    return pages;
}

static void judge(uint64_t live_bytes, unsigned versions, uint64_t *worst)
{
    uint64_t files = WRITERS * 2 * (UINT64_C(4096) << SHIFT);
    uint64_t bound = (2 * live_bytes + files) * versions + (UINT64_C(8) << 20); /* manifests */
    uint64_t used = disk_bytes(arg.dir), memory = stat_of("memory_used");
    if (used > *worst)
        *worst = used;
    if (used > bound)
        fprintf(stderr, "disk %llu, bound %llu\n", (unsigned long long)used,
                (unsigned long long)bound);
    must(used <= bound, "disk is over its bound");
    must(memory <= MEMORY + MEMORY / 10, "memory is over its bound");
    must(stat_of("open_files") <= FDS, "descriptors are over their limit");
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_latencies(const char *what, uint64_t worst)
{
    static uint32_t all[WRITERS * SAMPLES];
    size_t n = 0;
    for (unsigned w = 0; w < WRITERS; w++) {
        memcpy(all + n, latencies[w].us, latencies[w].count * sizeof(all[0]));
        n += latencies[w].count;
        latencies[w].count = 0;
    }
    must(n > 0, "no write was answered");
    qsort(all, n, sizeof(all[0]), by_value);
    printf(
        "%-28s %8zu batches, p50 %u us, p99 %u us, p99.9 %u us, max %u us, disk at most %llu KiB\n",
        what, n, all[n / 2], all[n * 99 / 100], all[n * 999 / 1000], all[n - 1],
        (unsigned long long)worst / 1024);
}

static void open_store(int with_all)
{
    eloq_options options = ELOQ_OPTIONS(arg.dir);
    options.shards = 2;
    options.format.data_append_mode = arg.in_place ? ELOQ_ZERO : 1;
    options.format.pages_per_file_shift = SHIFT;
    options.file_amplify_factor = with_all ? 2 : ELOQ_ZERO;
    options.num_retained_archives = ARCHIVES;
    options.archive_interval_secs = ELOQ_ZERO;
    options.memory_bytes = MEMORY;
    options.fd_limit = FDS;
    must(eloq_open(&options, &db) == ELOQ_OK, "open");
}

static void verify(void)
{
    static uint8_t value[1000];
    eloq_record record = { 0 };
    char key[17];
    for (unsigned w = 0; w < WRITERS; w++) {
        for (unsigned n = 0; n < KEYS; n++) {
            uint64_t version = atomic_load(&latest[w][n]);
            make_key(key, n);
            int rc = eloq_get(db, (eloq_part){ "churn", w }, eloq_bytes(key, 16), &record);
            must(rc == (version ? ELOQ_OK : ELOQ_NOT_FOUND), "get");
            size_t size = version ? make_value(value, n, version) : 0;
            must(!version || (record.value.size == size && !memcmp(record.value.data, value, size)),
                 "an acknowledged update is lost");
        }
    }
    eloq_record_free(&record);
}

static void run(const char *what, int with_all, unsigned seconds)
{
    pthread_t threads[WRITERS + 2];
    size_t count = 0;
    uint64_t worst = 0;
    open_store(with_all);
    atomic_store(&stop, 0);
    for (uintptr_t w = 0; w < WRITERS; w++)
        pthread_create(&threads[count++], NULL, write_on, (void *)w);
    if (with_all) {
        sleep(1); /* every key is there before the reader counts them */
        pthread_create(&threads[count++], NULL, read_slowly, NULL);
        if (!arg.in_place)
            pthread_create(&threads[count++], NULL, keep_archives, NULL);
    }
    for (unsigned i = 0; i < seconds * 2; i++) {
        usleep(500000);
        if (with_all || arg.in_place)
            judge(live_pages() * 4096, arg.in_place ? 2 : 1 + ARCHIVES + 1 + 1, &worst);
    }
    atomic_store(&stop, 1);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    print_latencies(what, worst);
    verify();
    must(eloq_close(db) == ELOQ_OK, "close");
}

/* Every key once, so that the live size hardly changes afterwards. */
static void load(void)
{
    static uint8_t value[KEYS][1000];
    static char keys[KEYS][17];
    static eloq_entry entries[KEYS];
    open_store(0);
    for (unsigned w = 0; w < WRITERS; w++) {
        for (unsigned n = 0; n < KEYS; n++) {
            make_key(keys[n], n);
            entries[n] = (eloq_entry){ .key = eloq_bytes(keys[n], 16),
                                       .value = eloq_bytes(value[n], make_value(value[n], n, 1)) };
            atomic_store(&latest[w][n], 1);
        }
        must(eloq_write(db, (eloq_part){ "churn", w }, entries, KEYS) == ELOQ_OK, "load");
    }
    must(eloq_close(db) == ELOQ_OK, "close");
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "seconds", 1, NULL, 's' },
                                             { "seed", 1, NULL, 'r' },
                                             { "in-place", 0, NULL, 'i' },
                                             { "dir", 1, NULL, 'D' },
                                             { NULL, 0, NULL, 0 } };
    int c;
    char dir[] = "/tmp/eloq-churn-XXXXXX";
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            arg.seconds = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'r')
            arg.seed = strtoull(optarg, NULL, 0);
        else if (c == 'i')
            arg.in_place = 1;
        else if (c == 'D')
            arg.dir = optarg;
        else
            return 2;
    }
    if (!arg.dir)
        arg.dir = mkdtemp(dir);
    must(arg.dir != NULL, "mkdtemp");
    load();
    run("writers alone:", 0, arg.seconds / 4);
    run("reader, archives, compaction:", 1, arg.seconds - arg.seconds / 4);
    printf("row 15: tried %llu, failed 0; seconds\n", (unsigned long long)arg.seconds);
    char command[512];
    snprintf(command, sizeof(command), "rm -rf '%s'", arg.dir);
    return system(command) == 0 ? 0 : 1;
}
