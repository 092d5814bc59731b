/* tests/unit/tree/ahead_test.c -- a scan whose leaves a helper reads ahead. */
#include <stdio.h>
#include <string.h>

#include "../base/fail.h"
#include "../base/run.h"
#include "base/slice.h"
#include "harness.h"

#define PAIRS 6000
#define VALUE_BYTES 300
#define PAIRS_PER_LEAF_MIN 10

/* A partition of pairs 000000, 000001, ... and one scan of it. */
struct world {
    struct harness h;
    struct part *part;
    struct spans spans; /* for one scan; h.env.spans says whether it may have it */
    bool had_span;
    struct tree_scan scan;
    bool reverse;
    bool is_refusing; /* there is no task for a helper */
    size_t started, ended;
    size_t seen, room;
    struct rand rand;
};

static const void *value_of(size_t i)
{
    static uint8_t value[VALUE_BYTES];
    memset(value, (int)(i % 251), sizeof(value));
    return value;
}

static size_t expected(const struct world *w)
{
    return w->reverse ? PAIRS - 1 - w->seen : w->seen;
}

static int take(void *user, const struct tree_pair *pair)
{
    struct world *w = user;
    char key[8];
    snprintf(key, sizeof(key), "%06zu", expected(w));
    ck_assert(slice_equal(pair->key, eloq_str(key)));
    ck_assert_uint_eq(pair->value.size, VALUE_BYTES);
    ck_assert_mem_eq(pair->value.data, value_of(w->reverse ? PAIRS - 1 - w->seen : w->seen),
                     VALUE_BYTES);
    w->seen++;
    w->had_span |= w->scan.span != NULL;
    return --w->room == 0 ? ELOQ_FETCH : ELOQ_OK;
}

static bool start(void *user, void (*entry)(struct task *t, void *arg), void *arg)
{
    struct world *w = user;
    if (w->is_refusing || task_start(&w->h.sched, entry, arg) < 0)
        return false;
    w->started++;
    return true;
}

static void end(void *user)
{
    struct world *w = user;
    w->ended++;
}

static const struct scan_helpers helpers = { .start = start, .end = end };

static void world_init_with(struct world *w, size_t leaf_pages)
{
    static char keys[PAIRS][8], values[PAIRS][VALUE_BYTES];
    static struct tree_op ops[PAIRS];
    struct harness_config config = { .leaf_pages = leaf_pages };
    memset(w, 0, sizeof(*w));
    harness_init(&w->h, &config);
    spans_init(&w->spans, &w->h.mem, 2 << 20);
    ck_assert_uint_eq(w->spans.left, 1);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
    memset(ops, 0, sizeof(ops));
    for (size_t i = 0; i < PAIRS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%06zu", i);
        memcpy(values[i], value_of(i), VALUE_BYTES);
        ops[i] = (struct tree_op){ .key = eloq_str(keys[i]),
                                   .value = eloq_bytes(values[i], VALUE_BYTES) };
    }
    ck_assert_int_eq(harness_write(&w->h, w->part, ops, PAIRS, 1), ELOQ_OK);
    rand_seed(&w->rand, 7);
}

static void world_init(struct world *w)
{
    world_init_with(w, 0);
}

static void world_deinit(struct world *w)
{
    ck_assert_uint_eq(w->started, w->ended);
    harness_close(&w->h, w->part);
    harness_deinit(&w->h);
}

static int open_scan(struct world *w, uint64_t limit)
{
    eloq_range range = { .reverse = w->reverse, .limit = limit };
    w->seen = 0;
    TRY(tree_scan_open(&w->scan, &w->h.mem, w->part->current, TREE_MAIN, &range, 0));
    tree_scan_help(&w->scan, &helpers, w);
    return ELOQ_OK;
}

static int step(struct task *t, struct world *w, size_t room)
{
    w->room = room;
    return tree_scan_step(t, &w->scan, take, w);
}

/* As the engine: it is closed when the helper has ended. */
static void close_scan(struct task *t, struct world *w)
{
    while (w->scan.is_reading)
        task_yield(t);
    size_t left = w->spans.left + (w->scan.span != NULL);
    tree_scan_close(&w->scan);
    ck_assert_uint_eq(w->spans.left, left);
}

/* Steps of any size; between them the scan may have to give back what it holds, and there may be no
 * helper for a while. */
static int scan_all(struct task *t, void *arg)
{
    struct world *w = arg;
    int rc;
    TRY(open_scan(w, 0));
    do {
        rc = step(t, w, 1 + rand_below(&w->rand, 900));
        w->is_refusing = rand_below(&w->rand, 4) == 0;
        if (rand_below(&w->rand, 3) == 0)
            task_yield(t);
        if (rand_below(&w->rand, 3) == 0)
            tree_scan_rest(&w->scan);
    } while (rc == ELOQ_OK);
    if (rc == ELOQ_END)
        ck_assert_uint_eq(w->seen, PAIRS);
    close_scan(t, w);
    w->is_refusing = false;
    return rc;
}

START_TEST(a_helped_scan_sees_every_pair_once)
{
    struct world w;
    world_init(&w);
    for (int i = 0; i < 120; i++) {
        w.reverse = i % 2;
        w.h.env.spans = i % 4 < 2 ? NULL : &w.spans;
        w.had_span = false;
        ck_assert_int_eq(harness_run(&w.h, scan_all, &w), ELOQ_END);
        ck_assert(w.had_span == (i % 4 >= 2));
    }
    ck_assert_uint_gt(w.started, 120);
    world_deinit(&w);
}
END_TEST

/* Closed after every possible number of pairs, helpers at work or not. */
static int scan_some(struct task *t, void *arg)
{
    struct world *w = arg;
    size_t want = 1 + rand_below(&w->rand, w->h.env.spans ? PAIRS - 1 : 500);
    TRY(open_scan(w, 0));
    int rc = step(t, w, want);
    ck_assert_uint_eq(w->seen, want);
    close_scan(t, w);
    return rc;
}

START_TEST(a_scan_is_closed_while_it_reads_ahead)
{
    struct world w;
    world_init(&w);
    for (int i = 0; i < 200; i++) {
        w.reverse = i % 2;
        w.h.env.spans = i % 4 < 2 ? NULL : &w.spans;
        ck_assert_int_eq(harness_run(&w.h, scan_some, &w), ELOQ_OK);
    }
    world_deinit(&w);
}
END_TEST

static int scan_limited(struct task *t, void *arg)
{
    struct world *w = arg;
    TRY(open_scan(w, w->room));
    int rc = step(t, w, SIZE_MAX);
    close_scan(t, w);
    return rc;
}

START_TEST(no_more_is_read_ahead_than_the_limit_needs)
{
    struct world w;
    world_init(&w);
    for (int i = 0; i < 400; i++) {
        size_t limit = 1 + rand_below(&w.rand, 3000);
        w.reverse = i % 2;
        w.room = limit;
        uint64_t before = w.h.env.pages_read[PAGE_DATA];
        ck_assert_int_eq(harness_run(&w.h, scan_limited, &w), ELOQ_END);
        ck_assert_uint_eq(w.seen, limit);
        ck_assert_uint_le(w.h.env.pages_read[PAGE_DATA] - before, limit / PAIRS_PER_LEAF_MIN + 3);
    }
    world_deinit(&w);
}
END_TEST

static int scan_to_end(struct task *t, void *arg)
{
    struct world *w = arg;
    TRY(open_scan(w, 0));
    int rc = step(t, w, SIZE_MAX);
    close_scan(t, w);
    return rc;
}

static void scan_again(bool with_span)
{
    struct world w;
    world_init_with(&w, PAIRS);
    w.h.env.spans = with_span ? &w.spans : NULL;
    ck_assert_int_eq(harness_run(&w.h, scan_to_end, &w), ELOQ_END);
    ck_assert(w.had_span == with_span);
    size_t started = w.started; /* the write kept some pages, not all */
    ck_assert_uint_gt(started, 0);
    uint64_t before = w.h.env.pages_read[PAGE_DATA];
    ck_assert_int_eq(harness_run(&w.h, scan_to_end, &w), ELOQ_END);
    ck_assert_uint_eq(w.seen, PAIRS);
    ck_assert_uint_eq(w.h.env.pages_read[PAGE_DATA], before);
    ck_assert_uint_le(w.started, started + 1); /* before it knew of any leaf */
    world_deinit(&w);
}

START_TEST(what_is_in_memory_needs_no_helper)
{
    scan_again(false);
    scan_again(true);
}
END_TEST

START_TEST(when_there_is_no_span_left_a_scan_goes_without)
{
    struct world w;
    world_init(&w);
    w.h.env.spans = &w.spans;
    uint8_t *held = span_get(&w.spans);
    ck_assert_ptr_nonnull(held);
    ck_assert_int_eq(harness_run(&w.h, scan_to_end, &w), ELOQ_END);
    ck_assert_uint_eq(w.seen, PAIRS);
    ck_assert(!w.had_span);
    span_put(&w.spans, held);
    world_deinit(&w);
}
END_TEST

/* ---- what cannot be read ahead ---- */

struct place {
    struct world *w;
    struct page_id id;
    size_t pairs_before;
};

/* The leaf a scan comes to after some pairs. */
static int find_leaf(struct task *t, void *arg)
{
    struct place *p = arg;
    struct world *w = p->w;
    w->is_refusing = true;
    TRY(open_scan(w, 0));
    int rc = step(t, w, 1); /* the window is one leaf */
    while (rc == ELOQ_OK && (w->seen < 2000 || w->scan.window.at < 5))
        rc = step(t, w, 1);
    p->pairs_before = w->seen - 1; /* the last pair delivered may be the first of its leaf */
    const struct scan_leaf *leaf = &w->scan.window.leaves[w->scan.window.at];
    p->id = leaf->id;
    close_scan(t, w);
    w->is_refusing = false;
    return rc;
}

static int overwrite(struct task *t, void *arg)
{
    struct place *p = arg;
    struct part *part = p->w->part;
    static uint8_t junk[4096];
    struct file_page place;
    ck_assert(mapping_get(&part->current->map, p->id, &place));
    struct page_io io = { .place = place, .data = junk };
    return pagefiles_write_many(t, &part->files, &io, 1);
}

static int scan_to_failure(struct task *t, void *arg)
{
    struct world *w = arg;
    int rc;
    TRY(open_scan(w, 0));
    do
        rc = step(t, w, 50);
    while (rc == ELOQ_OK);
    int again = step(t, w, 50);
    ck_assert_int_eq(again, rc);
    close_scan(t, w);
    return rc;
}

START_TEST(damage_ahead_is_told_when_the_scan_comes_there)
{
    struct world w;
    world_init(&w);
    struct place p = { .w = &w };
    ck_assert_int_eq(harness_run(&w.h, find_leaf, &p), ELOQ_OK);
    ck_assert_int_eq(harness_run(&w.h, overwrite, &p), ELOQ_OK);
    ck_assert_int_eq(harness_run(&w.h, scan_to_failure, &w), ELOQ_CORRUPTED);
    ck_assert_uint_le(w.seen, p.pairs_before);
    ck_assert_uint_gt(w.seen + 4096 / VALUE_BYTES + 1, p.pairs_before);
    ck_assert_uint_gt(w.started, 3);
    world_deinit(&w);
}
END_TEST

/* Any allocation may fail: the scan tells it, or it was the helper's and nobody is told. */
static int scan_patiently(struct task *t, void *arg)
{
    struct world *w = arg;
    if (open_scan(w, 0) < 0)
        return ELOQ_NO_MEMORY;
    int rc;
    do
        rc = step(t, w, 1000);
    while (rc == ELOQ_OK);
    if (rc == ELOQ_NO_MEMORY) {
        w->h.mem.fail = NULL;
        while ((rc = step(t, w, 1000)) == ELOQ_OK)
            ;
    }
    if (rc == ELOQ_END)
        ck_assert_uint_eq(w->seen, PAIRS);
    close_scan(t, w);
    return rc;
}

START_TEST(a_helper_without_memory_is_no_failure)
{
    struct world w;
    struct fail_at fail;
    unsigned went_on = 0;
    world_init(&w);
    for (unsigned at = 3; at < 400; at++) {
        w.reverse = at % 2;
        w.h.env.spans = at % 4 < 2 ? NULL : &w.spans;
        fail_at_set(&w.h.mem, &fail, at);
        int rc = harness_run(&w.h, scan_patiently, &w);
        w.h.mem.fail = NULL;
        ck_assert(rc == ELOQ_END || rc == ELOQ_NO_MEMORY);
        went_on += rc == ELOQ_END; /* not where the place in its leaf could not be kept */
    }
    ck_assert_uint_gt(went_on, 200);
    world_deinit(&w);
}
END_TEST

RUN_TESTS("ahead", a_helped_scan_sees_every_pair_once, a_scan_is_closed_while_it_reads_ahead,
          no_more_is_read_ahead_than_the_limit_needs, what_is_in_memory_needs_no_helper,
          when_there_is_no_span_left_a_scan_goes_without,
          damage_ahead_is_told_when_the_scan_comes_there, a_helper_without_memory_is_no_failure)
