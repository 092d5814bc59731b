/* tests/unit/api/scan_test.c -- iterators whose next batch is prepared while the last one is used.
 */
#include "unit/api/fixture.h"

#define PAIRS 4000
#define VALUE_BYTES 1000

static const eloq_part part = { "t", 0 };
static char value[VALUE_BYTES];

/* Of every kind; false: there is none. The data is not in memory. */
static bool open_filled(int kind, eloq_store **ret)
{
    eloq_options options = ELOQ_OPTIONS(NULL);

    options.data_cache_bytes = 1;
    options.format.data_file_size = 1 << 20;
    if (!fixture_open(kind, "s", &options, ret))
        return false;
    for (int i = 0; i < PAIRS; i += 100) {
        eloq_entry entries[100] = { 0 };
        char keys[100][16];
        for (int n = 0; n < 100; n++) {
            snprintf(keys[n], sizeof(keys[n]), "%06d", i + n);
            entries[n].key = eloq_str(keys[n]);
            entries[n].value = eloq_bytes(value, sizeof(value));
        }
        ck_ok(eloq_write(*ret, part, entries, 100));
    }
    return true;
}

static uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n = 0;

    ck_ok(eloq_stat(db, name, &n));
    return n;
}

/* The next pair must be this one. */
static void next_is(eloq_iter *iter, int number)
{
    eloq_item item;
    char key[16];

    ck_ok(eloq_iter_next(iter, &item));
    snprintf(key, sizeof(key), "%06d", number);
    ck_assert_uint_eq(item.key.size, 6);
    ck_assert_mem_eq(item.key.data, key, 6);
    ck_assert_uint_eq(item.value.size, VALUE_BYTES);
}

START_TEST(every_pair_comes_once_in_order)
{
    eloq_store *db;
    eloq_item item;

    if (!open_filled(_i, &db))
        return;
    for (int reverse = 0; reverse < 2; reverse++) {
        eloq_range range = { .reverse = reverse };
        eloq_iter *iter;
        ck_ok(eloq_scan(db, part, &range, &iter));
        for (int i = 0; i < PAIRS; i++)
            next_is(iter, reverse ? PAIRS - 1 - i : i);
        ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
        ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
        eloq_iter_close(iter);
    }
    ck_ok(eloq_close(db));
}
END_TEST

/* Whatever is under way for it. */
START_TEST(an_iterator_may_be_closed_at_any_time)
{
    eloq_store *db;

    if (!open_filled(_i, &db))
        return;
    for (int pairs = 0; pairs < PAIRS; pairs += 37) {
        eloq_iter *iter;
        ck_ok(eloq_scan(db, part, NULL, &iter));
        for (int i = 0; i < pairs; i++)
            next_is(iter, i);
        eloq_iter_close(iter);
    }
    for (int i = 0; i < 2000 && stat_of(db, "iterators") != 0; i++)
        usleep(1000);
    ck_assert_uint_eq(stat_of(db, "iterators"), 0);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(the_store_closes_with_batches_under_way)
{
    enum { SCANS = 20 };
    eloq_iter *iters[SCANS];
    eloq_store *db;
    eloq_item item;

    if (!open_filled(_i, &db))
        return;
    for (int i = 0; i < SCANS; i++) {
        ck_ok(eloq_scan(db, part, NULL, &iters[i]));
        for (int n = 0; n < 90 * i; n++)
            next_is(iters[i], n);
    }
    ck_ok(eloq_close(db));
    for (int i = 0; i < SCANS; i++) {
        ck_rc(eloq_iter_next(iters[i], &item), ELOQ_CLOSED);
        eloq_iter_close(iters[i]);
    }
}
END_TEST

/* What was prepared is of the moment of the scan, as is what was not. */
START_TEST(a_batch_prepared_early_is_of_the_same_moment)
{
    eloq_store *db;
    eloq_iter *iter;
    eloq_item item;
    char key[16];

    if (!open_filled(_i, &db))
        return;
    ck_ok(eloq_scan(db, part, NULL, &iter));
    for (int i = 0; i < PAIRS; i++) {
        next_is(iter, i);
        if (i % 200 != 0)
            continue;
        snprintf(key, sizeof(key), "%06d", PAIRS - 1 - i);
        ck_ok(eloq_delete(db, part, eloq_str(key)));
        snprintf(key, sizeof(key), "%06dx", i);
        put(db, part, key, "new");
    }
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    eloq_iter_close(iter);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_limit_bounds_what_is_read_ahead)
{
    static const uint64_t limits[] = { 1, 2, 3, 10, 100, 333, 1000 };
    eloq_store *db;
    eloq_item item;

    if (!open_filled(_i, &db))
        return;
    for (size_t n = 0; n < sizeof(limits) / sizeof(limits[0]); n++) {
        eloq_range range = { .limit = limits[n], .begin = eloq_str("001000") };
        eloq_iter *iter;
        uint64_t before = stat_of(db, "pages_read_data");
        ck_ok(eloq_scan(db, part, &range, &iter));
        for (uint64_t i = 0; i < limits[n]; i++)
            next_is(iter, 1000 + (int)i);
        ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
        eloq_iter_close(iter);
        /* three pairs a page; the first page may hold one of them */
        ck_assert_uint_le(stat_of(db, "pages_read_data") - before, limits[n] / 3 + 4);
    }
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan");
    TCase *tc = tcase_create("scan");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, every_pair_comes_once_in_order, 0, STORE_KINDS);
    tcase_add_loop_test(tc, an_iterator_may_be_closed_at_any_time, 0, STORE_KINDS);
    tcase_add_loop_test(tc, the_store_closes_with_batches_under_way, 0, STORE_KINDS);
    tcase_add_loop_test(tc, a_batch_prepared_early_is_of_the_same_moment, 0, STORE_KINDS);
    tcase_add_loop_test(tc, a_limit_bounds_what_is_read_ahead, 0, STORE_KINDS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
