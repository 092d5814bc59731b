/* io/uring.c -- backend: io_uring; one ring per shard.
 *
 *     submit -> waiting -> ring (at most `limit` requests) -> poll: answered -> io_complete
 *                            ^                                   |
 *                            +------- the rest of it ------------+
 *
 * (1) A poll makes at most one system call for all that is queued, and none when nothing is.
 * (2) The ring has room for every request it holds and for the watch of the wake descriptor, so
 *     neither of its queues can overflow.
 * (3) A short write or flush is held back until the next poll: one that may wait makes it itself
 *     (here.h), if nothing else is under way that it would keep waiting.
 * (4) It is made disabled and enabled by the first call on the thread that runs it: the kernel then
 *     takes that thread for its only user. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "io/here.h"
#include "io/posix.h"
#include "io/uring_ops.h"
#include "io/wake.h"

#define QUEUE_MIN 8
#define QUEUE_DEFAULT 256
#define NS_PER_S UINT64_C(1000000000)
#define PAUSE_NS UINT64_C(1000000)
/* Completions taken by one poll. What they lead to is submitted before the next are taken, or the
 * device would run dry while a long row of them is worked off. */
#define REAP_MAX 8
#define HERE_WAIT_NS UINT64_C(20000000) /* who may wait as long may make a call, mostly 0.1 ms */

struct uring {
    struct io io; /* first */
    struct io_uring ring;
    struct uring_ops ops;
    struct list waiting; /* beyond the ring's size */
    uint32_t limit;
    uint32_t in_ring;
    uint32_t others; /* of these, neither write nor flush */
    struct here here;
    struct io_req *held; /* (3); NULL: none */
    bool enabled;
    bool watching; /* the wake descriptor */
    struct log_limit complaint;
};

static struct uring *uring_of(struct io *io)
{
    return container_of(io, struct uring, io);
}

static void enable(struct uring *u)
{
    if (likely(u->enabled))
        return;
    /* liburing 2.3 declares io_uring_enable_rings but its library does not export it. */
    CHECK(syscall(__NR_io_uring_register, u->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0)
          == 0);
    u->enabled = true;
}

static struct io_uring_sqe *next_sqe(struct uring *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

    CHECK(sqe != NULL); /* (2) */
    return sqe;
}

static void prepare(struct uring *u, struct io_req *req)
{
    struct io_uring_sqe *sqe = next_sqe(u);

    uring_prepare(&u->ops, sqe, req);
    io_uring_sqe_set_data(sqe, req);
}

static bool is_other(const struct io_req *req)
{
    return req->op != IO_WRITE && req->op != IO_SYNC;
}

static void feed(struct uring *u)
{
    while (u->in_ring < u->limit && !list_empty(&u->waiting)) {
        struct io_req *req = container_of(list_pop_front(&u->waiting), struct io_req, link);

        u->in_ring++;
        u->others += is_other(req);
        uring_begin(req);
        prepare(u, req);
    }
}

static void watch(struct uring *u)
{
    struct io_uring_sqe *sqe;

    if (u->watching)
        return;
    sqe = next_sqe(u);
    io_uring_prep_poll_add(sqe, u->io.wake_fd, POLLIN);
    io_uring_sqe_set_data(sqe, u);
    u->watching = true;
}

static void submit(struct io *io, struct io_req *req)
{
    struct uring *u = uring_of(io);

    enable(u);
    if (here_is_short(&u->here, req)) {
        struct io_req *before = u->held;

        u->held = req;
        req = before;
    }
    if (!req)
        return;
    list_push_back(&u->waiting, &req->link);
    feed(u);
}

static void let_go(struct uring *u)
{
    if (!u->held)
        return;
    list_push_back(&u->waiting, &u->held->link);
    u->held = NULL;
    feed(u);
}

/* The kernel has completions for us that it hands over only when entered. */
static bool must_enter(struct uring *u)
{
    unsigned flags = __atomic_load_n(u->ring.sq.kflags, __ATOMIC_RELAXED);

    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static void enter_failed(struct uring *u, int rc, uint64_t wait_ns)
{
    struct timespec pause = { .tv_nsec = (long)MIN(wait_ns, PAUSE_NS) };
    char words[96];

    CHECK(rc != -EEXIST); /* two threads use one ring */
    log_limited(u->io.log, &u->complaint, &clock_system, ELOQ_LOG_WARNING,
                "io_uring refused submissions: %s errno=%d", strerror_r(-rc, words, sizeof words),
                -rc);
    nanosleep(&pause, NULL); /* what is queued is tried again by the next poll */
}

static void enter(struct uring *u, uint64_t wait_ns)
{
    struct io_uring_cqe *cqe;
    struct __kernel_timespec limit = { .tv_sec = (long long)(wait_ns / NS_PER_S),
                                       .tv_nsec = (long long)(wait_ns % NS_PER_S) };
    int rc = 0;

    if (wait_ns > 0 && io_uring_cq_ready(&u->ring) == 0)
        rc = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1,
                                              wait_ns == UINT64_MAX ? NULL : &limit, NULL);
    else if (io_uring_sq_ready(&u->ring) > 0 || must_enter(u))
        rc = io_uring_submit_and_get_events(&u->ring);
    if (unlikely(rc < 0 && rc != -ETIME && rc != -EINTR))
        enter_failed(u, rc, wait_ns);
}

static void answered(struct uring *u, struct io_req *req, int32_t answer)
{
    int64_t result;

    if (!uring_answered(req, answer, &result)) {
        prepare(u, req);
        return;
    }
    u->in_ring--;
    u->others -= is_other(req);
    io_complete(&u->io, req, result);
}

/* True: somebody wanted to wake us. */
static bool reap(struct uring *u)
{
    bool was_woken = false;
    /* The rest, and what completes meanwhile, is for the next poll. */
    unsigned n = MIN(io_uring_cq_ready(&u->ring), REAP_MAX);

    while (n-- > 0) {
        struct io_uring_cqe *cqe;
        void *data;
        int32_t answer;

        if (io_uring_peek_cqe(&u->ring, &cqe) < 0)
            break;
        data = io_uring_cqe_get_data(cqe);
        answer = cqe->res;
        io_uring_cqe_seen(&u->ring, cqe);
        if (data == u) {
            u->watching = false;
            wake_drain(u->io.wake_fd);
            was_woken = true;
        } else {
            answered(u, data, answer);
        }
    }
    return was_woken;
}

static bool may_make_held(struct uring *u, uint64_t wait_ns)
{
    return wait_ns >= HERE_WAIT_NS && u->others == 0 && list_empty(&u->waiting)
           && io_uring_cq_ready(&u->ring) == 0;
}

/* Instead of waiting. What else was submitted goes on meanwhile. */
static void make_held(struct uring *u)
{
    struct io_req *req = u->held;

    u->held = NULL;
    enter(u, 0);
    uint64_t begin_ns = clock_mono_ns(&clock_system);
    int64_t result = posix_execute(req);
    uint64_t took_ns = clock_mono_ns(&clock_system) - begin_ns;
    io_complete(&u->io, req, result);
    enter(u, 0);
    here_was(&u->here, took_ns, reap(u));
}

static void poll_io(struct io *io, uint64_t wait_ns)
{
    struct uring *u = uring_of(io);

    enable(u);
    watch(u);
    if (u->held && may_make_held(u, wait_ns)) {
        make_held(u);
        return;
    }
    let_go(u);
    enter(u, wait_ns);
    reap(u);
    feed(u);
    if (wait_ns > 0)
        return;
    /* The caller may now sleep on pollfd, so nothing may be left to submit. */
    watch(u);
    if (io_uring_sq_ready(&u->ring) > 0)
        enter(u, 0);
}

static int pollfd_io(struct io *io)
{
    return uring_of(io)->ring.ring_fd;
}

static void close_io(struct io *io)
{
    struct uring *u = uring_of(io);

    io_uring_queue_exit(&u->ring);
    close(io->wake_fd);
    mem_free(io->mem, u);
}

static const struct io_ops uring_backend = {
    .name = "io_uring",
    .submit = submit,
    .poll = poll_io,
    .pollfd = pollfd_io,
    .close = close_io,
};

/* The best ring this kernel gives. */
static int make_ring(struct uring *u, uint32_t queue_size)
{
    static const unsigned wishes[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN
            | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    int rc = -EINVAL;

    for (size_t i = 0; i < ARRAY_LEN(wishes) && rc == -EINVAL; i++) {
        struct io_uring_params params = { .flags = wishes[i] | IORING_SETUP_R_DISABLED
                                                   | IORING_SETUP_CLAMP };

        rc = io_uring_queue_init_params(queue_size, &u->ring, &params);
        if (rc >= 0) {
            u->limit = params.sq_entries - 1; /* one for the watch */
            /* A wait with a timeout that is not itself a submission. */
            if (!(params.features & IORING_FEAT_EXT_ARG)) {
                io_uring_queue_exit(&u->ring);
                return -EOPNOTSUPP;
            }
        }
    }
    return rc < 0 ? rc : 0;
}

int uring_open(struct mem *m, const struct log *log, const struct io_config *config,
               struct io **ret)
{
    uint32_t queue_size =
        config->queue_size > 0 ? MAX(config->queue_size, QUEUE_MIN) : QUEUE_DEFAULT;
    struct uring *u = mem_zalloc(m, MEM_OTHER, sizeof *u);
    int rc;

    if (!u)
        return -ENOMEM;
    u->io.ops = &uring_backend;
    u->io.mem = m;
    u->io.log = log;
    list_init(&u->waiting);
    here_init(&u->here);
    rc = make_ring(u, queue_size);
    if (rc < 0)
        goto free_memory;
    rc = uring_ops_probe(&u->ops, &u->ring);
    if (rc < 0)
        goto exit_ring;
    rc = wake_open();
    if (rc < 0)
        goto exit_ring;
    u->io.wake_fd = rc;
    *ret = &u->io;
    return 0;
exit_ring:
    io_uring_queue_exit(&u->ring);
free_memory:
    mem_free(m, u);
    return rc;
}
