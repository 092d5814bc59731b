/* coro/wait.h -- what tasks wait for besides I/O: a list, a mutex, tokens, a group. */
#pragma once

#include "coro/task.h"

/* Tasks waiting for something to change; first come, first served. */
struct wait_list {
    struct list tasks;
};
void wait_list_init(struct wait_list *w);
void wait_on(struct task *t, struct wait_list *w);
/* The same for at most ns nanoseconds of the scheduler's clock: false when they have passed. */
bool wait_on_for(struct task *t, struct wait_list *w, uint64_t ns);
void wait_wake_one(struct wait_list *w);
void wait_wake_all(struct wait_list *w);

struct mutex {
    bool locked;
    struct wait_list waiters;
};
void mutex_init(struct mutex *m);
void mutex_lock(struct task *t, struct mutex *m);
void mutex_unlock(struct mutex *m);

/* A fixed number of tokens; taking waits for one. */
struct tokens {
    size_t left;
    struct wait_list waiters;
};
void tokens_init(struct tokens *k, size_t count);
void tokens_take(struct task *t, struct tokens *k);
void tokens_give(struct tokens *k);
/* Waits for one, and takes up to `most` (at least 1) if there are more; returns how many. */
size_t tokens_take_some(struct task *t, struct tokens *k, size_t most);
void tokens_give_some(struct tokens *k, size_t count);

/* A number of things under way; waiting ends when it is zero. */
struct group {
    size_t count;
    struct task *waiter;
};
void group_init(struct group *g);
void group_add(struct group *g);
void group_done(struct group *g);
void group_wait(struct task *t, struct group *g); /* one waiter */
