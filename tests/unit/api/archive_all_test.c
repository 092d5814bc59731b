/* tests/unit/api/archive_all_test.c -- archives of all partitions hold one moment; by request and
 * by timer. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "unit/api/archive_fixture.h"

static const eloq_part part = { "t", 0 };

#define COUNTERS 6

struct writer {
    eloq_store *db;
    _Atomic bool stop;
    uint64_t rounds;
};

/* The same number into every partition, in order. */
static void *count_up(void *arg)
{
    struct writer *w = arg;
    char value[32];

    for (uint64_t n = 1; !atomic_load(&w->stop); n++) {
        snprintf(value, sizeof(value), "%llu", (unsigned long long)n);
        for (uint32_t i = 0; i < COUNTERS; i++) {
            eloq_part p = { "count", i };
            ck_ok(eloq_put(w->db, p, eloq_str("n"), eloq_str(value)));
        }
        w->rounds = n;
    }
    return NULL;
}

static unsigned counter(eloq_store *db, uint32_t i)
{
    eloq_part p = { "count", i };
    eloq_record record = { 0 };
    int rc = eloq_get(db, p, eloq_str("n"), &record);

    ck_assert_int_ge(rc, 0);
    unsigned n = rc == ELOQ_OK ? number(eloq_bytes(record.value.data, record.value.size)) : 0;
    eloq_record_free(&record);
    return n;
}

START_TEST(all_partitions_have_one_moment)
{
    eloq_options options = append_options(), as_of = ELOQ_OPTIONS(NULL);
    struct writer w = { 0 };
    pthread_t thread;
    eloq_store *reader;

    options.shards = 3;
    options.max_archive_tasks = 2;
    options.io_backend = _i;
    options.path = fixture_path("s");
    int rc = eloq_open(&options, &w.db);
    if (rc < 0 && _i == ELOQ_IO_URING && strstr(eloq_errmsg(), "not available"))
        return;
    ck_ok(rc);
    ck_assert_int_eq(pthread_create(&thread, NULL, count_up, &w), 0);
    for (uint64_t i = 1; i <= 20; i++) {
        usleep(3000);
        ck_ok(eloq_archive_all(w.db, i));
    }
    atomic_store(&w.stop, true);
    pthread_join(thread, NULL);
    ck_ok(eloq_close(w.db));
    unsigned last = 0;
    for (uint64_t i = 1; i <= 20; i++) {
        as_of.path = fixture_path("s");
        as_of.as_of = i;
        rc = eloq_open(&as_of, &reader);
        if (rc == ELOQ_NOT_FOUND && last == 0)
            continue; /* nothing was there yet */
        ck_ok(rc);
        unsigned before = counter(reader, 0);
        ck_assert_uint_ge(before, last); /* and moments come one after the other */
        last = before;
        for (uint32_t n = 1; n < COUNTERS; n++) {
            unsigned now = counter(reader, n);
            ck_assert_msg(now <= before && before - now <= 1, "archive %u: %u then %u", (unsigned)i,
                          before, now);
            before = now;
        }
        ck_assert_uint_le(last - before, 1);
        ck_ok(eloq_close(reader));
    }
    ck_assert_uint_gt(last, 0);
}
END_TEST

static int only_even(void *user, eloq_part p)
{
    (void)user;
    return p.partition % 2 == 0;
}

START_TEST(all_means_those_that_pass_the_filter)
{
    eloq_options options = append_options();
    eloq_archive_list list = { 0 };
    eloq_store *db;

    if (!opens(_i))
        return;
    options.partition_filter = only_even;
    options.max_archive_tasks = 3;
    ck_assert(fixture_open(_i, "s", &options, &db));
    for (uint32_t i = 0; i < 40; i++) {
        eloq_part p = { "many", i };
        put(db, p, "k", "v");
        if (i % 4 == 0) /* empty ones are skipped */
            ck_ok(eloq_delete(db, p, eloq_str("k")));
    }
    ck_ok(eloq_archive_all(db, 77));
    for (uint32_t i = 0; i < 40; i++) {
        eloq_part p = { "many", i };
        int rc = eloq_archives(db, p, &list);
        ck_assert_int_ge(rc, 0);
        ck_assert_uint_eq(list.count, i % 4 == 2);
        eloq_archives_free(&list);
    }
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(one_failing_partition_does_not_stop_the_others)
{
    eloq_archive_list list = { 0 };
    eloq_store *db;

    if (!opens(_i))
        return;
    ck_assert(open_append(_i, &db));
    for (uint32_t i = 0; i < 5; i++) {
        eloq_part p = { "t", i };
        put(db, p, "k", "v");
    }
    ck_ok(eloq_close(db));
    int fd = open(fixture_path("s/t.2/manifest_0"), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "damage", 6, 0), 6);
    close(fd);
    ck_assert(open_append(_i, &db));
    ck_rc(eloq_archive_all(db, 3), ELOQ_CORRUPTED);
    eloq_error e;
    ck_ok(eloq_error_detail(NULL, &e));
    ck_assert_str_eq(e.table, "t");
    ck_assert_uint_eq(e.partition, 2);
    for (uint32_t i = 0; i < 5; i++) {
        eloq_part p = { "t", i };
        ck_ok(eloq_archives(db, p, &list));
        ck_assert_uint_eq(list.count, i != 2);
    }
    eloq_archives_free(&list);
    ck_ok(eloq_close(db));
}
END_TEST

static void note_status(eloq_op *op)
{
    *(_Atomic int *)op->user = op->status;
}

START_TEST(closing_completes_what_was_asked)
{
    _Atomic int status[2] = { 99, 99 };
    eloq_op ops[2] = { { .done = note_status, .user = &status[0] },
                       { .done = note_status, .user = &status[1] } };
    eloq_store *db;

    if (!opens(_i))
        return;
    ck_assert(open_append(_i, &db));
    for (uint32_t i = 0; i < 30; i++) {
        eloq_part p = { "t", i };
        put(db, p, "k", "v");
    }
    ck_ok(eloq_archive_all_async(db, 8, &ops[0]));
    ck_ok(eloq_archive_all_async(db, 9, &ops[1])); /* one at a time */
    ck_ok(eloq_close(db));
    ck_assert_int_eq(status[0], ELOQ_OK);
    ck_assert(status[1] == ELOQ_BUSY || status[1] == ELOQ_OK);
    ck_assert_uint_eq(count_files("manifest_0_8"), 1);
    ck_assert(fixture_exists("s/t.29/manifest_0_8"));
}
END_TEST

START_TEST(the_timer_archives_and_retains)
{
    eloq_options options = append_options();
    eloq_archive_list list = { 0 };
    eloq_store *db;
    uint64_t made = 0;

    if (!opens(_i))
        return;
    options.num_retained_archives = 2;
    options.archive_interval_secs = 1;
    ck_assert(fixture_open(_i, "s", &options, &db));
    put(db, part, "k", "v");
    for (int i = 0; i < 150 && made < 3; i++) {
        if (_i == STORE_HOST_SYNC)
            ck_ok(eloq_run(db, 100));
        else
            usleep(100000);
        ck_ok(eloq_stat(db, "archives_made", &made));
    }
    ck_assert_uint_ge(made, 3);
    ck_ok(eloq_archives(db, part, &list));
    ck_assert_uint_ge(list.count, 1);
    ck_assert_uint_le(list.count, 3); /* one may have been made just now */
    eloq_archives_free(&list);
    ck_ok(eloq_close(db)); /* whatever it is at */
    ck_assert_uint_le(count_files("manifest_0_"), 2);
    ck_assert(open_append(_i, &db));
    expect(db, part, "k", "v");
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/archive_all");
    TCase *tc = tcase_create("archive");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, all_partitions_have_one_moment, ELOQ_IO_URING, ELOQ_IO_SYNC + 1);
    tcase_add_loop_test(tc, all_means_those_that_pass_the_filter, 0, STORE_KINDS);
    tcase_add_loop_test(tc, one_failing_partition_does_not_stop_the_others, 0, STORE_KINDS);
    tcase_add_loop_test(tc, closing_completes_what_was_asked, 0, STORE_KINDS);
    tcase_add_loop_test(tc, the_timer_archives_and_retains, 0, STORE_KINDS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
