/* tests/unit/tree/golden_test.c -- every way of reading gives what the reference wrote. */
#include "golden.h"

#include <stdio.h>
#include <string.h>

#include "../base/run.h"
#include "base/checksum.h"
#include "base/slice.h"

/* One partition of a golden store, open, and its pairs. */
struct opened {
    struct part *part;
    const struct golden_pair *pairs;
    size_t count;
    size_t at;        /* of a scan: the next pair expected */
    size_t page_left; /* of a scan: pairs until the reader says it is full */
    size_t findings;
    bool reverse;
    uint64_t seed;
    struct harness *h;
};

typedef void check_part(struct opened *o);

/* Runs `check` on every partition of every golden store. */
static void each_partition(check_part *check)
{
    for (size_t i = 0; i < golden_name_count; i++) {
        struct golden g;
        if (!golden_load(&g, golden_names[i], NULL))
            return;
        struct harness h;
        harness_init(&h, &g.config);
        char table[256];
        uint32_t partition;
        for (size_t from = 0, to; golden_part(&g, from, &to, table, sizeof(table), &partition);
             from = to) {
            struct opened o = { .pairs = g.pairs + from, .count = to - from, .h = &h, .seed = i };
            int rc = harness_open(&h, table, partition, false, &o.part);
            ck_assert_msg(rc == ELOQ_OK, "%s %s.%u: %s", g.name, table, partition, h.err.text);
            check(&o);
            harness_close(&h, o.part);
        }
        harness_deinit(&h);
        golden_free(&g);
    }
}

static void same_pair(const struct golden_pair *e, eloq_slice key, eloq_slice value,
                      uint64_t timestamp, uint64_t expire_at)
{
    ck_assert(slice_equal(key, eloq_bytes(e->key, e->key_size)));
    ck_assert_uint_eq(value.size, e->value_size);
    ck_assert_uint_eq(checksum64(value.data, value.size), e->digest);
    ck_assert_uint_eq(timestamp, e->timestamp);
    ck_assert_uint_eq(expire_at, e->expire_at);
}

static int take(void *user, const struct tree_pair *pair)
{
    struct opened *o = user;
    ck_assert_uint_lt(o->at, o->count);
    const struct golden_pair *e = &o->pairs[o->reverse ? o->count - 1 - o->at : o->at];
    o->at++;
    same_pair(e, pair->key, pair->value, pair->timestamp, pair->expire_at);
    return --o->page_left == 0 ? ELOQ_FETCH : ELOQ_OK;
}

static int scan_all(struct task *t, void *arg)
{
    struct opened *o = arg;
    struct tree_scan scan;
    eloq_range range = { .reverse = o->reverse };
    struct rand rand;
    rand_seed(&rand, o->seed);
    TRY(tree_scan_open(&scan, &o->h->mem, o->part->current, TREE_MAIN, &range, 0));
    int rc;
    do {
        o->page_left = 1 + rand_below(&rand, 300);
        rc = tree_scan_step(t, &scan, take, o);
    } while (rc == ELOQ_OK);
    tree_scan_close(&scan);
    return rc;
}

static void scan_gives_all(struct opened *o)
{
    int rc = harness_run(o->h, scan_all, o);
    ck_assert_msg(rc == ELOQ_END, "rc=%d %s", rc, o->h->err.text);
    ck_assert_uint_eq(o->at, o->count);
}

static void reverse_scan_gives_all(struct opened *o)
{
    o->reverse = true;
    scan_gives_all(o);
}

START_TEST(scan_gives_every_pair_in_order)
{
    each_partition(scan_gives_all);
}
END_TEST

START_TEST(reverse_scan_gives_every_pair_backwards)
{
    each_partition(reverse_scan_gives_all);
}
END_TEST

static int get_all(struct task *t, void *arg)
{
    struct opened *o = arg;
    for (size_t i = 0; i < o->count; i += 1 + o->count / 5000) {
        const struct golden_pair *e = &o->pairs[i];
        struct kept k;
        kept_init(&k, 0);
        TRY(tree_get(t, o->part->current, eloq_bytes(e->key, e->key_size), &k.sink));
        same_pair(e, eloq_bytes(e->key, e->key_size), eloq_bytes(k.value, k.value_size),
                  k.sink.timestamp, k.sink.expire_at);
        kept_free(&k);
    }
    return ELOQ_OK;
}

static void get_finds_all(struct opened *o)
{
    int rc = harness_run(o->h, get_all, o);
    ck_assert_msg(rc == ELOQ_OK, "rc=%d %s", rc, o->h->err.text);
}

START_TEST(get_finds_every_key)
{
    each_partition(get_finds_all);
}
END_TEST

/* A key near one that is there: itself, a prefix, an extension, a changed byte. */
static size_t near_key(struct rand *rand, const struct golden_pair *e, uint8_t *key)
{
    size_t size = e->key_size;
    memcpy(key, e->key, size);
    switch (rand_below(rand, 4)) {
    case 0:
        break;
    case 1:
        size = 1 + rand_below(rand, size);
        break;
    case 2:
        key[size++] = (uint8_t)rand_u64(rand);
        break;
    default:
        key[rand_below(rand, size)] = (uint8_t)rand_u64(rand);
    }
    return size;
}

static const struct golden_pair *floor_of(const struct opened *o, eloq_slice key)
{
    size_t low = 0, high = o->count; /* first pair with a key above */
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (slice_compare(eloq_bytes(o->pairs[mid].key, o->pairs[mid].key_size), key) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low == 0 ? NULL : &o->pairs[low - 1];
}

static int floor_random(struct task *t, void *arg)
{
    struct opened *o = arg;
    struct rand rand;
    rand_seed(&rand, o->seed);
    uint8_t bytes[8192];
    for (int i = 0; i < 2000; i++) {
        size_t size = near_key(&rand, &o->pairs[rand_below(&rand, o->count)], bytes);
        eloq_slice key = eloq_bytes(bytes, size);
        const struct golden_pair *e = floor_of(o, key);
        struct kept k;
        kept_init(&k, 0);
        int rc = tree_floor(t, o->part->current, key, &k.sink);
        if (rc < 0)
            return rc;
        ck_assert_int_eq(rc, e ? ELOQ_OK : ELOQ_NOT_FOUND);
        if (e)
            same_pair(e, eloq_bytes(k.key, k.key_size), eloq_bytes(k.value, k.value_size),
                      k.sink.timestamp, k.sink.expire_at);
        kept_free(&k);
        kept_init(&k, 0);
        rc = tree_get(t, o->part->current, key, &k.sink);
        bool is_there = e && slice_equal(eloq_bytes(e->key, e->key_size), key);
        ck_assert_int_eq(rc, is_there ? ELOQ_OK : ELOQ_NOT_FOUND);
        kept_free(&k);
    }
    return ELOQ_OK;
}

static void floor_agrees(struct opened *o)
{
    int rc = harness_run(o->h, floor_random, o);
    ck_assert_msg(rc == ELOQ_OK, "rc=%d %s", rc, o->h->err.text);
}

START_TEST(floor_of_any_key_is_the_greatest_at_or_below)
{
    each_partition(floor_agrees);
}
END_TEST

static void found(void *user, const struct tree_finding *f)
{
    struct opened *o = user;
    o->findings++;
    printf("found: %s page=%u\n", f->what, f->id.n);
}

static int check_all(struct task *t, void *arg)
{
    struct opened *o = arg;
    struct tree_stats stats;
    TRY(tree_check(t, o->part->current, found, o, &stats));
    ck_assert_uint_eq(stats.keys, o->count);
    uint64_t expiring = 0, bytes = 0;
    for (size_t i = 0; i < o->count; i++) {
        expiring += o->pairs[i].expire_at != 0;
        bytes += o->pairs[i].value_size;
    }
    ck_assert_uint_eq(stats.ttl_keys, expiring);
    ck_assert_uint_eq(stats.bytes_values, bytes);
    ck_assert_uint_eq(stats.leaves + stats.index_pages + stats.overflow_pages + stats.ttl_pages,
                      o->part->current->map.mapped_count);
    return ELOQ_OK;
}

static void check_is_content(struct opened *o)
{
    int rc = harness_run(o->h, check_all, o);
    ck_assert_msg(rc == ELOQ_OK, "rc=%d %s", rc, o->h->err.text);
    ck_assert_uint_eq(o->findings, 0);
}

START_TEST(check_finds_no_fault_in_what_the_reference_wrote)
{
    each_partition(check_is_content);
}
END_TEST

RUN_TESTS("golden", scan_gives_every_pair_in_order, reverse_scan_gives_every_pair_backwards,
          get_finds_every_key, floor_of_any_key_is_the_greatest_at_or_below,
          check_finds_no_fault_in_what_the_reference_wrote)
