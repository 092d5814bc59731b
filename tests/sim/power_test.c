/* tests/sim/power_test.c -- the whole engine on the simulated disk, and what a loss of power
 * leaves.
 *
 *     power_test [--seed N] [--scripts N | --cases N] [--boundaries N]
 *     power_test --script N [--at N] [--verbose] [--trace]
 *
 * A script (sim/script.h) is a few batches that follow from its seed: a first commit, appends and
 * replacements of the manifest, overwrites, deletes, large values, expiry, everything deleted,
 * truncated or dropped, compaction, one file or many; in place or appending. At each mutating
 * operation n (or about `boundaries` of them) the script runs on a fresh disk that stops after n;
 * then, for the ways the power can go:
 *
 *     cut      the store opens and holds the last acknowledged batch, or whole the one under way;
 *              it takes another batch. Row 1: a case is a state of the disk, each counted once
 *     again    the same, the power being cut again, up to three times, during that recovery
 *     killed   the process, restarted, more batches, stopped again, then the power cut
 *     copied   what stands there was copied and never flushed; more batches, then the power cut.
 *              These three are row 2
 *     failing  operation n fails instead (a flush: perhaps with the loss of what it was to flush);
 *              more batches, reopened when it takes none, stopped, then the power cut
 *
 * On failure: where, the command that repeats it, and exit 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/kinds.h"
#include "sim/oracle.h"
#include "sim/script.h"
#include "sim/shrink.h"
#include "sim/sim_args.h"

#define SCRIPTS 40      /* of the scoreboard: among so many there is each kind of batch and store */
#define ALL_CASES 50000 /* asked for so many, it tries every operation */
#define CASES_EACH 20   /* of an operation, about */
#define PREFIXES_MAX 64
#define FILES_GIVEN_BACK 64
#define EACH 6 /* of the other ways, at each boundary */

static uint64_t boundaries, only_at = SIM_ARG_NONE;

static struct mem sim_mem;
static struct {
    uint64_t cut, again, failing; /* recoveries: row 1, row 2, after a failure */
} tried;
static uint64_t *counted = &tried.cut;

/* What a cut may leave of each partition: the last acknowledged state, or a later one that was
 * under way. */
struct allowed {
    unsigned acknowledged[SCRIPT_PARTS], last[SCRIPT_PARTS];
};
/* Where each partition is. */
struct states {
    unsigned of[SCRIPT_PARTS];
};

static const char *where = "";
static uint64_t where_script, where_n;
static int where_cut;

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "power_test: script %llu, operation %llu, %s, cut %d: %s (%s)\n",
            (unsigned long long)where_script, (unsigned long long)where_n, where, where_cut, what,
            eloq_errmsg());
    fprintf(stderr, "repeat: power_test --script %llu --at %llu%s --trace\n",
            (unsigned long long)where_script, (unsigned long long)where_n, sim_args_limits());
    shrink(where_script, NULL);
    exit(1);
}

static void begin_row(const char *name)
{
    where = name;
    where_cut = -1;
    if (sim_args.trace)
        fprintf(stderr, "-- %s\n", name);
}

static void tell_states(struct run *run, unsigned p)
{
    for (unsigned k = 0; k < SCRIPT_STATES; k++)
        if (script_holds_in(run, p, k) == 0)
            fprintf(stderr, "partition %u is state %u\n", p, k);
}

static void must_hold(struct run *run, struct states states, const char *what)
{
    for (unsigned p = 0; p < run->script->parts; p++) {
        int rc = script_holds_in(run, p, states.of[p]);

        if (rc < 0)
            fail("a scan fails");
        if (rc > 0) {
            tell_states(run, p);
            fprintf(stderr, "partition %u should be state %u\n", p, states.of[p]);
            fail(what);
        }
    }
}

/* Which of the allowed states a partition is in; false when the disk stops meanwhile. */
static bool find_state_of(struct run *run, unsigned p, struct allowed allowed, unsigned *ret)
{
    unsigned from = allowed.acknowledged[p], to = allowed.last[p];
    int rc = eloq_check(run->db, script_parts[p], script_tell_damage, run, NULL);

    if (rc < 0 && !sim_disk_stopped(run->disk))
        fail("check");
    for (*ret = from; *ret <= to; ++*ret)
        if (script_holds_in(run, p, *ret) == 0)
            return true;
    if (sim_disk_stopped(run->disk))
        return false;
    tell_states(run, p);
    fprintf(stderr, "partition %u should be state %u to %u\n", p, from, to);
    fail("neither the acknowledged state nor one under way");
}

static bool find_states(struct run *run, struct allowed allowed, struct states *ret)
{
    for (unsigned p = 0; p < run->script->parts; p++)
        if (!find_state_of(run, p, allowed, &ret->of[p]))
            return false;
    return true;
}

/* One batch to each partition at once; *done moves on where it is acknowledged. Whether all are. */
static bool write_batch(struct run *run, struct states *done)
{
    struct states next = *done;
    int rc[SCRIPT_PARTS];
    bool all = true;

    for (unsigned p = 0; p < run->script->parts; p++)
        next.of[p]++;
    script_write_all(run, done->of, next.of, rc);
    for (unsigned p = 0; p < run->script->parts; p++) {
        all &= rc[p] == ELOQ_OK;
        if (rc[p] == ELOQ_OK)
            done->of[p]++;
    }
    return all;
}

/* While they are acknowledged; what is then allowed. */
static struct allowed write_batches(struct run *run, struct states *done, unsigned count)
{
    struct allowed allowed = { 0 };
    struct states begun = *done;
    bool all = true;

    while (all && count-- > 0) {
        for (unsigned p = 0; p < run->script->parts; p++)
            begun.of[p] = done->of[p] + 1;
        all = write_batch(run, done);
    }
    for (unsigned p = 0; p < run->script->parts; p++) {
        allowed.acknowledged[p] = done->of[p];
        allowed.last[p] = begun.of[p];
    }
    return allowed;
}

/* After a cut: opens, is right, takes a batch, is right again after another opening. */
static void recover(struct run *run, struct allowed allowed)
{
    struct states at = { { 0 } };

    script_must_open(run);
    find_states(run, allowed, &at);
    if (!write_batch(run, &at))
        fail("takes no batch");
    script_must_close(run);
    script_must_open(run);
    must_hold(run, at, "the batch after recovery is gone");
    script_must_close(run);
    ++*counted;
}

/* Opens, finds the state and writes batches until the disk stops (or `count` are written). What was
 * found is promised only once a batch on top of it is acknowledged. */
static struct allowed go_on(struct run *run, struct allowed allowed, unsigned count)
{
    struct states at = { { 0 } };

    if (script_open(run) < 0) {
        if (!sim_disk_stopped(run->disk))
            fail("does not open");
        return allowed;
    }
    if (find_states(run, allowed, &at)) {
        struct states done = at;
        struct allowed then = write_batches(run, &done, count);

        for (unsigned p = 0; p < run->script->parts; p++) {
            if (done.of[p] > at.of[p])
                allowed.acknowledged[p] = done.of[p];
            allowed.last[p] = then.last[p];
        }
    }
    script_must_close(run);
    return allowed;
}

static void end_cut(struct run *copy, struct allowed allowed)
{
    recover(copy, allowed);
    sim_disk_free(copy->disk);
}

static void begin_cut(int how)
{
    where_cut = how;
    if (sim_args.trace)
        fprintf(stderr, "-- cut %d\n", how);
}

/* What cuts of one run have left: the same twice is tried once, and counted once. */
#define SEEN_MAX 512
static struct {
    uint64_t hashes[SEEN_MAX];
    unsigned count;
} seen;

static bool is_new(const struct run *copy)
{
    uint64_t hash = sim_disk_durable_hash(copy->disk);

    for (unsigned i = 0; i < seen.count; i++)
        if (seen.hashes[i] == hash)
            return false;
    if (seen.count < SEEN_MAX)
        seen.hashes[seen.count++] = hash;
    return true;
}

static void end_cut_if_new(struct run *copy, struct allowed allowed)
{
    if (is_new(copy))
        end_cut(copy, allowed);
    else
        sim_disk_free(copy->disk);
}

static void cut(const struct run *run, struct rand *r, enum sim_cut how, struct allowed allowed)
{
    struct run copy = script_copy(run);

    begin_cut((int)how);
    sim_disk_power_cut(copy.disk, r, how);
    end_cut_if_new(&copy, allowed);
}

/* The power goes, and again `count` times, each during recovery and the batch after it. */
static void cut_again(const struct run *run, struct rand *r, struct allowed allowed, int count)
{
    struct run copy = script_copy(run);
    enum sim_cut how = (enum sim_cut)rand_below(r, SIM_CUTS);

    begin_cut((int)how);
    sim_disk_power_cut(copy.disk, r, how);
    while (count-- > 0) {
        sim_disk_stop_after(copy.disk, 1 + rand_below(r, 30));
        allowed = go_on(&copy, allowed, 1);
        sim_disk_power_cut(copy.disk, r, (enum sim_cut)rand_below(r, SIM_CUTS));
    }
    end_cut(&copy, allowed);
}

/* Every state the disk can be in that is a prefix of what was not synced (of very many, some), and
 * some of the others. */
static void all_cuts(const struct run *run, struct rand *r, struct allowed allowed)
{
    size_t total = sim_disk_unsynced(run->disk);
    size_t step = total / PREFIXES_MAX + 1;

    seen.count = 0;
    for (size_t n = 0; n <= total; n += n + step > total && n < total ? total - n : step) {
        struct run copy = script_copy(run);

        begin_cut(SIM_CUT_PREFIX);
        sim_disk_power_cut_after(copy.disk, n);
        end_cut_if_new(&copy, allowed);
    }
    for (enum sim_cut how = SIM_CUT_SUBSET; how < SIM_CUTS; how++)
        for (int i = 0; i < EACH; i++)
            cut(run, r, how, allowed);
}

/* The worst one, and some others. */
static void some_cuts(const struct run *run, struct rand *r, struct allowed allowed, int count)
{
    seen.count = 0;
    cut(run, r, SIM_CUT_LOSE_ALL, allowed);
    while (--count > 0)
        cut(run, r, (enum sim_cut)(1 + rand_below(r, SIM_CUTS - 1)), allowed);
}

static struct run new_run(const struct script *script, uint64_t n)
{
    struct run run;

    script_start(&run, script, sim_disk_new(&sim_mem));
    run.io_seed = script->seed + n;
    sim_disk_print(run.disk, sim_args.trace);
    return run;
}

/* All the batches, perhaps beside a slow reader. */
static struct allowed live(struct run *run, struct states *done)
{
    struct allowed allowed = write_batches(run, done, 1);

    if (done->of[0] == 0 || allowed.acknowledged[0] != allowed.last[0])
        return allowed;
    if (run->script->reads && script_reader_begin(run, done->of[0]) != ELOQ_OK
        && !sim_disk_stopped(run->disk))
        fail("a reader does not begin");
    allowed = write_batches(run, done, run->script->batches - 1);
    if (run->reader && script_reader_end(run) != 0 && !sim_disk_stopped(run->disk))
        fail("a reader does not see its moment");
    return allowed;
}

/* ---- rows ---- */

/* Stopped within `most` operations. */
static void row_killed(const struct run *run, struct rand *r, struct allowed allowed, uint64_t most)
{
    struct run copy = script_copy(run);

    begin_row("killed, restarted, power cut");
    sim_disk_kill(copy.disk);
    sim_disk_stop_after(copy.disk, rand_below(r, most));
    allowed = go_on(&copy, allowed, run->script->batches - 1);
    some_cuts(&copy, r, allowed, 3);
    sim_disk_free(copy.disk);
}

static void row_copied(const struct run *run, struct rand *r, struct allowed allowed)
{
    struct run copy = script_copy(run);

    begin_row("copied, not flushed, power cut");
    sim_disk_unsync(copy.disk, SCRIPT_PATH, run->script->has_two_paths ? SCRIPT_OTHER_PATH : NULL);
    allowed = go_on(&copy, allowed, 1);
    some_cuts(&copy, r, allowed, 3);
    sim_disk_free(copy.disk);
}

/* The data files as they would be had nothing been lost; not those that the open wrote to, as its
 * compaction does: its pages may be where the lost ones were. */
static void give_back(struct run *run, const struct run *before, const struct run *whole)
{
    char path[64];
    struct bytes now, then;

    for (unsigned id = 0; id < FILES_GIVEN_BACK; id++) {
        snprintf(path, sizeof(path), SCRIPT_PATH "/power.0/data_%u_0", id);
        bytes_init(&now, &sim_mem, MEM_OTHER);
        bytes_init(&then, &sim_mem, MEM_OTHER);
        if (sim_disk_get(run->disk, path, &now) == 0 && sim_disk_get(before->disk, path, &then) == 0
            && model_compare(now.data, now.size, then.data, then.size) == 0
            && sim_disk_get(whole->disk, path, &now) == 0)
            sim_disk_put(run->disk, path, now.data, now.size);
        bytes_free(&then);
        bytes_free(&now);
    }
}

/* An open that dropped the commit under way answers the state before it, and goes on to do so even
 * if what it found missing can be read later, also after another power cut. */
static void row_comes_back(const struct run *run, struct rand *r, struct allowed allowed)
{
    struct run copy = script_copy(run), whole = script_copy(run);
    struct states at = { { 0 } };

    begin_row("what was missing comes back");
    sim_disk_power_cut(whole.disk, r, SIM_CUT_KEEP_ALL);
    begin_cut(rand_below(r, 2) ? SIM_CUT_SUBSET : SIM_CUT_TORN);
    sim_disk_power_cut(copy.disk, r, (enum sim_cut)where_cut);
    struct run before = script_copy(&copy);
    script_must_open(&copy);
    find_states(&copy, allowed, &at);
    uint64_t dropped = 0;
    if (eloq_stat(copy.db, "manifest_tails_dropped", &dropped) < 0)
        fail("no such number");
    script_must_close(&copy);
    if (dropped > 0) {
        if (where_n % 2)
            sim_disk_power_cut(copy.disk, r, SIM_CUT_LOSE_ALL);
        give_back(&copy, &before, &whole);
        script_must_open(&copy);
        must_hold(&copy, at, "what was answered is another state now");
        script_must_close(&copy);
        ++*counted;
    }
    sim_disk_free(copy.disk);
    sim_disk_free(before.disk);
    sim_disk_free(whole.disk);
}

/* All but `failing`; `copied` now and then. */
static void rows_stopped(const struct script *script, uint64_t n)
{
    struct run run = new_run(script, n);
    struct allowed allowed = { 0 };
    struct states done = { { 0 } };
    struct rand r;

    begin_row("power cut");
    counted = &tried.cut;
    rand_seed(&r, script->seed * 100000 + n);
    sim_disk_stop_after(run.disk, n);
    if (script_open(&run) == ELOQ_OK)
        allowed = live(&run, &done);
    script_must_close(&run);

    all_cuts(&run, &r, allowed);
    begin_row("power cut during recovery");
    counted = &tried.again;
    for (int count = 1; count <= 3; count++)
        cut_again(&run, &r, allowed, count);
    for (uint64_t most = 60; most > 10; most /= 2)
        row_killed(&run, &r, allowed, most);
    for (int i = 0; i < 3 && script->is_one_flush; i++)
        row_comes_back(&run, &r, allowed);
    if (allowed.acknowledged[0] > 0 && rand_below(&r, 8) == 0)
        row_copied(&run, &r, allowed);
    sim_disk_free(run.disk);
}

/* Batches one after the other, each over the last acknowledged one. Twice refused, the store is
 * reopened (but see row_failing), the kernel keeping what it shows. */
static struct allowed write_through(struct run *run, struct allowed allowed)
{
    unsigned last = allowed.last[0] + run->script->batches, refused = 0, reopened = 0;

    for (unsigned next = allowed.last[0]; next <= last; next++) {
        allowed.last[0] = next;
        if (script_write(run, allowed.acknowledged[0], next) == ELOQ_OK) {
            allowed.acknowledged[0] = next;
            refused = 0;
            continue;
        }
        int holds = script_holds(run, allowed.acknowledged[0]);
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
        script_must_close(run);
        int rc = script_open(run);
        if (sim_disk_stopped(run->disk))
            break;
        if (rc < 0)
            fail("does not reopen");
        if (!find_state_of(run, 0, allowed, &allowed.acknowledged[0]))
            break;
        refused = 0;
    }
    return allowed;
}

static void row_failing(const struct script *script, uint64_t n)
{
    static const int errnos[] = { EIO, EIO, ENOSPC, EMFILE };
    struct run run = new_run(script, n);
    struct allowed allowed = { .last = { 1 } };
    struct rand r;

    begin_row("a failure, power cut");
    counted = &tried.failing;
    rand_seed(&r, script->seed * 100000 + n + 50000);
    struct sim_fault fault = { .kinds = SIM_MUTATIONS & ~SIM_KIND(IO_OPEN),
                               .nth = n + 1,
                               .sys_errno = errnos[rand_below(&r, 4)] };
    fault.lose = rand_below(&r, 2) && fault.sys_errno != EMFILE; /* that one did not begin */
    sim_disk_fail(run.disk, &fault);
    if (rand_below(&r, 2))
        sim_disk_stop_after(run.disk, n + 1 + rand_below(&r, rand_below(&r, 2) ? 4 : 60));
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
    script_must_close(&run);
    /* What the kernel shows may be lost on the disk, and held for clean. */
    if (!sim_disk_lost_names(run.disk) && rand_below(&r, 2)) {
        begin_row("a failure, killed, restarted, power cut");
        sim_disk_kill(run.disk);
        sim_disk_heal(run.disk);
        sim_disk_stop_after(run.disk, rand_below(&r, 60));
        allowed = go_on(&run, allowed, 2);
    }
    some_cuts(&run, &r, allowed, 3);
    sim_disk_free(run.disk);
}

static uint64_t count_operations(const struct script *script)
{
    struct run run = new_run(script, 0);

    begin_row("nothing happens");
    script_must_open(&run);
    struct states done = { { 0 } };
    if (live(&run, &done).acknowledged[0] != script->batches)
        fail("takes no batch");
    kinds_add(&run);
    script_must_close(&run);
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
    uint64_t sample = boundaries                   ? boundaries
                      : sim_args.cases == 0        ? 100
                      : sim_args.cases < ALL_CASES ? 1 + sim_args.cases / (SCRIPTS * CASES_EACH)
                                                   : total + 1;
    for (uint64_t n = 0; n <= total; n++) {
        if (only_at == SIM_ARG_NONE ? rand_below(&r, total) >= sample : n != only_at)
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
    sim_args.scripts_min = SCRIPTS;
    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    mem_init(&sim_mem, 0);
    script_fail = fail;
    for (uint64_t seed; sim_args_next(tried.cut, &seed);)
        run_script(seed);
    const char *missing = kinds_print();
    if (missing && sim_args.cases > 0 && sim_args.script == SIM_ARG_NONE) {
        fprintf(stderr, "power_test: no script has: %s\n", missing);
        return 1;
    }
    printf("%llu power cuts after a failure\n", (unsigned long long)tried.failing);
    sim_args_row(1, tried.cut, 0, NULL);
    sim_args_row(2, tried.again, 0, NULL);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
