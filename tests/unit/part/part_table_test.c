/* tests/unit/part/part_table_test.c -- partitions are loaded once, kept within a limit, never lost.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/fail.h"
#include "../base/run.h"
#include "fixture.h"
#include "sim/sim_io.h"

static struct mem disk_mem;
static struct sim_disk *disk;
static struct io *io;
static struct fixture fix;
static struct part_table tab;

static void make_store(struct task *t, void *arg)
{
    (void)arg;
    ck_assert_int_ge(io_mkdir(t, io, "/store"), 0);
    ck_assert_int_ge(io_sync_dir(t, io, "/"), 0);
}

static void setup(void)
{
    static const struct fixture_config config = { .append = false, .shift = 18 };

    mem_init(&disk_mem, 0);
    disk = sim_disk_new(&disk_mem);
    ck_assert_int_eq(sim_io_open(disk, NULL, 1, &io), 0);
    fixture_open(&fix, io, &config, 2);
    fixture_run(&fix, make_store, NULL);
    part_table_init(&tab, &fix.env, UINT64_MAX);
}

static void close_table(struct task *t, void *arg)
{
    (void)arg;
    part_table_deinit(t, &tab);
}

static void teardown(void)
{
    fixture_run(&fix, close_table, NULL);
    fixture_close(&fix);
    io_close(io);
    sim_disk_free(disk);
    ck_assert_uint_eq(atomic_load(&disk_mem.total), 0);
}

static int acquire(struct task *t, uint32_t partition, bool create, struct part **ret)
{
    return part_table_acquire(t, &tab, "table", partition, create, ret);
}

/* A partition with a few pages. */
static void write_one(struct task *t, uint32_t partition, struct model *m)
{
    struct part *p;

    model_init(m);
    ck_assert_int_eq(acquire(t, partition, true, &p), ELOQ_OK);
    ck_assert_int_eq(model_commit(t, p, m, &fix.rand, 5), ELOQ_OK);
    part_table_release(&tab, p);
}

static uint64_t looks(void)
{
    return sim_disk_count(disk, SIM_KIND(IO_OPEN) | SIM_KIND(IO_LIST));
}

static void look_for_absent(struct task *t, void *arg)
{
    struct part *p;
    struct model m;

    (void)arg;
    ck_assert_int_eq(acquire(t, 3, false, &p), ELOQ_NOT_FOUND);
    uint64_t before = looks();
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(acquire(t, 3, false, &p), ELOQ_NOT_FOUND);
    ck_assert_uint_eq(looks(), before);
    fix.now_ns += UINT64_C(1100000000);
    ck_assert_int_eq(acquire(t, 3, false, &p), ELOQ_NOT_FOUND);
    ck_assert_uint_gt(looks(), before);
    /* A create is seen at once. */
    write_one(t, 3, &m);
    ck_assert_int_eq(acquire(t, 3, false, &p), ELOQ_OK);
    part_table_release(&tab, p);
    /* Any number of them takes bounded memory. */
    for (uint32_t i = 100; i < 3000; i++)
        ck_assert_int_eq(acquire(t, i, false, &p), ELOQ_NOT_FOUND);
    ck_assert_uint_le(tab.slots.count, 1100);
    part_table_forget(t, &tab, "table", 2999);
    before = looks();
    ck_assert_int_eq(acquire(t, 2999, false, &p), ELOQ_NOT_FOUND);
    ck_assert_uint_gt(looks(), before);
}

START_TEST(an_absent_partition_is_remembered_for_a_while)
{
    fixture_run(&fix, look_for_absent, NULL);
}
END_TEST

static int codes[20];
static int code_count;

static void acquire_one(struct task *t, void *arg)
{
    struct part *p;
    int at = code_count++;

    (void)arg;
    codes[at] = acquire(t, 5, false, &p);
    if (codes[at] < 0)
        ck_assert_str_eq(t->err.table, "table");
    if (codes[at] == ELOQ_OK)
        part_table_release(&tab, p);
}

static void acquire_at_once(void)
{
    code_count = 0;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        ck_assert_int_eq(task_start(&fix.sched, acquire_one, NULL), ELOQ_OK);
    fixture_drain(&fix);
}

static void write_five(struct task *t, void *arg)
{
    struct model m;

    (void)arg;
    write_one(t, 5, &m);
    part_table_forget(t, &tab, "table", 5);
}

START_TEST(many_waiters_share_one_load_and_its_result)
{
    struct sim_fault fault = { .kinds = SIM_KIND(IO_READ), .nth = 1, .sys_errno = EIO };

    acquire_at_once(); /* absent */
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        ck_assert_int_eq(codes[i], ELOQ_NOT_FOUND);
    ck_assert_uint_eq(looks(), 3); /* the manifest, the directory, the store path */

    fixture_run(&fix, write_five, NULL);
    sim_disk_fail(disk, &fault);
    uint64_t before = looks();
    acquire_at_once();
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        ck_assert_int_eq(codes[i], ELOQ_IO);
    ck_assert_uint_eq(looks(), before + 1);
    acquire_at_once();
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        ck_assert_int_eq(codes[i], ELOQ_OK);
    ck_assert_uint_eq(looks(), before + 2);
    ck_assert_uint_eq(tab.count, 1);
}
END_TEST

static void abort_first_write(struct task *t, void *arg)
{
    struct part *p, *reader;
    struct model m;
    struct wtx w;

    (void)arg;
    model_init(&m);
    ck_assert_int_eq(acquire(t, 9, true, &p), ELOQ_OK);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    ck_assert_int_eq(model_change(t, &w, &m, &fix.rand, 5), ELOQ_OK);
    ck_assert_int_eq(acquire(t, 9, false, &reader), ELOQ_NOT_FOUND);
    wtx_abort(t, &w);
    part_table_release(&tab, p);
    part_table_trim(t, &tab); /* whatever the limit */
    ck_assert_uint_eq(tab.count, 0);
    ck_assert_uint_eq(tab.slots.count, 0);
    ck_assert_int_eq(acquire(t, 9, false, &p), ELOQ_NOT_FOUND);
}

START_TEST(a_partition_that_was_never_committed_is_not_kept)
{
    fixture_run(&fix, abort_first_write, NULL);
}
END_TEST

#define PARTS 20

static void stay_within_limit(struct task *t, void *arg)
{
    struct model models[2];
    struct part *p, *q;

    (void)arg;
    for (uint32_t i = 0; i < PARTS; i++)
        write_one(t, i, &models[i % 2]);
    ck_assert_uint_eq(tab.count, PARTS);
    tab.limit = tab.bytes / 2;
    ck_assert_int_eq(acquire(t, 0, false, &p), ELOQ_OK); /* in use: stays */
    ck_assert_int_eq(acquire(t, 1, false, &q), ELOQ_OK); /* its snapshot is in use: stays */
    struct snapshot *s = snapshot_ref(q->current);
    part_table_release(&tab, q);
    part_table_trim(t, &tab);
    ck_assert_uint_le(tab.bytes, tab.limit);
    ck_assert_uint_gt(tab.count, 4);
    tab.limit = 1; /* one is let in whatever it takes */
    part_table_trim(t, &tab);
    ck_assert_uint_eq(tab.count, 2);
    ck_assert_ptr_eq(s->part, q);
    snapshot_unref(s);
    part_table_trim(t, &tab);
    ck_assert_uint_eq(tab.count, 1);
    ck_assert_int_eq(acquire(t, PARTS - 1, false, &q), ELOQ_OK);
    ck_assert_int_eq(model_compare(t, q->current, &models[(PARTS - 1) % 2]), ELOQ_OK);
    part_table_release(&tab, q);
    part_table_release(&tab, p);
    part_table_trim(t, &tab);
    ck_assert_uint_eq(tab.count, 0);
    ck_assert_uint_eq(tab.bytes, 0);
    ck_assert_uint_eq(fix.env.parts_evicted, PARTS + 1);
}

START_TEST(partitions_leave_memory_when_it_gets_tight_unless_in_use)
{
    fixture_run(&fix, stay_within_limit, NULL);
}
END_TEST

/* What a failed flush has lost must not be read back and believed. */
static void break_one(struct task *t, void *arg)
{
    struct sim_fault fault = {
        .kinds = SIM_KIND(IO_SYNC), .nth = 2, .sys_errno = EIO, .forever = true, .lose = true
    };
    struct part *p;
    struct model m;

    (void)arg;
    write_one(t, 4, &m);
    ck_assert_int_eq(acquire(t, 4, true, &p), ELOQ_OK);
    struct model next = m;
    sim_disk_fail(disk, &fault);
    ck_assert_int_eq(model_commit(t, p, &next, &fix.rand, 5), ELOQ_IO);
    sim_disk_heal(disk);
    ck_assert(p->broken);
    part_table_release(&tab, p);
    tab.limit = 1;
    part_table_trim(t, &tab);
    part_table_forget(t, &tab, "table", 4);
    ck_assert_uint_eq(tab.count, 1);
    ck_assert_int_eq(acquire(t, 4, true, &p), ELOQ_OK);
    ck_assert(p->broken);
    ck_assert_int_eq(model_compare(t, p->current, &m), ELOQ_OK); /* reads go on */
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 5), ELOQ_IO);
    part_table_release(&tab, p);
}

START_TEST(a_broken_partition_stays_until_the_store_is_closed)
{
    fixture_run(&fix, break_one, NULL);
}
END_TEST

#define WORKERS 6

static uint32_t turn;

/* Writers, readers and trimmers of few partitions, with room for one. */
static void work(struct task *t, void *arg)
{
    uint64_t *totals = arg; /* commits per partition */

    for (int i = 0; i < 60; i++) {
        uint32_t partition = turn++ % 3 * 7;
        struct part *p;
        struct wtx w;
        uint8_t *page;
        struct page_id id;
        int rc = acquire(t, partition, turn % 2 == 0, &p);
        if (rc == ELOQ_NOT_FOUND)
            continue;
        ck_assert_int_eq(rc, ELOQ_OK);
        /* One writer at a time is the engine's business; here: whoever is alone. */
        if (p->refs == 1 && turn % 2 == 0) {
            ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
            ck_assert_int_eq(wtx_new_id(t, &w, &id), ELOQ_OK);
            ck_assert_int_eq(wtx_new_page(t, &w, &page), ELOQ_OK);
            page_fill(page, 4096, totals[partition / 7] + 1);
            w.root[TREE_MAIN] = id;
            ck_assert_int_eq(wtx_put(t, &w, id, page), ELOQ_OK);
            totals[partition / 7]++;
            p->refs += 1000; /* keeps the other writers away */
            ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
            p->refs -= 1000;
        } else {
            task_yield(t);
        }
        part_table_release(&tab, p);
        part_table_trim(t, &tab);
    }
}

static void count_pages(struct task *t, void *arg)
{
    uint64_t *totals = arg;

    for (uint32_t i = 0; i < 3; i++) {
        struct part *p;
        ck_assert_int_eq(acquire(t, i * 7, false, &p), ELOQ_OK);
        ck_assert_uint_eq(p->current->map.mapped_count, totals[i]);
        part_table_release(&tab, p);
    }
}

START_TEST(loading_and_eviction_may_meet_anywhere)
{
    uint64_t totals[3] = { 0 };

    tab.limit = 1;
    for (int i = 0; i < WORKERS; i++)
        ck_assert_int_eq(task_start(&fix.sched, work, totals), ELOQ_OK);
    fixture_drain(&fix);
    ck_assert_uint_gt(fix.env.parts_evicted, 5);
    fixture_run(&fix, count_pages, totals);
}
END_TEST

static void acquire_without_memory(struct task *t, void *arg)
{
    struct fail_at fail;
    struct part *p;
    struct model m;

    (void)arg;
    write_one(t, 6, &m);
    for (unsigned left = 0;; left++) {
        part_table_forget(t, &tab, "table", 6);
        ck_assert_uint_eq(tab.slots.count, 0);
        fail_at_set(&fix.mem, &fail, left);
        int rc = acquire(t, 6, false, &p);
        fix.mem.fail = NULL;
        if (rc == ELOQ_OK)
            break;
        ck_assert_int_eq(rc, ELOQ_NO_MEMORY);
    }
    part_table_release(&tab, p);
}

START_TEST(a_load_without_memory_leaves_nothing_behind)
{
    fixture_run(&fix, acquire_without_memory, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part_table");
    TCase *all = tcase_create("part_table");

    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, setup, teardown);
    suite_add_tcase(suite, all);
    tcase_add_test(all, an_absent_partition_is_remembered_for_a_while);
    tcase_add_test(all, many_waiters_share_one_load_and_its_result);
    tcase_add_test(all, a_partition_that_was_never_committed_is_not_kept);
    tcase_add_test(all, partitions_leave_memory_when_it_gets_tight_unless_in_use);
    tcase_add_test(all, a_broken_partition_stays_until_the_store_is_closed);
    tcase_add_test(all, loading_and_eviction_may_meet_anywhere);
    tcase_add_test(all, a_load_without_memory_leaves_nothing_behind);
    return run_suite(suite);
}
