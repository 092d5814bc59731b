/* engine/stats.c -- every number of a store: collected, and found by name. */
#include "engine/stats.h"

#include <stdio.h>
#include <string.h>

#include "engine/shard.h"
#include "engine/store.h"

#define NAME_BYTES 48
#define FIGURES 5 /* of the time that one kind of request takes */
#define NAMES (STATS + REQUEST_KINDS * (STATUSES + FIGURES))

enum { COUNTER = 1, GAUGE = 0 };
#define STAT(name_, kind_, metric_, labels_, help_) \
    { #name_, (metric_), (labels_), (help_), (kind_) == COUNTER },
const struct stat_row stat_rows[STATS] = {
#include "engine/stats.def"
};

_Static_assert(STAT_memory_other - STAT_memory_pages + 1 == MEM_CONSUMERS, "a row per consumer");

/* ---- collecting ---- */

static uint64_t page_sum(const uint64_t *pages, enum page_type from, enum page_type to)
{
    uint64_t sum = 0;

    for (enum page_type type = from; type <= to; type++)
        sum += pages[type];
    return sum;
}

static void add_pages(const struct part_env *env, uint64_t *n)
{
    const uint64_t *written = env->pages_written;
    uint64_t page_bytes = env->shape.page_bytes;
    const struct {
        enum page_type from, to;
        enum stat read, read_bytes, written, written_bytes;
    } kinds[] = {
        { PAGE_INNER_INDEX, PAGE_LEAF_INDEX, STAT_pages_read_index, STAT_page_bytes_read_index,
          STAT_pages_written_index, STAT_page_bytes_written_index },
        { PAGE_DATA, PAGE_DATA, STAT_pages_read_data, STAT_page_bytes_read_data,
          STAT_pages_written_data, STAT_page_bytes_written_data },
        { PAGE_OVERFLOW, PAGE_OVERFLOW, STAT_pages_read_overflow, STAT_page_bytes_read_overflow,
          STAT_pages_written_overflow, STAT_page_bytes_written_overflow },
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        uint64_t r = page_sum(env->pages_read, kinds[i].from, kinds[i].to);
        uint64_t w = page_sum(written, kinds[i].from, kinds[i].to);
        if (kinds[i].from == PAGE_INNER_INDEX)
            r += env->cache->misses;
        n[STAT_pages_read] += r;
        n[kinds[i].read] += r;
        n[kinds[i].read_bytes] += r * page_bytes;
        n[STAT_pages_written] += w;
        n[kinds[i].written] += w;
        n[kinds[i].written_bytes] += w * page_bytes;
    }
}

static void add_env(const struct part_env *env, uint64_t *n)
{
    add_pages(env, n);
    n[STAT_commits] += env->commits;
    n[STAT_commit_failures] += env->commit_failures;
    n[STAT_keys_expired] += env->keys_expired;
    n[STAT_manifest_appends] += env->manifest_appends;
    n[STAT_manifest_switches] += env->manifest_switches;
    n[STAT_manifest_bytes] += env->manifest_bytes;
    n[STAT_manifest_tails_dropped] += env->manifest_tails_dropped;
    n[STAT_values_compressed] += env->values_compressed;
    n[STAT_dictionaries_made] += env->dicts_made;
    n[STAT_dictionaries_failed] += env->dicts_failed;
    n[STAT_compactions] += env->compactions;
    n[STAT_pages_compacted] += env->pages_compacted;
    n[STAT_files_removed] += env->files_removed;
    n[STAT_partitions_removed] += env->parts_removed;
    n[STAT_versions_pinned] += env->versions_pinned;
    n[STAT_pages_pinned] += env->pages_pinned;
    n[STAT_archives_made] += env->archives_made;
    n[STAT_archives_removed] += env->archives_removed;
    n[STAT_restores] += env->restores;
    n[STAT_partition_loads] += env->parts_loaded;
    n[STAT_partition_evictions] += env->parts_evicted;
}

static void add_io(const struct io *io, uint64_t *n)
{
    static const enum stat stats[IO_COUNTERS] = {
        [IO_COUNT_READS] = STAT_io_reads,   [IO_COUNT_READ_BYTES] = STAT_io_read_bytes,
        [IO_COUNT_WRITES] = STAT_io_writes, [IO_COUNT_WRITE_BYTES] = STAT_io_write_bytes,
        [IO_COUNT_SYNCS] = STAT_io_syncs,   [IO_COUNT_OTHERS] = STAT_io_others,
        [IO_COUNT_ERRORS] = STAT_io_errors, [IO_COUNT_SLOW] = STAT_io_slow,
    };

    for (int i = 0; i < IO_COUNTERS; i++)
        n[stats[i]] += atomic_load_explicit(&io->counters[i], memory_order_relaxed);
    n[STAT_io_in_flight] += io->in_flight;
}

static void add_shard(struct shard *s, uint64_t *n)
{
    const struct budget *budget = &s->store->budget;

    add_io(s->io, n);
    add_env(&s->env, n);
    n[STAT_requests] += s->counts.requests;
    n[STAT_requests_running] += s->running - 1; /* but this question */
    n[STAT_requests_queued] += inbox_count(&s->inbox);
    n[STAT_requests_waiting] += s->waiting_count;
    n[STAT_requests_retried] += s->counts.retried;
    n[STAT_requests_slow] += s->measure.slow;
    n[STAT_tasks] += s->tasks;
    n[STAT_iterators] += s->counts.iterators;
    n[STAT_batches] += s->counts.batches;
    n[STAT_batches_merged] += s->counts.batches_merged;
    n[STAT_cleanings] += s->counts.cleanings;
    n[STAT_cleanings_failed] += s->counts.cleanings_failed;
    n[STAT_page_cache_hits] += s->cache.hits;
    n[STAT_page_cache_misses] += s->cache.misses;
    n[STAT_page_cache_evictions] += s->cache.evictions;
    n[STAT_page_cache_pages] += s->cache.count;
    n[STAT_page_cache_limit] += s->cache.limit;
    n[STAT_data_cache_hits] += s->leaves.hits;
    n[STAT_data_cache_misses] += s->leaves.misses;
    n[STAT_data_cache_evictions] += s->leaves.evictions;
    n[STAT_data_cache_pages] += s->leaves.count;
    n[STAT_data_cache_limit] += s->leaves.limit;
    n[STAT_partitions_loaded] += s->parts.count;
    n[STAT_partition_bytes] += s->parts.bytes;
    n[STAT_partition_bytes_limit] += s->parts.limit;
    n[STAT_open_files] += s->fds.open + s->env.manifest_fds + budget->brief_fds - s->brief_fds.left;
    n[STAT_open_files_limit] += budget->fds + budget->manifest_fds + budget->brief_fds;
}

static void set_memory(const struct mem *m, uint64_t *n)
{
    n[STAT_memory_used] = atomic_load_explicit(&m->total, memory_order_relaxed);
    n[STAT_memory_limit] = m->limit;
    for (int i = 0; i < MEM_CONSUMERS; i++)
        n[STAT_memory_pages + i] = atomic_load_explicit(&m->used[i], memory_order_relaxed);
}

static void collect(struct shard *s, struct stats *ret)
{
    const struct measure *m = &s->measure;

    add_shard(s, ret->n);
    set_memory(&s->store->mem, ret->n);
    for (int kind = 0; kind < REQUEST_KINDS; kind++) {
        for (int status = 0; status < STATUSES; status++)
            ret->answers[kind][status] += m->answers[kind][status];
        histogram_merge(&ret->latency[kind], &m->latency[kind]);
    }
}

void stats_run(struct shard *s, struct request *r)
{
    struct eloq_store *store = s->store;

    collect(s, r->ask.stats);
    if (s->index + 1 == store->shard_count)
        request_finish(r, ELOQ_OK, NULL);
    else
        shard_pass_on(s, r, &store->shards[s->index + 1]);
}

/* ---- names ---- */

static const struct {
    const char *name;
    unsigned permille; /* 0: see figure */
} figures[FIGURES] = {
    { "p50_us", 500 }, { "p99_us", 990 }, { "p999_us", 999 }, { "max_us", 1000 }, { "sum_us", 0 }
};

static uint64_t figure(const struct histogram *h, size_t index)
{
    if (figures[index].permille == 0)
        return h->sum;
    return figures[index].permille == 1000 ? h->most
                                           : histogram_quantile(h, figures[index].permille);
}

/* Calls f with every name and its number, until it answers true. `stats` may be NULL. */
static bool each(const struct stats *stats, bool (*f)(void *user, const char *name, uint64_t n),
                 void *user)
{
    char name[NAME_BYTES];

    for (int i = 0; i < STATS; i++)
        if (f(user, stat_rows[i].name, stats ? stats->n[i] : 0))
            return true;
    for (int kind = 0; kind < REQUEST_KINDS; kind++) {
        const char *label = request_label((enum request_kind)kind);
        if (!label)
            continue;
        for (unsigned status = 0; status < STATUSES; status++) {
            snprintf(name, sizeof(name), "requests_%s_%s", label, status_label(status));
            if (f(user, name, stats ? stats->answers[kind][status] : 0))
                return true;
        }
        for (size_t i = 0; i < FIGURES; i++) {
            snprintf(name, sizeof(name), "latency_%s_%s", label, figures[i].name);
            if (f(user, name, stats ? figure(&stats->latency[kind], i) : 0))
                return true;
        }
    }
    return false;
}

struct search {
    const char *name;
    uint64_t *ret;
};

static bool is_it(void *user, const char *name, uint64_t n)
{
    const struct search *search = user;

    if (strcmp(name, search->name) != 0)
        return false;
    *search->ret = n;
    return true;
}

bool stats_find(const struct stats *stats, const char *name, uint64_t *ret)
{
    struct search search = { name, ret };

    return each(stats, is_it, &search);
}

static char name_texts[NAMES][NAME_BYTES];
static const char *names[NAMES + 1];

static bool add_name(void *user, const char *name, uint64_t n)
{
    size_t *count = user;

    (void)n;
    snprintf(name_texts[*count], NAME_BYTES, "%s", name);
    names[*count] = name_texts[*count];
    (*count)++;
    return false;
}

static void make_names(void)
{
    size_t count = 0;

    each(NULL, add_name, &count);
}

const char *const *stats_names(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, make_names);
    return names;
}
