/* sim/sim_args.c -- what a program of the simulation is asked, and what it answers. */
#include "sim/sim_args.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/common.h"

#define MORE_MAX 16

struct sim_args sim_args = { .seed = 1, .scripts = 1, .script = SIM_ARG_NONE, .spacing = 1000 };
static uint64_t scripts_done;

static const struct sim_arg common[] = {
    { "seed", &sim_args.seed, NULL },       { "scripts", &sim_args.scripts, NULL },
    { "cases", &sim_args.cases, NULL },     { "script", &sim_args.script, NULL },
    { "batches", &sim_args.batches, NULL }, { "pairs", &sim_args.pairs, NULL },
    { "keys", &sim_args.keys, NULL },       { "values", &sim_args.values, NULL },
    { "plain", NULL, &sim_args.plain },     { "shrink", NULL, &sim_args.shrink },
    { "trace", NULL, &sim_args.trace },     { "verbose", NULL, &sim_args.verbose },
};

void sim_args_parse(int argc, char **argv, const struct sim_arg *more, unsigned more_count)
{
    const unsigned common_count = ARRAY_LEN(common), count = common_count + more_count;
    struct option options[ARRAY_LEN(common) + MORE_MAX + 1] = { 0 };
    int index;

    CHECK(more_count <= MORE_MAX);
    sim_args.argc = argc;
    sim_args.argv = argv;
    /* A store is opened and closed thousands of times: its memory need not go back in between. */
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    mallopt(M_MMAP_THRESHOLD, 512 << 20);
    for (unsigned i = 0; i < count; i++) {
        const struct sim_arg *arg = i < common_count ? &common[i] : &more[i - common_count];
        options[i] = (struct option){ .name = arg->name, .has_arg = arg->number != NULL };
    }
    int c;
    while ((c = getopt_long(argc, argv, "", options, &index)) != -1) {
        if (c != 0)
            exit(2);
        const struct sim_arg *arg =
            index < (int)common_count ? &common[index] : &more[index - (int)common_count];
        if (arg->number)
            *arg->number = strtoull(optarg, NULL, 0);
        else
            *arg->flag = true;
    }
}

bool sim_args_next(uint64_t tried, uint64_t *ret_script)
{
    uint64_t done = scripts_done++;

    if (sim_args.script != SIM_ARG_NONE) {
        *ret_script = sim_args.script;
        return done == 0;
    }
    *ret_script = sim_args.seed * sim_args.spacing + done;
    if (sim_args.cases > 0)
        return tried < sim_args.cases || done < sim_args.scripts_min;
    return done < sim_args.scripts;
}

const char *sim_args_limits(void)
{
    static char text[200];
    const struct {
        const char *name;
        uint64_t n;
    } limits[] = { { "batches", sim_args.batches },
                   { "pairs", sim_args.pairs },
                   { "keys", sim_args.keys },
                   { "values", sim_args.values } };
    size_t size = 0;

    for (size_t i = 0; i < ARRAY_LEN(limits); i++)
        if (limits[i].n > 0)
            size += (size_t)snprintf(text + size, sizeof(text) - size, " --%s %llu", limits[i].name,
                                     (unsigned long long)limits[i].n);
    snprintf(text + size, sizeof(text) - size, "%s", sim_args.plain ? " --plain" : "");
    return text;
}

void sim_args_row(unsigned row, uint64_t tried, uint64_t failed, const char *text)
{
    printf("row %u: tried %llu, failed %llu%s%s\n", row, (unsigned long long)tried,
           (unsigned long long)failed, text ? "; " : "", text ? text : "");
}
