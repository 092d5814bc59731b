/* tests/sim/power_test.c -- the whole engine on the simulated disk, and what a loss of power
 * leaves.
 *
 *     power_test [--seed N] [--scripts N] [--boundaries N] [--script N [--at N]] [--verbose]
 * [--trace]
 *
 * A script (sim/script.h) is a few batches that follow from its seed: a first commit, appends and
 * replacements of the manifest, overwrites, deletes, large values, expiry, everything deleted,
 * truncated or dropped, compaction, one file or many; in place or appending. At each mutating
 * operation n (a sample of `boundaries` of them) the script runs on a fresh disk that stops after
 * n; then, for ways the power can go:
 *
 *   row 1   cut: the store opens and holds the last acknowledged batch, or whole the one under way;
 *           it takes another batch
 *   row 2   the same, the power being cut again during that recovery and its batch
 *   row 3   process killed instead, restarted, more batches, stopped again, then the power cut
 *   row 4   operation n fails instead (a flush: perhaps with the loss of what it was to flush);
 * more batches, reopened when it takes none, stopped, then the power cut row 5   what stands there
 * was copied and never flushed; more batches, then the power cut
 *
 * On failure: where, the command that repeats it, and exit 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/script.h"
#include "sim/sim_args.h"

static uint64_t boundaries = 100, only_at = SIM_ARG_NONE;

static struct mem sim_mem;
static uint64_t tried;

/* What a cut may leave: the last acknowledged state, or a later one that was under way. */
struct allowed {
    unsigned acknowledged, last;
};

static const char *where = "";
static uint64_t where_script, where_n;
static int where_cut;

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "power_test: script %llu, operation %llu, %s, cut %d: %s (%s)\n",
            (unsigned long long)where_script, (unsigned long long)where_n, where, where_cut, what,
            eloq_errmsg());
    fprintf(stderr, "repeat: power_test --script %llu --at %llu --verbose --trace\n",
            (unsigned long long)where_script, (unsigned long long)where_n);
    exit(1);
}

static void begin_row(const char *name)
{
    where = name;
    where_cut = -1;
    if (sim_args.trace)
        fprintf(stderr, "-- %s\n", name);
}

static void on_finding(void *user, eloq_part p, const eloq_finding *finding)
{
    (void)user;
    (void)p;
    if (finding->severity == ELOQ_DAMAGE)
        fprintf(stderr, "damage: %s %s\n", finding->what, finding->file ? finding->file : "");
}

static void must_open(struct run *run)
{
    if (script_open(run) < 0)
        fail("does not open");
}

static void must_close(struct run *run)
{
    if (!script_close(run))
        fail("closed, and memory is left");
}

static void must_hold(struct run *run, unsigned k, const char *what)
{
    int rc = script_holds(run, k);

    if (rc < 0)
        fail("a scan fails");
    if (rc > 0)
        fail(what);
}

/* Which of the allowed states the store is in; -1 when the disk stops meanwhile. */
static int find_state(struct run *run, struct allowed allowed)
{
    int rc = eloq_check(run->db, script_part, on_finding, NULL, NULL);

    if (rc < 0 && !sim_disk_stopped(run->disk))
        fail("check");
    for (unsigned k = allowed.acknowledged; k <= allowed.last; k++)
        if (script_holds(run, k) == 0)
            return (int)k;
    if (sim_disk_stopped(run->disk))
        return -1;
    for (unsigned k = 0; k < SCRIPT_STATES; k++)
        if (script_holds(run, k) == 0)
            fprintf(stderr, "it is state %u, not one of %u to %u\n", k, allowed.acknowledged,
                    allowed.last);
    fail("neither the acknowledged state nor one under way");
}

/* Writes batches while they are acknowledged; answers the last that was. */
static unsigned write_batches(struct run *run, unsigned done, unsigned last)
{
    while (done < last && script_write(run, done, done + 1) == ELOQ_OK)
        done++;
    return done;
}

/* After a cut: opens, is right, takes a batch, is right again after another opening. */
static void recover(struct run *run, struct allowed allowed)
{
    must_open(run);
    unsigned at = (unsigned)find_state(run, allowed);
    if (write_batches(run, at, at + 1) != at + 1)
        fail("takes no batch");
    must_close(run);
    must_open(run);
    must_hold(run, at + 1, "the batch after recovery is gone");
    must_close(run);
    tried++;
}

/* Opens, finds the state and writes batches until the disk stops (or `count` are written). What was
 * found is promised only once a batch on top of it is acknowledged. */
static struct allowed go_on(struct run *run, struct allowed allowed, unsigned count)
{
    if (script_open(run) < 0) {
        if (!sim_disk_stopped(run->disk))
            fail("does not open");
        return allowed;
    }
    int found = find_state(run, allowed);
    if (found >= 0) {
        unsigned at = (unsigned)found, done = write_batches(run, at, at + count);
        if (done > at)
            allowed.acknowledged = done;
        allowed.last = done < at + count ? done + 1 : done;
    }
    must_close(run);
    return allowed;
}

static struct run copy_run(const struct run *run)
{
    struct run copy = *run;

    copy.db = NULL;
    copy.disk = sim_disk_copy(run->disk);
    sim_disk_print(copy.disk, sim_args.trace);
    return copy;
}

/* The power goes, and with `again` once more, during recovery and the batch after it. */
static void cut(const struct run *run, struct rand *r, enum sim_cut how, struct allowed allowed,
                uint64_t again)
{
    struct run copy = copy_run(run);

    where_cut = (int)how;
    if (sim_args.trace)
        fprintf(stderr, "-- cut %d\n", where_cut);
    sim_disk_power_cut(copy.disk, r, how);
    if (again > 0) {
        sim_disk_stop_after(copy.disk, again);
        allowed = go_on(&copy, allowed, 1);
        sim_disk_power_cut(copy.disk, r, (enum sim_cut)rand_below(r, SIM_CUTS));
    }
    recover(&copy, allowed);
    sim_disk_free(copy.disk);
}

/* The worst one, and some others. */
static void some_cuts(const struct run *run, struct rand *r, struct allowed allowed, int count)
{
    cut(run, r, SIM_CUT_LOSE_ALL, allowed, 0);
    while (--count > 0)
        cut(run, r, (enum sim_cut)(1 + rand_below(r, SIM_CUTS - 1)), allowed, 0);
}

static struct run new_run(const struct script *script, uint64_t n)
{
    struct run run;

    script_start(&run, script, sim_disk_new(&sim_mem));
    run.io_seed = script->seed + n;
    sim_disk_print(run.disk, sim_args.trace);
    return run;
}

/* ---- rows ---- */

/* Stopped within `most` operations. */
static void row_killed(const struct run *run, struct rand *r, struct allowed allowed, uint64_t most)
{
    struct run copy = copy_run(run);

    begin_row("killed, restarted, power cut");
    sim_disk_kill(copy.disk);
    sim_disk_stop_after(copy.disk, rand_below(r, most));
    allowed = go_on(&copy, allowed, run->script->batches - 1);
    some_cuts(&copy, r, allowed, 3);
    sim_disk_free(copy.disk);
}

static void row_copied(const struct run *run, struct rand *r, struct allowed allowed)
{
    struct run copy = copy_run(run);

    begin_row("copied, not flushed, power cut");
    sim_disk_unsync(copy.disk, SCRIPT_PATH, run->script->has_two_paths ? SCRIPT_OTHER_PATH : NULL);
    allowed = go_on(&copy, allowed, 1);
    some_cuts(&copy, r, allowed, 3);
    sim_disk_free(copy.disk);
}

/* Rows 1 to 3, and 5 now and then. */
static void rows_stopped(const struct script *script, uint64_t n)
{
    struct run run = new_run(script, n);
    struct allowed allowed = { 0, 1 };
    struct rand r;

    begin_row("power cut");
    rand_seed(&r, script->seed * 100000 + n);
    sim_disk_stop_after(run.disk, n);
    if (script_open(&run) == ELOQ_OK)
        allowed.acknowledged = write_batches(&run, 0, script->batches);
    allowed.last = MIN(allowed.acknowledged + 1, script->batches);
    must_close(&run);

    for (enum sim_cut how = 0; how < SIM_CUTS; how++)
        cut(&run, &r, how, allowed, 0);
    begin_row("power cut during recovery");
    for (int i = 0; i < 2; i++)
        cut(&run, &r, (enum sim_cut)rand_below(&r, SIM_CUTS), allowed, 1 + rand_below(&r, 30));
    for (uint64_t most = 60; most > 10; most /= 2)
        row_killed(&run, &r, allowed, most);
    if (allowed.acknowledged > 0 && rand_below(&r, 8) == 0)
        row_copied(&run, &r, allowed);
    sim_disk_free(run.disk);
}

/* Batches one after the other, each over the last acknowledged one. Twice refused, the store is
 * reopened (but see row_failing), the kernel keeping what it shows. */
static struct allowed write_through(struct run *run, struct allowed allowed)
{
    unsigned last = allowed.last + run->script->batches, refused = 0, reopened = 0;

    for (unsigned next = allowed.last; next <= last; next++) {
        allowed.last = next;
        if (script_write(run, allowed.acknowledged, next) == ELOQ_OK) {
            allowed.acknowledged = next;
            refused = 0;
            continue;
        }
        int holds = script_holds(run, allowed.acknowledged);
        if (sim_disk_stopped(run->disk))
            break;
        if (holds != 0)
            fail("after a failure it is not what was acknowledged");
        if (++refused < 2)
            continue;
        if (sim_disk_lost_names(run->disk))
            break;
        if (reopened++)
            fail("takes no batch after reopening");
        must_close(run);
        int rc = script_open(run);
        if (sim_disk_stopped(run->disk))
            break;
        if (rc < 0)
            fail("does not reopen");
        int at = find_state(run, allowed);
        if (at < 0)
            break;
        allowed.acknowledged = (unsigned)at;
        refused = 0;
    }
    return allowed;
}

static void row_failing(const struct script *script, uint64_t n)
{
    static const int errnos[] = { EIO, EIO, ENOSPC, EMFILE };
    struct run run = new_run(script, n);
    struct allowed allowed = { 0, 1 };
    struct rand r;

    begin_row("a failure, power cut");
    rand_seed(&r, script->seed * 100000 + n + 50000);
    struct sim_fault fault = { .kinds = SIM_MUTATIONS & ~SIM_KIND(IO_OPEN),
                               .nth = n + 1,
                               .sys_errno = errnos[rand_below(&r, 4)] };
    fault.lose = rand_below(&r, 2) && fault.sys_errno != EMFILE; /* that one did not begin */
    sim_disk_fail(run.disk, &fault);
    if (rand_below(&r, 2))
        sim_disk_stop_after(run.disk, n + 1 + rand_below(&r, 60));
    int rc = script_open(&run);
    /* Names that are lost while the kernel goes on to show them: no file system takes another
     * operation then, and nobody can find out what is lost. In one process we must not build. */
    bool lost = sim_disk_lost_names(run.disk);
    if (rc < 0 && !lost)
        rc = script_open(&run);
    if (rc == ELOQ_OK)
        allowed = write_through(&run, allowed);
    else if (!lost && !sim_disk_stopped(run.disk))
        fail("does not open after one failure");
    must_close(&run);
    some_cuts(&run, &r, allowed, 3);
    sim_disk_free(run.disk);
}

static uint64_t count_operations(const struct script *script)
{
    struct run run = new_run(script, 0);

    begin_row("nothing happens");
    must_open(&run);
    if (write_batches(&run, 0, script->batches) != script->batches)
        fail("takes no batch");
    must_close(&run);
    uint64_t n = sim_disk_mutations(run.disk);
    sim_disk_free(run.disk);
    return n;
}

static void run_script(uint64_t seed)
{
    struct script script;
    struct rand r;

    script_make(&script, seed);
    rand_seed(&r, seed);
    where_script = seed;
    where_n = 0;
    uint64_t total = count_operations(&script), chosen = 0;
    for (uint64_t n = 0; n <= total; n++) {
        if (only_at == SIM_ARG_NONE ? rand_below(&r, total) >= boundaries : n != only_at)
            continue;
        where_n = n;
        chosen++;
        rows_stopped(&script, n);
        row_failing(&script, n);
    }
    if (sim_args.verbose)
        printf("script %llu: %s, shift %u, %s, %llu operations, %llu tried\n",
               (unsigned long long)seed, script.append ? "append" : "in place", script.shift,
               script.is_large ? "large" : "small", (unsigned long long)total,
               (unsigned long long)chosen);
    script_free(&script);
}

int main(int argc, char **argv)
{
    static const struct sim_arg more[] = { { "boundaries", &boundaries, NULL },
                                           { "at", &only_at, NULL } };

    sim_args.scripts = 24;
    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    mem_init(&sim_mem, 0);
    for (uint64_t seed; sim_args_next(tried, &seed);)
        run_script(seed);
    sim_args_row(1, tried, 0, NULL);
    return 0;
}
