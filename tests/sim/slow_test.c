/* tests/sim/slow_test.c -- the least memory and a disk that takes seconds to answer: everything
 * waits, nothing fails.
 *
 *     slow_test [--seed N]
 *
 * Many partitions get and give a large value, all at once, in place and appending; each operation
 * has to wait for memory that others hold as long as the disk lets them. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/store.h"
#include "sim/sim_io.h"

#define PATH "/disk/store"
#define WALL_US UINT64_C(1700000000000000)
#define PARTS 40
#define VALUE_BYTES (1u << 20)
#define ANSWER_NS UINT64_C(3000000000)
#define STEPS_MAX 1000000

struct world {
    uint64_t seed;
    bool append;
    struct sim_disk *disk;
    struct sim_clock clock;
    eloq_store *db;
    unsigned under_way;
    unsigned long long answered;
};

static const struct world *at;

__attribute__((noreturn)) static void fail(const char *what, const char *words)
{
    fprintf(stderr, "slow_test: %s, after %llu answers: %s (%s)\n",
            at->append ? "append" : "in place", at->answered, what, words);
    fprintf(stderr, "repeat: slow_test --seed %llu\n", (unsigned long long)at->seed);
    exit(1);
}

static int open_io(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    struct world *w = user;

    (void)shard;
    (void)m;
    (void)log;
    return sim_io_open(w->disk, &w->clock, w->seed, ret);
}

static void open_store(struct world *w)
{
    eloq_options options = ELOQ_OPTIONS(PATH);

    options.host_driven = 1;
    options.memory_bytes = 9 << 20;
    options.format.data_append_mode = w->append ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = 9;
    struct store_seams seams = {
        .clock = &w->clock.clock, .seed = w->seed, .io_open = open_io, .io_user = w
    };
    if (store_open(&options, &seams, &w->db) != ELOQ_OK)
        fail("does not open", eloq_errmsg());
}

static void answered(eloq_op *op)
{
    struct world *w = op->user;

    if (op->status < 0)
        fail(err_name(op->status), eloq_op_errmsg(op));
    w->under_way--;
    w->answered++;
}

static void await(struct world *w)
{
    for (unsigned steps = 0; w->under_way > 0; steps++) {
        if (steps == STEPS_MAX)
            fail("nothing comes back", "");
        if (eloq_run(w->db, -1) < 0)
            fail("run", eloq_errmsg());
    }
}

static eloq_op *next_op(struct world *w, eloq_op *op)
{
    *op = (eloq_op){ .done = answered, .user = w };
    w->under_way++;
    return op;
}

static void write_all(struct world *w, const uint8_t *value)
{
    static eloq_op ops[PARTS];

    for (uint32_t i = 0; i < PARTS; i++)
        if (eloq_put_async(w->db, (eloq_part){ "t", i }, eloq_str("key"),
                           eloq_bytes(value, VALUE_BYTES), next_op(w, &ops[i]))
            < 0)
            fail("put", eloq_errmsg());
    await(w);
}

static void read_all(struct world *w, const uint8_t *value)
{
    static eloq_op ops[PARTS];

    for (uint32_t i = 0; i < PARTS; i++)
        if (eloq_get_async(w->db, (eloq_part){ "t", i }, eloq_str("key"), next_op(w, &ops[i])) < 0)
            fail("get", eloq_errmsg());
    await(w);
    for (uint32_t i = 0; i < PARTS; i++) {
        const eloq_buffer *got = &ops[i].record.value;
        if (got->size != VALUE_BYTES || memcmp(got->data, value, VALUE_BYTES) != 0)
            fail("another value", "");
        eloq_record_free(&ops[i].record);
    }
}

static void run(uint64_t seed, bool append)
{
    static uint8_t value[VALUE_BYTES];
    struct mem mem;
    struct world w = { .seed = seed, .append = append };

    at = &w;
    mem_init(&mem, 0);
    w.disk = sim_disk_new(&mem);
    sim_clock_init(&w.clock, WALL_US);
    open_store(&w);
    sim_disk_slow(w.disk, ANSWER_NS);
    for (unsigned round = 0; round < 2; round++) {
        memset(value, 'a' + (int)round, sizeof(value));
        write_all(&w, value);
    }
    read_all(&w, value);
    if (eloq_close(w.db) != ELOQ_OK)
        fail("does not close", eloq_errmsg());
    printf("seed %llu, %s: %llu operations in %llu s of the disk's time\n",
           (unsigned long long)seed, append ? "append" : "in place", w.answered,
           (unsigned long long)(w.clock.mono_ns / 1000000000));
    sim_disk_free(w.disk);
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "seed", required_argument, NULL, 's' }, { 0 } };
    uint64_t seed = 1;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c != 's') {
            fprintf(stderr, "usage: slow_test [--seed N]\n");
            return 2;
        }
        seed = strtoull(optarg, NULL, 0);
    }
    run(seed, false);
    run(seed, true);
    return 0;
}
