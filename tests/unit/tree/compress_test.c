/* tests/unit/tree/compress_test.c -- how a new value is stored, by its size and by whether it
 * shrinks; without memory too. */
#include "compress_help.h"

START_TEST(the_size_decides_how_a_value_is_stored)
{
    static const struct {
        size_t size;
        enum compression with, without;
    } rows[] = {
        { 0, COMPRESSION_NONE, COMPRESSION_NONE },
        { 99, COMPRESSION_NONE, COMPRESSION_NONE },
        { 100, COMPRESSION_DICT, COMPRESSION_NONE },
        { 4000, COMPRESSION_DICT, COMPRESSION_NONE },
        { 100000, COMPRESSION_DICT, COMPRESSION_NONE },
        { MIB, COMPRESSION_DICT, COMPRESSION_NONE },
        { MIB + 1, COMPRESSION_DICT, COMPRESSION_NONE },
        { 10 * MIB, COMPRESSION_DICT, COMPRESSION_NONE },
        { 10 * MIB + 1, COMPRESSION_ALONE, COMPRESSION_ALONE },
        { 20 * MIB, COMPRESSION_ALONE, COMPRESSION_ALONE },
    };
    struct world w;
    char *value = malloc(20 * MIB);
    world_init(&w);
    for (int has_dict = 0; has_dict < 2; has_dict++) {
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            fill(&w.r, value, rows[i].size);
            w.part->training.failures = has_dict ? 0 : 100; /* not from these */
            ck_assert_int_eq(put(&w, "k", value, rows[i].size), ELOQ_OK);
            struct entry e = look(&w, "k", value, rows[i].size);
            ck_assert_msg(e.compression == (has_dict ? rows[i].with : rows[i].without),
                          "%zu bytes, dictionary %d", rows[i].size, has_dict);
        }
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            noise(&w.r, value, rows[i].size);
            ck_assert_int_eq(put(&w, "k", value, rows[i].size), ELOQ_OK);
            struct entry e = look(&w, "k", value, rows[i].size);
            ck_assert_int_eq(e.compression, COMPRESSION_NONE);
        }
        w.part->training.failures = 0;
        if (!has_dict)
            train(&w);
    }
    check_tree(&w);
    free(value);
    world_deinit(&w);
}
END_TEST

START_TEST(a_value_that_shrinks_needs_no_overflow_pages)
{
    struct world w;
    char value[9000];
    world_init(&w);
    train(&w);
    memset(value, 'x', sizeof(value));
    ck_assert_int_eq(put(&w, "k", value, sizeof(value)), ELOQ_OK);
    struct entry e = look(&w, "k", value, sizeof(value));
    ck_assert(!e.is_overflow && e.compression == COMPRESSION_DICT);
    char *large = malloc(100000);
    fill(&w.r, large, 100000);
    ck_assert_int_eq(put(&w, "l", large, 100000), ELOQ_OK);
    e = look(&w, "l", large, 100000);
    ck_assert(e.is_overflow && e.compression == COMPRESSION_DICT);
    free(large);
    check_tree(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(unchanged_values_keep_their_form_when_it_is_switched)
{
    struct world w;
    char value[3][400];
    world_init(&w);
    train(&w);
    for (int i = 0; i < 3; i++)
        fill(&w.r, value[i], 400);
    ck_assert_int_eq(put(&w, "on", value[0], 400), ELOQ_OK);
    w.h.env.compress = false;
    ck_assert_int_eq(put(&w, "off", value[1], 400), ELOQ_OK);
    reopen(&w);
    ck_assert_int_eq(look(&w, "on", value[0], 400).compression, COMPRESSION_DICT);
    ck_assert_int_eq(look(&w, "off", value[1], 400).compression, COMPRESSION_NONE);
    w.h.env.compress = true;
    ck_assert_int_eq(put(&w, "onward", value[2], 400), ELOQ_OK);
    ck_assert_int_eq(look(&w, "on", value[0], 400).compression, COMPRESSION_DICT);
    ck_assert_int_eq(look(&w, "off", value[1], 400).compression, COMPRESSION_NONE);
    ck_assert_int_eq(look(&w, "onward", value[2], 400).compression, COMPRESSION_DICT);
    check_tree(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(a_write_that_changes_nothing_writes_nothing)
{
    struct world w;
    char value[400];
    world_init(&w);
    train(&w);
    fill(&w.r, value, sizeof(value));
    struct tree_op op = { .key = eloq_str("k"),
                          .value = eloq_bytes(value, sizeof(value)),
                          .timestamp = 5 };
    ck_assert_int_eq(harness_write(&w.h, w.part, &op, 1, NOW_US), ELOQ_OK);
    ck_assert_int_eq(look(&w, "k", value, 400).compression, COMPRESSION_DICT);
    uint64_t pages = w.h.env.pages_written[PAGE_DATA];
    ck_assert_int_eq(harness_write(&w.h, w.part, &op, 1, NOW_US), ELOQ_OK);
    ck_assert_uint_eq(w.h.env.pages_written[PAGE_DATA], pages);
    world_deinit(&w);
}
END_TEST

START_TEST(without_memory_a_batch_fails_or_stores_what_it_was_given)
{
    struct world w;
    struct failing f;
    char value[600];
    char *large = malloc(2 * MIB);
    world_init(&w);
    train(&w);
    fill(&w.r, large, 2 * MIB);
    unsigned step = 1, done = 0;
    for (unsigned n = 0; done < 5; n += step) {
        ck_assert_uint_lt(n, 4000);
        step = n < 60 ? 1 : 7;
        fill(&w.r, value, sizeof(value));
        struct tree_op ops[] = {
            { .key = eloq_str("p"),
              .value = eloq_bytes(value, sizeof(value)),
              .timestamp = TIMESTAMP_NOW },
            { .key = eloq_str("q"),
              .value = eloq_bytes(large, 2 * MIB),
              .timestamp = TIMESTAMP_NOW },
        };
        dict_context_deinit(&w.h.dicts); /* all of it is asked for anew */
        f.left = n;
        w.h.mem.fail = fails;
        w.h.mem.fail_user = &f;
        int rc = harness_write(&w.h, w.part, ops, 2, NOW_US);
        w.h.mem.fail = NULL;
        ck_assert(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY || rc == ELOQ_IO);
        if (rc == ELOQ_OK) {
            look(&w, "p", value, sizeof(value));
            look(&w, "q", large, 2 * MIB);
            done += f.left > 0;
        }
        if (w.part->broken)
            reopen(&w);
    }
    check_tree(&w);
    free(large);
    world_deinit(&w);
}
END_TEST

START_TEST(an_inline_value_is_whole_wherever_its_page_ends)
{
    struct world w;
    world_init(&w);
    train(&w);
    for (int round = 0; round < 10; round++) {
        enum { COUNT = 3000 };
        struct tree_op *ops = calloc(COUNT, sizeof(*ops));
        char(*keys)[12] = calloc(COUNT, sizeof(*keys));
        char *bytes = malloc((size_t)COUNT * 4000);
        for (size_t i = 0; i < COUNT; i++) {
            size_t size = rand_below(&w.r, rand_below(&w.r, 8) ? 500 : 4000);
            char *value = bytes + i * 4000;
            fill(&w.r, value, size);
            if (rand_below(&w.r, 3) == 0) /* to shrink less */
                noise(&w.r, value, rand_below(&w.r, size + 1));
            snprintf(keys[i], sizeof(keys[i]), "%08u", (unsigned)rand_below(&w.r, 100000000));
            ops[i] = (struct tree_op){ .key = eloq_str(keys[i]),
                                       .value = eloq_bytes(value, size),
                                       .timestamp = TIMESTAMP_NOW };
        }
        ck_assert_int_eq(harness_write(&w.h, w.part, ops, COUNT, NOW_US), ELOQ_OK);
        for (size_t i = 0; i + 1 < COUNT; i += 1 + rand_below(&w.r, 20))
            if (!slice_equal(ops[i].key, ops[i + 1].key)) /* the last one of a key wins */
                look(&w, ops[i].key.data, ops[i].value.data, ops[i].value.size);
        free(bytes);
        free(keys);
        free(ops);
    }
    check_tree(&w);
    world_deinit(&w);
}
END_TEST

RUN_TESTS("compress", the_size_decides_how_a_value_is_stored,
          a_value_that_shrinks_needs_no_overflow_pages,
          unchanged_values_keep_their_form_when_it_is_switched,
          a_write_that_changes_nothing_writes_nothing,
          without_memory_a_batch_fails_or_stores_what_it_was_given,
          an_inline_value_is_whole_wherever_its_page_ends)
