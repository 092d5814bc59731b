/* tests/unit/part/part_test.c -- commits, versions and reopening, over files in memory. */
#include <stdlib.h>

#include "../base/fail.h"
#include "../base/run.h"
#include "memory_store.h"

/* In-place mode: every place is used by a page, or free. */
static void expect_no_leak(const struct part *p)
{
    if (!p->falloc.append)
        ck_assert_uint_eq(p->falloc.free.count + p->current->map.mapped_count, p->falloc.next);
    ck_assert_uint_eq(p->free_ids.count + p->current->map.mapped_count, p->current->map.page_count);
}

static void commit_and_reopen(struct task *t, void *arg)
{
    struct model m;
    struct part *p = open_part(t, true);

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 120; i++) {
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 1 + (unsigned)rand_below(&fix.rand, 12)),
                         ELOQ_OK);
        expect_no_leak(p);
        if (i % 5 == 4) {
            part_close(t, p);
            p = open_part(t, false);
            expect_no_leak(p);
        }
        expect_model(t, p->current, &m);
    }
    ck_assert_uint_gt(fix.env.manifest_appends, 0);
    ck_assert_uint_gt(fix.env.manifest_switches, 1);
    part_close(t, p);
}

START_TEST(commits_survive_a_reopen)
{
    start(&configs[_i]);
    fixture_run(&fix, commit_and_reopen, NULL);
    stop();
}
END_TEST

/* A partition written in one mode goes on in the other. */
static void change_modes(struct task *t, void *arg)
{
    struct model m;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 12; i++) {
        struct part *p = open_part(t, i == 0);
        expect_model(t, p->current, &m);
        for (int k = 0; k < 7; k++)
            ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 5), ELOQ_OK);
        part_close(t, p);
        fix.env.append = !fix.env.append;
    }
}

START_TEST(a_partition_may_change_between_append_and_in_place)
{
    start(&configs[1]);
    fixture_run(&fix, change_modes, NULL);
    stop();
}
END_TEST

#define READERS 6

/* Old snapshots, let go in random order while commits go on. */
static void read_old_snapshots(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct snapshot *snaps[READERS] = { NULL };
    struct model *models = mem_alloc(&fix.mem, MEM_OTHER, (READERS + 1) * sizeof(*models));
    struct model *m = &models[READERS];

    (void)arg;
    model_init(m);
    for (int i = 0; i < 400; i++) {
        size_t k = (size_t)rand_below(&fix.rand, READERS);
        if (snaps[k]) {
            expect_model(t, snaps[k], &models[k]);
            snapshot_unref(snaps[k]);
            snaps[k] = NULL;
        } else {
            snaps[k] = snapshot_ref(p->current);
            models[k] = *m;
        }
        if (rand_below(&fix.rand, 4) > 0)
            ck_assert_int_eq(model_commit(t, p, m, &fix.rand, 4), ELOQ_OK);
    }
    for (size_t k = 0; k < READERS; k++) {
        if (snaps[k]) {
            expect_model(t, snaps[k], &models[k]);
            snapshot_unref(snaps[k]);
        }
    }
    expect_model(t, p->current, m);
    ck_assert_uint_eq(p->falloc.leaked, 0);
    expect_no_leak(p);
    mem_free(&fix.mem, models);
    part_close(t, p);
}

START_TEST(snapshot_does_not_see_a_later_write_and_leaves_nothing_behind)
{
    start(&configs[_i]);
    fixture_run(&fix, read_old_snapshots, NULL);
    stop();
}
END_TEST

static int put_alone(struct task *t, struct part *p, struct model *m, uint32_t id, uint64_t number)
{
    struct wtx w;

    TRY(wtx_begin(t, p, &w));
    int rc = model_put(t, &w, m, id, number);
    model_set_roots(&w, m);
    ck_assert_int_eq(rc, ELOQ_OK);
    return wtx_commit(t, &w);
}

static void recycle(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct file_page first, place;

    (void)arg;
    model_init(&m);
    ck_assert_int_eq(put_alone(t, p, &m, UINT32_MAX, 1), ELOQ_OK);
    ck_assert(mapping_get(&p->current->map, page_id(0), &first));
    struct snapshot *early = snapshot_ref(p->current); /* sees `first` */
    struct snapshot *same = snapshot_ref(p->current);
    ck_assert_int_eq(put_alone(t, p, &m, 0, 2), ELOQ_OK);
    struct snapshot *late = snapshot_ref(p->current); /* does not */
    ck_assert(mapping_get(&late->map, page_id(0), &place));
    ck_assert_int_eq(put_alone(t, p, &m, 0, 4), ELOQ_OK);

    ck_assert(!bitset_has(&p->falloc.free, first.n));
    ck_assert(!bitset_has(&p->falloc.free, place.n));
    snapshot_unref(late); /* nobody else saw its page */
    ck_assert(bitset_has(&p->falloc.free, place.n));
    snapshot_unref(early);
    ck_assert(!bitset_has(&p->falloc.free, first.n));
    snapshot_unref(same);
    ck_assert(bitset_has(&p->falloc.free, first.n));
    part_close(t, p);
}

START_TEST(a_page_is_recycled_exactly_when_its_last_reader_leaves)
{
    start(&configs[2]);
    fixture_run(&fix, recycle, NULL);
    stop();
}
END_TEST

static void abort_write(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m, other;
    struct wtx w;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 20), ELOQ_OK);
    for (int i = 0; i < 20; i++) {
        uint64_t free_places = p->falloc.free.count, next = p->falloc.next;
        uint64_t free_ids = p->free_ids.count, end = p->manifest_end;
        struct snapshot *before = p->current;
        other = m;
        ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
        ck_assert_int_eq(model_change(t, &w, &other, &fix.rand, 17), ELOQ_OK);
        wtx_abort(t, &w);
        ck_assert_ptr_eq(p->current, before);
        ck_assert_uint_eq(before->refs, 1);
        ck_assert_uint_eq(p->free_ids.count, free_ids);
        ck_assert_uint_eq(p->manifest_end, end);
        if (fix.env.append)
            ck_assert_uint_eq(p->falloc.next, next);
        else
            ck_assert_uint_eq(p->falloc.free.count - free_places, p->falloc.next - next);
        expect_model(t, p->current, &m);
        expect_no_leak(p);
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 5), ELOQ_OK);
    }
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(an_aborted_write_leaves_no_trace)
{
    start(&configs[_i]);
    fixture_run(&fix, abort_write, NULL);
    stop();
}
END_TEST

static uint64_t count(enum io_counter counter)
{
    return atomic_load(&io->counters[counter]);
}

static void commit_nothing(struct task *t, struct part *p)
{
    struct wtx w;

    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
}

static void change_nothing(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;

    (void)arg;
    model_init(&m);
    uint64_t writes = count(IO_COUNT_WRITES), syncs = count(IO_COUNT_SYNCS);
    commit_nothing(t, p);
    ck_assert_uint_eq(count(IO_COUNT_WRITES), writes);
    ck_assert_uint_eq(count(IO_COUNT_SYNCS), syncs);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 5), ELOQ_OK);
    part_close(t, p);

    /* What was found is flushed once: the answer is about it. */
    p = open_part(t, false);
    writes = count(IO_COUNT_WRITES);
    commit_nothing(t, p);
    syncs = count(IO_COUNT_SYNCS);
    commit_nothing(t, p);
    ck_assert_uint_eq(count(IO_COUNT_WRITES), writes);
    ck_assert_uint_eq(count(IO_COUNT_SYNCS), syncs);
    part_close(t, p);
}

START_TEST(a_commit_without_changes_writes_nothing)
{
    start(&configs[2]);
    fixture_run(&fix, change_nothing, NULL);
    stop();
}
END_TEST

static void empty_it(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct wtx w;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 10), ELOQ_OK);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        if (m.pages[id] != NOTHING)
            ck_assert_int_eq(model_free(t, &w, &m, id), ELOQ_OK);
    model_set_roots(&w, &m);
    uint64_t switches = fix.env.manifest_switches;
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
    ck_assert_uint_eq(fix.env.manifest_switches, switches + 1);
    ck_assert_uint_eq(p->manifest_end, RECORD_ALIGN);
    expect_model(t, p->current, &m);
    expect_no_leak(p);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 10), ELOQ_OK);
    expect_model(t, p->current, &m);
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(emptying_a_partition_makes_its_manifest_small)
{
    start(&configs[_i]);
    fixture_run(&fix, empty_it, NULL);
    stop();
}
END_TEST

struct memory_try {
    unsigned left;
    bool done;
};

static void commit_without_memory(struct task *t, void *arg)
{
    struct memory_try *try = arg;
    struct fail_at fail;
    struct model m;
    struct part *p = open_part(t, true);

    model_init(&m);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 12), ELOQ_OK);
    fail_at_set(&fix.mem, &fail, try->left);
    int rc = model_commit(t, p, &m, &fix.rand, 12);
    try->done = rc == ELOQ_OK;
    fix.mem.fail = NULL;
    ck_assert_msg(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY, "%d %s", rc, t->err.text);
    ck_assert(!p->broken);
    expect_model(t, p->current, &m);
    expect_no_leak(p);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 12), ELOQ_OK);
    part_close(t, p);
    fail_at_set(&fix.mem, &fail, try->left);
    rc = part_open(t, &fix.env, "table", 7, false, &p);
    fix.mem.fail = NULL;
    ck_assert_msg(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY, "%d %s", rc, t->err.text);
    if (rc == ELOQ_OK)
        part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(out_of_memory_anywhere_costs_that_write_alone)
{
    struct memory_try try = { 0 };

    while (!try.done) {
        start(&configs[_i]);
        fixture_run(&fix, commit_without_memory, &try);
        stop();
        try.left++;
    }
    ck_assert_uint_gt(try.left, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part");
    TCase *all = tcase_create("part");

    tcase_set_timeout(all, 120);
    suite_add_tcase(suite, all);
    tcase_add_loop_test(all, commits_survive_a_reopen, 0, ARRAY_LEN(configs));
    tcase_add_test(all, a_partition_may_change_between_append_and_in_place);
    tcase_add_loop_test(all, snapshot_does_not_see_a_later_write_and_leaves_nothing_behind, 0,
                        ARRAY_LEN(configs));
    tcase_add_test(all, a_page_is_recycled_exactly_when_its_last_reader_leaves);
    tcase_add_loop_test(all, an_aborted_write_leaves_no_trace, 0, ARRAY_LEN(configs));
    tcase_add_test(all, a_commit_without_changes_writes_nothing);
    tcase_add_loop_test(all, emptying_a_partition_makes_its_manifest_small, 0, ARRAY_LEN(configs));
    tcase_add_loop_test(all, out_of_memory_anywhere_costs_that_write_alone, 0, ARRAY_LEN(configs));
    return run_suite(suite);
}
