/* tests/unit/tree/read_test.c -- get, floor, scan, check and cleaning agree with a sorted array. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/fail.h"
#include "../base/run.h"
#include "base/slice.h"
#include "harness.h"

#define PAIRS_MAX 6000
#define KEY_MAX 2000

struct pair {
    uint8_t *key, *value;
    size_t key_size, value_size;
    uint64_t expire_at;
};

/* A partition in memory, and what it should hold, sorted. */
struct world {
    struct harness h;
    struct part *part;
    struct pair pairs[PAIRS_MAX];
    size_t count;
    struct rand rand;
    uint64_t now_ms; /* of the reads */
};

static eloq_slice key_of(const struct pair *p)
{
    return eloq_bytes(p->key, p->key_size);
}

static struct world *world_new(const struct harness_config *config)
{
    struct world *w = calloc(1, sizeof(*w));
    const char *seed = getenv("SEED");
    rand_seed(&w->rand, seed ? strtoull(seed, NULL, 10) : 1);
    printf("seed %s\n", seed ? seed : "1");
    harness_init(&w->h, config);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
    return w;
}

static void world_free(struct world *w)
{
    harness_close(&w->h, w->part);
    harness_deinit(&w->h);
    for (size_t i = 0; i < w->count; i++) {
        free(w->pairs[i].key);
        free(w->pairs[i].value);
    }
    free(w);
}

/* The first pair with a key >= (or > if `above`) this one. */
static size_t lower_bound(const struct world *w, eloq_slice key, bool above)
{
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        int order = slice_compare(key_of(&w->pairs[mid]), key);
        if (order < 0 || (above && order == 0))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool is_there(const struct world *w, size_t at, eloq_slice key)
{
    return at < w->count && slice_equal(key_of(&w->pairs[at]), key);
}

static void model_remove(struct world *w, size_t at)
{
    free(w->pairs[at].key);
    free(w->pairs[at].value);
    memmove(&w->pairs[at], &w->pairs[at + 1], (--w->count - at) * sizeof(w->pairs[0]));
}

static void model_apply(struct world *w, const struct tree_op *op)
{
    size_t at = lower_bound(w, op->key, false);
    if (is_there(w, at, op->key))
        model_remove(w, at);
    if (op->is_delete)
        return;
    ck_assert_uint_lt(w->count, PAIRS_MAX);
    memmove(&w->pairs[at + 1], &w->pairs[at], (w->count++ - at) * sizeof(w->pairs[0]));
    struct pair *p = &w->pairs[at];
    p->key = malloc(op->key.size);
    p->value = malloc(op->value.size + 1);
    p->key_size = op->key.size;
    p->value_size = op->value.size;
    p->expire_at = op->expire_at;
    memcpy(p->key, op->key.data, op->key.size);
    if (op->value.size != 0)
        memcpy(p->value, op->value.data, op->value.size);
}

/* Mostly short keys with common beginnings, now and then a long one. */
static size_t random_key(struct world *w, uint8_t *key)
{
    int size = snprintf((char *)key, 32, "key%05u", (unsigned)rand_below(&w->rand, 5000));
    if (rand_below(&w->rand, 50) == 0) {
        size_t more = rand_below(&w->rand, KEY_MAX - 40);
        memset(key + size, 'x', more);
        return (size_t)size + more;
    }
    return (size_t)size;
}

static size_t random_value_size(struct world *w)
{
    switch (rand_below(&w->rand, 40)) {
    case 0:
        return 0;
    case 1:
        return rand_below(&w->rand, 200000);
    case 2:
        return 3900 + rand_below(&w->rand, 400);
    default:
        return rand_below(&w->rand, 200);
    }
}

/* One batch; nothing in it has expired at write time. */
static void write_random(struct world *w, size_t count, unsigned delete_percent)
{
    struct tree_op *ops = calloc(count, sizeof(*ops));
    for (size_t i = 0; i < count; i++) {
        uint8_t *key = malloc(KEY_MAX);
        size_t size = rand_below(&w->rand, count);
        ops[i].key = eloq_bytes(key, random_key(w, key));
        ops[i].is_delete = rand_below(&w->rand, 100) < delete_percent;
        ops[i].timestamp = TIMESTAMP_NOW;
        if (ops[i].is_delete)
            continue;
        size = random_value_size(w);
        uint8_t *value = malloc(size + 1);
        for (size_t at = 0; at < size; at++)
            value[at] = (uint8_t)rand_u64(&w->rand);
        ops[i].value = eloq_bytes(value, size);
        if (rand_below(&w->rand, 3) == 0)
            ops[i].expire_at = 2000 + rand_below(&w->rand, 1000);
    }
    int rc = harness_write(&w->h, w->part, ops, count, 1000000);
    ck_assert_msg(rc == ELOQ_OK, "%s", w->h.err.text);
    for (size_t i = 0; i < count; i++)
        model_apply(w, &ops[i]);
    for (size_t i = 0; i < count; i++) {
        free((void *)ops[i].key.data);
        free((void *)ops[i].value.data);
    }
    free(ops);
}

static bool visible(const struct world *w, size_t at)
{
    uint64_t expire_at = w->pairs[at].expire_at;
    return w->now_ms == 0 || expire_at == 0 || expire_at > w->now_ms;
}

static void same(const struct pair *p, const struct kept *k)
{
    ck_assert_uint_eq(k->value_size, p->value_size);
    ck_assert_mem_eq(k->value, p->value, p->value_size);
    ck_assert_uint_eq(k->sink.expire_at, p->expire_at);
}

static int look_up(struct task *t, void *arg)
{
    struct world *w = arg;
    uint8_t bytes[KEY_MAX];
    for (int i = 0; i < 500; i++) {
        eloq_slice key = eloq_bytes(bytes, random_key(w, bytes));
        size_t at = lower_bound(w, key, false);
        struct kept k;
        kept_init(&k, w->now_ms);
        int rc = tree_get(t, w->part->current, key, &k.sink);
        bool there = is_there(w, at, key) && visible(w, at);
        ck_assert_int_eq(rc, there ? ELOQ_OK : ELOQ_NOT_FOUND);
        if (there)
            same(&w->pairs[at], &k);
        kept_free(&k);

        at = lower_bound(w, key, true);
        while (at > 0 && !visible(w, at - 1))
            at--;
        kept_init(&k, w->now_ms);
        rc = tree_floor(t, w->part->current, key, &k.sink);
        ck_assert_int_eq(rc, at > 0 ? ELOQ_OK : ELOQ_NOT_FOUND);
        if (at > 0) {
            same(&w->pairs[at - 1], &k);
            ck_assert(slice_equal(eloq_bytes(k.key, k.key_size), key_of(&w->pairs[at - 1])));
        }
        kept_free(&k);
    }
    return ELOQ_OK;
}

/* What a scan should give next. */
struct expected {
    struct world *w;
    size_t from, to; /* pairs of the range that are left */
    bool reverse;
    uint64_t limit; /* left */
    uint64_t room;  /* until the reader is full */
};

static bool skip_hidden(struct expected *e)
{
    while (e->from < e->to && !visible(e->w, e->reverse ? e->to - 1 : e->from)) {
        if (e->reverse)
            e->to--;
        else
            e->from++;
    }
    return e->from < e->to && e->limit > 0;
}

static int take(void *user, const struct tree_pair *pair)
{
    struct expected *e = user;
    ck_assert(skip_hidden(e));
    const struct pair *p = &e->w->pairs[e->reverse ? --e->to : e->from++];
    ck_assert(slice_equal(pair->key, key_of(p)));
    ck_assert(slice_equal(pair->value, eloq_bytes(p->value, p->value_size)));
    ck_assert_uint_eq(pair->expire_at, p->expire_at);
    e->limit--;
    return --e->room == 0 ? ELOQ_FETCH : ELOQ_OK;
}

static int scan_random(struct task *t, void *arg)
{
    struct world *w = arg;
    uint8_t begin[KEY_MAX], end[KEY_MAX];
    for (int i = 0; i < 60; i++) {
        eloq_range range = { .reverse = (int)rand_below(&w->rand, 2) };
        struct expected e = { .w = w, .to = w->count, .reverse = range.reverse };
        if (rand_below(&w->rand, 4) != 0)
            range.begin = eloq_bytes(begin, random_key(w, begin));
        if (rand_below(&w->rand, 4) != 0)
            range.end = eloq_bytes(end, random_key(w, end));
        if (rand_below(&w->rand, 2) != 0)
            range.limit = 1 + rand_below(&w->rand, 300);
        if (range.begin.size != 0)
            e.from = lower_bound(w, range.begin, false);
        if (range.end.size != 0)
            e.to = lower_bound(w, range.end, false);
        e.limit = range.limit ? range.limit : UINT64_MAX;
        struct tree_scan scan;
        TRY(tree_scan_open(&scan, &w->h.mem, w->part->current, TREE_MAIN, &range, w->now_ms));
        int rc;
        do {
            e.room = 1 + rand_below(&w->rand, 200);
            rc = tree_scan_step(t, &scan, take, &e);
            if (rand_below(&w->rand, 4) == 0)
                tree_scan_rest(&scan); /* what was read ahead is read again */
        } while (rc == ELOQ_OK);
        if (rc < 0)
            return rc;
        ck_assert(!skip_hidden(&e));
        ck_assert_int_eq(tree_scan_step(t, &scan, take, &e), ELOQ_END);
        tree_scan_close(&scan);
    }
    return ELOQ_OK;
}

static void found(void *user, const struct tree_finding *f)
{
    (void)user;
    ck_abort_msg("found: %s page=%u", f->what, f->id.n);
}

static int check(struct task *t, void *arg)
{
    struct world *w = arg;
    struct tree_stats stats;
    TRY(tree_check(t, w->part->current, found, NULL, &stats));
    ck_assert_uint_eq(stats.keys, w->count);
    return ELOQ_OK;
}

static void run(struct world *w, int (*f)(struct task *t, void *arg))
{
    int rc = harness_run(&w->h, f, w);
    ck_assert_msg(rc == ELOQ_OK, "rc=%d %s", rc, w->h.err.text);
}

static int clean(struct task *t, void *arg)
{
    struct world *w = arg;
    struct wtx wtx;
    uint64_t next, ttl_next;
    bool passed;
    size_t removed;
    do {
        TRY(wtx_begin(t, w->part, &wtx));
        int rc = tree_clean_expired(t, &wtx, w->now_ms, 100, &removed, &next, &passed);
        if (rc < 0) {
            wtx_abort(t, &wtx);
            return rc;
        }
        ck_assert_uint_le(removed, 100);
        TRY(wtx_commit(t, &wtx));
        TRY(tree_next_expiry(t, w->part->current, &ttl_next, &passed));
        ck_assert(removed != 0 || next == 0 || next > w->now_ms);
    } while (next != 0 && next <= w->now_ms);

    uint64_t smallest = 0;
    for (size_t i = w->count; i-- > 0;) {
        uint64_t expire_at = w->pairs[i].expire_at;
        if (!visible(w, i))
            model_remove(w, i);
        else if (expire_at != 0 && (smallest == 0 || expire_at < smallest))
            smallest = expire_at;
    }
    ck_assert_uint_eq(next, smallest);
    ck_assert_uint_eq(ttl_next, smallest);
    return ELOQ_OK;
}

static void read_all_ways(const struct harness_config *config)
{
    struct world *w = world_new(config);
    for (int round = 0; round < 6; round++) {
        write_random(w, 700, round == 4 ? 80 : 15);
        run(w, check);
        static const uint64_t times[] = { 0, 1999, 2500, 5000 };
        for (size_t i = 0; i < ARRAY_LEN(times); i++) {
            w->now_ms = times[i];
            run(w, look_up);
            run(w, scan_random);
        }
    }
    w->now_ms = 2300;
    run(w, clean);
    run(w, check);
    w->now_ms = 0;
    run(w, look_up);
    run(w, scan_random);
    w->now_ms = 9999;
    run(w, clean);
    run(w, check);
    world_free(w);
}

START_TEST(every_read_agrees_with_a_sorted_array)
{
    struct harness_config config = { 0 };
    read_all_ways(&config);
}
END_TEST

START_TEST(every_read_agrees_with_one_cached_page_and_append_files)
{
    struct harness_config config = { .append = true, .shift = 4, .cache_pages = 1 };
    config.shape = (struct page_shape){ 8192, 1, 1, 3 };
    read_all_ways(&config);
}
END_TEST

/* ---- promises of their own ---------------------------------------------------------------------
 */

static int get_one(struct task *t, void *arg)
{
    struct world *w = arg;
    struct kept k;
    kept_init(&k, 0);
    int rc = tree_get(t, w->part->current, eloq_str("m"), &k.sink);
    kept_free(&k);
    return rc;
}

START_TEST(an_absent_tree_has_no_keys)
{
    struct harness_config config = { 0 };
    struct world *w = world_new(&config);
    ck_assert_int_eq(harness_run(&w->h, get_one, w), ELOQ_NOT_FOUND);
    run(w, look_up);
    run(w, scan_random);
    run(w, check);
    w->now_ms = 1;
    run(w, clean);
    world_free(w);
}
END_TEST

START_TEST(a_get_reads_the_device_once)
{
    struct harness_config config = { 0 };
    struct world *w = world_new(&config);
    write_random(w, 2000, 0);
    run(w, look_up); /* the index is cached now */
    struct tree_op op = { .key = eloq_str("m"), .value = eloq_str("v"), .timestamp = 1 };
    ck_assert_int_eq(harness_write(&w->h, w->part, &op, 1, 1), ELOQ_OK);
    model_apply(w, &op);
    ck_assert_int_eq(harness_run(&w->h, get_one, w), ELOQ_OK);
    uint64_t before = atomic_load(&w->h.io->counters[IO_COUNT_READS]);
    ck_assert_int_eq(harness_run(&w->h, get_one, w), ELOQ_OK);
    ck_assert_uint_eq(atomic_load(&w->h.io->counters[IO_COUNT_READS]), before + 1);
    world_free(w);
}
END_TEST

static int scan_one(struct task *t, void *arg)
{
    struct world *w = arg;
    struct expected e = { .w = w, .to = w->count, .limit = 3, .room = 100 };
    eloq_range range = { .limit = 3 };
    struct tree_scan scan;
    TRY(tree_scan_open(&scan, &w->h.mem, w->part->current, TREE_MAIN, &range, 0));
    int rc = tree_scan_step(t, &scan, take, &e);
    tree_scan_close(&scan);
    return rc;
}

START_TEST(a_short_scan_reads_one_leaf)
{
    struct harness_config config = { 0 };
    struct world *w = world_new(&config);
    struct tree_op ops[500] = { 0 };
    char keys[500][16];
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        snprintf(keys[i], sizeof(keys[i]), "%06zu", i);
        ops[i] = (struct tree_op){ .key = eloq_str(keys[i]), .value = eloq_str("some value") };
    }
    ck_assert_int_eq(harness_write(&w->h, w->part, ops, ARRAY_LEN(ops), 1), ELOQ_OK);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        model_apply(w, &ops[i]);
    ck_assert_int_eq(harness_run(&w->h, scan_one, w), ELOQ_END);
    uint64_t before = atomic_load(&w->h.io->counters[IO_COUNT_READS]);
    ck_assert_int_eq(harness_run(&w->h, scan_one, w), ELOQ_END);
    ck_assert_uint_eq(atomic_load(&w->h.io->counters[IO_COUNT_READS]), before + 1);
    world_free(w);
}
END_TEST

/* A scan that began before a commit, and takes ten steps. */
static int scan_slowly(struct task *t, void *arg)
{
    struct world *w = arg;
    struct expected e = { .w = w, .to = w->count, .limit = UINT64_MAX };
    eloq_range range = { 0 };
    struct tree_scan scan;
    TRY(tree_scan_open(&scan, &w->h.mem, w->part->current, TREE_MAIN, &range, 0));
    int rc = ELOQ_OK;
    for (int step = 0; rc == ELOQ_OK; step++) {
        if (step == 3) {
            struct tree_op op = { .key = eloq_str("key00000"), .value = eloq_str("") };
            struct wtx wtx;
            TRY(wtx_begin(t, w->part, &wtx));
            TRY(tree_truncate(t, &wtx, op.key));
            TRY(wtx_commit(t, &wtx));
        }
        e.room = w->count / 10 + 1;
        rc = tree_scan_step(t, &scan, take, &e);
    }
    tree_scan_close(&scan);
    ck_assert(!skip_hidden(&e));
    return rc;
}

START_TEST(a_scan_does_not_see_a_later_write)
{
    struct harness_config config = { 0 };
    struct world *w = world_new(&config);
    write_random(w, 2000, 0);
    ck_assert_int_eq(harness_run(&w->h, scan_slowly, w), ELOQ_END);
    while (w->count > 0)
        model_remove(w, w->count - 1);
    run(w, check);
    world_free(w);
}
END_TEST

/* Each kind of read, with the n-th allocation failing: ELOQ_NO_MEMORY or the right answer. */
static void out_of_memory(struct world *w, int (*f)(struct task *t, void *arg))
{
    struct fail_at fail;
    int rc;
    unsigned left = 0;
    do {
        page_cache_shrink(&w->h.cache, SIZE_MAX);
        fail_at_set(&w->h.mem, &fail, left);
        struct kept k;
        kept_init(&k, 0);
        /* The task itself must start. */
        fail.left += 3;
        rc = harness_run(&w->h, f, w);
        w->h.mem.fail = NULL;
        kept_free(&k);
        ck_assert(rc >= 0 || rc == ELOQ_NO_MEMORY);
        left++;
        ck_assert_uint_lt(left, 1000);
    } while (rc < 0);
}

static int get_big(struct task *t, void *arg)
{
    struct world *w = arg;
    struct kept k;
    kept_init(&k, 0);
    int rc = tree_floor(t, w->part->current, eloq_str("big~"), &k.sink);
    if (rc == ELOQ_OK)
        ck_assert_uint_eq(k.value_size, 300000);
    kept_free(&k);
    return rc;
}

static int scan_big(struct task *t, void *arg)
{
    struct world *w = arg;
    struct expected e = { .w = w, .to = w->count, .limit = UINT64_MAX, .reverse = true };
    eloq_range range = { .reverse = 1 };
    struct tree_scan scan;
    if (tree_scan_open(&scan, &w->h.mem, w->part->current, TREE_MAIN, &range, 0) < 0)
        return task_no_memory(t);
    int rc;
    do {
        e.room = 7;
        rc = tree_scan_step(t, &scan, take, &e);
    } while (rc == ELOQ_OK);
    tree_scan_close(&scan);
    return rc;
}

START_TEST(a_read_without_memory_fails_cleanly)
{
    struct harness_config config = { 0 };
    struct world *w = world_new(&config);
    write_random(w, 30, 0);
    uint8_t *value = calloc(1, 300000);
    struct tree_op op = { .key = eloq_str("big"), .value = eloq_bytes(value, 300000) };
    ck_assert_int_eq(harness_write(&w->h, w->part, &op, 1, 1), ELOQ_OK);
    model_apply(w, &op);
    free(value);
    out_of_memory(w, get_big);
    out_of_memory(w, scan_big);
    out_of_memory(w, check);
    world_free(w);
}
END_TEST

/* ---- keys too long to keep a page's ---- */

#define LONG_KEYS 60
#define LONG_KEY_BYTES 8000 /* with one common beginning, so that they all share a page */

static int scan_long_keys(struct task *t, void *arg)
{
    struct world *w = arg;
    for (size_t from = 0; from < 12; from += 5) {
        for (uint64_t room = 1; room < 100; room = 3 * room + 1) {
            eloq_range range = { .reverse = 1, .begin = key_of(&w->pairs[from]) };
            struct expected e = { .w = w, .from = from, .to = w->count, .reverse = true };
            if (room > 1) {
                e.to -= 7;
                range.end = key_of(&w->pairs[e.to]);
            }
            e.limit = UINT64_MAX;
            struct tree_scan scan;
            TRY(tree_scan_open(&scan, &w->h.mem, w->part->current, TREE_MAIN, &range, w->now_ms));
            int rc;
            do {
                e.room = room;
                rc = tree_scan_step(t, &scan, take, &e);
            } while (rc == ELOQ_OK);
            tree_scan_close(&scan);
            ck_assert_int_eq(rc, ELOQ_END);
            ck_assert(!skip_hidden(&e));
        }
    }
    return ELOQ_OK;
}

START_TEST(a_page_of_very_long_keys_is_scanned_down)
{
    struct harness_config config = { .shape = { 16384, 1000, 16, 16 } };
    struct world *w = world_new(&config);
    struct tree_op ops[LONG_KEYS] = { 0 };
    static char keys[LONG_KEYS][LONG_KEY_BYTES + 8];
    for (size_t i = 0; i < LONG_KEYS; i++) {
        memset(keys[i], 'p', LONG_KEY_BYTES);
        snprintf(keys[i] + LONG_KEY_BYTES, 8, "%03u", (unsigned)i);
        ops[i].key = eloq_str(keys[i]);
        ops[i].value = eloq_bytes(keys[i] + LONG_KEY_BYTES, 3);
        ops[i].timestamp = TIMESTAMP_NOW;
        ops[i].expire_at = i % 9 == 0 ? 2000 : 0;
        model_apply(w, &ops[i]);
    }
    ck_assert_int_eq(harness_write(&w->h, w->part, ops, LONG_KEYS, 1000000), ELOQ_OK);
    run(w, scan_long_keys);
    w->now_ms = 3000;
    run(w, scan_long_keys);
    world_free(w);
}
END_TEST

RUN_TESTS("read", every_read_agrees_with_a_sorted_array,
          every_read_agrees_with_one_cached_page_and_append_files, an_absent_tree_has_no_keys,
          a_get_reads_the_device_once, a_short_scan_reads_one_leaf,
          a_scan_does_not_see_a_later_write, a_read_without_memory_fails_cleanly,
          a_page_of_very_long_keys_is_scanned_down)
