/* coro/task.c -- the life of a task. */
#include "coro/task.h"

#include "base/check.h"
#include "coro/sched.h"

/* Enough for the requests that come and go; more would be memory kept for a peak. */
#define FREE_TASKS_MAX 64

static struct task *task_acquire(struct sched *s)
{
    struct list *node = list_pop_front(&s->free_tasks);
    if (node) {
        s->free_task_count--;
        return container_of(node, struct task, link);
    }
    struct task *t = mem_alloc(s->mem, MEM_TASKS, sizeof(*t));
    if (t)
        list_init(&t->link);
    return t;
}

static void task_release(struct sched *s, struct task *t)
{
    if (s->free_task_count == FREE_TASKS_MAX) {
        mem_free(s->mem, t);
        return;
    }
    list_push_front(&s->free_tasks, &t->link);
    s->free_task_count++;
}

/* What runs at the bottom of each task's stack. */
static void run_task(void *arg)
{
    struct task *t = arg;
    struct sched *s = t->sched;

    context_entered(&t->context, &s->context);
    t->entry(t, t->arg);
    arena_free(&t->arena);
    s->finished = t; /* its stack is still needed to get away from it */
    context_switch(&t->context, &s->context, true);
    check_failed("a finished task ran again", __FILE__, __LINE__);
}

int task_start(struct sched *s, void (*entry)(struct task *t, void *arg), void *arg)
{
    if (s->active_max != 0 && s->active >= s->active_max)
        return ELOQ_BUSY;
    struct task *t = task_acquire(s);
    if (!t)
        return ELOQ_NO_MEMORY;
    t->stack = stack_acquire(&s->stacks);
    if (!t->stack) {
        task_release(s, t);
        return ELOQ_NO_MEMORY;
    }
    int rc = context_init(&t->context, t->stack, s->stacks.usable, run_task, t);
    if (rc < 0) {
        stack_release(&s->stacks, t->stack);
        task_release(s, t);
        return rc;
    }
    t->sched = s;
    t->state = TASK_READY;
    t->low_priority = false;
    err_clear(&t->err);
    t->io_wait_ns = 0;
    arena_init(&t->arena, s->mem);
    t->entry = entry;
    t->arg = arg;
    s->active++;
    list_push_back(&s->ready, &t->link);
    return ELOQ_OK;
}

void sched_recycle(struct sched *s, struct task *t)
{
    context_deinit(&t->context);
    stack_release(&s->stacks, t->stack);
    task_release(s, t);
    s->active--;
}

static void leave(struct task *t)
{
    CHECK(t->sched->running == t);
    context_switch(&t->context, &t->sched->context, false);
}

void task_suspend(struct task *t)
{
    t->state = TASK_WAITING;
    leave(t);
}

void task_wake(struct task *t)
{
    CHECK(t->state == TASK_WAITING);
    t->state = TASK_READY;
    list_remove(&t->link);
    list_push_back(t->low_priority ? &t->sched->ready_low : &t->sched->ready, &t->link);
}

void task_yield(struct task *t)
{
    struct sched *s = t->sched;

    t->state = TASK_READY;
    list_push_back(t->low_priority ? &s->ready_low : &s->yielded, &t->link);
    leave(t);
}

void task_yield_low(struct task *t)
{
    t->state = TASK_READY;
    list_push_back(&t->sched->ready_low, &t->link);
    leave(t);
}

struct sleeper {
    struct timer timer;
    struct task *task;
};

static void end_sleep(struct timer *timer)
{
    task_wake(container_of(timer, struct sleeper, timer)->task);
}

void task_sleep(struct task *t, uint64_t ns)
{
    struct sleeper sleeper = { .task = t };
    uint64_t now = clock_mono_ns(t->sched->clock);

    timer_init(&sleeper.timer, end_sleep);
    timer_set(t->sched, &sleeper.timer, ns > UINT64_MAX - now ? UINT64_MAX : now + ns);
    task_suspend(t);
}
