/* sim/sim_args.h -- what a program of the simulation is asked, and what it answers.
 *
 *     --seed N      the base seed: its scripts are N * spacing (1000) and on
 *     --scripts N   so many of them
 *     --cases N     instead: scripts until so many cases were tried
 *     --script N    just this one, as a failure names it
 *     --shrink      of a script that fails, look for a smaller one
 *     --batches, --pairs, --keys, --values N, --plain
 *                   limits of a script, as shrinking found them: batches, pairs of a batch, keys,
 *                   bytes of a value; one shard, one path, nothing compacted, cleaned, written
 * ahead
 *     --trace       every operation, to stderr
 *     --verbose     a line for each script
 *
 * and what the program itself adds. At its end it prints a line for each row of the scoreboard that
 * it tried (tests/score/rows.py). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define SIM_ARG_NONE UINT64_MAX

struct sim_args {
    uint64_t seed, scripts, cases, script;
    int argc; /* as it was called */
    char **argv;
    uint64_t scripts_min; /* with --cases, too */
    uint64_t spacing;
    uint64_t batches, pairs, keys, values; /* 0 = no limit */
    bool plain, shrink, trace, verbose;
};

/* Defaults may be set before they are parsed: seed 1, no cases and one script, spacing 1000 unless
 * told. */
extern struct sim_args sim_args;

/* An option of one program: a number, or else a flag. */
struct sim_arg {
    const char *name;
    uint64_t *number;
    bool *flag;
};

/* `more` may be NULL. Anything unknown ends the program. */
void sim_args_parse(int argc, char **argv, const struct sim_arg *more, unsigned more_count);
/* The next script to run; false: it is enough. `tried`: the cases so far. */
bool sim_args_next(uint64_t tried, uint64_t *ret_script);
/* The limits as options, for the command that repeats a failure. Static. */
const char *sim_args_limits(void);
/* A row of the scoreboard; `text` may be NULL. */
void sim_args_row(unsigned row, uint64_t tried, uint64_t failed, const char *text);
