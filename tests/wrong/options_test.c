/* tests/wrong/options_test.c -- options out of their ranges, in the struct and as text:
 * ELOQ_INVALID, naming the option; no store is opened. */
#include <stddef.h>

#include "unit/api/fixture.h"

static eloq_store *nothing;

static void refused(const eloq_options *options, const char *words)
{
    nothing = (eloq_store *)&nothing;
    ck_rc(eloq_open(options, &nothing), ELOQ_INVALID);
    ck_words(words);
    ck_assert_ptr_null(nothing);
}

static const struct range {
    const char *key;
    size_t offset;
    unsigned width;
    uint64_t wrong[4]; /* 0: no more */
} ranges[] = {
#define FIELD(field) offsetof(eloq_options, field), sizeof(((eloq_options *)NULL)->field)
    { "num_threads", FIELD(shards), { 1025, UINT32_MAX } },
    { "data_page_restart_interval", FIELD(data_page_restart_interval), { 1025, UINT32_MAX } },
    { "index_page_restart_interval", FIELD(index_page_restart_interval), { 1025, UINT32_MAX } },
    { "skip_verify_checksum", FIELD(skip_verify_checksum), { 2, UINT32_MAX } },
    { "enable_compression", FIELD(enable_compression), { 2, UINT32_MAX } },
    { "show_expired", FIELD(show_expired), { 2, UINT32_MAX } },
    { "fd_limit", FIELD(fd_limit), { 1, 15, UINT32_MAX } },
    { "io_queue_size", FIELD(io_queue_size), { 4, 12, 65536, UINT32_MAX } },
    { "max_inflight_write", FIELD(max_inflight_write), { UINT32_MAX } },
    { "max_write_batch_pages", FIELD(max_write_batch_pages), { 1025, UINT32_MAX } },
    { "coroutine_stack_size", FIELD(coroutine_stack_size), { 4096, 32767, 65537, UINT32_MAX } },
    { "queue_depth", FIELD(queue_depth), { (1u << 20) + 1, UINT32_MAX } },
    { "io_spin_us", FIELD(io_spin_us), { 1000001, UINT32_MAX } },
    { "slow_op_ms", FIELD(slow_op_ms), { 3600001, UINT32_MAX } },
    { "low_prio_budget_us", FIELD(low_prio_budget_us), { 1000001, UINT32_MAX } },
    { "num_retained_archives", FIELD(num_retained_archives), { UINT32_MAX } },
    { "max_archive_tasks", FIELD(max_archive_tasks), { 65536, UINT32_MAX } },
    { "file_amplify_factor", FIELD(file_amplify_factor), { 1, 256 } },
    { "manifest_limit", FIELD(manifest_limit), { 1, 4095, (UINT64_C(1) << 31) + 1, UINT64_MAX } },
    { "buffer_pool_size", FIELD(buffer_pool_size), { 1, 262143, UINT64_MAX } },
    { "root_meta_cache_size", FIELD(root_meta_cache_size), { UINT64_MAX } },
    { "memory_bytes", FIELD(memory_bytes), { 1, (9 << 20) - 1, UINT64_MAX } },
    { "write_merge_entries", FIELD(write_merge_entries), { UINT64_MAX } },
    { "write_merge_bytes", FIELD(write_merge_bytes), { UINT64_MAX } },
    { "io_backend", FIELD(io_backend), { 5, UINT32_MAX } },
    { "data_page_size", FIELD(format.data_page_size), { 1, 4095, 5000, 65536 } },
    { "pages_per_file_shift", FIELD(format.pages_per_file_shift), { 31, 64 } },
    { "overflow_pointers", FIELD(format.overflow_pointers), { 129, UINT32_MAX } },
    { "data_append_mode", FIELD(format.data_append_mode), { 2, 7 } },
    { "data_file_size", FIELD(format.data_file_size), { (UINT64_C(1) << 32) + 1, UINT64_MAX } },
#undef FIELD
};

START_TEST(every_option_out_of_range_is_named)
{
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        for (int j = 0; j < 4 && ranges[i].wrong[j]; j++) {
            eloq_options options = ELOQ_OPTIONS(NULL);
            uint32_t narrow = (uint32_t)ranges[i].wrong[j];
            if (ranges[i].width == sizeof(narrow))
                memcpy((char *)&options + ranges[i].offset, &narrow, sizeof(narrow));
            else
                memcpy((char *)&options + ranges[i].offset, &ranges[i].wrong[j], 8);
            refused(&options, ranges[i].key);
        }
    }
}
END_TEST

START_TEST(options_that_do_not_fit_together_are_named)
{
    const char *const paths[2] = { "/nowhere/a", "/nowhere/b" };
    const char *const empty[2] = { "/nowhere/a", "" };
    const char *const hole[2] = { "/nowhere/a", NULL };
    const char *const same[2] = { "/nowhere/a", "/nowhere//a/" };
    eloq_options options = ELOQ_OPTIONS(NULL);

    options.shards = 3;
    options.memory_bytes = 10 << 20;
    refused(&options, "memory_bytes");
    options = (eloq_options)ELOQ_OPTIONS(NULL);
    options.shards = 2;
    options.host_driven = 1;
    refused(&options, "host_driven");
    options = (eloq_options)ELOQ_OPTIONS("/nowhere/c");
    options.paths = paths;
    options.path_count = 2;
    refused(&options, "paths");
    options.path = NULL;
    options.path_count = 256;
    refused(&options, "path_count");
    options.path_count = 0;
    refused(&options, "path_count");
    options.paths = NULL;
    options.path_count = 2;
    refused(&options, "path_count");
    options.paths = empty;
    refused(&options, "paths[1]");
    options.paths = hole;
    refused(&options, "paths[1]");
    options.paths = same;
    refused(&options, "twice");
    options = (eloq_options)ELOQ_OPTIONS(NULL);
    options.io_backend = ELOQ_IO_URING;
    refused(&options, "path");
    options = (eloq_options)ELOQ_OPTIONS(NULL);
    options.as_of = 1;
    refused(&options, "archives");
    options = (eloq_options)ELOQ_OPTIONS(NULL);
    options.format.data_page_size = 61440;
    options.format.pages_per_file_shift = 17;
    refused(&options, "4 GiB");
    options.format.data_file_size = 1 << 20;
    refused(&options, "not both");
    ck_assert(access("/nowhere", F_OK) != 0);
}
END_TEST

START_TEST(more_than_255_paths_are_refused)
{
    static char text[256 * 16];
    eloq_options options = ELOQ_OPTIONS(text);

    for (int i = 0; i < 256; i++)
        snprintf(text + strlen(text), 16, "/nowhere/%d:", i);
    refused(&options, "255");
    ck_assert(access("/nowhere", F_OK) != 0);
}
END_TEST

START_TEST(structs_of_sizes_that_cannot_be_are_refused)
{
    struct {
        eloq_options options;
        char more[16];
    } newer = { .options = ELOQ_OPTIONS(NULL) };
    const size_t wrong[] = { 0, 1, sizeof(size_t), offsetof(eloq_options, format) - 1 };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        newer.options.size = wrong[i];
        refused(&newer.options, "size");
        ck_rc(eloq_options_set(&newer.options, "fd_limit", "100"), ELOQ_INVALID);
        eloq_options_free(&newer.options);
    }
    newer.options.size = sizeof(newer);
    newer.more[0] = 1;
    refused(&newer.options, "newer");
}
END_TEST

START_TEST(text_that_is_no_value_names_its_key)
{
    static const char *const wrong[][2] = {
        { "num_threads", "0" },
        { "num_threads", "-1" },
        { "num_threads", "1.5" },
        { "num_threads", "0x" },
        { "num_threads", "two" },
        { "num_threads", "2 3" },
        { "fd_limit", "" },
        { "fd_limit", " " },
        { "fd_limit", "18446744073709551616" },
        { "buffer_pool_size", "64XB" },
        { "buffer_pool_size", "1.5GB" },
        { "buffer_pool_size", "99999999999TB" },
        { "data_page_size", "64KB" },
        { "data_page_size", "4097" },
        { "data_file_size", "5GB" },
        { "skip_verify_checksum", "maybe" },
        { "io_backend", "tape" },
        { "manifest_limit", "8MB" },
        { "nothing_of_this_name", "1" },
    };
    eloq_options options = ELOQ_OPTIONS(NULL), before = options;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        int rc = eloq_options_set(&options, wrong[i][0], wrong[i][1]);
        ck_assert_msg(rc == ELOQ_INVALID, "%s=%s: %d", wrong[i][0], wrong[i][1], rc);
        ck_words(wrong[i][0]);
        ck_assert_msg(memcmp(&options, &before, sizeof(options)) == 0, "%s=%s changed something",
                      wrong[i][0], wrong[i][1]);
    }
}
END_TEST

START_TEST(ini_files_that_are_none_are_refused)
{
    eloq_options options = ELOQ_OPTIONS(NULL);

    ck_rc(eloq_options_load(&options, fixture_path("absent.ini")), ELOQ_INVALID);
    ck_words("absent.ini");
    ck_rc(eloq_options_load(&options, fixture_dir), ELOQ_INVALID);
    ck_rc(eloq_options_load(&options, "/dev/null"), ELOQ_OK); /* nothing in it, nothing wrong */
    FILE *file = fopen(fixture_path("noise.ini"), "w");
    for (int i = 0; i < 5000; i++)
        fputc((i * 37 + 11) % 256, file);
    fclose(file);
    ck_rc(eloq_options_load(&options, fixture_path("noise.ini")), ELOQ_INVALID);
    ck_words("noise.ini:");
    file = fopen(fixture_path("long.ini"), "w");
    fputs("[run]\nnum_threads = ", file);
    for (int i = 0; i < 100000; i++)
        fputc('1', file);
    fclose(file);
    ck_rc(eloq_options_load(&options, fixture_path("long.ini")), ELOQ_INVALID);
    ck_words("long.ini:2");
    eloq_options_free(&options);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tc = tcase_create("options");

    tcase_set_timeout(tc, 20);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_test(tc, every_option_out_of_range_is_named);
    tcase_add_test(tc, options_that_do_not_fit_together_are_named);
    tcase_add_test(tc, more_than_255_paths_are_refused);
    tcase_add_test(tc, structs_of_sizes_that_cannot_be_are_refused);
    tcase_add_test(tc, text_that_is_no_value_names_its_key);
    tcase_add_test(tc, ini_files_that_are_none_are_refused);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
