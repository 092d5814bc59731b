/* tests/crash/kill_test.c -- kill -9 at random moments of concurrent batches: what was acknowledged
 * is there, batches are whole.
 *
 *     kill_test [--rounds N] [--seed N] [--append] [--backend NAME] [--dir DIR]
 *
 * A child writes with several threads, each to its own partition: batch n sets the same keys to
 * values that carry n, and every tenth one deletes half of them. The highest acknowledged n of each
 * thread stands in memory shared with the parent, which kills the child at a random moment, opens
 * the store and looks: the state must be that of batch n or of the one under way (n + 1), whole. */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "eloqstore.h"

#define WRITERS 4
#define KEYS 60

static struct {
    uint64_t rounds, seed;
    int append, backend;
    const char *dir;
} arg = { .rounds = 200, .seed = 0, .backend = ELOQ_IO_AUTO };

struct shared {
    _Atomic uint64_t acknowledged[WRITERS];
    _Atomic int started;
};
static struct shared *shared;
static eloq_store *db;
static uint64_t round_now;

static void fail(const char *what, unsigned writer, uint64_t n)
{
    fprintf(stderr, "kill_test: seed %llu round %llu writer %u batch %llu: %s (%s)\n",
            (unsigned long long)arg.seed, (unsigned long long)round_now, writer,
            (unsigned long long)n, what, eloq_errmsg());
    exit(1);
}

static int open_store(void)
{
    eloq_options options = ELOQ_OPTIONS(arg.dir);
    options.shards = 2;
    options.format.pages_per_file_shift = arg.append ? 6 : 10;
    options.format.data_append_mode = arg.append ? 1 : ELOQ_ZERO;
    options.io_backend = arg.backend;
    options.manifest_limit = 64 * 1024; /* so that manifests are replaced often */
    return eloq_open(&options, &db);
}

static int is_deleted(uint64_t n, unsigned key)
{
    return n % 10 == 0 && key % 2 == 1;
}

/* A value that says which batch it is of; its length varies, some need overflow pages. */
static size_t make_value(uint64_t n, unsigned key, uint8_t *value)
{
    size_t size = (n * 31 + key * 7) % 400 + 8;
    if (key == 0)
        size = 6000 + n % 70000;
    memset(value, (int)('a' + n % 26), size);
    memcpy(value, &n, sizeof(n));
    return size;
}

static void *writer(void *user)
{
    unsigned w = (unsigned)(uintptr_t)user;
    eloq_part part = { "kill", w };
    static _Thread_local char keys[KEYS][16];
    uint8_t *values[KEYS];
    eloq_entry entries[KEYS];
    for (unsigned k = 0; k < KEYS; k++)
        values[k] = malloc(100000);
    for (uint64_t n = atomic_load(&shared->acknowledged[w]) + 1;; n++) {
        memset(entries, 0, sizeof(entries));
        for (unsigned k = 0; k < KEYS; k++) {
            snprintf(keys[k], sizeof(keys[k]), "key%05u", k * 37);
            entries[k].key = eloq_str(keys[k]);
            if (is_deleted(n, k))
                entries[k].kind = ELOQ_DELETE;
            else
                entries[k].value = eloq_bytes(values[k], make_value(n, k, values[k]));
        }
        if (eloq_write(db, part, entries, KEYS) != ELOQ_OK)
            fail("write", w, n);
        atomic_store(&shared->acknowledged[w], n);
    }
    return NULL;
}

static void child(void)
{
    if (open_store() < 0)
        fail("open in child", 0, 0);
    pthread_t threads[WRITERS];
    for (uintptr_t w = 0; w < WRITERS; w++)
        pthread_create(&threads[w], NULL, writer, (void *)w);
    atomic_store(&shared->started, 1);
    pthread_join(threads[0], NULL);
    exit(1);
}

static void verify(unsigned w)
{
    static uint8_t value[100000];
    eloq_part part = { "kill", w };
    uint64_t acknowledged = atomic_load(&shared->acknowledged[w]), found = 0;
    eloq_range all = { 0 };
    eloq_iter *iter;
    eloq_item item;
    unsigned k = 0;
    int rc = eloq_scan(db, part, &all, &iter);
    while (rc == ELOQ_OK && (rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        uint64_t n = 0;
        if (item.value.size < sizeof(n))
            fail("short value", w, acknowledged);
        memcpy(&n, item.value.data, sizeof(n));
        if (found == 0)
            found = n;
        if (n != found)
            fail("a batch is torn", w, n);
        while (is_deleted(n, k))
            k++;
        char key[16];
        snprintf(key, sizeof(key), "key%05u", k * 37);
        size_t size = make_value(n, k, value);
        if (item.key.size != strlen(key) || memcmp(item.key.data, key, item.key.size) != 0
            || item.value.size != size || memcmp(item.value.data, value, size) != 0)
            fail("wrong pair", w, n);
        k++;
    }
    if (rc != ELOQ_END)
        fail("scan", w, acknowledged);
    eloq_iter_close(iter);
    if (found != acknowledged && found != acknowledged + 1)
        fail("an acknowledged batch is lost", w, found);
    while (found && k < KEYS && is_deleted(found, k))
        k++;
    if (found && k != KEYS)
        fail("a batch is torn at its end", w, found);
    if (eloq_check(db, part, NULL, NULL, NULL) < 0)
        fail("check", w, found);
    atomic_store(&shared->acknowledged[w], found);
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        { "rounds", 1, NULL, 'r' },  { "seed", 1, NULL, 's' }, { "append", 0, NULL, 'a' },
        { "backend", 1, NULL, 'b' }, { "dir", 1, NULL, 'D' },  { NULL, 0, NULL, 0 }
    };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'r':
            arg.rounds = strtoull(optarg, NULL, 0);
            break;
        case 's':
            arg.seed = strtoull(optarg, NULL, 0);
            break;
        case 'a':
            arg.append = 1;
            break;
        case 'b':
            arg.backend = !strcmp(optarg, "uring")     ? ELOQ_IO_URING
                          : !strcmp(optarg, "threads") ? ELOQ_IO_THREADS
                                                       : ELOQ_IO_SYNC;
            break;
        case 'D':
            arg.dir = optarg;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    char dir[] = "/tmp/eloq-kill-XXXXXX";
    if (!arg.dir)
        arg.dir = mkdtemp(dir);
    if (!arg.seed)
        arg.seed = (uint64_t)time(NULL);
    srandom((unsigned)arg.seed);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (round_now = 0; round_now < arg.rounds; round_now++) {
        atomic_store(&shared->started, 0);
        pid_t pid = fork();
        if (pid == 0)
            child();
        while (!atomic_load(&shared->started) && waitpid(pid, NULL, WNOHANG) == 0)
            usleep(500);
        usleep((useconds_t)(random() % 60000));
        int status = 0;
        kill(pid, SIGKILL);
        if (waitpid(pid, &status, 0) > 0 && !WIFSIGNALED(status))
            fail("the child ended by itself", 0, 0);
        if (open_store() < 0)
            fail("open", 0, 0);
        for (unsigned w = 0; w < WRITERS; w++)
            verify(w);
        if (eloq_close(db) < 0)
            fail("close", 0, 0);
    }
    uint64_t total = 0;
    for (unsigned w = 0; w < WRITERS; w++)
        total += atomic_load(&shared->acknowledged[w]);
    printf("seed %llu: %llu kills, %llu batches, ok\n", (unsigned long long)arg.seed,
           (unsigned long long)arg.rounds, (unsigned long long)total);
    printf("row 3: tried %llu, failed 0\n", (unsigned long long)arg.rounds);
    char command[512];
    snprintf(command, sizeof(command), "rm -rf '%s'", arg.dir);
    return system(command) == 0 ? 0 : 1;
}
