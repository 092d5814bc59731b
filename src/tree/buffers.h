/* tree/buffers.h -- page buffers for a read, at the page cache's expense when memory is short. */
#pragma once

#include "part/part.h"

/* Up to `want` buffers into pages[]; returns how many: at least one unless not even evicting cached
 * pages gives that one. Only for the first is anything evicted. */
size_t buffers_take(struct part_env *env, uint8_t **pages, size_t want);
/* One buffer, or ELOQ_NO_MEMORY. */
int buffers_take_one(struct task *t, struct part_env *env, uint8_t **ret);
/* NULLs among them are fine. */
void buffers_give(struct part_env *env, uint8_t **pages, size_t count);
