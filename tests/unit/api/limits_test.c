/* tests/unit/api/limits_test.c -- memory, descriptors, merged commits; the order of writes. */
#include <sys/resource.h>

#include "unit/api/fixture.h"

static const eloq_part part = { "t", 0 };

static uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n;
    ck_ok(eloq_stat(db, name, &n));
    return n;
}

START_TEST(a_small_store_lives_within_its_memory)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    char key[16], value[1000];
    eloq_store *db;
    eloq_iter *iter;
    eloq_item item;
    unsigned count = 0;

    options.memory_bytes = 9 << 20;
    if (!fixture_open(_i ? STORE_URING : STORE_THREADS, "s", &options, &db))
        return;
    memset(value, 'v', sizeof(value));
    for (unsigned i = 0; i < 4000; i++) {
        eloq_entry entries[10];
        char keys[10][16];
        for (unsigned n = 0; n < 10; n++) {
            snprintf(keys[n], sizeof(keys[n]), "%08u", (i * 10 + n) * 7919 % 40000);
            entries[n] =
                (eloq_entry){ .key = eloq_str(keys[n]), .value = eloq_bytes(value, sizeof(value)) };
        }
        if (i % 8 == 0)
            ck_ok(eloq_write(db, part, entries, 10));
        ck_assert_uint_le(stat_of(db, "memory_used"), options.memory_bytes);
    }
    for (unsigned i = 0; i < 2000; i++) {
        eloq_record record = { 0 };
        snprintf(key, sizeof(key), "%08u", i * 7919 % 40000);
        ck_assert_int_ge(eloq_get(db, part, eloq_str(key), &record), 0);
        eloq_record_free(&record);
    }
    ck_ok(eloq_scan(db, part, NULL, &iter));
    while (eloq_iter_next(iter, &item) == ELOQ_OK)
        count++;
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    ck_assert_uint_eq(count, 5000);
    eloq_iter_close(iter);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(too_few_descriptors_are_busy)
{
    struct rlimit limit = { .rlim_cur = 20, .rlim_max = 64 };
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *db;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    options.shards = 4;
    ck_rc(eloq_open(&options, &db), ELOQ_BUSY);
    ck_words("descriptors");
    options.shards = 1;
    ck_ok(eloq_open(&options, &db)); /* the soft limit was raised */
    for (uint32_t i = 0; i < 200; i++)
        put(db, (eloq_part){ "t", i }, "k", "v");
    for (uint32_t i = 0; i < 200; i++) /* this time each appends to its manifest */
        put(db, (eloq_part){ "t", i }, "k", "w");
    for (uint32_t i = 0; i < 200; i++)
        expect(db, (eloq_part){ "t", i }, "k", "w");
    ck_assert_uint_lt(stat_of(db, "open_files"), limit.rlim_max);
    ck_ok(eloq_close(db));
}
END_TEST

static void ignore(eloq_op *op)
{
    ck_assert_int_eq(op->status, ELOQ_OK);
}

START_TEST(writes_keep_their_order_when_merged)
{
    enum { COUNT = 500 };
    static eloq_op ops[COUNT];
    static char values[COUNT][8];
    eloq_queue *queue;
    eloq_store *db;
    int ran = 0;

    ck_assert(fixture_open(STORE_THREADS, "s", NULL, &db));
    ck_ok(eloq_queue_new(&queue));
    for (int i = 0; i < COUNT; i++) {
        snprintf(values[i], sizeof(values[i]), "%d", i);
        ops[i] = (eloq_op){ .queue = queue, .done = ignore };
        if (i % 7 == 3)
            ck_ok(eloq_delete_async(db, part, eloq_str("k"), &ops[i]));
        else
            ck_ok(eloq_put_async(db, part, eloq_str("k"), eloq_str(values[i]), &ops[i]));
    }
    while (ran < COUNT)
        ran += eloq_queue_run(queue, 10000);
    expect(db, part, "k", values[COUNT - 1]);
    ck_assert_uint_lt(stat_of(db, "commits"), COUNT);
    ck_assert_uint_eq(stat_of(db, "batches"), COUNT);
    ck_assert_uint_gt(stat_of(db, "batches_merged"), 0);
    eloq_queue_free(queue);
    ck_ok(eloq_close(db));
}
END_TEST

static void count_status(eloq_op *op)
{
    int *counts = op->user;
    counts[op->status == ELOQ_OK ? 0 : 1]++;
}

START_TEST(a_bad_batch_among_merged_ones_fails_alone)
{
    enum { COUNT = 300 };
    static eloq_op ops[COUNT];
    static char keys[COUNT][8];
    static eloq_entry entries[COUNT][2];
    eloq_queue *queue;
    eloq_store *db;
    int counts[2] = { 0, 0 };

    ck_assert(fixture_open(STORE_THREADS, "s", NULL, &db));
    ck_ok(eloq_queue_new(&queue));
    for (int i = 0; i < COUNT; i++) {
        bool bad = i % 5 == 0;
        snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        entries[i][0] = (eloq_entry){ .key = eloq_str(keys[i]), .value = eloq_str("v") };
        entries[i][1] = entries[i][0];
        if (!bad)
            entries[i][1].key = eloq_str("same");
        ops[i] = (eloq_op){ .queue = queue, .done = count_status, .user = counts };
        ck_ok(eloq_write_async(db, part, entries[i], 2, &ops[i]));
    }
    while (counts[0] + counts[1] < COUNT)
        ck_assert_int_gt(eloq_queue_run(queue, 10000), 0);
    ck_assert_int_eq(counts[1], COUNT / 5);
    for (int i = 0; i < COUNT; i++)
        expect(db, part, keys[i], i % 5 ? "v" : NULL);
    eloq_queue_free(queue);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(spinning_shards_work_and_sleep)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;

    options.io_spin_us = 200;
    ck_assert(fixture_open(STORE_THREADS, "s", &options, &db));
    for (int i = 0; i < 200; i++) {
        put(db, part, "k", "v");
        expect(db, part, "k", "v");
    }
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(an_idle_store_costs_no_cpu)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;
    struct rusage before, after;

    options.shards = 2;
    options.io_spin_us = 100;
    if (!fixture_open(STORE_URING, "s", &options, &db))
        return;
    put(db, part, "k", "v");
    getrusage(RUSAGE_SELF, &before);
    usleep(500000);
    getrusage(RUSAGE_SELF, &after);
    long used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec) * 1000000
                + (after.ru_utime.tv_usec - before.ru_utime.tv_usec);
    ck_assert_int_lt(used, 50000);
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tc = tcase_create("limits");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, a_small_store_lives_within_its_memory, 0, 2);
    tcase_add_test(tc, too_few_descriptors_are_busy);
    tcase_add_test(tc, writes_keep_their_order_when_merged);
    tcase_add_test(tc, a_bad_batch_among_merged_ones_fails_alone);
    tcase_add_test(tc, spinning_shards_work_and_sleep);
    tcase_add_test(tc, an_idle_store_costs_no_cpu);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
