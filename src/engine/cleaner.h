/* engine/cleaner.h -- has pairs removed when they expire, without anybody asking: one timer a
 * shard, set for the loaded partition that is due first. A few partitions at a time, so that a
 * thousand that are due together do not stand before the requests. */
#pragma once

#include "coro/sched.h"

struct shard;

struct cleaner {
    struct timer timer;
    uint64_t set_for; /* ms; EXPIRY_NEVER: the timer is not set */
    size_t running;   /* partitions that are being cleaned because of it */
};

void cleaner_init(struct shard *s);
/* Sets the timer anew if something else is due first; after each round of the shard. */
void cleaner_arm(struct shard *s);
/* A partition whose cleaning the timer began is done. */
void cleaner_done(struct shard *s);
/* The store is closing: what remains expired remains on disk. */
bool cleaner_is_closing(const struct shard *s);
void cleaner_stop(struct shard *s);
