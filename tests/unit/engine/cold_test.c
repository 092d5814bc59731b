/* tests/unit/engine/cold_test.c -- what is not in memory. A read needs one device read and no task;
 * many are in flight at once, and each says what any other read would. A batch has the leaves that
 * it merges later read meanwhile. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "engine/store.h"
#include "sim/sim_io.h"
#include "unit/base/run.h"

#define START_MS UINT64_C(1700000000000)
#define KEYS 2000
#define VALUE_BYTES 1000
#define READS 50
#define BATCH 200

static const eloq_part part = { "t", 0 };
static struct mem disk_mem;
static struct sim_disk *disk;
static struct sim_clock sim_clock_;
static eloq_store *db;
static int answered;

static int open_sim(void *user, struct mem *m, const struct log *log, unsigned shard,
                    struct io **ret)
{
    (void)user, (void)m, (void)log, (void)shard;
    return sim_io_open(disk, &sim_clock_, 5, ret);
}

static const struct store_seams seams = { .clock = &sim_clock_.clock,
                                          .seed = 42,
                                          .io_open = open_sim };

static void open_store(void)
{
    eloq_options options = ELOQ_OPTIONS("/a/b");

    options.host_driven = 1;
    options.memory_bytes = 16 << 20;
    options.data_cache_bytes = 1 << 20;
    ck_assert_msg(store_open(&options, &seams, &db) == ELOQ_OK, "%s", eloq_errmsg());
}

static void close_store(void)
{
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
}

static void key_of(char *ret, unsigned i)
{
    snprintf(ret, 8, "%06u", i);
}

static void value_of(char *ret, unsigned i)
{
    memset(ret, 'a' + (int)(i % 26), VALUE_BYTES);
}

/* Pairs on the disk, and nothing in memory but what one read leaves there. Key 1 is absent, key 2
 * expires in a second, key 3 is large. */
static void setup(void)
{
    static char keys[KEYS][8], values[KEYS][VALUE_BYTES], large[20000];
    static eloq_entry entries[KEYS];
    eloq_record record = { 0 };

    mem_init(&disk_mem, 0);
    disk = sim_disk_new(&disk_mem);
    sim_clock_init(&sim_clock_, START_MS * 1000);
    answered = 0;
    memset(entries, 0, sizeof(entries));
    memset(large, 'l', sizeof(large));
    size_t count = 0;
    for (unsigned i = 0; i < KEYS; i++) {
        key_of(keys[i], i);
        value_of(values[i], i);
        if (i != 1)
            entries[count++] = (eloq_entry){ .key = eloq_str(keys[i]),
                                             .value = eloq_bytes(values[i], VALUE_BYTES) };
    }
    entries[1].expire_at = START_MS + 1000;
    entries[2].value = eloq_bytes(large, sizeof(large));
    open_store();
    ck_assert_msg(eloq_write(db, part, entries, count) == ELOQ_OK, "%s", eloq_errmsg());
    close_store();
    open_store();
    ck_assert_int_eq(eloq_get(db, part, eloq_str(keys[KEYS - 1]), &record), ELOQ_OK);
    eloq_record_free(&record);
}

static void teardown(void)
{
    sim_disk_free(disk);
}

struct read {
    eloq_op op;
    char key[8];
};

static void done(eloq_op *op)
{
    (void)op;
    answered++;
}

static void ask(struct read *r, unsigned key)
{
    memset(r, 0, sizeof(*r));
    key_of(r->key, key);
    r->op.done = done;
    ck_assert_int_eq(eloq_get_async(db, part, eloq_str(r->key), &r->op), ELOQ_OK);
}

static bool has_value(const struct read *r, unsigned key)
{
    char value[VALUE_BYTES];

    value_of(value, key);
    return r->op.status == ELOQ_OK && r->op.record.value.size == VALUE_BYTES
           && memcmp(r->op.record.value.data, value, VALUE_BYTES) == 0;
}

static uint64_t reads_so_far(void)
{
    return sim_disk_count(disk, SIM_KIND(IO_READ));
}

static void run_until(int count)
{
    while (answered < count)
        ck_assert_int_eq(eloq_run(db, -1), ELOQ_OK);
}

/* As many as there are stacks would be 32 here. */
START_TEST(all_are_in_flight_at_once)
{
    static struct read reads[READS];
    uint64_t before = reads_so_far();

    ck_assert_uint_lt(db->shards[0].tasks_max, READS);
    for (unsigned i = 0; i < READS; i++)
        ask(&reads[i], 10 + 20 * i);
    shard_take_inbox(&db->shards[0]);
    ck_assert_uint_eq(db->shards[0].io->in_flight, READS);
    ck_assert_uint_eq(db->shards[0].tasks, 0);
    run_until(READS);
    ck_assert_uint_eq(reads_so_far() - before, READS);
    for (unsigned i = 0; i < READS; i++) {
        ck_assert(has_value(&reads[i], 10 + 20 * i));
        eloq_record_free(&reads[i].op.record);
    }
    close_store();
}
END_TEST

START_TEST(absent_expired_and_large_ones)
{
    static struct read reads[4];

    sim_clock_advance(&sim_clock_, UINT64_C(1500000000));
    for (unsigned i = 0; i < 4; i++)
        ask(&reads[i], i);
    run_until(4);
    ck_assert(has_value(&reads[0], 0));
    ck_assert_int_eq(reads[1].op.status, ELOQ_NOT_FOUND);
    ck_assert_int_eq(reads[2].op.status, ELOQ_NOT_FOUND);
    ck_assert_int_eq(reads[3].op.status, ELOQ_OK);
    ck_assert_uint_eq(reads[3].op.record.value.size, 20000);
    for (unsigned i = 0; i < 4; i++)
        eloq_record_free(&reads[i].op.record);
    close_store();
}
END_TEST

/* A task reads once more, and has the words. */
START_TEST(a_failure_is_told)
{
    static struct read reads[2];
    struct sim_fault fault = {
        .kinds = SIM_KIND(IO_READ), .nth = 1, .sys_errno = EIO, .forever = true
    };

    sim_disk_fail(disk, &fault);
    ask(&reads[0], 100);
    run_until(1);
    ck_assert_int_eq(reads[0].op.status, ELOQ_IO);
    ck_assert_ptr_nonnull(strstr(eloq_op_errmsg(&reads[0].op), "read failed"));
    ck_assert_ptr_nonnull(strstr(eloq_op_errmsg(&reads[0].op), "path=/a/b"));
    sim_disk_heal(disk);
    ask(&reads[1], 100);
    run_until(2);
    ck_assert(has_value(&reads[1], 100));
    eloq_record_free(&reads[1].op.record);
    close_store();
}
END_TEST

/* What was current when it was asked is what it says, and the store stays until it did. */
START_TEST(it_sees_its_moment)
{
    static struct read reads[2];

    ask(&reads[0], 500);
    shard_take_inbox(&db->shards[0]);
    ck_assert_uint_eq(db->shards[0].io->in_flight, 1);
    ck_assert_int_eq(eloq_truncate(db, part, eloq_str("")), ELOQ_OK);
    run_until(1);
    ck_assert(has_value(&reads[0], 500));
    eloq_record_free(&reads[0].op.record);
    ask(&reads[1], 500);
    run_until(2);
    ck_assert_int_eq(reads[1].op.status, ELOQ_NOT_FOUND);
    close_store();
}
END_TEST

START_TEST(closing_waits_for_it)
{
    static struct read read;

    ask(&read, 700);
    shard_take_inbox(&db->shards[0]);
    ck_assert_uint_eq(db->shards[0].io->in_flight, 1);
    close_store();
    ck_assert_int_eq(answered, 1);
    ck_assert(has_value(&read, 700));
    eloq_record_free(&read.op.record);
}
END_TEST

/* One pair of every third leaf or so, from this key on. */
static void write_batch(eloq_op *op, unsigned first)
{
    static char keys[BATCH][8];
    static eloq_entry entries[BATCH];

    memset(op, 0, sizeof(*op));
    for (unsigned i = 0; i < BATCH; i++) {
        key_of(keys[i], first + KEYS / BATCH * i);
        entries[i] = (eloq_entry){ .key = eloq_str(keys[i]), .value = eloq_str("new") };
    }
    op->done = done;
    ck_assert_int_eq(eloq_write_async(db, part, entries, BATCH, op), ELOQ_OK);
}

/* The most data page reads in flight while the batch is written. */
static size_t most_in_flight(int until)
{
    size_t most = 0;

    while (answered < until) {
        ck_assert_int_eq(eloq_run(db, 0), ELOQ_OK);
        most = MAX(most, db->shards[0].io->in_flight);
    }
    return most;
}

/* Behind the read of the setup others may come, which would wait; when none did for a while, a
 * batch has all of the device. */
START_TEST(a_batch_reads_ahead)
{
    static eloq_op op;
    eloq_record record = { 0 };
    char key[8];
    uint64_t before = reads_so_far();
    size_t most = 0;
    int batches = 1;

    write_batch(&op, 9);
    ck_assert_uint_le(most_in_flight(1), 32);
    ck_assert_int_eq(op.status, ELOQ_OK);
    while (most <= 64) {
        ck_assert_int_lt(++batches, 10);
        write_batch(&op, 4);
        most = most_in_flight(batches);
        ck_assert_int_eq(op.status, ELOQ_OK);
    }
    ck_assert_int_gt(batches, 2);
    /* each leaf once; the manifest */
    ck_assert_uint_le(reads_so_far() - before, (uint64_t)batches * BATCH + 16);
    for (unsigned i = 0; i < 2 * BATCH; i++) {
        key_of(key, (i % 2 ? 9 : 4) + KEYS / BATCH * (i / 2));
        ck_assert_int_eq(eloq_get(db, part, eloq_str(key), &record), ELOQ_OK);
        ck_assert_uint_eq(record.value.size, 3);
    }
    eloq_record_free(&record);
    eloq_checked checked = { 0 };
    ck_assert_int_eq(eloq_check(db, part, NULL, NULL, &checked), ELOQ_OK);
    close_store();
}
END_TEST

/* The n-th read fails, for ever: nothing hangs or leaks, and afterwards the batch goes through. */
START_TEST(a_batch_that_cannot_read)
{
    static eloq_op op;
    struct sim_fault fault = {
        .kinds = SIM_KIND(IO_READ), .nth = 1 + 10 * (uint64_t)_i, .sys_errno = EIO, .forever = true
    };

    sim_disk_fail(disk, &fault);
    write_batch(&op, 4);
    most_in_flight(1);
    ck_assert_int_eq(op.status, ELOQ_IO);
    ck_assert_uint_eq(db->shards[0].io->in_flight, 0);
    sim_disk_heal(disk);
    write_batch(&op, 4);
    most_in_flight(2);
    ck_assert_int_eq(op.status, ELOQ_OK);
    close_store();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cold");
    TCase *tc = tcase_create("cold");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, all_are_in_flight_at_once);
    tcase_add_test(tc, absent_expired_and_large_ones);
    tcase_add_test(tc, a_failure_is_told);
    tcase_add_test(tc, it_sees_its_moment);
    tcase_add_test(tc, closing_waits_for_it);
    tcase_add_test(tc, a_batch_reads_ahead);
    tcase_add_loop_test(tc, a_batch_that_cannot_read, 0, 15);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
