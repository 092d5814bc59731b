/* tests/sim/fault_test.c -- the whole engine on a simulated disk that fails: at every operation,
 * once or from then on, with every error a disk gives.
 *
 *     fault_test [--seed N] [--scripts N | --cases N]
 *     fault_test --script N [--variant N] [--nth N] [--trace]
 *
 * For each script (sim/script.h), each variant of failing and each operation: the failure reaches
 * the caller with its status and its place; what is in memory stays right; a later write succeeds,
 * or is refused until the store is reopened where a flush failed; nothing is left in memory; and
 * what was acknowledged is there after reopening, another batch and a power cut. Then the same of
 * reads: they fail or are right, and are right when asked again.
 *
 * On failure: the command that repeats it, and exit 1. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "sim/oracle.h"
#include "sim/script.h"
#include "sim/shrink.h"
#include "sim/sim_args.h"

#define ALL UINT32_MAX
#define SYNCS (SIM_KIND(IO_SYNC) | SIM_KIND(IO_SYNC_DIR))
#define WRITES (SIM_KIND(IO_WRITE) | SIM_KIND(IO_PREALLOCATE) | SIM_KIND(IO_TRUNCATE))
#define TRANSFERS (SIM_KIND(IO_READ) | SIM_KIND(IO_WRITE))
#define SECONDS 60 /* a case that takes longer hangs */

static const struct variant {
    const char *name;
    uint32_t kinds;
    int sys_errno;
    bool forever, lose, passes;
    bool reads; /* of a store that is only read */
} variants[] = {
    { "EIO once", ALL, EIO, false, false, false, false },
    { "EIO once, flushes lose", ALL, EIO, false, true, false, false },
    { "EIO for ever", ALL, EIO, true, false, false, false },
    { "EIO for ever, flushes lose", ALL, EIO, true, true, false, false },
    { "ENOSPC once", ALL, ENOSPC, false, false, false, false },
    { "ENOSPC of writes for ever", WRITES, ENOSPC, true, false, false, false },
    { "EDQUOT of writes for ever", WRITES, EDQUOT, true, false, false, false },
    { "ENOSPC of flushes once, they lose", SYNCS, ENOSPC, false, true, false, false },
    { "EMFILE once", ALL, EMFILE, false, false, false, false },
    { "EMFILE of opens for ever", SIM_KIND(IO_OPEN), EMFILE, true, false, false, false },
    { "EAGAIN once", ALL, EAGAIN, false, false, false, false },
    { "EIO of flushes for ever", SYNCS, EIO, true, false, false, false },
    { "EIO of flushes for ever, they lose", SYNCS, EIO, true, true, false, false },
    { "EIO of file flushes for ever, they lose", SIM_KIND(IO_SYNC), EIO, true, true, false, false },
    { "EDQUOT once", ALL, EDQUOT, false, false, false, false },
    { "ENOSPC for ever", ALL, ENOSPC, true, false, false, false },
    { "EDQUOT for ever", ALL, EDQUOT, true, false, false, false },
    { "EMFILE for ever", ALL, EMFILE, true, false, false, false },
    { "EAGAIN for ever", ALL, EAGAIN, true, false, false, false },
    { "EIO of flushes once, they lose", SYNCS, EIO, false, true, false, false },
    { "EINTR once, in passing", ALL, EINTR, false, false, true, false },
    { "EAGAIN once, in passing", ALL, EAGAIN, false, false, true, false },
    { "short once", TRANSFERS, 0, false, false, true, false },
    { "short for ever", TRANSFERS, 0, true, false, true, false },
    { "EINTR for ever", ALL, EINTR, true, false, true, false },
    { "reads: EIO", ALL, EIO, false, false, false, true },
    { "reads: EMFILE", ALL, EMFILE, false, false, false, true },
    { "reads: EAGAIN", ALL, EAGAIN, false, false, false, true },
    { "reads: EINTR in passing", ALL, EINTR, false, false, true, true },
    { "reads: short", TRANSFERS, 0, false, false, true, true },
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static uint64_t only_variant = SIM_ARG_NONE, only_nth = SIM_ARG_NONE;

static struct mem sim_mem;
static uint64_t tried, struck, syncs_lost;
static const struct variant *variant;
static uint64_t where_script, where_nth;
static const char *where = "";

__attribute__((noreturn)) static void fail(const char *what)
{
    char also[32];

    fprintf(stderr, "fault_test: script %llu, %s, operation %llu, %s: %s (%s)\n",
            (unsigned long long)where_script, variant ? variant->name : "",
            (unsigned long long)where_nth, where, what, eloq_errmsg());
    fprintf(stderr, "repeat: fault_test --script %llu --variant %d --nth %llu%s --trace\n",
            (unsigned long long)where_script, variant ? (int)(variant - variants) : 0,
            (unsigned long long)where_nth, sim_args_limits());
    snprintf(also, sizeof(also), "--variant=%d", variant ? (int)(variant - variants) : 0);
    shrink(where_script, also);
    exit(1);
}

static void on_alarm(int signal)
{
    (void)signal;
    fail("hangs");
}

/* ---- what a failure must look like ---- */

/* The words and data of the failure that just came back: of the injected one. */
static void check_failure(int rc, bool of_partition)
{
    eloq_error e;

    if (eloq_error_detail(NULL, &e) < 0 || e.status != rc)
        fail("the failure's data has another status");
    if (rc != err_from_errno(variant->sys_errno))
        fail("not the status of what failed");
    if (variant->sys_errno == EAGAIN && strstr(eloq_errmsg(), "store is in use"))
        return; /* what EAGAIN means of a lock */
    if (variant->passes && !(variant->forever && variant->sys_errno))
        fail("what passes reaches the caller");
    if (e.sys_errno != variant->sys_errno)
        fail("not the errno of what failed");
    if (!e.file || strncmp(e.file, "/", 1) != 0)
        fail("the failure does not name a file");
    if (!strstr(eloq_errmsg(), e.file))
        fail("the words do not name the file");
    if (of_partition && (!e.table || strcmp(e.table, script_part.table) != 0 || e.partition != 0))
        fail("the failure does not name the partition");
}

/* A write that is refused though nothing fails any more. */
static bool is_refused(int rc)
{
    return rc == ELOQ_IO && strstr(eloq_errmsg(), "until the store is reopened");
}

/* Which failures leave a partition that must be reopened. */
static bool may_refuse(void)
{
    return (variant->kinds & SYNCS) && variant->sys_errno != EMFILE && variant->sys_errno != EAGAIN;
}

/* ---- a life with failures ---- */

struct life {
    struct run run;
    unsigned acknowledged, last; /* of what was tried */
    bool healed;
};

/* The fault is over when it struck once, or when it is taken away. */
static void heal(struct life *life)
{
    sim_disk_heal(life->run.disk);
    life->healed = true;
}

static bool is_over(struct life *life)
{
    return life->healed || (!variant->forever && sim_disk_struck(life->run.disk) > 0);
}

/* False: names were lost, so that nothing can be opened before the power was cut. */
static bool open_somehow(struct life *life)
{
    where = "open";
    int rc = script_open(&life->run);
    if (rc == ELOQ_OK)
        return true;
    check_failure(rc, false);
    if (variant->forever)
        heal(life);
    if (sim_disk_lost_names(life->run.disk))
        return false;
    where = "open again";
    script_must_open(&life->run);
    return true;
}

static unsigned find_state(struct life *life)
{
    if (eloq_check(life->run.db, script_part, script_tell_damage, NULL, NULL) < 0)
        fail("check");
    for (unsigned k = life->acknowledged; k <= life->last; k++)
        if (script_holds(&life->run, k) == 0)
            return k;
    for (unsigned k = 0; k < SCRIPT_STATES; k++)
        if (script_holds(&life->run, k) == 0)
            fprintf(stderr, "it is state %u, not one of %u to %u\n", k, life->acknowledged,
                    life->last);
    fail("neither what was acknowledged nor what was under way");
}

static void reopen(struct life *life)
{
    script_must_close(&life->run);
    script_must_open(&life->run);
    life->acknowledged = life->last = find_state(life);
}

/* One batch over the last acknowledged state. False when nothing can be done before a power cut. */
static bool write_one(struct life *life, unsigned next, unsigned *refused)
{
    bool over = is_over(life);
    uint64_t before = sim_disk_struck(life->run.disk);

    where = over ? "batch after the failure" : "batch";
    life->last = next;
    int rc = script_write(&life->run, life->acknowledged, next);
    bool strikes = sim_disk_struck(life->run.disk) > before;
    if (rc == ELOQ_OK) {
        life->acknowledged = next;
        return true;
    }
    if (is_refused(rc)) {
        if (!may_refuse())
            fail("refused, though no flush failed");
        if (!is_over(life))
            return true;
        if (sim_disk_lost_names(life->run.disk))
            return false;
        if ((*refused)++ > 0)
            fail("still refused after reopening");
        reopen(life);
        return true;
    }
    bool earlier = strstr(eloq_errmsg(), "an earlier fdatasync failed") != NULL;
    if (strikes && !earlier)
        check_failure(rc, true);
    else if (!earlier || rc != ELOQ_IO)
        fail("fails, though nothing failed");
    int holds = script_holds(&life->run, life->acknowledged);
    if (holds > 0 || (holds < 0 && is_over(life)))
        fail("after a failed batch it is not what was acknowledged");
    return true;
}

/* Reopened, another batch, the power cut: what was acknowledged is there. */
static void check_durable(struct life *life, bool can_reopen)
{
    struct rand r;
    unsigned next;

    if (can_reopen) {
        where = "reopened";
        script_must_open(&life->run);
        life->acknowledged = find_state(life);
        next = life->last = life->acknowledged + 1;
        if (script_write(&life->run, life->acknowledged, next) < 0)
            fail("takes no batch");
        life->acknowledged = next;
        script_must_close(&life->run);
    }
    where = "power cut";
    rand_seed(&r, where_nth);
    sim_disk_power_cut(life->run.disk, &r, SIM_CUT_LOSE_ALL);
    script_must_open(&life->run);
    life->acknowledged = find_state(life);
    if (script_write(&life->run, life->acknowledged, life->acknowledged + 1) < 0)
        fail("takes no batch");
    script_must_close(&life->run);
}

static bool go_through(struct life *life, unsigned batches)
{
    unsigned refused = 0, since = 0, more = 4; /* batches after the failure, until all is well */

    if (!open_somehow(life))
        return false;
    for (unsigned next = 1;; next++) {
        if (!write_one(life, next, &refused))
            return false;
        bool struck_yet = sim_disk_struck(life->run.disk) > 0;
        since += struck_yet;
        if (since == 2 && variant->forever)
            heal(life);
        if (next < batches)
            continue;
        if (!struck_yet || (is_over(life) && life->acknowledged == life->last))
            return true;
        if (more-- == 0)
            fail("takes no batch any more");
    }
}

/* False: the operation `nth` was never reached. */
static bool one_case(const struct script *script, uint64_t nth)
{
    struct life life = { 0 };

    script_start(&life.run, script, sim_disk_new(&sim_mem));
    sim_disk_print(life.run.disk, sim_args.trace);
    sim_disk_fail(life.run.disk, &(struct sim_fault){ .kinds = variant->kinds,
                                                      .nth = nth,
                                                      .sys_errno = variant->sys_errno,
                                                      .forever = variant->forever,
                                                      .lose = variant->lose,
                                                      .passes = variant->passes });
    where_nth = nth;
    alarm(SECONDS);
    bool can_reopen = go_through(&life, script->batches);
    bool reached = sim_disk_struck(life.run.disk) > 0;
    where = "close";
    script_must_close(&life.run);
    sim_disk_heal(life.run.disk);
    can_reopen = can_reopen && !sim_disk_lost_names(life.run.disk);
    check_durable(&life, can_reopen);
    syncs_lost += sim_disk_syncs_lost(life.run.disk);
    sim_disk_free(life.run.disk);
    tried++;
    struck += reached;
    return reached;
}

/* ---- reads ---- */

#define GETS 12

struct gets {
    eloq_op ops[GETS];
    unsigned left, failed;
};

static void on_get(eloq_op *op)
{
    struct gets *gets = op->user;

    gets->left--;
}

/* Some keys at once: each is answered with its failure, or right. */
static unsigned get_many(struct run *run, unsigned k, bool may_fail)
{
    const struct model *m = &run->script->states[k];
    struct gets *gets = calloc(1, sizeof(*gets));
    unsigned failed = 0;

    where = may_fail ? "reads" : "reads again";
    for (unsigned i = 0; i < GETS && i < m->count; i++) {
        const struct model_pair *p = &m->pairs[i * m->count / GETS % m->count];
        gets->ops[i].done = on_get;
        gets->ops[i].user = gets;
        gets->left++;
        if (eloq_get_async(run->db, script_part, eloq_bytes(p->key, p->key_size), &gets->ops[i])
            < 0)
            fail("a read is not taken");
    }
    while (gets->left > 0)
        eloq_run(run->db, 100);
    for (unsigned i = 0; i < GETS && i < m->count; i++) {
        const struct model_pair *p = &m->pairs[i * m->count / GETS % m->count];
        const bool is_seen = script_sees(run, p);
        eloq_op *op = &gets->ops[i];
        eloq_error e;
        if (op->status < 0) {
            if (!may_fail)
                fail("a read fails, though nothing fails any more");
            eloq_error_detail(op, &e);
            if (op->status != err_from_errno(variant->sys_errno) || e.status != op->status
                || !e.file || !e.table || !eloq_op_errmsg(op)[0])
                fail("a read's failure without status or place");
            failed++;
        } else if (op->status != (is_seen ? ELOQ_OK : ELOQ_NOT_FOUND)
                   || (is_seen
                       && model_compare(op->record.value.data, op->record.value.size, p->value,
                                        p->value_size)
                              != 0)) {
            fail("a read answers what is not so");
        }
        eloq_record_free(&op->record);
    }
    free(gets);
    return failed;
}

/* On a store with states[k], every reading operation fails in its turn. */
static void failing_reads(const struct script *script, unsigned k)
{
    struct sim_disk *disk = sim_disk_new(&sim_mem);
    struct run run;
    bool reached = true;

    script_start(&run, script, disk);
    script_must_open(&run);
    for (unsigned i = 0; i < k; i++)
        if (script_write(&run, i, i + 1) < 0)
            fail("takes no batch");
    script_must_close(&run);
    struct sim_clock clock = run.clock; /* it does not go back */
    for (uint64_t nth = 1; reached; nth++) {
        for (int how = 0; how < 3; how++) {
            where_nth = nth;
            alarm(SECONDS);
            script_start(&run, script, sim_disk_copy(disk));
            run.clock = clock;
            script_must_open(&run);
            sim_disk_print(run.disk, sim_args.trace);
            sim_disk_fail(run.disk, &(struct sim_fault){ .kinds = variant->kinds,
                                                         .nth = nth,
                                                         .sys_errno = variant->sys_errno,
                                                         .passes = variant->passes });
            unsigned failed = 0;
            if (how == 0) {
                failed = get_many(&run, k, !variant->passes);
            } else {
                where = how == 1 ? "scan" : "check";
                int rc = how == 1 ? script_holds(&run, k)
                                  : eloq_check(run.db, script_part, NULL, NULL, NULL);
                if (rc > 0)
                    fail("a scan ends early");
                failed = rc < 0;
                if (rc < 0 && (how == 1 || rc != ELOQ_CORRUPTED)) /* check counts it as damage */
                    check_failure(rc, true);
            }
            if (how == 0)
                reached = sim_disk_struck(run.disk) > 0;
            sim_disk_heal(run.disk);
            get_many(&run, k, false);
            where = "scan again";
            if (script_holds(&run, k) != 0)
                fail("a scan after a failed one is wrong");
            if (eloq_check(run.db, script_part, script_tell_damage, NULL, NULL) != ELOQ_OK)
                fail("check");
            script_must_close(&run);
            sim_disk_free(run.disk);
            tried++;
            struck += failed > 0;
        }
    }
    sim_disk_free(disk);
}

static void run_script(uint64_t seed)
{
    struct script script;

    script_make(&script, seed);
    where_script = seed;
    for (size_t v = 0; v < VARIANTS; v++) {
        if (only_variant != SIM_ARG_NONE && v != only_variant)
            continue;
        variant = &variants[v];
        for (unsigned k = 1; variant->reads && k < 4; k++)
            if (script.states[k].count > 0)
                failing_reads(&script, k);
        if (variant->reads)
            continue;
        if (only_nth != SIM_ARG_NONE)
            one_case(&script, only_nth);
        for (uint64_t nth = 1; only_nth == SIM_ARG_NONE && one_case(&script, nth);)
            nth += script.is_large ? 1 + nth % 7 : 1;
    }
    script_free(&script);
}

int main(int argc, char **argv)
{
    static const struct sim_arg more[] = { { "variant", &only_variant, NULL },
                                           { "nth", &only_nth, NULL } };

    sim_args.scripts = 8;
    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    signal(SIGALRM, on_alarm);
    mem_init(&sim_mem, 0);
    script_fail = fail;
    for (uint64_t seed; sim_args_next(tried, &seed);)
        run_script(seed);
    printf("%llu failures answered\n", (unsigned long long)struck);
    sim_args_row(5, tried, 0, NULL);
    sim_args_row(6, syncs_lost, 0, "flushes that lost what they were to keep");
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
