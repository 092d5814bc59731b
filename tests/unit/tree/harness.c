/* tests/unit/tree/harness.c -- what a partition needs around it: scheduler, I/O, caches. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>

#include "base/slice.h"

static void set_paths(struct harness *h, const char *paths)
{
    while (*paths != '\0') {
        size_t size = strcspn(paths, ":");
        ck_assert_uint_lt(h->env.store_path_count, HARNESS_PATHS_MAX);
        h->paths[h->env.store_path_count++] = strndup(paths, size);
        paths += size;
        paths += *paths == ':';
    }
    h->env.store_paths = (const char *const *)h->paths;
}

static void make_paths(struct task *t, void *arg)
{
    struct harness *h = arg;
    for (uint32_t i = 0; i < h->env.store_path_count; i++)
        io_mkdir(t, h->io, h->paths[i]);
}

void harness_init(struct harness *h, const struct harness_config *config)
{
    memset(h, 0, sizeof(*h));
    mem_init(&h->mem, 0);
    sched_init(&h->sched, &h->mem, &clock_system, 65536);
    if (config->paths) {
        struct io_config io = { .queue_size = 64, .threads = 1 };
        ck_assert_int_eq(sync_open(&h->mem, &h->log, &io, &h->io), 0);
    } else {
        h->disk = memory_disk_new(&h->mem);
        ck_assert_ptr_nonnull(h->disk);
        ck_assert_int_eq(memory_open(&h->mem, &h->log, h->disk, &h->io), 0);
    }
    struct page_shape shape = config->shape;
    if (shape.page_bytes == 0)
        shape = (struct page_shape){ 4096, 16, 16, 16 };
    fdcache_init(&h->fds, h->io, &h->mem, 100);
    h->fds.read_only = config->read_only;
    pagepool_init(&h->pool, &h->mem, shape.page_bytes, 64);
    page_cache_init(&h->cache, &h->mem, &h->pool, config->cache_pages ? config->cache_pages : 1000);
    leaf_cache_init(&h->leaves, &h->mem, &h->pool, config->leaf_pages);
    dict_context_init(&h->dicts, &h->mem);
    rand_seed(&h->rand, 1);
    h->env = (struct part_env){ .mem = &h->mem,
                                .log = &h->log,
                                .io = h->io,
                                .fds = &h->fds,
                                .cache = &h->cache,
                                .leaves = &h->leaves,
                                .pool = &h->pool,
                                .dicts = &h->dicts,
                                .rand = &h->rand,
                                .shape = shape,
                                .pages_per_file_shift = config->shift ? config->shift : 18,
                                .append = config->append,
                                .verify = true,
                                .read_only = config->read_only,
                                .compress = config->compress,
                                .manifest_limit = 8 << 20,
                                .write_batch_pages = 64 };
    mutex_init(&h->env.packing);
    set_paths(h, config->paths ? config->paths : "/store");
    if (!config->paths)
        harness_start(h, make_paths, h);
}

void harness_deinit(struct harness *h)
{
    dict_context_deinit(&h->dicts);
    page_cache_deinit(&h->cache);
    leaf_cache_deinit(&h->leaves);
    pagepool_deinit(&h->pool);
    fdcache_deinit(&h->fds);
    io_close(h->io);
    if (h->disk)
        memory_disk_free(h->disk);
    sched_deinit(&h->sched);
    for (uint32_t i = 0; i < h->env.store_path_count; i++)
        free(h->paths[i]);
    ck_assert_uint_eq(h->mem.total, 0);
}

struct call {
    struct harness *h;
    int (*f)(struct task *t, void *arg);
    void *arg;
    int rc;
    bool done;
};

static void run_call(struct task *t, void *arg)
{
    struct call *call = arg;
    call->rc = call->f(t, call->arg);
    if (call->rc < 0)
        call->h->err = t->err;
    call->done = true;
}

void harness_start(struct harness *h, void (*f)(struct task *t, void *arg), void *arg)
{
    ck_assert_int_eq(task_start(&h->sched, f, arg), 0);
}

int harness_run(struct harness *h, int (*f)(struct task *t, void *arg), void *arg)
{
    struct call call = { .h = h, .f = f, .arg = arg };
    harness_start(h, run_call, &call);
    while (h->sched.active != 0) {
        sched_run(&h->sched);
        uint64_t wait = sched_has_ready(&h->sched) ? 0 : sched_next_timer_ns(&h->sched);
        if (h->io->in_flight != 0 || wait != UINT64_MAX)
            io_poll(h->io, wait);
    }
    ck_assert(call.done);
    return call.rc;
}

struct opening {
    struct harness *h;
    const char *table;
    uint32_t partition;
    bool create;
    struct part *part;
};

static int open_part(struct task *t, void *arg)
{
    struct opening *o = arg;
    return part_open(t, &o->h->env, o->table, o->partition, o->create, &o->part);
}

int harness_open(struct harness *h, const char *table, uint32_t partition, bool create,
                 struct part **ret)
{
    struct opening o = { h, table, partition, create, NULL };
    int rc = harness_run(h, open_part, &o);
    *ret = o.part;
    return rc;
}

static int close_part(struct task *t, void *arg)
{
    part_close(t, arg);
    return 0;
}

void harness_close(struct harness *h, struct part *p)
{
    harness_run(h, close_part, p);
}

struct writing {
    struct part *part;
    struct tree_op *ops;
    size_t count;
    uint64_t now_us;
};

static int by_key(const void *a, const void *b)
{
    const struct tree_op *x = a, *y = b;
    int order = slice_compare(x->key, y->key);
    return order != 0 ? order : (x->order > y->order) - (x->order < y->order);
}

static int write_batch(struct task *t, void *arg)
{
    struct writing *w = arg;
    struct wtx wtx;
    TRY(wtx_begin(t, w->part, &wtx));
    int rc = tree_apply(t, &wtx, w->ops, w->count, w->now_us);
    if (rc < 0) {
        wtx_abort(t, &wtx);
        return rc;
    }
    return wtx_commit(t, &wtx);
}

int harness_write(struct harness *h, struct part *p, struct tree_op *ops, size_t count,
                  uint64_t now_us)
{
    struct writing w = { p, ops, count, now_us };
    for (size_t i = 0; i < count; i++)
        ops[i].order = (uint32_t)i;
    qsort(ops, count, sizeof(*ops), by_key);
    return harness_run(h, write_batch, &w);
}

static void *value_buffer(void *user, uint64_t size)
{
    struct kept *k = user;
    k->value_size = size;
    k->value = malloc(size + 1);
    return k->value;
}

static void *key_buffer(void *user, uint64_t size)
{
    struct kept *k = user;
    k->key_size = size;
    k->key = malloc(size + 1);
    return k->key;
}

void kept_init(struct kept *k, uint64_t now_ms)
{
    memset(k, 0, sizeof(*k));
    k->sink = (struct tree_sink){
        .value_buffer = value_buffer, .key_buffer = key_buffer, .user = k, .now_ms = now_ms
    };
}

void kept_free(struct kept *k)
{
    free(k->key);
    free(k->value);
    k->key = k->value = NULL;
}
