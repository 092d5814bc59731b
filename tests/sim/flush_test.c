/* tests/sim/flush_test.c -- flushes that fail, or lose, in ways of their own: what power_test
 * leaves out.
 *
 *     flush_test [--seed N] [--scripts N | --cases N] [--script N] [--trace]
 *
 * Of each script (sim/script.h), the power being cut at the end; what was acknowledged must hold:
 *
 *   forbidden   each flush of a directory in turn is answered EACCES, as for one that may not be
 *               read: some of those above a store are passed over
 *   copied      what stands there was copied and never flushed; then each flush in turn fails, and
 *               what it was to flush is clean and lost, and writes are tried again in this process
 *   missing     the same without failures, but a data file is missing: what is in the others
 *   unchanged   a process is killed; the next is told that there is nothing to do
 *   closed      a file that is closed with unflushed pages loses them, and nobody is told: a write
 *               that fails after its last descriptor is closed is forgotten with the inode
 *   strained    the same, but some flushes fail and lose; or some writes fail
 *   relapsed    a flush fails and loses, and the process goes; the next one goes on
 *   crowded     many partitions at once and few descriptors
 *   restored    an archive is restored that was copied with the rest
 *   retained    archives are removed, and what they alone needed; names are lost in any order
 *   checked     after each batch a page of it is damaged for as long as a check runs: it was
 *               acknowledged, so the damage is one, and its record stays
 *   doubt       one of the flushes that this takes fails, and loses names
 *
 * On failure: where, the command that repeats it, and exit 1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/oracle.h"
#include "sim/script.h"
#include "sim/shrink.h"
#include "sim/sim_args.h"

#define FLUSHES (SIM_KIND(IO_SYNC) | SIM_KIND(IO_SYNC_DIR))
#define COPIED_FLUSHES 12 /* more than what was found is flushed with */
#define FDS_LEAST 16      /* so few that files are closed within a commit */
#define STRAINED 6
#define KILLS 6
#define CROWD 24 /* partitions */

static struct mem sim_mem;
static uint64_t tried, where_script, where_nth;
static const char *where = "";

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "flush_test: script %llu, %s, flush %llu: %s (%s)\n",
            (unsigned long long)where_script, where, (unsigned long long)where_nth, what,
            eloq_errmsg());
    fprintf(stderr, "repeat: flush_test --script %llu%s\n", (unsigned long long)where_script,
            sim_args_limits());
    shrink(where_script, NULL);
    exit(1);
}

static struct run new_run(const struct script *script)
{
    struct run run;

    script_start(&run, script, sim_disk_new(&sim_mem));
    sim_disk_print(run.disk, sim_args.trace);
    return run;
}

/* Each batch over the last acknowledged one, `tries` times; *ret_last: the last that was tried. */
static unsigned write_all(struct run *run, unsigned from, unsigned to, int tries,
                          unsigned *ret_last)
{
    unsigned done = from;

    *ret_last = from;
    while (done < to) {
        int rc = ELOQ_IO;

        *ret_last = done + 1;
        for (int i = 0; i < tries && rc != ELOQ_OK; i++)
            rc = script_write(run, done, done + 1);
        if (rc != ELOQ_OK)
            break;
        done++;
    }
    return done;
}

/* Which of the states [from, to] it holds. */
static unsigned find_state(struct run *run, unsigned from, unsigned to)
{
    unsigned k = from;

    while (k <= to && script_holds(run, k) != 0)
        k++;
    if (k > to)
        fail("neither the acknowledged state nor one under way");
    return k;
}

/* The power goes: the acknowledged state is there, or a later one that was tried. */
static void cut(struct run *run, unsigned acknowledged, unsigned last)
{
    struct rand r;

    script_must_close(run);
    rand_seed(&r, run->script->seed + where_nth);
    sim_disk_heal(run->disk);
    sim_disk_power_cut(run->disk, &r, SIM_CUT_LOSE_ALL);
    script_must_open(run);
    if (eloq_check(run->db, script_part, script_tell_damage, NULL, NULL) < 0)
        fail("check");
    find_state(run, acknowledged, last);
    script_must_close(run);
    sim_disk_free(run->disk);
    tried++;
}

/* Of these kinds; 0: of those that change the disk. */
static uint64_t count_operations(const struct script *script, uint32_t kinds, uint32_t fd_limit)
{
    struct run run = new_run(script);
    unsigned last;

    run.fd_limit = fd_limit;

    where = "nothing happens";
    script_must_open(&run);
    write_all(&run, 0, script->batches, 1, &last);
    uint64_t count = kinds ? sim_disk_count(run.disk, kinds) : sim_disk_mutations(run.disk);
    cut(&run, script->batches, script->batches);
    return count;
}

static void forbidden(const struct script *script)
{
    uint64_t count = count_operations(script, SIM_KIND(IO_SYNC_DIR), 0);

    where = "forbidden";
    for (where_nth = 1; where_nth <= count; where_nth++) {
        struct run run = new_run(script);
        struct sim_fault fault = { .kinds = SIM_KIND(IO_SYNC_DIR),
                                   .nth = where_nth,
                                   .sys_errno = EACCES };
        unsigned done = 0, last = 0;

        sim_disk_fail(run.disk, &fault);
        if (script_open(&run) == ELOQ_OK || script_open(&run) == ELOQ_OK)
            done = write_all(&run, 0, script->batches, 2, &last);
        else
            fail("does not open after one failure");
        cut(&run, done, last);
    }
}

/* Of what was found nothing is promised before something is acknowledged on top of it. */
static void copied(const struct script *script)
{
    where = "copied";
    for (where_nth = 1; where_nth <= COPIED_FLUSHES; where_nth++) {
        struct run run = new_run(script);
        struct sim_fault fault = {
            .kinds = FLUSHES, .nth = where_nth, .sys_errno = EIO, .lose = true
        };
        unsigned half = script->batches / 2, last;

        if (script_open(&run) < 0 || write_all(&run, 0, half, 1, &last) != half)
            fail("is not written");
        script_must_close(&run);
        sim_disk_unsync(run.disk, SCRIPT_PATH, script->has_two_paths ? SCRIPT_OTHER_PATH : NULL);
        script_must_open(&run);
        sim_disk_fail(run.disk, &fault);
        unsigned done = write_all(&run, half, script->batches, 3, &last);
        if (done > half) {
            cut(&run, done, last);
            continue;
        }
        script_must_close(&run);
        sim_disk_free(run.disk);
    }
}

static uint64_t count_damages(struct run *run)
{
    eloq_checked checked = { 0 };

    (void)eloq_check(run->db, script_part, NULL, NULL, &checked);
    return checked.damages;
}

/* The damage of one file costs what is in that file. */
static void missing(const struct script *script)
{
    struct run run = new_run(script);
    unsigned half = script->batches / 2, last;
    struct rand r;

    where = "missing";
    where_nth = 0;
    if (script_open(&run) < 0 || write_all(&run, 0, half, 1, &last) != half)
        fail("is not written");
    script_must_close(&run);
    if (sim_disk_remove(run.disk, SCRIPT_PATH "/power.0/data_1_0") == 0) {
        sim_disk_unsync(run.disk, SCRIPT_PATH, script->has_two_paths ? SCRIPT_OTHER_PATH : NULL);
        script_must_open(&run);
        eloq_entry more = { .key = eloq_str("zzz"), .value = eloq_str("more") };
        int rc = eloq_write(run.db, script_part, &more, 1);
        uint64_t damages = count_damages(&run);
        script_must_close(&run);
        rand_seed(&r, script->seed);
        sim_disk_power_cut(run.disk, &r, SIM_CUT_LOSE_ALL);
        if (rc == ELOQ_OK) {
            script_must_open(&run);
            if (count_damages(&run) != damages)
                fail("more is damaged than before");
            script_must_close(&run);
            tried++;
        }
    }
    sim_disk_free(run.disk);
}

static void closed(const struct script *script)
{
    struct run run = new_run(script);
    unsigned last;

    where = "closed";
    where_nth = 0;
    run.fd_limit = FDS_LEAST;
    script_must_open(&run);
    sim_disk_lose_at_close(run.disk);
    unsigned done = write_all(&run, 0, script->batches, 1, &last);
    if (done != script->batches)
        fail("takes no batch");
    cut(&run, done, done);
}

/* A process is killed in a batch; the next one finds what it finds, and is told that there is
 * nothing to do: what it found lasts. */
static void unchanged(const struct script *script)
{
    uint64_t count = count_operations(script, 0, 0);
    eloq_entry none = { .key = eloq_str("none"), .kind = ELOQ_DELETE };
    struct rand r;

    where = "unchanged";
    rand_seed(&r, script->seed);
    for (int i = 0; i < KILLS; i++) {
        struct run run = new_run(script);
        unsigned last = 0;

        where_nth = 1 + rand_below(&r, count);
        sim_disk_stop_after(run.disk, where_nth);
        if (script_open(&run) == ELOQ_OK)
            write_all(&run, 0, script->batches, 1, &last);
        script_must_close(&run);
        sim_disk_kill(run.disk);
        script_must_open(&run);
        unsigned k = find_state(&run, 0, last);
        if (eloq_write(run.db, script_part, &none, 1) != ELOQ_OK)
            fail("takes no batch");
        cut(&run, k, k);
    }
}

/* Some operations of one kind fail; a flush loses, also of a file that is closed to make room. */
static void strained(const struct script *script, enum io_op op, uint32_t fd_limit)
{
    uint64_t count = count_operations(script, SIM_KIND(op), fd_limit);
    struct rand r;

    where = "strained";
    rand_seed(&r, script->seed);
    for (int i = 0; i < STRAINED; i++) {
        struct run run = new_run(script);
        struct sim_fault fault = { .kinds = SIM_KIND(op), .sys_errno = EIO, .lose = true };
        unsigned last;

        where_nth = fault.nth = 1 + rand_below(&r, count);
        run.fd_limit = fd_limit;
        script_must_open(&run);
        sim_disk_fail(run.disk, &fault);
        unsigned done = write_all(&run, 0, script->batches, 2, &last);
        cut(&run, done, last);
    }
}

/* A flush fails and loses, and the process goes. The system shows the next one what is lost; what
 * it builds on that lasts. */
static void relapsed(const struct script *script)
{
    uint64_t count = count_operations(script, SIM_KIND(IO_SYNC), 0);
    struct rand r;

    where = "relapsed";
    rand_seed(&r, script->seed + 7);
    for (int i = 0; i < STRAINED; i++) {
        struct run run = new_run(script);
        struct sim_fault fault = {
            .kinds = SIM_KIND(IO_SYNC), .sys_errno = EIO, .lose = true, .forever = i % 2
        };
        unsigned done = 0, last = 0;

        where_nth = fault.nth = 1 + rand_below(&r, count);
        sim_disk_fail(run.disk, &fault);
        if (script_open(&run) == ELOQ_OK)
            done = write_all(&run, 0, script->batches, 1, &last);
        script_must_close(&run);
        sim_disk_kill(run.disk);
        sim_disk_heal(run.disk);
        script_must_open(&run);
        done = find_state(&run, done, last);
        if (script_write(&run, done, done + 1) != ELOQ_OK)
            fail("takes no batch");
        cut(&run, done + 1, done + 1);
    }
}

static void count_done(eloq_op *op)
{
    ++*(unsigned *)op->user;
}

/* One pair to each partition, all at once. */
static void write_crowd(struct run *run, const char *value)
{
    static eloq_op ops[CROWD];
    eloq_entry entry = { .key = eloq_str("key"), .value = eloq_str(value) };
    unsigned done = 0;

    for (uint32_t p = 0; p < CROWD; p++) {
        ops[p] = (eloq_op){ .done = count_done, .user = &done };
        if (eloq_write_async(run->db, (eloq_part){ "crowd", p }, &entry, 1, &ops[p]) != ELOQ_OK)
            fail("takes no batch");
    }
    while (done < CROWD)
        (void)eloq_run(run->db, 1);
    for (uint32_t p = 0; p < CROWD; p++)
        if (ops[p].status != ELOQ_OK)
            fail("a batch fails");
}

static void crowded(const struct script *script)
{
    struct run run = new_run(script);
    eloq_record record = { 0 };
    struct rand r;

    where = "crowded";
    run.fd_limit = FDS_LEAST;
    script_must_open(&run);
    write_crowd(&run, "first");
    write_crowd(&run, "second");
    script_must_close(&run);
    rand_seed(&r, script->seed);
    sim_disk_power_cut(run.disk, &r, SIM_CUT_LOSE_ALL);
    script_must_open(&run);
    for (uint32_t p = 0; p < CROWD; p++) {
        int rc = eloq_get(run.db, (eloq_part){ "crowd", p }, eloq_str("key"), &record);
        if (rc != ELOQ_OK || record.value.size != 6 || memcmp(record.value.data, "second", 6) != 0)
            fail("a partition is not what was acknowledged");
    }
    eloq_record_free(&record);
    script_must_close(&run);
    sim_disk_free(run.disk);
    tried++;
}

static void must_archive(struct run *run, uint64_t timestamp)
{
    if (eloq_archive(run->db, script_part, timestamp) != ELOQ_OK)
        fail("is not archived");
}

/* An archive that was copied with everything is restored: then it lasts. */
static void restored(const struct script *script)
{
    struct run run = new_run(script);
    struct rand r;
    unsigned last;

    where = "restored";
    if (script_open(&run) < 0 || write_all(&run, 0, 1, 1, &last) != 1)
        fail("is not written");
    must_archive(&run, 100);
    write_all(&run, 1, script->batches, 1, &last);
    script_must_close(&run);
    sim_disk_unsync(run.disk, SCRIPT_PATH, script->has_two_paths ? SCRIPT_OTHER_PATH : NULL);
    script_must_open(&run);
    if (eloq_restore(run.db, script_part, 100) != ELOQ_OK)
        fail("is not restored");
    /* Of the copied archive itself nothing is promised. */
    script_must_close(&run);
    rand_seed(&r, script->seed);
    sim_disk_power_cut(run.disk, &r, SIM_CUT_LOSE_ALL);
    script_must_open(&run);
    if (script_holds(&run, 1) != 0)
        fail("a restored archive does not hold its state");
    script_must_close(&run);
    sim_disk_free(run.disk);
    tried++;
}

static void restore_each(struct run *run)
{
    eloq_archive_list list = { 0 };
    int rc = eloq_archives(run->db, script_part, &list);

    if (rc < 0 && rc != ELOQ_NOT_FOUND)
        fail("archives are not listed");
    run->clock.wall_us += 1000;
    for (size_t i = 0; rc == ELOQ_OK && i < list.count; i++)
        if (eloq_restore(run->db, script_part, list.timestamps[i]) < 0
            || eloq_check(run->db, script_part, script_tell_damage, NULL, NULL) < 0)
            fail("an archive that is there is not restored");
    eloq_archives_free(&list);
}

/* Archives go, and with them the files that they alone needed; a name may come back, but not one
 * without its files. */
static void retained(const struct script *script)
{
    struct run run = new_run(script);
    struct rand r;
    unsigned last;

    where = "retained";
    run.retained_archives = 1;
    script_must_open(&run);
    for (unsigned k = 0; k < script->batches; k++) {
        write_all(&run, k, k + 1, 1, &last);
        if (script->states[k + 1].count > 0)
            must_archive(&run, 100 * (k + 1));
    }
    run.retained_archives = 0;
    script_must_close(&run);
    rand_seed(&r, script->seed);
    for (where_nth = 0; where_nth < 6; where_nth++) {
        struct run copy = script_copy(&run);

        sim_disk_power_cut(copy.disk, &r, SIM_CUT_NAMES);
        script_must_open(&copy);
        restore_each(&copy);
        script_must_close(&copy);
        sim_disk_free(copy.disk);
        tried++;
    }
    sim_disk_free(run.disk);
}

/* A second archive, of this timestamp, whose nth flush of the directory fails and loses: the one
 * before may come back. */
static void doubt(const struct script *script, uint64_t timestamp, uint64_t nth)
{
    struct run run = new_run(script);
    struct sim_fault fault = {
        .kinds = SIM_KIND(IO_SYNC_DIR), .nth = nth, .sys_errno = EIO, .lose = true
    };
    struct rand r;
    unsigned last;

    where = "doubt";
    where_nth = nth;
    run.retained_archives = 1;
    if (script_open(&run) < 0 || write_all(&run, 0, 1, 1, &last) != 1)
        fail("is not written");
    must_archive(&run, 100);
    unsigned done = write_all(&run, 1, 3, 1, &last);
    sim_disk_fail(run.disk, &fault);
    (void)eloq_archive(run.db, script_part, timestamp);
    sim_disk_heal(run.disk);
    write_all(&run, done, script->batches, 2, &last);
    (void)eloq_compact(run.db, script_part);
    run.retained_archives = 0;
    script_must_close(&run);
    rand_seed(&r, script->seed);
    sim_disk_power_cut(run.disk, &r, SIM_CUT_LOSE_ALL);
    script_must_open(&run);
    restore_each(&run);
    script_must_close(&run);
    sim_disk_free(run.disk);
    tried++;
}

static void checked(const struct script *script)
{
    struct run run = new_run(script);
    struct script_spot spot;
    unsigned last, done = 0;

    where = "checked";
    script_must_open(&run);
    for (where_nth = 1; where_nth <= script->batches; where_nth++) {
        done = write_all(&run, done, done + 1, 1, &last);
        if (done != where_nth)
            fail("takes no batch");
        if (!script_last_page(&run, &spot))
            continue;
        script_flip(&run, &spot);
        int rc = eloq_check(run.db, script_part, NULL, NULL, NULL);
        script_flip(&run, &spot);
        if (rc != ELOQ_CORRUPTED)
            fail("a damaged page of an acknowledged commit is none");
    }
    cut(&run, done, done);
}

static void run_script(uint64_t seed)
{
    struct script script;

    where_script = seed;
    script_make(&script, seed);
    script.parts = 1;
    forbidden(&script);
    copied(&script);
    missing(&script);
    closed(&script);
    unchanged(&script);
    strained(&script, IO_SYNC, FDS_LEAST);
    strained(&script, IO_WRITE, 0);
    relapsed(&script);
    crowded(&script);
    checked(&script);
    script.append = true;
    script.drops = false; /* it would take archives along */
    restored(&script);
    retained(&script);
    doubt(&script, 100, 1);
    doubt(&script, 200, 2);
    script_free(&script);
}

int main(int argc, char **argv)
{
    uint64_t seed;

    sim_args.scripts = 40;
    sim_args_parse(argc, argv, NULL, 0);
    mem_init(&sim_mem, 0);
    script_fail = fail;
    while (sim_args_next(tried, &seed))
        run_script(seed);
    sim_args_row(6, tried, 0, NULL);
    sim_args_row(14, oracle_count(), 0, NULL);
    return 0;
}
