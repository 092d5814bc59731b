/* engine/budget.c -- what each shard may use of the memory and the descriptors. */
#include "engine/budget.h"

#include <sys/resource.h>

#include "tree/tree.h"

#define FDS_LEAST 16u
#define FDS_RESERVED 100u /* for the host, the rings, the locks */
#define TASKS_LEAST 4u
#define TASKS_MOST 1024u
#define VALUE_BYTES_MAX (UINT64_C(1) << 30)

/* Descriptors the process may have, its soft limit raised to the hard one. */
static uint64_t process_fds(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return FDS_RESERVED + 256;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
            limit = raised;
    }
    return limit.rlim_cur;
}

static int share_fds(const eloq_options *options, struct budget *ret, struct err *e)
{
    uint64_t process = process_fds();
    uint64_t reserved = MIN(FDS_RESERVED, process / 4);
    uint64_t share = MIN(options->fd_limit, process - reserved) / options->shards;

    if (share < FDS_LEAST)
        return err_set(e, ELOQ_BUSY, __FILE__, __LINE__,
                       "too few descriptors: %u shards need %u each, fd_limit is %u, the process "
                       "may open %llu",
                       options->shards, FDS_LEAST, options->fd_limit, (unsigned long long)process);
    ret->manifest_fds = (size_t)share / 4;
    ret->brief_fds = (size_t)share / 8;
    ret->fds = (size_t)share - ret->manifest_fds - ret->brief_fds;
    return ELOQ_OK;
}

int budget_make(const eloq_options *options, bool in_memory, struct budget *ret, struct err *e)
{
    uint64_t share = options->memory_bytes / options->shards;
    uint64_t tasks = share / 8 / options->coroutine_stack_size;

    *ret = (struct budget){
        .cache_bytes = MIN(options->buffer_pool_size, share / 2),
        .leaf_bytes = MIN(options->data_cache_bytes / options->shards, share / 2),
        .pool_bytes = share / 32,
        .part_bytes = MIN(options->root_meta_cache_size / options->shards, share / 4),
        .value_bytes = MIN(VALUE_BYTES_MAX, options->memory_bytes / 4),
        .merge_entries = MIN(options->write_merge_entries, share / 16 / sizeof(struct tree_op)),
        .merge_bytes = MIN(options->write_merge_bytes, share / 8),
        .scan_bytes = MIN(UINT64_C(1) << 20, share / 64),
        .window_bytes = MIN(UINT64_C(4) << 20, share / 32),
        .span_bytes = share / 4,
        .tasks = (size_t)MIN(MAX(tasks, TASKS_LEAST), TASKS_MOST),
        .fds = FDS_LEAST,
        .manifest_fds = FDS_LEAST,
        .brief_fds = FDS_LEAST,
    };
    if (in_memory)
        return ELOQ_OK;
    return share_fds(options, ret, e);
}
