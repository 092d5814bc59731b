/* tests/unit/coro/inbox_test.c -- coro/inbox: order, the bound, closing, sleeping. */
#include "coro/inbox.h"

#include <time.h>

#include "../base/run.h"
#include "eloqstore.h"

struct letter {
    struct inbox_item item;
    int sender, n;
};

static int wakes;

static void count_wake(void *user)
{
    ++*(int *)user;
}

static struct letter *letter_of(struct inbox_item *item)
{
    return container_of(item, struct letter, item);
}

START_TEST(items_come_out_in_the_order_they_went_in)
{
    struct inbox b;
    struct letter letters[10];
    ck_assert_int_eq(inbox_init(&b, 100, count_wake, &wakes), ELOQ_OK);
    ck_assert_ptr_null(inbox_take(&b));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 10; i++) {
            letters[i].n = i;
            if (i % 3 == 0)
                inbox_push_internal(&b, &letters[i].item);
            else
                ck_assert_int_eq(inbox_push(&b, &letters[i].item, false), ELOQ_OK);
        }
        int n = 0;
        for (struct inbox_item *item = inbox_take(&b); item; item = item->next, n++) {
            ck_assert_int_eq(letter_of(item)->n, n);
            ck_assert_int_eq(item->counted, n % 3 != 0);
            if (item->counted)
                inbox_done(&b);
        }
        ck_assert_int_eq(n, 10);
        ck_assert_ptr_null(inbox_take(&b));
        ck_assert_uint_eq(b.count, 0);
    }
    ck_assert_int_eq(wakes, 0); /* nobody slept */
    inbox_deinit(&b);
}
END_TEST

START_TEST(a_full_inbox_refuses_until_an_item_is_done)
{
    struct inbox b;
    struct letter letters[4];
    inbox_init(&b, 2, count_wake, &wakes);
    ck_assert_int_eq(inbox_push(&b, &letters[0].item, false), ELOQ_OK);
    ck_assert_int_eq(inbox_push(&b, &letters[1].item, true), ELOQ_OK);
    ck_assert_int_eq(inbox_push(&b, &letters[2].item, false), ELOQ_BUSY);
    inbox_push_internal(&b, &letters[2].item); /* is not bounded */
    ck_assert_ptr_nonnull(inbox_take(&b));
    ck_assert_int_eq(inbox_push(&b, &letters[3].item, false), ELOQ_BUSY); /* taken is not done */
    inbox_done(&b);
    ck_assert_int_eq(inbox_push(&b, &letters[3].item, false), ELOQ_OK);
    ck_assert_ptr_nonnull(inbox_take(&b));
    inbox_deinit(&b);
}
END_TEST

START_TEST(a_bound_of_zero_is_no_bound)
{
    struct inbox b;
    struct letter letters[100];
    inbox_init(&b, 0, NULL, NULL);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(inbox_push(&b, &letters[i].item, false), ELOQ_OK);
    ck_assert_ptr_nonnull(inbox_take(&b));
    inbox_deinit(&b);
}
END_TEST

START_TEST(a_closed_inbox_takes_only_our_own_messages)
{
    struct inbox b;
    struct letter letters[3];
    inbox_init(&b, 10, count_wake, &wakes);
    ck_assert_int_eq(inbox_push(&b, &letters[0].item, false), ELOQ_OK);
    inbox_close(&b);
    ck_assert_int_eq(inbox_push(&b, &letters[1].item, false), ELOQ_CLOSED);
    ck_assert_int_eq(inbox_push(&b, &letters[1].item, true), ELOQ_CLOSED);
    inbox_push_internal(&b, &letters[2].item);
    struct inbox_item *item = inbox_take(&b);
    ck_assert_ptr_eq(item, &letters[0].item); /* what is inside stays */
    ck_assert_ptr_eq(item->next, &letters[2].item);
    inbox_deinit(&b);
}
END_TEST

START_TEST(a_sleeper_is_woken_once_and_nobody_else)
{
    struct inbox b;
    struct letter letters[4];
    inbox_init(&b, 10, count_wake, &wakes);
    ck_assert(inbox_sleep(&b));
    ck_assert_int_eq(inbox_push(&b, &letters[0].item, false), ELOQ_OK);
    ck_assert_int_eq(wakes, 1);
    ck_assert_int_eq(inbox_push(&b, &letters[1].item, false), ELOQ_OK);
    ck_assert_int_eq(wakes, 1);
    ck_assert(!inbox_sleep(&b)); /* something is inside */
    ck_assert_int_eq(inbox_push(&b, &letters[2].item, false), ELOQ_OK);
    ck_assert_int_eq(wakes, 1);
    inbox_take(&b);
    ck_assert(inbox_sleep(&b));
    inbox_awake(&b);
    inbox_push_internal(&b, &letters[3].item);
    ck_assert_int_eq(wakes, 1);
    inbox_take(&b);
    ck_assert(inbox_sleep(&b));
    inbox_push_internal(&b, &letters[3].item);
    ck_assert_int_eq(wakes, 2);
    inbox_take(&b);
    inbox_deinit(&b);
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------ */

#define SENDERS 4
#define LETTERS 3000

static struct inbox shared;
static pthread_mutex_t bell_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t bell = PTHREAD_COND_INITIALIZER;
static bool rung;

static void ring(void *user)
{
    (void)user;
    pthread_mutex_lock(&bell_lock);
    rung = true;
    pthread_cond_signal(&bell);
    pthread_mutex_unlock(&bell_lock);
}

/* A lost wake-up shows as a wait without end: so it is bounded. */
static void wait_for_bell(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    pthread_mutex_lock(&bell_lock);
    while (!rung)
        ck_assert_int_eq(pthread_cond_timedwait(&bell, &bell_lock, &until), 0);
    rung = false;
    pthread_mutex_unlock(&bell_lock);
}

static void *send_letters(void *arg)
{
    struct letter *letters = arg;
    for (int i = 0; i < LETTERS; i++) {
        letters[i].n = i;
        if (i % 10 == 0)
            inbox_push_internal(&shared, &letters[i].item);
        else if (i % 2 == 0)
            ck_assert_int_eq(inbox_push(&shared, &letters[i].item, true), ELOQ_OK);
        else
            while (inbox_push(&shared, &letters[i].item, false) == ELOQ_BUSY)
                sched_yield();
    }
    return NULL;
}

START_TEST(each_senders_items_arrive_once_and_in_order)
{
    static struct letter letters[SENDERS][LETTERS];
    pthread_t threads[SENDERS];
    int next[SENDERS] = { 0 }, got = 0;

    inbox_init(&shared, 16, ring, NULL);
    for (int s = 0; s < SENDERS; s++) {
        for (int i = 0; i < LETTERS; i++)
            letters[s][i].sender = s;
        ck_assert_int_eq(pthread_create(&threads[s], NULL, send_letters, letters[s]), 0);
    }
    while (got < SENDERS * LETTERS) {
        struct inbox_item *item = inbox_take(&shared);
        while (item) {
            struct letter *letter = letter_of(item);
            item = item->next; /* before inbox_done: then the item is the sender's again */
            ck_assert_int_eq(letter->n, next[letter->sender]++);
            if (letter->item.counted)
                inbox_done(&shared);
            got++;
        }
        if (got < SENDERS * LETTERS && inbox_sleep(&shared)) {
            wait_for_bell();
            inbox_awake(&shared);
        }
    }
    for (int s = 0; s < SENDERS; s++)
        pthread_join(threads[s], NULL);
    ck_assert_ptr_null(inbox_take(&shared));
    ck_assert_uint_eq(shared.count, 0);
    inbox_deinit(&shared);
}
END_TEST

static void *push_into_full(void *arg)
{
    struct letter *letter = arg;
    letter->n = inbox_push(&shared, &letter->item, true);
    return NULL;
}

START_TEST(closing_sends_blocked_pushers_away)
{
    struct letter first, letters[3];
    pthread_t threads[3];
    inbox_init(&shared, 1, ring, NULL);
    ck_assert_int_eq(inbox_push(&shared, &first.item, false), ELOQ_OK);
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, push_into_full, &letters[i]);
    for (size_t blocked = 0; blocked < 3;) {
        pthread_mutex_lock(&shared.lock);
        blocked = shared.blocked;
        pthread_mutex_unlock(&shared.lock);
        sched_yield();
    }
    ck_assert_ptr_eq(inbox_take(&shared), &first.item);
    inbox_deinit(&shared); /* closes, and waits for them to leave */
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(letters[i].n, ELOQ_CLOSED);
    }
}
END_TEST

struct slow_wake {
    struct inbox inbox;
    struct letter letter;
    _Atomic bool began, ended;
};

static void wake_slowly(void *user)
{
    const struct timespec pause = { .tv_nsec = 20000000 };
    struct slow_wake *w = user;

    atomic_store(&w->began, true);
    nanosleep(&pause, NULL);
    atomic_store(&w->ended, true);
}

static void *push_one(void *user)
{
    struct slow_wake *w = user;

    inbox_push_internal(&w->inbox, &w->letter.item);
    return NULL;
}

/* The item is to be had meanwhile, and the inbox stays until the pusher is done with it. */
START_TEST(the_end_waits_for_a_pusher_that_wakes)
{
    static struct slow_wake w;
    pthread_t thread;

    inbox_init(&w.inbox, 0, wake_slowly, &w);
    ck_assert(inbox_sleep(&w.inbox));
    ck_assert_int_eq(pthread_create(&thread, NULL, push_one, &w), 0);
    while (!atomic_load(&w.began))
        sched_yield();
    ck_assert_ptr_nonnull(inbox_take(&w.inbox));
    inbox_deinit(&w.inbox);
    ck_assert(atomic_load(&w.ended));
    pthread_join(thread, NULL);
}
END_TEST

RUN_TESTS("inbox", items_come_out_in_the_order_they_went_in,
          a_full_inbox_refuses_until_an_item_is_done, a_bound_of_zero_is_no_bound,
          a_closed_inbox_takes_only_our_own_messages, a_sleeper_is_woken_once_and_nobody_else,
          each_senders_items_arrive_once_and_in_order, closing_sends_blocked_pushers_away,
          the_end_waits_for_a_pusher_that_wakes)
