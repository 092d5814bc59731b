/* tests/unit/base/small_test.c -- base/check, clock, rand, log, list, common: the small ones. */
#include <signal.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/rand.h"
#include "run.h"

/* ---- check -------------------------------------------------------------------------------- */

START_TEST(a_broken_promise_aborts)
{
    CHECK(1 + 1 == 2);
    CHECK(1 + 1 == 3);
}
END_TEST

/* ---- clock -------------------------------------------------------------------------------- */

START_TEST(the_clock_does_not_go_back_and_knows_the_year)
{
    uint64_t last = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_mono_ns(&clock_system);
        ck_assert_uint_ge(now, last);
        last = now;
    }
    ck_assert_uint_gt(clock_wall_us(&clock_system), UINT64_C(1700000000000000));
    ck_assert_uint_lt(clock_wall_us(&clock_system), UINT64_C(7000000000000000));
}
END_TEST

/* ---- rand --------------------------------------------------------------------------------- */

START_TEST(a_seed_gives_the_same_numbers_again)
{
    struct rand a, b;
    rand_seed(&a, 42);
    rand_seed(&b, 42);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(rand_u64(&a), rand_u64(&b));
    rand_seed(&b, 43);
    ck_assert_uint_ne(rand_u64(&a), rand_u64(&b));
    rand_seed_system(&a);
    rand_seed_system(&b);
    ck_assert_uint_ne(rand_u64(&a), rand_u64(&b));
}
END_TEST

START_TEST(the_generator_is_xoshiro256_starstar)
{
    /* From state 1, 2, 3, 4: rotl(2 * 5, 7) * 9, and so on by hand. */
    struct rand r = { .s = { 1, 2, 3, 4 } };
    ck_assert_uint_eq(rand_u64(&r), 11520);
    ck_assert_uint_eq(rand_u64(&r), 0);
    ck_assert_uint_eq(rand_u64(&r), 1509978240);
}
END_TEST

START_TEST(numbers_below_n_are_spread_evenly)
{
    struct rand r;
    unsigned seen[10] = { 0 };
    rand_seed(&r, 1);
    for (int i = 0; i < 100000; i++)
        seen[rand_below(&r, 10)]++;
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_gt(seen[i], 9000);
        ck_assert_uint_lt(seen[i], 11000);
    }
    for (int i = 0; i < 100; i++) {
        ck_assert_uint_eq(rand_below(&r, 1), 0);
        ck_assert_uint_lt(rand_below(&r, UINT64_MAX), UINT64_MAX);
        ck_assert_uint_le(rand_below(&r, ((uint64_t)1 << 63) + 1), (uint64_t)1 << 63);
    }
}
END_TEST

/* ---- log ---------------------------------------------------------------------------------- */

static struct {
    int lines, level;
    char last[1000];
} logged;

static void keep_line(void *user, int level, const char *line)
{
    ck_assert_ptr_eq(user, &logged);
    logged.lines++;
    logged.level = level;
    ck_assert_uint_lt(strlen(line), sizeof(logged.last));
    memcpy(logged.last, line, strlen(line) + 1);
}

static uint64_t fake_now(void *user)
{
    return *(uint64_t *)user;
}

START_TEST(a_line_is_one_line_whatever_it_holds)
{
    struct log l = { .write = keep_line, .user = &logged };
    char longer[2000];
    log_line(&l, ELOQ_LOG_WARNING, "file=%s", "a\nb\x7f\tc");
    ck_assert_str_eq(logged.last, "file=a?b??c");
    ck_assert_int_eq(logged.level, ELOQ_LOG_WARNING);
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    log_line(&l, ELOQ_LOG_ERROR, "%s", longer);
    ck_assert_uint_gt(strlen(logged.last), 500);
    ck_assert_int_eq(logged.lines, 2);
    struct log silent = { 0 };
    log_line(&silent, ELOQ_LOG_ERROR, "nobody hears");
}
END_TEST

START_TEST(a_talkative_place_is_heard_once_a_second_and_says_what_it_swallowed)
{
    uint64_t now = 0;
    struct clock clock = { .mono_ns = fake_now, .wall_us = fake_now, .user = &now };
    struct log l = { .write = keep_line, .user = &logged };
    struct log_limit limit = { 0 };
    for (int i = 0; i < 10; i++)
        log_limited(&l, &limit, &clock, ELOQ_LOG_ERROR, "n=%d", i);
    ck_assert_int_eq(logged.lines, 1);
    ck_assert_str_eq(logged.last, "n=0");
    now = 999999999;
    log_limited(&l, &limit, &clock, ELOQ_LOG_ERROR, "early");
    ck_assert_int_eq(logged.lines, 1);
    now = 1000000001;
    log_limited(&l, &limit, &clock, ELOQ_LOG_ERROR, "late");
    ck_assert_str_eq(logged.last, "late (and 10 more)");
    now *= 3;
    log_limited(&l, &limit, &clock, ELOQ_LOG_ERROR, "later");
    ck_assert_str_eq(logged.last, "later");
    struct log silent = { 0 };
    log_limited(&silent, &limit, &clock, ELOQ_LOG_ERROR, "nobody hears");
}
END_TEST

/* ---- list --------------------------------------------------------------------------------- */

struct number {
    struct list link;
    int n;
};

static int first_number(struct list *l)
{
    return container_of(list_first(l), struct number, link)->n;
}

START_TEST(a_list_keeps_its_order_through_every_change)
{
    struct list l, other;
    struct number n[5];
    list_init(&l);
    list_init(&other);
    ck_assert(list_empty(&l));
    ck_assert_ptr_null(list_first(&l));
    ck_assert_ptr_null(list_last(&l));
    ck_assert_ptr_null(list_pop_front(&l));
    for (int i = 0; i < 5; i++) {
        n[i].n = i;
        list_init(&n[i].link);
        list_remove(&n[i].link); /* safe where it is in no list */
        list_push_back(i < 3 ? &l : &other, &n[i].link);
    }
    list_splice_back(&l, &other);
    ck_assert(list_empty(&other));
    list_splice_back(&l, &other);
    int expected = 0;
    LIST_FOR(node, &l)
    {
        ck_assert_int_eq(container_of(node, struct number, link)->n, expected++);
        if (expected == 3)
            list_remove(node);
    }
    ck_assert_int_eq(expected, 5);
    list_push_front(&l, &n[2].link);
    ck_assert_int_eq(first_number(&l), 2);
    ck_assert_ptr_eq(list_last(&l), &n[4].link);
    ck_assert_ptr_eq(list_pop_front(&l), &n[2].link);
    ck_assert_int_eq(first_number(&l), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("small");
    TCase *all = tcase_create("small");
    tcase_add_test_raise_signal(all, a_broken_promise_aborts, SIGABRT);
    tcase_add_test(all, the_clock_does_not_go_back_and_knows_the_year);
    tcase_add_test(all, a_seed_gives_the_same_numbers_again);
    tcase_add_test(all, the_generator_is_xoshiro256_starstar);
    tcase_add_test(all, numbers_below_n_are_spread_evenly);
    tcase_add_test(all, a_line_is_one_line_whatever_it_holds);
    tcase_add_test(all, a_talkative_place_is_heard_once_a_second_and_says_what_it_swallowed);
    tcase_add_test(all, a_list_keeps_its_order_through_every_change);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
