/* apply_test.c -- tree_apply and tree_truncate: what a batch leaves behind is what the write rule
 * says, and the tree is whole after each one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../model/model.h"
#include "../base/run.h"
#include "harness.h"

#define NOW_US UINT64_C(1700000000000000)

struct world {
    struct harness h;
    struct part *part;
    struct model model;
    struct rand rand;
    uint64_t seed;
    struct tree_op *ops;
    size_t count;
    eloq_slice from; /* truncation */
};

static void world_init(struct world *w, uint64_t seed, const struct harness_config *config)
{
    memset(w, 0, sizeof(*w));
    w->seed = seed;
    rand_seed(&w->rand, seed);
    harness_init(&w->h, config);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
}

static void world_deinit(struct world *w)
{
    harness_close(&w->h, w->part);
    model_free(&w->model);
    harness_deinit(&w->h);
}

static void world_reopen(struct world *w)
{
    harness_close(&w->h, w->part);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
}

static int commit(struct task *t, void *arg)
{
    struct world *w = arg;
    struct wtx tx;
    int rc = wtx_begin(t, w->part, &tx);
    if (rc < 0)
        return rc;
    rc = w->from.size ? tree_truncate(t, &tx, w->from)
                      : tree_apply(t, &tx, w->ops, w->count, NOW_US);
    if (rc < 0) {
        wtx_abort(t, &tx);
        return rc;
    }
    return wtx_commit(t, &tx);
}

/* ---- comparing ---- */

struct compared {
    struct world *w;
    size_t n;
};

static int take(void *user, const struct tree_pair *pair)
{
    struct compared *c = user;
    ck_assert_msg(c->n < c->w->model.count, "seed %" PRIu64 ": too many pairs", c->w->seed);
    const struct model_pair *want = &c->w->model.pairs[c->n++];
    ck_assert_msg(
        model_compare(want->key, want->key_size, pair->key.data, pair->key.size) == 0
            && model_compare(want->value, want->value_size, pair->value.data, pair->value.size) == 0
            && want->timestamp == pair->timestamp && want->expire_at == pair->expire_at,
        "seed %" PRIu64 ": pair %zu differs", c->w->seed, c->n - 1);
    return ELOQ_OK;
}

static void found(void *user, const struct tree_finding *finding)
{
    struct world *w = user;
    ck_abort_msg("seed %" PRIu64 ": %s (page %u)", w->seed, finding->what, finding->id.n);
}

static int compare(struct task *t, void *arg)
{
    struct world *w = arg;
    struct compared c = { w, 0 };
    struct tree_scan scan;
    struct tree_stats stats;
    eloq_range all = { 0 };
    int rc = tree_scan_open(&scan, &w->h.mem, w->part->current, TREE_MAIN, &all, 0);
    while (rc == ELOQ_OK)
        rc = tree_scan_step(t, &scan, take, &c);
    tree_scan_close(&scan);
    if (rc != ELOQ_END)
        return rc < 0 ? rc : ELOQ_INVALID;
    ck_assert_msg(c.n == w->model.count, "seed %" PRIu64 ": %zu pairs for %zu", w->seed, c.n,
                  w->model.count);
    return tree_check(t, w->part->current, found, w, &stats);
}

static void must_match(struct world *w)
{
    int rc = harness_run(&w->h, compare, w);
    ck_assert_msg(rc == ELOQ_OK, "seed %" PRIu64 ": %s", w->seed, w->h.err.text);
}

/* ---- writing ---- */

static int by_key(const void *x, const void *y)
{
    const struct tree_op *a = x, *b = y;
    int c = slice_compare(a->key, b->key);
    return c ? c : (a->order > b->order) - (a->order < b->order);
}

static void apply(struct world *w)
{
    for (size_t i = 0; i < w->count; i++)
        w->ops[i].order = (uint32_t)i;
    qsort(w->ops, w->count, sizeof(w->ops[0]), by_key);
    for (size_t i = 0; i < w->count; i++) {
        const struct tree_op *op = &w->ops[i];
        if (op->is_delete)
            model_delete(&w->model, op->key.data, op->key.size, op->timestamp);
        else
            model_put(&w->model, op->key.data, op->key.size, op->value.data, op->value.size,
                      op->timestamp, op->expire_at, NOW_US / 1000);
    }
    w->from = eloq_bytes(NULL, 0);
    int rc = harness_run(&w->h, commit, w);
    ck_assert_msg(rc == ELOQ_OK, "seed %" PRIu64 ": %s", w->seed, w->h.err.text);
}

static eloq_slice number_key(uint64_t n, size_t pad)
{
    char *key = malloc(pad + 10);
    memset(key, 'k', pad);
    snprintf(key + pad, 10, "%08" PRIu64, n % 100000000);
    return eloq_bytes(key, pad + 8);
}

static void random_batch(struct world *w, size_t size, uint64_t keys, uint64_t delete_percent,
                         uint64_t value_max, size_t pad)
{
    w->ops = calloc(size, sizeof(*w->ops));
    w->count = size;
    uint64_t first = rand_below(&w->rand, keys);
    bool scattered = rand_below(&w->rand, 2);
    for (size_t i = 0; i < size; i++) {
        struct tree_op *op = &w->ops[i];
        op->key = number_key(scattered ? rand_below(&w->rand, keys) : (first + i) % keys, pad);
        op->timestamp = NOW_US + rand_below(&w->rand, 3);
        op->is_delete = rand_below(&w->rand, 100) < delete_percent;
        if (!op->is_delete) {
            size_t n = rand_below(&w->rand, 30) ? rand_below(&w->rand, value_max)
                                                : rand_below(&w->rand, 200000);
            op->value = eloq_bytes(memset(malloc(n + 1), (int)rand_below(&w->rand, 256), n), n);
            if (rand_below(&w->rand, 4) == 0)
                op->expire_at = NOW_US / 1000 + rand_below(&w->rand, 5);
        }
    }
    apply(w);
    for (size_t i = 0; i < size; i++) {
        free((void *)w->ops[i].key.data);
        free((void *)w->ops[i].value.data);
    }
    free(w->ops);
}

static void truncate_at(struct world *w, uint64_t n, size_t pad)
{
    w->from = number_key(n, pad);
    size_t at = model_lower(&w->model, w->from.data, w->from.size);
    for (size_t i = w->model.count; i > at; i--)
        model_delete(&w->model, w->model.pairs[i - 1].key, w->model.pairs[i - 1].key_size,
                     UINT64_MAX);
    int rc = harness_run(&w->h, commit, w);
    ck_assert_msg(rc == ELOQ_OK, "seed %" PRIu64 ": %s", w->seed, w->h.err.text);
    free((void *)w->from.data);
    w->from = eloq_bytes(NULL, 0);
}

static void random_history(uint64_t seed, const struct harness_config *config, uint64_t keys,
                           size_t pad)
{
    struct world w;
    world_init(&w, seed, config);
    for (int step = 0; step < 60; step++) {
        static const size_t sizes[] = { 1, 2, 20, 200, 2000 };
        uint64_t deletes = rand_below(&w.rand, 4) == 0 ? 100 : rand_below(&w.rand, 50);
        if (rand_below(&w.rand, 12) == 0)
            truncate_at(&w, rand_below(&w.rand, keys + 10), pad);
        else
            random_batch(&w, 1 + rand_below(&w.rand, sizes[rand_below(&w.rand, 5)]), keys, deletes,
                         rand_below(&w.rand, 4) ? 200 : 3 * config->shape.page_bytes, pad);
        must_match(&w);
        if (rand_below(&w.rand, 10) == 0)
            world_reopen(&w);
        if (rand_below(&w.rand, 10) == 0) /* what was written otherwise stays until it changes */
            w.h.env.shape.leaf_restart_every = 1 + (uint32_t)rand_below(&w.rand, 30);
    }
    world_deinit(&w);
}

START_TEST(a_random_history_matches_a_sorted_array)
{
    static const struct harness_config configs[] = {
        { .shape = { 4096, 16, 16, 16 } },
        { .shape = { 4096, 4, 1, 1 }, .shift = 4, .append = true },
        { .shape = { 8192, 16, 16, 2 }, .shift = 3 },
        { .shape = { 16384, 1000, 3, 128 }, .append = true },
        { .shape = { 61440, 16, 16, 16 }, .cache_pages = 4 },
    };
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed =
        getenv("ELOQ_SEED") ? strtoull(getenv("ELOQ_SEED"), NULL, 0) : (uint64_t)now.tv_nsec;
    random_history(seed, &configs[_i], 3000, 0);
    random_history(seed + 1, &configs[_i], 2000, configs[_i].shape.page_bytes / 2 - 20);
}
END_TEST

static void sequential_padded(struct world *w, uint64_t from, uint64_t to, bool is_delete,
                              size_t pad)
{
    w->count = to - from;
    w->ops = calloc(w->count, sizeof(*w->ops));
    for (uint64_t n = from; n < to; n++)
        w->ops[n - from] =
            (struct tree_op){ .key = number_key(n, pad),
                              .value = eloq_str("0123456789012345678901234567890123"),
                              .timestamp = NOW_US,
                              .is_delete = is_delete };
    if (is_delete)
        for (size_t i = 0; i < w->count; i++)
            w->ops[i].value = eloq_bytes(NULL, 0);
    apply(w);
    for (size_t i = 0; i < w->count; i++)
        free((void *)w->ops[i].key.data);
    free(w->ops);
}

static void sequential(struct world *w, uint64_t from, uint64_t to, bool is_delete)
{
    sequential_padded(w, from, to, is_delete, 0);
}

/* Its first pages go out while its pairs are still being read: array_test --script 11000056. */
START_TEST(a_cut_leaf_that_needs_more_pages_than_before_is_the_last_one)
{
    struct world w;
    world_init(&w, 1, &(struct harness_config){ .shape = { 16384, 1000, 16, 16 } });
    sequential_padded(&w, 0, 2000, false, 4000);
    must_match(&w);
    w.h.env.shape.leaf_restart_every = 1; /* now each pair has its whole key */
    truncate_at(&w, 20, 4000);
    must_match(&w);
    sequential_padded(&w, 15, 40, false, 4000);
    must_match(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(a_tree_that_loses_its_last_key_has_no_pages_left)
{
    struct world w;
    world_init(&w, 1, &(struct harness_config){ .shape = { 4096, 16, 16, 16 } });
    sequential(&w, 0, 5000, false);
    must_match(&w);
    for (uint64_t n = 0; n < 5000; n += 500) {
        sequential(&w, n, n + 500, true);
        must_match(&w);
    }
    ck_assert_uint_eq(w.part->current->root[TREE_MAIN].n, NO_PAGE);
    ck_assert_uint_eq(w.part->current->map.mapped_count, 0);
    sequential(&w, 7, 8, false);
    must_match(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(a_sequential_load_keeps_its_pages_full)
{
    struct world w;
    world_init(&w, 1, &(struct harness_config){ .shape = { 4096, 16, 16, 16 } });
    for (uint64_t n = 0; n < 20000; n += 1000)
        sequential(&w, n, n + 1000, false);
    must_match(&w);
    uint64_t bytes = w.model.count * (8 + 34 + 5);
    ck_assert_uint_le(w.part->current->map.mapped_count * UINT64_C(4096), bytes * 12 / 10);
    world_deinit(&w);
}
END_TEST

/* Their timestamps, which were one, need more bytes then. */
START_TEST(loaded_pairs_that_are_written_again_one_by_one_need_no_more_pages)
{
    enum { KEYS = 6000 };
    struct world w;
    world_init(&w, 1, &(struct harness_config){ .shape = { 4096, 16, 16, 16 } });
    for (uint64_t n = 0; n < KEYS; n += 1000)
        sequential(&w, n, n + 1000, false);
    uint64_t pages = w.part->current->map.mapped_count;
    for (uint64_t i = 0; i < 2 * KEYS; i++) {
        struct tree_op op = { .key = number_key(i * 2897 % KEYS, 0), /* prime to KEYS */
                              .value = eloq_str("0123456789012345678901234567890123"),
                              .timestamp = NOW_US + i * 1000 };
        w.ops = &op;
        w.count = 1;
        apply(&w);
        free((void *)op.key.data);
    }
    must_match(&w);
    ck_assert_uint_eq(w.part->current->map.mapped_count, pages);
    world_deinit(&w);
}
END_TEST

START_TEST(a_batch_that_changes_nothing_writes_nothing)
{
    struct world w;
    world_init(&w, 1, &(struct harness_config){ .shape = { 4096, 16, 16, 16 } });
    sequential(&w, 0, 3000, false);
    uint64_t commits = w.h.env.commits, pages = w.h.env.pages_written[PAGE_DATA];
    sequential(&w, 1000, 1010, false); /* the same pairs */
    sequential(&w, 4000, 4010, true);  /* absent ones */
    ck_assert_uint_eq(w.h.env.commits, commits);
    ck_assert_uint_eq(w.h.env.pages_written[PAGE_DATA], pages);
    must_match(&w);
    world_deinit(&w);
}
END_TEST

START_TEST(operations_on_one_key_are_applied_in_order_of_arrival)
{
    struct world w;
    uint64_t skipped = 0;
    world_init(&w, 1, &(struct harness_config){ .shape = { 4096, 16, 16, 16 } });
    struct tree_op ops[] = {
        { .key = eloq_str("a"), .value = eloq_str("1"), .timestamp = 10, .skipped = &skipped },
        { .key = eloq_str("a"), .is_delete = true, .timestamp = 9, .skipped = &skipped },
        { .key = eloq_str("a"), .is_delete = true, .timestamp = 10, .skipped = &skipped },
        { .key = eloq_str("a"), .value = eloq_str("2"), .timestamp = 3, .skipped = &skipped },
        { .key = eloq_str("a"), .value = eloq_str("3"), .timestamp = 3, .skipped = &skipped },
    };
    w.ops = ops;
    w.count = ARRAY_LEN(ops);
    apply(&w);
    must_match(&w);
    ck_assert_uint_eq(skipped, 1);
    ck_assert_uint_eq(w.model.count, 1);
    world_deinit(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("apply");
    TCase *tcase = tcase_create("apply");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, a_random_history_matches_a_sorted_array, 0, 5);
    tcase_add_test(tcase, a_cut_leaf_that_needs_more_pages_than_before_is_the_last_one);
    tcase_add_test(tcase, a_tree_that_loses_its_last_key_has_no_pages_left);
    tcase_add_test(tcase, a_sequential_load_keeps_its_pages_full);
    tcase_add_test(tcase, loaded_pairs_that_are_written_again_one_by_one_need_no_more_pages);
    tcase_add_test(tcase, a_batch_that_changes_nothing_writes_nothing);
    tcase_add_test(tcase, operations_on_one_key_are_applied_in_order_of_arrival);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
