/* coro/inbox.c -- messages from other threads: a list under a lock. */
#include "coro/inbox.h"

#include "base/check.h"
#include "eloqstore.h"

int inbox_init(struct inbox *b, size_t bound, void (*wake)(void *user), void *user)
{
    *b = (struct inbox){ .bound = bound, .wake = wake, .wake_user = user };
    if (pthread_mutex_init(&b->lock, NULL) != 0)
        return ELOQ_NO_MEMORY;
    if (pthread_cond_init(&b->room, NULL) != 0) {
        pthread_mutex_destroy(&b->lock);
        return ELOQ_NO_MEMORY;
    }
    return ELOQ_OK;
}

void inbox_deinit(struct inbox *b)
{
    inbox_close(b);
    pthread_mutex_lock(&b->lock);
    CHECK(!b->head);
    while (b->blocked > 0 || b->waking > 0)
        pthread_cond_wait(&b->room, &b->lock);
    pthread_mutex_unlock(&b->lock);
    pthread_cond_destroy(&b->room);
    pthread_mutex_destroy(&b->lock);
}

/* With the lock held. True: wake_up follows. */
static bool append(struct inbox *b, struct inbox_item *item)
{
    item->next = NULL;
    if (b->tail)
        b->tail->next = item;
    else
        b->head = item;
    b->tail = item;
    bool must_wake = atomic_exchange(&b->maybe_asleep, false) && b->wake;
    b->waking += must_wake;
    return must_wake;
}

/* Without the lock, for which the shard that awakes asks first of all. What was pushed may be the
 * last thing the inbox lives for: inbox_deinit waits for us. */
static void wake_up(struct inbox *b)
{
    b->wake(b->wake_user);
    pthread_mutex_lock(&b->lock);
    b->waking--;
    if (b->closed)
        pthread_cond_broadcast(&b->room);
    pthread_mutex_unlock(&b->lock);
}

static bool full(const struct inbox *b)
{
    return b->bound != 0 && b->count >= b->bound;
}

/* Until there is room or it is closed. */
static void block(struct inbox *b)
{
    b->blocked++;
    while (!b->closed && full(b))
        pthread_cond_wait(&b->room, &b->lock);
    b->blocked--;
    if (b->closed)
        pthread_cond_broadcast(&b->room); /* inbox_deinit may wait for us */
}

int inbox_push(struct inbox *b, struct inbox_item *item, bool wait)
{
    bool must_wake = false;
    int rc = ELOQ_OK;

    pthread_mutex_lock(&b->lock);
    if (wait && !b->closed && full(b))
        block(b);
    if (b->closed) {
        rc = ELOQ_CLOSED;
    } else if (full(b)) {
        rc = ELOQ_BUSY;
    } else {
        item->counted = true;
        b->count++;
        must_wake = append(b, item);
    }
    pthread_mutex_unlock(&b->lock);
    if (must_wake)
        wake_up(b);
    return rc;
}

void inbox_push_internal(struct inbox *b, struct inbox_item *item)
{
    pthread_mutex_lock(&b->lock);
    item->counted = false;
    bool must_wake = append(b, item);
    pthread_mutex_unlock(&b->lock);
    if (must_wake)
        wake_up(b);
}

struct inbox_item *inbox_take(struct inbox *b)
{
    pthread_mutex_lock(&b->lock);
    struct inbox_item *items = b->head;
    b->head = b->tail = NULL;
    pthread_mutex_unlock(&b->lock);
    return items;
}

size_t inbox_count(struct inbox *b)
{
    pthread_mutex_lock(&b->lock);
    size_t count = b->count;
    pthread_mutex_unlock(&b->lock);
    return count;
}

void inbox_done(struct inbox *b)
{
    pthread_mutex_lock(&b->lock);
    CHECK(b->count > 0);
    b->count--;
    if (b->blocked > 0)
        pthread_cond_signal(&b->room);
    pthread_mutex_unlock(&b->lock);
}

void inbox_close(struct inbox *b)
{
    pthread_mutex_lock(&b->lock);
    b->closed = true;
    pthread_cond_broadcast(&b->room);
    pthread_mutex_unlock(&b->lock);
}

bool inbox_sleep(struct inbox *b)
{
    pthread_mutex_lock(&b->lock);
    bool may = b->head == NULL;
    if (may)
        atomic_store(&b->maybe_asleep, true);
    pthread_mutex_unlock(&b->lock);
    return may;
}

void inbox_awake(struct inbox *b)
{
    atomic_store(&b->maybe_asleep, false);
}
