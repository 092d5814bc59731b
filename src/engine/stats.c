/* engine/stats.c -- counters by name, summed over the shards. */
#include "engine/stats.h"

#include <string.h>

#include "engine/shard.h"
#include "engine/store.h"

#define MEMORY_PREFIX "memory_"

/* The counters, then memory_used and one per enum mem_consumer. */
#define NAME(name) #name,
static const char *const names[] = {
    STATS_COUNTERS(NAME) "memory_used",
    "memory_pages",
    "memory_mapping",
    "memory_dict",
    "memory_stacks",
    "memory_tasks",
    "memory_requests",
    "memory_results",
    "memory_files",
    "memory_other",
    NULL,
};
_Static_assert(ARRAY_LEN(names) == STATS + 1 + MEM_CONSUMERS + 1, "a name per consumer");

void stats_collect(const struct shard *s, struct stats *ret)
{
    const struct part_env *env = &s->env;
    uint64_t io[IO_COUNTERS];

    for (int i = 0; i < IO_COUNTERS; i++)
        io[i] = atomic_load_explicit(&s->io->counters[i], memory_order_relaxed);
    const struct stats one = { .n = {
                                   [STAT_io_reads] = io[IO_COUNT_READS],
                                   [STAT_io_read_bytes] = io[IO_COUNT_READ_BYTES],
                                   [STAT_io_writes] = io[IO_COUNT_WRITES],
                                   [STAT_io_write_bytes] = io[IO_COUNT_WRITE_BYTES],
                                   [STAT_io_syncs] = io[IO_COUNT_SYNCS],
                                   [STAT_io_others] = io[IO_COUNT_OTHERS],
                                   [STAT_io_errors] = io[IO_COUNT_ERRORS],
                                   [STAT_requests] = s->counts.requests,
                                   [STAT_requests_running] = s->running,
                                   [STAT_tasks] = s->tasks,
                                   [STAT_iterators] = s->counts.iterators,
                                   [STAT_batches] = s->counts.batches,
                                   [STAT_batches_merged] = s->counts.batches_merged,
                                   [STAT_keys_expired] = env->keys_expired,
                                   [STAT_cleanings] = s->counts.cleanings,
                                   [STAT_cleanings_failed] = s->counts.cleanings_failed,
                                   [STAT_commits] = env->commits,
                                   [STAT_commit_failures] = env->commit_failures,
                                   [STAT_pages_read] = env->pages_read,
                                   [STAT_pages_written] = env->pages_written,
                                   [STAT_manifest_appends] = env->manifest_appends,
                                   [STAT_manifest_switches] = env->manifest_switches,
                                   [STAT_manifest_bytes] = env->manifest_bytes,
                                   [STAT_values_compressed] = env->values_compressed,
                                   [STAT_dictionaries_made] = env->dicts_made,
                                   [STAT_dictionaries_failed] = env->dicts_failed,
                                   [STAT_page_cache_hits] = s->cache.hits,
                                   [STAT_page_cache_misses] = s->cache.misses,
                                   [STAT_page_cache_evictions] = s->cache.evictions,
                                   [STAT_page_cache_pages] = s->cache.count,
                                   [STAT_compactions] = env->compactions,
                                   [STAT_pages_compacted] = env->pages_compacted,
                                   [STAT_files_removed] = env->files_removed,
                                   [STAT_partitions_removed] = env->parts_removed,
                                   [STAT_versions_pinned] = env->versions_pinned,
                                   [STAT_pages_pinned] = env->pages_pinned,
                                   [STAT_archives_made] = env->archives_made,
                                   [STAT_archives_removed] = env->archives_removed,
                                   [STAT_restores] = env->restores,
                                   [STAT_open_files] = s->fds.open + s->env.manifest_fds,
                                   [STAT_partitions_loaded] = s->parts.count,
                                   [STAT_partition_loads] = env->parts_loaded,
                                   [STAT_partition_evictions] = env->parts_evicted,
                               } };
    for (int i = 0; i < STATS; i++)
        ret->n[i] += one.n[i];
}

bool stats_needs_shards(const char *name)
{
    return strncmp(name, MEMORY_PREFIX, strlen(MEMORY_PREFIX)) != 0;
}

bool stats_find(struct eloq_store *store, const struct stats *stats, const char *name,
                uint64_t *ret)
{
    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        if (i < STATS)
            *ret = stats->n[i];
        else if (i == STATS)
            *ret = atomic_load_explicit(&store->mem.total, memory_order_relaxed);
        else
            *ret = atomic_load_explicit(&store->mem.used[i - STATS - 1], memory_order_relaxed);
        return true;
    }
    return false;
}

const char *const *stats_names(void)
{
    return names;
}
