/* engine/store_host.c -- a host-driven store: the caller's thread is the shard's. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "engine/run.h"
#include "engine/store.h"

int store_check_thread(const eloq_store *store)
{
    if (store->options.host_driven && !pthread_equal(store->owner, pthread_self()))
        return error_fail(ELOQ_INVALID,
                          "a host-driven store is for the thread that opened it alone");
    return ELOQ_OK;
}

static int check(eloq_store *store)
{
    if (!store->options.host_driven)
        return error_fail(ELOQ_INVALID, "the store is not host-driven");
    if (shard_current())
        return error_fail(ELOQ_INVALID, "eloq_run inside done");
    TRY(store_check_thread(store));
    if (atomic_load(&store->state) != STORE_OPEN)
        return error_fail(ELOQ_CLOSED, "store is closed");
    return ELOQ_OK;
}

/* With several one may wait only when nothing happens on any: the one whose timer is due first. */
void store_host_step(eloq_store *store, uint64_t wait_ns)
{
    struct shard *first = &store->shards[0];
    bool quiet = true;

    if (store->shard_count == 1) {
        shard_step(first, wait_ns);
        return;
    }
    for (unsigned i = 0; i < store->shard_count; i++) {
        struct shard *s = &store->shards[i];
        quiet &= shard_is_quiet(s);
        if (sched_next_timer_ns(&s->sched) < sched_next_timer_ns(&first->sched))
            first = s;
    }
    if (quiet)
        shard_step(first, wait_ns);
    for (unsigned i = 0; !quiet && i < store->shard_count; i++)
        shard_step(&store->shards[i], 0);
}

/* Closes from the last down: the first holds the locks. */
static void close_shards(eloq_store *store, unsigned count)
{
    while (count > 0)
        shard_close(&store->shards[--count]);
}

int store_host_open(eloq_store *store, struct err *e)
{
    for (unsigned i = 0; i < store->shard_count; i++) {
        int rc = shard_open(&store->shards[i], store, i);
        if (rc != ELOQ_OK) {
            *e = store->shards[i].err;
            close_shards(store, i);
            return rc;
        }
    }
    return ELOQ_OK;
}

int store_get_here(eloq_store *store, unsigned shard, eloq_part part, eloq_slice key,
                   eloq_record *record)
{
    struct shard *s = &store->shards[shard];

    if (!store->options.host_driven || shard_current()
        || !pthread_equal(store->owner, pthread_self()) || atomic_load(&store->state) != STORE_OPEN)
        return ELOQ_FETCH;
    uint64_t begin_ns = clock_mono_ns(&store->clock);
    struct tree_miss ignored;
    int rc = run_get_hot(s, part, key, record, &ignored);
    if (rc == ELOQ_FETCH)
        return rc;
    s->counts.requests++;
    measure_answer(s, REQUEST_GET, rc, clock_mono_ns(&store->clock) - begin_ns);
    return rc;
}

static bool is_idle(const eloq_store *store)
{
    for (unsigned i = 0; i < store->shard_count; i++)
        if (!shard_is_idle(&store->shards[i]))
            return false;
    return true;
}

int store_run(eloq_store *store, int wait_ms)
{
    TRY(check(store));
    for (unsigned i = 0; i < store->shard_count; i++)
        shard_drive(&store->shards[i],
                    wait_ms < 0 ? UINT64_MAX : (uint64_t)wait_ms * UINT64_C(1000000));
    return ELOQ_OK;
}

static int watch(int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    if (fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0
        || errno == EEXIST) /* a backend may wake by its only descriptor */
        return ELOQ_OK;
    return error_fail(err_from_errno(errno), "epoll_ctl failed: %s", strerror(errno));
}

int store_fd(eloq_store *store)
{
    TRY(check(store));
    struct io *io = store->shards[0].io;
    if (store->host_fd >= 0)
        return store->host_fd;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        return error_fail(err_from_errno(errno), "epoll_create1 failed: %s", strerror(errno));
    int rc = watch(epoll, io->wake_fd);
    if (rc == ELOQ_OK)
        rc = watch(epoll, io->ops->pollfd(io));
    if (rc < 0) {
        close(epoll);
        return rc;
    }
    store->host_fd = epoll;
    shard_rest(&store->shards[0]);
    return epoll;
}

int store_next_ms(eloq_store *store)
{
    TRY(check(store));
    uint64_t ns = sched_next_timer_ns(&store->shards[0].sched);
    if (ns == UINT64_MAX)
        return -1;
    uint64_t ms = ns / 1000000 + (ns % 1000000 != 0);
    return (int)MIN(ms, INT32_MAX);
}

void store_host_close(eloq_store *store)
{
    store_host_step(store, 0); /* what is in the inboxes still */
    while (!is_idle(store))
        store_host_step(store, UINT64_MAX);
    close_shards(store, store->shard_count);
    if (store->host_fd >= 0)
        close(store->host_fd);
    store->host_fd = -1;
}
