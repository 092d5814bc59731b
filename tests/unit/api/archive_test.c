/* tests/unit/api/archive_test.c -- archives hold the state of their moment, whatever happens later.
 */
#include <fcntl.h>
#include <time.h>

#include "unit/api/archive_fixture.h"

static const eloq_part part = { "t", 0 };

/* ---- what a partition holds ---- */

#define KEYS 300

static void key_of(unsigned i, char *key)
{
    snprintf(key, 16, "key%05u", i);
}

/* A state: value of each key, 0 = absent. */
struct state {
    unsigned value[KEYS];
};

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 8;
}

/* Changes about a part of the keys, in the store and in the state, as one batch. */
static void change(eloq_store *db, struct state *s, unsigned *seed, unsigned one_of)
{
    static char keys[KEYS][16], values[KEYS][128];
    eloq_entry entries[KEYS];
    size_t count = 0;

    memset(entries, 0, sizeof(entries));
    for (unsigned i = 0; i < KEYS; i++) {
        if (next_random(seed) % one_of != 0)
            continue;
        key_of(i, keys[count]);
        unsigned value = next_random(seed) % 5 == 0 ? 0 : next_random(seed) % 1000000 + 1;
        int size = snprintf(values[count], 128, "%0100u", value);
        entries[count].key = eloq_str(keys[count]);
        entries[count].value = eloq_bytes(values[count], (size_t)size);
        entries[count].kind = value ? ELOQ_PUT : ELOQ_DELETE;
        s->value[i] = value;
        count++;
    }
    ck_ok(eloq_write(db, part, entries, count));
}

/* The partition holds this state and nothing else. */
static void compare(eloq_store *db, const struct state *s)
{
    eloq_range range = { 0 };
    eloq_iter *iter;
    eloq_item item;
    char key[16];
    int rc = ELOQ_OK;

    ck_ok(eloq_scan(db, part, &range, &iter));
    for (unsigned i = 0; i < KEYS; i++) {
        if (s->value[i] == 0)
            continue;
        key_of(i, key);
        ck_ok(rc = eloq_iter_next(iter, &item));
        ck_assert_uint_eq(item.key.size, strlen(key));
        ck_assert_mem_eq(item.key.data, key, strlen(key));
        ck_assert_uint_eq(number(item.value), s->value[i]);
    }
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    eloq_iter_close(iter);
}

/* The archive holds this state, and check finds nothing in it. */
static void compare_archive(int kind, uint64_t timestamp, const struct state *s)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;

    options.as_of = timestamp;
    ck_assert(fixture_open(kind, "s", &options, &db));
    compare(db, s);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}

static void expect_archives(eloq_store *db, size_t count, const uint64_t *timestamps)
{
    eloq_archive_list list = { 0 };

    ck_ok(eloq_archives(db, part, &list));
    ck_assert_uint_eq(list.count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(list.timestamps[i], timestamps[i]);
    eloq_archives_free(&list);
}

/* ---- wrong calls ---- */

START_TEST(only_append_mode_has_archives)
{
    eloq_archive_list list = { 0 };
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;

    if (_i == STORE_URING)
        return;
    if (fixture_is_memory(_i))
        options.format.data_append_mode = 1;
    ck_assert(fixture_open(_i, "s", &options, &db));
    put(db, part, "k", "v");
    const char *why = fixture_is_memory(_i) ? "memory" : "recycled";
    ck_rc(eloq_archive(db, part, 1), ELOQ_INVALID);
    ck_words(why);
    ck_rc(eloq_archive_all(db, 1), ELOQ_INVALID);
    ck_words(why);
    ck_rc(eloq_archives(db, part, &list), ELOQ_INVALID);
    ck_words(why);
    ck_rc(eloq_restore(db, part, 1), ELOQ_INVALID);
    ck_words(why);
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(wrong_arguments_are_refused)
{
    eloq_archive_list list = { 0 };
    eloq_part bad = { "a/b", 0 };
    eloq_op op = { 0 };
    eloq_store *db;

    ck_assert(open_append(STORE_HOST_SYNC, &db));
    ck_rc(eloq_archive(NULL, part, 1), ELOQ_INVALID);
    ck_rc(eloq_archive_all(NULL, 1), ELOQ_INVALID);
    ck_rc(eloq_archive(db, bad, 1), ELOQ_INVALID);
    ck_rc(eloq_restore(db, bad, 1), ELOQ_INVALID);
    ck_rc(eloq_restore(db, part, 0), ELOQ_INVALID);
    ck_rc(eloq_archives(db, bad, &list), ELOQ_INVALID);
    ck_rc(eloq_archives(db, part, NULL), ELOQ_INVALID);
    ck_rc(eloq_archive_async(db, part, 1, &op), ELOQ_INVALID);
    ck_rc(eloq_archive_all_async(db, 1, NULL), ELOQ_INVALID);
    ck_rc(eloq_restore_async(db, part, 1, &op), ELOQ_INVALID);
    ck_rc(eloq_archives_async(db, part, &list, &op), ELOQ_INVALID);
    eloq_archives_free(NULL);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(nothing_to_archive_is_a_no)
{
    eloq_archive_list list = { 0 };
    eloq_store *db;

    if (!opens(_i))
        return;
    ck_assert(open_append(_i, &db));
    ck_rc(eloq_archive(db, part, 1), ELOQ_NOT_FOUND);
    ck_rc(eloq_archives(db, part, &list), ELOQ_NOT_FOUND);
    ck_rc(eloq_restore(db, part, 1), ELOQ_NOT_FOUND);
    ck_ok(eloq_archive_all(db, 1));
    ck_assert(!fixture_exists("s/t.0"));
    put(db, part, "k", "v");
    ck_rc(eloq_restore(db, part, 1), ELOQ_NOT_FOUND);
    expect_archives(db, 0, NULL);
    ck_ok(eloq_delete(db, part, eloq_str("k")));
    ck_rc(eloq_archive(db, part, 1), ELOQ_NOT_FOUND);
    ck_ok(eloq_archive_all(db, 1));
    ck_ok(eloq_close(db));
    ck_assert_uint_eq(count_files("manifest_0_"), 0);
}
END_TEST

START_TEST(a_reading_store_makes_none)
{
    eloq_options options = append_options();
    eloq_store *db;

    ck_assert(open_append(STORE_HOST_SYNC, &db));
    put(db, part, "k", "v");
    ck_ok(eloq_archive(db, part, 7));
    ck_ok(eloq_close(db));
    options.read_only = 1;
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &options, &db));
    ck_rc(eloq_archive(db, part, 8), ELOQ_DENIED);
    ck_rc(eloq_archive_all(db, 8), ELOQ_DENIED);
    ck_rc(eloq_restore(db, part, 7), ELOQ_DENIED);
    expect_archives(db, 1, (const uint64_t[]){ 7 });
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- create, list, read ---- */

START_TEST(archives_hold_their_moment)
{
    static const uint64_t order[] = { 500, 100, 900, 300 }, sorted[] = { 100, 300, 500, 900 };
    static struct state live, kept[4];
    unsigned seed = 5;
    eloq_store *db;

    if (!opens(_i))
        return;
    memset(&live, 0, sizeof(live));
    ck_assert(open_append(_i, &db));
    for (unsigned i = 0; i < 4; i++) {
        change(db, &live, &seed, 2);
        kept[i] = live;
        ck_ok(eloq_archive(db, part, order[i]));
        change(db, &live, &seed, 3);
        if (i == 1) { /* restart between */
            ck_ok(eloq_close(db));
            ck_assert(open_append(_i, &db));
        }
    }
    expect_archives(db, 4, sorted);
    for (unsigned i = 0; i < 4; i++) /* beside the live store */
        compare_archive(_i, order[i], &kept[i]);
    /* the same timestamp again: replaced */
    kept[1] = live;
    ck_ok(eloq_archive(db, part, 100));
    change(db, &live, &seed, 2);
    expect_archives(db, 4, sorted);
    compare(db, &live);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
    for (unsigned i = 0; i < 4; i++)
        compare_archive(_i, order[i], &kept[i]);
}
END_TEST

START_TEST(now_is_a_timestamp)
{
    eloq_archive_list list = { 0 };
    eloq_store *db;

    ck_assert(open_append(STORE_SYNC, &db));
    put(db, part, "k", "v");
    uint64_t before = (uint64_t)time(NULL) * 1000000;
    ck_ok(eloq_archive(db, part, 0));
    ck_ok(eloq_archives(db, part, &list));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_uint_ge(list.timestamps[0], before);
    ck_assert_uint_le(list.timestamps[0], before + 60 * UINT64_C(1000000));
    ck_ok(eloq_archive(db, part, UINT64_MAX)); /* the greatest that a name holds */
    ck_ok(eloq_archives(db, part, &list));
    ck_assert_uint_eq(list.count, 2);
    ck_assert_uint_eq(list.timestamps[1], UINT64_MAX);
    eloq_archives_free(&list);
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- retention ---- */

START_TEST(the_newest_stay_with_their_files)
{
    eloq_options options = append_options();
    static struct state live, kept[12];
    static const uint64_t left[] = { 110, 111 };
    unsigned seed = 11;
    eloq_store *db;

    if (!opens(_i))
        return;
    memset(&live, 0, sizeof(live));
    options.num_retained_archives = 2;
    options.archive_interval_secs = ELOQ_ZERO;
    ck_assert(fixture_open(_i, "s", &options, &db));
    for (unsigned i = 0; i < 12; i++) {
        for (unsigned n = 0; n < 10; n++)
            change(db, &live, &seed, 4);
        kept[i] = live;
        ck_ok(eloq_archive(db, part, 100 + i));
        if (i % 5 == 4) {
            ck_ok(eloq_close(db));
            ck_assert(fixture_open(_i, "s", &options, &db));
        }
    }
    expect_archives(db, 2, left);
    /* One older than all that are kept goes at once. */
    ck_ok(eloq_archive(db, part, 50));
    expect_archives(db, 2, left);
    for (unsigned n = 0; n < 20; n++)
        change(db, &live, &seed, 4);
    ck_ok(eloq_close(db));
    /* 3 states of about 10 pages each in files of 8; compaction leaves at most half of a file
     * empty. All that was ever written was some hundred files. */
    ck_assert_uint_le(count_files("data_"), 24);
    compare_archive(_i, 110, &kept[10]);
    compare_archive(_i, 111, &kept[11]);
    ck_assert(fixture_open(_i, "s", &options, &db));
    compare(db, &live);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_replaced_archive_gives_its_files_back)
{
    static struct state live;
    unsigned seed = 37;
    eloq_store *db;

    memset(&live, 0, sizeof(live));
    ck_assert(open_append(STORE_HOST_SYNC, &db));
    change(db, &live, &seed, 1);
    ck_ok(eloq_archive(db, part, 1));
    for (unsigned i = 0; i < 40; i++)
        change(db, &live, &seed, 1);
    ck_ok(eloq_archive(db, part, 2)); /* and what is garbage goes */
    ck_assert(fixture_exists("s/t.0/data_0_0"));
    for (unsigned i = 0; i < 40; i++)
        change(db, &live, &seed, 1);
    ck_ok(eloq_archive(db, part, 1));
    ck_assert(!fixture_exists("s/t.0/data_0_0"));
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
    ck_assert_uint_le(count_files("data_"), 16); /* two states and what is being filled */
}
END_TEST

START_TEST(a_reader_protects_its_archive)
{
    eloq_options options = append_options(), as_of = ELOQ_OPTIONS(NULL);
    static struct state live, kept;
    unsigned seed = 3;
    eloq_store *db, *reader;

    if (!opens(_i))
        return;
    memset(&live, 0, sizeof(live));
    options.num_retained_archives = 1;
    options.archive_interval_secs = ELOQ_ZERO;
    ck_assert(fixture_open(_i, "s", &options, &db));
    change(db, &live, &seed, 1);
    kept = live;
    ck_ok(eloq_archive(db, part, 10));
    as_of.as_of = 10;
    ck_assert(fixture_open(_i, "s", &as_of, &reader));
    compare(reader, &kept);
    change(db, &live, &seed, 2);
    ck_rc(eloq_archive(db, part, 10), ELOQ_BUSY);
    ck_words("being read");
    for (unsigned i = 0; i < 10; i++) {
        change(db, &live, &seed, 2);
        ck_ok(eloq_archive(db, part, 20 + i));
    }
    expect_archives(db, 2, (const uint64_t[]){ 10, 29 });
    ck_ok(eloq_restore(db, part, 29));
    compare(reader, &kept);
    ck_ok(eloq_check(reader, part, NULL, NULL, NULL));
    ck_ok(eloq_close(reader));
    ck_ok(eloq_archive(db, part, UINT64_MAX));
    expect_archives(db, 1, (const uint64_t[]){ UINT64_MAX });
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- restore ---- */

START_TEST(restore_goes_back_and_forward)
{
    static struct state live, kept, before;
    unsigned seed = 17;
    eloq_archive_list list = { 0 };
    eloq_range range = { 0 };
    eloq_iter *iter;
    eloq_item item;
    eloq_store *db;

    if (!opens(_i))
        return;
    memset(&live, 0, sizeof(live));
    ck_assert(open_append(_i, &db));
    for (unsigned i = 0; i < 10; i++)
        change(db, &live, &seed, 3);
    kept = live;
    ck_ok(eloq_archive(db, part, 1000));
    for (unsigned i = 0; i < 30; i++)
        change(db, &live, &seed, 3);
    before = live;
    ck_ok(eloq_scan(db, part, &range, &iter)); /* stays in the version it begins in */
    ck_ok(eloq_iter_next(iter, &item));

    ck_ok(eloq_restore(db, part, 1000));
    compare(db, &kept);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    live = kept;
    for (unsigned i = 0; i < 20; i++)
        change(db, &live, &seed, 3);
    compare(db, &live);
    size_t count = 1;
    while (eloq_iter_next(iter, &item) == ELOQ_OK)
        count++;
    for (unsigned i = 0; i < KEYS; i++)
        count -= before.value[i] != 0;
    ck_assert_uint_eq(count, 0);
    eloq_iter_close(iter);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    compare_archive(_i, 1000, &kept);

    /* Forward again: the state before was kept. */
    ck_ok(eloq_archives(db, part, &list));
    ck_assert_uint_eq(list.count, 2);
    uint64_t forward = list.timestamps[1];
    eloq_archives_free(&list);
    compare_archive(_i, forward, &before);
    ck_ok(eloq_restore(db, part, forward));
    compare(db, &before);
    ck_ok(eloq_close(db));
    ck_assert(open_append(_i, &db));
    compare(db, &before);
    live = before;
    for (unsigned i = 0; i < 20; i++)
        change(db, &live, &seed, 3);
    compare(db, &live);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    /* And back to the first once more. */
    ck_ok(eloq_restore(db, part, 1000));
    compare(db, &kept);
    ck_ok(eloq_close(db));
    compare_archive(_i, forward, &before);
    ck_assert(open_append(_i, &db));
    compare(db, &kept);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(an_emptied_partition_comes_back)
{
    static struct state live, kept;
    unsigned seed = 23;
    eloq_store *db;

    if (!opens(_i))
        return;
    memset(&live, 0, sizeof(live));
    ck_assert(open_append(_i, &db));
    change(db, &live, &seed, 1);
    kept = live;
    ck_ok(eloq_archive(db, part, 5));
    for (unsigned i = 0; i < KEYS; i++) {
        char key[16];
        key_of(i, key);
        ck_ok(eloq_delete(db, part, eloq_str(key)));
    }
    memset(&live, 0, sizeof(live));
    compare(db, &live);
    ck_ok(eloq_close(db));
    ck_assert(open_append(_i, &db));
    ck_ok(eloq_restore(db, part, 5));
    compare(db, &kept);
    expect_archives(db, 1, (const uint64_t[]){ 5 }); /* of nothing, nothing was kept */
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_damaged_archive_changes_nothing)
{
    static struct state live;
    unsigned seed = 29;
    eloq_store *db;

    memset(&live, 0, sizeof(live));
    ck_assert(open_append(STORE_HOST_SYNC, &db));
    change(db, &live, &seed, 1);
    ck_ok(eloq_archive(db, part, 5));
    for (unsigned i = 0; i < 20; i++)
        change(db, &live, &seed, 2);
    int fd = open(fixture_path("s/t.0/manifest_0_5"), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "damage", 6, 30), 6);
    close(fd);
    ck_rc(eloq_restore(db, part, 5), ELOQ_CORRUPTED);
    ck_words("damaged archive");
    eloq_error e;
    ck_ok(eloq_error_detail(NULL, &e));
    ck_assert_ptr_nonnull(strstr(e.file, "manifest_0_5"));
    compare(db, &live);
    expect_archives(db, 1, (const uint64_t[]){ 5 });
    ck_rc(eloq_check(db, part, NULL, NULL, NULL), ELOQ_CORRUPTED);
    /* Made anew, it is whole again. */
    ck_ok(eloq_archive(db, part, 5));
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
    compare_archive(STORE_HOST_SYNC, 5, &live);
}
END_TEST

/* What retention would leave may be the damaged one alone. */
START_TEST(retention_waits_while_an_archive_cannot_be_read)
{
    static const uint64_t all[] = { 5, 6, 7, 8 }, last[] = { 9 };
    eloq_options options = append_options();
    static struct state live;
    unsigned seed = 37;
    eloq_store *db;

    memset(&live, 0, sizeof(live));
    options.archive_interval_secs = ELOQ_ZERO;
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &options, &db));
    for (uint64_t at = 5; at < 8; at++) {
        change(db, &live, &seed, 2);
        ck_ok(eloq_archive(db, part, at));
    }
    ck_ok(eloq_close(db));
    int fd = open(fixture_path("s/t.0/manifest_0_7"), O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "damage", 6, 30), 6);
    close(fd);
    options.num_retained_archives = 1;
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &options, &db));
    change(db, &live, &seed, 2);
    ck_ok(eloq_archive(db, part, 8));
    expect_archives(db, 4, all);
    /* Made anew it is whole, and nothing is in the way. */
    ck_ok(eloq_archive(db, part, 7));
    ck_ok(eloq_archive(db, part, 9));
    expect_archives(db, 1, last);
    ck_ok(eloq_close(db));
    compare_archive(STORE_HOST_SYNC, 9, &live);
}
END_TEST

START_TEST(an_archive_without_a_file_is_not_restored)
{
    static struct state live;
    unsigned seed = 31;
    eloq_store *db;

    memset(&live, 0, sizeof(live));
    ck_assert(open_append(STORE_HOST_SYNC, &db));
    change(db, &live, &seed, 1);
    ck_ok(eloq_archive(db, part, 5));
    for (unsigned i = 0; i < 40; i++)
        change(db, &live, &seed, 1);
    ck_ok(eloq_close(db));
    ck_assert_int_eq(unlink(fixture_path("s/t.0/data_0_0")), 0);
    ck_assert(open_append(STORE_HOST_SYNC, &db));
    ck_rc(eloq_restore(db, part, 5), ELOQ_CORRUPTED);
    compare(db, &live);
    ck_rc(eloq_check(db, part, NULL, NULL, NULL), ELOQ_CORRUPTED);
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/archive");
    TCase *tc = tcase_create("archive");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, only_append_mode_has_archives, 0, STORE_KINDS);
    tcase_add_test(tc, wrong_arguments_are_refused);
    tcase_add_loop_test(tc, nothing_to_archive_is_a_no, 0, STORE_KINDS);
    tcase_add_test(tc, a_reading_store_makes_none);
    tcase_add_loop_test(tc, archives_hold_their_moment, 0, STORE_KINDS);
    tcase_add_test(tc, now_is_a_timestamp);
    tcase_add_loop_test(tc, the_newest_stay_with_their_files, 0, STORE_KINDS);
    tcase_add_test(tc, a_replaced_archive_gives_its_files_back);
    tcase_add_loop_test(tc, a_reader_protects_its_archive, 0, STORE_KINDS);
    tcase_add_loop_test(tc, restore_goes_back_and_forward, 0, STORE_KINDS);
    tcase_add_loop_test(tc, an_emptied_partition_comes_back, 0, STORE_KINDS);
    tcase_add_test(tc, a_damaged_archive_changes_nothing);
    tcase_add_test(tc, retention_waits_while_an_archive_cannot_be_read);
    tcase_add_test(tc, an_archive_without_a_file_is_not_restored);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
