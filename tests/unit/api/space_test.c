/* tests/unit/api/space_test.c -- truncate, drop, compact, clean: what goes, what stays, and that
 * the disk gets its space back. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "unit/api/space_fixture.h"

/* ---- truncate ---- */

START_TEST(truncate_cuts_at_the_key_and_twice)
{
    static const struct {
        const char *from;
        unsigned left;
    } cuts[] = { { "99999999", 500 }, { "00000300", 300 },
                 { "00000300", 300 }, { "00000250x", 251 },
                 { "00000001", 1 },   { "0", 0 },
                 { "0", 0 } };
    eloq_options options = options_of(_i % 2, 4);
    eloq_store *db;

    if (!fixture_open(_i / 2, "s", &options, &db))
        return;
    ck_ok(eloq_truncate(db, part, eloq_str("x"))); /* absent */
    fill(db, part, 0, 500, 1);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        ck_ok(eloq_truncate(db, part, eloq_str(cuts[i].from)));
        ck_assert_uint_eq(count_keys(db, part), cuts[i].left);
    }
    ck_assert(!fixture_exists("s/t.0"));
    fill(db, part, 100, 200, 2);
    ck_assert_uint_eq(count_keys(db, part), 200);
    if (!fixture_is_memory(_i / 2))
        ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_whole_truncation_removes_files_and_directory)
{
    eloq_options options = options_of(_i % 2, 4);
    eloq_store *db;

    if (!fixture_open(_i / 2, "s", &options, &db))
        return;
    for (unsigned round = 0; round < 3; round++) {
        fill(db, part, round * 100, 400, round);
        if (!fixture_is_memory(_i / 2))
            ck_assert(fixture_exists("s/t.0/manifest_0"));
        ck_ok(eloq_truncate(db, part, eloq_str("")));
        ck_assert(!fixture_exists("s/t.0"));
        ck_assert_uint_eq(count_keys(db, part), 0);
        ck_rc(eloq_clean_expired(db, part), ELOQ_NOT_FOUND);
    }
    ck_assert_uint_eq(stat_of(db, "partitions_removed"), 3);
    ck_ok(eloq_close(db));
    if (fixture_is_memory(_i / 2))
        return;
    ck_assert(fixture_open(_i / 2, "s", &options, &db));
    ck_assert_uint_eq(count_keys(db, part), 0);
    fill(db, part, 5, 10, 9);
    ck_assert_uint_eq(count_keys(db, part), 10);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_reader_keeps_what_was_truncated_until_it_ends)
{
    eloq_options options = options_of(_i % 2, 4);
    eloq_store *db;

    if (!fixture_open(STORE_THREADS, "s", &options, &db))
        return;
    fill(db, part, 0, 3000, 7);
    eloq_iter *iter = begin_scan(db, 7);
    ck_ok(eloq_truncate(db, part, eloq_str("")));
    ck_assert_uint_eq(count_keys(db, part), 0);
    ck_assert(fixture_exists("s/t.0/data_0_0"));
    ck_assert_uint_eq(stat_of(db, "versions_pinned"), 1);
    ck_assert_uint_gt(stat_of(db, "pages_pinned"), 500);
    if (_i >= 2) { /* a new life meanwhile */
        fill(db, part, 0, 10, 8);
        drain(iter, 7, 2999);
        eloq_iter_close(iter);
        ck_assert_uint_eq(count_keys(db, part), 10);
        ck_assert(fixture_exists("s/t.0/manifest_0"));
    } else {
        drain(iter, 7, 2999);
        eloq_iter_close(iter);
        for (int ms = 0; ms < 5000 && fixture_exists("s/t.0"); ms++)
            usleep(1000);
        ck_assert(!fixture_exists("s/t.0"));
    }
    ck_assert_uint_eq(stat_of(db, "versions_pinned"), 0);
    ck_assert_uint_eq(stat_of(db, "pages_pinned"), 0);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(files_shrink_after_a_partial_truncation)
{
    eloq_options options = options_of(_i % 2, 8);
    eloq_store *db;
    unsigned files;

    if (!fixture_open(STORE_SYNC, "s", &options, &db))
        return;
    for (unsigned i = 0; i < 20; i++)
        fill(db, part, i * 1000, 1000, 1);
    uint64_t before = disk_bytes("s/t.0", &files);
    ck_assert_uint_gt(before, 15 * MIB);
    ck_ok(eloq_truncate(db, part, eloq_str("00001000")));
    /* append: the file being filled, and what it may hold twice */
    ck_assert_uint_lt(disk_bytes("s/t.0", &files), before / 4);
    ck_assert_uint_eq(count_keys(db, part), 1000);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    fill(db, part, 1000, 3000, 2);
    ck_ok(eloq_close(db));
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    ck_assert_uint_eq(count_keys(db, part), 4000);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(truncation_of_large_values_while_files_are_compacted)
{
    static char value[5000];
    eloq_options options = options_of(true, 5);
    eloq_store *db;
    unsigned files;

    options.buffer_pool_size = 1 << 20;
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 4000; i += 100) {
            eloq_entry entries[100];
            char keys[100][16];
            for (unsigned k = 0; k < 100; k++) {
                snprintf(keys[k], sizeof(keys[k]), "%08u", i + k);
                entries[k] = (eloq_entry){ .key = eloq_str(keys[k]),
                                           .value = eloq_bytes(value, sizeof(value)) };
            }
            ck_ok(eloq_write(db, part, entries, 100));
        }
    }
    ck_ok(eloq_truncate(db, part, eloq_str("00001600")));
    ck_assert_uint_eq(count_keys(db, part), 1600);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_compact(db, part));
    ck_assert_uint_lt(disk_bytes("s/t.0", &files), 2 * 1600 * 2 * 4096 + 4 * (32 * 4096));
    ck_ok(eloq_truncate(db, part, eloq_str("00000000")));
    ck_assert(!fixture_exists("s/t.0"));
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- drop ---- */

START_TEST(drop_removes_every_partition_of_its_table_and_no_other)
{
    eloq_options options = options_of(_i % 2, 4);
    eloq_part other = { "t2", 1 };
    char name[32];
    eloq_store *db;

    if (!fixture_open(_i / 2, "s", &options, &db))
        return;
    fill(db, other, 0, 10, 1);
    for (unsigned round = 0; round < 3; round++) {
        for (uint32_t p = 0; p < 40; p += 3)
            fill(db, (eloq_part){ "t", p }, round, 50, round);
        ck_ok(eloq_drop(db, "t"));
        for (uint32_t p = 0; p < 40; p += 3) {
            ck_assert_uint_eq(count_keys(db, (eloq_part){ "t", p }), 0);
            snprintf(name, sizeof(name), "s/t.%u", p);
            ck_assert(!fixture_exists(name));
        }
        ck_assert_uint_eq(count_keys(db, other), 10);
    }
    ck_ok(eloq_drop(db, "t"));
    ck_ok(eloq_drop(db, "never"));
    ck_rc(eloq_drop(db, "a/b"), ELOQ_INVALID);
    ck_rc(eloq_drop(db, NULL), ELOQ_INVALID);
    ck_ok(eloq_close(db));
}
END_TEST

struct queued {
    eloq_op op;
    atomic_int *left;
};

static void queued_done(eloq_op *op)
{
    struct queued *q = (struct queued *)op;

    ck_assert_int_eq(op->status, ELOQ_OK);
    atomic_fetch_sub(q->left, 1);
}

/* What was queued before the drop goes with it; what comes after it stays. */
START_TEST(drop_while_writes_are_queued)
{
    static struct queued ops[200];
    atomic_int left = 0;
    eloq_options options = options_of(_i, 4);
    eloq_store *db;

    if (!fixture_open(STORE_THREADS, "s", &options, &db))
        return;
    for (unsigned i = 0; i < 200; i++) {
        ops[i] = (struct queued){ .op = { .done = queued_done }, .left = &left };
        atomic_fetch_add(&left, 1);
        ck_ok(eloq_put_async(db, (eloq_part){ "t", i % 7 }, eloq_str("before"), eloq_str("v"),
                             &ops[i].op));
    }
    ck_ok(eloq_drop(db, "t"));
    while (atomic_load(&left) > 0)
        usleep(100);
    for (uint32_t p = 0; p < 7; p++) {
        expect(db, (eloq_part){ "t", p }, "before", NULL);
        put(db, (eloq_part){ "t", p }, "after", "v");
    }
    for (uint32_t p = 0; p < 7; p++)
        expect(db, (eloq_part){ "t", p }, "after", "v");
    ck_ok(eloq_close(db));
}
END_TEST

static void *drop_again_and_again(void *user)
{
    for (int i = 0; i < 20; i++)
        ck_ok(eloq_drop(user, "t"));
    return NULL;
}

/* Whatever the order, every call succeeds and the store stays whole. */
START_TEST(drops_beside_writers_of_three_shards)
{
    eloq_options options = options_of(_i, 2);
    pthread_t thread;
    eloq_store *db;

    options.shards = 3;
    if (!fixture_open(STORE_THREADS, "s", &options, &db))
        return;
    ck_assert_int_eq(pthread_create(&thread, NULL, drop_again_and_again, db), 0);
    for (unsigned i = 0; i < 120; i++)
        fill(db, (eloq_part){ "t", i % 6 }, i, 40, i);
    pthread_join(thread, NULL);
    ck_ok(eloq_drop(db, "t"));
    for (uint32_t p = 0; p < 6; p++) {
        fill(db, (eloq_part){ "t", p }, p, 40, 0);
        ck_ok(eloq_check(db, (eloq_part){ "t", p }, NULL, NULL, NULL));
        ck_assert_uint_eq(count_keys(db, (eloq_part){ "t", p }), 40);
    }
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- compaction ---- */

START_TEST(compact_is_for_append_mode)
{
    eloq_options options = options_of(false, 4);
    eloq_store *db;

    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    ck_rc(eloq_compact(db, part), ELOQ_INVALID);
    ck_words("nothing to compact in place");
    ck_rc(eloq_clean_expired(db, part), ELOQ_NOT_FOUND);
    ck_ok(eloq_close(db));
    options = options_of(true, 4);
    ck_assert(fixture_open(STORE_SYNC, "append", &options, &db));
    ck_rc(eloq_compact(db, part), ELOQ_NOT_FOUND);
    ck_ok(eloq_delete(db, part, eloq_str("k"))); /* makes nothing */
    ck_rc(eloq_compact(db, part), ELOQ_NOT_FOUND);
    put(db, part, "k", "v");
    ck_ok(eloq_delete(db, part, eloq_str("k")));
    ck_ok(eloq_compact(db, part));
    ck_ok(eloq_clean_expired(db, part));
    put(db, part, "k", "v");
    ck_ok(eloq_compact(db, part));
    ck_ok(eloq_clean_expired(db, part));
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));
    options.read_only = 1;
    ck_assert(fixture_open(STORE_SYNC, "append", &options, &db));
    ck_rc(eloq_compact(db, part), ELOQ_INVALID);
    ck_rc(eloq_truncate(db, part, eloq_str("")), ELOQ_INVALID);
    ck_rc(eloq_drop(db, "t"), ELOQ_INVALID);
    ck_ok(eloq_close(db));
}
END_TEST

/* Rewrites half of the keys, scattered, over and over. */
static void churn(eloq_store *db, unsigned keys, unsigned rounds, unsigned seed)
{
    for (unsigned round = 1; round <= rounds; round++)
        for (unsigned i = 0; i < 10; i++)
            fill(db, part, (seed + round * 7919 + i * 104729) % (keys - keys / 20), keys / 20,
                 round);
}

START_TEST(space_is_bounded_under_churn)
{
    const unsigned keys = 8000; /* 8 MB */
    eloq_options options = options_of(true, _i ? 2 : 6);
    uint64_t file_bytes = (_i ? 4u : 64u) * 4096, live, most = 0;
    eloq_store *db;
    unsigned files;

    options.file_amplify_factor = 2;
    if (!fixture_open(STORE_SYNC, "s", &options, &db))
        return;
    fill(db, part, 0, keys, 0);
    live = disk_bytes("s/t.0", &files);
    for (unsigned i = 0; i < 12; i++) {
        churn(db, keys, 1, i);
        put(db, part, "0", "a write waits for the step before it");
        ck_ok(eloq_compact(db, part));
        uint64_t bytes = disk_bytes("s/t.0", &files);
        most = bytes > most ? bytes : most;
    }
    /* live is what a fresh load takes: its pages may be filled less by now */
    ck_assert_uint_le(most, 2 * (live + live / 3) + 3 * file_bytes);
    ck_assert_uint_gt(stat_of(db, "compactions"), 0);
    ck_assert_uint_gt(stat_of(db, "files_removed"), 10);
    ck_assert_uint_eq(count_keys(db, part), keys + 1);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

/* A page that a reader may still want is there, whatever is moved and removed around it. */
START_TEST(a_long_scan_across_compactions_sees_its_moment)
{
    const unsigned keys = 6000;
    eloq_options options = options_of(_i % 2, 3);
    eloq_store *db;

    options.buffer_pool_size = 262144;
    if (!fixture_open(_i / 2 ? STORE_TWO_SHARDS : STORE_SYNC, "s", &options, &db))
        return;
    fill(db, part, 0, keys, 0);
    eloq_iter *iter = begin_scan(db, 0);
    churn(db, keys, 4, 0);
    if (_i % 2) {
        ck_ok(eloq_compact(db, part));
        ck_assert_uint_gt(stat_of(db, "files_removed"), 0);
    }
    fill(db, part, 0, keys, 77);
    eloq_iter *second = begin_scan(db, 77);
    churn(db, keys, 2, 3);
    if (_i % 2)
        ck_ok(eloq_compact(db, part));
    drain(iter, 0, keys - 1);
    eloq_iter_close(iter);
    churn(db, keys, 1, 5);
    drain(second, 77, keys - 1);
    eloq_iter_close(second);
    ck_assert_uint_eq(count_keys(db, part), keys);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
}
END_TEST

/* In place a reader pins what it can see, and not what came and went since. */
START_TEST(a_slow_reader_does_not_make_the_file_grow)
{
    const unsigned keys = 3000;
    eloq_options options = options_of(false, 18);
    eloq_store *db;
    unsigned files;

    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    fill(db, part, 0, keys, 0);
    uint64_t before = disk_bytes("s/t.0", &files);
    eloq_iter *iter = begin_scan(db, 0);
    for (unsigned i = 0; i < 60; i++)
        fill(db, part, i * 37 % (keys - 300), 300, i + 1);
    ck_assert_uint_eq(stat_of(db, "versions_pinned"), 1);
    ck_assert_uint_le(stat_of(db, "pages_pinned") * 4096, before + before / 10);
    ck_assert_uint_le(disk_bytes("s/t.0", &files), 3 * before);
    drain(iter, 0, keys - 1);
    eloq_iter_close(iter);
    ck_assert_uint_eq(stat_of(db, "pages_pinned"), 0);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_damaged_file_is_not_compacted_away)
{
    eloq_options options = options_of(true, 4);
    eloq_record record = { 0 };
    eloq_store *db;
    unsigned damaged = 0;

    options.file_amplify_factor = ELOQ_ZERO;
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    fill(db, part, 0, 400, 1);
    ck_ok(eloq_close(db));
    FILE *f = fopen(fixture_path("s/t.0/data_1_0"), "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, 3 * 4096 + 2000, SEEK_SET); /* one page of data in the middle */
    fputc('#', f);
    fclose(f);
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    fill(db, part, 0, 16, 2);
    fill(db, part, 120, 280, 2);
    ck_ok(eloq_compact(db, part));
    ck_assert(fixture_exists("s/t.0/data_1_0"));
    for (unsigned i = 0; i < 400; i++) {
        char key[16];
        snprintf(key, sizeof(key), "%08u", i);
        int rc = eloq_get(db, part, eloq_str(key), &record);
        damaged += rc == ELOQ_CORRUPTED;
        ck_assert_int_le(rc, ELOQ_OK);
    }
    ck_assert_uint_ge(damaged, 1);
    ck_assert_uint_le(damaged, 8);
    eloq_record_free(&record);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(clean_removes_what_has_expired)
{
    static eloq_entry entries[200];
    static char keys[200][16];
    eloq_options options = options_of(_i, 4);
    struct timespec now;
    eloq_store *db;

    if (!fixture_open(STORE_THREADS, "s", &options, &db))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t soon = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 2000;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%08u", i);
        entries[i] = (eloq_entry){ .key = eloq_str(keys[i]),
                                   .value = eloq_str("v"),
                                   .expire_at = i % 2 ? soon : 0 };
    }
    ck_ok(eloq_write(db, part, entries, 200));
    ck_ok(eloq_clean_expired(db, part));
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 0);
    usleep(2100000);
    ck_ok(eloq_clean_expired(db, part));
    ck_assert_uint_eq(stat_of(db, "keys_expired"), 100);
    ck_assert_uint_eq(count_keys(db, part), 100);
    ck_ok(eloq_clean_expired(db, part));
    ck_ok(eloq_close(db));
}
END_TEST

/* ---- leftovers ---- */

static void make_file(const char *name)
{
    FILE *f = fopen(fixture_path(name), "wb");

    ck_assert_ptr_nonnull(f);
    fputs("left by a crash", f);
    fclose(f);
}

START_TEST(leftovers_go_at_the_first_write_and_not_before)
{
    eloq_options options = options_of(_i, 4);
    eloq_store *db;

    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    fill(db, part, 0, 100, 1);
    ck_ok(eloq_close(db));
    make_file("s/t.0/data_77_0");
    make_file("s/t.0/manifest_0.tmp");
    make_file("s/t.0/notes.txt");
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    ck_assert_uint_eq(count_keys(db, part), 100);
    ck_assert(fixture_exists("s/t.0/data_77_0"));
    put(db, part, "k", "v");
    ck_assert(!fixture_exists("s/t.0/data_77_0"));
    ck_assert(!fixture_exists("s/t.0/manifest_0.tmp"));
    ck_assert(fixture_exists("s/t.0/notes.txt"));
    ck_assert_uint_eq(count_keys(db, part), 101);
    ck_ok(eloq_drop(db, "t")); /* what is not ours stays */
    ck_assert(fixture_exists("s/t.0/notes.txt"));
    ck_assert(!fixture_exists("s/t.0/manifest_0"));
    ck_assert(!fixture_exists("s/t.0/data_0_0"));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(an_unfinished_first_commit_is_dropped_too)
{
    eloq_options options = options_of(_i, 4);
    eloq_store *db;

    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    ck_assert_int_eq(mkdir(fixture_path("s/t.4"), 0777), 0);
    make_file("s/t.4/data_0_0");
    make_file("s/t.4/data_9_0");
    make_file("s/t.4/manifest_0.tmp");
    ck_ok(eloq_drop(db, "t"));
    ck_assert(!fixture_exists("s/t.4"));
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("space");
    TCase *tc = tcase_create("space");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, truncate_cuts_at_the_key_and_twice, 0, 2 * STORE_KINDS);
    tcase_add_loop_test(tc, a_whole_truncation_removes_files_and_directory, 0, 2 * STORE_KINDS);
    tcase_add_loop_test(tc, a_reader_keeps_what_was_truncated_until_it_ends, 0, 4);
    tcase_add_loop_test(tc, files_shrink_after_a_partial_truncation, 0, 2);
    tcase_add_test(tc, truncation_of_large_values_while_files_are_compacted);
    tcase_add_loop_test(tc, drop_removes_every_partition_of_its_table_and_no_other, 0,
                        2 * STORE_KINDS);
    tcase_add_loop_test(tc, drop_while_writes_are_queued, 0, 2);
    tcase_add_loop_test(tc, drops_beside_writers_of_three_shards, 0, 2);
    tcase_add_test(tc, compact_is_for_append_mode);
    tcase_add_loop_test(tc, space_is_bounded_under_churn, 0, 2);
    tcase_add_loop_test(tc, a_long_scan_across_compactions_sees_its_moment, 0, 4);
    tcase_add_test(tc, a_slow_reader_does_not_make_the_file_grow);
    tcase_add_test(tc, a_damaged_file_is_not_compacted_away);
    tcase_add_loop_test(tc, clean_removes_what_has_expired, 0, 2);
    tcase_add_loop_test(tc, leftovers_go_at_the_first_write_and_not_before, 0, 2);
    tcase_add_loop_test(tc, an_unfinished_first_commit_is_dropped_too, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
