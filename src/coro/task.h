/* coro/task.h -- a task: a stack of its own that runs until it waits.
 *
 *          task_start          sched picks it         returns from entry
 *   (new) ------------> READY ---------------> RUNNING ------------> (gone)
 *                         ^                       |
 *                         |  task_wake            | task_suspend
 *                         +-------- WAITING <-----+
 *
 * All tasks of a scheduler run on one thread, so between two suspensions the world stands still.
 * A function that may suspend takes `struct task *t` first, and no other does.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/list.h"
#include "coro/context.h"

struct sched;

enum task_state { TASK_READY, TASK_RUNNING, TASK_WAITING };

struct task {
    struct list link; /* in a ready queue, or in whatever it waits on */
    struct sched *sched;
    struct context context;
    void *stack;
    enum task_state state;
    bool low_priority;   /* woken, it waits for the low-priority budget; may be set at any time */
    struct err err;      /* words of the failure being returned */
    uint64_t io_wait_ns; /* time it waited for I/O, if that is measured */
    struct arena arena;  /* until the task ends */
    void (*entry)(struct task *t, void *arg);
    void *arg;
};

/* Starts entry(t, arg) as a task; it runs at the scheduler's next round.
 * 0, ELOQ_NO_MEMORY when there is no stack for it, or ELOQ_BUSY when there are too many tasks. */
int task_start(struct sched *s, void (*entry)(struct task *t, void *arg), void *arg);
/* Gives up the thread until task_wake. The caller has put the task where it will be found. */
void task_suspend(struct task *t);
/* Makes a waiting task ready; removes it from the list it waits in. Never switches. */
void task_wake(struct task *t);
/* Lets the others run, and I/O be looked at; low comes back only when the low-priority time budget
 * allows, whatever t->low_priority says. */
void task_yield(struct task *t);
void task_yield_low(struct task *t);
/* Sleeps for ns nanoseconds of the scheduler's clock. */
void task_sleep(struct task *t, uint64_t ns);

/* Fails the running task: records the words and returns the code. */
#define task_fail(t, code, ...) err_set(&(t)->err, (code), __FILE__, __LINE__, __VA_ARGS__)
/* The same for "no memory", which never needs more words. */
#define task_no_memory(t) task_fail((t), ELOQ_NO_MEMORY, "out of memory")
