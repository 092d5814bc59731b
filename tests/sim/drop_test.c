/* tests/sim/drop_test.c -- a partition goes, and the power with it.
 *
 *     drop_test [--seed N] [--scripts N | --cases N] [--script N [--at N]] [--verbose] [--trace]
 *
 * A partition is dropped, or truncated as a whole: after some batches, perhaps with an archive; or
 * after a process that was killed in its first batch. Or only its tail goes, in place, and the file
 * is cut. It stops after each of the operations this
 * takes; then
 *
 *   cut      the power goes: it is there as it was, or empty; empty if that was acknowledged
 *   killed   the process goes instead, the next one drops it again, and stops; then the power goes
 *   failed   the operation fails; it is dropped again, takes a batch, and the power goes
 *
 * and each time it takes a batch, which lasts. On failure: where, the command that repeats it, and
 * exit 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/oracle.h"
#include "sim/script.h"
#include "sim/shrink.h"
#include "sim/sim_args.h"

#define CUTS 10 /* ways the power goes, at each operation */
#define STARTS 3
#define STOPS 4
#define TAIL_EVERY 6 /* of 8 scripts: one file */
#define TAIL_VALUES 30
#define TAIL_VALUE_BYTES 60000
#define BIT(state) (UINT32_C(1) << (state))

static struct mem sim_mem;
static uint64_t tried, where_script, where_n, only_at = SIM_ARG_NONE;
static const char *where = "";

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "drop_test: script %llu, operation %llu, %s: %s (%s)\n",
            (unsigned long long)where_script, (unsigned long long)where_n, where, what,
            eloq_errmsg());
    fprintf(stderr, "repeat: drop_test --script %llu --at %llu%s\n",
            (unsigned long long)where_script, (unsigned long long)where_n, sim_args_limits());
    shrink(where_script, NULL);
    exit(1);
}

/* Where a drop begins. */
struct start {
    unsigned state;   /* acknowledged; 0: the first batch is killed */
    unsigned after;   /* what is left: nothing, or the state without its tail */
    bool has_archive; /* of it */
    uint64_t killed_at;
};

/* In place: an open run is watched where it is. */
static void begin(struct run *run, const struct script *script, const struct start *start)
{
    script_start(run, script, sim_disk_new(&sim_mem));
    sim_disk_print(run->disk, sim_args.trace);
    if (start->state == 0) {
        sim_disk_stop_after(run->disk, start->killed_at);
        if (script_open(run) == ELOQ_OK)
            (void)script_write(run, 0, 1);
        script_must_close(run);
        sim_disk_kill(run->disk);
    }
    script_must_open(run);
    for (unsigned k = 0; k < start->state; k++)
        if (script_write(run, k, k + 1) != ELOQ_OK)
            fail("is not written");
    if (start->has_archive && eloq_archive(run->db, script_part, 100) != ELOQ_OK)
        fail("is not archived");
}

static int drop(struct run *run, const struct start *start)
{
    if (start->after > 0)
        return script_write(run, start->state, start->after);
    if (run->script->seed % 2)
        return eloq_truncate(run->db, script_part, eloq_str(""));
    return eloq_drop(run->db, script_part.table);
}

/* It holds one of the states it may hold, a bit each; it takes a batch, which lasts. */
static void recover(struct run *run, uint32_t allowed)
{
    script_must_open(run);
    unsigned at = script_find(run, 0, allowed);
    if (at == SCRIPT_STATES)
        fail("neither what it was nor empty");
    if (script_write(run, at, at + 1) != ELOQ_OK)
        fail("takes no batch");
    script_must_close(run);
    script_must_open(run);
    if (script_holds(run, at + 1) != 0)
        fail("the batch after recovery is gone");
    script_must_close(run);
    tried++;
}

static void cut(const struct run *run, struct rand *r, enum sim_cut how, uint32_t allowed)
{
    struct run copy = script_copy(run);

    sim_disk_power_cut(copy.disk, r, how);
    recover(&copy, allowed);
    sim_disk_free(copy.disk);
}

static void killed(const struct run *run, const struct start *start, struct rand *r,
                   uint32_t allowed)
{
    struct run copy = script_copy(run);

    where = "killed, dropped again, power cut";
    sim_disk_kill(copy.disk);
    sim_disk_stop_after(copy.disk, 1 + rand_below(r, 12));
    bool is_gone = script_open(&copy) == ELOQ_OK && drop(&copy, start) == ELOQ_OK;
    if (!is_gone && !sim_disk_stopped(copy.disk))
        fail("is not dropped");
    script_must_close(&copy);
    for (int i = 0; i < 2; i++)
        cut(&copy, r, i ? SIM_CUT_LOSE_ALL : SIM_CUT_NAMES, is_gone ? BIT(start->after) : allowed);
    sim_disk_free(copy.disk);
}

/* Before the drop, and after it. Of what a killed process left the whole may come back. */
static uint32_t may_hold(const struct start *start)
{
    return BIT(start->after) | BIT(start->state ? start->state : 1);
}

/* One operation fails, a flush with the loss of what it was to flush; the partition is dropped
 * again, and takes a batch if it can. Whether the fault struck. */
static bool failing(const struct script *script, const struct start *start, uint64_t n)
{
    struct sim_fault fault = {
        .kinds = SIM_MUTATIONS & ~SIM_KIND(IO_OPEN), .nth = n, .sys_errno = EIO, .lose = n % 2
    };
    uint32_t allowed = may_hold(start);
    struct run run;
    struct rand r;

    begin(&run, script, start);
    where = "a failure, dropped again, power cut";
    where_n = n;
    rand_seed(&r, script->seed * 1000 + n);
    uint64_t before = sim_disk_struck(run.disk);
    sim_disk_fail(run.disk, &fault);
    bool is_gone = drop(&run, start) == ELOQ_OK || drop(&run, start) == ELOQ_OK;
    bool has_struck = sim_disk_struck(run.disk) > before;
    sim_disk_heal(run.disk);
    if (is_gone)
        allowed = BIT(start->after);
    unsigned k = script_find(&run, 0, allowed);
    if (k == SCRIPT_STATES)
        fail("after a failure it is neither what it was nor empty");
    allowed = script_write(&run, k, k + 1) == ELOQ_OK ? BIT(k + 1) : allowed | BIT(k + 1);
    script_must_close(&run);
    cut(&run, &r, SIM_CUT_LOSE_ALL, allowed);
    cut(&run, &r, SIM_CUT_NAMES, allowed);
    sim_disk_free(run.disk);
    return has_struck;
}

/* The same, and the disk stops while it is dropped again. */
static void failing_stopped(const struct script *script, const struct start *start, uint64_t n)
{
    struct sim_fault fault = {
        .kinds = SIM_MUTATIONS & ~SIM_KIND(IO_OPEN), .nth = n, .sys_errno = EIO, .lose = true
    };

    where = "a failure, stopped while dropped again, power cut";
    where_n = n;
    for (uint64_t stop = 1; stop <= STOPS; stop++) {
        uint32_t allowed = may_hold(start);
        struct run run;
        struct rand r;

        begin(&run, script, start);
        rand_seed(&r, script->seed * 1000 + n);
        sim_disk_fail(run.disk, &fault);
        if (drop(&run, start) == ELOQ_OK)
            allowed = BIT(start->after);
        sim_disk_stop_after(run.disk, stop);
        if (drop(&run, start) == ELOQ_OK)
            allowed = BIT(start->after);
        script_must_close(&run);
        cut(&run, &r, SIM_CUT_LOSE_ALL, allowed);
        cut(&run, &r, SIM_CUT_KEEP_ALL, allowed);
        sim_disk_free(run.disk);
    }
}

/* One stop. Whether the drop was done before it. */
static bool stop_at(const struct script *script, const struct start *start, uint64_t n)
{
    struct run run;
    struct rand r;

    begin(&run, script, start);
    where = "power cut";
    where_n = n;
    rand_seed(&r, script->seed * 1000 + n);
    sim_disk_stop_after(run.disk, n);
    uint32_t allowed = drop(&run, start) == ELOQ_OK ? BIT(start->after) : may_hold(start);
    bool is_done = !sim_disk_stopped(run.disk);
    script_must_close(&run);
    for (int i = 0; i < CUTS; i++)
        cut(&run, &r, i < SIM_CUTS ? (enum sim_cut)i : SIM_CUT_NAMES, allowed);
    killed(&run, start, &r, allowed);
    sim_disk_free(run.disk);
    return is_done;
}

/* states[1] with a tail of so many bytes that its file is cut when they go, and states[2] without.
 */
static void make_tail(struct script *script)
{
    static uint8_t value[TAIL_VALUE_BYTES];
    struct model *with = &script->states[1], *without = &script->states[2];
    char key[16];

    model_free(without);
    model_copy(without, with);
    for (unsigned i = 0; i < TAIL_VALUES; i++) {
        snprintf(key, sizeof(key), "zz%03u", i);
        model_put(with, key, 5, value, sizeof(value), SCRIPT_WALL_US, 0, 0);
    }
}

static void run_start(const struct script *script, const struct start *start)
{
    for (uint64_t n = 1; only_at != SIM_ARG_NONE || n < 1000; n++) {
        uint64_t at = only_at == SIM_ARG_NONE ? n : only_at;
        bool is_done = stop_at(script, start, at);

        bool has_struck = failing(script, start, at);
        failing_stopped(script, start, at);
        if ((!has_struck && is_done) || only_at != SIM_ARG_NONE)
            break;
    }
}

static void run_script(uint64_t seed)
{
    struct script script;
    struct rand r;

    where_script = seed;
    script_make(&script, seed);
    script.parts = 1;
    rand_seed(&r, seed);
    for (int i = 0; i < STARTS; i++) {
        struct start start = { .state = (unsigned)i, .killed_at = 10 + rand_below(&r, 40) };

        start.has_archive = i == 2 && script.append && script.states[i].count > 0;
        run_start(&script, &start);
    }
    if (!script.append && seed % 8 == TAIL_EVERY) {
        make_tail(&script);
        run_start(&script, &(struct start){ .state = 1, .after = 2 });
    }
    if (sim_args.verbose)
        printf("script %llu: %s, shift %u, %llu tried\n", (unsigned long long)seed,
               script.append ? "append" : "in place", script.shift, (unsigned long long)tried);
    script_free(&script);
}

int main(int argc, char **argv)
{
    const struct sim_arg more[] = { { "at", &only_at, NULL } };
    uint64_t seed;

    sim_args.scripts = 24;
    sim_args_parse(argc, argv, more, 1);
    mem_init(&sim_mem, 0);
    script_fail = fail;
    while (sim_args_next(tried, &seed))
        run_script(seed);
    sim_args_row(1, tried, 0, NULL);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
