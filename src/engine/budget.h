/* engine/budget.h -- what each shard may use of the memory and the descriptors. */
#pragma once

#include "base/error.h"

struct budget {
    uint64_t cache_bytes;   /* cached index pages */
    uint64_t leaf_bytes;    /* data pages kept in memory */
    uint64_t pool_bytes;    /* page buffers kept for reuse */
    uint64_t part_bytes;    /* loaded partitions */
    uint64_t value_bytes;   /* largest value */
    uint64_t merge_entries; /* of one commit */
    uint64_t merge_bytes;
    uint64_t scan_bytes;   /* largest batch of an iterator, of two */
    uint64_t window_bytes; /* leaves it reads at once, twice */
    uint64_t span_bytes;   /* of long ones, all together, instead */
    size_t tasks;
    size_t fds; /* data files */
    size_t manifest_fds;
    size_t brief_fds; /* files open for a moment */
};

/* From completed options. ELOQ_OK, or ELOQ_BUSY when the process may open too few files. */
int budget_make(const eloq_options *options, bool in_memory, struct budget *ret, struct err *e);
