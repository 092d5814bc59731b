/* tests/cost/commit_time.c -- what a one-key durable commit takes beside a plain overwrite.
 *
 *     commit_time DIR [append|inplace] [KEYS] [ROUNDS] [host|thread] [one_flush]
 *
 * Short runs of commits and of 4 KiB overwrites + fdatasync of written blocks in turn, on the same
 * disk. Prints the medians of both in microseconds, their ratio, and flushes, writes and bytes a
 * commit. Not a test: numbers depend on the machine. DIR must be empty and not a memory disk. */
#include <fcntl.h>
#include <unistd.h>

#include "table.h"

#define BLOCK 4096
#define RAW_BLOCKS 2048
#define RUN 40 /* operations of a kind in a row */
#define ROUNDS_MAX 2000

static uint64_t random_state = 7;
static double commits_us[ROUNDS_MAX * RUN], raw_us[ROUNDS_MAX * RUN];

static int make_raw(const char *dir, void *block)
{
    char path[4096];

    snprintf(path, sizeof(path), "%s/raw", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_CLOEXEC, 0600);
    for (int i = 0; fd >= 0 && i < RAW_BLOCKS; i++)
        if (pwrite(fd, block, BLOCK, (off_t)i * BLOCK) != BLOCK)
            fail("raw write");
    if (fd < 0 || fsync(fd) < 0)
        fail("raw file");
    return fd;
}

static void run_raw(int fd, void *block, double *ret_us)
{
    for (int i = 0; i < RUN; i++) {
        double begin = now_us();
        off_t at = (off_t)(next_random(&random_state) % RAW_BLOCKS) * BLOCK;
        if (pwrite(fd, block, BLOCK, at) != BLOCK || fdatasync(fd) < 0)
            fail("raw write");
        ret_us[i] = now_us() - begin;
    }
}

static void run_commits(uint64_t keys, double *ret_us)
{
    char key[17], value[100];

    for (int i = 0; i < RUN; i++) {
        uint64_t n = next_random(&random_state);
        make_pair(n % keys, key, value);
        memcpy(value + 50, &n, 8);
        double begin = now_us();
        if (eloq_put(db, part, eloq_bytes(key, 16), eloq_bytes(value, 100)) < 0)
            fail("put");
        ret_us[i] = now_us() - begin;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    uint64_t keys = argc > 3 ? strtoull(argv[3], NULL, 10) : 10000;
    int rounds = argc > 4 ? atoi(argv[4]) : 50;
    eloq_options options = ELOQ_OPTIONS(argv[1]);
    void *block = NULL;
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    options.format.data_append_mode = argc > 2 && strcmp(argv[2], "append") == 0 ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = 13;
    if (argc > 6 && strcmp(argv[6], "one_flush") == 0)
        options.format.commit_protocol = ELOQ_ONE_FLUSH;
    options.host_driven = argc > 5 && strcmp(argv[5], "host") == 0;
    if (eloq_open(&options, &db) < 0)
        fail("open");
    if (posix_memalign(&block, BLOCK, BLOCK) != 0)
        return 1;
    memset(block, 'x', BLOCK);
    int fd = make_raw(argv[1], block);
    if (load(keys) < 0)
        fail("write");
    run_commits(keys, commits_us);
    double flushes = number("io_syncs"), writes = number("io_writes"),
           bytes = number("io_write_bytes");
    for (int i = 0; i < rounds; i++) {
        run_raw(fd, block, raw_us + i * RUN);
        run_commits(keys, commits_us + i * RUN);
    }
    double n = rounds * RUN;
    flushes = number("io_syncs") - flushes;
    writes = number("io_writes") - writes;
    bytes = number("io_write_bytes") - bytes;
    qsort(commits_us, (size_t)n, sizeof(double), compare_times);
    qsort(raw_us, (size_t)n, sizeof(double), compare_times);
    size_t tenth = (size_t)n / 10, half = (size_t)n / 2, last = (size_t)(n * 0.99);
    printf("commit p10 %.0f p50 %.0f p99 %.0f  overwrite p10 %.0f p50 %.0f p99 %.0f  "
           "ratio p10 %.2f p50 %.2f  flushes %.2f writes %.2f bytes %.0f\n",
           commits_us[tenth], commits_us[half], commits_us[last], raw_us[tenth], raw_us[half],
           raw_us[last], commits_us[tenth] / raw_us[tenth], commits_us[half] / raw_us[half],
           flushes / n, writes / n, bytes / n);
    close(fd);
    free(block);
    return eloq_close(db) < 0;
}
