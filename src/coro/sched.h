/* coro/sched.h -- which task runs next; timers. One scheduler per shard, one thread. */
#pragma once

#include "base/clock.h"
#include "coro/stack.h"
#include "coro/task.h"

struct timer {
    struct list link; /* in sched.timers, by due time */
    uint64_t due_ns;
    void (*fire)(struct timer *timer); /* on the scheduler's own stack; brief */
};

struct sched {
    struct mem *mem;
    const struct clock *clock;
    struct stack_pool stacks;
    struct context context; /* of the loop */
    struct list ready, ready_low;
    struct list yielded; /* ready in the next round, so that I/O is looked at before */
    struct list timers;
    struct list free_tasks;
    size_t free_task_count;
    struct task *running;
    struct task *finished; /* to be recycled once its stack is left */
    size_t active;         /* tasks in existence */
    size_t active_max;     /* task_start answers ELOQ_BUSY beyond it; 0 = none */
    uint64_t low_budget_ns;
};

void sched_init(struct sched *s, struct mem *m, const struct clock *clock, size_t stack_bytes);
/* Gives back the memory of stacks and tasks that are kept for reuse. */
void sched_trim(struct sched *s);
void sched_deinit(struct sched *s); /* no task may be left */
/* Runs what is ready: every normal task, then low-priority ones within the budget (at least one).
 * Fires due timers first. Tasks that become ready meanwhile run too, up to a bound. Returns how
 * many tasks ran. */
size_t sched_run(struct sched *s);
/* For task.c and sched.c: a task that returned from entry gives back what it had. */
void sched_recycle(struct sched *s, struct task *t);
bool sched_has_ready(const struct sched *s);
/* Nanoseconds until the next timer, 0 if due, UINT64_MAX if none. */
uint64_t sched_next_timer_ns(const struct sched *s);
void timer_init(struct timer *timer, void (*fire)(struct timer *timer));
void timer_set(struct sched *s, struct timer *timer, uint64_t due_ns); /* moves it if set */
void timer_cancel(struct timer *timer);
