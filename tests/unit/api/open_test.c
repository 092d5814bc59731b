/* tests/unit/api/open_test.c -- a store's life cycle: paths, locks, the record, options. */
#include <sys/wait.h>

#include "unit/api/fixture.h"

static const eloq_part part = { "t", 0 };

static int open_at(const char *path, eloq_store **ret)
{
    eloq_options options = ELOQ_OPTIONS(path);
    return eloq_open(&options, ret);
}

START_TEST(close_of_nothing_is_fine)
{
    ck_ok(eloq_close(NULL));
}
END_TEST

START_TEST(a_store_without_a_path_is_in_memory)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;

    ck_ok(eloq_open(&options, &db));
    put(db, part, "k", "v");
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));
    options.io_backend = ELOQ_IO_SYNC;
    ck_rc(eloq_open(&options, &db), ELOQ_INVALID);
    ck_assert_ptr_null(db);
}
END_TEST

START_TEST(missing_parents_are_made)
{
    eloq_store *db;

    ck_ok(open_at(fixture_path("a/b/c"), &db));
    put(db, part, "k", "v");
    ck_ok(eloq_close(db));
    ck_assert(fixture_exists("a/b/c/t.0"));
    ck_assert(fixture_exists("a/b/c/.eloqstore/options"));
    ck_assert(fixture_exists("a/b/c/.eloqstore/lock"));
}
END_TEST

START_TEST(relative_paths_are_the_working_directory)
{
    eloq_store *db;

    ck_assert_int_eq(chdir(fixture_dir), 0);
    ck_ok(open_at("./x//y/", &db));
    ck_ok(eloq_close(db));
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert(fixture_exists("x/y/.eloqstore"));
}
END_TEST

START_TEST(a_path_with_files_in_it_is_no_store)
{
    eloq_store *db;

    ck_assert_int_eq(mkdir(fixture_path("d"), 0755), 0);
    FILE *file = fopen(fixture_path("d/readme"), "w");
    fclose(file);
    ck_rc(open_at(fixture_path("d"), &db), ELOQ_INVALID);
    ck_words("readme");
    ck_assert(open_at(fixture_path("d/readme"), &db) < 0);
    ck_assert(!fixture_exists("d/.eloqstore"));
}
END_TEST

/* Answers what eloq_open says there, once told to try. */
static pid_t other_process(const char *path, int pipe_fd)
{
    eloq_store *db;
    char go;

    pid_t child = fork(); /* before there are threads */
    if (child == 0)
        _exit(read(pipe_fd, &go, 1) == 1 && open_at(path, &db) == ELOQ_BUSY ? 0 : 1);
    return child;
}

START_TEST(a_second_opener_is_busy)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *db, *again = NULL;
    int fds[2], status;

    ck_assert_int_eq(pipe(fds), 0);
    pid_t child = other_process(options.path, fds[0]);
    ck_ok(eloq_open(&options, &db));
    put(db, part, "k", "v");
    ck_rc(eloq_open(&options, &again), ELOQ_BUSY);
    ck_words("in use");
    ck_assert_ptr_null(again);
    options.read_only = 1;
    ck_rc(eloq_open(&options, &again), ELOQ_BUSY);
    ck_assert_int_eq(write(fds[1], "g", 1), 1);
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_ok(eloq_close(db));
    options.read_only = 0;
    ck_ok(eloq_open(&options, &db));
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(readers_share_and_keep_writers_out)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *a, *b, *writer;

    ck_ok(eloq_open(&options, &writer));
    put(writer, part, "k", "v");
    ck_ok(eloq_close(writer));
    if (_i) /* without a lock file too */
        ck_assert_int_eq(unlink(fixture_path("s/.eloqstore/lock")), 0);
    options.read_only = 1;
    ck_ok(eloq_open(&options, &a));
    ck_ok(eloq_open(&options, &b));
    expect(a, part, "k", "v");
    expect(b, part, "k", "v");
    ck_rc(eloq_put(a, part, eloq_str("k"), eloq_str("w")), ELOQ_INVALID);
    ck_words("read-only");
    options.read_only = 0;
    ck_rc(eloq_open(&options, &writer), ELOQ_BUSY);
    ck_ok(eloq_close(a));
    ck_ok(eloq_close(b));
    ck_assert(_i == !fixture_exists("s/.eloqstore/lock"));
    ck_ok(eloq_open(&options, &writer));
    ck_ok(eloq_close(writer));
}
END_TEST

START_TEST(read_only_makes_nothing)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *db;

    options.read_only = 1;
    ck_assert(eloq_open(&options, &db) < 0);
    ck_words("No such file");
    ck_assert(!fixture_exists("s"));
    ck_assert_int_eq(mkdir(fixture_path("s"), 0755), 0);
    ck_ok(eloq_open(&options, &db));
    expect(db, part, "k", NULL);
    ck_ok(eloq_close(db));
    ck_assert(!fixture_exists("s/.eloqstore"));
}
END_TEST

START_TEST(format_options_are_recorded_and_checked)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *db;

    options.format.data_page_size = 8192;
    options.format.data_append_mode = 1;
    options.format.pages_per_file_shift = 7;
    options.format.overflow_pointers = 5;
    ck_ok(eloq_open(&options, &db));
    put(db, part, "k", "v");
    ck_ok(eloq_close(db));

    /* 0: as recorded. */
    options.format = (eloq_format){ 0 };
    ck_ok(eloq_open(&options, &db));
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));

    const eloq_format wrong[] = { { .data_page_size = 4096 },
                                  { .pages_per_file_shift = ELOQ_ZERO },
                                  { .overflow_pointers = 16 },
                                  { .data_append_mode = ELOQ_ZERO },
                                  { .data_file_size = 1 << 19 } };
    const char *words[][2] = {
        { "4096", "8192" }, { "0", "7" }, { "16", "5" }, { "0", "1" }, { "6", "7" }
    };
    for (int i = 0; i < 5; i++) {
        options.format = wrong[i];
        ck_rc(eloq_open(&options, &db), ELOQ_INVALID);
        ck_words(words[i][0]);
        ck_words(words[i][1]);
    }
    options.format = (eloq_format){ .data_file_size = 8192 << 7 };
    ck_ok(eloq_open(&options, &db));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_store_of_the_reference_gets_no_record)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *db;

    ck_assert_int_eq(mkdir(fixture_path("s"), 0755), 0);
    ck_assert_int_eq(mkdir(fixture_path("s/t.0"), 0755), 0);
    ck_ok(eloq_open(&options, &db));
    put(db, part, "k", "v");
    ck_ok(eloq_close(db));
    ck_assert(!fixture_exists("s/.eloqstore/options"));
    ck_ok(eloq_open(&options, &db));
    expect(db, part, "k", "v");
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(a_damaged_record_is_corrupted)
{
    eloq_store *db;

    ck_ok(open_at(fixture_path("s"), &db));
    ck_ok(eloq_close(db));
    FILE *file = fopen(fixture_path("s/.eloqstore/options"), "r+");
    fseek(file, 80, SEEK_SET);
    fputc('9', file);
    fclose(file);
    ck_rc(open_at(fixture_path("s"), &db), ELOQ_CORRUPTED);
    ck_words("record");
}
END_TEST

static int open_paths(const char *a, const char *b, const char *c, eloq_store **ret)
{
    const char *paths[3] = { a, b, c };
    eloq_options options = ELOQ_OPTIONS(NULL);

    options.paths = paths;
    options.path_count = c ? 3 : b ? 2 : 1;
    return eloq_open(&options, ret);
}

START_TEST(paths_must_be_all_and_in_order)
{
    const char *a = fixture_path("a"), *b = fixture_path("b"), *c = fixture_path("c");
    eloq_store *db;

    ck_ok(open_paths(a, b, NULL, &db));
    for (uint32_t i = 0; i < 4; i++)
        put(db, (eloq_part){ "t", i }, "k", "v");
    ck_ok(eloq_close(db));
    ck_assert(fixture_exists("a/t.0") && fixture_exists("b/t.1") && fixture_exists("a/t.2"));
    ck_rc(open_paths(b, a, NULL, &db), ELOQ_INVALID);
    ck_words("order");
    ck_rc(open_paths(a, NULL, NULL, &db), ELOQ_INVALID);
    ck_words("2 paths");
    ck_rc(open_paths(a, b, c, &db), ELOQ_INVALID);
    ck_rc(open_paths(a, a, NULL, &db), ELOQ_INVALID);
    ck_words("twice");
    ck_rc(open_paths(a, c, NULL, &db), ELOQ_INVALID);
    ck_words("belong");

    ck_ok(open_at(fixture_path("e"), &db)); /* another store */
    put(db, part, "k", "v");
    ck_ok(eloq_close(db));
    ck_rc(open_paths(a, fixture_path("e"), NULL, &db), ELOQ_INVALID);
    ck_words("another store");

    char both[600];
    snprintf(both, sizeof(both), "%s::%s/", fixture_path("a"), fixture_path("b"));
    ck_ok(open_at(both, &db));
    for (uint32_t i = 0; i < 4; i++)
        expect(db, (eloq_part){ "t", i }, "k", "v");
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(stores_of_one_process_share_nothing)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *a, *b, *c;

    ck_ok(open_at(fixture_path("a"), &a));
    options.path = fixture_path("b");
    options.format.data_page_size = 16384;
    ck_ok(eloq_open(&options, &b));
    ck_ok(open_at(NULL, &c));
    put(a, part, "k", "a");
    put(b, part, "k", "b");
    put(c, part, "k", "c");
    expect(a, part, "k", "a");
    ck_ok(eloq_close(a));
    expect(b, part, "k", "b");
    expect(c, part, "k", "c");
    ck_ok(eloq_close(b));
    ck_ok(eloq_close(c));
}
END_TEST

START_TEST(calls_after_close_are_closed)
{
    eloq_record record = { 0 };
    eloq_iter *iter, *fresh;
    eloq_item item;
    eloq_store *db;

    ck_ok(open_at(fixture_path("s"), &db));
    put(db, part, "a", "1");
    put(db, part, "b", "2");
    ck_ok(eloq_scan(db, part, NULL, &iter));
    ck_ok(eloq_iter_next(iter, &item));
    ck_ok(eloq_scan(db, part, NULL, &fresh));
    ck_ok(eloq_close(db));
    ck_rc(eloq_get(db, part, eloq_str("a"), &record), ELOQ_CLOSED);
    ck_rc(eloq_put(db, part, eloq_str("a"), eloq_str("1")), ELOQ_CLOSED);
    ck_rc(eloq_close(db), ELOQ_CLOSED);
    ck_rc(eloq_iter_next(iter, &item), ELOQ_CLOSED);
    ck_rc(eloq_iter_next(iter, &item), ELOQ_CLOSED);
    ck_rc(eloq_iter_next(fresh, &item), ELOQ_CLOSED);
    eloq_iter_close(iter);
    eloq_iter_close(fresh);
    eloq_iter_close(NULL);
}
END_TEST

START_TEST(open_and_close_many_times)
{
    eloq_store *db;

    for (int i = 0; i < 150; i++) {
        ck_ok(open_at(i % 2 ? fixture_path("s") : NULL, &db));
        put(db, part, "k", "v");
        ck_ok(eloq_close(db));
    }
}
END_TEST

START_TEST(wrong_options_are_named)
{
    static const struct {
        const char *key, *value;
    } wrong[] = {
        { "num_threads", "1025" },
        { "num_threads", "0" },
        { "data_page_restart_interval", "1025" },
        { "index_page_restart_interval", "0" },
        { "skip_verify_checksum", "2" },
        { "enable_compression", "perhaps" },
        { "buffer_pool_size", "1" },
        { "manifest_limit", "4095" },
        { "manifest_limit", "8MB" },
        { "fd_limit", "15" },
        { "io_queue_size", "12" },
        { "io_queue_size", "65536" },
        { "max_inflight_write", "0" },
        { "max_write_batch_pages", "1025" },
        { "buf_ring_size", "1000" },
        { "coroutine_stack_size", "16384" },
        { "coroutine_stack_size", "65537" },
        { "file_amplify_factor", "1" },
        { "queue_depth", "0" },
        { "memory_bytes", "1MB" },
        { "io_backend", "floppy" },
        { "data_page_size", "64KB" },
        { "data_page_size", "5000" },
        { "data_page_size", "1.5KB" },
        { "data_file_size", "5GB" },
        { "pages_per_file_shift", "31" },
        { "overflow_pointers", "129" },
        { "data_append_mode", "maybe" },
        { "cloud_store_path", "bucket/x" },
        { "no_such_option", "1" },
        { "fd_limit", "" },
        { "fd_limit", "99999999999999999999999" },
    };
    eloq_options options = ELOQ_OPTIONS(NULL);

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_rc(eloq_options_set(&options, wrong[i].key, wrong[i].value), ELOQ_INVALID);
        ck_words(wrong[i].key);
    }
    eloq_options_free(&options);
}
END_TEST

START_TEST(options_by_key_are_taken)
{
    eloq_options o = ELOQ_OPTIONS(NULL);

    ck_ok(eloq_options_set(&o, "NUM_THREADS", "0x10"));
    ck_assert_uint_eq(o.shards, 16);
    ck_ok(eloq_options_set(&o, "buffer_pool_size", "64 mb"));
    ck_assert_uint_eq(o.buffer_pool_size, 64 << 20);
    ck_ok(eloq_options_set(&o, "file_amplify_factor", "0"));
    ck_assert_uint_eq(o.file_amplify_factor, ELOQ_ZERO);
    ck_ok(eloq_options_set(&o, "data_append_mode", "false"));
    ck_assert_uint_eq(o.format.data_append_mode, ELOQ_ZERO);
    ck_ok(eloq_options_set(&o, "data_append_mode", "On"));
    ck_assert_uint_eq(o.format.data_append_mode, 1);
    ck_ok(eloq_options_set(&o, "data_file_size", "1GB"));
    ck_ok(eloq_options_set(&o, "pages_per_file_shift", "0"));
    ck_assert_uint_eq(o.format.pages_per_file_shift, ELOQ_ZERO);
    ck_assert_uint_eq(o.format.data_file_size, 0);
    ck_ok(eloq_options_set(&o, "store_path", "/a b:c"));
    ck_assert_str_eq(o.path, "/a:b:c");
    ck_ok(eloq_options_set(&o, "store_path", ""));
    ck_assert_ptr_null(o.path);
    ck_ok(eloq_options_set(&o, "io_backend", "sync"));
    ck_assert_int_eq(o.io_backend, ELOQ_IO_SYNC);
    ck_ok(eloq_options_set(&o, "cloud_region", "us-east-1"));
    ck_ok(eloq_options_set(&o, "cloud_store_path", ""));
    ck_ok(eloq_options_set(&o, "init_page_count", "32768"));
    eloq_options_free(&o);
    eloq_options_free(NULL);
}
END_TEST

static int load_text(const char *text, eloq_options *options)
{
    FILE *file = fopen(fixture_path("o.ini"), "w");
    fputs(text, file);
    fclose(file);
    return eloq_options_load(options, fixture_path("o.ini"));
}

START_TEST(ini_errors_name_the_line)
{
    static const struct {
        const char *text, *words;
    } wrong[] = {
        { "[run]\nnum_threads = 2\nnonsense = 1\n", "o.ini:3: unknown key nonsense" },
        { "[run]\n\n# c\nnum_threads = two\n", "o.ini:4:" },
        { "[permanent]\nnum_threads = 2\n", "o.ini:2: unknown key num_threads" },
        { "[run]\ndata_page_size = 4096\n", "o.ini:2:" },
        { "num_threads = 2\n", "o.ini:1:" },
        { "[run]\nnum_threads = 5000\n", "o.ini:2: option num_threads is 5000, may be 1 to 1024" },
        { "[run]\nrubbish\n", "o.ini:2:" },
        { "[run\nnum_threads = 1\n", "o.ini:1:" },
        { "[permanent]\ncloud_store_path = x\n", "cloud storage is not part of this version" },
    };
    eloq_options options = ELOQ_OPTIONS(NULL);

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_rc(load_text(wrong[i].text, &options), ELOQ_INVALID);
        ck_words(wrong[i].words);
    }
    ck_rc(eloq_options_load(&options, fixture_path("none")), ELOQ_INVALID);
    ck_words("No such file");
    eloq_options_free(&options);
}
END_TEST

START_TEST(ini_files_are_read)
{
    eloq_options options = ELOQ_OPTIONS("before");
    char text[4096], path[3000];

    memset(path, 'p', sizeof(path));
    path[0] = '/';
    path[2999] = '\0';
    snprintf(text, sizeof(text),
             "; c\n[Run]\n  Num_Threads = 3 # three\nfd_limit=100;x\n[PERMANENT]\n"
             "store_path = %s\ndata_page_size = 8KB\n",
             path);
    ck_rc(load_text(text, &options), ELOQ_INVALID); /* 100;x is no number */
    ck_words("o.ini:4:");
    memcpy(strstr(text, ";x"), "  ", 2);
    ck_ok(load_text(text, &options));
    ck_assert_uint_eq(options.shards, 3);
    ck_assert_uint_eq(options.fd_limit, 100);
    ck_assert_str_eq(options.path, path);
    ck_assert_uint_eq(options.format.data_page_size, 8192);
    eloq_options_free(&options);
}
END_TEST

START_TEST(ini_files_of_the_reference_are_read)
{
    static const char *const cases[] = { "01_plain_small", "02_multi_part", "03_multi_disk",
                                         "12_append_compact", "17_archive" };
    const char *golden = getenv("ELOQ_GOLDEN_DIR");
    char path[512];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        eloq_options options = ELOQ_OPTIONS(NULL);
        snprintf(path, sizeof(path), "%s/%s/options.ini", golden ? golden : "/work/shared/golden",
                 cases[i]);
        if (access(path, R_OK) != 0)
            continue;
        ck_ok(eloq_options_load(&options, path));
        ck_assert_ptr_nonnull(options.path);
        eloq_options_free(&options);
    }
}
END_TEST

START_TEST(structs_of_other_sizes)
{
    struct {
        eloq_options options;
        char more[64];
    } newer = { .options = ELOQ_OPTIONS(NULL) };
    eloq_store *db;

    newer.options.size = sizeof(newer);
    ck_ok(eloq_open(&newer.options, &db));
    ck_ok(eloq_close(db));
    newer.more[63] = 1;
    ck_rc(eloq_open(&newer.options, &db), ELOQ_INVALID);
    ck_words("newer");
    newer.options.size = offsetof(eloq_options, io_backend);
    newer.options.io_backend = 99; /* not seen */
    ck_ok(eloq_open(&newer.options, &db));
    ck_ok(eloq_close(db));
    newer.options.size = 0;
    ck_rc(eloq_open(&newer.options, &db), ELOQ_INVALID);
    ck_rc(eloq_open(NULL, &db), ELOQ_INVALID);
}
END_TEST

START_TEST(options_that_do_not_fit_together)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    eloq_store *db;

    options.shards = 4;
    options.memory_bytes = 11 << 20;
    ck_rc(eloq_open(&options, &db), ELOQ_INVALID);
    ck_words("memory_bytes");
    options.memory_bytes = 12 << 20;
    ck_ok(eloq_open(&options, &db));
    for (uint32_t i = 0; i < 8; i++)
        put(db, (eloq_part){ "t", i }, "k", "v");
    ck_ok(eloq_close(db));
    options.host_driven = 1;
    ck_rc(eloq_open(&options, &db), ELOQ_INVALID);
    options = (eloq_options)ELOQ_OPTIONS(NULL);
    options.format.data_page_size = 32768;
    options.format.pages_per_file_shift = 18;
    ck_rc(eloq_open(&options, &db), ELOQ_INVALID);
    ck_words("4 GiB");
    options.format.pages_per_file_shift = 0;
    ck_ok(eloq_open(&options, &db));
    ck_ok(eloq_close(db));
    options.as_of = 5;
    ck_rc(eloq_open(&options, &db), ELOQ_INVALID);
    options.path = fixture_path("s");
    options.format = (eloq_format){ 0 };
    ck_assert(eloq_open(&options, &db) < 0);
    ck_assert(!fixture_exists("s"));
}
END_TEST

START_TEST(as_of_without_such_an_archive_is_not_found)
{
    eloq_options options = ELOQ_OPTIONS(fixture_path("s"));
    eloq_store *db, *writer;

    options.format.data_append_mode = 1;
    ck_ok(eloq_open(&options, &writer));
    put(writer, part, "k", "v");
    options.as_of = 5;
    ck_rc(eloq_open(&options, &db), ELOQ_NOT_FOUND); /* beside a live writer */
    ck_assert_ptr_null(db);
    ck_ok(eloq_close(writer));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("open");
    TCase *tc = tcase_create("open");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_test(tc, close_of_nothing_is_fine);
    tcase_add_test(tc, a_store_without_a_path_is_in_memory);
    tcase_add_test(tc, missing_parents_are_made);
    tcase_add_test(tc, relative_paths_are_the_working_directory);
    tcase_add_test(tc, a_path_with_files_in_it_is_no_store);
    tcase_add_test(tc, a_second_opener_is_busy);
    tcase_add_loop_test(tc, readers_share_and_keep_writers_out, 0, 2);
    tcase_add_test(tc, read_only_makes_nothing);
    tcase_add_test(tc, format_options_are_recorded_and_checked);
    tcase_add_test(tc, a_store_of_the_reference_gets_no_record);
    tcase_add_test(tc, a_damaged_record_is_corrupted);
    tcase_add_test(tc, paths_must_be_all_and_in_order);
    tcase_add_test(tc, stores_of_one_process_share_nothing);
    tcase_add_test(tc, calls_after_close_are_closed);
    tcase_add_test(tc, open_and_close_many_times);
    tcase_add_test(tc, wrong_options_are_named);
    tcase_add_test(tc, options_by_key_are_taken);
    tcase_add_test(tc, ini_errors_name_the_line);
    tcase_add_test(tc, ini_files_are_read);
    tcase_add_test(tc, ini_files_of_the_reference_are_read);
    tcase_add_test(tc, structs_of_other_sizes);
    tcase_add_test(tc, options_that_do_not_fit_together);
    tcase_add_test(tc, as_of_without_such_an_archive_is_not_found);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
