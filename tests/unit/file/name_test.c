/* tests/unit/file/name_test.c -- file/name: canonical names only, there and back. */
#include "file/name.h"

#include <string.h>

#include "run.h"

START_TEST(names_go_there_and_back)
{
    const uint64_t numbers[] = { 0, 1, 9, 10, 123456789, UINT64_MAX - 2 };
    char buf[FILE_NAME_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        for (size_t j = 0; j < ARRAY_LEN(numbers); j++) {
            file_name_data(buf, numbers[i], numbers[j]);
            struct file_name n = file_name_parse(buf);
            ck_assert(n.kind == FILE_DATA && n.id == numbers[i] && n.term == numbers[j]);
            file_name_archive(buf, numbers[i], numbers[j]);
            n = file_name_parse(buf);
            ck_assert(n.kind == FILE_ARCHIVE && n.term == numbers[i] && n.timestamp == numbers[j]);
            strcat(buf, ".tmp");
            ck_assert_int_eq(file_name_parse(buf).kind, FILE_TMP);
        }
        file_name_manifest(buf, numbers[i]);
        struct file_name n = file_name_parse(buf);
        ck_assert(n.kind == FILE_MANIFEST && n.term == numbers[i]);
    }
    file_name_data(buf, 137, 7);
    ck_assert_str_eq(buf, "data_137_7");
    file_name_manifest(buf, 0);
    ck_assert_str_eq(buf, "manifest_0");
    file_name_archive(buf, UINT64_MAX, UINT64_MAX);
    ck_assert_str_eq(buf, "manifest_18446744073709551615_18446744073709551615");
}
END_TEST

START_TEST(everything_else_is_other)
{
    static const char *names[] = { "",
                                   "data",
                                   "data_",
                                   "data_1",
                                   "data_1_",
                                   "data__1",
                                   "data_01_0",
                                   "data_1_00",
                                   "data_-1_0",
                                   "data_+1_0",
                                   "data_ 1_0",
                                   "data_1_0x",
                                   "data_1_0_0",
                                   "Data_1_0",
                                   "xdata_1_0",
                                   "data_18446744073709551614_0", /* the manifest's pseudo id */
                                   "data_18446744073709551615_0",
                                   "data_18446744073709551616_0",
                                   "data_1_18446744073709551616",
                                   "data_99999999999999999999999_0",
                                   "manifest",
                                   "manifest_",
                                   "manifest_00",
                                   "manifest_1x",
                                   "manifest_1_",
                                   "manifest_1_02",
                                   "manifest_1_2_3",
                                   "manifest_18446744073709551616",
                                   "CURRENT_TERM",
                                   "tmp",
                                   "data_0x1_0",
                                   "data_1_0.tm" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct file_name n = file_name_parse(names[i]);
        ck_assert_msg(n.kind == FILE_OTHER, "%s", names[i]);
        ck_assert(n.id == 0 && n.term == 0 && n.timestamp == 0);
    }
    ck_assert_int_eq(file_name_parse("manifest_0.tmp").kind, FILE_TMP);
    ck_assert_int_eq(file_name_parse("anything.tmp").kind, FILE_TMP);
    ck_assert_int_eq(file_name_parse(".tmp").kind, FILE_TMP);
}
END_TEST

START_TEST(partition_directories_split_at_the_last_dot)
{
    static const struct {
        const char *name;
        bool ok;
        size_t table_size;
        uint32_t partition;
    } rows[] = {
        { "fruit.7", true, 5, 7 },
        { "a.b.c.3", true, 5, 3 },
        { "t.4294967295", true, 1, UINT32_MAX },
        { "t.4294967296", false, 0, 0 },
        { "t.0", true, 1, 0 },
        { "t.00", false, 0, 0 },
        { "t.12abc", false, 0, 0 },
        { "t.", false, 0, 0 },
        { "t.-1", false, 0, 0 },
        { ".7", false, 0, 0 },
        { "..7", false, 0, 0 },
        { "...7", false, 0, 0 },
        { "....7", true, 3, 7 },
        { "t", false, 0, 0 },
        { "", false, 0, 0 },
        { "a/b.1", false, 0, 0 },
        { ".eloqstore", false, 0, 0 },
        { "t 1.1", true, 3, 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t table_size = 0;
        uint32_t partition = 0;
        bool ok = file_name_parse_partition(rows[i].name, &table_size, &partition);
        ck_assert_msg(ok == rows[i].ok, "%s", rows[i].name);
        ck_assert_uint_eq(table_size, rows[i].table_size);
        ck_assert_uint_eq(partition, rows[i].partition);
    }
}
END_TEST

START_TEST(table_names_are_1_to_244_bytes_without_a_slash)
{
    char name[300];
    for (size_t size = 0; size < sizeof(name); size++) {
        memset(name, 'x', size);
        name[size] = 0;
        ck_assert_int_eq(file_name_table_valid(name), size >= 1 && size <= 244);
    }
    ck_assert(!file_name_table_valid("."));
    ck_assert(!file_name_table_valid(".."));
    ck_assert(file_name_table_valid("..."));
    ck_assert(file_name_table_valid(".a"));
    ck_assert(!file_name_table_valid("/"));
    ck_assert(!file_name_table_valid("a/b"));
    ck_assert(file_name_table_valid("\xff\x01"));
}
END_TEST

RUN_TESTS("name", names_go_there_and_back, everything_else_is_other,
          partition_directories_split_at_the_last_dot,
          table_names_are_1_to_244_bytes_without_a_slash)
