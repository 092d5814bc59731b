/* tests/unit/engine/options_test.c -- every row of options.def: what is written as text is what the
 * field holds, by -o and by an ini file; anything out of range or malformed names the option, and
 * in a file the line. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/option_table.h"
#include "engine/options.h"
#include "unit/base/run.h"

static const char *const protocols[] = { "", "two_flush", "one_flush" };
static const char *const backends[] = { "auto", "uring", "threads", "sync", "memory" };
static const char *const sections[] = { "run", "permanent" };
static char path[64];

static void setup(void)
{
    strcpy(path, "/tmp/eloq-options-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void teardown(void)
{
    unlink(path);
}

static void write_file(const char *text)
{
    FILE *f = fopen(path, "w");

    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

static void text_of(const struct option *o, uint64_t value, char *text, size_t size)
{
    if (o->kind == KIND_NAME)
        snprintf(text, size, "%s",
                 o->section == SECTION_PERMANENT ? protocols[value] : backends[value]);
    else if (o->kind == KIND_FLAG)
        snprintf(text, size, "%s", value ? "yes" : "no");
    else
        snprintf(text, size, "%" PRIu64, value);
}

/* What the field is to hold when `value` was written. */
static uint64_t held(const struct option *o, uint64_t value)
{
    return value == 0 && o->zero == ZERO_OWN ? ELOQ_ZERO : value;
}

static void expect_value(const struct option *o, uint64_t value)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    char text[64], file[200];
    struct err e;

    text_of(o, value, text, sizeof(text));
    ck_assert_msg(options_set(&options, NULL, o->key, text, &e) == ELOQ_OK, "%s=%s: %s", o->key,
                  text, e.text);
    if (o->has_field)
        ck_assert_msg(option_get(&options, o) == held(o, value), "%s=%s", o->key, text);

    options = (eloq_options)ELOQ_OPTIONS(NULL);
    snprintf(file, sizeof(file), "[%s]\n%s = %s\n", sections[o->section], o->key, text);
    write_file(file);
    ck_assert_msg(options_load(&options, path, &e) == ELOQ_OK, "%s: %s", file, e.text);
    if (o->has_field)
        ck_assert_msg(option_get(&options, o) == held(o, value), "%s", file);
    options_free_strings(&options);
}

static void expect_refused(const struct option *o, const char *text)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    char file[200];
    struct err e;

    ck_assert_msg(options_set(&options, NULL, o->key, text, &e) == ELOQ_INVALID, "%s=%s", o->key,
                  text);
    ck_assert_msg(strstr(e.text, o->key) != NULL, "%s: %s", o->key, e.text);
    if (o->has_field)
        ck_assert_uint_eq(option_get(&options, o), 0);

    snprintf(file, sizeof(file), "# a remark\n[%s]\n\n%s = %s\n", sections[o->section], o->key,
             text);
    write_file(file);
    ck_assert_msg(options_load(&options, path, &e) == ELOQ_INVALID, "%s", file);
    ck_assert_msg(strstr(e.text, o->key) != NULL && strstr(e.text, ":4: ") != NULL, "%s", e.text);
    options_free_strings(&options);
}

static bool is_plain(const struct option *o)
{
    return o->kind != KIND_CLOUD && o->kind != KIND_CLOUD_HARMLESS;
}

START_TEST(every_option_by_text_at_its_bounds)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!is_plain(o))
            continue;
        expect_value(o, MAX(o->least, o->zero == ZERO_REFUSED ? 1 : 0));
        expect_value(o, o->most);
        if (o->zero != ZERO_REFUSED && o->kind != KIND_SHIFT_OF)
            expect_value(o, 0);
    }
}
END_TEST

START_TEST(every_option_beyond_its_bounds_is_named)
{
    char text[64];

    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!is_plain(o) || o->kind == KIND_NAME || o->kind == KIND_FLAG)
            continue;
        snprintf(text, sizeof(text), "%" PRIu64, o->most + 1);
        expect_refused(o, text);
        if (o->least > 1) {
            snprintf(text, sizeof(text), "%" PRIu64, o->least - 1);
            expect_refused(o, text);
        }
        if (o->zero == ZERO_REFUSED && o->least > 0)
            expect_refused(o, "0");
        if (o->step == STEP_POWER)
            expect_refused(o, "24");
        expect_refused(o, "18446744073709551616");
    }
}
END_TEST

START_TEST(no_option_takes_what_is_no_value)
{
    static const char *const wrong[] = { "x", "1x", "-1", "1 2", "0xg", "1.5GB", "maybe" };

    for (size_t i = 0; i < option_count; i++)
        for (size_t j = 0; j < ARRAY_LEN(wrong); j++)
            if (is_plain(&option_table[i]))
                expect_refused(&option_table[i], wrong[j]);
}
END_TEST

START_TEST(sizes_have_units)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    struct err e;

    ck_assert_int_eq(options_set(&options, NULL, "memory_bytes", "64MB", &e), ELOQ_OK);
    ck_assert_uint_eq(options.memory_bytes, 64 << 20);
    ck_assert_int_eq(options_set(&options, NULL, "memory_bytes", "2 gb", &e), ELOQ_OK);
    ck_assert_uint_eq(options.memory_bytes, UINT64_C(2) << 30);
    ck_assert_int_eq(options_set(&options, NULL, "manifest_limit", "8MB", &e), ELOQ_INVALID);
}
END_TEST

/* All in one file, then used to complete an options struct. */
START_TEST(a_file_of_all_options)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    static char file[8192];
    size_t size = 0;
    char text[64];
    struct err e;

    for (int section = 0; section < 2; section++) {
        size += (size_t)snprintf(file + size, sizeof(file) - size, "[%s]\n", sections[section]);
        for (size_t i = 0; i < option_count; i++) {
            const struct option *o = &option_table[i];
            if ((int)o->section != section || o->kind == KIND_CLOUD || o->kind == KIND_SHIFT_OF)
                continue;
            if (o->kind == KIND_CLOUD_HARMLESS)
                strcpy(text, "7");
            else
                text_of(o, o->step == STEP_BLOCK ? o->least : o->most, text, sizeof(text));
            size +=
                (size_t)snprintf(file + size, sizeof(file) - size, "%s = %s ; why\n", o->key, text);
        }
    }
    ck_assert_uint_lt(size, sizeof(file));
    write_file(file);
    ck_assert_msg(options_load(&options, path, &e) == ELOQ_OK, "%s", e.text);
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->has_field && o->kind != KIND_SHIFT_OF)
            ck_assert_msg(option_get(&options, o) == (o->step == STEP_BLOCK ? o->least : o->most),
                          "%s", o->key);
    }
    options.memory_bytes = UINT64_C(1) << 40;
    ck_assert_msg(options_complete(&options, &e) == ELOQ_OK, "%s", e.text);
    options_free_strings(&options);
}
END_TEST

START_TEST(defaults_are_in_their_ranges)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    struct err e;

    ck_assert_int_eq(options_complete(&options, &e), ELOQ_OK);
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!o->has_field || o->section == SECTION_PERMANENT)
            continue;
        ck_assert_msg(option_get(&options, o) == o->initial, "%s", o->key);
        ck_assert_msg(o->initial == 0 || option_in_range(o, o->initial), "%s", o->key);
        ck_assert_msg(strlen(o->help) > 5, "%s", o->key);
    }
}
END_TEST

START_TEST(unknown_keys_and_sections_name_the_line)
{
    static const struct {
        const char *file, *line, *words;
    } files[] = {
        { "[run]\nnum_threads = 2\nno_such = 1\n", ":3: ", "no_such" },
        { "[run]\ndata_page_size = 4096\n", ":2: ", "data_page_size" }, /* of the other section */
        { "[permanent]\nnum_threads = 2\n", ":2: ", "num_threads" },
        { "[walk]\nnum_threads = 2\n", ":2: ", "num_threads" },
        { "[run]\nnum_threads\n", ":2: ", "" },
    };
    eloq_options options = ELOQ_OPTIONS(NULL);
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        write_file(files[i].file);
        ck_assert_msg(options_load(&options, path, &e) == ELOQ_INVALID, "%s", files[i].file);
        ck_assert_msg(strstr(e.text, files[i].line) && strstr(e.text, files[i].words), "%s: %s",
                      files[i].file, e.text);
    }
    ck_assert_int_eq(options_load(&options, "/nowhere/x.ini", &e), ELOQ_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tc = tcase_create("options");

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, every_option_by_text_at_its_bounds);
    tcase_add_test(tc, every_option_beyond_its_bounds_is_named);
    tcase_add_test(tc, no_option_takes_what_is_no_value);
    tcase_add_test(tc, sizes_have_units);
    tcase_add_test(tc, a_file_of_all_options);
    tcase_add_test(tc, defaults_are_in_their_ranges);
    tcase_add_test(tc, unknown_keys_and_sections_name_the_line);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
