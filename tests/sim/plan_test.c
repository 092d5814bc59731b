/* tests/sim/plan_test.c -- the plans of sim/plans.h, each cut on its way.
 *
 *     plan_test [--seed N] [--scripts N | --cases N] [--verbose]
 *     plan_test --script N [--plan N --mode N --nth N] [--at N] [--trace]
 *
 * A plan runs with the states of a script (sim/script.h), in place or appending, with one flush or
 * two, with each of its faults, and stops after operation n, of more than forty some; then the
 * power goes, or the process goes, is restarted, stops again, and then the power goes. Each
 * partition must hold what was acknowledged, or whole what was under way, archives what they were
 * made of; check finds no damage; and it takes a batch, which lasts. A failure that a plan brings
 * about changes nothing that can be read, and once it is over the next batch is taken, if need be
 * by the store reopened.
 *
 * On failure: where, the command that repeats it, and exit 1. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "sim/plans.h"
#include "sim/script.h"
#include "sim/shrink.h"
#include "sim/sim_args.h"

#define BIT(state) (UINT32_C(1) << (state))
#define NEXT (SCRIPT_STATES - 2) /* the batch after a restart */
#define LAST (SCRIPT_STATES - 1) /* and after recovery */
#define KEPT_MAX 4
#define STOPS 40   /* of a life, about */
#define SECONDS 60 /* a case that takes longer hangs */

static uint64_t only_plan = SIM_ARG_NONE, only_mode = SIM_ARG_NONE, only_nth = SIM_ARG_NONE,
                only_at = SIM_ARG_NONE;
static struct mem sim_mem;
static uint64_t tried, evictions, drops;
static uint64_t operations; /* of the last life */
static struct {
    uint64_t script, plan, mode, nth, at;
    const char *row;
} where = { .row = "" };

__attribute__((noreturn)) static void fail(const char *what)
{
    char also[80];

    fprintf(stderr, "plan_test: %s, script %llu, operation %llu, %s: %s (%s)\n",
            plans[where.plan].name, (unsigned long long)where.script, (unsigned long long)where.at,
            where.row, what, eloq_errmsg());
    snprintf(also, sizeof(also), "--plan %llu --mode %llu --nth %llu",
             (unsigned long long)where.plan, (unsigned long long)where.mode,
             (unsigned long long)where.nth);
    fprintf(stderr, "repeat: plan_test --script %llu %s --at %llu%s --trace\n",
            (unsigned long long)where.script, also, (unsigned long long)where.at,
            sim_args_limits());
    snprintf(also, sizeof(also), "--plan=%llu", (unsigned long long)where.plan);
    shrink(where.script, also);
    exit(1);
}

static void on_alarm(int signal)
{
    (void)signal;
    fail("hangs");
}

/* What may be there after a loss of power: states, a bit each. */
struct kept {
    uint64_t timestamp;
    uint32_t states;
    bool sure; /* it is there */
};
struct truth {
    uint32_t states[SCRIPT_PARTS];
    struct kept kept[KEPT_MAX];
    unsigned kept_count;
};

struct life {
    const struct plan *plan;
    struct run run;
    struct truth truth;
    unsigned at[SCRIPT_PARTS]; /* the state that it shows */
    unsigned before;           /* the one before that, of the first partition */
    uint64_t stop_at;          /* mutating operations, or UINT64_MAX */
    bool is_faulty, commit_dropped;
};

static bool is_stopped(const struct life *l)
{
    return sim_disk_stopped(l->run.disk);
}

/* ---- archives ---- */

static struct kept *find_kept(struct truth *t, uint64_t timestamp)
{
    for (unsigned i = 0; i < t->kept_count; i++)
        if (t->kept[i].timestamp == timestamp)
            return &t->kept[i];
    return NULL;
}

/* All that retention may take while it is under way, or has taken: they ascend. */
static void retain(struct life *l, bool done)
{
    struct truth *t = &l->truth;
    unsigned keep = l->plan->retained;

    if (keep == 0 || l->commit_dropped || t->kept_count <= keep)
        return;
    unsigned surplus = t->kept_count - keep;
    for (unsigned i = 0; i < surplus; i++)
        t->kept[i].sure = false;
    for (unsigned i = surplus; done && i < t->kept_count; i++)
        t->kept[i - surplus] = t->kept[i];
    if (done)
        t->kept_count = keep;
}

static int archive(struct life *l, uint64_t timestamp)
{
    struct truth *t = &l->truth;
    struct kept *k = find_kept(t, timestamp);
    uint32_t state = BIT(l->at[0]);

    if (!k) {
        CHECK(t->kept_count < KEPT_MAX);
        k = &t->kept[t->kept_count++];
        *k = (struct kept){ .timestamp = timestamp };
    }
    k->states |= state;
    retain(l, false);
    int rc = eloq_archive(l->run.db, script_part, timestamp);
    if (rc == ELOQ_OK) {
        *k = (struct kept){ timestamp, state, true };
        retain(l, true);
    } else if (rc == ELOQ_NOT_FOUND && l->run.script->states[l->at[0]].count == 0) {
        return ELOQ_OK; /* of nothing there is none */
    }
    return rc;
}

static void drop_archives(struct truth *t, bool done)
{
    for (unsigned i = 0; i < t->kept_count; i++)
        t->kept[i].sure = false;
    if (done)
        t->kept_count = 0;
}

static int restore(struct life *l, uint64_t timestamp)
{
    struct kept *k = find_kept(&l->truth, timestamp);

    if (!k || !k->sure) /* of nothing there is no archive */
        return ELOQ_OK;
    l->truth.states[0] |= k->states;
    int rc = eloq_restore(l->run.db, script_part, timestamp);
    if (rc != ELOQ_OK)
        return rc;
    /* What it holds is known when there is one state alone: the disk may have stopped. */
    l->truth.states[0] = k->states;
    unsigned at = script_find(&l->run, 0, k->states);
    if (at == SCRIPT_STATES && !is_stopped(l))
        fail("a restored archive does not hold its state");
    l->at[0] = at;
    return ELOQ_OK;
}

/* ---- steps ---- */

static int write_state(struct life *l, unsigned to)
{
    unsigned next[SCRIPT_PARTS];
    int rc[SCRIPT_PARTS], all = ELOQ_OK;

    for (unsigned p = 0; p < l->run.script->parts; p++) {
        next[p] = to;
        l->truth.states[p] |= BIT(to);
    }
    script_write_all(&l->run, l->at, next, rc);
    for (unsigned p = 0; p < l->run.script->parts; p++) {
        if (rc[p] != ELOQ_OK) {
            all = rc[p];
            continue;
        }
        l->before = p == 0 ? l->at[p] : l->before;
        l->at[p] = to;
        l->truth.states[p] = BIT(to);
    }
    return all;
}

static int empty(struct life *l, bool drop)
{
    l->truth.states[0] |= BIT(0);
    if (drop)
        drop_archives(&l->truth, false);
    int rc = drop ? eloq_drop(l->run.db, script_part.table)
                  : eloq_truncate(l->run.db, script_part, eloq_str(""));
    if (rc != ELOQ_OK)
        return rc;
    if (drop)
        drop_archives(&l->truth, true);
    l->before = l->at[0];
    l->at[0] = 0;
    l->truth.states[0] = BIT(0);
    return ELOQ_OK;
}

/* Opens it and finds what it shows; false: the disk stops. */
static bool open_again(struct life *l)
{
    l->commit_dropped = false;
    int rc = script_open(&l->run);
    for (unsigned p = 0; rc == ELOQ_OK && p < l->run.script->parts; p++) {
        l->at[p] = script_find(&l->run, p, l->truth.states[p]);
        if (l->at[p] == SCRIPT_STATES && !is_stopped(l))
            fail("neither what was acknowledged nor what was under way");
    }
    if (rc < 0 && !is_stopped(l))
        fail("does not open");
    return !is_stopped(l);
}

static void note_evictions(struct run *run)
{
    uint64_t n = 0;

    if (eloq_stat(run->db, "partition_evictions", &n) == ELOQ_OK)
        evictions += n;
}

/* As power or a process goes: nothing more is done. The stop is still to come. */
static void halt(struct life *l, bool loses)
{
    struct sim_disk *disk = l->run.disk;
    struct rand r = { { 1, 2, 3, 4 } };
    uint64_t left = l->stop_at == UINT64_MAX
                        ? UINT64_MAX
                        : l->stop_at - MIN(l->stop_at, sim_disk_mutations(disk));

    sim_disk_stop_after(disk, 0);
    script_must_close(&l->run);
    if (loses)
        sim_disk_power_cut(disk, &r, SIM_CUT_LOSE_ALL);
    else
        sim_disk_kill(disk);
    for (unsigned p = 0; loses && p < l->run.script->parts; p++)
        CHECK(l->truth.states[p] != 0);
    if (left != UINT64_MAX)
        sim_disk_stop_after(disk, left);
}

/* As if the power had gone before a page of the last commit was there. */
static bool drop_commit(struct life *l)
{
    struct script_spot spot;
    uint64_t dropped = 0;

    halt(l, true);
    if (l->before != 0 && l->truth.states[0] == BIT(l->at[0])) {
        if (!script_last_page(&l->run, &spot))
            fail("the last commit was not one of one flush");
        script_flip(&l->run, &spot);
        l->truth.states[0] = BIT(l->before);
    }
    if (!open_again(l))
        return false;
    if (eloq_stat(l->run.db, "manifest_tails_dropped", &dropped) < 0 || dropped != 1)
        fail("no commit was dropped");
    drops++;
    l->commit_dropped = true;
    return true;
}

static void begin_faults(struct life *l)
{
    for (unsigned i = 0; i < PLAN_FAULTS && l->plan->faults[i].kinds != 0; i++) {
        struct sim_fault fault = l->plan->faults[i];
        if (i == 0)
            fault.nth = where.nth;
        sim_disk_fail(l->run.disk, &fault);
    }
    l->is_faulty = true;
}

/* Without what a plan brings about, and without losing the stop. */
static void heal(struct life *l)
{
    uint64_t done = sim_disk_mutations(l->run.disk);

    sim_disk_heal(l->run.disk);
    l->is_faulty = false;
    if (l->stop_at != UINT64_MAX)
        sim_disk_stop_after(l->run.disk, l->stop_at - MIN(l->stop_at, done));
}

static int change(struct life *l, const struct step *s)
{
    switch (s->verb) {
    case WRITE:
        return write_state(l, (unsigned)s->what);
    case TRUNCATE:
    case DROP:
        return empty(l, s->verb == DROP);
    case ARCHIVE:
        return archive(l, s->what);
    default:
        return restore(l, s->what);
    }
}

/* Once nothing fails any more, the store takes it, if need be after it was reopened. */
static bool change_anyhow(struct life *l, const struct step *s)
{
    for (int tries = 0; change(l, s) != ELOQ_OK; tries++) {
        if (is_stopped(l))
            return false;
        for (unsigned p = 0; p < l->run.script->parts; p++)
            if (script_holds_in(&l->run, p, l->at[p]) != 0 && !is_stopped(l))
                fail("after a failure it is not what was acknowledged");
        if (l->is_faulty)
            return !is_stopped(l);
        if (tries > 0)
            fail("fails, though nothing fails any more");
        note_evictions(&l->run);
        script_must_close(&l->run);
        if (!open_again(l))
            return false;
    }
    return !is_stopped(l);
}

/* False: the disk has stopped. */
static bool take(struct life *l, const struct step *s)
{
    switch (s->verb) {
    case REOPEN:
        note_evictions(&l->run);
        script_must_close(&l->run);
        return open_again(l);
    case KILL:
    case LOSE:
        halt(l, s->verb == LOSE);
        return open_again(l);
    case DROP_COMMIT:
        return drop_commit(l);
    case FAIL:
        begin_faults(l);
        return true;
    case HEAL:
        heal(l);
        return true;
    default:
        return change_anyhow(l, s);
    }
}

/* ---- after a life ---- */

static void must_restore(struct life *l, const struct kept *k)
{
    int rc = eloq_restore(l->run.db, script_part, k->timestamp);

    if (rc == ELOQ_NOT_FOUND && !k->sure)
        return;
    if (rc != ELOQ_OK)
        fail("an archive is not restored");
    l->at[0] = script_find(&l->run, 0, k->states);
    if (l->at[0] == SCRIPT_STATES)
        fail("a restored archive does not hold its state");
}

static void recover(struct life *l)
{
    l->run.retained_archives = 0; /* restores make more of them */
    if (!open_again(l))
        fail("the disk stops");
    for (unsigned i = 0; i < l->truth.kept_count; i++)
        must_restore(l, &l->truth.kept[i]);
    if (write_state(l, LAST) != ELOQ_OK)
        fail("takes no batch");
    script_must_close(&l->run);
    open_again(l);
    script_must_close(&l->run);
    tried++;
}

static struct life copy_life(const struct life *l)
{
    struct life copy = *l;

    copy.run = script_copy(&l->run);
    copy.stop_at = UINT64_MAX;
    copy.is_faulty = false;
    return copy;
}

static void cut(const struct life *l, struct rand *r, enum sim_cut how)
{
    struct life copy = copy_life(l);

    if (sim_args.trace)
        fprintf(stderr, "-- cut %d\n", (int)how);
    sim_disk_power_cut(copy.run.disk, r, how);
    recover(&copy);
    sim_disk_free(copy.run.disk);
}

static void killed(const struct life *l, struct rand *r)
{
    struct life copy = copy_life(l);

    where.row = "killed, restarted, power cut";
    sim_disk_kill(copy.run.disk);
    sim_disk_stop_after(copy.run.disk, rand_below(r, 40));
    if (open_again(&copy))
        (void)write_state(&copy, NEXT);
    script_must_close(&copy.run);
    cut(&copy, r, SIM_CUT_LOSE_ALL);
    cut(&copy, r, (enum sim_cut)rand_below(r, SIM_CUTS));
    sim_disk_free(copy.run.disk);
}

/* ---- lives ---- */

static void start(struct life *l, const struct script *script, uint64_t stop_at)
{
    *l = (struct life){ .plan = &plans[where.plan], .stop_at = stop_at };
    script_start(&l->run, script, sim_disk_new(&sim_mem));
    sim_disk_print(l->run.disk, sim_args.trace);
    l->run.retained_archives = l->plan->retained;
    l->run.fd_limit = l->plan->fd_limit;
    for (unsigned p = 0; p < SCRIPT_PARTS; p++)
        l->truth.states[p] = BIT(0);
    if (stop_at != UINT64_MAX)
        sim_disk_stop_after(l->run.disk, stop_at);
}

/* Whether it came to its end. */
static bool live(struct life *l)
{
    bool goes_on = open_again(l);

    if (l->plan->loses_at_close)
        sim_disk_lose_at_close(l->run.disk);
    for (unsigned i = 0; goes_on && i < l->plan->count; i++)
        goes_on = take(l, &l->plan->steps[i]);
    if (goes_on)
        note_evictions(&l->run);
    script_must_close(&l->run);
    return goes_on && !is_stopped(l);
}

/* Whether it came to its end without stopping. */
static bool try_stop(const struct script *script, uint64_t stop_at)
{
    struct life l;
    struct rand r;

    where.at = stop_at;
    where.row = "power cut";
    rand_seed(&r, script->seed * 100000 + stop_at);
    alarm(SECONDS);
    start(&l, script, stop_at);
    bool is_whole = live(&l);
    operations = sim_disk_mutations(l.run.disk);
    heal(&l);
    for (enum sim_cut how = 0; how < SIM_CUTS; how++)
        cut(&l, &r, how);
    killed(&l, &r);
    sim_disk_free(l.run.disk);
    return is_whole;
}

static void try_plan(struct script *script, unsigned mode)
{
    const struct plan *plan = &plans[where.plan];

    script->append = mode & APPEND;
    script->is_one_flush = mode & ONE_FLUSH;
    script->parts = MAX(plan->parts, 1);
    script->shift = plan->shift > 0 ? plan->shift : (uint32_t)(script->seed % 2 ? 18 : 3);
    script->is_ahead = plan->is_ahead;
    script->is_evicted = plan->is_evicted;
    script->compacts = plan->compacts;
    script->manifest_limit = plan->manifest_limit;
    script->drops = script->reads = script->expires = false;
    for (where.nth = 1; where.nth <= MAX(plan->nths, 1); where.nth++) {
        if (only_nth != SIM_ARG_NONE && where.nth != only_nth)
            continue;
        if (only_at != SIM_ARG_NONE) {
            (void)try_stop(script, only_at);
            continue;
        }
        if (!try_stop(script, UINT64_MAX))
            fail("the whole plan stops");
        uint64_t step = operations / STOPS + 1;
        for (uint64_t n = script->seed % step; !try_stop(script, n);)
            n += step;
    }
}

static void run_script(uint64_t seed)
{
    static const unsigned modes[] = { IN_PLACE | TWO_FLUSH, IN_PLACE | ONE_FLUSH,
                                      APPEND | TWO_FLUSH, APPEND | ONE_FLUSH };
    struct script script;

    where.script = seed;
    script_make(&script, seed);
    for (where.plan = 0; where.plan < plan_count; where.plan++) {
        uint64_t before = tried;
        for (where.mode = 0; where.mode < ARRAY_LEN(modes); where.mode++)
            if ((only_plan == SIM_ARG_NONE || where.plan == only_plan)
                && (only_mode == SIM_ARG_NONE || where.mode == only_mode)
                && (modes[where.mode] & ~plans[where.plan].modes) == 0)
                try_plan(&script, modes[where.mode]);
        if (sim_args.verbose)
            printf("script %llu: %s: %llu tried\n", (unsigned long long)seed,
                   plans[where.plan].name, (unsigned long long)(tried - before));
    }
    script_free(&script);
}

int main(int argc, char **argv)
{
    static const struct sim_arg more[] = { { "plan", &only_plan, NULL },
                                           { "mode", &only_mode, NULL },
                                           { "nth", &only_nth, NULL },
                                           { "at", &only_at, NULL } };

    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    signal(SIGALRM, on_alarm);
    mem_init(&sim_mem, 0);
    script_fail = fail;
    for (uint64_t seed; sim_args_next(tried, &seed);)
        run_script(seed);
    printf("%llu partitions evicted, %llu commits dropped\n", (unsigned long long)evictions,
           (unsigned long long)drops);
    sim_args_row(1, tried, 0, NULL);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
