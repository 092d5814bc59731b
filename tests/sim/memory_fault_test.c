/* tests/sim/memory_fault_test.c -- a store that gets no memory: at every allocation, once or from
 * then on.
 *
 *     memory_fault_test [--seed N] [--scripts N | --cases N] [--sample N]
 *     memory_fault_test --script N --nth N [--forever]
 *
 * For each script (sim/script.h) and each allocation of its life (about `sample` of them): the
 * caller is told ELOQ_NO_MEMORY and nothing else; what is in memory stays right; once there is
 * memory again the next batch succeeds without reopening; nothing is left in memory at close; and
 * what was acknowledged is there after reopening and a power cut.
 *
 * On failure: the command that repeats it, and exit 1. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sim/oracle.h"
#include "sim/script.h"
#include "sim/shrink.h"
#include "sim/sim_args.h"

#define SECONDS 60 /* a case that takes longer hangs */

static uint64_t sample = 300, only_nth = SIM_ARG_NONE;
static bool only_forever;

static struct mem sim_mem;
static uint64_t tried;
static uint64_t where_script, where_nth;
static const char *where = "";

/* The allocation that fails; 0 = none. */
static struct {
    uint64_t count, at;
    bool forever;
} fault;

static bool should_fail(void *user, size_t size)
{
    (void)user;
    (void)size;
    fault.count++;
    return fault.at && (fault.forever ? fault.count >= fault.at : fault.count == fault.at);
}

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "memory_fault_test: script %llu, allocation %llu%s, %s: %s (%s)\n",
            (unsigned long long)where_script, (unsigned long long)where_nth,
            fault.forever ? " and all later" : "", where, what, eloq_errmsg());
    fprintf(stderr, "repeat: memory_fault_test --script %llu --nth %llu%s%s\n",
            (unsigned long long)where_script, (unsigned long long)where_nth,
            fault.forever ? " --forever" : "", sim_args_limits());
    shrink(where_script, NULL);
    exit(1);
}

static void on_alarm(int signal)
{
    (void)signal;
    fail("hangs");
}

static bool is_over(void)
{
    return fault.at == 0 || (!fault.forever && fault.count >= fault.at);
}

static void expect_no_memory(int rc)
{
    if (rc < 0 && rc != ELOQ_NO_MEMORY)
        fail("another failure than ELOQ_NO_MEMORY");
}

static void open_anyhow(struct run *run)
{
    where = "open";
    int rc = script_open(run);
    if (rc == ELOQ_OK)
        return;
    expect_no_memory(rc);
    fault.at = 0;
    if (script_open(run) < 0)
        fail("does not open when there is memory again");
}

/* Reads, which fail for want of memory or are right. */
static void read_all(struct run *run, unsigned acknowledged)
{
    eloq_record record = { 0 };
    bool over = is_over();

    where = "scan";
    int rc = script_holds(run, acknowledged);
    expect_no_memory(rc);
    if (rc > 0)
        fail("not what was acknowledged");
    if (over && rc < 0)
        fail("fails though there is memory");
    where = "get";
    rc = eloq_get(run->db, script_part, eloq_str("turn"), &record);
    expect_no_memory(rc);
    if (rc >= 0
        && (rc == ELOQ_OK) != (model_find(&run->script->states[acknowledged], "turn", 4) != NULL))
        fail("a read answers what is not so");
    eloq_record_free(&record);
    where = "check";
    rc = eloq_check(run->db, script_part, NULL, NULL, NULL);
    expect_no_memory(rc);
}

static unsigned live(struct run *run)
{
    unsigned acknowledged = 0, end = run->script->batches;

    open_anyhow(run);
    for (unsigned next = 1; next <= end || acknowledged + 1 < next; next++) {
        bool over = is_over();
        where = "batch";
        int rc = script_write(run, acknowledged, next);
        expect_no_memory(rc);
        if (rc == ELOQ_OK)
            acknowledged = next;
        else if (over)
            fail("fails though there is memory");
        read_all(run, acknowledged);
        if (rc < 0 && next > end)
            fault.at = 0;
    }
    return acknowledged;
}

static void must_hold(struct run *run, unsigned acknowledged)
{
    if (eloq_check(run->db, script_part, NULL, NULL, NULL) < 0)
        fail("check");
    if (script_holds(run, acknowledged) != 0)
        fail("not what was acknowledged");
}

static void one_case(const struct script *script, uint64_t nth, bool forever)
{
    struct run run;
    struct rand r;

    script_start(&run, script, sim_disk_new(&sim_mem));
    run.mem_fail = should_fail;
    where_nth = nth;
    fault.count = 0;
    fault.at = nth;
    fault.forever = forever;
    alarm(SECONDS);
    unsigned acknowledged = live(&run);
    where = "close";
    script_must_close(&run);
    fault.at = 0;

    where = "reopened";
    script_must_open(&run);
    must_hold(&run, acknowledged);
    if (script_write(&run, acknowledged, acknowledged + 1) < 0)
        fail("takes no batch");
    script_must_close(&run);
    where = "power cut";
    rand_seed(&r, nth);
    sim_disk_power_cut(run.disk, &r, SIM_CUT_LOSE_ALL);
    script_must_open(&run);
    must_hold(&run, acknowledged + 1);
    script_must_close(&run);
    sim_disk_free(run.disk);
    tried++;
}

static void run_script(uint64_t seed)
{
    struct script script;
    struct rand r;

    script_make(&script, seed);
    rand_seed(&r, seed);
    where_script = seed;
    if (only_nth != SIM_ARG_NONE) {
        one_case(&script, only_nth, only_forever);
        script_free(&script);
        return;
    }
    for (int forever = 0; forever < 2; forever++) {
        one_case(&script, UINT64_MAX, false);
        uint64_t total = fault.count;
        uint64_t step = total / sample + 1;
        for (uint64_t nth = 1; nth <= total;
             nth += step == 1 ? 1 : 1 + rand_below(&r, 2 * step - 1))
            one_case(&script, nth, forever);
    }
    script_free(&script);
}

int main(int argc, char **argv)
{
    static const struct sim_arg more[] = { { "sample", &sample, NULL },
                                           { "nth", &only_nth, NULL },
                                           { "forever", NULL, &only_forever } };

    sim_args.scripts = 8;
    sim_args.spacing = 10000;
    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    signal(SIGALRM, on_alarm);
    mem_init(&sim_mem, 0);
    script_fail = fail;
    for (uint64_t seed; sim_args_next(tried, &seed);)
        run_script(seed);
    sim_args_row(7, tried, 0, NULL);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
