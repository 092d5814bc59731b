/* engine/archive_all.h -- archives of all partitions at one moment, and the timer that wants them.
 *
 *     on shard 0            on every shard
 *     close  ------------>  commits wait before their commit point; says when none is inside
 *     all said so: the moment
 *     open   ------------>  commits go on; the first of each partition keeps the state before it
 *     list the partitions
 *     for each ---------->  through its write queue: archives the state of the moment
 *     end    ------------>  lets go of what was kept
 *
 * One at a time. The pause lasts as long as the slowest commit point under way. */
#pragma once

#include "coro/sched.h"
#include "engine/request.h"

/* In every shard; shard 0's is used. */
struct archiver {
    struct timer timer;
    bool has_timer;
    bool busy;
    uint64_t moments; /* how many there were: the number of the next */
    struct message start;
};

/* Starts the timer if the options want one, once all shards are open. Any thread. */
void archiver_start(struct eloq_store *store);
/* On shard 0, before it closes. */
void archiver_stop(struct shard *s);
/* A request, on shard 0. */
int run_archive_all(struct task *t, struct shard *s, struct request *r);
