/* engine/store.h -- open, close, and hand a request to its shard.
 *
 *                store_open          store_close
 *     (nothing) -----------> OPEN ---------------> CLOSING ---> CLOSED ... (freed)
 *                             |                       |
 *              requests: accepted                 refused with ELOQ_CLOSED; what was
 *                                                 accepted before is completed
 *
 * Closing: no inbox takes more; threads that are inside store_submit leave; the shards finish what
 * they have and end, shard 0 last, since it holds the locks. The struct itself outlives that: open
 * iterators hold a reference, and late calls with a closed handle must find it to be refused.
 */
#pragma once

#include <pthread.h>

#include "engine/budget.h"
#include "engine/shard.h"
#include "engine/store_files.h"

/* What a test or a simulation puts in place of the system. All may be zero. */
struct store_seams {
    const struct clock *clock;
    uint64_t seed; /* of random numbers; 0 = from the system */
    int (*io_open)(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret);
    void *io_user;
    bool (*mem_fail)(void *user, size_t size);
    void *mem_user;
    uint32_t ahead_least; /* write files ahead from so few bytes on, and at once; 0 = as always */
    unsigned host_shards; /* of a host-driven store; 0 = 1. Its I/O must never block */
};

enum store_state { STORE_OPEN, STORE_CLOSING, STORE_CLOSED };

struct eloq_store {
    _Atomic int refs;
    _Atomic int state;
    _Atomic size_t inside; /* threads in store_submit */
    pthread_mutex_t life;  /* shard.gone; start of the threads; spanning */
    pthread_cond_t started, spanned;
    size_t spanning; /* requests that are for several shards */

    struct mem mem;
    struct log log;
    struct clock clock;
    uint64_t seed;
    struct store_seams seams;
    eloq_options options; /* completed; its pointers to the caller's memory are not kept */
    eloq_format format;   /* in force */
    struct budget budget;
    struct store_files files;
    struct memory_disk *disk; /* NULL unless in memory */
    pthread_t owner;          /* host-driven: the one thread that may call */
    int host_fd;              /* host-driven: an epoll descriptor, -1 until asked for */

    unsigned shard_count;
    struct store_thread *threads; /* one a shard, NULL if host-driven */
    struct shard *shards;
};

/* `seams` may be NULL. On failure the words are in error_last(). */
int store_open(const eloq_options *options, const struct store_seams *seams, eloq_store **ret);
int store_close(eloq_store *store);
void store_ref(eloq_store *store);
void store_unref(eloq_store *store);

static inline unsigned store_shard_of(const eloq_store *store, uint32_t partition)
{
    return partition % store->shard_count;
}
/* Hands a prepared op to a shard. ELOQ_OK (done will run), ELOQ_BUSY, ELOQ_CLOSED. */
int store_submit(eloq_store *store, unsigned shard, eloq_op *op);
/* The same, then waits for the answer; it is op->status, which is returned. Waits for room too. */
int store_call(eloq_store *store, unsigned shard, eloq_op *op);

/* While one is under way no shard ends. Any thread. */
void store_span_begin(eloq_store *store);
void store_span_end(eloq_store *store);

/* Host-driven (engine/store_host.c): the caller's thread is the shards'. */
int store_host_open(eloq_store *store, struct err *e);
/* One round of each shard. */
void store_host_step(eloq_store *store, uint64_t wait_ns);
int store_run(eloq_store *store, int wait_ms);
/* A waiting get of a host-driven store, answered from memory: ELOQ_OK, ELOQ_NOT_FOUND, or
 * ELOQ_FETCH: ask by store_call. */
int store_get_here(eloq_store *store, unsigned shard, eloq_part part, eloq_slice key,
                   eloq_record *record);
int store_fd(eloq_store *store);
int store_next_ms(eloq_store *store);
void store_host_close(eloq_store *store);
/* ELOQ_OK when this thread may call (see options.host_driven). */
int store_check_thread(const eloq_store *store);
