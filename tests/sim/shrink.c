/* sim/shrink.c -- makes the script of a failure smaller, as long as it fails. */
#include "sim/shrink.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "sim/sim_args.h"

#define SECONDS 30 /* of one attempt; a script that hangs then still fails */
#define ARGUMENTS_MAX 64
#define VALUE_BYTES 80000 /* no value is larger */
#define KEYS 250
#define PAIRS 200

static const char *further; /* an option, or NULL */

/* This program with the same arguments and those that come after, not to shrink again. */
static char *const *make_arguments(uint64_t seed)
{
    static char *arguments[ARGUMENTS_MAX], limits[200], script[40];
    int n = 0;

    CHECK(sim_args.argc < ARGUMENTS_MAX / 2);
    for (int i = 0; i < sim_args.argc; i++)
        if (strcmp(sim_args.argv[i], "--shrink") != 0 && strcmp(sim_args.argv[i], "--trace") != 0)
            arguments[n++] = sim_args.argv[i];
    snprintf(script, sizeof(script), "--script=%llu", (unsigned long long)seed);
    arguments[n++] = script;
    if (further)
        arguments[n++] = (char *)(uintptr_t)further;
    snprintf(limits, sizeof(limits), "%s", sim_args_limits());
    for (char *word = strtok(limits, " "); word && n < ARGUMENTS_MAX - 1; word = strtok(NULL, " "))
        arguments[n++] = word;
    arguments[n] = NULL;
    return arguments;
}

/* Runs it in a process; whether it fails. */
static bool fails(uint64_t seed, bool speaks)
{
    char *const *arguments = make_arguments(seed);
    int status = 0;

    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        if (!speaks) {
            dup2(null, 1);
            dup2(null, 2);
        }
        alarm(SECONDS);
        execv("/proc/self/exe", arguments);
        _exit(0);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status != 0;
}

/* The smallest power-of-two part of *limit, down to `least`, with which it fails. */
static void lower(uint64_t seed, uint64_t *limit, uint64_t first, uint64_t least)
{
    uint64_t before = *limit;

    for (uint64_t n = MAX(first / 2, least); n > 0; n = n > least ? MAX(n / 2, least) : 0) {
        *limit = n;
        if (!fails(seed, false))
            break;
        before = n;
        if (n == least)
            break;
    }
    *limit = before;
}

static void set(uint64_t seed, bool *flag)
{
    *flag = true;
    *flag = fails(seed, false);
}

static void print_batch(const struct model *from, const struct model *to, unsigned k)
{
    fprintf(stderr, "  batch %u:", k);
    for (size_t i = 0; i < to->count; i++) {
        const struct model_pair *p = &to->pairs[i], *old = model_find(from, p->key, p->key_size);
        if (!old || old->expire_at != p->expire_at
            || model_compare(old->value, old->value_size, p->value, p->value_size) != 0)
            fprintf(stderr, " %.*s=%zu%s", (int)p->key_size, p->key, p->value_size,
                    p->expire_at ? " expiring" : "");
    }
    for (size_t i = 0; i < from->count; i++)
        if (!model_find(to, from->pairs[i].key, from->pairs[i].key_size))
            fprintf(stderr, " -%.*s", (int)from->pairs[i].key_size, from->pairs[i].key);
    fprintf(stderr, "\n");
}

static void print_script(uint64_t seed)
{
    struct script s;

    script_make(&s, seed);
    fprintf(stderr, "shrunk to: %s, files of %u pages, %u partitions, %s%s%s%s%s%s\n",
            s.append ? "append" : "in place", 1U << s.shift, s.parts,
            s.has_two_paths ? "two paths" : "one path", s.expires ? ", cleaned" : "",
            s.append && s.compacts ? ", compacted" : "", s.is_ahead ? ", written ahead" : "",
            s.is_one_flush ? ", one flush" : "", s.is_evicted ? ", evicted" : "");
    for (unsigned k = 1; k <= s.batches; k++)
        print_batch(&s.states[k - 1], &s.states[k], k);
    script_free(&s);
}

void shrink(uint64_t seed, const char *also)
{
    if (!sim_args.shrink)
        return;
    further = also;
    alarm(0);
    set(seed, &sim_args.plain);
    for (uint64_t n = 1; n < SCRIPT_BATCHES_MAX; n++) {
        sim_args.batches = n;
        if (fails(seed, false))
            break;
        sim_args.batches = 0;
    }
    lower(seed, &sim_args.pairs, PAIRS, 1);
    lower(seed, &sim_args.values, VALUE_BYTES, 1);
    lower(seed, &sim_args.keys, KEYS, 1);
    print_script(seed);
    if (!fails(seed, true))
        fprintf(stderr, "shrunk, it does not fail again\n");
}
