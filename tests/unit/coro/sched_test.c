/* tests/unit/coro/sched_test.c -- coro/sched: rounds, the low queue, timers. */
#include "coro/sched.h"

#include "base/rand.h"
#include "world.h"

struct counter {
    int ran, rounds;
    uint64_t *now_ns;
};

static void yield_often(struct task *t, void *arg)
{
    struct counter *c = arg;
    for (int i = 0; i < c->rounds; i++) {
        c->ran++;
        task_yield(t);
    }
}

START_TEST(a_yielding_task_runs_once_a_round)
{
    struct world w;
    struct counter a = { .rounds = 10 }, b = { .rounds = 10 };
    world_init(&w);
    world_start(&w, yield_often, &a);
    world_start(&w, yield_often, &b);
    for (int round = 1; round <= 10; round++) {
        ck_assert_uint_eq(sched_run(&w.sched), 2);
        ck_assert_int_eq(a.ran, round);
        ck_assert_int_eq(b.ran, round);
        ck_assert(sched_has_ready(&w.sched));
    }
    world_run(&w);
    world_deinit(&w);
}
END_TEST

static struct task *partner[2];
static int pings;

static void ping(struct task *t, void *arg)
{
    size_t me = (size_t)(uintptr_t)arg;
    partner[me] = t;
    while (pings < 5000) {
        pings++;
        struct task *other = partner[1 - me];
        if (other && other->state == TASK_WAITING)
            task_wake(other);
        task_suspend(t);
    }
    if (partner[1 - me]->state == TASK_WAITING)
        task_wake(partner[1 - me]);
}

START_TEST(tasks_that_wake_each_other_run_on_but_not_for_ever)
{
    struct world w;
    world_init(&w);
    world_start(&w, ping, (void *)0);
    world_start(&w, ping, (void *)1);
    size_t ran = sched_run(&w.sched);
    ck_assert_uint_gt(ran, 100);
    ck_assert_uint_lt(ran, 2000); /* I/O gets its turn */
    ck_assert(sched_has_ready(&w.sched));
    world_run(&w);
    ck_assert_uint_eq(w.sched.active, 0);
    world_deinit(&w);
}
END_TEST

static void yield_low(struct task *t, void *arg)
{
    struct counter *c = arg;
    for (int i = 0; i < c->rounds; i++) {
        task_yield_low(t);
        c->ran++;
        *c->now_ns += 10;
    }
}

START_TEST(low_priority_gets_at_least_one_turn_and_at_most_its_budget)
{
    struct world w;
    world_init(&w);
    struct counter low = { .rounds = 1000, .now_ns = &w.now_ns };
    struct counter high = { .rounds = 200 };
    world_start(&w, yield_low, &low);
    world_start(&w, yield_often, &high);
    sched_run(&w.sched); /* low enters its queue and has its one turn */
    ck_assert_int_eq(low.ran, 1);
    for (int round = 2; round <= 20; round++) {
        sched_run(&w.sched);
        ck_assert_int_eq(low.ran, round);
        ck_assert_int_eq(high.ran, round);
    }
    w.sched.low_budget_ns = 100;
    sched_run(&w.sched);
    ck_assert_int_eq(low.ran, 30);
    world_run(&w);
    ck_assert_int_eq(low.ran, 1000);
    world_deinit(&w);
}
END_TEST

START_TEST(low_priority_cannot_hold_the_loop_when_the_clock_stands_still)
{
    struct world w;
    uint64_t elsewhere = 0;
    world_init(&w);
    struct counter low = { .rounds = 100000, .now_ns = &elsewhere };
    w.sched.low_budget_ns = 1000;
    world_start(&w, yield_low, &low);
    ck_assert_uint_lt(sched_run(&w.sched), 2000);
    world_run(&w);
    world_deinit(&w);
}
END_TEST

static void sleep_low(struct task *t, void *arg)
{
    struct counter *c = arg;
    t->low_priority = true;
    task_sleep(t, 10);
    c->ran++;
}

START_TEST(a_woken_task_of_low_priority_waits_for_its_budget)
{
    struct world w;
    struct counter c = { 0 };
    world_init(&w);
    for (int i = 0; i < 3; i++)
        world_start(&w, sleep_low, &c);
    sched_run(&w.sched);
    w.now_ns += 10;
    for (int i = 1; i <= 3; i++) {
        ck_assert_uint_eq(sched_run(&w.sched), 1);
        ck_assert_int_eq(c.ran, i);
    }
    world_start(&w, sleep_low, &c);
    world_run(&w);
    w.now_ns += 10;
    world_run(&w);
    sched_run(&w.sched);
    world_deinit(&w);
}
END_TEST

/* ---- timers ------------------------------------------------------------------------------- */

struct alarm {
    struct timer timer;
    struct alarm *cancels; /* when it fires */
    struct sched *resets;  /* sets itself again */
    int fired;
};

static uint64_t last_due;

static void fire(struct timer *timer)
{
    struct alarm *a = container_of(timer, struct alarm, timer);
    ck_assert_uint_ge(timer->due_ns, last_due);
    last_due = timer->due_ns;
    a->fired++;
    if (a->cancels)
        timer_cancel(&a->cancels->timer);
    if (a->resets)
        timer_set(a->resets, timer, timer->due_ns);
}

START_TEST(timers_fire_in_order_of_time_and_not_before)
{
    struct world w;
    struct rand rnd;
    static struct alarm alarms[500];
    world_init(&w);
    w.now_ns = 0;
    rand_seed(&rnd, 17);
    ck_assert_uint_eq(sched_next_timer_ns(&w.sched), UINT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(alarms); i++) {
        timer_init(&alarms[i].timer, fire);
        timer_set(&w.sched, &alarms[i].timer, 1 + rand_below(&rnd, 1000));
    }
    for (size_t i = 0; i < ARRAY_LEN(alarms); i += 3) /* moved */
        timer_set(&w.sched, &alarms[i].timer, 1 + rand_below(&rnd, 1000));
    for (size_t i = 0; i < ARRAY_LEN(alarms); i += 5) /* and taken back */
        timer_cancel(&alarms[i].timer);
    for (w.now_ns = 0; w.now_ns <= 1000; w.now_ns += 10) {
        sched_run(&w.sched);
        for (size_t i = 0; i < ARRAY_LEN(alarms); i++)
            ck_assert_int_eq(alarms[i].fired,
                             i % 5 != 0 && alarms[i].timer.due_ns <= w.now_ns ? 1 : 0);
    }
    ck_assert_uint_eq(sched_next_timer_ns(&w.sched), UINT64_MAX);
    timer_cancel(&alarms[0].timer);
    world_deinit(&w);
}
END_TEST

START_TEST(the_loop_knows_how_long_it_may_sleep)
{
    struct world w;
    struct alarm a = { 0 };
    world_init(&w);
    timer_init(&a.timer, fire);
    timer_set(&w.sched, &a.timer, w.now_ns + 50);
    ck_assert_uint_eq(sched_next_timer_ns(&w.sched), 50);
    w.now_ns += 50;
    ck_assert_uint_eq(sched_next_timer_ns(&w.sched), 0);
    w.now_ns += 50;
    ck_assert_uint_eq(sched_next_timer_ns(&w.sched), 0);
    sched_run(&w.sched);
    ck_assert_int_eq(a.fired, 1);
    world_deinit(&w);
}
END_TEST

START_TEST(a_timer_may_cancel_another_that_is_due_and_set_itself_again)
{
    struct world w;
    struct alarm a = { 0 }, b = { 0 }, c = { 0 };
    world_init(&w);
    a.cancels = &b;
    c.resets = &w.sched;
    timer_init(&a.timer, fire);
    timer_init(&b.timer, fire);
    timer_init(&c.timer, fire);
    timer_set(&w.sched, &a.timer, 10);
    timer_set(&w.sched, &b.timer, 11);
    timer_set(&w.sched, &c.timer, 12);
    sched_run(&w.sched);
    ck_assert_int_eq(a.fired, 1);
    ck_assert_int_eq(b.fired, 0);
    ck_assert_int_eq(c.fired, 1);
    sched_run(&w.sched);
    ck_assert_int_eq(c.fired, 2);
    timer_cancel(&c.timer);
    world_deinit(&w);
}
END_TEST

struct nap {
    struct world *w;
    uint64_t ns, woke_at;
};

static void take_nap(struct task *t, void *arg)
{
    struct nap *n = arg;
    task_sleep(t, n->ns);
    n->woke_at = n->w->now_ns;
}

START_TEST(a_task_sleeps_as_long_as_it_asked)
{
    struct world w;
    static struct nap naps[400];
    world_init(&w);
    w.now_ns = 0;
    for (size_t i = 0; i < ARRAY_LEN(naps); i++) {
        naps[i] = (struct nap){ .w = &w, .ns = (i * 7919) % 400 };
        world_start(&w, take_nap, &naps[i]);
    }
    for (; w.sched.active > 0; w.now_ns++) {
        sched_run(&w.sched);
        ck_assert_uint_lt(w.now_ns, 1000);
    }
    for (size_t i = 0; i < ARRAY_LEN(naps); i++)
        ck_assert_uint_eq(naps[i].woke_at, MAX(naps[i].ns, 1)); /* 0 is until the next round */
    world_deinit(&w);
}
END_TEST

static void nap_for_ever(struct task *t, void *arg)
{
    *(struct task **)arg = t;
    task_sleep(t, UINT64_MAX);
}

START_TEST(a_sleep_without_end_does_not_end_at_once)
{
    struct world w;
    struct task *t;
    world_init(&w);
    world_start(&w, nap_for_ever, &t);
    sched_run(&w.sched);
    ck_assert_uint_gt(sched_next_timer_ns(&w.sched), UINT64_MAX / 2);
    w.now_ns = UINT64_MAX;
    world_run(&w);
    ck_assert_uint_eq(sched_run(&w.sched), 1);
    world_deinit(&w);
}
END_TEST

RUN_TESTS("sched", a_yielding_task_runs_once_a_round,
          tasks_that_wake_each_other_run_on_but_not_for_ever,
          low_priority_gets_at_least_one_turn_and_at_most_its_budget,
          low_priority_cannot_hold_the_loop_when_the_clock_stands_still,
          a_woken_task_of_low_priority_waits_for_its_budget,
          timers_fire_in_order_of_time_and_not_before, the_loop_knows_how_long_it_may_sleep,
          a_timer_may_cancel_another_that_is_due_and_set_itself_again,
          a_task_sleeps_as_long_as_it_asked, a_sleep_without_end_does_not_end_at_once)
