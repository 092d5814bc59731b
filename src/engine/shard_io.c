/* engine/shard_io.c -- which backend a shard's I/O goes through. */
#include "engine/shard_io.h"

#include <string.h>

#include "engine/store.h"

#define IO_THREADS 4

typedef int open_backend(struct mem *m, const struct log *log, const struct io_config *config,
                         struct io **ret);

static int open_system(struct eloq_store *store, unsigned index, struct io **ret)
{
    const struct io_config config = { .queue_size = store->options.io_queue_size,
                                      .threads = IO_THREADS };
    bool host_driven = store->options.host_driven;

    switch (store->options.io_backend) {
    case ELOQ_IO_MEMORY:
        return memory_open(&store->mem, &store->log, store->disk, ret);
    case ELOQ_IO_SYNC:
        return sync_open(&store->mem, &store->log, &config, ret);
    case ELOQ_IO_THREADS:
        return threads_open(&store->mem, &store->log, &config, ret);
    case ELOQ_IO_URING:
        return uring_open(&store->mem, &store->log, &config, ret);
    default:
        break;
    }
    int rc = uring_open(&store->mem, &store->log, &config, ret);
    if (rc == 0)
        return 0;
    if (index == 0)
        log_line(&store->log, ELOQ_LOG_WARNING, "io_uring is not available (%s): using %s",
                 strerror(-rc), host_driven ? "sync" : "threads");
    open_backend *instead = host_driven ? sync_open : threads_open;
    return instead(&store->mem, &store->log, &config, ret);
}

int shard_io_open(struct eloq_store *store, unsigned index, struct io **ret, struct err *e)
{
    static const char *const names[] = { "auto", "uring", "threads", "sync", "memory" };
    const struct store_seams *seams = &store->seams;
    int rc = seams->io_open ? seams->io_open(seams->io_user, &store->mem, &store->log, index, ret)
                            : open_system(store, index, ret);

    if (rc == 0)
        return ELOQ_OK;
    int code =
        err_set(e, err_from_errno(-rc), __FILE__, __LINE__, "i/o backend %s is not available: %s",
                names[store->options.io_backend], strerror(-rc));
    e->sys_errno = -rc;
    return code;
}
