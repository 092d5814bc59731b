/* tests/wrong/hazards_test.c -- what brought the reference down (engine.md 13) and is not shown
 * elsewhere; docs/TESTING.md has the whole list. */
#include <dirent.h>
#include <stdatomic.h>

#include "unit/api/fixture.h"
#include "wrong/victim.h"

static const eloq_part part = { "t", 0 };

static void setup(void)
{
    snprintf(fixture_dir, sizeof(fixture_dir), "/dev/shm/eloq-wrong-XXXXXX");
    if (!mkdtemp(fixture_dir))
        fixture_setup();
}

struct call {
    eloq_op op;
    _Atomic int *done;
    eloq_store *db;
    eloq_iter *iter;
    char key[16];
};

static void count_done(eloq_op *op)
{
    atomic_fetch_add(((struct call *)op)->done, 1);
}

static void wait_until(_Atomic int *done, int count)
{
    for (int i = 0; i < 60000 && atomic_load(done) < count; i++)
        usleep(500);
    ck_assert_int_eq(atomic_load(done), count);
}

/* H-12, scenario 50: finished writes start the next by a loop, not by recursion. */
START_TEST(two_hundred_thousand_queued_writes_complete_once)
{
    enum { COUNT = 200000 };
    struct call *calls = calloc(COUNT, sizeof(*calls));
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_entry tiny = { .key = eloq_str("k"), .value = eloq_str("v") };
    _Atomic int done = 0;
    eloq_store *db;

    options.queue_depth = 1 << 18;
    if (!fixture_open(_i, "s", &options, &db))
        return;
    for (int i = 0; i < COUNT; i++) {
        calls[i].op.done = count_done;
        calls[i].done = &done;
        ck_ok(eloq_write_async(db, part, &tiny, i % 2, &calls[i].op)); /* every other one empty */
    }
    wait_until(&done, COUNT);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(calls[i].op.status, ELOQ_OK);
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));
    free(calls);
}
END_TEST

/* ---- calls inside done (H-17, H-18) ---- */

static int on_table(void *user, eloq_part found)
{
    (void)user;
    (void)found;
    return 0;
}

static void call_everything(eloq_op *op)
{
    struct call *call = (struct call *)op;
    eloq_slice key = eloq_str("k");
    eloq_record record = { 0 };
    eloq_item item;
    int status;
    uint64_t n;

    ck_rc(eloq_get(call->db, part, key, &record), ELOQ_INVALID);
    ck_words("inside done");
    ck_rc(eloq_floor(call->db, part, key, &record), ELOQ_INVALID);
    ck_rc(eloq_get_many(call->db, part, &key, 1, &record, &status), ELOQ_INVALID);
    ck_rc(eloq_put(call->db, part, key, key), ELOQ_INVALID);
    ck_rc(eloq_delete(call->db, part, key), ELOQ_INVALID);
    ck_rc(eloq_write(call->db, part, NULL, 0), ELOQ_INVALID);
    ck_rc(eloq_iter_next(call->iter, &item), ELOQ_INVALID);
    ck_rc(eloq_tables(call->db, on_table, NULL), ELOQ_INVALID);
    ck_rc(eloq_check(call->db, part, NULL, NULL, NULL), ELOQ_INVALID);
    ck_rc(eloq_stat(call->db, "commits", &n), ELOQ_INVALID);
    ck_rc(eloq_run(call->db, 0), ELOQ_INVALID);
    ck_rc(eloq_close(call->db), ELOQ_INVALID);
    count_done(op);
}

START_TEST(every_waiting_call_inside_done_is_invalid_and_harmless)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    _Atomic int done = 0;
    struct call call = { .op.done = call_everything, .done = &done };
    eloq_item item;

    options.host_driven = _i;
    ck_ok(eloq_open(&options, &call.db));
    put(call.db, part, "k", "v");
    ck_ok(eloq_scan(call.db, part, NULL, &call.iter));
    ck_ok(eloq_get_async(call.db, part, eloq_str("k"), &call.op));
    while (_i && atomic_load(&done) == 0)
        ck_ok(eloq_run(call.db, 10));
    wait_until(&done, 1);
    ck_ok(eloq_iter_next(call.iter, &item)); /* it was only refused then */
    eloq_iter_close(call.iter);
    eloq_record_free(&call.op.record);
    expect(call.db, part, "k", "v");
    ck_ok(eloq_close(call.db));
}
END_TEST

static void free_it(eloq_op *op)
{
    struct call *call = (struct call *)op;
    _Atomic int *done = call->done;

    eloq_record_free(&op->record);
    memset(call, 0xee, sizeof(*call));
    free(call);
    atomic_fetch_add(done, 1);
}

START_TEST(an_op_may_be_freed_in_its_done)
{
    enum { COUNT = 2000 };
    eloq_queue *queue = NULL;
    _Atomic int done = 0;
    eloq_store *db;

    if (!fixture_open(_i % 2 ? STORE_THREADS : STORE_MEMORY, "s", NULL, &db))
        return;
    put(db, part, "k", "v");
    if (_i / 2)
        ck_ok(eloq_queue_new(&queue));
    for (int i = 0; i < COUNT; i++) {
        struct call *call = calloc(1, sizeof(*call));
        call->op.done = free_it;
        call->op.queue = queue;
        call->done = &done;
        int rc = i % 50 ? eloq_get_async(db, part, eloq_str("k"), &call->op)
                        : eloq_put_async(db, part, eloq_str("k"), eloq_str("v"), &call->op);
        ck_ok(rc);
        if (queue && i % 100 == 0)
            ck_assert_int_ge(eloq_queue_run(queue, 0), 0);
    }
    while (queue && atomic_load(&done) < COUNT)
        ck_assert_int_gt(eloq_queue_run(queue, 20000), 0);
    wait_until(&done, COUNT);
    eloq_queue_free(queue);
    ck_ok(eloq_close(db));
}
END_TEST

/* Two fetches would share one batch. */
START_TEST(a_second_fetch_while_one_is_under_way_is_refused)
{
    _Atomic int done = 0;
    struct call a = { .op.done = count_done, .done = &done };
    struct call b = { .op.done = count_done, .done = &done };
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_iter *iter;
    eloq_item item;
    eloq_store *db;

    options.host_driven = 1; /* nothing happens before eloq_run */
    ck_ok(eloq_open(&options, &db));
    put(db, part, "k", "v");
    ck_ok(eloq_scan_async(db, part, NULL, &iter));
    ck_rc(eloq_iter_next(iter, &item), ELOQ_FETCH);
    ck_ok(eloq_iter_fetch_async(iter, &a.op));
    ck_rc(eloq_iter_fetch_async(iter, &b.op), ELOQ_INVALID);
    ck_words("fetch");
    ck_rc(eloq_iter_next(iter, &item), ELOQ_FETCH);
    while (atomic_load(&done) == 0)
        ck_ok(eloq_run(db, 10));
    ck_ok(eloq_iter_next(iter, &item));
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    ck_ok(eloq_iter_fetch_async(iter, &b.op));
    while (atomic_load(&done) == 1)
        ck_ok(eloq_run(db, 10));
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    eloq_iter_close(iter);
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- opening in vain (H-14) ---- */

static int descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

START_TEST(a_failed_open_leaves_no_descriptor_and_no_lock)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *db, *again;

    options.shards = 3;
    ck_ok(eloq_open(&options, &db));
    put(db, part, "k", "v");
    ck_ok(eloq_close(db));
    int before = descriptors();
    for (int i = 0; i < 20; i++) {
        eloq_options wrong = options;
        if (i % 4 == 0) {
            wrong.path = "/proc/nowhere/s";
        } else if (i % 4 == 1) {
            wrong.format.data_page_size = 8192;
        } else if (i % 4 == 2) {
            wrong.as_of = 77;
        } else {
            wrong.shards = 1024; /* more than there are descriptors for */
            wrong.fd_limit = 1000;
            wrong.memory_bytes = UINT64_C(4) << 30;
        }
        ck_assert_int_lt(eloq_open(&wrong, &again), 0);
        ck_assert_ptr_null(again);
        ck_assert_int_eq(descriptors(), before);
    }
    ck_ok(eloq_open(&options, &db));
    int open_count = descriptors();
    ck_rc(eloq_open(&options, &again), ELOQ_BUSY);
    ck_assert_int_eq(descriptors(), open_count);
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));
    ck_assert_int_eq(descriptors(), before);
}
END_TEST

/* ---- old versions (H-08, H-09, scenario 49) ---- */

static off_t data_bytes(void)
{
    struct stat st;

    ck_assert_int_eq(stat(fixture_path("s/t.0/data_0_0"), &st), 0);
    return st.st_size;
}

static void small_commits(eloq_store *db, int count)
{
    char key[16];

    for (int i = 0; i < count; i++) {
        snprintf(key, sizeof(key), "key%05d", i * 7919 % 2000);
        ck_ok(eloq_put(db, part, eloq_str(key), eloq_str("changed, and of another size")));
    }
}

START_TEST(a_slow_scan_costs_no_more_than_its_own_moment)
{
    static char keys[2000][16], value[100];
    static eloq_entry entries[2000];
    eloq_iter *iter;
    eloq_item item;
    eloq_store *db;
    int count = 1;

    memset(value, 'v', sizeof(value));
    for (int i = 0; i < 2000; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key%05d", i);
        entries[i] =
            (eloq_entry){ .key = eloq_str(keys[i]), .value = eloq_bytes(value, sizeof(value)) };
    }
    ck_assert(fixture_open(STORE_SYNC, "s", NULL, &db));
    ck_ok(eloq_write(db, part, entries, 2000));
    off_t first = data_bytes();
    ck_ok(eloq_scan(db, part, NULL, &iter));
    ck_ok(eloq_iter_next(iter, &item));
    small_commits(db, 1500);
    ck_assert_msg(data_bytes() < 3 * first, "%ld of %ld bytes", (long)data_bytes(), (long)first);
    while (eloq_iter_next(iter, &item) == ELOQ_OK) {
        ck_assert_uint_eq(item.value.size, sizeof(value)); /* as it was */
        count++;
    }
    ck_assert_int_eq(count, 2000);
    eloq_iter_close(iter);
    off_t then = data_bytes();
    small_commits(db, 1500);
    ck_assert_int_le(data_bytes(), then);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- caches that are too small (H-07, scenario 46) ---- */

START_TEST(partitions_larger_than_their_cache_are_served)
{
    static char value[300];
    eloq_options options = ELOQ_OPTIONS(NULL);
    char key[16];
    eloq_store *db;

    memset(value, 'v', sizeof(value));
    options.root_meta_cache_size = 1;
    options.buffer_pool_size = 262144;
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    for (int round = 0; round < 3; round++) {
        for (uint32_t p = 0; p < 20; p++) {
            snprintf(key, sizeof(key), "key%d", round);
            ck_ok(eloq_put(db, (eloq_part){ "t", p }, eloq_str(key),
                           eloq_bytes(value, sizeof(value))));
        }
    }
    eloq_record record = { 0 };
    for (uint32_t p = 0; p < 20; p++)
        for (int round = 0; round < 3; round++) {
            snprintf(key, sizeof(key), "key%d", round);
            ck_ok(eloq_get(db, (eloq_part){ "t", p }, eloq_str(key), &record));
        }
    eloq_record_free(&record);
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- damage and what is said about it (H-34, H-40) ---- */

static void count_line(void *user, int level, const char *line)
{
    (void)level;
    ck_assert_str_ne(line, "");
    atomic_fetch_add((_Atomic int *)user, 1);
}

static void ttl_broken(struct victim *v)
{
    victim_leaf_ttl(v, "short", 5);
}

static eloq_store *open_victim(void (*damage)(struct victim *v), eloq_options options)
{
    struct victim *v = calloc(1, sizeof(*v));
    eloq_store *db;

    options.format.pages_per_file_shift = VICTIM_SHIFT;
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    ck_ok(eloq_close(db));
    victim_make(v);
    damage(v);
    victim_write(v, fixture_path("s/t.0"));
    free(v);
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    return db;
}

START_TEST(a_failing_job_on_a_busy_partition_does_not_flood_the_log)
{
    _Atomic int lines = 0;
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_record record = { 0 };

    options.log = count_line;
    options.log_user = &lines;
    eloq_store *db = open_victim(ttl_broken, options);
    for (int i = 0; i < 300; i++) /* each is followed by an attempt to clean */
        put(db, part, "a1", "v");
    for (int i = 0; i < 1000; i++)
        ck_rc(eloq_get(db, part, eloq_str("nowhere"), &record), ELOQ_NOT_FOUND);
    ck_ok(eloq_close(db));
    ck_assert_int_ge(atomic_load(&lines), 1);
    ck_assert_int_le(atomic_load(&lines), 5);
}
END_TEST

static void root_is_a_leaf(struct victim *v)
{
    v->root[0] = LEAF_A;
}

/* Nobody is told twice: an error that a caller gets is not logged. With compression on, a batch to
 * a partition that cannot be read is an error like any other. */
START_TEST(failing_reads_and_writes_are_answered_and_not_logged)
{
    _Atomic int lines = 0;
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_record record = { 0 };
    static char value[20000];

    memset(value, 'v', sizeof(value));
    options.log = count_line;
    options.log_user = &lines;
    options.enable_compression = 1;
    eloq_store *db = open_victim(root_is_a_leaf, options);
    for (int i = 0; i < 200; i++) {
        ck_rc(eloq_get(db, part, eloq_str("a1"), &record), ELOQ_CORRUPTED);
        ck_rc(eloq_put(db, part, eloq_str("a1"), eloq_bytes(value, sizeof(value))), ELOQ_CORRUPTED);
    }
    put(db, (eloq_part){ "t", 1 }, "k", "v");
    expect(db, (eloq_part){ "t", 1 }, "k", "v");
    ck_ok(eloq_close(db));
    ck_assert_int_le(atomic_load(&lines), 5);
}
END_TEST

/* With verification off everything is trusted that has the right shape, and nothing more. */
static void noise(struct victim *v)
{
    uint8_t *page = v->pages[LEAF_B];

    for (int i = 9; i < VICTIM_PAGE; i++)
        page[i] = (uint8_t)(i * 131 + i / 7);
}

START_TEST(without_verification_noise_is_still_an_error)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_record record = { 0 };
    eloq_iter *iter;
    eloq_item item;
    int rc;

    options.skip_verify_checksum = 1;
    eloq_store *db = open_victim(noise, options);
    ck_rc(eloq_get(db, part, eloq_str("b1"), &record), ELOQ_CORRUPTED);
    ck_ok(eloq_get(db, part, eloq_str("a1"), &record));
    ck_ok(eloq_get(db, part, eloq_str("c1"), &record));
    ck_ok(eloq_scan(db, part, NULL, &iter));
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK)
        ;
    ck_rc(rc, ELOQ_CORRUPTED);
    eloq_iter_close(iter);
    eloq_record_free(&record);
    ck_ok(eloq_close(db));
}
END_TEST

/* H-25: the expiry that a floor tells is its own entry's. */
START_TEST(a_floor_tells_the_expiry_of_its_own_pair)
{
    static char keys[100][16];
    eloq_entry entries[100];
    eloq_record record = { 0 };
    eloq_store *db;

    for (int i = 0; i < 100; i++) {
        snprintf(keys[i], sizeof(keys[i]), "key%02d", i);
        entries[i] = (eloq_entry){ .key = eloq_str(keys[i]),
                                   .value = eloq_str("v"),
                                   .expire_at = i % 3 ? CEXP_EXPIRES + (uint64_t)i : 0 };
    }
    ck_assert(fixture_open(STORE_MEMORY, "s", NULL, &db));
    ck_ok(eloq_write(db, part, entries, 100));
    for (int i = 0; i < 100; i++) {
        char above[20];
        snprintf(above, sizeof(above), "key%02d.", i);
        ck_ok(eloq_floor(db, part, eloq_str(above), &record));
        ck_assert_mem_eq(record.key.data, keys[i], 5);
        ck_assert_uint_eq(record.expire_at, entries[i].expire_at);
    }
    eloq_record_free(&record);
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hazards");
    TCase *tc = tcase_create("hazards");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, fixture_teardown);
    tcase_add_loop_test(tc, two_hundred_thousand_queued_writes_complete_once, STORE_MEMORY,
                        STORE_THREADS);
    tcase_add_loop_test(tc, every_waiting_call_inside_done_is_invalid_and_harmless, 0, 2);
    tcase_add_loop_test(tc, an_op_may_be_freed_in_its_done, 0, 4);
    tcase_add_test(tc, a_second_fetch_while_one_is_under_way_is_refused);
    tcase_add_test(tc, a_failed_open_leaves_no_descriptor_and_no_lock);
    tcase_add_test(tc, a_slow_scan_costs_no_more_than_its_own_moment);
    tcase_add_test(tc, partitions_larger_than_their_cache_are_served);
    tcase_add_test(tc, a_failing_job_on_a_busy_partition_does_not_flood_the_log);
    tcase_add_test(tc, failing_reads_and_writes_are_answered_and_not_logged);
    tcase_add_test(tc, without_verification_noise_is_still_an_error);
    tcase_add_test(tc, a_floor_tells_the_expiry_of_its_own_pair);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
