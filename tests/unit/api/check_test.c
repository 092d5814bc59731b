/* tests/unit/api/check_test.c -- eloq_check tells damage from what is merely left over. */
#include <fcntl.h>

#include "unit/api/fixture.h"

static const eloq_part part = { "t", 0 };

struct seen {
    unsigned damages, notes;
    bool is_local;   /* a damage costs a range of keys, not all */
    char text[2048]; /* "what|file|offset\n" each */
};

static void on_finding(void *user, eloq_part found, const eloq_finding *f)
{
    struct seen *seen = user;
    size_t used = strlen(seen->text);
    const char *file = f->file ? strrchr(f->file, '/') : NULL;

    ck_assert_str_eq(found.table, "t");
    seen->damages += f->severity == ELOQ_DAMAGE;
    seen->notes += f->severity == ELOQ_NOTE;
    seen->is_local |= f->severity == ELOQ_DAMAGE && f->from.size + f->to.size > 0;
    snprintf(seen->text + used, sizeof(seen->text) - used, "%s|%s|%llu\n", f->what,
             file ? file + 1 : "", (unsigned long long)f->offset);
}

static void make(unsigned keys)
{
    eloq_store *db;
    char key[16];

    ck_assert(fixture_open(STORE_HOST_SYNC, "s", NULL, &db));
    for (unsigned i = 0; i < keys; i++) {
        snprintf(key, sizeof(key), "key%05u", i);
        put(db, part, key, "0123456789012345678901234567890123456789");
    }
    ck_ok(eloq_close(db));
}

static int check(struct seen *seen)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;
    eloq_checked checked;

    options.read_only = 1;
    *seen = (struct seen){ 0 };
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &options, &db));
    int rc = eloq_check(db, part, on_finding, seen, &checked);
    if (rc != ELOQ_NOT_FOUND) {
        ck_assert_uint_eq(checked.damages, seen->damages);
        ck_assert_uint_eq(checked.notes, seen->notes);
        ck_assert_int_eq(rc, seen->damages ? ELOQ_CORRUPTED : ELOQ_OK);
    }
    ck_ok(eloq_close(db));
    return rc;
}

static void write_file(const char *name, off_t offset, const void *data, size_t size)
{
    int fd = open(fixture_path(name), O_WRONLY | O_CREAT, 0644);

    if (offset < 0)
        offset = lseek(fd, 0, SEEK_END);
    ck_assert_int_eq(pwrite(fd, data, size, offset), (ssize_t)size);
    close(fd);
}

/* Damages one leaf, wherever the writer has put it; answers its offset. */
static off_t damage_leaf(void)
{
    for (off_t at = 0; at < 64 * 4096; at += 4096) {
        struct seen seen;
        char before[6] = "";
        int fd = open(fixture_path("s/t.0/data_0_0"), O_RDONLY);
        ssize_t got = pread(fd, before, sizeof(before), at + 100);
        close(fd);
        if (got != sizeof(before))
            break;
        write_file("s/t.0/data_0_0", at + 100, "damage", 6);
        if (check(&seen) == ELOQ_CORRUPTED && seen.is_local)
            return at;
        write_file("s/t.0/data_0_0", at + 100, before, sizeof(before));
    }
    ck_abort_msg("no page is a leaf");
}

START_TEST(leftovers_are_notes)
{
    struct seen seen;
    static const char zeros[4096];

    make(100);
    ck_ok(check(&seen));
    ck_assert_uint_eq(seen.notes, 0);
    write_file("s/t.0/data_7_0", 0, "x", 1);
    write_file("s/t.0/manifest_0.tmp", 0, "x", 1);
    write_file("s/t.0/manifest_0", -1, zeros, sizeof(zeros));
    ck_ok(check(&seen));
    ck_assert_uint_eq(seen.notes, 3);
    ck_assert_ptr_nonnull(strstr(seen.text, "not referenced|data_7_0"));
    ck_assert_ptr_nonnull(strstr(seen.text, "temporary file|manifest_0.tmp"));
    ck_assert_ptr_nonnull(strstr(seen.text, "zero tail|manifest_0"));
    write_file("s/t.0/manifest_0", -1, "rubbish that is longer than a header", 30);
    ck_ok(check(&seen));
    ck_assert_ptr_nonnull(strstr(seen.text, "damaged tail|manifest_0"));
}
END_TEST

START_TEST(emptied_and_unfinished_partitions_are_notes)
{
    struct seen seen;
    eloq_store *db;

    make(1);
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", NULL, &db));
    ck_ok(eloq_delete(db, part, eloq_str("key00000")));
    ck_ok(eloq_close(db));
    ck_ok(check(&seen));
    ck_assert_ptr_nonnull(strstr(seen.text, "empty"));
    ck_assert_int_eq(rename(fixture_path("s/t.0/manifest_0"), fixture_path("s/t.0/manifest_0.tmp")),
                     0);
    ck_ok(check(&seen));
    ck_assert_ptr_nonnull(strstr(seen.text, "did not finish"));
}
END_TEST

START_TEST(damage_is_named_with_its_place)
{
    struct seen seen;
    char place[64];

    make(500);
    snprintf(place, sizeof(place), "data_0_0|%llu", (unsigned long long)damage_leaf());
    ck_rc(check(&seen), ELOQ_CORRUPTED);
    ck_assert_uint_ge(seen.damages, 1);
    ck_assert_ptr_nonnull(strstr(seen.text, place));
}
END_TEST

START_TEST(missing_files_are_damage)
{
    struct seen seen;
    eloq_store *db;
    eloq_record record = { 0 };

    make(100);
    ck_assert_int_eq(rename(fixture_path("s/t.0/manifest_0"), fixture_path("m")), 0);
    ck_rc(check(&seen), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(seen.text, "manifest missing"));
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", NULL, &db));
    ck_rc(eloq_get(db, part, eloq_str("key00000"), &record), ELOQ_CORRUPTED);
    ck_rc(eloq_put(db, part, eloq_str("k"), eloq_str("v")), ELOQ_CORRUPTED);
    ck_ok(eloq_close(db));
    ck_assert_int_eq(rename(fixture_path("m"), fixture_path("s/t.0/manifest_0")), 0);
    ck_ok(check(&seen));
    ck_assert_int_eq(unlink(fixture_path("s/t.0/data_0_0")), 0);
    ck_rc(check(&seen), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(seen.text, "data file is missing|data_0_0"));
    write_file("s/t.0/manifest_0", 0, "rubbish", 7);
    ck_rc(check(&seen), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(seen.text, "|manifest_0|"));
}
END_TEST

START_TEST(check_beside_writers_judges_one_moment)
{
    eloq_store *db;
    eloq_checked checked;
    char key[16];

    ck_assert(fixture_open(STORE_THREADS, "s", NULL, &db));
    for (unsigned i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "key%05u", i);
        put(db, part, key, "v");
        if (i % 10 == 0) {
            ck_ok(eloq_check(db, part, NULL, NULL, &checked));
            ck_assert_uint_eq(checked.keys, i + 1);
        }
    }
    ck_ok(eloq_close(db));
}
END_TEST

static void count_done(eloq_op *op)
{
    ++*(int *)op->user;
}

START_TEST(a_damaged_leaf_fails_only_the_writes_to_it)
{
    static char keys[500][16];
    static eloq_op ops[500];
    eloq_store *db;
    int done = 0, corrupted = 0;

    make(500);
    off_t place = damage_leaf();
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", NULL, &db));
    for (int i = 0; i < 500; i += 50) { /* all before the shard runs: one commit, at first */
        snprintf(keys[i], sizeof(keys[i]), "key%05d", i);
        ops[i] = (eloq_op){ .done = count_done, .user = &done };
        ck_ok(eloq_put_async(db, part, eloq_str(keys[i]), eloq_str("new"), &ops[i]));
    }
    while (done < 10)
        ck_ok(eloq_run(db, 10));
    for (int i = 0; i < 500; i += 50) {
        if (ops[i].status == ELOQ_CORRUPTED) {
            eloq_error error;
            ck_ok(eloq_error_detail(&ops[i], &error));
            ck_assert_ptr_nonnull(strstr(error.file, "data_0_0"));
            ck_assert_uint_eq(error.offset, (uint64_t)place);
            corrupted++;
        } else {
            ck_assert_int_eq(ops[i].status, ELOQ_OK);
            expect(db, part, keys[i], "new");
        }
    }
    ck_assert_int_ge(corrupted, 1);
    ck_assert_int_lt(corrupted, 10);
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tc = tcase_create("check");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_test(tc, leftovers_are_notes);
    tcase_add_test(tc, emptied_and_unfinished_partitions_are_notes);
    tcase_add_test(tc, damage_is_named_with_its_place);
    tcase_add_test(tc, missing_files_are_damage);
    tcase_add_test(tc, a_damaged_leaf_fails_only_the_writes_to_it);
    tcase_add_test(tc, check_beside_writers_judges_one_moment);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
