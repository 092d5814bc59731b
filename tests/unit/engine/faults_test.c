/* tests/unit/engine/faults_test.c -- a whole store in one thread on a simulated disk: no memory at
 * any allocation, a failure at any I/O. Nothing leaks, nothing hangs, what was answered holds. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/store.h"
#include "sim/sim_io.h"
#include "unit/base/run.h"

static const eloq_part part = { "t", 0 };

static struct mem disk_mem;
static struct sim_disk *disk;
static struct sim_clock sim_clock_;
static uint64_t fail_at, fail_count; /* the allocation that fails; 0 = none */
static bool fail_forever;

static int open_sim(void *user, struct mem *m, const struct log *log, unsigned shard,
                    struct io **ret)
{
    (void)user;
    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(disk, &sim_clock_, 5, ret);
}

static bool should_fail(void *user, size_t size)
{
    (void)user;
    (void)size;
    fail_count++;
    return fail_at != 0 && (fail_count == fail_at || (fail_forever && fail_count > fail_at));
}

static const struct store_seams seams = {
    .clock = &sim_clock_.clock, .seed = 42, .io_open = open_sim, .mem_fail = should_fail
};

static void setup(void)
{
    mem_init(&disk_mem, 0);
    disk = sim_disk_new(&disk_mem);
    sim_clock_init(&sim_clock_, UINT64_C(1700000000000000));
    fail_at = fail_count = 0;
    fail_forever = false;
}

static void teardown(void)
{
    sim_disk_free(disk);
}

static int open_store(eloq_store **ret)
{
    eloq_options options = ELOQ_OPTIONS("/a/b");
    options.host_driven = 1;
    options.memory_bytes = 64 << 20;
    return store_open(&options, &seams, ret);
}

/* Opens, writes, reads, scans, checks, closes. *ret_acked: how many of the puts were answered OK.
 */
static int life(int *ret_acked)
{
    eloq_store *db;
    eloq_record record = { 0 };
    eloq_iter *iter = NULL;
    eloq_item item;
    char key[16];
    int failed = 0;

    *ret_acked = 0;
    int rc = open_store(&db);
    if (rc != ELOQ_OK)
        return rc;
    for (int i = 0; i < 6; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        rc = eloq_put(db, part, eloq_str(key), eloq_str(key));
        ck_assert_int_le(rc, 0);
        if (rc == ELOQ_OK)
            *ret_acked |= 1 << i;
        else
            failed = rc;
        rc = eloq_get(db, part, eloq_str(key), &record);
        if (rc < 0)
            failed = rc;
        else
            ck_assert_int_eq(rc, *ret_acked & (1 << i) ? ELOQ_OK : ELOQ_NOT_FOUND);
    }
    rc = eloq_scan(db, part, NULL, &iter);
    while (rc == ELOQ_OK)
        rc = eloq_iter_next(iter, &item);
    if (rc < 0)
        failed = rc;
    eloq_iter_close(iter);
    rc = eloq_check(db, part, NULL, NULL, NULL);
    if (rc < 0)
        failed = rc;
    eloq_record_free(&record);
    uint64_t left = fail_at;
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
    fail_at = left;
    /* Nothing but the shell is left. */
    ck_assert_uint_eq(db->mem.total, sizeof(struct shard) + 16);
    return failed;
}

/* After whatever happened: opens clean, and what was answered is there. */
static void verify(int acked)
{
    eloq_store *db;
    eloq_record record = { 0 };
    char key[16];

    int rc = open_store(&db);
    ck_assert_msg(rc == ELOQ_OK, "reopen: %s", eloq_errmsg());
    for (int i = 0; i < 6; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        rc = eloq_get(db, part, eloq_str(key), &record);
        ck_assert_msg(rc == ELOQ_OK || (rc == ELOQ_NOT_FOUND && !(acked & (1 << i))), "%s: %d %s",
                      key, rc, eloq_errmsg());
    }
    rc = eloq_check(db, part, NULL, NULL, NULL);
    ck_assert_msg(rc == ELOQ_OK || (rc == ELOQ_NOT_FOUND && !acked), "check: %s", eloq_errmsg());
    eloq_record_free(&record);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
}

START_TEST(a_life_without_faults)
{
    int acked;

    ck_assert_int_eq(life(&acked), ELOQ_OK);
    ck_assert_int_eq(acked, 63);
    verify(acked);
}
END_TEST

START_TEST(no_memory_at_any_allocation)
{
    uint64_t total;
    int acked;

    fail_forever = _i == 1;
    ck_assert_int_eq(life(&acked), ELOQ_OK);
    total = fail_count;
    for (uint64_t at = 1; at <= total + 1; at++) {
        teardown();
        setup();
        fail_forever = _i == 1;
        fail_at = at;
        int rc = life(&acked);
        ck_assert_msg(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY, "allocation %d: %d %s", (int)at, rc,
                      eloq_errmsg());
        fail_at = 0;
        verify(acked);
    }
}
END_TEST

START_TEST(a_failure_at_any_operation)
{
    static const int errnos[] = { EIO, ENOSPC, EMFILE };
    uint32_t all = UINT32_MAX;
    int acked;

    ck_assert_int_eq(life(&acked), ELOQ_OK);
    uint64_t total = sim_disk_count(disk, all);
    for (uint64_t at = 1; at <= total; at++) {
        teardown();
        setup();
        sim_disk_fail(
            disk, &(struct sim_fault){
                      .kinds = all, .nth = at, .sys_errno = errnos[_i % 3], .forever = _i >= 3 });
        (void)life(&acked);
        sim_disk_heal(disk);
        verify(acked);
    }
}
END_TEST

START_TEST(a_power_cut_after_any_change)
{
    struct rand r;
    int acked;

    rand_seed(&r, 99 + (uint64_t)_i);
    ck_assert_int_eq(life(&acked), ELOQ_OK);
    uint64_t total = sim_disk_mutations(disk);
    for (uint64_t at = 0; at <= total; at++) {
        teardown();
        setup();
        sim_disk_stop_after(disk, at);
        (void)life(&acked);
        sim_disk_power_cut(disk, &r, (enum sim_cut)_i);
        sim_disk_heal(disk);
        verify(acked);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *tc = tcase_create("faults");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_life_without_faults);
    tcase_add_loop_test(tc, no_memory_at_any_allocation, 0, 2);
    tcase_add_loop_test(tc, a_failure_at_any_operation, 0, 6);
    tcase_add_loop_test(tc, a_power_cut_after_any_change, 0, SIM_CUTS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
