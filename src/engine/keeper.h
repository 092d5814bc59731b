/* engine/keeper.h -- the task that opens a shard, and closes it. */
#pragma once

#include "coro/task.h"

/* Entry of the task; arg is the shard. */
void keeper_main(struct task *t, void *arg);
