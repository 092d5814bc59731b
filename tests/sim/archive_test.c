/* tests/sim/archive_test.c -- archives and restores on the simulated disk: what a loss of power, or
 * a failing operation, leaves of them.
 *
 *     archive_test [--seed N] [--scripts N] [--boundaries N] [--script N [--at N]] [--trace]
 *
 * One plan of writes, archives, replaced and removed archives and restores, with the states of a
 * script (sim/script.h). It stops after operation n, or operation n fails; then the power goes.
 * What is there must be the state after the last acknowledged step or the one under way; every
 * archive that was acknowledged, and that no later step touched, must hold its state when it is
 * restored; check must find no damage.
 *
 * On failure: where, the command that repeats it, and exit 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/oracle.h"
#include "sim/script.h"
#include "sim/shrink.h"
#include "sim/sim_args.h"

static uint64_t boundaries = 250, only_at = SIM_ARG_NONE;

static struct mem sim_mem;
static uint64_t tried, failing, where_script, where_n;
static uint64_t *counted = &tried; /* or those after a failure */
static const char *where = "";

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "archive_test: script %llu, operation %llu, %s: %s (%s)\n",
            (unsigned long long)where_script, (unsigned long long)where_n, where, what,
            eloq_errmsg());
    fprintf(stderr, "repeat: archive_test --script %llu --at %llu%s --trace\n",
            (unsigned long long)where_script, (unsigned long long)where_n, sim_args_limits());
    shrink(where_script, NULL);
    exit(1);
}

/* ---- the plan ---- */

enum step_kind { WRITE, ARCHIVE, RESTORE };
struct step {
    enum step_kind kind;
    uint64_t what; /* WRITE: the state; else: the timestamp */
};
static const struct step plan[] = {
    { WRITE, 1 },    { WRITE, 2 },  { ARCHIVE, 100 }, { WRITE, 3 },     { ARCHIVE, 200 },
    { WRITE, 4 },    { WRITE, 5 },  { RESTORE, 100 }, { WRITE, 6 },     { ARCHIVE, 300 },
    { WRITE, 7 },    { WRITE, 8 },  { ARCHIVE, 300 }, { RESTORE, 200 }, { WRITE, 9 },
    { ARCHIVE, 50 }, { WRITE, 10 },
};
#define STEPS ARRAY_LEN(plan)
#define RETAINED 4
#define KEPT_MAX 8

/* What must be there after a number of steps. */
struct kept {
    uint64_t timestamp;
    unsigned state;
};
struct truth {
    unsigned state;
    struct kept kept[KEPT_MAX]; /* ascending; those that restores make are not followed */
    size_t count;
    unsigned restores; /* each keeps the state before, if there was one */
};

static const struct kept *find(const struct truth *t, uint64_t timestamp)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->kept[i].timestamp == timestamp)
            return &t->kept[i];
    return NULL;
}

static void keep(struct truth *t, uint64_t timestamp)
{
    size_t at = 0;

    while (at < t->count && t->kept[at].timestamp < timestamp)
        at++;
    if (at == t->count || t->kept[at].timestamp != timestamp) {
        for (size_t i = t->count++; i > at; i--)
            t->kept[i] = t->kept[i - 1];
    }
    t->kept[at] = (struct kept){ timestamp, t->state };
}

static uint32_t retained; /* 0 = all */

/* Those of restores are younger than all others. */
static void retain(struct truth *t)
{
    while (retained > 0 && t->count > 0 && t->count + t->restores > retained) {
        t->count--;
        for (size_t i = 0; i < t->count; i++)
            t->kept[i] = t->kept[i + 1];
    }
}

static bool is_empty(const struct script *s, unsigned state)
{
    return s->states[state].count == 0;
}

static struct truth after(const struct script *s, const struct truth *before,
                          const struct step *step)
{
    struct truth t = *before;
    const struct kept *from = find(&t, step->what);

    if (step->kind == WRITE) {
        t.state = (unsigned)step->what;
    } else if (step->kind == ARCHIVE && !is_empty(s, t.state)) {
        keep(&t, step->what);
        retain(&t);
    } else if (step->kind == RESTORE && from) {
        unsigned state = from->state;
        t.restores += !is_empty(s, t.state);
        t.state = state;
        retain(&t);
    }
    return t;
}

/* ELOQ_OK when it is done; a normal no is done, too. */
static int take(struct run *run, const struct truth *before, const struct step *step)
{
    int rc;

    run->clock.wall_us++;
    if (step->kind == WRITE)
        return script_write(run, before->state, (unsigned)step->what);
    if (step->kind == ARCHIVE) {
        rc = eloq_archive(run->db, script_part, step->what);
        return rc == ELOQ_NOT_FOUND && is_empty(run->script, before->state) ? ELOQ_OK : rc;
    }
    rc = eloq_restore(run->db, script_part, step->what);
    return rc == ELOQ_NOT_FOUND && !find(before, step->what) ? ELOQ_OK : rc;
}

/* ---- what must hold ---- */

static void must_check(struct run *run)
{
    if (eloq_check(run->db, script_part, script_tell_damage, NULL, NULL) < 0)
        fail("check");
}

/* The archive holds the state of one of both truths; only one of them: it may be there. */
static void must_restore(struct run *run, uint64_t timestamp, const struct truth *a,
                         const struct truth *b)
{
    const struct kept *x = find(a, timestamp), *y = find(b, timestamp);

    int rc = eloq_restore(run->db, script_part, timestamp);
    if (rc == ELOQ_NOT_FOUND && (!x || !y))
        return;
    if (rc != ELOQ_OK)
        fail("an archive is not restored");
    if ((!x || script_holds(run, x->state) != 0) && (!y || script_holds(run, y->state) != 0))
        fail("a restored archive does not hold its state");
}

static void recover(struct run *run, const struct truth *a, const struct truth *b)
{
    unsigned at = a->state;

    run->retained_archives = 0; /* restores make more of them */
    script_must_open(run);
    must_check(run);
    if (script_holds(run, at) != 0 && script_holds(run, at = b->state) != 0)
        fail("neither the acknowledged state nor the one under way");
    for (size_t i = 0; i < a->count; i++)
        must_restore(run, a->kept[i].timestamp, a, b);
    for (size_t i = 0; i < b->count; i++)
        if (!find(a, b->kept[i].timestamp))
            must_restore(run, b->kept[i].timestamp, a, b);
    must_check(run);
    script_must_close(run);
    if (script_open(run) < 0)
        fail("does not open again");
    must_check(run);
    script_must_close(run);
    ++*counted;
}

static void cut(const struct run *run, struct rand *r, enum sim_cut how, const struct truth *a,
                const struct truth *b)
{
    struct run copy = script_copy(run);

    if (sim_args.trace)
        fprintf(stderr, "-- cut %d\n", (int)how);
    sim_disk_power_cut(copy.disk, r, how);
    recover(&copy, a, b);
    sim_disk_free(copy.disk);
}

/* ---- rows ---- */

static struct run new_run(const struct script *script, uint32_t keep_archives)
{
    struct run run;

    retained = keep_archives;

    script_start(&run, script, sim_disk_new(&sim_mem));
    run.retained_archives = keep_archives;
    sim_disk_print(run.disk, sim_args.trace);
    return run;
}

/* Steps while they succeed: *ret_done is the truth after the last, *ret_next after the one that
 * failed. */
static size_t walk(struct run *run, size_t from, struct truth *done, struct truth *next)
{
    size_t i = from;

    for (; i < STEPS; i++) {
        *next = after(run->script, done, &plan[i]);
        if (take(run, done, &plan[i]) != ELOQ_OK)
            break;
        *done = *next;
    }
    return i;
}

/* What stands there was copied and never flushed; an archive of it is promised to last. */
static void row_copied(const struct run *run, struct rand *r, const struct truth *done,
                       const struct truth *next)
{
    static const struct step step = { ARCHIVE, 400 };
    struct run copy = script_copy(run);
    struct truth now = *done, then;

    where = "copied, not flushed, archived, power cut";
    sim_disk_kill(copy.disk);
    sim_disk_unsync(copy.disk, SCRIPT_PATH, run->script->has_two_paths ? SCRIPT_OTHER_PATH : NULL);
    script_must_open(&copy);
    if (script_holds(&copy, now.state) != 0)
        now = *next;
    then = after(run->script, &now, &step);
    if (take(&copy, &now, &step) != ELOQ_OK)
        fail("is not archived");
    script_must_close(&copy);
    if (then.count > 0) { /* of nothing there is no archive, and nothing is promised */
        cut(&copy, r, SIM_CUT_LOSE_ALL, &then, &then);
        cut(&copy, r, (enum sim_cut)rand_below(r, SIM_CUTS), &then, &then);
    }
    sim_disk_free(copy.disk);
}

static void row_stopped(const struct script *script, uint64_t n)
{
    struct run run = new_run(script, RETAINED);
    struct truth done = { 0 }, next = { 0 };
    struct rand r;

    where = "power cut";
    counted = &tried;
    rand_seed(&r, script->seed * 100000 + n);
    sim_disk_stop_after(run.disk, n);
    if (script_open(&run) == ELOQ_OK)
        walk(&run, 0, &done, &next);
    script_must_close(&run);
    for (enum sim_cut how = 0; how < SIM_CUTS; how++)
        cut(&run, &r, how, &done, &next);
    /* Of older archives, which were copied with it, nobody promises anything. */
    if (done.state != 0 && next.count == 0)
        row_copied(&run, &r, &done, &next);
    sim_disk_free(run.disk);
}

/* One operation fails. The step is tried again, reopened once; then all goes on as if nothing had
 * been. */
static void row_failing(const struct script *script, uint64_t n)
{
    static const int errnos[] = { EIO, EIO, ENOSPC, EMFILE };
    struct run run = new_run(script, 0); /* a failed restore may have left an archive more */
    struct truth done = { 0 }, next = { 0 };
    struct rand r;
    size_t i = 0;

    where = "a failure";
    counted = &failing;
    rand_seed(&r, script->seed * 100000 + n + 50000);
    struct sim_fault fault = { .kinds = SIM_MUTATIONS & ~SIM_KIND(IO_OPEN),
                               .nth = n + 1,
                               .sys_errno = errnos[rand_below(&r, 4)] };
    int rc = script_open(&run);
    sim_disk_fail(run.disk, &fault);
    for (int tries = 0; rc == ELOQ_OK && tries < 4 && i < STEPS; tries++) {
        i = walk(&run, i, &done, &next);
        if (i < STEPS && script_holds(&run, done.state) != 0)
            fail("after a failure it is not what was acknowledged");
        if (i < STEPS && tries > 0) {
            script_close(&run);
            if ((rc = script_open(&run)) < 0)
                fail("does not reopen");
            /* What was under way may have happened. */
            if (script_holds(&run, done.state) != 0) {
                if (script_holds(&run, next.state) != 0)
                    fail("reopened, it is neither what it was nor what it was to become");
                done = next;
                i++;
            }
        }
    }
    if (rc == ELOQ_OK && i < STEPS)
        fail("a step fails for ever");
    script_must_close(&run);
    for (enum sim_cut how = 0; how < 2; how++)
        cut(&run, &r, how, &done, &done);
    sim_disk_free(run.disk);
}

static uint64_t count_operations(const struct script *script)
{
    struct run run = new_run(script, RETAINED);
    struct truth done = { 0 }, next = { 0 };

    where = "nothing happens";
    script_must_open(&run);
    if (walk(&run, 0, &done, &next) != STEPS)
        fail("a step fails");
    must_check(&run);
    script_must_close(&run);
    uint64_t n = sim_disk_mutations(run.disk);
    cut(&run, &(struct rand){ { 1, 2, 3, 4 } }, SIM_CUT_LOSE_ALL, &done, &done);
    sim_disk_free(run.disk);
    return n;
}

static void run_script(uint64_t seed)
{
    struct script script;
    struct rand r;

    script_make(&script, seed);
    script.append = true;
    script.drops = false; /* it would take archives along */
    rand_seed(&r, seed);
    where_script = seed;
    where_n = 0;
    uint64_t total = count_operations(&script);
    for (uint64_t n = 0; n <= total; n++) {
        if (only_at == SIM_ARG_NONE ? rand_below(&r, total) >= boundaries : n != only_at)
            continue;
        where_n = n;
        row_stopped(&script, n);
        row_failing(&script, n);
    }
    script_free(&script);
}

int main(int argc, char **argv)
{
    static const struct sim_arg more[] = { { "boundaries", &boundaries, NULL },
                                           { "at", &only_at, NULL } };

    sim_args.scripts = sim_args.scripts_min = 6;
    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    mem_init(&sim_mem, 0);
    script_fail = fail;
    for (uint64_t seed; sim_args_next(tried, &seed);)
        run_script(seed);
    printf("%llu power cuts after a failure\n", (unsigned long long)failing);
    sim_args_row(1, tried, 0, NULL);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
