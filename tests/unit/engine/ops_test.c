/* tests/unit/engine/ops_test.c -- engine/ops: sorting by key and order, doubles. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/slice.h"
#include "coro/sched.h"
#include "engine/ops.h"
#include "unit/base/run.h"

enum { COUNT = 40000 };

static struct tree_op ops[COUNT], scratch[COUNT];
static char keys[COUNT][12];

static void sort_task(struct task *t, void *arg)
{
    ops_sort(t, ops, scratch, *(size_t *)arg);
}

static void sort(size_t count)
{
    struct mem mem;
    struct sched sched;

    mem_init(&mem, 0);
    sched_init(&sched, &mem, &clock_system, 65536);
    ck_assert_int_eq(task_start(&sched, sort_task, &count), ELOQ_OK);
    while (sched.active > 0)
        sched_run(&sched);
    sched_deinit(&sched);
}

static void check_sorted(size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int c = slice_compare(ops[i - 1].key, ops[i].key);
        ck_assert(c < 0 || (c == 0 && ops[i - 1].order < ops[i].order));
    }
}

START_TEST(sorted_by_key_then_order)
{
    struct rand r;
    uint64_t seed = 1000 + (uint64_t)_i;
    size_t counts[] = { 0, 1, 2, 3, 7, 1000, 40000 };
    size_t count = counts[_i % 7];
    uint64_t range = _i < 7 ? count / 2 + 1 : UINT32_MAX;

    rand_seed(&r, seed);
    for (size_t i = 0; i < count; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%u", (unsigned)rand_below(&r, range));
        eloq_entry entry = { .key = eloq_str(keys[i]), .value = eloq_str("v") };
        ops_from_entry(&ops[i], &entry, (uint32_t)i, NULL);
    }
    sort(count);
    check_sorted(count);
}
END_TEST

START_TEST(doubles_are_found)
{
    eloq_entry a = { .key = eloq_str("a") }, b = { .key = eloq_str("b") };

    ops_from_entry(&ops[0], &a, 0, NULL);
    ops_from_entry(&ops[1], &b, 1, NULL);
    ops_from_entry(&ops[2], &b, 2, NULL);
    ck_assert_ptr_null(ops_find_double(ops, 2));
    ck_assert_ptr_eq(ops_find_double(ops, 3), &ops[2]);
    ck_assert_ptr_null(ops_find_double(ops, 0));
}
END_TEST

START_TEST(timestamps_are_resolved)
{
    eloq_entry entry = { .key = eloq_str("a") };

    ops_from_entry(&ops[0], &entry, 0, NULL);
    ck_assert_uint_eq(ops[0].timestamp, TIMESTAMP_NOW);
    entry.timestamp = ELOQ_TIMESTAMP_ZERO;
    ops_from_entry(&ops[0], &entry, 0, NULL);
    ck_assert_uint_eq(ops[0].timestamp, 0);
    entry.timestamp = 5;
    ops_from_entry(&ops[0], &entry, 0, NULL);
    ck_assert_uint_eq(ops[0].timestamp, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ops");
    TCase *tc = tcase_create("ops");

    tcase_add_loop_test(tc, sorted_by_key_then_order, 0, 14);
    tcase_add_test(tc, doubles_are_found);
    tcase_add_test(tc, timestamps_are_resolved);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
