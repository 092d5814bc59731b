/* tests/wrong/format_rows_test.c -- format.md section 20, row by row: damage under a right checksum
 * inside pages. Each test has the name of its row. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/coding.h"
#include "page/format.h"
#include "unit/base/run.h"
#include "wrong/row.h"

static void put_b(struct victim *v, unsigned index, const struct buf *entry)
{
    victim_leaf_b(v, index, entry->data, entry->size);
}

/* ---- headers and restart points ---- */

static void lengths_and_counts(struct victim *v)
{
    uint8_t *page = v->pages[LEAF_B];
    uint32_t length = get_u16(page + PAGE_LENGTH_AT);
    uint8_t *count = page + length - 2, *restarts = count - 4;

    switch (v->variant) {
    case 0:
        put_u16(page + PAGE_LENGTH_AT, 0);
        break;
    case 1:
        put_u16(page + PAGE_LENGTH_AT, LEAF_HEADER_BYTES + 1);
        break;
    case 2:
        put_u16(page + PAGE_LENGTH_AT, VICTIM_PAGE + 1);
        break;
    case 3:
        put_u16(page + PAGE_LENGTH_AT, UINT16_MAX);
        break;
    case 4:
        put_u16(count, UINT16_MAX);
        break;
    case 5:
        put_u16(count, 100);
        break;
    case 6: /* not the first entry */
        put_u16(restarts, LEAF_HEADER_BYTES + 1);
        break;
    case 7: /* not ascending */
        put_u16(restarts + 2, LEAF_HEADER_BYTES);
        break;
    case 8: /* past the entries */
        put_u16(restarts + 2, (uint16_t)length);
        break;
    case 9:
        put_u16(restarts + 2, UINT16_MAX);
        break;
    default: /* inside an entry */
        put_u16(restarts + 2, (uint16_t)(get_u16(restarts + 2) + 1));
    }
}

ROW(content_length_restart_count_restart_offsets_out_of_range, .variants = 11,
    .damage = lengths_and_counts, .key = "b7", .lost = { "b" }, .words = "malformed data page",
    .page = LEAF_B)

static void restarts(struct victim *v)
{
    struct buf entry = { .size = 0 };
    uint8_t *page = v->pages[LEAF_B];

    if (v->variant == 0) { /* b5 is built upon b4 */
        buf_add(&entry,
                "\x01\x01\x40"
                "5"
                "v-b5"
                "\x0e",
                9);
        put_b(v, 5, &entry);
    } else { /* the last two bytes of the entries pass for the count */
        uint32_t length = get_u16(page + PAGE_LENGTH_AT);
        put_u16(page + length - 2, 0);
    }
}

ROW(restart_point_with_shared_or_no_restart_point, .variants = 2, .damage = restarts, .key = "b7",
    .lost = { "b" }, .words = "malformed data page", .page = LEAF_B)

/* ---- entries ---- */

static void shared_too_long(struct victim *v)
{
    struct buf entry = { .size = 0 };

    buf_add(&entry,
            "\x03\x01\x40"
            "7"
            "v-b7"
            "\x00",
            9);
    put_b(v, 7, &entry);
}

ROW(shared_longer_than_the_previous_key, .damage = shared_too_long, .key = "b7", .lost = { "b" },
    .words = "malformed data page", .page = LEAF_B)

static void sizes_overflow(struct victim *v)
{
    struct buf entry = { .size = 0 };

    buf_varint(&entry, 0);
    buf_varint(&entry, v->variant == 0 ? UINT32_MAX : 2);
    buf_varint(&entry, v->variant == 1 ? UINT32_MAX & ~UINT64_C(0xf) : 0x40);
    buf_add(&entry, "b7v-b7\x00", 7);
    if (v->variant == 2) { /* a number of more than 32 bits */
        entry.size = 0;
        buf_add(&entry,
                "\x00\x82\x80\x80\x80\x10\x40"
                "b7v-b7\x00",
                14);
    }
    put_b(v, 7, &entry);
}

ROW(fresh_and_value_length_overflow_32_bits, .variants = 3, .damage = sizes_overflow, .key = "b7",
    .lost = { "b" }, .words = "malformed data page", .page = LEAF_B)

/* The broken number stands at the end of the entries of leaf b, so that it runs out. */
static void expiry_broken(struct victim *v)
{
    struct buf entry = { .size = 0 };

    buf_varint(&entry, 0);
    buf_varint(&entry, 2);
    buf_varint(&entry, 4 << ENTRY_LENGTH_SHIFT | ENTRY_EXPIRES);
    buf_add(&entry, "b9v-b9", 6);
    if (v->variant == 0)
        buf_add(&entry, "\x80\x80\x80", 3);
    else if (v->variant == 1)
        buf_add(&entry, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x00", 11);
    else /* "expires never" is not stored so */
        buf_add(&entry, "\x00\x00", 2);
    put_b(v, 9, &entry);
}

ROW(expiry_varint_broken, .variants = 3, .damage = expiry_broken, .key = "b9", .lost = { "b" },
    .words = "malformed data page", .page = LEAF_B)

static void compression_3(struct victim *v)
{
    struct buf entry = { .size = 0 };

    victim_entry(&entry, "b7", 4 << ENTRY_LENGTH_SHIFT | 3 << ENTRY_COMPRESSION_SHIFT, "v-b7", 4,
                 0);
    put_b(v, 7, &entry);
}

ROW(compression_bits_3, .damage = compression_3, .key = "b7", .lost = { "b" },
    .words = "malformed data page", .page = LEAF_B)

static void minus_zero(struct victim *v)
{
    struct buf entry = { .size = 0 };

    victim_entry(&entry, "b7", 0, "v-b7", 4, 1);
    put_b(v, 7, &entry);
}

ROW(minus_zero_delta, .damage = minus_zero, .key = "b7", .lost = { "b" },
    .words = "malformed data page", .page = LEAF_B)

static void minus_zero_child(struct victim *v)
{
    uint8_t *page = v->pages[INDEX_LEFT]; /* 0, 1, "b", child */

    page[INDEX_HEADER_BYTES + 3] = 1;
}

ROW(minus_zero_delta_of_a_child, .damage = minus_zero_child, .key = "b7", .lost = { "a", "b" },
    .words = "malformed index page", .page = INDEX_LEFT)

static void timestamp_out_of_range(struct victim *v)
{
    struct buf entry = { .size = 0 };
    /* From 7 to -1; from 7 to 2^63. */
    uint64_t delta = v->variant == 0 ? sdelta_encode(-8) : sdelta_encode(INT64_MAX - 6);

    victim_entry(&entry, "b7", 0, "v-b7", 4, delta);
    put_b(v, 7, &entry);
}

ROW(timestamp_sum_out_of_range, .variants = 2, .damage = timestamp_out_of_range, .key = "b7",
    .lost = { "b" }, .words = "malformed data page", .page = LEAF_B)

static void keys_disordered(struct victim *v)
{
    struct buf entry = { .size = 0 };
    static const char *const keys[] = { "b6", "b1", "" };

    victim_entry(&entry, keys[v->variant], 0, "v-b7", 4, 0);
    put_b(v, 7, &entry);
}

ROW(keys_not_ascending_or_empty, .variants = 3, .damage = keys_disordered, .key = "b8",
    .lost = { "b" }, .words = "malformed data page", .page = LEAF_B)

/* ---- types, children ---- */

static void leaf_of_other_type(struct victim *v)
{
    static const uint8_t types[] = { PAGE_INNER_INDEX, PAGE_LEAF_INDEX, PAGE_OVERFLOW, 4, 255 };

    v->pages[LEAF_B][PAGE_TYPE_AT] = types[v->variant];
}

ROW(page_type_of_a_data_page, .variants = 5, .damage = leaf_of_other_type, .key = "b7",
    .lost = { "b" }, .words = "not a data page", .page = LEAF_B)

static void index_of_other_type(struct victim *v)
{
    static const uint8_t types[] = { PAGE_DATA, PAGE_OVERFLOW, 4, 255 };

    v->pages[INDEX_RIGHT][PAGE_TYPE_AT] = types[v->variant];
}

ROW(page_type_of_an_index_page, .variants = 4, .damage = index_of_other_type, .key = "c1",
    .lost = { "c" }, .words = "not an index page", .page = INDEX_RIGHT)

static void index_of_wrong_level(struct victim *v)
{
    v->pages[INDEX_RIGHT][PAGE_TYPE_AT] = PAGE_INNER_INDEX;
}

ROW(page_type_says_inner_above_data_pages, .damage = index_of_wrong_level, .key = "c1",
    .lost = { "c" }, .words = "not an index page", .page = LEAF_C)

static void overflow_of_other_type(struct victim *v)
{
    static const uint8_t types[] = { PAGE_DATA, PAGE_LEAF_INDEX, 255 };

    v->pages[OVERFLOW_3][PAGE_TYPE_AT] = types[v->variant];
}

ROW(page_type_of_an_overflow_page, .variants = 3, .damage = overflow_of_other_type, .key = "cbig",
    .words = "not an overflow page", .page = OVERFLOW_3, .writes_are_fine = true)

static void child_unmapped(struct victim *v)
{
    static const uint32_t children[] = { VICTIM_PAGES, VICTIM_PAGES + 1, LOGICAL_ID_END - 1 };

    victim_map(v);
    buf_varint(&v->values, MAPPING_FREE); /* id 11 is free, 12 was never there */
    victim_index(v, INDEX_LEFT, true, LEAF_A, (const char *[]){ "b" },
                 (uint32_t[]){ children[v->variant] }, 1);
}

ROW(child_id_unmapped, .variants = 3, .damage = child_unmapped, .key = "b7", .lost = { "b" },
    .words = "does not exist", .page = -1)

static void child_out_of_range(struct victim *v)
{
    if (v->variant == 0)
        victim_index(v, INDEX_RIGHT, true, LOGICAL_ID_END, NULL, NULL, 0);
    else if (v->variant == 1)
        victim_index(v, INDEX_RIGHT, true, VICTIM_NONE, NULL, NULL, 0);
    else
        victim_index(v, INDEX_RIGHT, true, LEAF_C, (const char *[]){ "z" },
                     (uint32_t[]){ LOGICAL_ID_END }, 1);
}

ROW(child_id_out_of_range, .variants = 3, .damage = child_out_of_range, .key = "c1",
    .lost = { "c" }, .words = "malformed index page", .page = INDEX_RIGHT)

static void cycle(struct victim *v)
{
    victim_index(v, INDEX_RIGHT, false, v->variant == 0 ? INDEX_ROOT : INDEX_RIGHT, NULL, NULL, 0);
}

static void deep(struct victim *v)
{
    uint32_t above = INDEX_RIGHT;

    for (unsigned i = 0; i < TREE_DEPTH_MAX + 2; i++) {
        uint32_t id = victim_add_page(v);
        victim_index(v, above, false, id, NULL, NULL, 0);
        above = id;
    }
    victim_index(v, above, true, LEAF_C, NULL, NULL, 0);
    victim_map(v);
}

ROW(cycle_of_index_pages, .variants = 2, .damage = cycle, .key = "c1", .lost = { "c" },
    .words = "its own ancestor", .file = "_0", .offset = UINT64_MAX)
ROW(excessive_depth, .damage = deep, .key = "c1", .lost = { "c" }, .words = "too deep",
    .file = "_0", .offset = UINT64_MAX)

static void separators_disordered(struct victim *v)
{
    static const char *const separators[][2] = { { "c5", "c1" }, { "c5", "c5" } };

    victim_index(v, INDEX_RIGHT, true, LEAF_C, separators[v->variant],
                 (uint32_t[]){ LEAF_A, LEAF_B }, 2);
}

ROW(separators_not_ascending, .variants = 2, .damage = separators_disordered, .key = "c5",
    .lost = { "c" }, .file = "_0", .offset = UINT64_MAX)

/* A page in the wrong place passes its checksum (H-41). */
static void leaves_swapped(struct victim *v)
{
    uint8_t page[VICTIM_PAGE];

    memcpy(page, v->pages[LEAF_B], sizeof(page));
    memcpy(v->pages[LEAF_B], v->pages[LEAF_C], sizeof(page));
    memcpy(v->pages[LEAF_C], page, sizeof(page));
}

ROW(a_page_in_the_place_of_another, .damage = leaves_swapped, .key = "b7", .lost = { "b", "c" },
    .file = "_0", .offset = UINT64_MAX)

/* ---- overflow: a broken value can still be replaced or deleted ---- */

static void overflow_entry(struct victim *v)
{
    static const uint8_t ids[4 * (OVERFLOW_POINTERS_MAX + 1)];
    static const size_t sizes[] = { 0, 5, sizeof(ids) };
    struct buf entry = { .size = 0 };
    size_t size = sizes[v->variant];

    victim_entry(&entry, "cbig", size << ENTRY_LENGTH_SHIFT | ENTRY_OVERFLOW, ids, size, 0);
    victim_leaf_c(v, "cbig", entry.data, entry.size);
}

ROW(overflow_entry_of_0_or_5_or_516_bytes, .variants = 3, .damage = overflow_entry, .key = "cbig",
    .lost = { "c" }, .words = "malformed data page", .page = LEAF_C)

static void overflow_page(struct victim *v)
{
    uint8_t *page = v->pages[OVERFLOW_3];

    if (v->variant == 0)
        put_u16(page + PAGE_LENGTH_AT, VICTIM_PAGE - 11);
    else if (v->variant == 1)
        put_u16(page + PAGE_LENGTH_AT, UINT16_MAX);
    else if (v->variant == 2)
        page[VICTIM_PAGE - 1] = OVERFLOW_POINTERS_MAX + 1;
    else { /* both fit alone, but not together */
        put_u16(page + PAGE_LENGTH_AT, VICTIM_PAGE - 12);
        page[VICTIM_PAGE - 1] = 1;
    }
}

ROW(overflow_page_length_or_pointer_count_too_big, .variants = 4, .damage = overflow_page,
    .key = "cbig", .words = "malformed overflow page", .page = OVERFLOW_3, .writes_are_fine = true)

static void overflow_cycle(struct victim *v)
{
    uint8_t *page = v->pages[OVERFLOW_3];

    page[VICTIM_PAGE - 1] = 1;
    put_u32(page + VICTIM_PAGE - 5, OVERFLOW_3);
}

ROW(overflow_chain_without_an_end, .damage = overflow_cycle, .key = "cbig", .page = OVERFLOW_3,
    .file = "_0", .offset = UINT64_MAX, .writes_are_fine = true)

/* ---- compression ---- */

static void nothing(struct victim *v)
{
    (void)v;
}

/* cdict is such a value. */
ROW(type_1_value_without_dictionary_is_a_plain_frame, .damage = nothing, .writes = "cdict",
    .writes_are_fine = true, .check_is_fine = true)

static void absurd_prefix(struct victim *v)
{
    static const uint64_t prefixes[] = { UINT32_MAX, 0, 71, 73 };
    struct buf value = { .size = 0 }, entry = { .size = 0 };
    size_t size;
    const uint8_t frame[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x48 }; /* 72 bytes follow, it says */

    (void)victim_value("cz", &size);
    ck_assert_uint_eq(size, 72);
    buf_varint(&value, prefixes[v->variant]);
    buf_add(&value, frame, sizeof(frame));
    victim_entry(&entry, "cz",
                 (uint64_t)value.size << ENTRY_LENGTH_SHIFT
                     | COMPRESSION_ALONE << ENTRY_COMPRESSION_SHIFT,
                 value.data, value.size, 0);
    victim_leaf_c(v, "cz", entry.data, entry.size);
}

ROW(compressed_length_prefix_absurd, .variants = 4, .damage = absurd_prefix, .key = "cz",
    .words = "bad compressed value", .page = LEAF_C, .writes_are_fine = true)

/* ---- the TTL tree ---- */

static void ttl_key_short(struct victim *v)
{
    victim_leaf_ttl(v, "\0\0\0\1\2\3\4\5", v->variant == 0 ? 5 : 8);
}

ROW(ttl_key_shorter_than_9, .variants = 2, .damage = ttl_key_short, .page = LEAF_TTL,
    .writes = "a3", .writes_are_fine = true)

static void ttl_unpaired(struct victim *v)
{
    uint8_t key[12];

    put_u64_be(key, v->variant == 0 ? CEXP_EXPIRES : v->variant == 1 ? CEXP_EXPIRES + 1 : 1000);
    memcpy(key + 8, v->variant == 0 ? "none" : "cexp", 4);
    victim_leaf_ttl(v, key, sizeof(key));
}

ROW(ttl_key_without_pair, .variants = 3, .damage = ttl_unpaired, .page = LEAF_TTL, .writes = "a3",
    .writes_are_fine = true)

static void ttl_missing(struct victim *v)
{
    v->root[1] = VICTIM_NONE;
}

ROW(pair_without_ttl_key, .damage = ttl_missing, .page = LEAF_C, .writes = "a3",
    .writes_are_fine = true)

/* ---- what costs space alone is a note, not damage ---- */

static void leaked(struct victim *v)
{
    uint32_t id = victim_add_page(v);

    memcpy(v->pages[id], v->pages[LEAF_A], VICTIM_PAGE);
    victim_map(v);
}

ROW(a_page_that_nothing_refers_to, .damage = leaked, .page = -1, .writes_are_fine = true,
    .check_is_fine = true)

static void short_group(struct victim *v)
{
    struct buf entry = { .size = 0 };
    uint8_t *page = v->pages[OVERFLOW_1];
    const uint16_t most = VICTIM_PAGE - 12;

    victim_entry(&entry, "cbig", 4 << ENTRY_LENGTH_SHIFT | ENTRY_OVERFLOW, "\6\0\0\0", 4, 0);
    victim_leaf_c(v, "cbig", entry.data, entry.size);
    /* Two pointers take the room of eight bytes, which move on through the pages behind. */
    put_u16(page + PAGE_LENGTH_AT, most - 8);
    page[VICTIM_PAGE - 1] = 2;
    put_u32(page + VICTIM_PAGE - 9, OVERFLOW_2);
    put_u32(page + VICTIM_PAGE - 5, OVERFLOW_3);
    victim_big_bytes(v->pages[OVERFLOW_2] + OVERFLOW_HEADER_BYTES, most - 8, most);
    victim_big_bytes(v->pages[OVERFLOW_3] + OVERFLOW_HEADER_BYTES, 2 * most - 8, 108);
    put_u16(v->pages[OVERFLOW_3] + PAGE_LENGTH_AT, 108);
}

ROW(an_overflow_group_that_is_short, .damage = short_group, .page = -1, .writes = "cbig",
    .writes_are_fine = true, .check_is_fine = true)

int main(void)
{
    Suite *suite = suite_create("format_rows");
    TCase *tc = tcase_create("format_rows");

    tcase_set_timeout(tc, 60);
#define ADD(name) tcase_add_loop_test(tc, name, 0, ROW_BACKENDS)
    ADD(content_length_restart_count_restart_offsets_out_of_range);
    ADD(restart_point_with_shared_or_no_restart_point);
    ADD(shared_longer_than_the_previous_key);
    ADD(fresh_and_value_length_overflow_32_bits);
    ADD(expiry_varint_broken);
    ADD(compression_bits_3);
    ADD(minus_zero_delta);
    ADD(minus_zero_delta_of_a_child);
    ADD(timestamp_sum_out_of_range);
    ADD(keys_not_ascending_or_empty);
    ADD(page_type_of_a_data_page);
    ADD(page_type_of_an_index_page);
    ADD(page_type_says_inner_above_data_pages);
    ADD(page_type_of_an_overflow_page);
    ADD(child_id_unmapped);
    ADD(child_id_out_of_range);
    ADD(cycle_of_index_pages);
    ADD(excessive_depth);
    ADD(separators_not_ascending);
    ADD(a_page_in_the_place_of_another);
    ADD(overflow_entry_of_0_or_5_or_516_bytes);
    ADD(overflow_page_length_or_pointer_count_too_big);
    ADD(overflow_chain_without_an_end);
    ADD(type_1_value_without_dictionary_is_a_plain_frame);
    ADD(compressed_length_prefix_absurd);
    ADD(ttl_key_shorter_than_9);
    ADD(ttl_key_without_pair);
    ADD(pair_without_ttl_key);
    ADD(a_page_that_nothing_refers_to);
    ADD(an_overflow_group_that_is_short);
#undef ADD
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
