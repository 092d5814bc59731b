/* tests/unit/api/damaged_test.c -- a damaged live manifest: every request says so and nothing is
 * removed; restoring an archive and dropping the table are the ways out. */
#include <fcntl.h>

#include "unit/api/space_fixture.h"

enum { FLIPPED, ZEROS, EMPTY, MISSING, DAMAGES };

static void damage(int how)
{
    char path[1024];

    snprintf(path, sizeof(path), "%s", fixture_path("s/t.0/manifest_0"));
    if (how == MISSING) {
        ck_assert_int_eq(unlink(path), 0);
        return;
    }
    int fd = open(path, O_WRONLY | (how == FLIPPED ? 0 : O_TRUNC));
    ck_assert_int_ge(fd, 0);
    if (how == FLIPPED)
        ck_assert_int_eq(pwrite(fd, "damage", 6, 30), 6);
    if (how == ZEROS)
        ck_assert_int_eq(ftruncate(fd, 4096), 0);
    close(fd);
}

static eloq_store *open_kind(int kind, bool append)
{
    eloq_options options = options_of(append, 3);
    eloq_store *db;

    return !fixture_is_memory(kind) && fixture_open(kind, "s", &options, &db) ? db : NULL;
}

/* Every request says that it is damaged. */
static void must_be_damaged(eloq_store *db)
{
    eloq_record record = { 0 };

    ck_rc(eloq_get(db, part, eloq_str("00000001"), &record), ELOQ_CORRUPTED);
    ck_rc(eloq_put(db, part, eloq_str("k"), eloq_str("v")), ELOQ_CORRUPTED);
    ck_rc(eloq_delete(db, part, eloq_str("k")), ELOQ_CORRUPTED);
    ck_rc(eloq_truncate(db, part, eloq_str("")), ELOQ_CORRUPTED);
    ck_rc(eloq_check(db, part, NULL, NULL, NULL), ELOQ_CORRUPTED);
}

static void must_hold(eloq_store *db, unsigned round, unsigned count)
{
    eloq_iter *iter = begin_scan(db, round);

    drain(iter, round, count - 1);
    eloq_iter_close(iter);
}

START_TEST(an_archive_is_restored_over_a_damaged_manifest)
{
    eloq_store *db = open_kind(_i / DAMAGES, true);
    eloq_archive_list list = { 0 };
    unsigned files;

    if (!db)
        return;
    fill(db, part, 0, 300, 1);
    ck_ok(eloq_archive(db, part, 5));
    fill(db, part, 100, 300, 2);
    ck_ok(eloq_archive(db, part, 6));
    fill(db, part, 200, 300, 3);
    ck_ok(eloq_close(db));
    damage(_i % DAMAGES);
    uint64_t bytes = disk_bytes("s/t.0", &files);

    db = open_kind(_i / DAMAGES, true);
    must_be_damaged(db);
    ck_rc(eloq_restore(db, part, 7), ELOQ_NOT_FOUND);
    must_be_damaged(db);
    ck_assert_uint_eq(disk_bytes("s/t.0", &files), bytes);
    ck_ok(eloq_restore(db, part, 5));
    must_hold(db, 1, 300);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    fill(db, part, 0, 300, 4);
    ck_ok(eloq_archives(db, part, &list));
    ck_assert_uint_eq(list.count, 2);
    eloq_archives_free(&list);
    /* Forward: what the other archive names has not been overwritten, nor removed. */
    ck_ok(eloq_restore(db, part, 6));
    ck_assert_uint_eq(count_keys(db, part), 400);
    ck_ok(eloq_close(db));
    db = open_kind(_i / DAMAGES, true);
    ck_assert_uint_eq(count_keys(db, part), 400);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_damaged_partition_is_dropped)
{
    bool append = _i % 2;
    int how = _i / 2 % DAMAGES, kind = _i / 2 / DAMAGES;
    eloq_store *db = open_kind(kind, append);
    eloq_part beside = { "t", 1 }, other = { "other", 0 };

    if (!db)
        return;
    fill(db, part, 0, 300, 1);
    fill(db, beside, 0, 30, 1);
    fill(db, other, 0, 30, 1);
    if (append)
        ck_ok(eloq_archive(db, part, 5));
    ck_ok(eloq_close(db));
    damage(how);

    db = open_kind(kind, append);
    must_be_damaged(db);
    ck_ok(eloq_drop(db, "t"));
    ck_assert(!fixture_exists("s/t.0"));
    ck_assert(!fixture_exists("s/t.1"));
    ck_assert_uint_eq(count_keys(db, other), 30);
    ck_assert_uint_eq(count_keys(db, part), 0);
    fill(db, part, 0, 20, 2);
    ck_assert_uint_eq(count_keys(db, part), 20);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(an_archive_that_is_read_outlives_the_drop_of_a_damaged_partition)
{
    eloq_store *db = open_kind(STORE_HOST_SYNC, true);
    eloq_options as_of = options_of(true, 3);
    eloq_store *reader;

    fill(db, part, 0, 300, 1);
    ck_ok(eloq_archive(db, part, 5));
    fill(db, part, 0, 300, 2);
    ck_ok(eloq_close(db));
    damage(FLIPPED);
    as_of.as_of = 5;
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &as_of, &reader));
    ck_assert_uint_eq(count_keys(reader, part), 300);

    db = open_kind(STORE_HOST_SYNC, true);
    ck_ok(eloq_drop(db, "t"));
    ck_assert_uint_eq(count_keys(db, part), 0);
    fill(db, part, 0, 50, 3);
    must_hold(reader, 1, 300);
    ck_ok(eloq_check(reader, part, NULL, NULL, NULL));
    ck_ok(eloq_close(reader));
    ck_ok(eloq_drop(db, "t"));
    ck_assert(!fixture_exists("s/t.0"));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_store_for_reading_replaces_nothing)
{
    eloq_store *db = open_kind(STORE_HOST_SYNC, true);
    eloq_options options = options_of(true, 3);

    fill(db, part, 0, 300, 1);
    ck_ok(eloq_archive(db, part, 5));
    ck_ok(eloq_close(db));
    damage(EMPTY);
    options.read_only = 1;
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &options, &db));
    ck_rc(eloq_restore(db, part, 5), ELOQ_DENIED);
    ck_rc(eloq_drop(db, "t"), ELOQ_INVALID);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
    db = open_kind(STORE_HOST_SYNC, true);
    must_be_damaged(db);
    ck_ok(eloq_close(db));
}
END_TEST

/* In place there are no archives but those of a time in append mode. */
START_TEST(a_drop_in_place_removes_leftover_archives)
{
    eloq_store *db = open_kind(STORE_HOST_SYNC, false);
    char command[2200];

    fill(db, part, 0, 3000, 1);
    snprintf(command, sizeof(command), "cd '%s' && cp manifest_0 manifest_0_5",
             fixture_path("s/t.0"));
    ck_assert_int_eq(system(command), 0);
    ck_ok(eloq_truncate(db, part, eloq_str("00000010")));
    ck_ok(eloq_truncate(db, part, eloq_str("")));
    ck_assert(fixture_exists("s/t.0/manifest_0_5")); /* a truncation is not about archives */
    fill(db, part, 0, 30, 1);
    ck_ok(eloq_drop(db, "t"));
    ck_assert(!fixture_exists("s/t.0"));
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("api/damaged");
    TCase *tc = tcase_create("damaged");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, an_archive_is_restored_over_a_damaged_manifest, 0,
                        STORE_KINDS * DAMAGES);
    tcase_add_loop_test(tc, a_damaged_partition_is_dropped, 0, 2 * STORE_KINDS * DAMAGES);
    tcase_add_test(tc, an_archive_that_is_read_outlives_the_drop_of_a_damaged_partition);
    tcase_add_test(tc, a_store_for_reading_replaces_nothing);
    tcase_add_test(tc, a_drop_in_place_removes_leftover_archives);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
