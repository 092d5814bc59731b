/* engine/queue.c -- completion queues: finished ops wait for a thread of the host's.
 *
 * Bound to no store, so its memory is plain. */
#include "engine/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"

struct eloq_queue {
    pthread_mutex_t lock;
    struct inbox_item *head, *tail;
    int fd; /* eventfd: readable while there is something, or a taker has not drained it yet */
};

int queue_new(eloq_queue **ret)
{
    *ret = NULL;
    struct eloq_queue *q = calloc(1, sizeof(*q));
    if (!q)
        return error_fail(ELOQ_NO_MEMORY, "out of memory");
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->fd < 0) {
        int sys_errno = errno;
        free(q);
        return error_fail(err_from_errno(sys_errno), "eventfd failed: %s", strerror(sys_errno));
    }
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        close(q->fd);
        free(q);
        return error_fail(ELOQ_NO_MEMORY, "out of memory");
    }
    *ret = q;
    return ELOQ_OK;
}

int queue_fd(const eloq_queue *q)
{
    return q->fd;
}

void queue_free(eloq_queue *q)
{
    if (!q)
        return;
    pthread_mutex_destroy(&q->lock);
    close(q->fd);
    free(q);
}

/* Wakes with the lock held: who takes the last op may free the queue. */
void queue_push(struct eloq_queue *q, struct request *r)
{
    r->item.next = NULL;
    pthread_mutex_lock(&q->lock);
    if (q->tail) {
        q->tail->next = &r->item;
    } else {
        q->head = &r->item;
        ssize_t written = write(q->fd, &(uint64_t){ 1 }, sizeof(uint64_t));
        (void)written; /* it fails only when the counter is full: readable all the same */
    }
    q->tail = &r->item;
    pthread_mutex_unlock(&q->lock);
}

static struct inbox_item *take(struct eloq_queue *q)
{
    uint64_t count;

    pthread_mutex_lock(&q->lock);
    struct inbox_item *items = q->head;
    q->head = q->tail = NULL;
    ssize_t got = read(q->fd, &count, sizeof(count));
    (void)got; /* nothing to read: nothing was there */
    pthread_mutex_unlock(&q->lock);
    return items;
}

/* Waits until it is readable or the time is over; < 0 is a failure. */
static int wait_readable(struct eloq_queue *q, int wait_ms)
{
    struct pollfd p = { .fd = q->fd, .events = POLLIN };
    uint64_t begin = clock_mono_ns(&clock_system);
    int left = wait_ms;

    for (;;) {
        int rc = poll(&p, 1, left);
        if (rc >= 0)
            return rc;
        if (errno != EINTR)
            return error_fail(ELOQ_IO, "poll failed: %s", strerror(errno));
        if (wait_ms >= 0) {
            uint64_t past_ms = (clock_mono_ns(&clock_system) - begin) / 1000000;
            left = past_ms >= (uint64_t)wait_ms ? 0 : wait_ms - (int)past_ms;
        }
    }
}

int queue_run(eloq_queue *q, int wait_ms)
{
    int count = 0;

    struct inbox_item *items = take(q);
    if (!items && wait_ms != 0) {
        int rc = wait_readable(q, wait_ms);
        if (rc <= 0)
            return rc;
        items = take(q);
    }
    while (items) {
        struct request *r = request_of_item(items);
        items = items->next;
        request_call_done(r);
        count++;
    }
    return count;
}
