/* tests/unit/part/part_crash_test.c -- power cuts, kills and failing disks at every step of
 * commits, on the simulated disk: what was acknowledged is there, the rest is there whole or not at
 * all. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/run.h"
#include "fixture.h"
#include "sim/sim_io.h"

#define COMMITS 11
#define CUT_SEEDS 2

static uint64_t seed;
static struct mem disk_mem;

struct run {
    struct fixture fix;
    struct sim_disk *disk;
    struct io *io;
    struct rand rand; /* for what is written */
    struct model acked, tried;
    int commits;    /* wanted; -1: stay with what is there */
    int done;       /* acknowledged */
    bool go_on;     /* after a failed commit */
    bool is_broken; /* the partition, at the end */
    bool reopen;    /* half way */
    int rc;         /* the last one */
    struct err err;
};

static const struct fixture_config configs[] = {
    { .append = false, .shift = 2 },
    { .append = true, .shift = 2 },
    { .append = false, .shift = 18, .batch_pages = 16, .descriptors = 4 },
    { .append = true, .shift = 0, .batch_pages = 2, .descriptors = 4 },
    { .append = false, .shift = 18, .batch_pages = 16, .descriptors = 4, .one_flush = true },
    { .append = true, .shift = 4, .batch_pages = 16, .one_flush = true },
    { .append = false, .shift = 2, .batch_pages = 8, .one_flush = true },
};

static void setup(void)
{
    const char *text = getenv("SEED");

    seed = text ? strtoull(text, NULL, 10) : 20260302;
    mem_init(&disk_mem, 0);
}

static void teardown(void)
{
    ck_assert_uint_eq(atomic_load(&disk_mem.total), 0);
}

static void make_store(struct task *t, void *arg)
{
    struct run *run = arg;

    ck_assert_int_ge(io_mkdir(t, run->io, "/store"), 0);
    ck_assert_int_ge(io_sync_dir(t, run->io, "/"), 0);
}

/* Takes the disk; makes one with an empty store if there is none. */
static void run_open(struct run *run, struct sim_disk *disk, const struct fixture_config *config)
{
    *run = (struct run){ .disk = disk ? disk : sim_disk_new(&disk_mem), .commits = COMMITS };
    ck_assert_int_eq(sim_io_open(run->disk, NULL, seed, &run->io), 0);
    fixture_open(&run->fix, run->io, config, seed + 1);
    rand_seed(&run->rand, seed + 2);
    model_init(&run->acked);
    model_init(&run->tried);
    if (!disk)
        fixture_run(&run->fix, make_store, run);
}

/* Returns the disk. */
static struct sim_disk *run_close(struct run *run)
{
    fixture_close(&run->fix);
    io_close(run->io);
    return run->disk;
}

static int open_part(struct task *t, struct run *run, bool create, struct part **ret)
{
    return part_open(t, &run->fix.env, "table", 1, create, ret);
}

/* The sixth commit empties the partition. With one flush those that follow a large one are small,
 * so that no page is put twice in one. */
static int change(struct task *t, struct wtx *w, struct run *run, int nth)
{
    unsigned count = !run->fix.env.one_flush ? 7 : nth % 6 == 0 ? 40 : 2;

    if (nth != 5)
        return model_change(t, w, &run->tried, &run->rand, count);
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        if (run->tried.pages[id] != NOTHING)
            TRY(model_free(t, w, &run->tried, id));
    model_set_roots(w, &run->tried);
    return ELOQ_OK;
}

static int commit(struct task *t, struct run *run, struct part *p, int nth)
{
    struct wtx w;

    run->tried = run->acked;
    TRY(wtx_begin(t, p, &w));
    int rc = change(t, &w, run, nth);
    if (rc < 0)
        wtx_abort(t, &w);
    else
        rc = wtx_commit(t, &w);
    if (rc == ELOQ_OK) {
        run->acked = run->tried;
        run->done++;
    }
    return rc;
}

static void expect_model(struct task *t, struct run *run, struct part *p, const struct model *m)
{
    int rc = model_compare(t, p->current, m);

    (void)run;
    ck_assert_msg(rc == ELOQ_OK, "rc %d %s seed=%llu", rc, t->err.text, (unsigned long long)seed);
}

static void script(struct task *t, void *arg)
{
    struct run *run = arg;
    struct part *p = NULL;

    run->rc = open_part(t, run, true, &p);
    if (run->rc < 0 && run->go_on)
        run->rc = open_part(t, run, true, &p);
    for (int i = 0; i < run->commits && run->rc == ELOQ_OK; i++) {
        run->rc = commit(t, run, p, i);
        if (run->rc < 0 && run->go_on) {
            run->err = t->err;
            expect_model(t, run, p, &run->acked);
            run->rc = p->broken ? run->rc : ELOQ_OK;
        }
        if (run->reopen && i == run->commits / 2 && run->rc == ELOQ_OK) {
            part_close(t, p);
            p = NULL;
            run->rc = open_part(t, run, true, &p);
            if (run->rc < 0 && run->go_on)
                run->rc = open_part(t, run, true, &p);
        }
    }
    if (!p)
        return;
    run->is_broken = p->broken;
    part_close(t, p);
}

struct look {
    struct run *run;
    const struct model *allowed[4];
    size_t count;
    size_t found;
};

/* Opens what is left and finds out which state it is; then goes on with it. */
static void look(struct task *t, void *arg)
{
    struct look *look = arg;
    struct run *run = look->run;
    struct part *p = NULL;
    int rc = open_part(t, run, true, &p);

    ck_assert_msg(rc == ELOQ_OK, "open: %d %s", rc, t->err.text);
    for (look->found = 0; look->found < look->count; look->found++) {
        rc = model_compare(t, p->current, look->allowed[look->found]);
        ck_assert_msg(rc >= 0, "compare: %d %s", rc, t->err.text);
        if (rc == ELOQ_OK)
            break;
    }
    ck_assert_msg(look->found < look->count, "a state that nobody wrote seed=%llu",
                  (unsigned long long)seed);
    run->acked = *look->allowed[look->found];
    for (int i = 0; i < 2; i++) {
        rc = commit(t, run, p, 1);
        ck_assert_msg(rc == ELOQ_OK, "commit: %d %s", rc, t->err.text);
    }
    part_close(t, p);
    ck_assert_int_eq(open_part(t, run, false, &p), ELOQ_OK);
    expect_model(t, run, p, &run->acked);
    part_close(t, p);
}

/* After each kind of power cut the disk holds one of the allowed states. */
static void check_cuts(const struct sim_disk *disk, const struct fixture_config *config,
                       const struct model *const *allowed, size_t count)
{
    for (int how = 0; how < SIM_CUTS; how++) {
        int seeds = how == SIM_CUT_LOSE_ALL || how == SIM_CUT_KEEP_ALL ? 1 : CUT_SEEDS;
        for (int s = 0; s < seeds; s++) {
            struct sim_disk *copy = sim_disk_copy(disk);
            struct look arg = { .count = count };
            struct rand r;
            struct run run;
            for (size_t i = 0; i < count; i++)
                arg.allowed[i] = allowed[i];
            rand_seed(&r, seed + 100 * (uint64_t)s + (uint64_t)how);
            sim_disk_power_cut(copy, &r, (enum sim_cut)how);
            run_open(&run, copy, config);
            arg.run = &run;
            fixture_run(&run.fix, look, &arg);
            sim_disk_free(run_close(&run));
        }
    }
}

static uint64_t count_mutations(const struct fixture_config *config, bool reopen)
{
    struct run run;

    run_open(&run, NULL, config);
    run.reopen = reopen;
    uint64_t before = sim_disk_mutations(run.disk);
    fixture_run(&run.fix, script, &run);
    ck_assert_int_eq(run.rc, ELOQ_OK);
    ck_assert_int_eq(run.done, COMMITS);
    ck_assert_uint_gt(run.fix.env.manifest_switches, 2);
    ck_assert_uint_gt(run.fix.env.manifest_appends, 2);
    uint64_t count = sim_disk_mutations(run.disk) - before;
    sim_disk_free(run_close(&run));
    return count;
}

START_TEST(a_power_cut_anywhere_leaves_the_last_acknowledged_state_or_the_next)
{
    const struct fixture_config *config = &configs[_i];
    uint64_t total = count_mutations(config, true);

    ck_assert_uint_gt(total, 50);
    for (uint64_t n = 0; n <= total; n++) {
        struct run run;
        run_open(&run, NULL, config);
        run.reopen = true;
        sim_disk_stop_after(run.disk, n);
        fixture_run(&run.fix, script, &run);
        ck_assert((run.rc == ELOQ_OK) == (run.done == COMMITS));
        const struct model *allowed[] = { &run.acked, &run.tried };
        struct sim_disk *disk = run_close(&run);
        check_cuts(disk, config, allowed, run.rc == ELOQ_OK ? 1 : 2);
        sim_disk_free(disk);
    }
}
END_TEST

/* Killed after n steps: the second process finds what the kernel shows, which need not be durable.
 * It commits once more, with the power cut after m steps. */
static void kill_and_cut(const struct fixture_config *config, const struct sim_disk *killed,
                         const struct run *first)
{
    for (uint64_t m = 0;; m++) {
        struct run run;
        run_open(&run, sim_disk_copy(killed), config);
        rand_seed(&run.rand, seed + 3);
        struct model seen = first->acked;
        const struct model *allowed[] = { &first->acked, &first->tried, &run.tried };
        run.commits = 1;
        run.acked = first->acked;
        /* The commit builds upon what was found: make the model do so too. */
        struct look arg = { .run = &run, .allowed = { &first->acked, &first->tried }, .count = 2 };
        struct run peek;
        run_open(&peek, sim_disk_copy(killed), config);
        arg.run = &peek;
        fixture_run(&peek.fix, look, &arg);
        sim_disk_free(run_close(&peek));
        seen = arg.found == 0 ? first->acked : first->tried;
        run.acked = seen;
        sim_disk_stop_after(run.disk, m);
        fixture_run(&run.fix, script, &run);
        struct sim_disk *disk = run_close(&run);
        if (run.rc == ELOQ_OK) {
            allowed[0] = &run.acked;
            check_cuts(disk, config, allowed, 1);
        } else {
            check_cuts(disk, config, allowed, 3);
        }
        sim_disk_free(disk);
        if (run.rc == ELOQ_OK)
            return;
    }
}

START_TEST(what_a_killed_process_left_is_durable_before_it_is_built_upon)
{
    const struct fixture_config *config = &configs[_i];
    uint64_t total = count_mutations(config, false);

    for (uint64_t n = 0; n <= total; n += 3) {
        struct run run;
        run_open(&run, NULL, config);
        sim_disk_stop_after(run.disk, n);
        fixture_run(&run.fix, script, &run);
        struct sim_disk *disk = run_close(&run);
        sim_disk_kill(disk);
        kill_and_cut(config, disk, &run);
        sim_disk_free(disk);
    }
}
END_TEST

struct answer {
    struct run *run;
    const struct model *acked, *tried;
};

/* A write that finds nothing to do says yes to what it found. */
static void change_nothing(struct task *t, void *arg)
{
    struct answer *answer = arg;
    struct run *run = answer->run;
    struct part *p = NULL;
    struct wtx w;

    run->rc = open_part(t, run, true, &p);
    ck_assert_int_eq(run->rc, ELOQ_OK);
    run->acked = *answer->acked;
    if (model_compare(t, p->current, &run->acked) != ELOQ_OK) {
        expect_model(t, run, p, answer->tried);
        run->acked = *answer->tried;
    }
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    run->rc = wtx_commit(t, &w);
    part_close(t, p);
}

START_TEST(an_answer_about_what_was_found_lasts)
{
    const struct fixture_config *config = &configs[_i];
    uint64_t total = count_mutations(config, false);

    for (uint64_t n = 0; n <= total; n++) {
        struct run first, run;
        run_open(&first, NULL, config);
        sim_disk_stop_after(first.disk, n);
        fixture_run(&first.fix, script, &first);
        struct sim_disk *disk = run_close(&first);
        sim_disk_kill(disk);
        run_open(&run, disk, config);
        struct answer answer = { &run, &first.acked, &first.tried };
        fixture_run(&run.fix, change_nothing, &answer);
        ck_assert_int_eq(run.rc, ELOQ_OK);
        const struct model *allowed[] = { &run.acked };
        disk = run_close(&run);
        check_cuts(disk, config, allowed, 1);
        sim_disk_free(disk);
    }
}
END_TEST

#define FAULT_KINDS (SIM_KIND(IO_OPS) - 1 - SIM_KIND(IO_READ))

/* The nth operation of the kinds fails once. True if there was one. With `strict` the partition
 * must take writes afterwards. */
static bool fail_once(const struct fixture_config *config, uint32_t kinds, uint64_t nth,
                      int sys_errno, bool lose, bool strict)
{
    struct sim_fault fault = { .kinds = kinds, .nth = nth, .sys_errno = sys_errno, .lose = lose };
    struct run run;

    run_open(&run, NULL, config);
    run.reopen = !strict;
    run.go_on = true;
    uint64_t before = sim_disk_count(run.disk, kinds);
    sim_disk_fail(run.disk, &fault);
    fixture_run(&run.fix, script, &run);
    bool happened = sim_disk_count(run.disk, kinds) - before >= nth;
    /* Refused for good, or as good as new. */
    ck_assert_msg((run.is_broken && !strict) || run.done >= COMMITS - 1,
                  "nth=%llu errno=%d done=%d %s", (unsigned long long)nth, sys_errno, run.done,
                  run.err.text);
    if (run.done < COMMITS && !run.is_broken)
        ck_assert_str_ne(run.err.table, "");
    const struct model *allowed[] = { &run.acked, &run.tried };
    struct sim_disk *disk = run_close(&run);
    sim_disk_heal(disk);
    check_cuts(disk, config, allowed, run.is_broken ? 2 : 1);
    sim_disk_free(disk);
    return happened;
}

START_TEST(a_failure_anywhere_fails_that_commit_alone)
{
    static const int errors[] = { EIO, ENOSPC, EMFILE };
    uint32_t kinds = FAULT_KINDS & ~SIM_KIND(IO_SYNC_DIR);
    uint64_t nth = 1;

    for (size_t e = 0; e < ARRAY_LEN(errors); e++)
        for (nth = 1; fail_once(&configs[_i], kinds, nth, errors[e], false, true); nth++)
            ;
    ck_assert_uint_gt(nth, 50);
}
END_TEST

START_TEST(nothing_is_built_on_a_flush_that_failed_and_lost)
{
    uint32_t kinds = SIM_KIND(IO_SYNC) | SIM_KIND(IO_SYNC_DIR);

    for (uint64_t nth = 1; fail_once(&configs[_i], kinds, nth, EIO, true, false); nth++)
        ;
    for (uint64_t nth = 1; fail_once(&configs[_i], SIM_KIND(IO_SYNC), nth, EIO, true, true); nth++)
        ;
}
END_TEST

/* Two attempts to change what is there, which is one of the two states in which `run` was before.
 */
static void retry_on_found(struct task *t, void *arg)
{
    struct run *run = arg;
    struct part *p = NULL;

    if (open_part(t, run, true, &p) < 0)
        return;
    if (model_compare(t, p->current, &run->acked) != ELOQ_OK) {
        expect_model(t, run, p, &run->tried);
        run->acked = run->tried;
    }
    for (int i = 0; i < 2 && run->done == 0; i++)
        commit(t, run, p, 1);
    part_close(t, p);
}

/* The process was killed after n steps; in the next one a flush fails and loses what the kernel
 * shows, which is seen again after a reopen of the partition. */
START_TEST(nothing_found_is_built_on_when_its_flush_fails_and_loses)
{
    const struct fixture_config *config = &configs[_i];
    uint64_t total = count_mutations(config, false);

    for (uint64_t n = 0; n <= total; n++) {
        for (uint64_t nth = 1; nth <= 4; nth++) {
            struct sim_fault fault = { .kinds = SIM_KIND(IO_SYNC) | SIM_KIND(IO_SYNC_DIR),
                                       .nth = nth,
                                       .sys_errno = EIO,
                                       .lose = true };
            struct run first, run;
            run_open(&first, NULL, config);
            sim_disk_stop_after(first.disk, n);
            fixture_run(&first.fix, script, &first);
            struct sim_disk *disk = run_close(&first);
            sim_disk_kill(disk);
            run_open(&run, disk, config);
            run.acked = first.acked;
            run.tried = first.tried;
            rand_seed(&run.rand, seed + 3);
            sim_disk_fail(disk, &fault);
            fixture_run(&run.fix, retry_on_found, &run);
            const struct model *allowed[] = { &run.acked, &first.acked, &first.tried, &run.tried };
            disk = run_close(&run);
            sim_disk_heal(disk);
            check_cuts(disk, config, allowed, run.done > 0 ? 1 : 4);
            sim_disk_free(disk);
        }
    }
}
END_TEST

/* A flush fails and loses, the repair fails too, and the process is killed. The next one sees in
 * the same kernel what is not on the disk, and builds on it. */
START_TEST(what_a_failed_flush_lost_is_written_anew_by_the_next_process)
{
    struct fixture_config config = configs[_i];
    bool happened = true;

    config.manifest_limit = 1 << 20;
    for (uint64_t nth = 1; happened; nth++) {
        struct sim_fault lost = {
            .kinds = SIM_KIND(IO_SYNC), .nth = nth, .sys_errno = EIO, .lose = true
        };
        struct sim_fault repair = {
            .kinds = SIM_KIND(IO_RENAME), .nth = 2, .sys_errno = EIO, .forever = true
        };
        struct run first, run;
        run_open(&first, NULL, &config);
        first.commits = 5;
        sim_disk_fail(first.disk, &lost);
        sim_disk_fail(first.disk, &repair);
        uint64_t before = sim_disk_count(first.disk, SIM_KIND(IO_SYNC));
        fixture_run(&first.fix, script, &first);
        happened = sim_disk_count(first.disk, SIM_KIND(IO_SYNC)) - before >= nth;
        struct sim_disk *disk = run_close(&first);
        sim_disk_kill(disk);
        sim_disk_heal(disk);
        run_open(&run, disk, &config);
        run.acked = first.acked;
        run.tried = first.tried;
        rand_seed(&run.rand, seed + 3);
        fixture_run(&run.fix, retry_on_found, &run);
        ck_assert_int_eq(run.done, 1);
        const struct model *allowed[] = { &run.acked };
        disk = run_close(&run);
        check_cuts(disk, &config, allowed, 1);
        sim_disk_free(disk);
    }
}
END_TEST

/* From the nth operation on, everything of a kind fails: no hang, no crash, no wrong state. */
START_TEST(a_disk_that_fails_for_good_costs_nothing_acknowledged)
{
    static const uint32_t kinds[] = { SIM_KIND(IO_SYNC), SIM_KIND(IO_SYNC_DIR), SIM_KIND(IO_WRITE),
                                      SIM_KIND(IO_RENAME), SIM_KIND(IO_OPEN) };

    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (uint64_t nth = 1; nth < 60; nth += 3) {
            struct sim_fault fault = {
                .kinds = kinds[k], .nth = nth, .sys_errno = EIO, .forever = true
            };
            struct run run;
            run_open(&run, NULL, &configs[_i]);
            run.reopen = true;
            sim_disk_fail(run.disk, &fault);
            fixture_run(&run.fix, script, &run);
            const struct model *allowed[] = { &run.acked, &run.tried };
            struct sim_disk *disk = run_close(&run);
            sim_disk_heal(disk);
            check_cuts(disk, &configs[_i], allowed, run.rc == ELOQ_OK ? 1 : 2);
            sim_disk_free(disk);
        }
    }
}
END_TEST

/* The repair fails for want of space, and later there is some: the partition takes writes again. */
static void fill_and_free(struct task *t, void *arg)
{
    struct run *run = arg;
    struct part *p = NULL;
    struct sim_fault full = {
        .kinds = SIM_KIND(IO_WRITE), .nth = 1, .sys_errno = ENOSPC, .forever = true
    };
    struct sim_fault sync = { .kinds = SIM_KIND(IO_SYNC), .nth = 1, .sys_errno = ENOSPC };

    ck_assert_int_eq(open_part(t, run, true, &p), ELOQ_OK);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(commit(t, run, p, 0), ELOQ_OK);
    struct wtx w;
    run->tried = run->acked;
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    ck_assert_int_eq(model_change(t, &w, &run->tried, &run->rand, 7), ELOQ_OK);
    /* The pages are written unless they wait; the flush fails, and then there is no room at all. */
    sim_disk_fail(run->disk, &sync);
    sim_disk_fail(run->disk, &full);
    int rc = wtx_commit(t, &w);
    ck_assert_int_eq(rc, ELOQ_NO_SPACE);
    ck_assert(!p->broken);
    expect_model(t, run, p, &run->acked);
    if (p->unknown)
        ck_assert_int_eq(commit(t, run, p, 0), ELOQ_NO_SPACE);
    sim_disk_heal(run->disk);
    ck_assert_int_eq(commit(t, run, p, 0), ELOQ_OK);
    ck_assert(!p->unknown);
    expect_model(t, run, p, &run->acked);
    part_close(t, p);
}

START_TEST(a_full_disk_that_gets_room_takes_writes_again)
{
    struct run run;

    run_open(&run, NULL, &configs[_i]);
    fixture_run(&run.fix, fill_and_free, &run);
    const struct model *allowed[] = { &run.acked };
    struct sim_disk *disk = run_close(&run);
    check_cuts(disk, &configs[_i], allowed, 1);
    sim_disk_free(disk);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part_crash");
    TCase *all = tcase_create("part_crash");

    tcase_set_timeout(all, 300);
    tcase_add_checked_fixture(all, setup, teardown);
    suite_add_tcase(suite, all);
    int n = ARRAY_LEN(configs);
    tcase_add_loop_test(all, a_power_cut_anywhere_leaves_the_last_acknowledged_state_or_the_next, 0,
                        n);
    tcase_add_loop_test(all, what_a_killed_process_left_is_durable_before_it_is_built_upon, 0, n);
    tcase_add_loop_test(all, an_answer_about_what_was_found_lasts, 0, n);
    tcase_add_loop_test(all, a_failure_anywhere_fails_that_commit_alone, 0, n);
    tcase_add_loop_test(all, nothing_is_built_on_a_flush_that_failed_and_lost, 0, n);
    tcase_add_loop_test(all, nothing_found_is_built_on_when_its_flush_fails_and_loses, 0, n);
    tcase_add_loop_test(all, what_a_failed_flush_lost_is_written_anew_by_the_next_process, 0, n);
    tcase_add_loop_test(all, a_disk_that_fails_for_good_costs_nothing_acknowledged, 0, n);
    tcase_add_loop_test(all, a_full_disk_that_gets_room_takes_writes_again, 0, n);
    return run_suite(suite);
}
