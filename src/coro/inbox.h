/* coro/inbox.h -- messages from other threads to a shard, in order per sender; bounded.
 *
 * Push from any thread; take from the shard's thread only. `wake` is called when the shard may be
 * asleep; it must not call the inbox. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"

struct inbox_item {
    struct inbox_item *next;
    bool counted; /* counts against the bound */
};

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t room;
    struct inbox_item *head, *tail;
    size_t count;   /* counted items inside, plus those taken and not yet inbox_done */
    size_t bound;   /* 0 = none */
    size_t blocked; /* pushers waiting for room */
    size_t waking;  /* pushers that call wake */
    bool closed;
    _Atomic bool maybe_asleep;
    void (*wake)(void *user);
    void *wake_user;
};

int inbox_init(struct inbox *b, size_t bound, void (*wake)(void *user), void *user);
/* Closes it and waits until no pusher is blocked or inside wake. It must be empty. */
void inbox_deinit(struct inbox *b);
/* ELOQ_OK; ELOQ_BUSY when full and !wait; ELOQ_CLOSED. With wait it blocks for room. */
int inbox_push(struct inbox *b, struct inbox_item *item, bool wait);
/* Not bounded, not refused by close: for messages of our own (a reference dropped elsewhere). */
void inbox_push_internal(struct inbox *b, struct inbox_item *item);
/* Takes everything, oldest first, or NULL. */
struct inbox_item *inbox_take(struct inbox *b);
/* Counted items inside, and those taken and not finished. */
size_t inbox_count(struct inbox *b);
/* A counted item was finished: makes room. */
void inbox_done(struct inbox *b);
/* Refuses pushes from now on, wakes blocked pushers with ELOQ_CLOSED. */
void inbox_close(struct inbox *b);
/* The shard is about to sleep: true if it may (nothing inside). After waking call inbox_awake. */
bool inbox_sleep(struct inbox *b);
void inbox_awake(struct inbox *b);
