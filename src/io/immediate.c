/* io/immediate.c -- the common half of backends that execute in submit. */
#include "io/immediate.h"

#include <unistd.h>

#include "io/wake.h"

int immediate_init(struct immediate *im, const struct io_ops *ops, struct mem *m,
                   const struct log *log)
{
    int wake_fd = wake_open();

    if (wake_fd < 0)
        return wake_fd;
    im->io.ops = ops;
    im->io.mem = m;
    im->io.log = log;
    im->io.wake_fd = wake_fd;
    list_init(&im->finished);
    return 0;
}

void immediate_deinit(struct immediate *im)
{
    close(im->io.wake_fd);
}

void immediate_finish(struct io *io, struct io_req *req, int64_t result)
{
    struct immediate *im = container_of(io, struct immediate, io);

    /* Somebody may sleep on the descriptor without having polled since. */
    if (list_empty(&im->finished))
        io_wake(io);
    req->result = result;
    list_push_back(&im->finished, &req->link);
}

void immediate_poll(struct io *io, uint64_t wait_ns)
{
    struct immediate *im = container_of(io, struct immediate, io);
    struct list batch;
    struct list *node;

    if (wait_ns > 0 && list_empty(&im->finished))
        wake_wait(io->wake_fd, wait_ns);
    else
        wake_drain(io->wake_fd);
    /* What the completions submit is for the next poll. */
    list_init(&batch);
    list_splice_back(&batch, &im->finished);
    while ((node = list_pop_front(&batch)) != NULL) {
        struct io_req *req = container_of(node, struct io_req, link);

        io_complete(io, req, req->result);
    }
}

int immediate_pollfd(struct io *io)
{
    return io->wake_fd;
}
