/* tests/unit/tree/check_test.c -- tree_check names each kind of fault, and goes on behind it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/run.h"
#include "base/coding.h"
#include "base/slice.h"
#include "harness.h"
#include "page/index_build.h"
#include "page/leaf_build.h"
#include "page/overflow.h"

#define SCRATCH 65536

/* A partition whose pages are written by hand. */
struct forged {
    struct harness h;
    struct part *part;
    struct wtx w;
    struct task *t;
    void *scratch;
    int (*build)(struct forged *f);
    char what[16][160];
    size_t count, notes;
    struct tree_stats stats;
    int scan_rc, reverse_rc;
};

static void must(int rc)
{
    ck_assert_int_ge(rc, 0);
}

/* An id for a page that will be written later. */
static uint32_t new_id(struct forged *f)
{
    struct page_id id;
    must(wtx_new_id(f->t, &f->w, &id));
    return id.n;
}

static void put_entries(struct forged *f, uint32_t id, uint32_t prev, uint32_t next,
                        const struct entry *entries, size_t count)
{
    uint8_t *page;
    struct leaf_build b;
    must(wtx_new_page(f->t, &f->w, &page));
    leaf_build_init(&b, &f->h.env.shape, page, f->scratch);
    for (size_t i = 0; i < count; i++)
        ck_assert(leaf_build_add(&b, &entries[i]));
    leaf_build_finish(&b, page_id(prev), page_id(next));
    must(wtx_put(f->t, &f->w, page_id(id), page));
}

/* A leaf of one-letter keys. */
static void put_leaf(struct forged *f, uint32_t id, uint32_t prev, uint32_t next, const char *keys)
{
    struct entry entries[16] = { 0 };
    size_t count = strlen(keys);
    for (size_t i = 0; i < count; i++)
        entries[i] = (struct entry){ .key = eloq_bytes(keys + i, 1), .value = eloq_str("v") };
    put_entries(f, id, prev, next, entries, count);
}

/* An index page: its first child, then separators of one letter with their children. */
static void put_index(struct forged *f, uint32_t id, bool above_leaves, const char *separators,
                      const uint32_t *children)
{
    uint8_t *page;
    struct index_build b;
    must(wtx_new_page(f->t, &f->w, &page));
    index_build_init(&b, &f->h.env.shape, above_leaves, page, f->scratch);
    ck_assert(index_build_add(&b, eloq_bytes(NULL, 0), page_id(children[0])));
    for (size_t i = 0; separators[i] != '\0'; i++)
        ck_assert(index_build_add(&b, eloq_bytes(separators + i, 1), page_id(children[i + 1])));
    index_build_finish(&b);
    must(wtx_put(f->t, &f->w, page_id(id), page));
}

static void found(void *user, const struct tree_finding *finding)
{
    struct forged *f = user;
    if (finding->is_note) {
        f->notes++;
        return;
    }
    if (f->count < ARRAY_LEN(f->what))
        snprintf(f->what[f->count], sizeof(f->what[0]), "%s", finding->what);
    f->count++;
}

static int take(void *user, const struct tree_pair *pair)
{
    (void)user;
    (void)pair;
    return ELOQ_OK;
}

static int scan(struct forged *f, int reverse)
{
    struct tree_scan scan;
    eloq_range range = { .reverse = reverse };
    TRY(tree_scan_open(&scan, &f->h.mem, f->part->current, TREE_MAIN, &range, 0));
    int rc;
    while ((rc = tree_scan_step(f->t, &scan, take, NULL)) == ELOQ_OK)
        ;
    tree_scan_close(&scan);
    return rc;
}

static int forge_and_check(struct task *t, void *arg)
{
    struct forged *f = arg;
    f->t = t;
    TRY(wtx_begin(t, f->part, &f->w));
    f->build(f);
    TRY(wtx_commit(t, &f->w));
    TRY(tree_check(t, f->part->current, found, f, &f->stats));
    f->scan_rc = scan(f, 0);
    f->reverse_rc = scan(f, 1);
    return ELOQ_OK;
}

static struct forged *forge(int (*build)(struct forged *f))
{
    struct forged *f = calloc(1, sizeof(*f));
    struct harness_config config = { .shape = { 4096, 16, 16, 2 } };
    f->build = build;
    f->scratch = malloc(SCRATCH);
    ck_assert_uint_le(leaf_build_scratch_bytes(4096), SCRATCH);
    ck_assert_uint_le(index_build_scratch_bytes(4096), SCRATCH);
    harness_init(&f->h, &config);
    must(harness_open(&f->h, "t", 0, true, &f->part));
    int rc = harness_run(&f->h, forge_and_check, f);
    ck_assert_msg(rc == ELOQ_OK, "%s", f->h.err.text);
    return f;
}

static void forged_free(struct forged *f)
{
    harness_close(&f->h, f->part);
    harness_deinit(&f->h);
    free(f->scratch);
    free(f);
}

static bool says(const struct forged *f, const char *words)
{
    for (size_t i = 0; i < MIN(f->count, ARRAY_LEN(f->what)); i++) {
        if (strstr(f->what[i], words))
            return true;
    }
    printf("not said: %s\n", words);
    for (size_t i = 0; i < MIN(f->count, ARRAY_LEN(f->what)); i++)
        printf("said: %s\n", f->what[i]);
    return false;
}

/* Forges a tree in which exactly `count` faults are found, one of them in these words. */
static void expect(int (*build)(struct forged *f), size_t count, const char *words, int scan_rc)
{
    struct forged *f = forge(build);
    ck_assert(words == NULL || says(f, words));
    ck_assert_uint_eq(f->count, count);
    ck_assert_int_eq(f->scan_rc, scan_rc);
    ck_assert_int_eq(f->reverse_rc, scan_rc);
    forged_free(f);
}

/* Leaves "ab", "de", "gh" under one index page; `child` may be told to be wrong. */
static int three_leaves(struct forged *f, const char *keys[3], const uint32_t links[6])
{
    uint32_t root = new_id(f), id[3];
    for (int i = 0; i < 3; i++)
        id[i] = new_id(f);
    for (int i = 0; i < 3; i++) {
        uint32_t prev = links ? links[2 * i] : i == 0 ? NO_PAGE : id[i - 1];
        uint32_t next = links ? links[2 * i + 1] : i == 2 ? NO_PAGE : id[i + 1];
        put_leaf(f, id[i], prev, next, keys[i]);
    }
    put_index(f, root, true, "dg", id);
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}

static int sound(struct forged *f)
{
    return three_leaves(f, (const char *[]){ "ab", "de", "gh" }, NULL);
}

START_TEST(a_sound_tree_has_no_faults)
{
    struct forged *f = forge(sound);
    ck_assert_uint_eq(f->count + f->notes, 0);
    ck_assert_uint_eq(f->stats.keys, 6);
    ck_assert_uint_eq(f->stats.leaves, 3);
    ck_assert_uint_eq(f->stats.index_pages, 1);
    ck_assert_uint_eq(f->stats.depth, 1);
    ck_assert_uint_eq(f->stats.bytes_keys, 6);
    ck_assert_uint_eq(f->stats.bytes_values, 6);
    ck_assert_int_eq(f->scan_rc, ELOQ_END);
    forged_free(f);
}
END_TEST

static int bad_prev(struct forged *f)
{
    return three_leaves(f, (const char *[]){ "ab", "de", "gh" },
                        (const uint32_t[]){ NO_PAGE, 2, 3, 3, 2, NO_PAGE });
}
static int bad_next(struct forged *f)
{
    return three_leaves(f, (const char *[]){ "ab", "de", "gh" },
                        (const uint32_t[]){ NO_PAGE, 3, 1, 3, 2, NO_PAGE });
}
static int bad_last(struct forged *f)
{
    return three_leaves(f, (const char *[]){ "ab", "de", "gh" },
                        (const uint32_t[]){ NO_PAGE, 2, 1, 3, 2, 1 });
}

START_TEST(a_wrong_link_is_named)
{
    expect(bad_prev, 1, "wrong link to the previous", ELOQ_CORRUPTED);
    expect(bad_next, 1, "wrong link to the next", ELOQ_CORRUPTED);
    expect(bad_last, 1, "last data page has a next one", ELOQ_CORRUPTED);
}
END_TEST

static int key_too_high(struct forged *f)
{
    return three_leaves(f, (const char *[]){ "az", "de", "gh" }, NULL);
}
static int key_too_low(struct forged *f)
{
    return three_leaves(f, (const char *[]){ "ab", "ce", "gh" }, NULL);
}

START_TEST(a_key_out_of_bounds_is_named_and_not_scanned_over)
{
    expect(key_too_high, 2, "keys do not ascend", ELOQ_CORRUPTED);
    expect(key_too_low, 1, "key out of the bounds", ELOQ_CORRUPTED);
}
END_TEST

static int leaf_twice(struct forged *f)
{
    uint32_t root = new_id(f), a = new_id(f), b = new_id(f);
    put_leaf(f, a, NO_PAGE, b, "ab");
    put_leaf(f, b, a, NO_PAGE, "de");
    put_index(f, root, true, "dg", (const uint32_t[]){ a, b, b });
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}
static int cycle(struct forged *f)
{
    uint32_t root = new_id(f), inner = new_id(f), leaf = new_id(f), above = new_id(f);
    put_leaf(f, leaf, NO_PAGE, NO_PAGE, "ab");
    put_index(f, above, true, "", (const uint32_t[]){ leaf });
    put_index(f, inner, false, "", (const uint32_t[]){ root });
    put_index(f, root, false, "d", (const uint32_t[]){ above, inner });
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}
static int child_unmapped(struct forged *f)
{
    uint32_t root = new_id(f), a = new_id(f);
    put_leaf(f, a, NO_PAGE, NO_PAGE, "ab");
    put_index(f, root, true, "d", (const uint32_t[]){ a, 77 });
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}

START_TEST(a_page_met_twice_or_missing_is_named)
{
    expect(leaf_twice, 1, "used twice", ELOQ_CORRUPTED);
    expect(cycle, 1, "used twice", ELOQ_CORRUPTED);
    expect(child_unmapped, 1, "not mapped", ELOQ_CORRUPTED);
}
END_TEST

static int uneven(struct forged *f)
{
    uint32_t root = new_id(f), inner = new_id(f), left = new_id(f), right = new_id(f);
    uint32_t a = new_id(f), b = new_id(f);
    put_leaf(f, a, NO_PAGE, b, "ab");
    put_leaf(f, b, a, NO_PAGE, "de");
    put_index(f, left, true, "", (const uint32_t[]){ a });
    put_index(f, right, true, "", (const uint32_t[]){ b });
    put_index(f, inner, false, "", (const uint32_t[]){ right });
    put_index(f, root, false, "d", (const uint32_t[]){ left, inner });
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}
static int separators_cross(struct forged *f)
{
    uint32_t root = new_id(f), left = new_id(f), right = new_id(f);
    uint32_t a = new_id(f), b = new_id(f), c = new_id(f);
    put_leaf(f, a, NO_PAGE, b, "ab");
    put_leaf(f, b, a, c, "ef");
    put_leaf(f, c, b, NO_PAGE, "gh");
    put_index(f, left, true, "e", (const uint32_t[]){ a, b }); /* e is above the parent's d */
    put_index(f, right, true, "", (const uint32_t[]){ c });
    put_index(f, root, false, "d", (const uint32_t[]){ left, right });
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}
static int index_for_leaf(struct forged *f)
{
    uint32_t root = new_id(f), above = new_id(f), a = new_id(f);
    put_leaf(f, a, NO_PAGE, NO_PAGE, "ab");
    put_index(f, above, true, "", (const uint32_t[]){ a });
    put_index(f, root, true, "", (const uint32_t[]){ above });
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}

START_TEST(a_wrong_shape_is_named)
{
    expect(uneven, 1, "different depths", ELOQ_END);
    expect(separators_cross, 1, "separator out of its parent's bounds", ELOQ_CORRUPTED);
    expect(index_for_leaf, 1, "not a data page", ELOQ_CORRUPTED);
}
END_TEST

/* The parent's d is above both of its separators. */
static int separators_too_low(struct forged *f)
{
    uint32_t root = new_id(f), left = new_id(f), right = new_id(f);
    uint32_t a = new_id(f), b = new_id(f), c = new_id(f);
    put_leaf(f, a, NO_PAGE, b, "ab");
    put_leaf(f, b, a, c, "de");
    put_leaf(f, c, b, NO_PAGE, "gh");
    put_index(f, left, true, "", (const uint32_t[]){ a });
    put_index(f, right, true, "b", (const uint32_t[]){ b, c });
    put_index(f, root, false, "d", (const uint32_t[]){ left, right });
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}

struct looked_up {
    struct forged *f;
    const char *key;
};

static int get(struct task *t, void *arg)
{
    struct looked_up *l = arg;
    struct kept k;
    kept_init(&k, 0);
    int rc = tree_get(t, l->f->part->current, eloq_str(l->key), &k.sink);
    kept_free(&k);
    return rc;
}

/* What each key from a to h answers: f found, - not there, ! damaged. */
static void expect_gets(int (*build)(struct forged *f), const char *answers)
{
    static const char *const keys[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    struct forged *f = forge(build);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct looked_up l = { f, keys[i] };
        int rc = harness_run(&f->h, get, &l);
        int wanted = answers[i] == 'f'   ? ELOQ_OK
                     : answers[i] == '-' ? ELOQ_NOT_FOUND
                                         : ELOQ_CORRUPTED;
        ck_assert_msg(rc == wanted, "%s: %d, wanted %d", keys[i], rc, wanted);
    }
    forged_free(f);
}

START_TEST(a_get_does_not_believe_a_separator_out_of_bounds)
{
    expect_gets(sound, "ff-ff-ff");
    expect_gets(separators_cross, "!!!---ff"); /* e and f are behind the wrong separator */
    expect_gets(separators_too_low, "ff-!!!!!");
}
END_TEST

/* A chain of index pages with one child each, deeper than any tree. */
static int too_deep(struct forged *f)
{
    uint32_t below = new_id(f);
    put_leaf(f, below, NO_PAGE, NO_PAGE, "ab");
    for (int i = 0; i < TREE_DEPTH_MAX + 1; i++) {
        uint32_t id = new_id(f);
        put_index(f, id, i == 0, "", &below);
        below = id;
    }
    f->w.root[TREE_MAIN] = page_id(below);
    return 0;
}

START_TEST(a_tree_that_is_too_deep_is_named)
{
    expect(too_deep, 1, "too deep", ELOQ_CORRUPTED);
}
END_TEST

static int leak(struct forged *f)
{
    sound(f);
    put_leaf(f, new_id(f), NO_PAGE, NO_PAGE, "x");
    return 0;
}

START_TEST(a_page_nobody_refers_to_is_a_note)
{
    struct forged *f = forge(leak);
    ck_assert_uint_eq(f->count, 0);
    ck_assert_uint_eq(f->notes, 1);
    forged_free(f);
}
END_TEST

/* A pair "k" that expires at 7, and TTL keys of "k" for each time given; `like` is the rest of
 * their entries. */
static void expiring_like(struct forged *f, uint64_t expire_at, const uint64_t *times, size_t count,
                          const struct entry *like)
{
    uint32_t root = new_id(f), leaf = new_id(f), ttl_root = new_id(f), ttl_leaf = new_id(f);
    struct entry pair = { .key = eloq_str("k"), .value = eloq_str("v"), .expire_at = expire_at };
    put_entries(f, leaf, NO_PAGE, NO_PAGE, &pair, 1);
    put_index(f, root, true, "", &leaf);
    f->w.root[TREE_MAIN] = page_id(root);
    struct entry ttl[4] = { 0 };
    uint8_t keys[4][9];
    for (size_t i = 0; i < count; i++) {
        put_u64_be(keys[i], times[i]);
        keys[i][8] = 'k';
        ttl[i] = *like;
        ttl[i].key = eloq_bytes(keys[i], 9);
    }
    put_entries(f, ttl_leaf, NO_PAGE, NO_PAGE, ttl, count);
    put_index(f, ttl_root, true, "", &ttl_leaf);
    f->w.root[TREE_TTL] = page_id(ttl_root);
}

static void expiring(struct forged *f, uint64_t expire_at, const uint64_t *times, size_t count)
{
    expiring_like(f, expire_at, times, count, &(struct entry){ 0 });
}

static int ttl_sound(struct forged *f)
{
    expiring(f, 7, (const uint64_t[]){ 7 }, 1);
    return 0;
}
static int ttl_surplus(struct forged *f)
{
    expiring(f, 7, (const uint64_t[]){ 7, 9 }, 2);
    return 0;
}
static int ttl_other(struct forged *f)
{
    expiring(f, 7, (const uint64_t[]){ 8 }, 1);
    return 0;
}
static int ttl_missing(struct forged *f)
{
    uint32_t root = new_id(f), leaf = new_id(f);
    struct entry pair = { .key = eloq_str("k"), .value = eloq_str("v"), .expire_at = 7 };
    put_entries(f, leaf, NO_PAGE, NO_PAGE, &pair, 1);
    put_index(f, root, true, "", &leaf);
    f->w.root[TREE_MAIN] = page_id(root);
    return 0;
}

static void ttl_full(struct forged *f, struct entry like)
{
    expiring_like(f, 7, (const uint64_t[]){ 7 }, 1, &like);
}
static int ttl_with_value(struct forged *f)
{
    ttl_full(f, (struct entry){ .value = eloq_str("v") });
    return 0;
}
static int ttl_with_timestamp(struct forged *f)
{
    ttl_full(f, (struct entry){ .timestamp = 1 });
    return 0;
}
static int ttl_with_expiry(struct forged *f)
{
    ttl_full(f, (struct entry){ .expire_at = 7 });
    return 0;
}
static int ttl_compressed(struct forged *f)
{
    ttl_full(f, (struct entry){ .compression = COMPRESSION_ALONE });
    return 0;
}

START_TEST(a_ttl_entry_is_a_key_alone)
{
    expect(ttl_with_value, 1, "TTL entry is not empty", ELOQ_END);
    expect(ttl_with_timestamp, 1, "TTL entry is not empty", ELOQ_END);
    expect(ttl_with_expiry, 1, "TTL entry is not empty", ELOQ_END);
    expect(ttl_compressed, 1, "TTL entry is not empty", ELOQ_END);
}
END_TEST

START_TEST(the_ttl_tree_is_compared_pair_by_pair)
{
    expect(ttl_sound, 0, NULL, ELOQ_END);
    expect(ttl_surplus, 1, "TTL key without a pair", ELOQ_END);
    expect(ttl_other, 2, "not in the TTL tree", ELOQ_END);
    expect(ttl_missing, 1, "not in the TTL tree", ELOQ_END);
}
END_TEST

/* ---- cleaning -----------------------------------------------------------------------------------
 */

static int clean(struct task *t, void *arg)
{
    struct forged *f = arg;
    uint64_t next;
    bool passed;
    size_t removed;
    TRY(wtx_begin(t, f->part, &f->w));
    TRY(tree_clean_expired(t, &f->w, 100, 1, &removed, &next, &passed));
    ck_assert_uint_eq(removed, 0);
    ck_assert(next == 0 || next > 100);
    return wtx_commit(t, &f->w);
}

static int ttl_orphans(struct forged *f)
{
    expiring(f, 0, (const uint64_t[]){ 7, 9, 11, 200 }, 4);
    return 0;
}

START_TEST(cleaning_skips_ttl_keys_without_a_pair_and_ends)
{
    struct forged *f = forge(ttl_orphans);
    ck_assert_uint_eq(f->count, 4);
    must(harness_run(&f->h, clean, f));
    f->count = 0;
    forged_free(f);
}
END_TEST

/* ---- overflow chains ----------------------------------------------------------------------------
 */

static void put_overflow(struct forged *f, uint32_t id, size_t size, const uint32_t *next,
                         uint32_t count)
{
    uint8_t *page;
    struct page_id ids[4];
    for (uint32_t i = 0; i < count; i++)
        ids[i] = page_id(next[i]);
    must(wtx_new_page(f->t, &f->w, &page));
    overflow_build(page, &f->h.env.shape, f->scratch, (uint32_t)size, ids, count);
    must(wtx_put(f->t, &f->w, page_id(id), page));
}

static void put_long_pair(struct forged *f, const uint32_t *ids, size_t count)
{
    uint32_t root = new_id(f), leaf = new_id(f);
    uint8_t bytes[16];
    for (size_t i = 0; i < count; i++)
        put_u32(bytes + 4 * i, ids[i]);
    struct entry pair = { .key = eloq_str("k"),
                          .value = eloq_bytes(bytes, 4 * count),
                          .is_overflow = true };
    put_entries(f, leaf, NO_PAGE, NO_PAGE, &pair, 1);
    put_index(f, root, true, "", &leaf);
    f->w.root[TREE_MAIN] = page_id(root);
}

static int chain_sound(struct forged *f)
{
    uint32_t a = new_id(f), b = new_id(f), c = new_id(f);
    put_overflow(f, a, 4084, NULL, 0);
    put_overflow(f, b, 4076, &c, 1);
    put_overflow(f, c, 5, NULL, 0);
    put_long_pair(f, (const uint32_t[]){ a, b }, 2);
    return 0;
}
static int chain_cycle(struct forged *f)
{
    uint32_t a = new_id(f), b = new_id(f);
    put_overflow(f, a, 4084, NULL, 0);
    put_overflow(f, b, 4076, &b, 1);
    put_long_pair(f, (const uint32_t[]){ a, b }, 2);
    return 0;
}
static int chain_early(struct forged *f)
{
    uint32_t a = new_id(f), b = new_id(f);
    put_overflow(f, a, 100, &b, 1);
    put_overflow(f, b, 100, NULL, 0);
    put_long_pair(f, (const uint32_t[]){ a, b }, 2);
    return 0;
}
static int chain_missing(struct forged *f)
{
    put_long_pair(f, (const uint32_t[]){ 99 }, 1);
    return 0;
}
static int chain_short(struct forged *f)
{
    uint32_t a = new_id(f), b = new_id(f);
    put_overflow(f, a, 100, &b, 1);
    put_overflow(f, b, 100, NULL, 0);
    put_long_pair(f, (const uint32_t[]){ a }, 1);
    return 0;
}

START_TEST(a_broken_overflow_chain_is_named_and_ends)
{
    expect(chain_sound, 0, NULL, ELOQ_END);
    expect(chain_cycle, 1, "used twice", ELOQ_CORRUPTED);
    expect(chain_early, 1, "middle of its group", ELOQ_CORRUPTED);
    expect(chain_missing, 1, "not mapped", ELOQ_CORRUPTED);
    struct forged *f = forge(chain_short);
    ck_assert_uint_eq(f->count, 0);
    ck_assert_uint_eq(f->notes, 1);
    ck_assert_int_eq(f->scan_rc, ELOQ_END);
    forged_free(f);
}
END_TEST

RUN_TESTS("check", a_sound_tree_has_no_faults, a_wrong_link_is_named,
          a_key_out_of_bounds_is_named_and_not_scanned_over, a_page_met_twice_or_missing_is_named,
          a_wrong_shape_is_named, a_tree_that_is_too_deep_is_named,
          a_page_nobody_refers_to_is_a_note, the_ttl_tree_is_compared_pair_by_pair,
          a_get_does_not_believe_a_separator_out_of_bounds, a_ttl_entry_is_a_key_alone,
          cleaning_skips_ttl_keys_without_a_pair_and_ends,
          a_broken_overflow_chain_is_named_and_ends)
