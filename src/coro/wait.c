/* coro/wait.c -- what tasks wait for besides I/O. All first come, first served. */
#include "coro/wait.h"

#include "base/check.h"
#include "coro/sched.h"

void wait_list_init(struct wait_list *w)
{
    list_init(&w->tasks);
}

void wait_on(struct task *t, struct wait_list *w)
{
    list_push_back(&w->tasks, &t->link);
    task_suspend(t);
}

struct limited {
    struct timer timer;
    struct task *task;
    bool passed;
};

static void end_wait(struct timer *timer)
{
    struct limited *limited = container_of(timer, struct limited, timer);

    if (limited->task->state != TASK_WAITING)
        return; /* woken, and not yet run */
    limited->passed = true;
    task_wake(limited->task);
}

bool wait_on_for(struct task *t, struct wait_list *w, uint64_t ns)
{
    struct limited limited = { .task = t };

    timer_init(&limited.timer, end_wait);
    timer_set(t->sched, &limited.timer, clock_mono_ns(t->sched->clock) + ns);
    wait_on(t, w);
    timer_cancel(&limited.timer);
    return !limited.passed;
}

void wait_wake_one(struct wait_list *w)
{
    struct list *node = list_first(&w->tasks);
    if (node)
        task_wake(container_of(node, struct task, link));
}

void wait_wake_all(struct wait_list *w)
{
    while (!list_empty(&w->tasks))
        wait_wake_one(w);
}

void mutex_init(struct mutex *m)
{
    m->locked = false;
    wait_list_init(&m->waiters);
}

void mutex_lock(struct task *t, struct mutex *m)
{
    if (m->locked)
        wait_on(t, &m->waiters); /* mutex_unlock hands it over locked: nobody can jump the queue */
    else
        m->locked = true;
}

void mutex_unlock(struct mutex *m)
{
    CHECK(m->locked);
    if (list_empty(&m->waiters.tasks))
        m->locked = false;
    else
        wait_wake_one(&m->waiters);
}

void tokens_init(struct tokens *k, size_t count)
{
    k->left = count;
    wait_list_init(&k->waiters);
}

void tokens_take(struct task *t, struct tokens *k)
{
    if (k->left == 0)
        wait_on(t, &k->waiters); /* tokens_give hands one over */
    else
        k->left--;
}

void tokens_give(struct tokens *k)
{
    if (list_empty(&k->waiters.tasks))
        k->left++;
    else
        wait_wake_one(&k->waiters);
}

size_t tokens_take_some(struct task *t, struct tokens *k, size_t most)
{
    size_t taken = 1;

    tokens_take(t, k);
    if (list_empty(&k->waiters.tasks)) { /* who waits, waits for one of these */
        size_t more = MIN(most - 1, k->left);
        k->left -= more;
        taken += more;
    }
    return taken;
}

void tokens_give_some(struct tokens *k, size_t count)
{
    while (count-- > 0)
        tokens_give(k);
}

void group_init(struct group *g)
{
    g->count = 0;
    g->waiter = NULL;
}

void group_add(struct group *g)
{
    g->count++;
}

void group_done(struct group *g)
{
    CHECK(g->count > 0);
    g->count--;
    if (g->count == 0 && g->waiter) {
        struct task *waiter = g->waiter;
        g->waiter = NULL;
        task_wake(waiter);
    }
}

void group_wait(struct task *t, struct group *g)
{
    CHECK(!g->waiter);
    while (g->count > 0) { /* more may have been added between the wake and now */
        g->waiter = t;
        task_suspend(t);
    }
}
