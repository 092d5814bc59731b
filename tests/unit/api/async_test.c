/* tests/unit/api/async_test.c -- asynchronous calls, queues, host-driven stores, racing closes. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "unit/api/fixture.h"

static const eloq_part part = { "t", 0 };

struct call {
    eloq_op op;
    _Atomic int done;
    int again; /* status of a waiting call made inside done */
    eloq_store *db;
};

static void on_done(eloq_op *op)
{
    struct call *call = (struct call *)op;
    atomic_fetch_add(&call->done, 1);
}

static void wait_done(struct call *call)
{
    for (int i = 0; i < 20000 && !atomic_load(&call->done); i++)
        usleep(500);
    ck_assert_int_eq(atomic_load(&call->done), 1);
}

START_TEST(done_runs_once_on_the_shard)
{
    struct call call = { .op.done = on_done };
    eloq_store *db;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    ck_ok(eloq_put_async(db, part, eloq_str("k"), eloq_str("v"), &call.op));
    wait_done(&call);
    ck_assert_int_eq(call.op.status, ELOQ_OK);
    call = (struct call){ .op.done = on_done };
    ck_ok(eloq_get_async(db, part, eloq_str("k"), &call.op));
    wait_done(&call);
    ck_assert_mem_eq(call.op.record.value.data, "v", 1);
    eloq_record_free(&call.op.record);
    call = (struct call){ .op.done = on_done };
    ck_ok(eloq_get_async(db, part, eloq_str("none"), &call.op));
    wait_done(&call);
    ck_assert_int_eq(call.op.status, ELOQ_NOT_FOUND);
    ck_assert_str_eq(eloq_op_errmsg(&call.op), "");
    ck_ok(eloq_close(db));
}
END_TEST

static void waiting_inside(eloq_op *op)
{
    struct call *call = (struct call *)op;
    eloq_record record = { 0 };

    call->again = eloq_get(call->db, part, eloq_str("k"), &record);
    if (call->again == ELOQ_INVALID && eloq_close(call->db) != ELOQ_INVALID)
        call->again = 0;
    on_done(op);
}

START_TEST(a_waiting_call_inside_done_is_invalid)
{
    eloq_store *db;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    struct call call = { .op.done = waiting_inside, .db = db };
    ck_ok(eloq_get_async(db, part, eloq_str("k"), &call.op));
    wait_done(&call);
    ck_assert_int_eq(call.again, ELOQ_INVALID);
    ck_ok(eloq_close(db));
}
END_TEST

static void resubmit(eloq_op *op)
{
    struct call *call = (struct call *)op;

    if (++call->again < 1000) {
        int rc = eloq_put_async(call->db, part, eloq_str("k"), eloq_str("v"), op);
        ck_assert_int_eq(rc, ELOQ_OK);
    } else {
        on_done(op);
    }
}

START_TEST(done_may_submit_its_op_again)
{
    eloq_store *db;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    struct call call = { .op.done = resubmit, .db = db };
    ck_ok(eloq_put_async(db, part, eloq_str("k"), eloq_str("v"), &call.op));
    wait_done(&call);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(calls_that_fail_at_once_never_call_done)
{
    struct call call = { .op.done = on_done };
    eloq_store *db;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    ck_rc(eloq_put_async(db, part, eloq_str(""), eloq_str("v"), &call.op), ELOQ_INVALID);
    ck_words("key");
    ck_rc(eloq_get_async(db, (eloq_part){ "a/b", 0 }, eloq_str("k"), &call.op), ELOQ_INVALID);
    ck_rc(eloq_get_async(db, part, eloq_str("k"), NULL), ELOQ_INVALID);
    call.op.done = NULL;
    ck_rc(eloq_get_async(db, part, eloq_str("k"), &call.op), ELOQ_INVALID);
    ck_ok(eloq_close(db));
    ck_assert_int_eq(call.done, 0);
}
END_TEST

START_TEST(failures_are_data_too)
{
    eloq_entry twice[2] = { { .key = eloq_str("k"), .value = eloq_str("v") },
                            { .key = eloq_str("k"), .value = eloq_str("v") } };
    struct call call = { .op.done = on_done };
    eloq_error error;
    eloq_store *db;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    ck_ok(eloq_write_async(db, part, twice, 2, &call.op));
    wait_done(&call);
    ck_assert_int_eq(call.op.status, ELOQ_INVALID);
    ck_assert_ptr_nonnull(strstr(eloq_op_errmsg(&call.op), "twice"));
    ck_ok(eloq_error_detail(&call.op, &error));
    ck_assert_int_eq(error.status, ELOQ_INVALID);
    ck_assert_str_eq(error.table, "t");
    ck_assert_int_eq(error.retryable, 0);
    ck_rc(eloq_write(db, part, twice, 2), ELOQ_INVALID);
    ck_ok(eloq_error_detail(NULL, &error));
    ck_assert_int_eq(error.status, ELOQ_INVALID);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(queues_run_done_on_the_callers_thread)
{
    enum { COUNT = 200 };
    static struct call calls[COUNT];
    eloq_queue *queue;
    eloq_store *db;
    int ran = 0;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    ck_ok(eloq_queue_new(&queue));
    ck_rc(eloq_queue_run(queue, 0), 0);
    ck_rc(eloq_queue_run(queue, 5), 0);
    for (int i = 0; i < COUNT; i++) {
        calls[i] = (struct call){ .op = { .done = on_done, .queue = queue } };
        ck_ok(eloq_put_async(db, part, eloq_str("k"), eloq_str("v"), &calls[i].op));
    }
    struct pollfd p = { .fd = eloq_queue_fd(queue), .events = POLLIN };
    ck_assert_int_eq(poll(&p, 1, 20000), 1);
    while (ran < COUNT) {
        int rc = eloq_queue_run(queue, 20000);
        ck_assert_int_gt(rc, 0);
        ran += rc;
    }
    ck_assert_int_eq(poll(&p, 1, 0), 0);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(calls[i].done, 1);
    uint64_t commits;
    ck_ok(eloq_stat(db, "commits", &commits));
    ck_assert_uint_lt(commits, COUNT); /* merged */
    eloq_queue_free(queue);
    eloq_queue_free(NULL);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(close_completes_what_was_accepted_and_the_queue_keeps_it)
{
    enum { COUNT = 100 };
    static struct call calls[COUNT];
    static char names[COUNT][16];
    eloq_queue *queue;
    eloq_store *db;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    ck_ok(eloq_queue_new(&queue));
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "k%d", i);
        calls[i] = (struct call){ .op = { .done = on_done, .queue = queue } };
        ck_ok(eloq_put_async(db, part, eloq_str(names[i]), eloq_str("v"), &calls[i].op));
    }
    ck_ok(eloq_close(db));
    ck_rc(eloq_queue_run(queue, 0), COUNT);
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(calls[i].op.status, ELOQ_OK);
    eloq_queue_free(queue);
    if (fixture_is_memory(_i))
        return;
    ck_assert(fixture_open(_i, "s", NULL, &db));
    for (int i = 0; i < COUNT; i++)
        expect(db, part, names[i], "v");
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_full_queue_is_busy_at_once_and_waits_for_the_waiting)
{
    enum { COUNT = 2000 };
    static struct call calls[COUNT];
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;
    int accepted = 0, busy = 0;

    options.queue_depth = 4;
    if (!fixture_open(_i, "s", &options, &db))
        return;
    for (int i = 0; i < COUNT; i++) {
        calls[i] = (struct call){ .op.done = on_done };
        int rc = eloq_put_async(db, part, eloq_str("k"), eloq_str("v"), &calls[i].op);
        if (rc == ELOQ_BUSY)
            busy++;
        else
            ck_ok(rc);
        calls[i].again = rc;
        accepted += rc == ELOQ_OK;
    }
    put(db, part, "last", "v");
    ck_ok(eloq_close(db));
    for (int i = 0; i < COUNT; i++)
        ck_assert_int_eq(calls[i].done, calls[i].again == ELOQ_OK);
    ck_assert_int_ge(accepted, 4);
    ck_assert_int_gt(busy, 0);
}
END_TEST

START_TEST(scan_async_never_waits)
{
    struct call call;
    eloq_iter *iter;
    eloq_item item;
    eloq_store *db;
    char name[16];
    unsigned count = 0, fetches = 0;
    static char value[1000];
    int rc;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "k%05d", i);
        ck_ok(eloq_put(db, part, eloq_str(name), eloq_bytes(value, sizeof(value))));
    }
    ck_ok(eloq_scan_async(db, part, NULL, &iter));
    while ((rc = eloq_iter_next(iter, &item)) != ELOQ_END) {
        if (rc == ELOQ_FETCH) {
            call = (struct call){ .op.done = on_done };
            ck_ok(eloq_iter_fetch_async(iter, &call.op));
            wait_done(&call);
            ck_assert_int_eq(call.op.status, ELOQ_OK);
            fetches++;
            continue;
        }
        ck_ok(rc);
        count++;
    }
    ck_assert_uint_eq(count, 500);
    ck_assert_uint_gt(fetches, 1);
    call = (struct call){ .op.done = on_done };
    ck_ok(eloq_iter_fetch_async(iter, &call.op));
    wait_done(&call);
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    eloq_iter_close(iter);
    ck_ok(eloq_close(db));
}
END_TEST

static int count_tables(void *user, eloq_part found)
{
    (void)found;
    ++*(int *)user;
    return 0;
}

START_TEST(tables_async_delivers_before_done)
{
    struct call call = { .op.done = on_done };
    eloq_queue *queue;
    eloq_store *db;
    int count = 0;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    put(db, part, "k", "v");
    ck_ok(eloq_queue_new(&queue));
    ck_ok(eloq_tables_async(db, count_tables, &count, &call.op));
    wait_done(&call);
    ck_assert_int_eq(count, 1);
    call = (struct call){ .op = { .done = on_done, .queue = queue } };
    ck_ok(eloq_tables_async(db, count_tables, &count, &call.op));
    ck_ok(eloq_close(db));
    ck_assert_int_eq(count, 1);
    ck_rc(eloq_queue_run(queue, 0), 1); /* after the store is gone */
    ck_assert_int_eq(count, 2);
    eloq_queue_free(queue);
}
END_TEST

/* ---- racing ---- */

struct racer {
    pthread_t thread;
    eloq_store *db;
    _Atomic long accepted, done;
    unsigned id;
    int last;
};

struct flight {
    eloq_op op;
    struct racer *racer;
};

static void flight_done(eloq_op *op)
{
    struct flight *f = (struct flight *)op;
    atomic_fetch_add(&f->racer->done, 1);
    eloq_record_free(&op->record);
    free(f);
}

static void *race(void *arg)
{
    struct racer *r = arg;
    int rc;

    do {
        eloq_part p = { "t", r->id % 3 };
        if (r->id % 2) {
            rc = eloq_put(r->db, p, eloq_str("k"), eloq_str("v"));
            continue;
        }
        struct flight *f = calloc(1, sizeof(*f));
        f->op.done = flight_done;
        f->racer = r;
        atomic_fetch_add(&r->accepted, 1);
        rc = r->id % 4 ? eloq_get_async(r->db, p, eloq_str("k"), &f->op)
                       : eloq_put_async(r->db, p, eloq_str("k"), eloq_str("v"), &f->op);
        if (rc != ELOQ_OK) {
            atomic_fetch_sub(&r->accepted, 1);
            free(f);
        }
    } while (rc == ELOQ_OK || rc == ELOQ_BUSY);
    r->last = rc;
    return NULL;
}

START_TEST(submissions_racing_with_close_complete_once_or_are_refused)
{
    enum { RACERS = 8 };
    struct racer racers[RACERS];
    eloq_options options = ELOQ_OPTIONS(NULL);
    options.shards = 2;

    for (int round = 0; round < 100; round++) {
        eloq_store *db;
        options.path = round % 4 == 0 ? fixture_path("s") : NULL;
        options.io_backend = round % 4 == 0 ? ELOQ_IO_THREADS : ELOQ_IO_AUTO;
        ck_ok(eloq_open(&options, &db));
        for (unsigned i = 0; i < RACERS; i++) {
            racers[i] = (struct racer){ .db = db, .id = i };
            pthread_create(&racers[i].thread, NULL, race, &racers[i]);
        }
        usleep((useconds_t)(round % 7) * 500);
        ck_ok(eloq_close(db));
        for (unsigned i = 0; i < RACERS; i++) {
            pthread_join(racers[i].thread, NULL);
            ck_assert_int_eq(racers[i].last, ELOQ_CLOSED);
            ck_assert_int_eq(atomic_load(&racers[i].accepted), atomic_load(&racers[i].done));
        }
    }
}
END_TEST

static void *close_iters(void *arg)
{
    eloq_iter **iters = arg;
    for (int i = 0; i < 50; i++)
        eloq_iter_close(iters[i]);
    return NULL;
}

START_TEST(iterators_closed_while_the_store_closes)
{
    for (int round = 0; round < 30; round++) {
        eloq_options options = ELOQ_OPTIONS(NULL);
        eloq_iter *iters[50];
        eloq_item item;
        eloq_store *db;
        pthread_t thread;

        ck_ok(eloq_open(&options, &db));
        put(db, part, "k", "v");
        for (int i = 0; i < 50; i++) {
            ck_ok(eloq_scan(db, part, NULL, &iters[i]));
            if (i % 2)
                ck_ok(eloq_iter_next(iters[i], &item));
        }
        pthread_create(&thread, NULL, close_iters, iters);
        ck_ok(eloq_close(db));
        pthread_join(thread, NULL);
    }
}
END_TEST

/* ---- host-driven ---- */

START_TEST(the_host_drives_by_its_descriptor)
{
    int kind = _i ? STORE_HOST_MEMORY : STORE_HOST_SYNC;
    struct call call = { .op.done = on_done };
    eloq_store *db;

    ck_assert(fixture_open(kind, "s", NULL, &db));
    struct pollfd p = { .fd = eloq_fd(db), .events = POLLIN };
    ck_assert_int_ge(p.fd, 0);
    ck_ok(eloq_run(db, 0));
    ck_assert_int_eq(poll(&p, 1, 0), 0);
    ck_ok(eloq_put_async(db, part, eloq_str("k"), eloq_str("v"), &call.op));
    while (!call.done) {
        ck_assert_int_eq(poll(&p, 1, 20000), 1);
        ck_ok(eloq_run(db, 0));
    }
    ck_ok(eloq_run(db, 0));
    ck_assert_int_eq(poll(&p, 1, 0), 0);
    ck_assert_int_eq(eloq_next_ms(db), -1);
    put(db, part, "a", "b"); /* a waiting call runs the shard */
    ck_ok(eloq_close(db));
    ck_rc(eloq_run(db, 0), ELOQ_CLOSED);
}
END_TEST

static void *from_elsewhere(void *arg)
{
    eloq_record record = { 0 };
    return (void *)(intptr_t)eloq_get(arg, part, eloq_str("k"), &record);
}

START_TEST(host_driven_stores_are_for_one_thread)
{
    pthread_t thread;
    void *status;
    eloq_store *db;

    ck_assert(fixture_open(STORE_HOST_MEMORY, "s", NULL, &db));
    pthread_create(&thread, NULL, from_elsewhere, db);
    pthread_join(thread, &status);
    ck_assert_int_eq((int)(intptr_t)status, ELOQ_INVALID);
    ck_ok(eloq_close(db));
    ck_assert(fixture_open(STORE_MEMORY, "s", NULL, &db));
    ck_rc(eloq_run(db, 0), ELOQ_INVALID);
    ck_rc(eloq_fd(db), ELOQ_INVALID);
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("async");
    TCase *tc = tcase_create("async");
    /* Host-driven stores need somebody to drive: they have tests of their own. */
    static const int threaded_end = STORE_HOST_SYNC;

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, done_runs_once_on_the_shard, 0, threaded_end);
    tcase_add_loop_test(tc, a_waiting_call_inside_done_is_invalid, 0, threaded_end);
    tcase_add_loop_test(tc, done_may_submit_its_op_again, 0, threaded_end);
    tcase_add_loop_test(tc, calls_that_fail_at_once_never_call_done, 0, threaded_end);
    tcase_add_loop_test(tc, failures_are_data_too, 0, threaded_end);
    tcase_add_loop_test(tc, queues_run_done_on_the_callers_thread, 0, threaded_end);
    tcase_add_loop_test(tc, close_completes_what_was_accepted_and_the_queue_keeps_it, 0,
                        STORE_KINDS);
    tcase_add_loop_test(tc, a_full_queue_is_busy_at_once_and_waits_for_the_waiting, 0, STORE_KINDS);
    tcase_add_loop_test(tc, scan_async_never_waits, 0, threaded_end);
    tcase_add_loop_test(tc, tables_async_delivers_before_done, 0, threaded_end);
    tcase_add_test(tc, submissions_racing_with_close_complete_once_or_are_refused);
    tcase_add_test(tc, iterators_closed_while_the_store_closes);
    tcase_add_loop_test(tc, the_host_drives_by_its_descriptor, 0, 2);
    tcase_add_test(tc, host_driven_stores_are_for_one_thread);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
