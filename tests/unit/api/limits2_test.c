/* tests/unit/api/limits2_test.c -- every limit at its least: slower, or busy where that is said,
 * never stuck, never more than the limit, and everything is there afterwards. */
#include <pthread.h>

#include "unit/api/fixture.h"

#define MEMORY_LEAST (9 << 20)

static uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n;
    ck_ok(eloq_stat(db, name, &n));
    return n;
}

/* Many asynchronous operations, their answers counted by the queue's thread. */
struct crowd {
    eloq_queue *queue;
    unsigned under_way, failed;
    int status; /* the first failure */
    char words[400];
};

static void answered(eloq_op *op)
{
    struct crowd *c = op->user;

    c->under_way--;
    if (op->status < 0) {
        if (c->failed++ == 0)
            snprintf(c->words, sizeof(c->words), "%d: %s", op->status, eloq_op_errmsg(op));
        c->status = op->status;
    }
}

static void crowd_open(struct crowd *c)
{
    *c = (struct crowd){ 0 };
    ck_ok(eloq_queue_new(&c->queue));
}

static eloq_op *crowd_op(struct crowd *c, eloq_op *op)
{
    eloq_buffer value = op->record.value; /* used again */

    *op = (eloq_op){ .done = answered, .user = c, .queue = c->queue, .record.value = value };
    c->under_way++;
    return op;
}

static void crowd_wait(struct crowd *c, unsigned left)
{
    while (c->under_way > left)
        ck_assert_int_gt(eloq_queue_run(c->queue, 60000), 0);
}

static void crowd_close(struct crowd *c)
{
    crowd_wait(c, 0);
    ck_assert_msg(c->failed == 0, "%u failed, first %s", c->failed, c->words);
    eloq_queue_free(c->queue);
}

static void write_crowd(eloq_store *db, unsigned parts, size_t value_bytes, unsigned rounds)
{
    static eloq_op ops[4000];
    static char value[2 << 20];
    struct crowd c;

    memset(value, 'v', sizeof(value));
    crowd_open(&c);
    for (unsigned round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < parts; i++) {
            int rc;
            eloq_op *op = crowd_op(&c, &ops[i]);
            while ((rc = eloq_put_async(db, (eloq_part){ "t", i }, eloq_str("key"),
                                        eloq_bytes(value, value_bytes + round), op))
                   == ELOQ_BUSY)
                ck_assert_int_ge(eloq_queue_run(c.queue, 10), 0);
            ck_ok(rc);
        }
        crowd_wait(&c, 0);
        ck_assert_uint_le(stat_of(db, "memory_used"), stat_of(db, "memory_limit"));
    }
    crowd_close(&c);
}

static void read_crowd(eloq_store *db, unsigned parts, size_t value_bytes)
{
    static eloq_op ops[400];
    struct crowd c;

    crowd_open(&c);
    for (uint32_t i = 0; i < parts; i++) {
        int rc;
        eloq_op *op = crowd_op(&c, &ops[i]);
        while ((rc = eloq_get_async(db, (eloq_part){ "t", i }, eloq_str("key"), op)) == ELOQ_BUSY)
            ck_assert_int_ge(eloq_queue_run(c.queue, 10), 0);
        ck_ok(rc);
    }
    crowd_close(&c);
    for (uint32_t i = 0; i < parts; i++) {
        ck_assert_uint_eq(ops[i].record.value.size, value_bytes);
        eloq_record_free(&ops[i].record);
    }
}

static void check_parts(eloq_store *db, unsigned parts)
{
    for (uint32_t i = 0; i < parts; i++)
        ck_ok(eloq_check(db, (eloq_part){ "t", i }, NULL, NULL, NULL));
}

START_TEST(large_values_in_the_least_memory)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;

    options.memory_bytes = MEMORY_LEAST;
    options.format.data_append_mode = _i >= 3 ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = 9; /* files are made at their full size */
    static const int kinds[] = { STORE_SYNC, STORE_THREADS, STORE_URING };
    if (!fixture_open(kinds[_i % 3], "s", &options, &db))
        return;
    write_crowd(db, 60, 1 << 20, 2);
    read_crowd(db, 60, (1 << 20) + 1);
    check_parts(db, 60);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_value_beyond_the_memory_is_refused)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    static char value[4 << 20];
    eloq_store *db;

    options.memory_bytes = MEMORY_LEAST;
    ck_assert(fixture_open(STORE_THREADS, "s", &options, &db));
    ck_rc(eloq_put(db, (eloq_part){ "t", 0 }, eloq_str("k"), eloq_bytes(value, sizeof(value))),
          ELOQ_INVALID);
    ck_ok(eloq_put(db, (eloq_part){ "t", 0 }, eloq_str("k"), eloq_bytes(value, MEMORY_LEAST / 4)));
    ck_ok(eloq_close(db));
}
END_TEST

/* Scans with their windows open, all at once, over more than the memory holds. */
START_TEST(many_scans_in_the_least_memory)
{
    enum { SCANS = 60, KEYS = 3000 };
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_iter *iters[SCANS];
    unsigned seen[SCANS] = { 0 };
    static char value[2000];
    const eloq_part part = { "t", 0 };
    eloq_store *db;
    char key[16];
    unsigned left = SCANS;

    options.memory_bytes = MEMORY_LEAST;
    if (!fixture_open(_i & 1 ? STORE_URING : STORE_THREADS, "s", &options, &db))
        return;
    for (unsigned i = 0; i < KEYS; i += 10) {
        eloq_entry entries[10];
        char keys[10][16];
        for (unsigned n = 0; n < 10; n++) {
            snprintf(keys[n], sizeof(keys[n]), "%08u", i + n);
            entries[n] =
                (eloq_entry){ .key = eloq_str(keys[n]), .value = eloq_bytes(value, sizeof(value)) };
        }
        ck_ok(eloq_write(db, part, entries, 10));
    }
    for (unsigned i = 0; i < SCANS; i++) {
        eloq_range range = { .reverse = _i >= 2 };
        ck_ok(eloq_scan(db, part, &range, &iters[i]));
    }
    while (left > 0) {
        left = 0;
        for (unsigned i = 0; i < SCANS; i++) {
            eloq_item item;
            for (int n = 0; n < 20; n++) {
                int rc = eloq_iter_next(iters[i], &item);
                if (rc == ELOQ_END)
                    break;
                ck_ok(rc);
                snprintf(key, sizeof(key), "%08u", _i >= 2 ? KEYS - 1 - seen[i] : seen[i]);
                ck_assert_mem_eq(item.key.data, key, 8);
                seen[i]++;
                left++;
            }
        }
        ck_assert_uint_le(stat_of(db, "memory_used"), options.memory_bytes);
    }
    for (unsigned i = 0; i < SCANS; i++) {
        ck_assert_uint_eq(seen[i], KEYS);
        eloq_iter_close(iters[i]);
    }
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(partitions_come_and_go_in_a_cache_of_nothing)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;
    char key[16];

    options.root_meta_cache_size = 300;
    options.memory_bytes = MEMORY_LEAST;
    if (!fixture_open(_i ? STORE_URING : STORE_THREADS, "s", &options, &db))
        return;
    for (int round = 0; round < 10; round++)
        for (uint32_t i = 0; i < 20; i++) {
            snprintf(key, sizeof(key), "k%d", round);
            put(db, (eloq_part){ "t", i }, key, "v");
        }
    for (uint32_t i = 0; i < 20; i++)
        for (int round = 0; round < 10; round++) {
            snprintf(key, sizeof(key), "k%d", round);
            expect(db, (eloq_part){ "t", i }, key, "v");
        }
    ck_assert_uint_le(stat_of(db, "partitions_loaded"), 2);
    ck_assert_uint_gt(stat_of(db, "partition_evictions"), 100);
    write_crowd(db, 20, 100, 5);
    check_parts(db, 20);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(few_descriptors_and_many_files)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    unsigned parts = _i & 1 ? 10 : 1;
    static char value[3000];
    char key[16];
    eloq_store *db;

    options.fd_limit = 16;
    options.format.pages_per_file_shift = _i & 2 ? 1 : ELOQ_ZERO;
    options.format.data_append_mode = _i & 4 ? 1 : ELOQ_ZERO;
    ck_assert(fixture_open(STORE_THREADS, "s", &options, &db));
    for (int k = 0; k < 60; k++)
        for (uint32_t i = 0; i < parts; i++) {
            snprintf(key, sizeof(key), "%d", k);
            ck_ok(eloq_put(db, (eloq_part){ "t", i }, eloq_str(key),
                           eloq_bytes(value, sizeof(value))));
            ck_assert_uint_le(stat_of(db, "open_files"), stat_of(db, "open_files_limit"));
        }
    ck_assert_uint_eq(stat_of(db, "open_files_limit"), 16);
    write_crowd(db, parts, 20000, 3);
    read_crowd(db, parts, 20002);
    check_parts(db, parts);
    ck_ok(eloq_close(db));
}
END_TEST

static void *put_in_a_row(void *arg)
{
    eloq_store *db = arg;
    static _Atomic uint32_t next;
    eloq_part part = { "t", next++ % 4 };
    static char value[30000];
    char key[16];

    for (int i = 0; i < 30; i++) {
        snprintf(key, sizeof(key), "%d", i);
        ck_assert_int_eq(eloq_put(db, part, eloq_str(key), eloq_bytes(value, sizeof(value))),
                         ELOQ_OK);
    }
    return NULL;
}

START_TEST(one_of_everything)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    pthread_t threads[8];
    eloq_store *db;

    options.queue_depth = 1;
    options.max_inflight_write = 1;
    options.max_write_batch_pages = 1;
    options.io_queue_size = 8;
    options.coroutine_stack_size = 32768;
    options.memory_bytes = MEMORY_LEAST;
    options.write_merge_entries = 1;
    options.write_merge_bytes = 1;
    options.manifest_limit = 4096;
    options.data_page_restart_interval = options.index_page_restart_interval = 1;
    options.max_archive_tasks = 1;
    options.low_prio_budget_us = 1;
    options.fd_limit = 16;
    options.root_meta_cache_size = 1;
    options.buffer_pool_size = 262144;
    options.format.data_append_mode = _i & 1 ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = 9;
    if (!fixture_open(_i & 2 ? STORE_URING : STORE_THREADS, "s", &options, &db))
        return;
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, put_in_a_row, db), 0);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    check_parts(db, 4);

    /* what does not wait is told that there is no room */
    struct crowd c;
    static eloq_op ops[50];
    unsigned busy = 0;
    crowd_open(&c);
    for (int i = 0; i < 50; i++) {
        int rc = eloq_put_async(db, (eloq_part){ "t", 0 }, eloq_str("k"), eloq_str("v"),
                                crowd_op(&c, &ops[i]));
        if (rc == ELOQ_BUSY) {
            ck_words("queue_depth");
            c.under_way--;
            busy++;
        } else {
            ck_ok(rc);
        }
    }
    ck_assert_uint_gt(busy, 0);
    crowd_close(&c);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(three_thousand_partitions_at_once)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;
    struct crowd c;
    static eloq_op ops[3000];

    options.buffer_pool_size = 262144;
    options.memory_bytes = 32 << 20;
    options.fd_limit = 200;
    ck_assert(fixture_open(STORE_THREADS, "s", &options, &db));
    write_crowd(db, 3000, 500, 1);
    crowd_open(&c);
    for (uint32_t i = 0; i < 3000; i++) {
        int rc;
        eloq_op *op = crowd_op(&c, &ops[i]);
        while ((rc = eloq_truncate_async(db, (eloq_part){ "t", i }, eloq_str("a"), op))
               == ELOQ_BUSY)
            ck_assert_int_ge(eloq_queue_run(c.queue, 10), 0);
        ck_ok(rc);
    }
    crowd_close(&c);
    write_crowd(db, 3000, 600, 1);
    for (uint32_t i = 0; i < 3000; i += 100)
        check_parts(db, 1);
    ck_assert_uint_le(stat_of(db, "memory_used"), options.memory_bytes);
    ck_assert_uint_le(stat_of(db, "open_files"), 200);
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits2");
    TCase *tc = tcase_create("limits2");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, large_values_in_the_least_memory, 0, 6);
    tcase_add_test(tc, a_value_beyond_the_memory_is_refused);
    tcase_add_loop_test(tc, many_scans_in_the_least_memory, 0, 4);
    tcase_add_loop_test(tc, partitions_come_and_go_in_a_cache_of_nothing, 0, 2);
    tcase_add_loop_test(tc, few_descriptors_and_many_files, 0, 8);
    tcase_add_loop_test(tc, one_of_everything, 0, 4);
    tcase_add_test(tc, three_thousand_partitions_at_once);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
