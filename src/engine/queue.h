/* engine/queue.h -- completion queues: finished ops wait for a thread of the host's. */
#pragma once

#include "engine/request.h"

int queue_new(eloq_queue **ret);
int queue_fd(const eloq_queue *q);
void queue_free(eloq_queue *q);
/* Runs done for what is there; waits at most wait_ms for the first. How many, or < 0. */
int queue_run(eloq_queue *q, int wait_ms);
/* Takes a finished request; from any thread. */
void queue_push(struct eloq_queue *q, struct request *r);
