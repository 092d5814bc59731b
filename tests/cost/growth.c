/* tests/cost/growth.c -- what things cost as a table grows, and as partitions do.
 *
 *     growth DIR tables append|inplace KEYS...       one row for each size of a table
 *     growth DIR partitions append|inplace COUNT...  one row for each number of partitions
 *
 * Prints rows of a markdown table. A table's row: commits of one random key (median and 99th
 * percentile in microseconds, CPU time, bytes written, of them to the manifest, manifests
 * replaced), a snapshot taken and given back with its first pair, the mapping's memory. Of
 * partitions: open to the first pair read, then each touched once: time and memory each. Not a
 * test: numbers depend on the machine. DIR must be empty and not a memory disk; stores are left in
 * it. */
#include <stdbool.h>
#include <sys/resource.h>

#include "table.h"

#define COMMITS 4000
#define SNAPSHOTS 20000
#define IN_FLIGHT 64

static eloq_options options;
static char path[4096];

/* Of the whole process: the shard, the kernel's workers, this thread. */
static double cpu_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6
           + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void open_store(const char *dir, const char *kind, uint64_t size)
{
    snprintf(path, sizeof(path), "%s/%s%llu", dir, kind, (unsigned long long)size);
    options.path = path;
    if (eloq_open(&options, &db) < 0)
        fail("open");
}

static void close_store(void)
{
    if (eloq_close(db) < 0)
        fail("close");
}

static void read_first(void)
{
    eloq_range first = { .limit = 1 };
    eloq_iter *iter;
    eloq_item item;

    if (eloq_scan(db, part, &first, &iter) < 0 || eloq_iter_next(iter, &item) != ELOQ_OK)
        fail("scan");
    eloq_iter_close(iter);
}

static void read_all(void)
{
    eloq_iter *iter;
    eloq_item item;
    int rc;

    if (eloq_scan(db, part, NULL, &iter) < 0)
        fail("scan");
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK)
        ;
    if (rc != ELOQ_END)
        fail("scan");
    eloq_iter_close(iter);
}

static void commit_one(uint64_t keys, uint64_t *random_state)
{
    uint64_t n = next_random(random_state);
    char key[17], value[100];

    make_pair(n % keys, key, value);
    memcpy(value + 50, &n, 8);
    if (eloq_put(db, part, eloq_bytes(key, 16), eloq_bytes(value, 100)) < 0)
        fail("put");
}

static void measure_table(uint64_t keys)
{
    static double us[COMMITS];
    uint64_t random_state = 7;

    if (load(keys) < 0)
        fail("load");
    read_all();
    for (int i = 0; i < COMMITS / 4; i++)
        commit_one(keys, &random_state);
    double cpu = cpu_us(), bytes = number("io_write_bytes"), manifest = number("manifest_bytes"),
           switches = number("manifest_switches");
    for (int i = 0; i < COMMITS; i++) {
        double begin = now_us();
        commit_one(keys, &random_state);
        us[i] = now_us() - begin;
    }
    cpu = cpu_us() - cpu;
    bytes = number("io_write_bytes") - bytes;
    manifest = number("manifest_bytes") - manifest;
    switches = number("manifest_switches") - switches;
    qsort(us, COMMITS, sizeof(*us), compare_times);
    double begin = now_us();
    for (int i = 0; i < SNAPSHOTS; i++)
        read_first();
    double snapshot = (now_us() - begin) / SNAPSHOTS;
    printf("| %llu | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.2f | %.2f |\n",
           (unsigned long long)keys, us[COMMITS / 2], us[COMMITS / 100 * 99], cpu / COMMITS,
           bytes / COMMITS, manifest / COMMITS, switches, snapshot,
           number("memory_mapping") / (1024.0 * 1024.0));
}

/* Of the partitions: the next one to write or read, their number, the calls under way. */
static struct {
    uint64_t next, count;
    unsigned running;
    bool is_write;
    eloq_queue *queue;
} visit;

static void start_next(eloq_op *op);

static void answered(eloq_op *op)
{
    if (op->status < 0)
        fail("write or read");
    eloq_record_free(&op->record);
    visit.running--;
    start_next(op);
}

static void start_next(eloq_op *op)
{
    char key[17], value[100];

    if (visit.next == visit.count)
        return;
    memset(op, 0, sizeof(*op));
    op->queue = visit.queue;
    op->done = answered;
    eloq_part one = { part.table, (uint32_t)visit.next++ };
    make_pair(1, key, value);
    int rc = visit.is_write
                 ? eloq_put_async(db, one, eloq_bytes(key, 16), eloq_bytes(value, 100), op)
                 : eloq_get_async(db, one, eloq_bytes(key, 16), op);
    if (rc < 0)
        fail("write or read");
    visit.running++;
}

/* Writes or reads one pair of each, IN_FLIGHT at a time. */
static void visit_partitions(uint64_t count, bool is_write)
{
    static eloq_op ops[IN_FLIGHT];

    visit.next = 0;
    visit.count = count;
    visit.is_write = is_write;
    if (eloq_queue_new(&visit.queue) < 0)
        fail("queue");
    for (int i = 0; i < IN_FLIGHT; i++)
        start_next(&ops[i]);
    while (visit.running > 0)
        if (eloq_queue_run(visit.queue, -1) < 0)
            fail("queue");
    eloq_queue_free(visit.queue);
}

static void measure_partitions(const char *dir, uint64_t count)
{
    open_store(dir, "partitions", count);
    visit_partitions(count, true);
    close_store();
    double begin = now_us();
    open_store(dir, "partitions", count);
    read_first();
    double opened = now_us() - begin, memory = number("memory_used"),
           pages = number("memory_pages");
    begin = now_us();
    visit_partitions(count, false);
    double touched = now_us() - begin;
    memory = number("memory_used") - memory;
    pages = number("memory_pages") - pages;
    printf("| %llu | %.2f | %.1f | %.0f | %.0f | %.0f |\n", (unsigned long long)count, opened / 1e3,
           touched / (double)count, memory / (double)count, pages / (double)count,
           number("partitions_loaded"));
    close_store();
}

static void tell(void *user, int level, const char *line)
{
    (void)user;
    if (level <= ELOQ_LOG_WARNING)
        fprintf(stderr, "growth: %s\n", line);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: growth DIR tables|partitions append|inplace COUNT...\n");
        return 2;
    }
    bool is_tables = strcmp(argv[2], "tables") == 0;
    options = (eloq_options)ELOQ_OPTIONS(NULL);
    options.log = tell;
    options.memory_bytes = (uint64_t)8 << 30;
    options.data_cache_bytes = (uint64_t)4 << 30;
    options.buffer_pool_size = (uint64_t)512 << 20;
    options.format.pages_per_file_shift = is_tables ? 16 : 2;
    options.format.data_append_mode = strcmp(argv[3], "append") == 0 ? 1 : ELOQ_ZERO;
    if (is_tables)
        printf("| keys | commit p50 us | p99 us | CPU us | bytes written | of them manifest "
               "| manifests replaced | snapshot and first pair us | mapping MiB |\n"
               "|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    else
        printf("| partitions | open to the first pair ms | touching one us | its memory bytes "
               "| of them pages | loaded |\n|--:|--:|--:|--:|--:|--:|\n");
    for (int i = 4; i < argc; i++) {
        uint64_t count = strtoull(argv[i], NULL, 10);
        if (!is_tables) {
            measure_partitions(argv[1], count);
            continue;
        }
        open_store(argv[1], "table", count);
        measure_table(count);
        close_store();
    }
    return 0;
}
