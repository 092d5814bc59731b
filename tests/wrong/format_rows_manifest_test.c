/* tests/wrong/format_rows_manifest_test.c -- format.md section 20, row by row: manifests with right
 * checksums and wrong content, and pages that are not where the manifest says. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/coding.h"
#include "page/format.h"
#include "unit/base/run.h"
#include "wrong/row.h"

/* What concerns the whole partition: no key of it is readable. */
#define WHOLE .key = "b7", .lost = { "" }, .file = "/t.0/manifest_0"

/* ---- places ---- */

static void without_term(struct victim *v)
{
    v->terms.size = 0;
    for (unsigned file = 0; file < 3; file++) {
        if (file == v->variant)
            continue;
        buf_varint(&v->terms, file);
        buf_varint(&v->terms, 0);
    }
    if (v->variant == 3)
        v->terms.size = 0;
}

ROW(fp_in_a_file_without_term, .variants = 4, .damage = without_term, WHOLE,
    .words = "a file without a term")

static void cut_file(struct victim *v, const char *dir)
{
    static const off_t sizes[] = { 2 * VICTIM_PAGE, 2 * VICTIM_PAGE + 1, 3 * VICTIM_PAGE - 1,
                                   3 * VICTIM_PAGE - 512 };
    char path[512];

    snprintf(path, sizeof(path), "%s/data_2_0", dir);
    ck_assert_int_eq(truncate(path, sizes[v->variant]), 0);
}

ROW(page_past_the_end_of_its_file, .variants = 4, .spoil = cut_file, .key = "b7", .lost = { "b" },
    .words = "page past the end of its file", .page = LEAF_B)

static void cut_below_index(struct victim *v, const char *dir)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/data_1_0", dir); /* right, root, two overflow pages */
    ck_assert_int_eq(truncate(path, v->variant == 0 ? 0 : VICTIM_PAGE), 0);
}

/* Of an index page too: a scan must not take it for the end (H-01). */
ROW(index_page_past_the_end_of_its_file, .variants = 2, .spoil = cut_below_index, .key = "c1",
    .lost = { "" }, .words = "page past the end of its file", .file = "/t.0/data_1_0",
    .offset = VICTIM_PAGE)

static void place_too_high(struct victim *v)
{
    switch (v->variant) {
    case 0: /* the highest place is not below it */
        v->max_place = VICTIM_PAGES - 1;
        break;
    case 1:
        v->max_place = 0;
        break;
    case 2: /* a page more, in the place of another */
        buf_varint(&v->values, 2 << 3 | MAPPING_TYPE_FILE_PAGE);
        break;
    default: /* more places than there can be in place */
        v->max_place = FILE_PAGE_END_IN_PLACE + 1;
    }
}

ROW(fp_not_below_max_fp_or_mapped_twice, .variants = 4, .damage = place_too_high, WHOLE)

/* Not damage: but places that are in no file cost nothing. */
static void next_place_far_behind(struct victim *v)
{
    v->max_place = FILE_PAGE_END_IN_PLACE >> (8 * v->variant);
}

ROW(a_next_place_far_behind_all_files, .variants = 2, .damage = next_place_far_behind, .page = -1,
    .writes_are_fine = true, .check_is_fine = true)

/* ---- mapping values ---- */

static void bad_types(struct victim *v)
{
    static const uint64_t values[] = { 5 << 3 | 0, 5 << 3 | 3, 5 << 3 | 4, 5 << 3 | 5,
                                       5 << 3 | 6, 5 << 3 | 7, 0 };

    buf_varint(&v->values, values[v->variant]);
}

ROW(mapping_types_0_and_3_to_6, .variants = 7, .damage = bad_types, WHOLE,
    .words = "bad mapping value")

static void roots_unmapped(struct victim *v)
{
    buf_varint(&v->values, MAPPING_FREE);
    v->root[v->variant % 2] = v->variant < 2 ? VICTIM_PAGES : UINT32_C(1) << 29;
}

ROW(a_root_that_is_not_mapped, .variants = 4, .damage = roots_unmapped, WHOLE,
    .words = "a root is not mapped")

static void no_main_root(struct victim *v)
{
    v->root[0] = v->variant == 0 ? LEAF_B : OVERFLOW_2;
}

ROW(a_root_that_is_no_index_page, .variants = 2, .damage = no_main_root, .key = "b7",
    .lost = { "" }, .words = "not an index page", .file = "_0", .offset = UINT64_MAX)

/* ---- lengths ---- */

static void snapshot_lengths(struct victim *v)
{
    switch (v->variant) {
    case 0: /* a number that runs out of its region */
        buf_varint(&v->values, MAPPING_FREE);
        v->values.data[v->values.size - 1] = 0x87;
        break;
    case 1: /* one that does not fit 64 bits */
        buf_add(&v->values, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10);
        break;
    case 2:
        v->values_size = UINT32_MAX;
        break;
    case 3: /* a byte more than there is */
        v->values_size = (int64_t)(v->values.size + 4 + v->terms.size + 1);
        break;
    case 4: /* a dictionary longer than the record */
        v->dict_size = 100000;
        break;
    case 5:
        v->dict_size = UINT32_MAX;
        break;
    case 6: /* and one of more than 32 bits */
        v->dict_size = UINT64_C(1) << 40;
        break;
    default:
        v->max_place = (UINT64_C(1) << 61) + 1;
    }
}

ROW(varint_broken_or_length_too_big_in_a_snapshot, .variants = 8, .damage = snapshot_lengths, WHOLE)

static void log_lengths(struct victim *v)
{
    static const struct {
        const char *payload;
        size_t size;
    } wrong[] = {
        { "", 0 },
        { "\0", 1 },
        { "\0\0\0", 3 },
        { "\0\0\0\0", 4 },                              /* no length of the terms */
        { "\5\0\0\0\1\7\0\0\0\0", 10 },                 /* changes past the payload */
        { "\377\377\377\377\0\0\0\0", 8 },              /* far past it */
        { "\1\0\0\0\1\0\0\0\0", 9 },                    /* a change without its value */
        { "\2\0\0\0\1\22\0\0\0\0", 10 },                /* a value of type 2 */
        { "\2\0\0\0\1\17\0\0\0\0", 10 },                /* free, and something else */
        { "\6\0\0\0\377\377\377\377\1\7\0\0\0\0", 14 }, /* an id of more than 29 bits */
        { "\2\0\0\0\62\1\0\0\0\0", 10 },                /* an id far beyond the table */
    };

    ck_assert_uint_lt(v->variant, sizeof(wrong) / sizeof(wrong[0]));
    buf_add(&v->log, wrong[v->variant].payload, wrong[v->variant].size);
    v->has_log = true;
}

ROW(log_payload_too_short_or_length_past_it, .variants = 11, .damage = log_lengths, WHOLE,
    .offset = RECORD_ALIGN)

static void log_of_double_use(struct victim *v)
{
    /* The page of leaf b moves into the place of leaf a; the root is freed. */
    buf_add(&v->log, v->variant == 0 ? "\2\0\0\0\1\1\0\0\0\0" : "\2\0\0\0\5\7\0\0\0\0", 10);
    v->has_log = true;
}

ROW(log_record_that_maps_a_place_twice_or_frees_a_root, .variants = 2, .damage = log_of_double_use,
    WHOLE)

static void terms_broken(struct victim *v)
{
    switch (v->variant) {
    case 0: /* a pair cut in two */
        buf_varint(&v->terms, 1);
        break;
    case 1: /* a number that runs out */
        buf_add(&v->terms, "\1\x80", 2);
        break;
    case 2:
        v->terms_size = UINT32_MAX;
        break;
    case 3:
        v->terms_size = (int64_t)v->terms.size + 1;
        break;
    default: /* what is left passes for sections */
        v->terms_size = (int64_t)v->terms.size - 2;
    }
}

ROW(term_section_broken, .variants = 5, .damage = terms_broken, WHOLE)

static void tails(struct victim *v)
{
    static const struct {
        const char *bytes;
        size_t size;
    } wrong[] = {
        { "\0", 1 },
        { "\0\0\0\0\0", 5 },  /* kind 0 */
        { "\11\0\0\0", 4 },   /* cut in its length */
        { "\11\1\0\0\0", 5 }, /* without its byte */
        { "\11\377\377\377\377", 5 },
        { "\2\1\0\0\0\0", 6 },  /* a sequence of one byte */
        { "\1\0\0\0\0", 5 },    /* page checksums in a snapshot */
        { "\11\0\0\0\0\1", 6 }, /* a good one, then a rest */
    };

    ck_assert_uint_lt(v->variant, sizeof(wrong) / sizeof(wrong[0]));
    buf_add(&v->tail, wrong[v->variant].bytes, wrong[v->variant].size);
}

ROW(bytes_after_the_term_section, .variants = 8, .damage = tails, WHOLE, .words = "section")

static void unknown_section(struct victim *v)
{
    buf_add(&v->tail, "\11\3\0\0\0xyz", 8);
}

ROW(an_unknown_section_is_read_past, .damage = unknown_section, .page = -1, .writes_are_fine = true,
    .check_is_fine = true)

/* ---- damage that a checksum shows ---- */

static void flip(const char *dir, const char *name, long at)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "r+");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    int c = fgetc(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    fputc(c ^ 0x10, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void flip_leaf(struct victim *v, const char *dir)
{
    static const long at[] = { 0, 7, 8, 9, 11, 30, 2000, VICTIM_PAGE - 1 };

    flip(dir, "data_2_0", 2 * VICTIM_PAGE + at[v->variant]);
}

ROW(page_checksum_mismatch, .variants = 8, .spoil = flip_leaf, .key = "b7", .lost = { "b" },
    .words = "bad page checksum", .page = LEAF_B)

static void flip_snapshot(struct victim *v, const char *dir)
{
    static const long at[] = { 0, 8, 12, 20, 30 };

    flip(dir, "manifest_0", at[v->variant]);
}

ROW(snapshot_checksum_mismatch, .variants = 5, .spoil = flip_snapshot, WHOLE, .words = "checksum")

static void add_two_logs(struct victim *v)
{
    buf_add(&v->log, "\0\0\0\0\0\0\0\0", 8);
    v->has_log = true;
}

/* The snapshot is damaged though a valid record follows: no record may be taken for a first one. */
static void flip_before_log(struct victim *v, const char *dir)
{
    (void)v;
    flip(dir, "manifest_0", 24);
}

ROW(damage_before_a_valid_record, .damage = add_two_logs, .spoil = flip_before_log, WHOLE)

int main(void)
{
    Suite *suite = suite_create("format_rows_manifest");
    TCase *tc = tcase_create("format_rows_manifest");

    tcase_set_timeout(tc, 60);
#define ADD(name) tcase_add_loop_test(tc, name, 0, ROW_BACKENDS)
    ADD(fp_in_a_file_without_term);
    ADD(page_past_the_end_of_its_file);
    ADD(index_page_past_the_end_of_its_file);
    ADD(fp_not_below_max_fp_or_mapped_twice);
    ADD(a_next_place_far_behind_all_files);
    ADD(mapping_types_0_and_3_to_6);
    ADD(a_root_that_is_not_mapped);
    ADD(a_root_that_is_no_index_page);
    ADD(varint_broken_or_length_too_big_in_a_snapshot);
    ADD(log_payload_too_short_or_length_past_it);
    ADD(log_record_that_maps_a_place_twice_or_frees_a_root);
    ADD(term_section_broken);
    ADD(bytes_after_the_term_section);
    ADD(an_unknown_section_is_read_past);
    ADD(page_checksum_mismatch);
    ADD(snapshot_checksum_mismatch);
    ADD(damage_before_a_valid_record);
#undef ADD
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
