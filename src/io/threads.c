/* io/threads.c -- backend: blocking calls on a small pool of threads; needs no io_uring.
 *
 *     shard   submit -> waiting -----> worker: posix_execute -> finished -> poll -> io_complete
 *
 * Both lists lie under one lock. A worker that finishes into an empty list wakes the shard. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/check.h"
#include "io/posix.h"
#include "io/wake.h"

#define THREADS_DEFAULT 4
#define THREADS_MAX 64
#define STACK_BYTES ((size_t)256 << 10)

struct threads {
    struct io io; /* first */
    pthread_mutex_t lock;
    pthread_cond_t more; /* something waits, or stop */
    struct list waiting;
    struct list finished;
    bool stop;
    uint32_t count;
    pthread_t threads[THREADS_MAX];
};

static void *work(void *arg)
{
    struct threads *pool = arg;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        struct io_req *req;
        bool was_empty;

        while (list_empty(&pool->waiting) && !pool->stop)
            pthread_cond_wait(&pool->more, &pool->lock);
        if (list_empty(&pool->waiting))
            break;
        req = container_of(list_pop_front(&pool->waiting), struct io_req, link);
        pthread_mutex_unlock(&pool->lock);
        req->result = posix_execute(req);
        pthread_mutex_lock(&pool->lock);
        was_empty = list_empty(&pool->finished);
        list_push_back(&pool->finished, &req->link);
        /* Under the lock: the shard closes the descriptor only after it has joined us. */
        if (was_empty)
            io_wake(&pool->io);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void submit(struct io *io, struct io_req *req)
{
    struct threads *pool = container_of(io, struct threads, io);

    pthread_mutex_lock(&pool->lock);
    list_push_back(&pool->waiting, &req->link);
    pthread_cond_signal(&pool->more);
    pthread_mutex_unlock(&pool->lock);
}

static bool has_finished(struct threads *pool)
{
    bool yes;

    pthread_mutex_lock(&pool->lock);
    yes = !list_empty(&pool->finished);
    pthread_mutex_unlock(&pool->lock);
    return yes;
}

static void poll_io(struct io *io, uint64_t wait_ns)
{
    struct threads *pool = container_of(io, struct threads, io);
    struct list batch;
    struct list *node;

    if (wait_ns > 0 && !has_finished(pool))
        wake_wait(io->wake_fd, wait_ns);
    else
        wake_drain(io->wake_fd);
    /* After the drain, so that whoever finishes later makes the descriptor readable again. */
    list_init(&batch);
    pthread_mutex_lock(&pool->lock);
    list_splice_back(&batch, &pool->finished);
    pthread_mutex_unlock(&pool->lock);
    while ((node = list_pop_front(&batch)) != NULL) {
        struct io_req *req = container_of(node, struct io_req, link);

        io_complete(io, req, req->result);
    }
}

static int pollfd_io(struct io *io)
{
    return io->wake_fd;
}

static void stop_threads(struct threads *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->more);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
}

static void close_io(struct io *io)
{
    struct threads *pool = container_of(io, struct threads, io);

    stop_threads(pool);
    pthread_cond_destroy(&pool->more);
    pthread_mutex_destroy(&pool->lock);
    close(io->wake_fd);
    mem_free(io->mem, pool);
}

static const struct io_ops threads_ops = {
    .name = "threads",
    .submit = submit,
    .poll = poll_io,
    .pollfd = pollfd_io,
    .close = close_io,
};

/* As many as the system gives; fails only when it gives none. */
static int start_threads(struct threads *pool, uint32_t wanted)
{
    pthread_attr_t attr;
    sigset_t all, old;
    int rc;

    rc = pthread_attr_init(&attr);
    if (rc != 0)
        return -rc;
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    /* The host's signals are for the host's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (pool->count < wanted && rc == 0) {
        rc = pthread_create(&pool->threads[pool->count], &attr, work, pool);
        if (rc == 0)
            pool->count++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return pool->count > 0 ? 0 : -rc;
}

int threads_open(struct mem *m, const struct log *log, const struct io_config *config,
                 struct io **ret)
{
    uint32_t wanted = config->threads > 0 ? MIN(config->threads, THREADS_MAX) : THREADS_DEFAULT;
    struct threads *pool = mem_zalloc(m, MEM_OTHER, sizeof *pool);
    int rc;

    if (!pool)
        return -ENOMEM;
    pool->io.ops = &threads_ops;
    pool->io.mem = m;
    pool->io.log = log;
    list_init(&pool->waiting);
    list_init(&pool->finished);
    pool->io.wake_fd = wake_open();
    if (pool->io.wake_fd < 0) {
        rc = pool->io.wake_fd;
        mem_free(m, pool);
        return rc;
    }
    CHECK(pthread_mutex_init(&pool->lock, NULL) == 0);
    CHECK(pthread_cond_init(&pool->more, NULL) == 0);
    rc = start_threads(pool, wanted);
    if (rc < 0) {
        close_io(&pool->io);
        return rc;
    }
    *ret = &pool->io;
    return 0;
}
