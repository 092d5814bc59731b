/* tests/unit/coro/wait_test.c -- coro/wait and coro/single_flight. */
#include "coro/wait.h"

#include "coro/single_flight.h"
#include "world.h"

static int order[64];
static int order_count;

static void note(int n)
{
    ck_assert_int_lt(order_count, (int)ARRAY_LEN(order));
    order[order_count++] = n;
}

static void check_order(int count)
{
    ck_assert_int_eq(order_count, count);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(order[i], i);
    order_count = 0;
}

/* One task of a test: its number, and what they all share. */
struct worker {
    int n;
    struct wait_list *list;
    struct mutex *mutex;
    struct tokens *tokens;
    struct group *group;
    struct single_flight *flight;
    int rc; /* of the flight */
    bool flew;
};

/* ---- list --------------------------------------------------------------------------------- */

static void wait_in_list(struct task *t, void *arg)
{
    struct worker *w = arg;
    wait_on(t, w->list);
    note(w->n);
}

START_TEST(the_first_to_wait_is_the_first_woken)
{
    struct world w;
    struct wait_list list;
    struct worker workers[6];
    world_init(&w);
    wait_list_init(&list);
    wait_wake_one(&list);
    wait_wake_all(&list);
    for (int i = 0; i < 6; i++) {
        workers[i] = (struct worker){ .n = i, .list = &list };
        world_start(&w, wait_in_list, &workers[i]);
    }
    world_run(&w);
    ck_assert_int_eq(order_count, 0);
    wait_wake_one(&list);
    world_run(&w);
    ck_assert_int_eq(order_count, 1);
    wait_wake_one(&list);
    wait_wake_all(&list);
    world_run(&w);
    check_order(6);
    world_deinit(&w);
}
END_TEST

/* ---- mutex -------------------------------------------------------------------------------- */

static bool inside;

static void lock_twice(struct task *t, void *arg)
{
    struct worker *w = arg;
    for (int lap = 0; lap < 2; lap++) {
        mutex_lock(t, w->mutex);
        ck_assert(!inside);
        inside = true;
        note(w->n + lap * 5);
        task_yield(t);
        inside = false;
        mutex_unlock(w->mutex);
        /* Without a yield: still the others, who waited, go first. */
    }
}

START_TEST(a_mutex_lets_one_in_and_goes_round)
{
    struct world w;
    struct mutex mutex;
    struct worker workers[5];
    world_init(&w);
    mutex_init(&mutex);
    for (int i = 0; i < 5; i++) {
        workers[i] = (struct worker){ .n = i, .mutex = &mutex };
        world_start(&w, lock_twice, &workers[i]);
    }
    world_run(&w);
    check_order(10);
    ck_assert(!mutex.locked);
    world_deinit(&w);
}
END_TEST

/* ---- tokens ------------------------------------------------------------------------------- */

static int holders, holders_max;

static void hold_token(struct task *t, void *arg)
{
    struct worker *w = arg;
    tokens_take(t, w->tokens);
    note(w->n);
    holders++;
    holders_max = MAX(holders_max, holders);
    task_yield(t);
    task_yield(t);
    holders--;
    tokens_give(w->tokens);
}

struct taker {
    struct tokens *tokens;
    size_t most, got;
    bool ended;
};

static void take_some(struct task *t, void *arg)
{
    struct taker *taker = arg;

    taker->got = tokens_take_some(t, taker->tokens, taker->most);
    task_yield(t);
    tokens_give_some(taker->tokens, taker->got);
    taker->ended = true;
}

START_TEST(several_tokens_are_taken_if_there_are_several)
{
    struct world w;
    struct tokens tokens;
    struct taker takers[4];

    world_init(&w);
    tokens_init(&tokens, 5);
    for (int i = 0; i < 4; i++) {
        takers[i] = (struct taker){ .tokens = &tokens, .most = 3 };
        ck_assert_int_eq(task_start(&w.sched, take_some, &takers[i]), ELOQ_OK);
    }
    world_run(&w);
    ck_assert_uint_eq(takers[0].got, 3);
    ck_assert_uint_eq(takers[1].got, 2);
    for (int i = 0; i < 4; i++)
        ck_assert(takers[i].ended && takers[i].got >= 1);
    ck_assert_uint_eq(tokens.left, 5);
    world_deinit(&w);
}
END_TEST

START_TEST(no_more_tokens_are_out_than_there_are)
{
    struct world w;
    struct tokens tokens;
    struct worker workers[20];
    world_init(&w);
    tokens_init(&tokens, 3);
    for (int i = 0; i < 20; i++) {
        workers[i] = (struct worker){ .n = i, .tokens = &tokens };
        world_start(&w, hold_token, &workers[i]);
    }
    world_run(&w);
    check_order(20);
    ck_assert_int_eq(holders_max, 3);
    ck_assert_uint_eq(tokens.left, 3);
    world_deinit(&w);
}
END_TEST

/* ---- group -------------------------------------------------------------------------------- */

static void finish_later(struct task *t, void *arg)
{
    struct worker *w = arg;
    task_sleep(t, (uint64_t)w->n);
    group_done(w->group);
    note(w->n - 1);
}

static void wait_for_group(struct task *t, void *arg)
{
    struct worker *w = arg;
    group_wait(t, w->group);
    ck_assert_uint_eq(w->group->count, 0);
    note(w->n);
}

START_TEST(a_group_is_waited_for_until_its_last_one_is_done)
{
    struct world w;
    struct group group;
    struct worker workers[5], waiter = { .n = 5, .group = &group };
    world_init(&w);
    group_init(&group);
    world_start(&w, wait_for_group, &waiter); /* empty: does not wait */
    world_run(&w);
    ck_assert_int_eq(order_count, 1);
    order_count = 0;
    for (int i = 0; i < 5; i++) {
        workers[i] = (struct worker){ .n = i + 1, .group = &group };
        group_add(&group);
        world_start(&w, finish_later, &workers[i]);
    }
    world_start(&w, wait_for_group, &waiter);
    for (; w.sched.active > 0; w.now_ns++) {
        sched_run(&w.sched);
        ck_assert_uint_lt(w.now_ns, 2000);
    }
    check_order(6);
    world_deinit(&w);
}
END_TEST

START_TEST(more_may_join_a_group_before_the_waiter_runs)
{
    struct world w;
    struct group group;
    struct worker waiter = { .n = 0, .group = &group };
    world_init(&w);
    group_init(&group);
    group_add(&group);
    world_start(&w, wait_for_group, &waiter);
    world_run(&w);
    group_done(&group);
    group_add(&group);
    world_run(&w);
    ck_assert_int_eq(order_count, 0);
    group_done(&group);
    world_run(&w);
    check_order(1);
    world_deinit(&w);
}
END_TEST

/* ---- single flight ------------------------------------------------------------------------ */

static int flights, flight_rc;

static void fly(struct task *t, void *arg)
{
    struct worker *w = arg;
    w->flew = single_flight_begin(t, w->flight, &w->rc);
    if (w->flew) {
        flights++;
        task_sleep(t, 10);
        w->rc = flight_rc < 0 ? task_fail(t, flight_rc, "cannot fetch n=%d", w->n) : flight_rc;
        single_flight_end(t, w->flight, w->rc);
    } else if (w->rc < 0) {
        ck_assert_str_eq(t->err.text, "cannot fetch n=0");
        ck_assert_int_eq(t->err.code, w->rc);
    }
}

static void check_flight(int rc)
{
    struct world w;
    struct single_flight flight;
    struct worker workers[8];
    world_init(&w);
    single_flight_init(&flight);
    flight_rc = rc;
    flights = 0;
    for (int i = 0; i < 8; i++) {
        workers[i] = (struct worker){ .n = i, .flight = &flight, .rc = 77 };
        world_start(&w, fly, &workers[i]);
    }
    world_run(&w);
    w.now_ns += 10;
    sched_run(&w.sched);
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(workers[i].rc, rc);
        ck_assert_int_eq(workers[i].flew, i == 0);
    }
    ck_assert_int_eq(flights, 1);
    ck_assert(!flight.busy);

    workers[0].rc = 77; /* afterwards there is a new flight */
    world_start(&w, fly, &workers[0]);
    world_run(&w);
    w.now_ns += 10;
    sched_run(&w.sched);
    ck_assert_int_eq(workers[0].rc, rc);
    ck_assert_int_eq(flights, 2);
    world_deinit(&w);
}

START_TEST(one_does_it_and_all_get_its_result)
{
    check_flight(ELOQ_OK);
    check_flight(ELOQ_NOT_FOUND);
}
END_TEST

START_TEST(one_fails_and_all_get_its_words)
{
    check_flight(ELOQ_UNAVAILABLE);
}
END_TEST

struct waiter {
    struct wait_list *list;
    uint64_t ns;
    bool woken;
};

static void wait_a_while(struct task *t, void *arg)
{
    struct waiter *waiter = arg;

    waiter->woken = wait_on_for(t, waiter->list, waiter->ns);
}

START_TEST(a_wait_may_have_a_limit)
{
    struct world w;
    struct wait_list list;
    struct waiter waiters[3];

    world_init(&w);
    wait_list_init(&list);
    for (int i = 0; i < 3; i++) {
        waiters[i] = (struct waiter){ .list = &list, .ns = 1000 * (uint64_t)(i + 1) };
        world_start(&w, wait_a_while, &waiters[i]);
    }
    world_run(&w);
    wait_wake_one(&list); /* the first */
    w.now_ns += 1000;     /* and its time is over, too, before it runs */
    sched_run(&w.sched);
    world_run(&w);
    ck_assert_uint_eq(w.sched.active, 2);
    ck_assert(waiters[0].woken);
    w.now_ns += 1000;
    sched_run(&w.sched);
    world_run(&w);
    ck_assert_uint_eq(w.sched.active, 1);
    ck_assert(!waiters[1].woken);
    wait_wake_all(&list);
    world_run(&w);
    ck_assert(waiters[2].woken);
    ck_assert_uint_eq(sched_next_timer_ns(&w.sched), UINT64_MAX);
    world_deinit(&w);
}
END_TEST

RUN_TESTS("wait", the_first_to_wait_is_the_first_woken, a_mutex_lets_one_in_and_goes_round,
          no_more_tokens_are_out_than_there_are, a_group_is_waited_for_until_its_last_one_is_done,
          more_may_join_a_group_before_the_waiter_runs, one_does_it_and_all_get_its_result,
          one_fails_and_all_get_its_words, several_tokens_are_taken_if_there_are_several,
          a_wait_may_have_a_limit)
