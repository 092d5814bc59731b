/* api/queue.c -- completion queues. */
#include "engine/queue.h"

int eloq_queue_new(eloq_queue **ret)
{
    return ret ? queue_new(ret) : error_fail(ELOQ_INVALID, "no place for the queue");
}

int eloq_queue_fd(eloq_queue *queue)
{
    return queue ? queue_fd(queue) : error_fail(ELOQ_INVALID, "no queue");
}

int eloq_queue_run(eloq_queue *queue, int wait_ms)
{
    return queue ? queue_run(queue, wait_ms) : error_fail(ELOQ_INVALID, "no queue");
}

void eloq_queue_free(eloq_queue *queue)
{
    queue_free(queue);
}
