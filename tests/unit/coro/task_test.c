/* tests/unit/coro/task_test.c -- coro/task: the life of a task. */
#include "coro/task.h"

#include <signal.h>

#include "../base/run.h"
#include "base/rand.h"
#include "world.h"

static void count_up(struct task *t, void *arg)
{
    (void)t;
    ++*(int *)arg;
}

START_TEST(a_started_task_runs_at_the_next_round_and_ends)
{
    struct world w;
    int count = 0;
    world_init(&w);
    world_start(&w, count_up, &count);
    ck_assert_int_eq(count, 0);
    ck_assert_uint_eq(w.sched.active, 1);
    ck_assert_uint_eq(sched_run(&w.sched), 1);
    ck_assert_int_eq(count, 1);
    ck_assert_uint_eq(sched_run(&w.sched), 0);
    world_deinit(&w);
}
END_TEST

START_TEST(structs_and_stacks_are_recycled_and_only_some_structs_kept)
{
    struct world w;
    int count = 0;
    world_init(&w);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 200; i++)
            world_start(&w, count_up, &count);
        world_run(&w);
    }
    ck_assert_int_eq(count, 4000);
    ck_assert_uint_eq(w.sched.stacks.made, 200);
    ck_assert_uint_le(w.sched.free_task_count, 100);
    world_deinit(&w);
}
END_TEST

struct dreamer {
    struct task *t;
    int woken;
};

static void dream(struct task *t, void *arg)
{
    struct dreamer *d = arg;
    d->t = t;
    for (int i = 0; i < 3; i++) {
        task_suspend(t);
        d->woken++;
    }
}

START_TEST(a_task_waits_until_it_is_woken)
{
    struct world w;
    struct dreamer d = { 0 };
    world_init(&w);
    world_start(&w, dream, &d);
    world_run(&w);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(d.woken, i);
        ck_assert_int_eq(d.t->state, TASK_WAITING);
        ck_assert_uint_eq(sched_run(&w.sched), 0);
        task_wake(d.t);
        ck_assert_int_eq(d.woken, i); /* a wake never switches */
        ck_assert_int_eq(d.t->state, TASK_READY);
        ck_assert_uint_eq(sched_run(&w.sched), 1);
    }
    ck_assert_int_eq(d.woken, 3);
    world_deinit(&w);
}
END_TEST

START_TEST(waking_a_task_that_does_not_wait_is_our_mistake)
{
    struct world w;
    struct dreamer d = { 0 };
    world_init(&w);
    world_start(&w, dream, &d);
    world_run(&w);
    task_wake(d.t);
    task_wake(d.t);
}
END_TEST

static void use_arena(struct task *t, void *arg)
{
    (void)arg;
    ck_assert_int_eq(t->err.code, 0);
    ck_assert_str_eq(t->err.text, "");
    ck_assert_ptr_null(t->arena.last);
    ck_assert_ptr_nonnull(arena_alloc(&t->arena, 10000));
    ck_assert_int_eq(task_fail(t, ELOQ_IO, "read failed offset=%d", 7), ELOQ_IO);
    ck_assert_str_eq(t->err.text, "read failed offset=7");
    ck_assert_int_eq(task_no_memory(t), ELOQ_NO_MEMORY);
    task_yield(t);
    ck_assert_int_eq(t->err.code, ELOQ_NO_MEMORY);
}

START_TEST(each_task_begins_with_no_words_and_an_empty_arena_and_leaves_none)
{
    struct world w;
    world_init(&w);
    for (int i = 0; i < 5; i++) {
        world_start(&w, use_arena, NULL);
        world_start(&w, use_arena, NULL);
        world_run(&w);
    }
    world_deinit(&w);
}
END_TEST

START_TEST(a_task_that_cannot_be_started_leaves_nothing)
{
    struct world w;
    struct fail_at f;
    int count = 0;
    world_init(&w);
    for (unsigned left = 0; left < 2; left++) {
        fail_at_set(&w.mem, &f, left);
        ck_assert_int_eq(task_start(&w.sched, count_up, &count), ELOQ_NO_MEMORY);
        ck_assert_uint_eq(w.sched.active, 0);
    }
    w.mem.fail = NULL;
    w.sched.active_max = 2;
    world_start(&w, count_up, &count);
    world_start(&w, count_up, &count);
    ck_assert_int_eq(task_start(&w.sched, count_up, &count), ELOQ_BUSY);
    world_run(&w);
    ck_assert_int_eq(count, 2);
    world_start(&w, count_up, &count);
    world_run(&w);
    world_deinit(&w);
}
END_TEST

static void start_another(struct task *t, void *arg)
{
    int *left = arg;
    if ((*left)-- > 0)
        ck_assert_int_eq(task_start(t->sched, start_another, left), ELOQ_OK);
}

START_TEST(a_task_may_start_tasks)
{
    struct world w;
    int left = 3000;
    world_init(&w);
    world_start(&w, start_another, &left);
    world_run(&w);
    ck_assert_int_eq(left, -1);
    ck_assert_uint_le(w.sched.stacks.made, 2);
    world_deinit(&w);
}
END_TEST

/* ---- many tasks, deep stacks, random switches --------------------------------------------- */

struct crowd {
    struct rand rnd;
    struct list waiting;
    int done, waits;
};

static uint64_t wander(struct task *t, struct crowd *c, int depth)
{
    volatile uint64_t kept = rand_u64(&c->rnd);
    uint64_t copy = kept;

    switch (rand_below(&c->rnd, 4)) {
    case 0:
        list_push_back(&c->waiting, &t->link);
        c->waits++;
        task_suspend(t);
        break;
    case 1:
        task_yield(t);
        break;
    case 2:
        task_yield_low(t);
        break;
    default:
        task_sleep(t, rand_below(&c->rnd, 1000));
    }
    uint64_t below = depth == 0 ? 0 : wander(t, c, depth - 1);
    ck_assert_uint_eq(kept, copy);
    return below + 1;
}

static void wander_about(struct task *t, void *arg)
{
    struct crowd *c = arg;
    int depth = (int)rand_below(&c->rnd, 40);
    ck_assert_uint_eq(wander(t, c, depth), (uint64_t)depth + 1);
    c->done++;
}

START_TEST(many_tasks_switch_deep_in_calls_and_all_of_them_end)
{
    struct world w;
    struct crowd c = { 0 };
    int started = 0;
    world_init(&w);
    list_init(&c.waiting);
    rand_seed(&c.rnd, 99);
    while (c.done < 300) {
        for (int i = 0; i < 5 && started < 300; i++, started++)
            world_start(&w, wander_about, &c);
        sched_run(&w.sched);
        w.now_ns += 100;
        if (!list_empty(&c.waiting))
            task_wake(container_of(list_last(&c.waiting), struct task, link));
    }
    ck_assert_int_gt(c.waits, 300);
    world_deinit(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("task");
    TCase *all = tcase_create("task");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, a_started_task_runs_at_the_next_round_and_ends);
    tcase_add_test(all, structs_and_stacks_are_recycled_and_only_some_structs_kept);
    tcase_add_test(all, a_task_waits_until_it_is_woken);
    tcase_add_test_raise_signal(all, waking_a_task_that_does_not_wait_is_our_mistake, SIGABRT);
    tcase_add_test(all, each_task_begins_with_no_words_and_an_empty_arena_and_leaves_none);
    tcase_add_test(all, a_task_that_cannot_be_started_leaves_nothing);
    tcase_add_test(all, a_task_may_start_tasks);
    tcase_add_test(all, many_tasks_switch_deep_in_calls_and_all_of_them_end);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
