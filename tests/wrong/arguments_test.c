/* tests/wrong/arguments_test.c -- wrong arguments of every public function: ELOQ_INVALID with words
 * that say which, nothing done, and the store as usable as before. */

#include "unit/api/fixture.h"

static const eloq_part part = { "t", 0 };
static eloq_store *db; /* in memory, with one pair */

static void setup(void)
{
    eloq_options options = ELOQ_OPTIONS(NULL);

    ck_ok(eloq_open(&options, &db));
    put(db, part, "k", "v");
}

/* After everything the store is as it was. */
static void teardown(void)
{
    eloq_iter *iter;
    eloq_item item;

    expect(db, part, "k", "v");
    ck_ok(eloq_scan(db, part, NULL, &iter));
    ck_ok(eloq_iter_next(iter, &item));
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    eloq_iter_close(iter);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    put(db, part, "another", "v");
    ck_ok(eloq_close(db));
}

static void on_done(eloq_op *op)
{
    (void)op;
    ck_abort_msg("done runs though the call was refused");
}

#define ck_invalid(expr)             \
    do {                             \
        ck_rc((expr), ELOQ_INVALID); \
        ck_words(" ");               \
    } while (0)

static int on_table(void *user, eloq_part found)
{
    (void)user;
    (void)found;
    return 0;
}

/* ---- NULL in the place of anything ---- */

START_TEST(null_stores_are_invalid)
{
    eloq_slice key = eloq_str("k");
    eloq_entry entry = { .key = key };
    eloq_record record = { 0 };
    eloq_op op = { .done = on_done };
    int status;
    uint64_t n;
    eloq_iter *iter = (eloq_iter *)&n;

    ck_invalid(eloq_put(NULL, part, key, key));
    ck_invalid(eloq_delete(NULL, part, key));
    ck_invalid(eloq_write(NULL, part, &entry, 1));
    ck_invalid(eloq_put_async(NULL, part, key, key, &op));
    ck_invalid(eloq_delete_async(NULL, part, key, &op));
    ck_invalid(eloq_write_async(NULL, part, &entry, 1, &op));
    ck_invalid(eloq_get(NULL, part, key, &record));
    ck_invalid(eloq_floor(NULL, part, key, &record));
    ck_invalid(eloq_get_many(NULL, part, &key, 1, &record, &status));
    ck_invalid(eloq_get_async(NULL, part, key, &op));
    ck_invalid(eloq_floor_async(NULL, part, key, &op));
    ck_invalid(eloq_get_many_async(NULL, part, &key, 1, &record, &status, &op));
    ck_invalid(eloq_scan(NULL, part, NULL, &iter));
    ck_assert_ptr_null(iter);
    iter = (eloq_iter *)&n;
    ck_invalid(eloq_scan_async(NULL, part, NULL, &iter));
    ck_assert_ptr_null(iter);
    ck_invalid(eloq_tables(NULL, on_table, NULL));
    ck_invalid(eloq_tables_async(NULL, on_table, NULL, &op));
    ck_invalid(eloq_check(NULL, part, NULL, NULL, NULL));
    ck_invalid(eloq_check_async(NULL, part, NULL, NULL, NULL, &op));
    ck_invalid(eloq_stat(NULL, "commits", &n));
    ck_invalid(eloq_run(NULL, 0));
    ck_invalid(eloq_fd(NULL));
    ck_invalid(eloq_next_ms(NULL));
    ck_ok(eloq_close(NULL));
}
END_TEST

START_TEST(null_places_for_results_are_invalid)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_slice key = eloq_str("k");
    eloq_record record = { 0 };
    eloq_store *other = db;
    eloq_iter *iter;
    eloq_item item;
    int status;
    uint64_t n;

    ck_invalid(eloq_open(NULL, &other));
    ck_invalid(eloq_open(&options, NULL));
    ck_invalid(eloq_options_load(NULL, "x"));
    ck_invalid(eloq_options_load(&options, NULL));
    ck_invalid(eloq_options_set(NULL, "fd_limit", "100"));
    ck_invalid(eloq_options_set(&options, NULL, "100"));
    ck_invalid(eloq_options_set(&options, "fd_limit", NULL));
    eloq_options_free(NULL);
    ck_invalid(eloq_get(db, part, key, NULL));
    ck_invalid(eloq_floor(db, part, key, NULL));
    ck_invalid(eloq_get_many(db, part, NULL, 1, &record, &status));
    ck_invalid(eloq_get_many(db, part, &key, 1, NULL, &status));
    ck_invalid(eloq_get_many(db, part, &key, 1, &record, NULL));
    ck_ok(eloq_get_many(db, part, NULL, 0, NULL, NULL));
    ck_invalid(eloq_write(db, part, NULL, 1));
    ck_ok(eloq_write(db, part, NULL, 0));
    ck_invalid(eloq_scan(db, part, NULL, NULL));
    ck_invalid(eloq_scan_async(db, part, NULL, NULL));
    ck_invalid(eloq_iter_next(NULL, &item));
    ck_ok(eloq_scan(db, part, NULL, &iter));
    ck_invalid(eloq_iter_next(iter, NULL));
    ck_ok(eloq_iter_next(iter, &item)); /* it was not moved */
    ck_assert_uint_eq(item.key.size, 1);
    eloq_iter_close(iter);
    eloq_iter_close(NULL);
    ck_invalid(eloq_tables(db, NULL, NULL));
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_invalid(eloq_stat(db, NULL, &n));
    ck_invalid(eloq_stat(db, "commits", NULL));
    ck_invalid(eloq_stat(db, "no_such_counter", &n));
    ck_words("no_such_counter");
    ck_invalid(eloq_queue_new(NULL));
    ck_invalid(eloq_queue_fd(NULL));
    ck_invalid(eloq_queue_run(NULL, 0));
    eloq_queue_free(NULL);
    ck_invalid(eloq_error_detail(NULL, NULL));
    ck_assert_str_eq(eloq_op_errmsg(NULL), "");
    eloq_record_free(NULL);
    eloq_record_free(&record);
}
END_TEST

START_TEST(ops_without_done_are_invalid_and_untouched)
{
    eloq_slice key = eloq_str("k");
    eloq_entry entry = { .key = key };
    eloq_op none = { .status = 77 };
    eloq_record record = { 0 };
    int status;
    eloq_iter *iter;

    ck_ok(eloq_scan_async(db, part, NULL, &iter));
    for (int i = 0; i < 2; i++) {
        eloq_op *op = i == 0 ? NULL : &none;
        ck_invalid(eloq_put_async(db, part, key, key, op));
        ck_invalid(eloq_delete_async(db, part, key, op));
        ck_invalid(eloq_write_async(db, part, &entry, 1, op));
        ck_invalid(eloq_get_async(db, part, key, op));
        ck_invalid(eloq_floor_async(db, part, key, op));
        ck_invalid(eloq_get_many_async(db, part, &key, 1, &record, &status, op));
        ck_invalid(eloq_iter_fetch_async(iter, op));
        ck_invalid(eloq_tables_async(db, on_table, NULL, op));
        ck_invalid(eloq_check_async(db, part, NULL, NULL, NULL, op));
    }
    ck_invalid(eloq_iter_fetch_async(NULL, &none));
    ck_assert_int_eq(none.status, 77);
    eloq_iter_close(iter);
}
END_TEST

/* ---- keys, values, entries ---- */

START_TEST(keys_and_values_that_cannot_be_are_invalid)
{
    static const eloq_entry wrong[] = {
        { .key = { "", 0 } },
        { .key = { NULL, 0 } },
        { .key = { NULL, 3 } },
        { .key = { "k", 1 }, .value = { NULL, 5 } },
        { .key = { "k", 1 }, .kind = 2 },
        { .key = { "k", 1 }, .kind = -1 },
        { .key = { "k", 1 }, .timestamp = UINT64_C(1) << 63 },
        { .key = { "k", 1 }, .timestamp = UINT64_MAX - 1 },
        { .key = { "k", 1 }, .kind = ELOQ_DELETE, .timestamp = UINT64_C(1) << 63 },
        { .key = { "k", 1 }, .value = { "v", (UINT64_C(1) << 30) + 1 } },
        { .key = { "k", 1 }, .value = { "v", SIZE_MAX } },
        { .key = { "k", SIZE_MAX } },
    };
    eloq_op op = { .done = on_done };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        eloq_entry batch[3] = { { .key = eloq_str("new") }, wrong[i], { .key = eloq_str("x") } };
        ck_invalid(eloq_write(db, part, &wrong[i], 1));
        ck_invalid(eloq_write(db, part, batch, 3)); /* none of it */
        ck_invalid(eloq_write_async(db, part, batch, 3, &op));
    }
    ck_invalid(eloq_put(db, part, eloq_str(""), eloq_str("v")));
    ck_words("key");
    ck_invalid(eloq_delete(db, part, eloq_str(NULL)));
    ck_invalid(eloq_put(db, part, eloq_str("k"), eloq_bytes(NULL, 1)));
    ck_words("value");
    eloq_record record = { 0 };
    ck_invalid(eloq_get(db, part, eloq_bytes(NULL, 1), &record));
    ck_invalid(eloq_floor(db, part, eloq_bytes(NULL, 1), &record));
    eloq_slice keys[2] = { eloq_str("k"), eloq_bytes(NULL, 1) };
    ck_invalid(eloq_get_many(db, part, keys, 2, &record, (int[2]){ 0 }));
    eloq_range range = { .begin = eloq_bytes(NULL, 1) };
    eloq_iter *iter;
    ck_invalid(eloq_scan(db, part, &range, &iter));
    range = (eloq_range){ .end = eloq_bytes(NULL, 1) };
    ck_invalid(eloq_scan(db, part, &range, &iter));
}
END_TEST

/* Half a page, eight bytes less with an expiry; a delete has no expiry. */
START_TEST(keys_may_have_half_a_page)
{
    static const uint32_t sizes[] = { 4096, 8192, 12288, 61440 };
    eloq_record record = { 0 };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        eloq_options options = ELOQ_OPTIONS(NULL);
        size_t most = sizes[i] / 2;
        char *key = malloc(2 * sizes[i]);
        eloq_store *own;
        memset(key, 'k', 2 * sizes[i]);
        options.format.data_page_size = sizes[i];
        options.format.pages_per_file_shift = 4;
        ck_ok(eloq_open(&options, &own));
        eloq_entry entry = { .key = eloq_bytes(key, most), .value = eloq_str("v") };
        ck_ok(eloq_write(own, part, &entry, 1));
        entry.key.size = most + 1;
        ck_invalid(eloq_write(own, part, &entry, 1));
        ck_words("key");
        entry.expire_at = UINT64_C(1) << 44;
        entry.key.size = most - 7;
        ck_invalid(eloq_write(own, part, &entry, 1));
        entry.key.size = most - 8;
        ck_ok(eloq_write(own, part, &entry, 1));
        entry.key.size = most;
        entry.kind = ELOQ_DELETE;
        ck_ok(eloq_write(own, part, &entry, 1));
        entry.key.size = most - 8;
        ck_ok(eloq_get(own, part, entry.key, &record));
        /* Reads take keys of any length: a longer one is not there. */
        ck_rc(eloq_get(own, part, eloq_bytes(key, 2 * sizes[i]), &record), ELOQ_NOT_FOUND);
        ck_ok(eloq_floor(own, part, eloq_bytes(key, 2 * sizes[i]), &record));
        ck_assert_uint_eq(record.key.size, most - 8);
        eloq_range range = { .begin = eloq_bytes(key, 2 * sizes[i]) };
        eloq_iter *iter;
        eloq_item item;
        ck_ok(eloq_scan(own, part, &range, &iter));
        ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
        eloq_iter_close(iter);
        ck_ok(eloq_check(own, part, NULL, NULL, NULL));
        ck_ok(eloq_close(own));
        free(key);
    }
    eloq_record_free(&record);
}
END_TEST

START_TEST(a_key_twice_in_a_batch_is_invalid_in_any_order)
{
    static const char *const batches[][4] = { { "x", "x", "y", "z" },
                                              { "z", "y", "x", "z" },
                                              { "x", "y", "y", "z" } };

    for (size_t i = 0; i < 3; i++) {
        eloq_entry entries[4];
        for (size_t j = 0; j < 4; j++)
            entries[j] = (eloq_entry){ .key = eloq_str(batches[i][j]),
                                       .value = eloq_str("w"),
                                       .kind = j % 2 ? ELOQ_DELETE : ELOQ_PUT };
        ck_invalid(eloq_write(db, part, entries, 4));
        ck_words("twice");
    }
}
END_TEST

/* ---- tables ---- */

START_TEST(table_names_that_cannot_be_are_invalid_everywhere)
{
    static char too_long[246];
    static const char *const names[] = { NULL, "", "/", "a/b", "/a", "a/", ".", "..", too_long };
    eloq_op op = { .done = on_done };
    eloq_record record = { 0 };
    eloq_slice key = eloq_str("k");
    int status = 55;
    eloq_iter *iter;

    memset(too_long, 'n', 245);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        eloq_part p = { names[i], 0 };
        ck_invalid(eloq_put(db, p, key, key));
        ck_words("table");
        ck_invalid(eloq_delete(db, p, key));
        ck_invalid(eloq_write(db, p, NULL, 0));
        ck_invalid(eloq_get(db, p, key, &record));
        ck_invalid(eloq_floor(db, p, key, &record));
        ck_invalid(eloq_get_many(db, p, &key, 1, &record, &status));
        ck_invalid(eloq_scan(db, p, NULL, &iter));
        ck_assert_ptr_null(iter);
        ck_invalid(eloq_scan_async(db, p, NULL, &iter));
        ck_invalid(eloq_check(db, p, NULL, NULL, NULL));
        ck_invalid(eloq_put_async(db, p, key, key, &op));
        ck_invalid(eloq_get_async(db, p, key, &op));
    }
    ck_assert_int_eq(status, 55);
    too_long[244] = '\0';
    eloq_part longest = { too_long, UINT32_MAX };
    put(db, longest, "k", "v");
    expect(db, longest, "k", "v");
    eloq_part odd = { "...", 1 }; /* dots alone are a name if there are three */
    put(db, odd, "k", "v");
    expect(db, odd, "k", "v");
}
END_TEST

/* ---- a store that was never written, or is empty: engine.md 2.4 ---- */

static void answers_as_empty(eloq_store *own, eloq_part p, int check)
{
    eloq_record record = { 0 };
    eloq_slice keys[2] = { eloq_str("a"), eloq_str("b") };
    eloq_record many[2] = { { { 0 }, { 0 }, 0, 0 } };
    int statuses[2];
    eloq_iter *iter;
    eloq_item item;

    for (int reverse = 0; reverse < 2; reverse++) {
        eloq_range range = { .reverse = reverse };
        ck_ok(eloq_scan(own, p, &range, &iter));
        ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
        ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
        eloq_iter_close(iter);
    }
    ck_rc(eloq_get(own, p, keys[0], &record), ELOQ_NOT_FOUND);
    ck_rc(eloq_floor(own, p, keys[0], &record), ELOQ_NOT_FOUND);
    ck_ok(eloq_get_many(own, p, keys, 2, many, statuses));
    ck_assert_int_eq(statuses[0], ELOQ_NOT_FOUND);
    ck_assert_int_eq(statuses[1], ELOQ_NOT_FOUND);
    ck_assert_ptr_null(record.value.data);
    ck_rc(eloq_check(own, p, NULL, NULL, NULL), check);
    /* Deletes alone succeed and make nothing. */
    ck_ok(eloq_delete(own, p, keys[0]));
    eloq_entry deletes[2] = { { .key = keys[0], .kind = ELOQ_DELETE },
                              { .key = keys[1], .kind = ELOQ_DELETE } };
    ck_ok(eloq_write(own, p, deletes, 2));
    ck_rc(eloq_check(own, p, NULL, NULL, NULL), check);
    ck_rc(eloq_clean_expired(own, p), check);
}

/* Afterwards it is as one that was never written. */
static void goes_as_told(eloq_store *own, eloq_part p)
{
    ck_ok(eloq_truncate(own, p, eloq_str("a")));
    ck_ok(eloq_truncate(own, p, eloq_str("")));
    ck_ok(eloq_truncate(own, p, eloq_str("")));
    ck_ok(eloq_drop(own, p.table));
    ck_ok(eloq_drop(own, p.table));
    answers_as_empty(own, p, ELOQ_NOT_FOUND);
}

START_TEST(partitions_never_written_and_empty_ones_answer_as_told)
{
    eloq_part empty = { "t", 5 }, never = { "never", 0 };
    eloq_store *own;

    fixture_setup();
    if (fixture_open(_i, "s", NULL, &own)) {
        put(own, empty, "k", "v");
        ck_ok(eloq_delete(own, empty, eloq_str("k")));
        answers_as_empty(own, empty, ELOQ_OK);
        answers_as_empty(own, never, ELOQ_NOT_FOUND);
        if (!fixture_is_memory(_i))
            ck_assert(!fixture_exists("s/never.0"));
        ck_ok(eloq_close(own));
        if (!fixture_is_memory(_i)) {
            ck_assert(fixture_open(_i, "s", NULL, &own));
            answers_as_empty(own, empty, ELOQ_OK);
            answers_as_empty(own, never, ELOQ_NOT_FOUND);
            put(own, never, "k", "v");
            expect(own, never, "k", "v");
            ck_ok(eloq_delete(own, never, eloq_str("k")));
            goes_as_told(own, never);
            goes_as_told(own, empty);
            ck_ok(eloq_close(own));
        }
    }
    fixture_teardown();
}
END_TEST

/* The wrong mode: archives of a store that is in place, writes to one that is read-only. */
START_TEST(the_wrong_mode_is_invalid)
{
    eloq_options options;
    eloq_op op = { .done = on_done };
    eloq_store *own;

    fixture_setup();
    options = (eloq_options)ELOQ_OPTIONS(fixture_path("s"));
    ck_ok(eloq_open(&options, &own));
    put(own, part, "k", "v");
    ck_ok(eloq_close(own));
    options.as_of = 12345;
    ck_rc(eloq_open(&options, &own), ELOQ_INVALID);
    ck_words("archives");
    options.as_of = 0;
    options.read_only = 1;
    ck_ok(eloq_open(&options, &own));
    ck_invalid(eloq_put(own, part, eloq_str("k"), eloq_str("w")));
    ck_words("read-only");
    ck_invalid(eloq_delete(own, part, eloq_str("k")));
    ck_invalid(eloq_write(own, part, NULL, 0));
    ck_invalid(eloq_put_async(own, part, eloq_str("k"), eloq_str("w"), &op));
    expect(own, part, "k", "v");
    ck_ok(eloq_check(own, part, NULL, NULL, NULL));
    ck_ok(eloq_close(own));
    fixture_teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arguments");
    TCase *tc = tcase_create("arguments");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, null_stores_are_invalid);
    tcase_add_test(tc, null_places_for_results_are_invalid);
    tcase_add_test(tc, ops_without_done_are_invalid_and_untouched);
    tcase_add_test(tc, keys_and_values_that_cannot_be_are_invalid);
    tcase_add_test(tc, keys_may_have_half_a_page);
    tcase_add_test(tc, a_key_twice_in_a_batch_is_invalid_in_any_order);
    tcase_add_test(tc, table_names_that_cannot_be_are_invalid_everywhere);
    tcase_add_loop_test(tc, partitions_never_written_and_empty_ones_answer_as_told, 0, STORE_KINDS);
    tcase_add_test(tc, the_wrong_mode_is_invalid);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
