/* io/sync.c -- backend: blocking calls on the shard's own thread, for debugging and tiny tools. */
#include <errno.h>

#include "io/immediate.h"
#include "io/posix.h"

static void submit(struct io *io, struct io_req *req)
{
    immediate_finish(io, req, posix_execute(req));
}

static void close_io(struct io *io)
{
    struct immediate *im = container_of(io, struct immediate, io);

    immediate_deinit(im);
    mem_free(io->mem, im);
}

static const struct io_ops sync_ops = {
    .name = "sync",
    .submit = submit,
    .poll = immediate_poll,
    .pollfd = immediate_pollfd,
    .close = close_io,
};

int sync_open(struct mem *m, const struct log *log, const struct io_config *config, struct io **ret)
{
    struct immediate *im = mem_zalloc(m, MEM_OTHER, sizeof *im);
    int rc;

    (void)config; /* neither queue nor threads */
    if (!im)
        return -ENOMEM;
    rc = immediate_init(im, &sync_ops, m, log);
    if (rc < 0) {
        mem_free(m, im);
        return rc;
    }
    *ret = &im->io;
    return 0;
}
