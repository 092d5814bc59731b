/* tests/unit/tree/local_test.c -- the damage of one page costs its own keys: for each page of a
 * small store in turn, everything else stays readable and writable, and no other page is hurt. */
#include "harness.h"

#include <stdio.h>
#include <string.h>

#include "../base/run.h"
#include "base/slice.h"

#define NOW_US UINT64_C(1700000000000000)
#define FAR_MS UINT64_C(1800000000000)
#define KEYS 48
#define KEY_BYTES 800
#define VALUE_BYTES 24000 /* the longest */

/* Long keys and an index without shared prefixes: three levels from few pages. */
static const struct harness_config in_place = { .shape = { 4096, 16, 1, 2 }, .shift = 4 };
static const struct harness_config append = { .shape = { 4096, 16, 1, 2 },
                                              .shift = 4,
                                              .append = true };

struct world {
    struct harness h;
    struct part *part;
    char keys[2 * KEYS][KEY_BYTES + 1]; /* the odd ones are not stored at first */
    uint32_t size[2 * KEYS];            /* of the value; UINT32_MAX: absent */
    bool lost[2 * KEYS];                /* cannot be read */
    struct page_id damaged;
    struct file_page place; /* where it lay */
    uint8_t type;
    bool is_ttl;
    /* of a look */
    size_t at, delivered;
    bool reverse;
    int foreign; /* findings that are not about the damaged page */
};

static uint8_t value_bytes[VALUE_BYTES];

static uint32_t first_size(int i)
{
    return i % 14 == 0 ? VALUE_BYTES : i % 6 == 0 ? 5000 : 700 + 13 * (uint32_t)i;
}

static bool expires(int i)
{
    return i % 10 == 4;
}

static struct tree_op put_op(struct world *w, int i, uint32_t size)
{
    return (struct tree_op){ .key = eloq_bytes(w->keys[i], KEY_BYTES),
                             .value = eloq_bytes(value_bytes, size),
                             .timestamp = TIMESTAMP_NOW };
}

static struct tree_op delete_op(struct world *w, int i)
{
    return (struct tree_op){ .key = eloq_bytes(w->keys[i], KEY_BYTES),
                             .timestamp = TIMESTAMP_NOW,
                             .is_delete = true };
}

static void reopen(struct world *w)
{
    harness_close(&w->h, w->part);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
}

static void world_init(struct world *w, const struct harness_config *config)
{
    struct tree_op ops[KEYS];
    memset(w, 0, sizeof(*w));
    harness_init(&w->h, config);
    ck_assert_int_eq(harness_open(&w->h, "t", 0, true, &w->part), ELOQ_OK);
    for (int i = 0; i < 2 * KEYS; i++) {
        memset(w->keys[i], 'k', KEY_BYTES);
        snprintf(w->keys[i] + KEY_BYTES - 8, 9, "%08d", i);
        w->size[i] = i % 2 ? UINT32_MAX : first_size(i);
        if (i % 2)
            continue;
        ops[i / 2] = put_op(w, i, w->size[i]);
        ops[i / 2].expire_at = expires(i) ? FAR_MS + (uint64_t)i : 0;
    }
    ck_assert_int_eq(harness_write(&w->h, w->part, ops, KEYS, NOW_US), ELOQ_OK);
}

static void world_deinit(struct world *w)
{
    harness_close(&w->h, w->part);
    harness_deinit(&w->h);
}

/* ---- damage ------------------------------------------------------------------------------------
 */

static int damage(struct task *t, void *arg)
{
    struct world *w = arg;
    static uint8_t page[4096];
    char path[512];
    pagefiles_path(&w->part->files, pagefiles_file_id(&w->part->files, w->place), path,
                   sizeof(path));
    uint64_t offset = pagefiles_offset(&w->part->files, w->place);
    int fd = io_open_file(t, w->h.io, path, IO_OPEN_READ | IO_OPEN_WRITE);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_read(t, w->h.io, fd, page, 4096, offset), 4096);
    w->type = page[PAGE_TYPE_AT];
    page[2000] ^= 1;
    ck_assert_int_eq(io_write(t, w->h.io, fd, page, 4096, offset), 4096);
    io_close_file(t, w->h.io, fd);
    return ELOQ_OK;
}

/* ---- looking -----------------------------------------------------------------------------------
 */

static int get(struct task *t, struct world *w, int i)
{
    struct kept k;
    kept_init(&k, 0);
    int rc = tree_get(t, w->part->current, eloq_bytes(w->keys[i], KEY_BYTES), &k.sink);
    if (rc == ELOQ_OK) {
        ck_assert_uint_eq(k.value_size, w->size[i]);
        ck_assert_mem_eq(k.value, value_bytes, k.value_size);
    }
    if (rc < 0) {
        ck_assert_int_eq(rc, ELOQ_CORRUPTED);
        ck_assert_msg(strstr(t->err.text, " from=") && strstr(t->err.text, " to="), "%s",
                      t->err.text);
        ck_assert_uint_eq(t->err.offset, pagefiles_offset(&w->part->files, w->place));
    }
    kept_free(&k);
    return rc;
}

static int find_lost(struct task *t, void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < 2 * KEYS; i++)
        w->lost[i] = get(t, w, i) < 0;
    return ELOQ_OK;
}

static int take(void *user, const struct tree_pair *pair)
{
    struct world *w = user;
    while (w->size[w->at] == UINT32_MAX)
        w->at += w->reverse ? -1ul : 1;
    ck_assert(!w->lost[w->at]);
    ck_assert(slice_equal(pair->key, eloq_bytes(w->keys[w->at], KEY_BYTES)));
    ck_assert_uint_eq(pair->value.size, w->size[w->at]);
    w->at += w->reverse ? -1ul : 1;
    w->delivered++;
    return ELOQ_OK;
}

static int take_nothing(void *user, const struct tree_pair *pair)
{
    (void)user;
    (void)pair;
    return ELOQ_OK;
}

/* Pairs before the first lost one, in the direction of the scan. */
static size_t whole_pairs(const struct world *w, bool reverse, bool *ret_all)
{
    size_t n = 0;
    for (int step = 0; step < 2 * KEYS; step++) {
        int i = reverse ? 2 * KEYS - 1 - step : step;
        *ret_all = !w->lost[i];
        if (w->lost[i] && w->size[i] != UINT32_MAX)
            break;
        *ret_all = true;
        n += w->size[i] != UINT32_MAX;
    }
    return n;
}

static void scan(struct task *t, struct world *w, bool reverse)
{
    struct tree_scan s;
    eloq_range range = { .reverse = reverse };
    bool all;
    w->reverse = reverse;
    w->at = reverse ? 2 * KEYS - 1 : 0;
    w->delivered = 0;
    ck_assert_int_eq(tree_scan_open(&s, &w->h.mem, w->part->current, TREE_MAIN, &range, 0), 0);
    int rc;
    while ((rc = tree_scan_step(t, &s, take, w)) == ELOQ_OK)
        ;
    size_t want = whole_pairs(w, reverse, &all);
    ck_assert_msg(w->delivered == want, "page %u type %u: %zu of %zu pairs before the damage",
                  w->damaged.n, w->type, w->delivered, want);
    if (!all)
        ck_assert_int_eq(rc, ELOQ_CORRUPTED);
    if (rc < 0)
        ck_assert_ptr_nonnull(strstr(t->err.text, " from="));
    tree_scan_close(&s);
}

static void found(void *user, const struct tree_finding *f)
{
    struct world *w = user;
    if (f->is_note)
        return;
    if (f->err && f->err->offset == pagefiles_offset(&w->part->files, w->place)
        && f->err->path[0] != '\0')
        return;
    printf("page %u type %u: %s (page %u)\n", w->damaged.n, w->type, f->what, f->id.n);
    w->foreign++;
}

/* Where no leaf is left beyond the damaged one, its range reaches to the end. */
static bool is_edge(const struct world *w, int i)
{
    bool below = false, above = false;
    for (int j = 0; j < 2 * KEYS; j++) {
        bool is_stored = w->size[j] != UINT32_MAX && !w->lost[j];
        below |= is_stored && j < i;
        above |= is_stored && j > i;
    }
    return !below || !above;
}

/* Everything but what is lost is what it should be. */
static int look(struct task *t, void *arg)
{
    struct world *w = arg;
    for (int i = 0; i < 2 * KEYS; i++) {
        int rc = get(t, w, i);
        if (rc < 0 && w->size[i] == UINT32_MAX && !w->lost[i]) {
            ck_assert_msg(is_edge(w, i), "page %u type %u: key %d became part of the damage",
                          w->damaged.n, w->type, i);
            w->lost[i] = true;
        }
        int want = w->lost[i]                 ? ELOQ_CORRUPTED
                   : w->size[i] == UINT32_MAX ? ELOQ_NOT_FOUND
                                              : ELOQ_OK;
        ck_assert_msg(rc == want, "page %u type %u: key %d: %d, not %d", w->damaged.n, w->type, i,
                      rc, want);
    }
    scan(t, w, false);
    scan(t, w, true);
    struct tree_stats stats;
    w->foreign = 0;
    TRY(tree_check(t, w->part->current, found, w, &stats));
    ck_assert_int_eq(w->foreign, 0);
    return ELOQ_OK;
}

static void must_be_local(struct world *w)
{
    ck_assert_int_eq(harness_run(&w->h, look, w), ELOQ_OK);
    reopen(w);
    ck_assert_int_eq(harness_run(&w->h, look, w), ELOQ_OK);
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static void write_ok(struct world *w, struct tree_op *ops, size_t count)
{
    int rc = harness_write(&w->h, w->part, ops, count, NOW_US + 1);
    ck_assert_msg(rc == ELOQ_OK, "page %u type %u: %s", w->damaged.n, w->type, w->h.err.text);
}

static void put_one(struct world *w, int i, uint32_t size)
{
    struct tree_op op = put_op(w, i, size);
    write_ok(w, &op, 1);
    w->size[i] = size;
}

static void delete_one(struct world *w, int i)
{
    struct tree_op op = delete_op(w, i);
    write_ok(w, &op, 1);
    w->size[i] = UINT32_MAX;
}

/* A batch that touches the damage fails as a whole and changes nothing. */
static void batch_with_lost(struct world *w)
{
    struct tree_op ops[2 * KEYS];
    size_t n = 0;
    for (int i = 0; i < 2 * KEYS; i++)
        ops[n++] = put_op(w, i, 1500);
    ck_assert_int_eq(harness_write(&w->h, w->part, ops, n, NOW_US + 1), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(w->h.err.text, " from="));
    ck_assert_str_ne(w->h.err.path, "");
    must_be_local(w);
}

/* Puts (size > 0) or deletes all that can be written, each in a commit of its own or together. */
static void write_all(struct world *w, uint32_t size, bool together)
{
    struct tree_op ops[2 * KEYS];
    size_t n = 0;
    for (int i = 0; i < 2 * KEYS; i++) {
        if (w->lost[i])
            continue;
        ops[n++] = size ? put_op(w, i, size) : delete_op(w, i);
        if (!together)
            write_ok(w, &ops[--n], 1);
        w->size[i] = size ? size : UINT32_MAX;
    }
    if (n > 0)
        write_ok(w, ops, n);
}

static bool any_lost(const struct world *w)
{
    for (int i = 0; i < 2 * KEYS; i++) {
        if (w->lost[i])
            return true;
    }
    return false;
}

/* A key whose value alone is damaged can be replaced: then nothing is lost any more. */
static void heal_values(struct world *w)
{
    for (int i = 0; i < 2 * KEYS; i++) {
        if (!w->lost[i])
            continue;
        w->lost[i] = false;
        if (w->damaged.n % 2)
            put_one(w, i, 3000);
        else
            delete_one(w, i);
    }
}

static void exercise(struct world *w)
{
    ck_assert_int_eq(harness_run(&w->h, find_lost, w), ELOQ_OK);
    must_be_local(w);
    if (w->type == PAGE_OVERFLOW)
        heal_values(w);
    else if (any_lost(w))
        batch_with_lost(w);
    write_all(w, 900, false); /* new keys, and all of them rewritten */
    must_be_local(w);
    write_all(w, 7000, true);
    write_all(w, 30, false);
    must_be_local(w);
    for (int i = 0; i < 2 * KEYS; i += 3) {
        if (!w->lost[i])
            delete_one(w, i);
    }
    must_be_local(w);
    write_all(w, 2000, true);
    write_all(w, 0, false); /* whatever can go goes, neighbours of the damage, too */
    must_be_local(w);
    write_all(w, 400, true);
    write_all(w, 0, true);
    write_all(w, 500, false);
    must_be_local(w);
}

/* ---- cleaning ----------------------------------------------------------------------------------
 */

static int clean(struct task *t, void *arg)
{
    struct world *w = arg;
    struct wtx tx;
    size_t removed = 0;
    uint64_t next;
    bool passed;
    TRY(wtx_begin(t, w->part, &tx));
    int rc = tree_clean_expired(t, &tx, FAR_MS + 1000, 2, &removed, &next, &passed);
    if (rc < 0) {
        wtx_abort(t, &tx);
        return rc;
    }
    TRY(wtx_commit(t, &tx));
    return removed > 0 ? ELOQ_FETCH : ELOQ_OK;
}

/* Whether the TTL tree can be read from its beginning to its end. */
static int ttl_is_whole(struct task *t, void *arg)
{
    struct world *w = arg;
    struct tree_scan s;
    eloq_range range = { 0 };
    ck_assert_int_eq(tree_scan_open(&s, &w->h.mem, w->part->current, TREE_TTL, &range, 0), 0);
    int rc;
    while ((rc = tree_scan_step(t, &s, take_nothing, w)) == ELOQ_OK)
        ;
    tree_scan_close(&s);
    return rc;
}

static int count_expiring(struct task *t, void *arg)
{
    struct world *w = arg;
    int count = 0;
    for (int i = 0; i < 2 * KEYS; i++)
        count += expires(i) && i % 2 == 0 && get(t, w, i) == ELOQ_OK;
    return count;
}

static void must_be_cleaned(struct world *w)
{
    int rc, rounds = 0;
    ck_assert_int_eq(harness_run(&w->h, find_lost, w), ELOQ_OK);
    bool whole = harness_run(&w->h, ttl_is_whole, w) == ELOQ_END;
    while ((rc = harness_run(&w->h, clean, w)) == ELOQ_FETCH)
        ck_assert_int_lt(rounds++, 20);
    if (!whole) { /* those of a damaged leaf of the TTL tree stay, and no others */
        if (w->type == PAGE_DATA) {
            ck_assert_msg(rc == ELOQ_OK, "page %u: %s", w->damaged.n, w->h.err.text);
            ck_assert_int_le(harness_run(&w->h, count_expiring, w), 5); /* of 10 */
            ck_assert_int_gt(rounds, 0);
        }
        return;
    }
    ck_assert_msg(rc == ELOQ_OK, "page %u type %u: %s", w->damaged.n, w->type, w->h.err.text);
    for (int i = 0; i < 2 * KEYS; i++) {
        /* A damaged value does not keep its pair from going. */
        if (expires(i) && i % 2 == 0 && (!w->lost[i] || w->type == PAGE_OVERFLOW)) {
            w->size[i] = UINT32_MAX;
            w->lost[i] = false;
        }
    }
    must_be_local(w);
}

static void each_page(const struct harness_config *config, void (*check)(struct world *w))
{
    static struct world w;
    unsigned types[4] = { 0 };
    uint32_t pages = 1;
    for (uint32_t id = 0; id < pages; id++) {
        world_init(&w, config);
        pages = w.part->current->map.page_count;
        w.damaged = page_id(id);
        if (mapping_get(&w.part->current->map, w.damaged, &w.place)) {
            ck_assert_int_eq(harness_run(&w.h, damage, &w), ELOQ_OK);
            types[w.type & 3]++;
            reopen(&w);
            check(&w);
        }
        world_deinit(&w);
    }
    for (int i = 0; i < 4; i++)
        ck_assert_uint_gt(types[i], 0);
}

START_TEST(damage_of_any_page_is_local_in_place)
{
    each_page(&in_place, exercise);
}
END_TEST

START_TEST(damage_of_any_page_is_local_in_append_mode)
{
    each_page(&append, exercise);
}
END_TEST

START_TEST(cleaning_passes_over_damage)
{
    each_page(&in_place, must_be_cleaned);
}
END_TEST

RUN_TESTS("local", damage_of_any_page_is_local_in_place, damage_of_any_page_is_local_in_append_mode,
          cleaning_passes_over_damage)
