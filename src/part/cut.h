/* part/cut.h -- one moment of all partitions of all shards, in which no commit is half done.
 *
 *     every shard: cut_close -> commits that write their manifest finish, others wait before theirs
 *                  quiet(user) once none is inside
 *     all quiet:   cut_open(number) on every shard: this was the moment
 *
 * After it a partition's state of the moment is its current snapshot until its next commit, which
 * keeps that snapshot first: cut_take hands it out. So the pause is as long as a flush of a
 * manifest, whatever is done with the moment afterwards. */
#pragma once

#include "coro/wait.h"

struct part;
struct snapshot;

struct cut {
    bool closed;
    size_t inside; /* commits between cut_enter and cut_leave */
    struct wait_list waiting;
    uint64_t number; /* of the moment that is being used; 0 = none */
    void (*quiet)(void *user);
    void *user;
};

void cut_init(struct cut *c);
/* Around a commit point and the installation of what it committed. Waits while closed. */
void cut_enter(struct task *t, struct part *p);
void cut_leave(struct part *p);
/* Calls quiet once, now or later. */
void cut_close(struct cut *c, void (*quiet)(void *user), void *user);
/* Commits go on; from now on `number` (not 0) is the moment just before. */
void cut_open(struct cut *c, uint64_t number);
/* The moment is used no more. */
void cut_end(struct cut *c);
/* The partition's snapshot of this moment, referenced; once per partition and moment. */
struct snapshot *cut_take(struct part *p);
/* Lets go of what a commit kept and nobody took. */
void cut_drop(struct part *p);
