/* engine/store.c -- open and close a store; its threads. */
#include "engine/store.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "engine/options.h"

struct store_thread {
    eloq_store *store;
    pthread_t id;
    unsigned index;
    bool reported;
    int rc;
};

/* Closed stores whose handles may still be in somebody's hands: a call made too late is refused
 * instead of touching freed memory. Bounded; only the empty shells are here. */
#define RETIRED_MAX 64
static struct {
    pthread_mutex_t lock;
    eloq_store *stores[RETIRED_MAX];
    unsigned next;
} retired = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void retire(eloq_store *store)
{
    pthread_mutex_lock(&retired.lock);
    eloq_store *oldest = retired.stores[retired.next];
    retired.stores[retired.next] = store;
    retired.next = (retired.next + 1) % RETIRED_MAX;
    pthread_mutex_unlock(&retired.lock);
    if (oldest)
        store_unref(oldest);
}

void store_ref(eloq_store *store)
{
    atomic_fetch_add_explicit(&store->refs, 1, memory_order_relaxed);
}

void store_unref(eloq_store *store)
{
    if (atomic_fetch_sub_explicit(&store->refs, 1, memory_order_acq_rel) > 1)
        return;
    mem_free(&store->mem, store->shards);
    DCHECK(atomic_load(&store->mem.total) == 0); /* nothing was leaked */
    pthread_cond_destroy(&store->spanned);
    pthread_cond_destroy(&store->started);
    pthread_mutex_destroy(&store->life);
    free(store);
}

/* ---- the shards' threads ---- */

static void report(struct store_thread *th, int rc)
{
    pthread_mutex_lock(&th->store->life);
    th->rc = rc;
    th->reported = true;
    pthread_cond_signal(&th->store->started);
    pthread_mutex_unlock(&th->store->life);
}

static void *thread_main(void *arg)
{
    struct store_thread *th = arg;
    struct shard *s = &th->store->shards[th->index];
    int rc = shard_open(s, th->store, th->index);

    report(th, rc);
    if (rc != ELOQ_OK)
        return NULL;
    while (!s->stopping || !shard_is_idle(s))
        shard_step(s, UINT64_MAX);
    shard_close(s);
    return NULL;
}

/* ELOQ_OK when the shard works; else its thread is gone and *e has the words. */
static int start_thread(eloq_store *store, unsigned index, struct err *e)
{
    struct store_thread *th = &store->threads[index];

    sigset_t all, old;

    /* The host's signals are for the host's threads. */
    *th = (struct store_thread){ .store = store, .index = index };
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&th->id, NULL, thread_main, th);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc != 0)
        return err_set(e, err_from_errno(rc), __FILE__, __LINE__, "no thread for a shard: %s",
                       strerror(rc));
    pthread_mutex_lock(&store->life);
    while (!th->reported)
        pthread_cond_wait(&store->started, &store->life);
    pthread_mutex_unlock(&store->life);
    if (th->rc != ELOQ_OK) {
        pthread_join(th->id, NULL);
        *e = store->shards[index].err;
    }
    return th->rc;
}

static void stop_threads(eloq_store *store, unsigned count)
{
    for (unsigned i = count; i-- > 0;) {
        shard_stop(&store->shards[i]);
        pthread_join(store->threads[i].id, NULL);
    }
}

static int start_shards(eloq_store *store, struct err *e)
{
    if (store->options.host_driven)
        return store_host_open(store, e);
    /* Shard 0 first: it looks at the files, and the others need the format. */
    for (unsigned i = 0; i < store->shard_count; i++) {
        int rc = start_thread(store, i, e);
        if (rc != ELOQ_OK) {
            stop_threads(store, i);
            return rc;
        }
    }
    return ELOQ_OK;
}

/* ---- open ---- */

static int choose_backend(eloq_store *store, struct err *e)
{
    eloq_options *o = &store->options;
    bool has_path = o->path || o->path_count;

    if (o->as_of && (!has_path || o->io_backend == ELOQ_IO_MEMORY))
        return err_set(e, ELOQ_INVALID, __FILE__, __LINE__, "a store in memory has no archives");
    if (!has_path && o->io_backend == ELOQ_IO_AUTO && !store->seams.io_open)
        o->io_backend = ELOQ_IO_MEMORY;
    if (!has_path && o->io_backend != ELOQ_IO_MEMORY && !store->seams.io_open)
        return err_set(e, ELOQ_INVALID, __FILE__, __LINE__,
                       "a store without a path is in memory: io_backend is for a path");
    if (o->io_backend != ELOQ_IO_MEMORY || store->seams.io_open)
        return ELOQ_OK;
    store->disk = memory_disk_new(&store->mem);
    return store->disk ? ELOQ_OK : err_set(e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "out of memory");
}

static int open_whole(eloq_store *store, struct err *e)
{
    TRY(choose_backend(store, e));
    TRY(budget_make(&store->options, store->disk || store->seams.io_open, &store->budget, e));
    TRY(store_files_init(&store->files, &store->mem, &store->options, e));
    store->options.path = NULL;
    store->options.paths = NULL;
    store->options.owned_path = NULL;

    store->shard_count = store->options.shards;
    store->shards = mem_zalloc(&store->mem, MEM_OTHER, store->shard_count * sizeof(struct shard));
    store->threads =
        mem_zalloc(&store->mem, MEM_OTHER, store->shard_count * sizeof(struct store_thread));
    if (!store->shards || !store->threads)
        return err_set(e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "out of memory");
    return start_shards(store, e);
}

static eloq_store *new_shell(const struct store_seams *seams)
{
    size_t size = sizeof(eloq_store);
    bool refused = seams && seams->mem_fail && seams->mem_fail(seams->mem_user, size);
    eloq_store *store = refused ? NULL : calloc(1, size);

    if (!store)
        return NULL;
    atomic_init(&store->refs, 1);
    atomic_init(&store->state, STORE_OPEN);
    pthread_mutex_init(&store->life, NULL);
    pthread_cond_init(&store->started, NULL);
    pthread_cond_init(&store->spanned, NULL);
    if (seams)
        store->seams = *seams;
    store->clock = store->seams.clock ? *store->seams.clock : clock_system;
    store->seed = store->seams.seed;
    store->owner = pthread_self();
    store->host_fd = -1;
    return store;
}

/* What is left when the shards are gone. */
static void close_rest(eloq_store *store)
{
    store_files_deinit(&store->files);
    memory_disk_free(store->disk);
    store->disk = NULL;
    mem_free(&store->mem, store->threads);
    store->threads = NULL;
    atomic_store(&store->state, STORE_CLOSED);
}

int store_open(const eloq_options *options, const struct store_seams *seams, eloq_store **ret)
{
    eloq_options complete;
    struct err *e = error_last();

    *ret = NULL;
    TRY(options_read(options, &complete, e));
    TRY(options_complete(&complete, e));
    eloq_store *store = new_shell(seams);
    if (!store)
        return error_fail(ELOQ_NO_MEMORY, "out of memory");
    store->options = complete;
    if (store->seams.host_shards)
        store->options.shards = store->seams.host_shards;
    store->log = (struct log){ .write = complete.log, .user = complete.log_user };
    mem_init(&store->mem, complete.memory_bytes);
    store->mem.reclaim = memory_reclaim;
    store->mem.reclaim_user = store;
    store->mem.fail = store->seams.mem_fail;
    store->mem.fail_user = store->seams.mem_user;

    int rc = open_whole(store, e);
    if (rc != ELOQ_OK) {
        close_rest(store);
        store_unref(store);
        return rc;
    }
    archiver_start(store);
    *ret = store;
    return ELOQ_OK;
}

/* ---- close ---- */

/* Nobody gets in any more; wait for those that are. They do not stay: nothing in there waits once
 * the inboxes are closed. */
static void close_doors(eloq_store *store)
{
    for (unsigned i = 0; i < store->shard_count; i++)
        inbox_close(&store->shards[i].inbox);
    while (atomic_load(&store->inside) > 0)
        sched_yield();
}

void store_span_begin(eloq_store *store)
{
    pthread_mutex_lock(&store->life);
    store->spanning++;
    pthread_mutex_unlock(&store->life);
}

void store_span_end(eloq_store *store)
{
    pthread_mutex_lock(&store->life);
    if (--store->spanning == 0)
        pthread_cond_broadcast(&store->spanned);
    pthread_mutex_unlock(&store->life);
}

/* Shards still send each other notes: they end together or not at all. */
static void wait_spanning(eloq_store *store)
{
    pthread_mutex_lock(&store->life);
    while (store->spanning > 0)
        pthread_cond_wait(&store->spanned, &store->life);
    pthread_mutex_unlock(&store->life);
}

int store_close(eloq_store *store)
{
    int expected = STORE_OPEN;

    if (!store)
        return ELOQ_OK;
    if (shard_current())
        return error_fail(ELOQ_INVALID, "eloq_close inside done");
    TRY(store_check_thread(store));
    if (!atomic_compare_exchange_strong(&store->state, &expected, STORE_CLOSING))
        return error_fail(ELOQ_CLOSED, "store is closed");
    close_doors(store);
    if (store->options.host_driven) {
        store_host_close(store);
    } else {
        wait_spanning(store);
        stop_threads(store, store->shard_count);
    }
    close_rest(store);
    retire(store);
    return ELOQ_OK;
}
