/* tests/unit/engine/ttl_test.c -- expired pairs go without anybody asking: when they are due, after
 * a reopening, after failures, many at once; and never in the way of writes. On a simulated clock
 * and disk. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/store.h"
#include "sim/sim_io.h"
#include "unit/base/run.h"

#define START_MS UINT64_C(1700000000000)
#define MS UINT64_C(1000000)

static const eloq_part part = { "t", 0 };
static struct mem disk_mem;
static struct sim_disk *disk;
static struct sim_clock sim_clock_;
static unsigned log_lines;

static int open_sim(void *user, struct mem *m, const struct log *log, unsigned shard,
                    struct io **ret)
{
    (void)user;
    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(disk, &sim_clock_, 5, ret);
}

static const struct store_seams seams = { .clock = &sim_clock_.clock,
                                          .seed = 42,
                                          .io_open = open_sim };

static void setup(void)
{
    mem_init(&disk_mem, 0);
    disk = sim_disk_new(&disk_mem);
    sim_clock_init(&sim_clock_, START_MS * 1000);
    log_lines = 0;
}

static void teardown(void)
{
    sim_disk_free(disk);
}

static void count_lines(void *user, int level, const char *line)
{
    (void)user;
    (void)level;
    log_lines += strstr(line, "cleaning expired pairs failed") != NULL;
}

/* The disk without a simulation of what it may lose: quicker with many keys. */
static const struct store_seams quick_seams = { .clock = &sim_clock_.clock, .seed = 42 };

static eloq_store *open_with(const struct store_seams *with, uint64_t memory_bytes)
{
    eloq_options options = ELOQ_OPTIONS(with->io_open ? "/a" : NULL);
    eloq_store *db;

    options.host_driven = 1;
    options.memory_bytes = memory_bytes;
    options.data_cache_bytes = 1; /* reads are counted and fail */
    options.log = count_lines;
    ck_assert_msg(store_open(&options, with, &db) == ELOQ_OK, "%s", eloq_errmsg());
    return db;
}

static eloq_store *open_store(uint64_t memory_bytes)
{
    return open_with(&seams, memory_bytes);
}

static uint64_t now_ms(void)
{
    return clock_wall_us(&sim_clock_.clock) / 1000;
}

static uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n;

    ck_assert_int_eq(eloq_stat(db, name, &n), ELOQ_OK);
    return n;
}

/* Keys from..from+count-1, in batches of 1000. */
static void put_many(eloq_store *db, eloq_part where, unsigned from, unsigned count,
                     uint64_t expire_at)
{
    static char keys[1000][16];
    static eloq_entry entries[1000];

    for (unsigned done = 0; done < count;) {
        unsigned n = MIN(count - done, 1000);
        for (unsigned i = 0; i < n; i++) {
            /* neighbours in time are far apart in the tree */
            snprintf(keys[i], sizeof(keys[i]), "%08u", (from + done + i) * 7919 % 1000000);
            entries[i] = (eloq_entry){ .key = eloq_str(keys[i]),
                                       .value = eloq_str("value"),
                                       .expire_at = expire_at };
        }
        ck_assert_msg(eloq_write(db, where, entries, n) == ELOQ_OK, "%s", eloq_errmsg());
        done += n;
    }
}

static void put_one(eloq_store *db, const char *key, uint64_t expire_at)
{
    eloq_entry entry = { .key = eloq_str(key), .value = eloq_str("v"), .expire_at = expire_at };

    ck_assert_msg(eloq_write(db, part, &entry, 1) == ELOQ_OK, "%s", eloq_errmsg());
}

/* Lets the shard work until it has nothing to do now. */
static void settle(eloq_store *db)
{
    for (int i = 0; i < 20 || db->shards[0].tasks > 0 || eloq_next_ms(db) == 0; i++)
        ck_assert_int_eq(eloq_run(db, 0), ELOQ_OK);
}

static void finish(eloq_store *db)
{
    ck_assert_msg(eloq_check(db, part, NULL, NULL, NULL) == ELOQ_OK, "%s", eloq_errmsg());
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
}

START_TEST(pairs_go_when_they_are_due)
{
    eloq_store *db = open_store(64 << 20);

    put_many(db, part, 0, 100, now_ms() + 5000);
    put_many(db, part, 100, 100, now_ms() + 9000);
    put_one(db, "stays", 0);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 0);
    int wait_ms = eloq_next_ms(db);
    ck_assert(wait_ms > 4900 && wait_ms <= 5001);
    sim_clock_advance(&sim_clock_, (uint64_t)wait_ms * MS);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 100);
    wait_ms = eloq_next_ms(db);
    ck_assert(wait_ms > 3900 && wait_ms <= 4001);
    sim_clock_advance(&sim_clock_, (uint64_t)wait_ms * MS);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 200);
    ck_assert_int_eq(eloq_next_ms(db), -1);
    finish(db);
}
END_TEST

START_TEST(an_earlier_expiry_moves_the_timer)
{
    eloq_store *db = open_store(64 << 20);

    put_one(db, "late", now_ms() + 50000);
    put_one(db, "early", now_ms() + 700);
    int wait_ms = eloq_next_ms(db);
    ck_assert(wait_ms > 600 && wait_ms <= 701);
    put_one(db, "early", 0); /* the timer may come too early, never too late */
    sim_clock_advance(&sim_clock_, 701 * MS);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 0);
    ck_assert_int_gt(eloq_next_ms(db), 49000);
    finish(db);
}
END_TEST

START_TEST(the_wall_clock_may_be_set)
{
    eloq_store *db = open_store(64 << 20);

    put_one(db, "k", now_ms() + 86400000);
    ck_assert_int_le(eloq_next_ms(db), 60000); /* looks at the clock now and then */
    sim_clock_set_wall(&sim_clock_, (now_ms() + 86400000) * 1000);
    sim_clock_advance(&sim_clock_, 60000 * MS);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 1);
    finish(db);
}
END_TEST

START_TEST(a_reopened_partition_is_looked_at_once)
{
    eloq_store *db = open_store(64 << 20);
    eloq_record record = { 0 };

    put_many(db, part, 0, 100, now_ms() + 5000);
    put_one(db, "stays", 0);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
    db = open_store(64 << 20);
    ck_assert_int_eq(eloq_next_ms(db), -1); /* nothing is loaded */
    ck_assert_int_eq(eloq_get(db, part, eloq_str("stays"), &record), ELOQ_OK);
    settle(db);
    int wait_ms = eloq_next_ms(db);
    ck_assert(wait_ms > 4000 && wait_ms <= 5000);
    uint64_t reads = stat_of(db, "io_reads");
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(eloq_get(db, part, eloq_str("stays"), &record), ELOQ_OK);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "io_reads") - reads, 10);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);

    sim_clock_advance(&sim_clock_, 6000 * MS);
    db = open_store(64 << 20);
    ck_assert_int_eq(eloq_get(db, part, eloq_str("stays"), &record), ELOQ_OK);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 100);
    eloq_record_free(&record);
    finish(db);
}
END_TEST

START_TEST(writes_do_not_read_the_tree_of_expiries)
{
    eloq_store *db = open_store(64 << 20);

    put_many(db, part, 0, 2000, now_ms() + 3600000);
    settle(db);
    put_one(db, "a", 0);
    uint64_t reads = stat_of(db, "io_reads");
    for (int i = 0; i < 20; i++)
        put_one(db, "a", 0);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "io_reads") - reads, 20); /* the leaf of "a" */
    finish(db);
}
END_TEST

START_TEST(a_failed_cleaning_is_tried_again_later)
{
    eloq_store *db = open_store(64 << 20);
    struct sim_fault fault = {
        .kinds = SIM_KIND(IO_READ), .nth = 1, .sys_errno = EIO, .forever = true
    };

    put_many(db, part, 0, 500, now_ms() + 1000);
    sim_disk_fail(disk, &fault);
    sim_clock_advance(&sim_clock_, 1001 * MS);
    for (int expect_ms = 1000; expect_ms < 200000; expect_ms *= 2) {
        settle(db);
        int wait_ms = eloq_next_ms(db);
        ck_assert_msg(wait_ms > MIN(expect_ms, 60000) - 300 && wait_ms <= MIN(expect_ms, 60000),
                      "%d %d", wait_ms, expect_ms);
        ck_assert_uint_eq(stat_of(db, "keys_expired"), 0);
        sim_clock_advance(&sim_clock_, (uint64_t)wait_ms * MS);
    }
    ck_assert_uint_gt(log_lines, 3);
    sim_disk_heal(disk);
    sim_clock_advance(&sim_clock_, 60000 * MS);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 500);
    ck_assert_int_eq(eloq_next_ms(db), -1);
    put_one(db, "stays", 0);
    finish(db);
}
END_TEST

static void set_flag(eloq_op *op)
{
    ck_assert_int_eq(op->status, ELOQ_OK);
    *(bool *)op->user = true;
}

START_TEST(many_at_once_are_cleaned_in_batches_and_writes_go_between)
{
    enum { COUNT = 100000 };
    eloq_store *db = open_with(&quick_seams, 256 << 20);
    uint64_t most_between = 0, expired = 0;
    unsigned written = 0;

    put_many(db, part, 0, COUNT, now_ms() + 3600000);
    put_one(db, "stays", 0);
    uint64_t commits = stat_of(db, "commits");
    sim_clock_advance(&sim_clock_, 3600001 * MS);
    while ((expired = stat_of(db, "keys_expired")) < COUNT) {
        bool done = false;
        eloq_op op = { .done = set_flag, .user = &done };
        ck_assert_int_eq(
            eloq_put_async(db, part, eloq_str("stays"), eloq_str(written % 2 ? "w" : "x"), &op),
            ELOQ_OK);
        while (!done)
            ck_assert_int_eq(eloq_run(db, 0), ELOQ_OK);
        written++;
        /* at most the batch that was under way, and the one whose turn came */
        most_between = MAX(most_between, stat_of(db, "keys_expired") - expired);
        ck_assert_uint_le(stat_of(db, "memory_used"), 256 << 20);
    }
    ck_assert_uint_le(most_between, 2 * 8192); /* twice what run_clean aims at */
    ck_assert_uint_ge(written, 3);
    ck_assert_uint_ge(stat_of(db, "commits") - commits, written + stat_of(db, "cleanings"));
    settle(db);
    ck_assert_int_eq(eloq_next_ms(db), -1);
    finish(db);
}
END_TEST

START_TEST(a_small_store_cleans_in_small_batches)
{
    eloq_store *db = open_store(9 << 20);

    put_many(db, part, 0, 20000, now_ms() + 3600000);
    put_one(db, "stays", 0);
    sim_clock_advance(&sim_clock_, 3600001 * MS);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 20000);
    ck_assert_uint_ge(stat_of(db, "cleanings"), 3);
    ck_assert_uint_eq(log_lines, 0);
    finish(db);
}
END_TEST

START_TEST(many_partitions_due_at_once)
{
    enum { PARTS = 200 };
    eloq_store *db = open_store(64 << 20);

    for (uint32_t i = 0; i < PARTS; i++)
        put_many(db, (eloq_part){ "t", i }, i, 3, now_ms() + 60000);
    put_one(db, "stays", 0);
    sim_clock_advance(&sim_clock_, 60001 * MS);
    settle(db);
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 3 * PARTS);
    ck_assert_int_eq(eloq_next_ms(db), -1);
    finish(db);
}
END_TEST

START_TEST(closing_does_not_wait_for_all_of_them)
{
    eloq_store *db = open_store(256 << 20);

    put_many(db, part, 0, 50000, now_ms() + 1000000);
    put_one(db, "stays", 0);
    sim_clock_advance(&sim_clock_, 1000001 * MS);
    ck_assert_int_eq(eloq_run(db, 0), ELOQ_OK);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
    db = open_store(256 << 20);
    put_one(db, "stays", 0);
    settle(db);
    ck_assert_uint_gt(stat_of(db, "keys_expired"), 30000);
    finish(db);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ttl");
    TCase *tc = tcase_create("ttl");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, pairs_go_when_they_are_due);
    tcase_add_test(tc, an_earlier_expiry_moves_the_timer);
    tcase_add_test(tc, the_wall_clock_may_be_set);
    tcase_add_test(tc, a_reopened_partition_is_looked_at_once);
    tcase_add_test(tc, writes_do_not_read_the_tree_of_expiries);
    tcase_add_test(tc, a_failed_cleaning_is_tried_again_later);
    tcase_add_test(tc, many_at_once_are_cleaned_in_batches_and_writes_go_between);
    tcase_add_test(tc, a_small_store_cleans_in_small_batches);
    tcase_add_test(tc, many_partitions_due_at_once);
    tcase_add_test(tc, closing_does_not_wait_for_all_of_them);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
