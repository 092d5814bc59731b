/* tests/unit/tree/training_test.c -- the dictionary: made once, used by no value before it is
 * stored, not of samples that make none; what it takes of memory. */
#include "compress_help.h"

START_TEST(the_dictionary_is_made_once_and_lasts)
{
    struct world w;
    uint8_t bytes[DICT_BYTES];
    world_init(&w);
    for (int i = 0; i < 4; i++) { /* in several batches */
        ck_assert_ptr_null(w.part->current->dict);
        ck_assert_int_eq(write_values(&w, (char)('a' + i), TRAINING_VALUES / 4, 400, fill),
                         ELOQ_OK);
    }
    ck_assert_ptr_nonnull(w.part->current->dict);
    ck_assert_uint_eq(w.part->current->dict->size, DICT_BYTES);
    ck_assert_uint_eq(w.h.env.manifest_switches, 2); /* the first commit, and this one */
    ck_assert_uint_eq(w.part->training.samples.kept.capacity, 0);
    memcpy(bytes, w.part->current->dict->bytes, DICT_BYTES);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(write_values(&w, 'x', TRAINING_VALUES, 400, noise), ELOQ_OK);
        ck_assert_mem_eq(bytes, w.part->current->dict->bytes, DICT_BYTES);
        reopen(&w);
        ck_assert_mem_eq(bytes, w.part->current->dict->bytes, DICT_BYTES);
    }
    ck_assert_uint_eq(w.h.env.dicts_made, 1);
    check_tree(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(the_batch_that_completes_the_samples_uses_the_dictionary)
{
    struct world w;
    char value[400];
    world_init(&w);
    memset(value, 0, sizeof(value));
    ck_assert_int_eq(put(&w, "early", value, sizeof(value)), ELOQ_OK);
    train(&w);
    ck_assert_int_eq(look(&w, "early", value, sizeof(value)).compression, COMPRESSION_NONE);
    ck_assert_uint_gt(w.h.env.values_compressed, TRAINING_VALUES / 2);
    check_tree(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(training_that_fails_leaves_values_plain)
{
    struct world w;
    char *value = malloc(MIB);
    world_init(&w);
    ck_assert_int_eq(write_values(&w, 'l', 2, MIB, fill), ELOQ_OK); /* two large samples */
    ck_assert_uint_eq(w.h.env.dicts_failed, 1);
    ck_assert_ptr_null(w.part->current->dict);
    ck_assert_uint_eq(w.h.env.values_compressed, 0);
    /* as many bytes again are passed over, then as many gathered, before the next try */
    fill(&w.r, value, MIB);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(put(&w, "k", value, MIB), ELOQ_OK);
    ck_assert_uint_eq(w.h.env.dicts_failed, 1);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(write_values(&w, 'm', 2, MIB, fill), ELOQ_OK);
    ck_assert_uint_eq(w.h.env.dicts_failed, 4); /* and then it is let be */
    ck_assert_uint_eq(w.h.env.dicts_made, 0);
    reopen(&w);
    ck_assert_ptr_null(w.part->current->dict);
    train(&w); /* a new try, after a restart */
    check_tree(&w);
    free(value);
    world_deinit(&w);
}
END_TEST

START_TEST(identical_samples_and_noise_train_nothing_or_do_no_harm)
{
    struct world w;
    char *value = malloc(400000);
    world_init(&w);
    fill(&w.r, value, 400000);
    struct tree_op ops[5];
    static const char *keys[] = { "a", "b", "c", "d", "e" };
    for (int i = 0; i < 5; i++)
        ops[i] = (struct tree_op){ .key = eloq_str(keys[i]),
                                   .value = eloq_bytes(value, 400000),
                                   .timestamp = TIMESTAMP_NOW };
    ck_assert_int_eq(harness_write(&w.h, w.part, ops, 5, NOW_US), ELOQ_OK);
    ck_assert_ptr_null(w.part->current->dict);
    ck_assert_int_eq(look(&w, "c", value, 400000).compression, COMPRESSION_NONE);
    ck_assert_int_eq(write_values(&w, 'n', 2 * TRAINING_VALUES, 400, noise), ELOQ_OK);
    ck_assert_int_eq(write_values(&w, 'o', 2 * TRAINING_VALUES, 400, noise), ELOQ_OK);
    ck_assert_uint_eq(w.h.env.dicts_made + w.h.env.dicts_failed, 2);
    reopen(&w);
    check_tree(&w);
    free(value);
    world_deinit(&w);
}
END_TEST

struct aborting {
    struct part *part;
    struct tree_op *ops;
    size_t count;
};

static int apply_and_abort(struct task *t, void *arg)
{
    struct aborting *a = arg;
    struct wtx w;
    TRY(wtx_begin(t, a->part, &w));
    int rc = tree_apply(t, &w, a->ops, a->count, NOW_US);
    wtx_abort(t, &w);
    return rc;
}

START_TEST(an_aborted_write_leaves_no_dictionary_and_the_next_one_uses_it)
{
    struct world w;
    struct aborting a = { .count = TRAINING_VALUES };
    char value[400];
    world_init(&w);
    fill(&w.r, value, sizeof(value));
    ck_assert_int_eq(put(&w, "a", value, 10), ELOQ_OK);
    a.part = w.part;
    a.ops = calloc(a.count, sizeof(*a.ops));
    char *bytes = malloc(a.count * 410);
    for (size_t i = 0; i < a.count; i++) {
        char *key = bytes + i * 410;
        snprintf(key, 10, "%09u", (unsigned)i % 1000000);
        fill(&w.r, key + 10, 400);
        a.ops[i] = (struct tree_op){ .key = eloq_bytes(key, 9),
                                     .value = eloq_bytes(key + 10, 400),
                                     .timestamp = TIMESTAMP_NOW };
    }
    ck_assert_int_eq(harness_run(&w.h, apply_and_abort, &a), ELOQ_OK);
    ck_assert_ptr_null(w.part->current->dict);
    ck_assert_uint_eq(w.h.env.dicts_made, 1);
    /* one that changes nothing does not store it either */
    struct tree_op gone = { .key = eloq_str("nothing"), .is_delete = true, .timestamp = 1 };
    ck_assert_int_eq(harness_write(&w.h, w.part, &gone, 1, NOW_US), ELOQ_OK);
    ck_assert_ptr_null(w.part->current->dict);
    uint64_t switches = w.h.env.manifest_switches;
    ck_assert_int_eq(put(&w, "b", value, 400), ELOQ_OK);
    ck_assert_ptr_nonnull(w.part->current->dict);
    ck_assert_uint_eq(w.h.env.manifest_switches, switches + 1);
    ck_assert_uint_eq(w.h.env.dicts_made, 1);
    ck_assert_int_eq(look(&w, "b", value, 400).compression, COMPRESSION_DICT);
    reopen(&w);
    ck_assert_int_eq(look(&w, "b", value, 400).compression, COMPRESSION_DICT);
    check_tree(&w);
    free(a.ops);
    free(bytes);
    world_deinit(&w);
}
END_TEST

static int truncate_all(struct task *t, void *arg)
{
    struct world *w = arg;
    struct wtx tx;
    TRY(wtx_begin(t, w->part, &tx));
    int rc = tree_truncate(t, &tx, eloq_str("!"));
    if (rc < 0) {
        wtx_abort(t, &tx);
        return rc;
    }
    return wtx_commit(t, &tx);
}

START_TEST(a_partition_that_was_emptied_keeps_its_dictionary)
{
    struct world w;
    char value[400];
    world_init(&w);
    train(&w);
    ck_assert_int_eq(harness_run(&w.h, truncate_all, &w), ELOQ_OK);
    ck_assert_uint_eq(w.part->current->root[TREE_MAIN].n, NO_PAGE);
    reopen(&w);
    ck_assert_ptr_nonnull(w.part->current->dict);
    fill(&w.r, value, sizeof(value));
    ck_assert_int_eq(put(&w, "k", value, 400), ELOQ_OK);
    ck_assert_int_eq(look(&w, "k", value, 400).compression, COMPRESSION_DICT);
    check_tree(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(samples_that_find_no_memory_are_given_up)
{
    struct world w;
    struct failing f;
    world_init(&w);
    ck_assert_int_eq(write_values(&w, 'a', 100, 400, fill), ELOQ_OK);
    ck_assert_uint_eq(w.part->training.samples.count, 100);
    for (unsigned n = 0; n < 12; n++) {
        f.left = n;
        w.h.mem.fail = fails;
        w.h.mem.fail_user = &f;
        write_values(&w, 'b', 1000, 400, fill);
        w.h.mem.fail = NULL;
        ck_assert_uint_eq(w.part->training.samples.count == 0,
                          w.part->training.samples.kept.capacity == 0);
    }
    train(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(few_partitions_gather_samples_at_a_time)
{
    enum { PARTS = 12 };
    struct world w;
    struct part *parts[PARTS], *first;
    unsigned gathering = 0;
    world_init(&w);
    first = w.part;
    for (uint32_t i = 0; i < PARTS; i++) {
        ck_assert_int_eq(harness_open(&w.h, "more", i, true, &parts[i]), ELOQ_OK);
        w.part = parts[i];
        ck_assert_int_eq(write_values(&w, 'a', 1000, 400, fill), ELOQ_OK);
        gathering += parts[i]->training.samples.count > 0;
    }
    ck_assert_uint_eq(gathering, TRAININGS_AT_ONCE);
    harness_close(&w.h, parts[0]); /* its place is free again */
    w.part = parts[PARTS - 1];
    ck_assert_int_eq(write_values(&w, 'b', 1000, 400, fill), ELOQ_OK);
    ck_assert_uint_eq(parts[PARTS - 1]->training.samples.count, 1000);
    parts[1]->training.last_ns -= UINT64_C(61000000000); /* and that of one left alone */
    w.part = parts[PARTS - 2];
    ck_assert_int_eq(write_values(&w, 'b', 1000, 400, fill), ELOQ_OK);
    ck_assert_uint_eq(parts[PARTS - 2]->training.samples.count, 1000);
    ck_assert_uint_eq(parts[1]->training.samples.count, 0);
    for (uint32_t i = 1; i < PARTS; i++)
        harness_close(&w.h, parts[i]);
    w.part = first;
    world_deinit(&w);
}
END_TEST

START_TEST(two_hundred_partitions_with_dictionaries_take_little)
{
    enum { PARTS = 200 };
    struct world w;
    static struct part *parts[PARTS];
    char value[400];
    world_init(&w);
    train(&w);
    struct dict *d = w.part->current->dict;
    struct part *first = w.part;
    for (uint32_t i = 0; i < PARTS; i++) { /* each with a dictionary of its own */
        ck_assert_int_eq(harness_open(&w.h, "more", i, true, &parts[i]), ELOQ_OK);
        parts[i]->training.made = dict_new(&w.h.mem, d->bytes, d->size);
    }
    uint64_t before = atomic_load(&w.h.mem.used[MEM_DICT]);
    for (int round = 0; round < 2; round++)
        for (uint32_t i = 0; i < PARTS; i++) {
            w.part = parts[i];
            fill(&w.r, value, sizeof(value));
            ck_assert_int_eq(put(&w, "k", value, sizeof(value)), ELOQ_OK);
            ck_assert_int_eq(look(&w, "k", value, sizeof(value)).compression, COMPRESSION_DICT);
        }
    uint64_t after = atomic_load(&w.h.mem.used[MEM_DICT]);
    ck_assert_uint_lt(after / PARTS, 64 << 10);
    ck_assert_uint_lt(after - before, 5 << 20); /* what is made of those used last */
    for (uint32_t i = 0; i < PARTS; i++)
        harness_close(&w.h, parts[i]);
    w.part = first;
    world_deinit(&w);
}
END_TEST

RUN_TESTS("training", the_dictionary_is_made_once_and_lasts,
          the_batch_that_completes_the_samples_uses_the_dictionary,
          training_that_fails_leaves_values_plain,
          identical_samples_and_noise_train_nothing_or_do_no_harm,
          an_aborted_write_leaves_no_dictionary_and_the_next_one_uses_it,
          a_partition_that_was_emptied_keeps_its_dictionary,
          samples_that_find_no_memory_are_given_up, few_partitions_gather_samples_at_a_time,
          two_hundred_partitions_with_dictionaries_take_little)
