/* tests/unit/coro/context_test.c -- coro/context and coro/stack: bare switches. */
#include "coro/context.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "../base/fail.h"
#include "../base/run.h"
#include "coro/stack.h"

#define STACK_BYTES 65536

struct side {
    struct context context;
    struct side *next; /* where `hop` goes */
    void *stack;
    int laps, lap;
    uint64_t sum;
};

static struct context main_context;
static struct mem memory;
static struct stack_pool stacks;

static void setup(void)
{
    mem_init(&memory, 0);
    stack_pool_init(&stacks, &memory, STACK_BYTES);
    context_init_thread(&main_context);
}

static void side_init(struct side *s, void (*entry)(void *))
{
    memset(s, 0, sizeof(*s));
    s->stack = stack_acquire(&stacks);
    ck_assert_ptr_nonnull(s->stack);
    ck_assert_int_eq(context_init(&s->context, s->stack, stacks.usable, entry, s), 0);
}

static void side_deinit(struct side *s)
{
    context_deinit(&s->context);
    stack_release(&stacks, s->stack);
}

static void teardown(void)
{
    stack_pool_free(&stacks);
    ck_assert_uint_eq(atomic_load(&memory.total), 0);
}

/* Keeps many values alive over a switch, so that registers must survive it. */
static uint64_t mix_over_switch(struct side *s, struct context *to, uint64_t a)
{
    uint64_t b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13, g = a * 17, h = a * 19;
    double x = (double)a, y = x * 1.5;

    context_switch(&s->context, to, false);
    return a + b + c + d + e + f + g + h + (uint64_t)(x + y);
}

static uint64_t mixed(uint64_t a)
{
    return a * (1 + 3 + 5 + 7 + 11 + 13 + 17 + 19) + (uint64_t)((double)a * 2.5);
}

static void hop(void *arg)
{
    struct side *s = arg;

    context_entered(&s->context, NULL);
    for (s->lap = 0; s->lap < s->laps; s->lap++) {
        uint64_t a = (uint64_t)s->lap + (uintptr_t)s % 64;
        uint64_t got = mix_over_switch(s, s->next ? &s->next->context : &main_context, a);
        ck_assert_uint_eq(got, mixed(a));
        s->sum += got;
    }
    context_switch(&s->context, s->next ? &s->next->context : &main_context, true);
    abort();
}

START_TEST(what_a_stack_held_is_there_when_it_goes_on)
{
    struct side s;
    setup();
    side_init(&s, hop);
    s.laps = 1000;
    for (int i = 0; i <= s.laps; i++)
        context_switch(&main_context, &s.context, false);
    ck_assert_int_eq(s.lap, s.laps);
    side_deinit(&s);
    teardown();
}
END_TEST

START_TEST(stacks_may_switch_in_a_ring_past_the_thread)
{
    struct side ring[5];
    setup();
    for (size_t i = 0; i < ARRAY_LEN(ring); i++)
        side_init(&ring[i], hop);
    for (size_t i = 0; i < ARRAY_LEN(ring); i++) {
        ring[i].laps = 200;
        ring[i].next = i + 1 < ARRAY_LEN(ring) ? &ring[i + 1] : NULL;
    }
    for (int lap = 0; lap <= 200; lap++)
        context_switch(&main_context, &ring[0].context, false);
    for (size_t i = 0; i < ARRAY_LEN(ring); i++) {
        ck_assert_int_eq(ring[i].lap, 200);
        side_deinit(&ring[i]);
    }
    teardown();
}
END_TEST

static int depth_of(struct side *s, int depth, volatile char *above)
{
    volatile char here[512];

    here[0] = (char)depth;
    here[511] = above ? above[0] : 0;
    if (depth == 0) {
        context_switch(&s->context, &main_context, false);
        return 0;
    }
    int below = depth_of(s, depth - 1, here);
    ck_assert_int_eq(here[0], (char)depth);
    return below + 1;
}

static void dive(void *arg)
{
    struct side *s = arg;

    context_entered(&s->context, &main_context);
    while (s->lap < s->laps) {
        ck_assert_int_eq(depth_of(s, 50, NULL), 50);
        s->lap++;
    }
    context_switch(&s->context, &main_context, true);
    abort();
}

START_TEST(a_switch_deep_in_calls_comes_back_there_and_stacks_are_reused)
{
    struct side s[3];
    setup();
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < ARRAY_LEN(s); i++) {
            side_init(&s[i], dive);
            s[i].laps = 20;
        }
        for (int lap = 0; lap <= 20; lap++)
            for (size_t i = 0; i < ARRAY_LEN(s); i++)
                context_switch(&main_context, &s[i].context, false);
        for (size_t i = 0; i < ARRAY_LEN(s); i++) {
            ck_assert_int_eq(s[i].lap, 20);
            side_deinit(&s[i]);
        }
    }
    ck_assert_uint_eq(stacks.made, 3);
    teardown();
}
END_TEST

static void *go_on_elsewhere(void *arg)
{
    struct side *s = arg;
    context_init_thread(&main_context);
    context_switch(&main_context, &s->context, false);
    return NULL;
}

START_TEST(a_stack_may_go_on_in_another_thread)
{
    struct side s;
    pthread_t thread;
    setup();
    side_init(&s, hop);
    s.laps = 10;
    for (int i = 0; i <= s.laps; i++) {
        ck_assert_int_eq(pthread_create(&thread, NULL, go_on_elsewhere, &s), 0);
        pthread_join(thread, NULL);
    }
    ck_assert_int_eq(s.lap, 10);
    side_deinit(&s);
    teardown();
}
END_TEST

START_TEST(a_stack_is_aligned_counted_and_reused)
{
    setup();
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *a = stack_acquire(&stacks);
    char *b = stack_acquire(&stacks);
    ck_assert_uint_eq((uintptr_t)a % page, 0);
    ck_assert_uint_ge(stacks.usable, STACK_BYTES);
    ck_assert_uint_eq(stacks.made, 2);
    ck_assert_uint_eq(atomic_load(&memory.used[MEM_STACKS]), 2 * stacks.usable);
    memset(a, 1, stacks.usable);
    memset(b, 2, stacks.usable);
    ck_assert_int_eq(a[0], 1);
    ck_assert_int_eq(a[stacks.usable - 1], 1);
    stack_release(&stacks, a);
    stack_release(&stacks, b);
    ck_assert_ptr_eq(stack_acquire(&stacks), b);
    ck_assert_ptr_eq(stack_acquire(&stacks), a);
    ck_assert_uint_eq(stacks.made, 2);
    stack_release(&stacks, a);
    stack_release(&stacks, b);
    teardown();
}
END_TEST

START_TEST(without_memory_there_is_no_stack)
{
    struct fail_at f;
    setup();
    fail_at_set(&memory, &f, 0);
    ck_assert_ptr_null(stack_acquire(&stacks));
    memory.fail = NULL;
    memory.limit = stacks.usable + 100;
    void *a = stack_acquire(&stacks);
    ck_assert_ptr_nonnull(a);
    ck_assert_ptr_null(stack_acquire(&stacks));
    stack_release(&stacks, a);
    teardown();
}
END_TEST

START_TEST(below_a_stack_is_a_guard)
{
    setup();
    struct sigaction plain = { .sa_handler = SIG_DFL }; /* not the sanitizers' report */
    sigaction(SIGSEGV, &plain, NULL);
    volatile char *low = stack_acquire(&stacks);
    low[0] = 1;
    low[-1] = 1;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("context");
    TCase *all = tcase_create("context");
    tcase_set_timeout(all, 120);
    tcase_add_test(all, what_a_stack_held_is_there_when_it_goes_on);
    tcase_add_test(all, stacks_may_switch_in_a_ring_past_the_thread);
    tcase_add_test(all, a_switch_deep_in_calls_comes_back_there_and_stacks_are_reused);
    tcase_add_test(all, a_stack_may_go_on_in_another_thread);
    tcase_add_test(all, a_stack_is_aligned_counted_and_reused);
    tcase_add_test(all, without_memory_there_is_no_stack);
    tcase_add_test_raise_signal(all, below_a_stack_is_a_guard, SIGSEGV);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
