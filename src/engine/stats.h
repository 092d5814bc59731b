/* engine/stats.h -- counters by name, summed over the shards. */
#pragma once

#include "base/common.h"

struct shard;
struct eloq_store;

/* COUNTER(name) */
#define STATS_COUNTERS(COUNTER)   \
    COUNTER(io_reads)             \
    COUNTER(io_read_bytes)        \
    COUNTER(io_writes)            \
    COUNTER(io_write_bytes)       \
    COUNTER(io_syncs)             \
    COUNTER(io_others)            \
    COUNTER(io_errors)            \
    COUNTER(requests)             \
    COUNTER(requests_running)     \
    COUNTER(tasks)                \
    COUNTER(iterators)            \
    COUNTER(batches)              \
    COUNTER(batches_merged)       \
    COUNTER(keys_expired)         \
    COUNTER(cleanings)            \
    COUNTER(cleanings_failed)     \
    COUNTER(commits)              \
    COUNTER(commit_failures)      \
    COUNTER(pages_read)           \
    COUNTER(pages_written)        \
    COUNTER(manifest_appends)     \
    COUNTER(manifest_switches)    \
    COUNTER(manifest_bytes)       \
    COUNTER(values_compressed)    \
    COUNTER(dictionaries_made)    \
    COUNTER(dictionaries_failed)  \
    COUNTER(page_cache_hits)      \
    COUNTER(page_cache_misses)    \
    COUNTER(page_cache_evictions) \
    COUNTER(page_cache_pages)     \
    COUNTER(compactions)          \
    COUNTER(pages_compacted)      \
    COUNTER(files_removed)        \
    COUNTER(partitions_removed)   \
    COUNTER(versions_pinned)      \
    COUNTER(pages_pinned)         \
    COUNTER(archives_made)        \
    COUNTER(archives_removed)     \
    COUNTER(restores)             \
    COUNTER(open_files)           \
    COUNTER(partitions_loaded)    \
    COUNTER(partition_loads)      \
    COUNTER(partition_evictions)

#define STATS_ENUM(name) STAT_##name,
enum stat { STATS_COUNTERS(STATS_ENUM) STATS };
#undef STATS_ENUM

struct stats {
    uint64_t n[STATS];
};

/* Adds what a shard counted; on its thread. */
void stats_collect(const struct shard *s, struct stats *ret);
/* One counter by name of `stats`, or of the store's memory ("memory_used", "memory_pages", ...).
 * false when there is none of this name. */
bool stats_find(struct eloq_store *store, const struct stats *stats, const char *name,
                uint64_t *ret);
/* Whether the name needs the shards to be asked. */
bool stats_needs_shards(const char *name);
/* All names, NULL at the end; static. */
const char *const *stats_names(void);
