/* engine/shard.h -- a shard: one thread's share of the partitions, and its loop.
 *
 *     inbox --take--> dispatch --> (waiting) --> task ... request_finish --> finished --> done(op)
 *       ^                                                                       |
 *       +------------------ bounded: a finished request makes room -------------+
 *
 * Everything in it belongs to its thread; the inbox alone is for others. A keeper task opens what
 * needs waiting (files, locks), sleeps while the shard works, and closes it all at the end, so that
 * closing never fails for want of a stack.
 */
#pragma once

#include "coro/inbox.h"
#include "coro/sched.h"
#include "coro/wait.h"
#include "engine/archive_all.h"
#include "engine/cleaner.h"
#include "engine/measure.h"
#include "engine/memory.h"
#include "file/fdcache.h"
#include "page/dict.h"
#include "page/pagepool.h"
#include "page/span.h"
#include "part/page_cache.h"
#include "part/part.h"
#include "part/part_table.h"

struct eloq_store;

struct shard {
    struct eloq_store *store;
    unsigned index;
    struct io *io;
    struct sched sched;
    struct inbox inbox;
    struct rand rand;
    struct pagepool pool;
    struct spans spans;
    struct page_cache cache;
    struct leaf_cache leaves;
    uint8_t *hot_scratch; /* of tree_get_hot; NULL until its first use */
    struct fdcache fds;
    struct dict_context dicts;
    struct part_env env;
    struct part_table parts;
    struct tokens writes, brief_fds; /* for env */
    struct map writeqs;              /* partitions with writes under way (engine/writeq.h) */
    struct list iters;               /* iterators with a snapshot */
    struct cleaner cleaner;
    struct memory memory;
    struct log_limit clean_limit, space_limit, retain_limit;
    struct archiver archiver;

    struct list waiting; /* jobs for which there was no task */
    size_t waiting_count;
    _Atomic size_t tasks; /* written by the shard, looked at by others */
    size_t tasks_max;
    size_t spreading;  /* of these wait for requests they made themselves */
    size_t cold_reads; /* of point reads, which no task waits for */
    size_t running;    /* requests taken and not answered */
    struct inbox_item *finished_head, *finished_tail;

    /* the keeper */
    struct wait_list closing;
    bool opened, closed;
    int open_rc;
    bool parts_ready; /* env, caches and tables are there */
    bool gone;        /* under store.life: iterators are released here no more */
    bool stopping;    /* leave the loop when idle */
    struct message stop_message;
    struct err err; /* why it did not open */

    struct measure measure;

    struct {
        uint64_t requests, retried, batches, batches_merged, cleanings, cleanings_failed, iterators;
    } counts;
};

/* Opens I/O and runs the keeper until the shard is open. On failure nothing is left and s->err has
 * the words. Runs on the shard's thread, as all below. */
int shard_open(struct shard *s, struct eloq_store *store, unsigned index);
/* Closes everything. Nothing may be running. */
void shard_close(struct shard *s);
/* One round: completions, new requests, ready tasks, answers. Waits at most wait_ns when there is
 * nothing to do (0: not at all, UINT64_MAX: for ever). */
void shard_step(struct shard *s, uint64_t wait_ns);
/* Rounds until nothing is ready or 1 ms is over; the first waits. For a host-driven shard. */
void shard_drive(struct shard *s, uint64_t wait_ns);
/* The host goes away for a while: its descriptor (wake_fd) speaks for what is left to do. */
void shard_rest(struct shard *s);
/* No request is inside, nothing is running. */
bool shard_is_idle(const struct shard *s);
/* On its thread: nothing happens before a timer is due or somebody sends something. */
bool shard_is_quiet(struct shard *s);
/* From another thread: the loop ends once the shard is idle. */
void shard_stop(struct shard *s);
/* Starts what other threads sent; whether there was anything. */
bool shard_take_inbox(struct shard *s);
/* The shard whose step runs on this thread, or NULL. */
struct shard *shard_current(void);

static inline struct shard *shard_of(struct task *t)
{
    return container_of(t->sched, struct shard, sched);
}

/* Runs the job as a task, now or when there is room. */
void shard_start(struct shard *s, struct job *job);
/* One more task if there is room right now; `entry` calls shard_task_end last. */
bool shard_try_start(struct shard *s, void (*entry)(struct task *t, void *arg), void *arg);
void shard_task_end(struct shard *s);
/* Another shard goes on with a request that this one has taken. */
void shard_pass_on(struct shard *s, struct request *r, struct shard *to);
/* request_finish's: it is answered after the tasks have run. */
void shard_finished(struct shard *s, struct request *r);
/* Microseconds since 1970. */
uint64_t shard_now_us(const struct shard *s);
/* What reads hide: pairs expired at this time (ms); 0 = none. */
uint64_t shard_hide_ms(const struct shard *s);
