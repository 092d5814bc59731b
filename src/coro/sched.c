/* coro/sched.c -- one round: timers, ready tasks, a little low-priority work. */
#include "coro/sched.h"

#include "base/check.h"

/* Tasks that became ready during a round and still run in it: I/O must get its turn. */
#define MORE_MAX 1024
/* The same for the low queue, whose budget is no bound when the clock stands still. */
#define LOW_MAX 256

void sched_init(struct sched *s, struct mem *m, const struct clock *clock, size_t stack_bytes)
{
    *s = (struct sched){ .mem = m, .clock = clock };
    stack_pool_init(&s->stacks, m, stack_bytes);
    list_init(&s->ready);
    list_init(&s->ready_low);
    list_init(&s->yielded);
    list_init(&s->timers);
    list_init(&s->free_tasks);
}

void sched_trim(struct sched *s)
{
    struct list *node;

    while ((node = list_pop_front(&s->free_tasks)))
        mem_free(s->mem, container_of(node, struct task, link));
    s->free_task_count = 0;
    stack_pool_trim(&s->stacks);
}

void sched_deinit(struct sched *s)
{
    CHECK(s->active == 0 && !s->running);
    sched_trim(s);
    stack_pool_free(&s->stacks);
}

static void run(struct sched *s, struct list *node)
{
    struct task *t = container_of(node, struct task, link);

    DCHECK(t->state == TASK_READY);
    t->state = TASK_RUNNING;
    s->running = t;
    context_switch(&s->context, &t->context, false);
    s->running = NULL;
    if (s->finished) {
        sched_recycle(s, s->finished);
        s->finished = NULL;
    }
}

/* Runs up to `max` from the front of a list; returns how many. */
static size_t run_some(struct sched *s, struct list *from, size_t max)
{
    size_t ran = 0;
    struct list *node;

    while (ran < max && (node = list_pop_front(from))) {
        run(s, node);
        ran++;
    }
    return ran;
}

static size_t run_low(struct sched *s)
{
    if (list_empty(&s->ready_low))
        return 0;
    uint64_t begin = clock_mono_ns(s->clock);
    size_t ran = 0;
    do
        ran += run_some(s, &s->ready_low, 1);
    while (!list_empty(&s->ready_low) && ran < LOW_MAX
           && clock_mono_ns(s->clock) - begin < s->low_budget_ns);
    return ran;
}

static void fire_timers(struct sched *s)
{
    if (list_empty(&s->timers))
        return;

    /* Taken out first: one that sets itself again must not keep us here. */
    struct list due, *node;
    uint64_t now = clock_mono_ns(s->clock);
    list_init(&due);
    while ((node = list_first(&s->timers))
           && container_of(node, struct timer, link)->due_ns <= now) {
        list_remove(node);
        list_push_back(&due, node);
    }
    while ((node = list_pop_front(&due))) {
        struct timer *timer = container_of(node, struct timer, link);
        timer->fire(timer);
    }
}

size_t sched_run(struct sched *s)
{
    CHECK(!s->running);
    context_init_thread(&s->context); /* each time: a host may move a shard to another thread */

    fire_timers(s);
    struct list now;
    list_init(&now);
    list_splice_back(&now, &s->ready);
    list_splice_back(&now, &s->yielded);
    size_t ran = run_some(s, &now, SIZE_MAX);
    ran += run_some(s, &s->ready, MORE_MAX);
    return ran + run_low(s);
}

bool sched_has_ready(const struct sched *s)
{
    return !list_empty(&s->ready) || !list_empty(&s->yielded) || !list_empty(&s->ready_low);
}

uint64_t sched_next_timer_ns(const struct sched *s)
{
    if (list_empty(&s->timers))
        return UINT64_MAX;
    uint64_t due = container_of(s->timers.next, struct timer, link)->due_ns;
    uint64_t now = clock_mono_ns(s->clock);
    return due > now ? due - now : 0;
}

void timer_init(struct timer *timer, void (*fire)(struct timer *timer))
{
    list_init(&timer->link);
    timer->due_ns = 0;
    timer->fire = fire;
}

void timer_set(struct sched *s, struct timer *timer, uint64_t due_ns)
{
    list_remove(&timer->link);
    timer->due_ns = due_ns;

    /* From the back: most timers are set for later than those already there. */
    struct list *at = &s->timers;
    while (at->prev != &s->timers && container_of(at->prev, struct timer, link)->due_ns > due_ns)
        at = at->prev;
    list_insert_before(at, &timer->link);
}

void timer_cancel(struct timer *timer)
{
    list_remove(&timer->link);
}
