/* engine/keeper.c -- the task that opens a shard, sleeps, and closes it. */
#include "engine/keeper.h"

#include "base/check.h"
#include "engine/iter.h"
#include "engine/shard.h"
#include "engine/store.h"
#include "engine/writeq.h"

#define AHEAD_LEAST (UINT64_C(256) << 10) /* bytes written ahead of a busy partition */
#define AHEAD_AFTER 16                    /* small commits that make it one */

static int open_files(struct task *t, struct shard *s)
{
    struct eloq_store *store = s->store;
    const eloq_options *options = &store->options;
    const struct store_files_want want = {
        .read_only = options->read_only || options->as_of,
        .as_of = options->as_of,
        .format = &options->format,
        .new_id = rand_u64(&s->rand),
    };
    return store_files_open(t, s->io, &store->files, &want, &store->format);
}

/* A reader left. */
static void wants_maintenance(void *user, struct part *p)
{
    struct shard *s = user;

    if (!s->gone) /* else it closes */
        writeq_maintain(s, (eloq_part){ p->table, p->partition });
}

/* In memory nothing is gained by it. */
static uint64_t least_ahead(const struct eloq_store *store)
{
    if (store->seams.ahead_least)
        return store->seams.ahead_least;
    return store->disk ? 0 : AHEAD_LEAST;
}

/* Everything between I/O and trees. Cannot fail: it is filled at first use. */
static void open_parts(struct shard *s)
{
    struct eloq_store *store = s->store;
    const eloq_options *options = &store->options;
    const eloq_format *format = &store->format;
    const struct budget *budget = &store->budget;
    uint32_t page_bytes = format->data_page_size;

    pagepool_init(&s->pool, &store->mem, page_bytes, (size_t)(budget->pool_bytes / page_bytes));
    spans_init(&s->spans, &store->mem, budget->span_bytes);
    page_cache_init(&s->cache, &store->mem, &s->pool, (size_t)(budget->cache_bytes / page_bytes));
    leaf_cache_init(&s->leaves, &store->mem, &s->pool, (size_t)(budget->leaf_bytes / page_bytes));
    fdcache_init(&s->fds, s->io, &store->mem, budget->fds);
    dict_context_init(&s->dicts, &store->mem);
    tokens_init(&s->writes, options->max_inflight_write);
    tokens_init(&s->brief_fds, budget->brief_fds);
    s->env = (struct part_env){
        .mem = &store->mem,
        .log = &store->log,
        .io = s->io,
        .fds = &s->fds,
        .cache = &s->cache,
        .leaves = &s->leaves,
        .pool = &s->pool,
        .spans = &s->spans,
        .dicts = &s->dicts,
        .rand = &s->rand,
        .shape = { .page_bytes = page_bytes,
                   .leaf_restart_every = options->data_page_restart_interval,
                   .index_restart_every = options->index_page_restart_interval,
                   .overflow_pointers = format->overflow_pointers },
        .pages_per_file_shift = format->pages_per_file_shift,
        .append = format->data_append_mode,
        .verify = !options->skip_verify_checksum,
        .read_only = options->read_only || options->as_of,
        .compress = options->enable_compression,
        .host_driven = options->host_driven,
        .as_of = options->as_of,
        .manifest_limit = options->manifest_limit,
        .one_flush = format->commit_protocol == ELOQ_ONE_FLUSH,
        .writes = &s->writes,
        .brief_fds = &s->brief_fds,
        .write_batch_pages = options->max_write_batch_pages,
        .scan_window_bytes = (size_t)budget->window_bytes,
        .ahead_least = least_ahead(store),
        .ahead_after = store->seams.ahead_least ? 1 : AHEAD_AFTER,
        .amplify_factor = options->file_amplify_factor,
        .wants_maintenance = wants_maintenance,
        .maintenance_user = s,
        .manifest_fds_max = (uint32_t)budget->manifest_fds,
        .store_paths = (const char *const *)store->files.paths,
        .store_path_count = store->files.path_count,
    };
    s->fds.read_only = s->env.read_only;
    mutex_init(&s->env.packing);
    cut_init(&s->env.cut);
    list_init(&s->env.manifests_idle);
    wait_list_init(&s->env.manifest_room);
    part_table_init(&s->parts, &s->env, budget->part_bytes);
    s->parts_ready = true;
}

/* From now on whoever closes an iterator of this shard frees it himself. */
static void release_iterators(struct shard *s)
{
    struct list *node;

    pthread_mutex_lock(&s->store->life);
    s->gone = true;
    pthread_mutex_unlock(&s->store->life);
    (void)shard_take_inbox(s);
    while ((node = list_first(&s->iters)))
        iter_release(s, container_of(node, struct eloq_iter, link));
}

static void close_all(struct task *t, struct shard *s)
{
    release_iterators(s);
    if (s->parts_ready) {
        part_table_deinit(t, &s->parts);
        page_cache_deinit(&s->cache);
        leaf_cache_deinit(&s->leaves);
        mem_free(&s->store->mem, s->hot_scratch);
        fdcache_deinit(&s->fds);
        dict_context_deinit(&s->dicts);
        pagepool_deinit(&s->pool);
    }
    if (s->index == 0)
        store_files_close(t, s->io, &s->store->files);
}

void keeper_main(struct task *t, void *arg)
{
    struct shard *s = arg;

    s->open_rc = s->index == 0 ? open_files(t, s) : ELOQ_OK;
    if (s->open_rc == ELOQ_OK)
        open_parts(s);
    else
        s->err = t->err;
    s->opened = true;
    if (s->open_rc == ELOQ_OK)
        wait_on(t, &s->closing);
    close_all(t, s);
    s->closed = true;
}
