/* tests/sim/trace_test.c -- the same seed twice gives the same life: every operation, every byte
 * written, every answer.
 *
 *     trace_test [--seed N] [--cases N] [--script N]
 *
 * A script (sim/script.h) with a failing operation, a stop, a power cut and a recovery, run twice
 * on fresh disks: the traces are equal. Other seeds of the I/O give other traces, so the trace does
 * tell; one of them may fail and stop at the same operations by chance. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/script.h"
#include "sim/sim_args.h"

static struct mem sim_mem;

static uint64_t live(const struct script *script, uint64_t io_seed)
{
    struct run run;
    struct rand r;
    unsigned acknowledged = 0;

    script_start(&run, script, sim_disk_new(&sim_mem));
    run.io_seed = io_seed;
    rand_seed(&r, io_seed);
    sim_disk_fail(run.disk, &(struct sim_fault){ .kinds = SIM_MUTATIONS,
                                                 .nth = 1 + rand_below(&r, 60),
                                                 .sys_errno = EIO });
    sim_disk_stop_after(run.disk, 60 + rand_below(&r, 60));
    if (script_open(&run) == ELOQ_OK)
        for (unsigned next = 1; next <= script->batches; next++)
            if (script_write(&run, acknowledged, next) == ELOQ_OK)
                acknowledged = next;
    script_close(&run);
    sim_disk_power_cut(run.disk, &r, (enum sim_cut)rand_below(&r, SIM_CUTS));
    sim_disk_heal(run.disk);
    if (script_open(&run) == ELOQ_OK) {
        script_holds(&run, acknowledged);
        script_write(&run, acknowledged, acknowledged + 1);
    }
    script_close(&run);
    uint64_t trace = sim_disk_trace(run.disk);
    sim_disk_free(run.disk);
    return trace;
}

#define OTHERS 8

static bool others_differ(const struct script *script, uint64_t seed, uint64_t trace)
{
    for (uint64_t other = seed + 1; other <= seed + OTHERS; other++)
        if (live(script, other) != trace)
            return true;
    return false;
}

static unsigned run_script(uint64_t seed)
{
    struct script script;
    unsigned failed = 0;

    script_make(&script, seed);
    uint64_t first = live(&script, seed), second = live(&script, seed);
    bool tells = others_differ(&script, seed, first);
    if (first != second || !tells) {
        fprintf(stderr, "trace_test: script %llu: traces %llx, %llx%s\n", (unsigned long long)seed,
                (unsigned long long)first, (unsigned long long)second,
                tells ? "" : "; of other seeds, too");
        fprintf(stderr, "repeat: trace_test --script %llu\n", (unsigned long long)seed);
        failed = 1;
    }
    script_free(&script);
    return failed;
}

int main(int argc, char **argv)
{
    uint64_t tried = 0, failed = 0;

    sim_args.scripts = 1000;
    sim_args_parse(argc, argv, NULL, 0);
    mem_init(&sim_mem, 0);
    for (uint64_t seed; sim_args_next(tried, &seed); tried++)
        failed += run_script(seed);
    sim_args_row(17, tried, failed, NULL);
    return failed ? 1 : 0;
}
