/* tests/sim/dictionary_test.c -- power cuts and failures around the commit that stores a
 * dictionary.
 *
 *     dictionary_test [--seed N] [--scripts N | --cases N] [--script N] [--trace]
 *
 * A store takes a batch, then one whose values make a dictionary, then one more. At each mutating
 * operation of the second one, in place and appending:
 *
 *   cut      the power goes there: the store opens and holds the first batch, or whole the second,
 *            whether it compresses or not, and takes another
 *   failed   the operation fails instead: the store holds the first batch; the second is taken when
 *            it comes again, with the dictionary that was made, and survives
 *
 * `check` reads every value each time. On failure: the command that repeats it, and exit 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/oracle.h"
#include "sim/script.h"
#include "sim/sim_args.h"

#define PAIRS 420
#define VALUE_BYTES 4000 /* together enough for a dictionary */

static uint64_t seed, where_n, tried;
static const char *where = "", *mode = "";
static struct mem sim_mem;

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "dictionary_test: seed %llu, %s, operation %llu, %s: %s (%s)\n",
            (unsigned long long)seed, mode, (unsigned long long)where_n, where, what,
            eloq_errmsg());
    fprintf(stderr, "repeat: dictionary_test --script %llu --trace\n", (unsigned long long)seed);
    exit(1);
}

static void add_text(struct model *m, struct rand *r, unsigned number, size_t size)
{
    static const char *const words[] = { "apple ", "store ", "partition ", "page ", "value " };
    static char value[VALUE_BYTES];
    char key[16];

    for (size_t at = 0; at < size;) {
        const char *word = words[rand_below(r, 5)];
        size_t n = MIN(strlen(word), size - at);
        memcpy(value + at, word, n);
        at += n;
    }
    snprintf(key, sizeof(key), "key%04u", number);
    model_put(m, key, 7, value, size, SCRIPT_WALL_US, 0, 0);
}

static void make_script(struct script *s, bool append)
{
    struct rand r;

    memset(s, 0, sizeof(*s));
    rand_seed(&r, seed);
    s->seed = seed;
    s->append = append;
    s->compresses = true;
    s->shift = 5;
    s->parts = 1;
    for (unsigned i = 0; i < 20; i++)
        add_text(&s->states[1], &r, 5000 + i, 300);
    model_copy(&s->states[2], &s->states[1]);
    for (unsigned i = 0; i < PAIRS; i++)
        add_text(&s->states[2], &r, i, VALUE_BYTES);
    model_copy(&s->states[3], &s->states[2]);
    for (unsigned i = 0; i < 30; i++)
        add_text(&s->states[3], &r, i * 10, 500);
}

static void must_write(struct run *run, unsigned from, unsigned to)
{
    if (script_write(run, from, to) != ELOQ_OK)
        fail("takes no batch");
}

/* Which of the two states it is; every value is read. */
static unsigned find_state(struct run *run)
{
    if (eloq_check(run->db, script_part, script_tell_damage, NULL, NULL) != ELOQ_OK)
        fail("check");
    for (unsigned k = 1; k <= 2; k++)
        if (script_holds(run, k) == 0)
            return k;
    fail("neither the first batch nor the second");
}

static uint64_t dictionaries_made(struct run *run)
{
    uint64_t made = 0;

    if (eloq_stat(run->db, "dictionaries_made", &made) < 0)
        fail("stat");
    return made;
}

static void cut(const struct run *run, struct rand *r, enum sim_cut how, bool acknowledged)
{
    struct run copy = script_copy(run);
    struct script plain = *run->script;

    sim_disk_power_cut(copy.disk, r, how);
    plain.compresses = how % 2; /* reading does not depend on it */
    copy.script = &plain;
    script_must_open(&copy);
    unsigned at = find_state(&copy);
    if (acknowledged && at != 2)
        fail("an acknowledged batch is gone");
    must_write(&copy, at, 3);
    script_must_close(&copy);
    script_must_open(&copy);
    if (script_holds(&copy, 3) != 0)
        fail("the batch after the cut is gone");
    script_must_close(&copy);
    sim_disk_free(copy.disk);
    tried++;
}

/* False when the second batch needs no n-th operation. */
static bool try_cut(const struct run *base, uint64_t n)
{
    struct run run = script_copy(base);
    struct rand r;

    where = "cut";
    where_n = n;
    rand_seed(&r, seed * 1000 + n);
    script_must_open(&run);
    sim_disk_stop_after(run.disk, n);
    bool acknowledged = script_write(&run, 1, 2) == ELOQ_OK;
    bool is_over = !sim_disk_stopped(run.disk);
    if (acknowledged && dictionaries_made(&run) != 1)
        fail("no dictionary was made");
    script_must_close(&run);
    for (enum sim_cut how = 0; how < SIM_CUTS; how++)
        cut(&run, &r, how, acknowledged);
    sim_disk_free(run.disk);
    return !is_over;
}

/* The n-th operation fails. */
static bool try_failure(const struct run *base, uint64_t n)
{
    struct run run = script_copy(base);
    struct rand r;

    where = "failed";
    where_n = n;
    rand_seed(&r, seed * 1000 + n);
    script_must_open(&run);
    struct sim_fault fault = { .kinds = SIM_MUTATIONS, .nth = n + 1, .sys_errno = EIO };
    sim_disk_fail(run.disk, &fault);
    int rc = script_write(&run, 1, 2);
    bool has_struck = sim_disk_struck(run.disk) > 0;
    sim_disk_heal(run.disk);
    if (rc != ELOQ_OK) {
        if (script_holds(&run, 1) != 0)
            fail("it is not what was acknowledged");
        if (script_write(&run, 1, 2) != ELOQ_OK) { /* refused, until it is reopened */
            script_must_close(&run);
            script_must_open(&run);
            if (find_state(&run) == 1)
                must_write(&run, 1, 2);
        } else if (dictionaries_made(&run) != 1) {
            fail("a dictionary was made twice");
        }
    }
    if (find_state(&run) != 2)
        fail("the second batch is not there");
    must_write(&run, 2, 3);
    script_must_close(&run);
    sim_disk_power_cut(run.disk, &r, SIM_CUT_LOSE_ALL);
    script_must_open(&run);
    if (script_holds(&run, 3) != 0)
        fail("what was acknowledged is gone");
    script_must_close(&run);
    sim_disk_free(run.disk);
    return has_struck;
}

static void run_mode(bool append)
{
    static struct script script;
    struct run run;
    uint64_t n = 0, m = 0;

    mode = append ? "append" : "in place";
    make_script(&script, append);
    script_start(&run, &script, sim_disk_new(&sim_mem));
    script_must_open(&run);
    must_write(&run, 0, 1);
    script_must_close(&run);
    while (try_cut(&run, n))
        n++;
    while (try_failure(&run, m))
        m++;
    sim_disk_free(run.disk);
    script_free(&script);
}

int main(int argc, char **argv)
{
    sim_args_parse(argc, argv, NULL, 0);
    mem_init(&sim_mem, 0);
    script_fail = fail;
    while (sim_args_next(tried, &seed)) {
        run_mode(false);
        run_mode(true);
    }
    sim_args_row(1, tried, 0, NULL);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
