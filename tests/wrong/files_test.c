/* tests/wrong/files_test.c -- data files and manifests that are cut, flipped, missing, something
 * else, or somebody else's: each call answers what was stored, or an error that names the file;
 * what a crash may have left is recovered; nothing hangs, and nothing reads as empty. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/param.h>
#include <sys/wait.h>

#include "unit/api/fixture.h"
#include "wrong/commits.h"
#include "wrong/image.h"

static const int kinds[] = { STORE_SYNC, STORE_THREADS, STORE_URING };
enum { BACKENDS = 3, COMBINATIONS = 2 * BACKENDS, SHIFT = 2, PAGE = 4096 };

static const eloq_part hurt = { "t", 0 }, whole = { "t", 1 };

static bool append; /* mode of the test's store */
static size_t step; /* of many places to damage, every so manyth: all with the first backend */

static eloq_store *reopen(int backend, bool read_only)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;

    options.format.pages_per_file_shift = SHIFT;
    options.format.data_append_mode = append ? 1 : ELOQ_ZERO;
    options.read_only = read_only;
    return fixture_open(kinds[backend % BACKENDS], "s", &options, &db) ? db : NULL;
}

/* A store of the _i-th combination, in memory where that is possible; false: this backend is not to
 * be had. */
static bool make(int combination)
{
    int backend = combination % BACKENDS;

    append = combination >= BACKENDS;
    step = backend == 0 ? 1 : 7;
    snprintf(fixture_dir, sizeof(fixture_dir), "/dev/shm/eloq-wrong-XXXXXX");
    if (!mkdtemp(fixture_dir))
        fixture_setup();
    eloq_store *db = reopen(backend, false);
    if (!db)
        return false;
    for (int commit = 1; commit <= COMMITS; commit++) {
        commits_write(db, hurt, commit);
        commits_write(db, whole, commit);
    }
    ck_ok(eloq_close(db));
    return true;
}

/* The other partition of the store is as it should be. */
static void other_is_well(eloq_store *db)
{
    struct commits_seen seen;

    commits_look(db, whole, &seen);
    ck_assert_msg(seen.failures == 0 && seen.state == COMMITS, "the other partition: %s",
                  seen.words);
}

/* Opens, looks at both partitions, checks; nothing may change by that. */
static int look(int backend, struct commits_seen *ret, bool check_must_see)
{
    struct image before;

    image_take(&before, fixture_path("s/t.0"));
    eloq_store *db = reopen(backend, false);
    commits_look(db, hurt, ret);
    other_is_well(db);
    int rc = eloq_check(db, hurt, NULL, NULL, NULL);
    if (ret->failures > 0 || check_must_see)
        ck_assert_msg(rc < 0, "check sees nothing: %s", ret->words);
    ck_ok(eloq_close(db));
    image_same(&before, fixture_path("s/t.0"));
    image_free(&before);
    return rc;
}

/* A write is refused, and the rest of the store takes one. */
static void no_write(int backend)
{
    eloq_store *db = reopen(backend, false);
    int rc = eloq_put(db, hurt, eloq_str("0-2-000"), eloq_str("w"));

    ck_assert_msg(rc < 0, "a write is taken: %d", rc);
    ck_assert_str_ne(eloq_errmsg(), "");
    ck_assert(eloq_delete(db, hurt, eloq_str("0-2-000")) < 0);
    ck_ok(eloq_put(db, whole, eloq_str("1-1-000x"), eloq_str("w")));
    ck_ok(eloq_delete(db, whole, eloq_str("1-1-000x")));
    ck_ok(eloq_close(db));
}

/* ---- the manifest ---- */

static uint32_t payload_at(const struct image_file *manifest, size_t record)
{
    uint32_t n;

    memcpy(&n, manifest->data + record + 16, sizeof(n));
    return n;
}

/* Records that are whole in the first `size` bytes; all of ours here fit one block. */
static int whole_records(const struct image_file *manifest, size_t size)
{
    int count = 0;

    for (size_t at = 0; at < manifest->size && at + 20 + payload_at(manifest, at) <= size;
         at += PAGE)
        count++;
    return count;
}

static const struct image_file *file_of(const struct image *image, const char *end)
{
    for (size_t i = 0; i < image->count; i++) {
        const char *path = image->files[i].path;
        if (strlen(path) >= strlen(end) && strcmp(path + strlen(path) - strlen(end), end) == 0)
            return &image->files[i];
    }
    ck_abort_msg("no file %s", end);
    return NULL;
}

static size_t next_length(size_t length, const struct image_file *manifest)
{
    size_t in_page = length % PAGE, record = length - in_page;
    size_t end = record < manifest->size ? 20 + payload_at(manifest, record) : PAGE;

    if (in_page < 24 || (in_page + 3 > end && in_page < end + 3))
        return length + 1;
    if (in_page < end - 3)
        return record + end - 3;
    return in_page < PAGE - 512 ? length + 509
           : in_page < PAGE - 1 ? record + PAGE - 1
                                : length + 1;
}

static size_t later_length(size_t length, const struct image_file *manifest)
{
    for (size_t i = 0; i < step; i++)
        length = next_length(length, manifest);
    return length;
}

START_TEST(a_manifest_cut_anywhere_shows_its_whole_records_or_an_error)
{
    struct commits_seen seen;
    struct image sound;

    if (!make(_i))
        return;
    image_take(&sound, fixture_path("s/t.0"));
    const struct image_file *manifest = file_of(&sound, "/manifest_0");
    ck_assert_uint_eq(manifest->size, COMMITS * PAGE);
    for (size_t size = 0; size < manifest->size; size = later_length(size, manifest)) {
        int records = whole_records(manifest, size);
        for (size_t i = 0; i < sound.count; i++)
            if (sound.files[i].data)
                image_restore(&sound.files[i]);
        ck_assert_int_eq(truncate(manifest->path, (off_t)size), 0);
        look(_i, &seen, records == 0);
        if (records == 0) {
            ck_assert_msg(seen.failures == COMMITS * COMMIT_KEYS + 2, "size %zu", size);
            ck_assert_int_eq(seen.status, ELOQ_CORRUPTED);
            ck_assert_ptr_nonnull(strstr(seen.words, "offset=0"));
            no_write(_i);
        } else if (seen.failures == 0) {
            ck_assert_msg(seen.state == records, "size %zu: state %d", size, seen.state);
        } else { /* one commit back is what a crash leaves; further back, pages were reused */
            ck_assert_msg(!append && records < COMMITS - 1, "size %zu: %s", size, seen.words);
        }
    }
    image_free(&sound);
    fixture_teardown();
}
END_TEST

START_TEST(after_a_cut_the_next_commits_go_on)
{
    struct commits_seen seen;
    struct image sound;
    static const size_t cuts[] = { 1, 500, PAGE - 64, PAGE - 20, PAGE };

    if (!make(_i))
        return;
    image_take(&sound, fixture_path("s/t.0"));
    const struct image_file *manifest = file_of(&sound, "/manifest_0");
    for (size_t c = 0; c < sizeof(cuts) / sizeof(cuts[0]); c++) {
        for (size_t i = 0; i < sound.count; i++)
            if (sound.files[i].data)
                image_restore(&sound.files[i]);
        ck_assert_int_eq(truncate(manifest->path, (off_t)(manifest->size - cuts[c])), 0);
        eloq_store *db = reopen(_i, false);
        commits_look(db, hurt, &seen);
        ck_assert_int_eq(seen.failures, 0);
        for (int commit = seen.state + 1; commit <= COMMITS; commit++)
            commits_write(db, hurt, commit);
        ck_ok(eloq_put(db, hurt, eloq_str("0-1-000"), eloq_str("w")));
        ck_ok(eloq_close(db));
        db = reopen(_i, true);
        expect(db, hurt, "0-1-000", "w");
        ck_ok(eloq_check(db, hurt, NULL, NULL, NULL));
        ck_ok(eloq_close(db));
    }
    image_free(&sound);
    fixture_teardown();
}
END_TEST

static void flip_at(const char *path, size_t at, int bit)
{
    uint8_t byte;
    int fd = open(path, O_RDWR);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= (uint8_t)(1u << bit);
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)at), 1);
    close(fd);
}

START_TEST(a_flipped_bit_of_the_manifest_is_seen_or_loses_the_last_commit)
{
    struct commits_seen seen;
    struct image sound;

    if (!make(_i))
        return;
    image_take(&sound, fixture_path("s/t.0"));
    const struct image_file *manifest = file_of(&sound, "/manifest_0");
    for (size_t at = 0; at < manifest->size; at++) {
        size_t record = at - at % PAGE, in_record = at - record;
        bool is_padding = in_record >= 20 + payload_at(manifest, record);
        bool is_last = record + PAGE == manifest->size;
        if ((in_record >= 20 && at % 67 != 0) || (at > 0 && at % step != 0))
            continue;
        flip_at(manifest->path, at, (int)(at % 8));
        look(_i, &seen, !is_padding && !is_last);
        if (is_padding)
            ck_assert_msg(seen.failures == 0 && seen.state == COMMITS, "byte %zu", at);
        else if (is_last) /* no different from a commit that a crash interrupted */
            ck_assert_msg(seen.failures == 0 && seen.state == COMMITS - 1, "byte %zu: %d", at,
                          seen.state);
        else
            ck_assert_msg(seen.failures == COMMITS * COMMIT_KEYS + 2, "byte %zu: %d, %d", at,
                          seen.failures, seen.state);
        flip_at(manifest->path, at, (int)(at % 8));
    }
    image_free(&sound);
    fixture_teardown();
}
END_TEST

/* ---- data files ---- */

START_TEST(a_flipped_bit_of_a_data_file_is_seen_where_it_is_used)
{
    struct commits_seen seen;
    struct image sound;

    if (!make(_i))
        return;
    image_take(&sound, fixture_path("s/t.0"));
    unsigned seen_count = 0;
    for (size_t f = 0; f < sound.count; f++) {
        const struct image_file *file = &sound.files[f];
        if (!strstr(file->path, "/data_"))
            continue;
        for (size_t at = 0; at < file->size; at += step * (at % PAGE < 20 ? 1 : 1021)) {
            flip_at(file->path, at, (int)(at % 8));
            int rc = look(_i, &seen, false);
            if (seen.failures == 0)
                ck_assert_int_eq(seen.state, COMMITS);
            else
                ck_assert_int_eq(seen.status, ELOQ_CORRUPTED);
            ck_assert_msg(rc == (seen.failures ? ELOQ_CORRUPTED : ELOQ_OK), "%s %zu: %d",
                          file->path, at, rc);
            seen_count += seen.failures > 0;
            flip_at(file->path, at, (int)(at % 8));
        }
    }
    ck_assert_uint_gt(seen_count, 3);
    image_free(&sound);
    fixture_teardown();
}
END_TEST

START_TEST(a_data_file_cut_anywhere_is_corrupted_where_pages_are_missing)
{
    struct commits_seen seen;
    struct image sound;

    if (!make(_i))
        return;
    image_take(&sound, fixture_path("s/t.0"));
    for (size_t f = 0; f < sound.count; f++) {
        const struct image_file *file = &sound.files[f];
        if (!strstr(file->path, "/data_"))
            continue;
        bool failed = false;
        for (size_t size = file->size; size-- > 0;
             size -= MIN(size, size % 4 ? step - 1 : step * 340)) {
            ck_assert_int_eq(truncate(file->path, (off_t)size), 0);
            look(_i, &seen, failed); /* once a page is gone, it stays so */
            failed |= seen.failures > 0;
            if (seen.failures > 0) {
                ck_assert_int_eq(seen.status, ELOQ_CORRUPTED);
                ck_assert_ptr_nonnull(strstr(seen.words, "past the end of its file"));
            } else {
                ck_assert_int_eq(seen.state, COMMITS);
            }
        }
        ck_assert(failed);
        image_restore(file);
    }
    image_free(&sound);
    fixture_teardown();
}
END_TEST

/* ---- something else in its place ---- */

enum { MISSING, DIRECTORY, FIFO, DANGLING_LINK, SOCKET_LIKE_DEVICE, REPLACEMENTS };

static void replace(const char *path, int by)
{
    ck_assert_int_eq(unlink(path), 0);
    if (by == DIRECTORY)
        ck_assert_int_eq(mkdir(path, 0755), 0);
    else if (by == FIFO)
        ck_assert_int_eq(mkfifo(path, 0644), 0);
    else if (by == DANGLING_LINK)
        ck_assert_int_eq(symlink("nowhere", path), 0);
    else if (by == SOCKET_LIKE_DEVICE)
        ck_assert_int_eq(symlink("/dev/null", path), 0);
}

START_TEST(something_else_in_the_place_of_a_file_is_an_error_and_no_hang)
{
    struct commits_seen seen;
    struct image sound;

    if (!make(_i))
        return;
    image_take(&sound, fixture_path("s/t.0"));
    for (size_t f = 0; f < sound.count; f++) {
        const struct image_file *file = &sound.files[f];
        bool is_manifest = strstr(file->path, "/manifest_") != NULL;
        if (!file->data)
            continue;
        for (int by = 0; by < REPLACEMENTS; by++) {
            replace(file->path, by);
            look(_i, &seen, true);
            ck_assert_msg(seen.failures > 0, "%s replaced by %d", file->path, by);
            if (is_manifest) {
                ck_assert_int_eq(seen.failures, COMMITS * COMMIT_KEYS + 2);
                no_write(_i);
            }
            if (by == MISSING)
                ck_assert_int_eq(seen.status, ELOQ_CORRUPTED);
            remove(file->path);
            image_restore(file);
        }
    }
    look(_i, &seen, false);
    ck_assert_int_eq(seen.state, COMMITS);
    image_free(&sound);
    fixture_teardown();
}
END_TEST

static void swap_files(const char *a, const char *b)
{
    const char *aside = fixture_path("aside");

    ck_assert_int_eq(rename(a, aside), 0);
    ck_assert_int_eq(rename(b, a), 0);
    ck_assert_int_eq(rename(aside, b), 0);
}

/* Pages carry no identity, so a page of the other partition may pass where its bounds are open; but
 * its values are never delivered, and neither a scan nor a check passes over it. */
START_TEST(files_swapped_with_another_partition_are_seen)
{
    static const char *const names[] = { "data_0_0", "data_1_0", "manifest_0" };
    char a[512], b[512];

    if (!make(_i))
        return;
    eloq_store *db = reopen(_i, false); /* the other one is of another shape */
    static char long_value[9000];
    memset(long_value, 'l', sizeof(long_value));
    for (int i = 0; i < 30; i++) {
        char key[16];
        snprintf(key, sizeof(key), "1-9-%03d", i);
        ck_ok(eloq_put(db, whole, eloq_str(key), eloq_bytes(long_value, sizeof(long_value))));
    }
    ck_ok(eloq_close(db));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(a, sizeof(a), "%s/%s", fixture_path("s/t.0"), names[i]);
        snprintf(b, sizeof(b), "%s/%s", fixture_path("s/t.1"), names[i]);
        swap_files(a, b);
        db = reopen(_i, true);
        ck_rc(eloq_check(db, hurt, NULL, NULL, NULL), ELOQ_CORRUPTED);
        if (!append) /* which has left its first files behind */
            ck_rc(eloq_check(db, whole, NULL, NULL, NULL), ELOQ_CORRUPTED);
        eloq_iter *iter;
        eloq_item item;
        int rc;
        ck_ok(eloq_scan(db, hurt, NULL, &iter));
        while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK)
            ck_assert(item.value.size == 200 && memcmp(item.value.data, "t.0/", 4) == 0);
        ck_assert_msg(rc == ELOQ_CORRUPTED, "%s: scan answers %d", names[i], rc);
        eloq_iter_close(iter);
        ck_ok(eloq_close(db));
        swap_files(a, b);
    }
    fixture_teardown();
}
END_TEST

START_TEST(data_files_swapped_with_each_other_are_seen)
{
    struct commits_seen seen;

    if (!make(_i))
        return;
    swap_files(fixture_path("s/t.0/data_0_0"), fixture_path("s/t.0/data_1_0"));
    look(_i, &seen, true);
    ck_assert_int_gt(seen.failures, 0);
    ck_assert_int_eq(seen.status, ELOQ_CORRUPTED);
    fixture_teardown();
}
END_TEST

START_TEST(strangers_in_a_partitions_directory_are_left_alone)
{
    static const char *const names[] = { "core",        "data_x",         "data_00_0", "data_0",
                                         "manifest",    "manifest_00",    "data_77_0", "data_0_9",
                                         "manifest_0~", "manifest_0.bak", "x.tmp",     ".hidden" };
    struct commits_seen seen;

    if (!make(_i))
        return;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", fixture_path("s/t.0"), names[i]);
        image_write(path, "not ours", 8);
    }
    ck_assert_int_eq(mkdir(fixture_path("s/t.0/lost+found"), 0755), 0);
    ck_assert_int_eq(mkfifo(fixture_path("s/t.0/fifo"), 0644), 0);
    ck_assert_int_eq(look(_i, &seen, false), ELOQ_OK);
    ck_assert_int_eq(seen.state, COMMITS);
    eloq_store *db = reopen(_i, false);
    for (int i = 0; i < 50; i++)
        commits_write(db, hurt, 1 + i % COMMITS);
    ck_ok(eloq_close(db));
    ck_assert_int_eq(look(_i, &seen, false), ELOQ_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", fixture_path("s/t.0"), names[i]);
        if (strcmp(names[i], "data_77_0") != 0) /* a name of ours, which the store may come to */
            ck_assert_msg(access(path, F_OK) == 0, "%s is gone", path);
    }
    fixture_teardown();
}
END_TEST

/* Without a manifest: an unfinished first commit is a partition not yet there; data or archives
 * without any sign of one are damage. A check judges as the reads do. */
START_TEST(without_a_manifest_only_an_unfinished_first_commit_reads_as_absent)
{
    static const struct {
        const char *left[3]; /* names in the directory */
        int code;
    } cases[] = {
        { { NULL }, ELOQ_NOT_FOUND },
        { { "manifest_0.tmp" }, ELOQ_NOT_FOUND },
        { { "manifest_0.tmp", "data_0_0" }, ELOQ_NOT_FOUND },
        { { "data_0_0" }, ELOQ_CORRUPTED },
        { { "data_0_0", "other.tmp" }, ELOQ_CORRUPTED },
        { { "data_0_0", "manifest_5" }, ELOQ_CORRUPTED },
        { { "manifest_0_123" }, ELOQ_CORRUPTED },
        { { "manifest_0_123", "manifest_0.tmp" }, ELOQ_CORRUPTED },
    };
    eloq_record record = { 0 };
    char path[512];

    if (!make(_i))
        return;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        eloq_part part = { "w", (uint32_t)c };
        snprintf(path, sizeof(path), "%s/w.%zu", fixture_path("s"), c);
        ck_assert_int_eq(mkdir(path, 0755), 0);
        for (int i = 0; i < 3 && cases[c].left[i]; i++) {
            snprintf(path, sizeof(path), "%s/w.%zu/%s", fixture_path("s"), c, cases[c].left[i]);
            image_write(path, "", 0);
        }
        eloq_store *db = reopen(_i, false);
        ck_rc(eloq_get(db, part, eloq_str("k"), &record), cases[c].code);
        int rc = eloq_check(db, part, NULL, NULL, NULL);
        ck_assert_msg(cases[c].code < 0 ? rc == ELOQ_CORRUPTED : rc >= 0, "case %zu: check %d", c,
                      rc);
        rc = eloq_put(db, part, eloq_str("k"), eloq_str("v"));
        ck_assert_msg(rc == MIN(cases[c].code, ELOQ_OK), "case %zu: put %d", c, rc);
        if (rc == ELOQ_OK)
            expect(db, part, "k", "v");
        ck_ok(eloq_close(db));
    }
    fixture_teardown();
}
END_TEST

/* ---- permissions ---- */

/* As somebody who is not root: 0 when get and scan answer ELOQ_DENIED, naming the file. */
static int denied_child(const char *name)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_record record = { 0 };
    eloq_error error;
    eloq_iter *iter;
    eloq_item item;
    eloq_store *db;

    options.read_only = 1;
    options.io_backend = kinds[BACKENDS - 2];
    if (setgid(65534) != 0 || setuid(65534) != 0 || eloq_open(&options, &db) != ELOQ_OK)
        return 1;
    if (eloq_get(db, hurt, eloq_str("0-1-000"), &record) != ELOQ_DENIED)
        return 2;
    if (eloq_error_detail(NULL, &error) != ELOQ_OK || !error.file || !strstr(error.file, name))
        return 3;
    if (eloq_scan(db, hurt, NULL, &iter) != ELOQ_OK || eloq_iter_next(iter, &item) != ELOQ_DENIED)
        return 4;
    eloq_iter_close(iter);
    return eloq_close(db) == ELOQ_OK ? 0 : 5;
}

static int open_up(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)flag;
    (void)ftw;
    return chmod(path, S_ISDIR(st->st_mode) ? 0755 : 0644);
}

START_TEST(an_unreadable_file_is_denied)
{
    static const char *const names[] = { "manifest_0", "data_0_0" };

    if (geteuid() != 0 || !make(0))
        return;
    nftw(fixture_dir, open_up, 16, FTW_PHYS);
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        int status;
        snprintf(path, sizeof(path), "%s/%s", fixture_path("s/t.0"), names[i]);
        ck_assert_int_eq(chmod(path, 0), 0);
        pid_t child = fork();
        if (child == 0)
            _exit(denied_child(names[i]));
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(chmod(path, 0644), 0);
    }
    fixture_teardown();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files");
    TCase *tc = tcase_create("files");

    tcase_set_timeout(tc, 120);
#define ADD(name) tcase_add_loop_test(tc, name, 0, COMBINATIONS)
    ADD(a_manifest_cut_anywhere_shows_its_whole_records_or_an_error);
    ADD(after_a_cut_the_next_commits_go_on);
    ADD(a_flipped_bit_of_the_manifest_is_seen_or_loses_the_last_commit);
    ADD(a_flipped_bit_of_a_data_file_is_seen_where_it_is_used);
    ADD(a_data_file_cut_anywhere_is_corrupted_where_pages_are_missing);
    ADD(something_else_in_the_place_of_a_file_is_an_error_and_no_hang);
    ADD(files_swapped_with_another_partition_are_seen);
    ADD(data_files_swapped_with_each_other_are_seen);
    ADD(strangers_in_a_partitions_directory_are_left_alone);
    ADD(without_a_manifest_only_an_unfinished_first_commit_reads_as_absent);
#undef ADD
    tcase_add_test(tc, an_unreadable_file_is_denied);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
