/* tests/wrong/paths_test.c -- store paths, the options record and the lock file when they are not
 * what they should be: the store opens as it should, or says which file is wrong; it never opens as
 * an empty one, and nothing that was there changes. */
#include <fcntl.h>
#include <limits.h>
#include <sys/wait.h>

#include "unit/api/fixture.h"
#include "wrong/commits.h"
#include "wrong/image.h"

static const eloq_part part = { "t", 0 };

static void setup(void)
{
    snprintf(fixture_dir, sizeof(fixture_dir), "/dev/shm/eloq-wrong-XXXXXX");
    if (!mkdtemp(fixture_dir))
        fixture_setup();
}

static int open_at(const char *path, eloq_store **ret)
{
    eloq_options options = ELOQ_OPTIONS(path);

    options.io_backend = ELOQ_IO_SYNC;
    return eloq_open(&options, ret);
}

/* A store of 8 KiB pages with a partition in it. */
static void make(const char *name)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path(name));
    eloq_store *db;

    options.io_backend = ELOQ_IO_SYNC;
    options.format.data_page_size = 8192;
    options.format.pages_per_file_shift = 3;
    ck_ok(eloq_open(&options, &db));
    for (int commit = 1; commit <= COMMITS; commit++)
        commits_write(db, part, commit);
    ck_ok(eloq_close(db));
}

static void is_whole(eloq_store *db)
{
    struct commits_seen seen;

    commits_look(db, part, &seen);
    ck_assert_msg(seen.failures == 0 && seen.state == COMMITS, "%s", seen.words);
}

/* Refused, in words that name this; no store, nothing changed. */
static void refused(const char *path, int code, const char *words)
{
    eloq_store *db = (eloq_store *)&db;
    struct image before;

    image_take(&before, fixture_dir);
    int rc = open_at(path, &db);
    ck_assert_msg(rc == code, "open answers %d, not %d: %s", rc, code, rc < 0 ? eloq_errmsg() : "");
    ck_assert_ptr_null(db);
    if (words)
        ck_words(words);
    image_same(&before, fixture_dir);
    image_free(&before);
}

static void opens_whole(const char *path)
{
    eloq_store *db;

    ck_ok(open_at(path, &db));
    is_whole(db);
    ck_ok(eloq_close(db));
}

/* ---- the options record ---- */

START_TEST(a_record_cut_anywhere_is_corrupted)
{
    struct image before;

    make("s");
    image_take(&before, fixture_path("s/.eloqstore"));
    const struct image_file *record = &before.files[before.count - 1];
    ck_assert_ptr_nonnull(strstr(record->path, "/options"));
    for (size_t size = 0; size < record->size; size++) {
        ck_assert_int_eq(truncate(record->path, (off_t)size), 0);
        refused(fixture_path("s"), ELOQ_CORRUPTED, "record");
        eloq_error error;
        ck_ok(eloq_error_detail(NULL, &error));
        ck_assert_msg(error.file && strcmp(error.file, record->path) == 0, "%zu", size);
        image_restore(record);
    }
    opens_whole(fixture_path("s"));
    image_free(&before);
}
END_TEST

START_TEST(a_record_with_a_flipped_bit_is_corrupted)
{
    struct image before;

    make("s");
    image_take(&before, fixture_path("s/.eloqstore"));
    struct image_file *record = &before.files[before.count - 1];
    for (size_t at = 0; at < record->size; at++) {
        record->data[at] ^= (uint8_t)(1u << at % 8);
        image_restore(record);
        refused(fixture_path("s"), ELOQ_CORRUPTED, "record");
        record->data[at] ^= (uint8_t)(1u << at % 8);
    }
    image_restore(record);
    opens_whole(fixture_path("s"));
    image_free(&before);
}
END_TEST

/* It is then as a store of the reference: the options are the caller's business. */
START_TEST(a_store_without_its_record_is_right_or_corrupted_but_not_empty)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    struct commits_seen seen;
    eloq_store *db;

    make("s");
    if (_i == 0)
        ck_assert_int_eq(unlink(fixture_path("s/.eloqstore/options")), 0);
    else
        nftw(fixture_path("s/.eloqstore"), fixture_unlink, 16, FTW_DEPTH | FTW_PHYS);
    options.io_backend = ELOQ_IO_SYNC;
    options.format.data_page_size = 8192;
    options.format.pages_per_file_shift = 3;
    ck_ok(eloq_open(&options, &db));
    is_whole(db);
    ck_ok(eloq_close(db));
    options.format = (eloq_format){ 0 };
    ck_ok(eloq_open(&options, &db));
    commits_look(db, part, &seen);
    ck_assert_int_eq(seen.failures, COMMITS * COMMIT_KEYS + 2);
    ck_assert_int_eq(seen.status, ELOQ_CORRUPTED);
    ck_rc(eloq_put(db, part, eloq_str("0-1-000"), eloq_str("v")), ELOQ_CORRUPTED);
    ck_ok(eloq_close(db));
    options.format.data_page_size = 8192;
    options.format.pages_per_file_shift = 3;
    ck_ok(eloq_open(&options, &db));
    is_whole(db);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(something_else_in_the_place_of_record_or_lock_is_named)
{
    static const char *const names[] = { "s/.eloqstore/options", "s/.eloqstore/lock" };
    eloq_store *db;

    make("s");
    for (size_t i = 0; i < 2; i++) {
        const char *path = fixture_path(names[i]);
        char aside[512];
        snprintf(aside, sizeof(aside), "%s/aside", fixture_dir);
        ck_assert_int_eq(rename(path, aside), 0);
        for (int what = 0; what < 3; what++) {
            if (what == 0)
                ck_assert_int_eq(mkdir(path, 0755), 0);
            else if (what == 1)
                ck_assert_int_eq(mkfifo(path, 0644), 0);
            else
                ck_assert_int_eq(symlink("/dev/null", path), 0);
            int rc = open_at(fixture_path("s"), &db);
            ck_assert_msg(rc < 0 && strstr(eloq_errmsg(), path + strlen(fixture_dir)),
                          "%s as %d: %d %s", names[i], what, rc, eloq_errmsg());
            ck_assert_ptr_null(db);
            remove(path);
        }
        ck_assert_int_eq(rename(aside, path), 0);
    }
    opens_whole(fixture_path("s"));
}
END_TEST

START_TEST(the_lock_file_is_only_locked)
{
    make("s");
    image_write(fixture_path("s/.eloqstore/lock"), "anything at all", 15);
    opens_whole(fixture_path("s"));
    ck_assert_int_eq(unlink(fixture_path("s/.eloqstore/lock")), 0);
    opens_whole(fixture_path("s"));
}
END_TEST

/* ---- what lies in the store path ---- */

START_TEST(what_is_no_directory_in_the_store_path_is_named_and_refused)
{
    static const char *const names[] = { "s/note", "s/t.7", "s/manifest_0" };

    make("s");
    for (int what = 0; what < 4; what++) {
        for (size_t i = 0; i < 3; i++) {
            const char *path = fixture_path(names[i]);
            if (what == 0)
                image_write(path, "text", 4);
            else if (what == 1)
                ck_assert_int_eq(mkfifo(path, 0644), 0);
            else
                ck_assert_int_eq(symlink(what == 2 ? "nowhere" : fixture_path("s/t.0"), path), 0);
            refused(fixture_path("s"), ELOQ_INVALID, names[i] + 2);
            ck_assert_int_eq(unlink(path), 0);
        }
    }
    opens_whole(fixture_path("s"));
}
END_TEST

static int count(void *user, eloq_part found)
{
    (void)found;
    ++*(int *)user;
    return 0;
}

START_TEST(directories_that_are_no_partitions_are_tolerated_and_not_listed)
{
    static const char *const names[] = { "lost+found", "t",    "t.",           ".5",   "t.007",
                                         "t.12abc",    "t.-1", "t.4294967296", ".git", "t.0.old" };
    eloq_store *db;
    int partitions = 0;

    make("s");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", fixture_path("s"), names[i]);
        ck_assert_int_eq(mkdir(path, 0755), 0);
    }
    ck_ok(open_at(fixture_path("s"), &db));
    is_whole(db);
    ck_ok(eloq_tables(db, count, &partitions));
    ck_assert_int_eq(partitions, 1);
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- the path itself ---- */

START_TEST(a_path_that_cannot_be_a_store_is_refused)
{
    char longest[PATH_MAX + 100];

    image_write(fixture_path("file"), "x", 1);
    refused(fixture_path("file"), ELOQ_IO, "file");
    refused(fixture_path("file/below"), ELOQ_IO, "file");
    ck_assert_int_eq(mkfifo(fixture_path("fifo"), 0644), 0);
    refused(fixture_path("fifo"), ELOQ_IO, "fifo");
    ck_assert_int_eq(symlink("nowhere", fixture_path("link")), 0);
    ck_assert_int_lt(open_at(fixture_path("link"), &(eloq_store *){ NULL }), 0);
    memset(longest, 'p', sizeof(longest));
    longest[0] = '/';
    longest[sizeof(longest) - 1] = '\0';
    refused(longest, ELOQ_INVALID, "too long");
    longest[300] = '\0'; /* one name of more than 255 bytes */
    ck_assert_int_lt(open_at(longest, &(eloq_store *){ NULL }), 0);
    ck_assert_int_lt(open_at("/proc/no-such-store", &(eloq_store *){ NULL }), 0);
    ck_words("/proc/no-such-store");
}
END_TEST

/* An empty name is a forgotten variable, not the wish for a store in memory. */
START_TEST(an_empty_path_is_refused)
{
    static const char *const paths[] = { "", ":", ":::" };

    for (size_t i = 0; i < 3; i++)
        refused(paths[i], ELOQ_INVALID, "path");
    ck_assert(access("/memory", F_OK) != 0);
}
END_TEST

START_TEST(a_link_to_a_store_is_the_store_and_is_locked_with_it)
{
    eloq_store *db, *again;

    make("s");
    ck_assert_int_eq(symlink(fixture_path("s"), fixture_path("link")), 0);
    opens_whole(fixture_path("link"));
    ck_ok(open_at(fixture_path("s"), &db));
    ck_rc(open_at(fixture_path("link"), &again), ELOQ_BUSY);
    ck_ok(eloq_close(db));
    char both[1100];
    snprintf(both, sizeof(both), "%s:%s", fixture_path("s"), fixture_path("link"));
    ck_assert_int_lt(open_at(both, &again), 0);
    opens_whole(fixture_path("s"));
}
END_TEST

/* 0: opening as nobody is denied, and names the path. */
static int denied_child(const char *path, bool read_only)
{
    eloq_options options = ELOQ_OPTIONS(path);
    eloq_store *db;

    options.io_backend = ELOQ_IO_SYNC;
    options.read_only = read_only;
    if (setgid(65534) != 0 || setuid(65534) != 0)
        return 1;
    if (eloq_open(&options, &db) != ELOQ_DENIED || db)
        return 2;
    return strstr(eloq_errmsg(), path) ? 0 : 3;
}

START_TEST(a_path_without_permission_is_denied)
{
    if (geteuid() != 0)
        return;
    make("s");
    ck_assert_int_eq(chmod(fixture_dir, 0755), 0);
    for (int i = 0; i < 3; i++) {
        /* Not to be made, not to be written, not to be read. */
        const char *path = fixture_path(i == 0 ? "new" : "s");
        ck_assert_int_eq(chmod(fixture_path("s"), i == 1 ? 0755 : 0700), 0);
        int status;
        pid_t child = fork();
        if (child == 0)
            _exit(denied_child(path, i == 2));
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    opens_whole(fixture_path("s"));
}
END_TEST

/* ---- several paths ---- */

static int open_two(const char *a, const char *b, eloq_store **ret)
{
    const char *paths[2] = { fixture_path(a), fixture_path(b) };
    eloq_options options = ELOQ_OPTIONS(NULL);

    options.paths = paths;
    options.path_count = 2;
    options.io_backend = ELOQ_IO_SYNC;
    return eloq_open(&options, ret);
}

/* With a record the record tells; without one, as in the reference's stores, the partitions do. */
START_TEST(swapped_paths_are_refused)
{
    eloq_store *db;

    ck_ok(open_two("a", "b", &db));
    for (uint32_t i = 0; i < 4; i++)
        put(db, (eloq_part){ "t", i }, "k", "v");
    ck_ok(eloq_close(db));
    if (_i == 1) {
        ck_assert_int_eq(unlink(fixture_path("a/.eloqstore/options")), 0);
        ck_assert_int_eq(unlink(fixture_path("b/.eloqstore/options")), 0);
    }
    ck_rc(open_two("b", "a", &db), ELOQ_INVALID);
    ck_words("order");
    ck_rc(open_at(fixture_path("b"), &db), _i == 1 ? ELOQ_OK : ELOQ_INVALID);
    if (_i == 1) /* one path: every partition belongs in it */
        ck_ok(eloq_close(db));
    ck_ok(open_two("a", "b", &db));
    for (uint32_t i = 0; i < 4; i++)
        expect(db, (eloq_part){ "t", i }, "k", "v");
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_partition_in_the_wrong_path_is_named_and_refused)
{
    eloq_store *db;

    ck_ok(open_two("a", "b", &db));
    for (uint32_t i = 0; i < 4; i++)
        put(db, (eloq_part){ "t", i }, "k", "v");
    ck_ok(eloq_close(db));
    ck_assert_int_eq(rename(fixture_path("a/t.2"), fixture_path("b/t.2")), 0);
    ck_rc(open_two("a", "b", &db), ELOQ_INVALID);
    ck_words("t.2");
    ck_assert_int_eq(rename(fixture_path("b/t.2"), fixture_path("a/t.2")), 0);
    ck_ok(open_two("a", "b", &db));
    expect(db, (eloq_part){ "t", 2 }, "k", "v");
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- while it is open ---- */

START_TEST(a_store_path_that_went_away_is_no_empty_store)
{
    eloq_part other = { "u", 0 };
    eloq_record record = { 0 };
    int partitions = 0;
    eloq_iter *iter;
    eloq_item item;
    eloq_store *db;

    make("s");
    ck_ok(open_at(fixture_path("s"), &db));
    ck_rc(eloq_get(db, other, eloq_str("k"), &record), ELOQ_NOT_FOUND);
    ck_assert_int_eq(rename(fixture_path("s"), fixture_path("gone")), 0);
    other.partition = 1;
    ck_assert_int_lt(eloq_get(db, part, eloq_str("0-1-000"), &record), 0);
    ck_words(fixture_path("s"));
    ck_assert_int_lt(eloq_get(db, other, eloq_str("k"), &record), 0);
    ck_ok(eloq_scan(db, part, NULL, &iter));
    ck_assert_int_lt(eloq_iter_next(iter, &item), 0);
    eloq_iter_close(iter);
    ck_assert_int_lt(eloq_check(db, part, NULL, NULL, NULL), 0);
    ck_assert_int_lt(eloq_tables(db, count, &partitions), 0);
    ck_assert_int_lt(eloq_put(db, part, eloq_str("k"), eloq_str("v")), 0);
    ck_ok(eloq_close(db));
    ck_assert_int_eq(rename(fixture_path("gone"), fixture_path("s")), 0);
    opens_whole(fixture_path("s"));
}
END_TEST

START_TEST(a_partition_directory_that_became_a_file_is_an_error)
{
    eloq_record record = { 0 };
    eloq_store *db;

    make("s");
    ck_ok(open_at(fixture_path("s"), &db));
    ck_assert_int_eq(rename(fixture_path("s/t.0"), fixture_path("aside")), 0);
    image_write(fixture_path("s/t.0"), "x", 1);
    ck_assert_int_lt(eloq_get(db, part, eloq_str("0-1-000"), &record), 0);
    ck_words("t.0");
    ck_assert_int_lt(eloq_check(db, part, NULL, NULL, NULL), 0);
    ck_assert_int_lt(eloq_put(db, part, eloq_str("k"), eloq_str("v")), 0);
    ck_ok(eloq_close(db));
    ck_assert_int_eq(unlink(fixture_path("s/t.0")), 0);
    ck_assert_int_eq(rename(fixture_path("aside"), fixture_path("s/t.0")), 0);
    opens_whole(fixture_path("s"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("paths");
    TCase *tc = tcase_create("paths");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, fixture_teardown);
    tcase_add_test(tc, a_record_cut_anywhere_is_corrupted);
    tcase_add_test(tc, a_record_with_a_flipped_bit_is_corrupted);
    tcase_add_loop_test(tc, a_store_without_its_record_is_right_or_corrupted_but_not_empty, 0, 2);
    tcase_add_test(tc, something_else_in_the_place_of_record_or_lock_is_named);
    tcase_add_test(tc, the_lock_file_is_only_locked);
    tcase_add_test(tc, what_is_no_directory_in_the_store_path_is_named_and_refused);
    tcase_add_test(tc, directories_that_are_no_partitions_are_tolerated_and_not_listed);
    tcase_add_test(tc, a_path_that_cannot_be_a_store_is_refused);
    tcase_add_test(tc, an_empty_path_is_refused);
    tcase_add_test(tc, a_link_to_a_store_is_the_store_and_is_locked_with_it);
    tcase_add_test(tc, a_path_without_permission_is_denied);
    tcase_add_loop_test(tc, swapped_paths_are_refused, 0, 2);
    tcase_add_test(tc, a_partition_in_the_wrong_path_is_named_and_refused);
    tcase_add_test(tc, a_store_path_that_went_away_is_no_empty_store);
    tcase_add_test(tc, a_partition_directory_that_became_a_file_is_an_error);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
