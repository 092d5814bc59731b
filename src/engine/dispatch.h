/* engine/dispatch.h -- request kind to function. */
#pragma once

#include "engine/request.h"

struct shard;

/* Starts what the request asks for; it is answered by request_finish. */
void dispatch(struct shard *s, struct request *r);
/* The same by a task: of a read that could do without, and cannot after all. */
void dispatch_task(struct shard *s, struct request *r);
