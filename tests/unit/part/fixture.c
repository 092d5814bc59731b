/* tests/unit/part/fixture.c -- see fixture.h. */
#include "fixture.h"

#include <check.h>
#include <string.h>

#include "page/page.h"

static const char *const store_paths[] = { "/store" };

static uint64_t mono_ns(void *user)
{
    return *(uint64_t *)user;
}

static uint64_t wall_us(void *user)
{
    return 1700000000000000 + *(uint64_t *)user / 1000;
}

void fixture_open(struct fixture *f, struct io *io, const struct fixture_config *config,
                  uint64_t seed)
{
    *f = (struct fixture){ .io = io, .store_path = store_paths[0] };
    mem_init(&f->mem, 0);
    f->clock = (struct clock){ mono_ns, wall_us, &f->now_ns };
    sched_init(&f->sched, &f->mem, &f->clock, 64 * 1024);
    fdcache_init(&f->fds, io, &f->mem, config->descriptors ? config->descriptors : 6);
    pagepool_init(&f->pool, &f->mem, 4096, 0);
    page_cache_init(&f->cache, &f->mem, &f->pool, config->cache_pages ? config->cache_pages : 8);
    leaf_cache_init(&f->leaves, &f->mem, &f->pool, 0);
    dict_context_init(&f->dicts, &f->mem);
    rand_seed(&f->rand, seed);
    f->env = (struct part_env){
        .mem = &f->mem,
        .log = &f->log,
        .io = io,
        .fds = &f->fds,
        .cache = &f->cache,
        .leaves = &f->leaves,
        .pool = &f->pool,
        .dicts = &f->dicts,
        .rand = &f->rand,
        .shape = { .page_bytes = 4096,
                   .leaf_restart_every = 16,
                   .index_restart_every = 16,
                   .overflow_pointers = 16 },
        .pages_per_file_shift = config->shift,
        .append = config->append,
        .verify = true,
        .manifest_limit = config->manifest_limit ? config->manifest_limit : 16384,
        .one_flush = config->one_flush,
        .write_batch_pages = config->batch_pages ? config->batch_pages : 4,
        .store_paths = store_paths,
        .store_path_count = 1,
    };
    mutex_init(&f->env.packing);
}

void fixture_close(struct fixture *f)
{
    page_cache_deinit(&f->cache);
    leaf_cache_deinit(&f->leaves);
    pagepool_deinit(&f->pool);
    dict_context_deinit(&f->dicts);
    fdcache_deinit(&f->fds);
    sched_deinit(&f->sched);
    ck_assert_uint_eq(atomic_load(&f->mem.total), 0);
}

void fixture_drain(struct fixture *f)
{
    while (f->sched.active > 0) {
        sched_run(&f->sched);
        if (f->sched.active == 0)
            break;
        if (f->io->in_flight > 0) {
            io_poll(f->io, sched_has_ready(&f->sched) ? 0 : UINT64_MAX);
        } else if (!sched_has_ready(&f->sched)) {
            uint64_t ns = sched_next_timer_ns(&f->sched);
            ck_assert_msg(ns != UINT64_MAX, "every task waits for ever");
            f->now_ns += ns;
        }
    }
}

void fixture_run(struct fixture *f, void (*body)(struct task *t, void *arg), void *arg)
{
    ck_assert_int_eq(task_start(&f->sched, body, arg), ELOQ_OK);
    fixture_drain(f);
}

void model_init(struct model *m)
{
    *m = (struct model){ .root = { NO_PAGE, NO_PAGE } };
}

bool model_equal(const struct model *a, const struct model *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

bool page_number_is_index(uint64_t number)
{
    return number % 3 == 0;
}

void page_fill(uint8_t *page, uint32_t page_bytes, uint64_t number)
{
    struct rand r;

    rand_seed(&r, number);
    for (uint32_t i = 0; i + 8 <= page_bytes; i += 8) {
        uint64_t word = rand_u64(&r);
        memcpy(page + i, &word, 8);
    }
    page[PAGE_TYPE_AT] =
        page_number_is_index(number) ? (uint8_t)(number / 3 % 2) : (uint8_t)PAGE_DATA;
}

int model_put(struct task *t, struct wtx *w, struct model *m, uint32_t id, uint64_t number)
{
    struct page_id page = page_id(id);
    uint8_t *data = NULL;

    if (id == UINT32_MAX)
        TRY(wtx_new_id(t, w, &page));
    ck_assert_uint_lt(page.n, MODEL_IDS);
    TRY(wtx_new_page(t, w, &data));
    page_fill(data, w->part->env->shape.page_bytes, number);
    TRY(wtx_put(t, w, page, data));
    m->pages[page.n] = number;
    return ELOQ_OK;
}

int model_free(struct task *t, struct wtx *w, struct model *m, uint32_t id)
{
    TRY(wtx_free_page(t, w, page_id(id)));
    m->pages[id] = NOTHING;
    return ELOQ_OK;
}

void model_set_roots(struct wtx *w, struct model *m)
{
    int found = 0;

    m->root[0] = m->root[1] = NO_PAGE;
    for (uint32_t id = 0; id < MODEL_IDS && found < 2; id++)
        if (m->pages[id] != NOTHING)
            m->root[found++] = id;
    w->root[TREE_MAIN] = page_id(m->root[0]);
    w->root[TREE_TTL] = page_id(m->root[1]);
}

static uint32_t mapped_id(const struct model *m, struct rand *r)
{
    uint32_t from = (uint32_t)rand_below(r, MODEL_IDS);

    for (uint32_t i = 0; i < MODEL_IDS; i++)
        if (m->pages[(from + i) % MODEL_IDS] != NOTHING)
            return (from + i) % MODEL_IDS;
    return UINT32_MAX;
}

static uint32_t count_pages(const struct model *m)
{
    uint32_t count = 0;

    for (uint32_t id = 0; id < MODEL_IDS; id++)
        count += m->pages[id] != NOTHING;
    return count;
}

int model_change(struct task *t, struct wtx *w, struct model *m, struct rand *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t pages = count_pages(m), id = mapped_id(m, r);
        uint64_t number = rand_u64(r) | 1 << 20; /* not NOTHING */
        uint64_t dice = rand_below(r, 4);

        if (pages == 0 || (dice < 2 && pages < MODEL_IDS / 4))
            TRY(model_put(t, w, m, UINT32_MAX, number));
        else if (dice == 3)
            TRY(model_free(t, w, m, id));
        else
            TRY(model_put(t, w, m, id, number));
    }
    model_set_roots(w, m);
    return ELOQ_OK;
}

static int compare_page(struct task *t, struct snapshot *s, uint32_t id, uint64_t number,
                        uint8_t *read, uint8_t *expected)
{
    uint32_t bytes = s->part->env->shape.page_bytes;

    page_fill(expected, bytes, number);
    page_seal(expected, bytes);
    int rc = page_number_is_index(number) ? pages_copy_index(t, s, page_id(id), read)
                                          : pages_read(t, s, page_id(id), PAGE_DATA, read);
    if (rc == ELOQ_CORRUPTED && strncmp(t->err.text, "not a", 5) == 0)
        return 1; /* a good page of the other type: another page */
    TRY(rc);
    return memcmp(read, expected, bytes) == 0 ? ELOQ_OK : 1;
}

int model_compare(struct task *t, struct snapshot *s, const struct model *m)
{
    uint8_t *read = pagepool_get(s->part->env->pool), *expected = pagepool_get(s->part->env->pool);
    int rc = read && expected ? ELOQ_OK : task_no_memory(t);
    struct file_page place;

    for (uint32_t id = 0; id < MODEL_IDS && rc == ELOQ_OK; id++) {
        bool is_mapped = mapping_get(&s->map, page_id(id), &place);
        if (is_mapped != (m->pages[id] != NOTHING))
            rc = 1;
        else if (is_mapped)
            rc = compare_page(t, s, id, m->pages[id], read, expected);
    }
    if (rc == ELOQ_OK)
        rc = s->root[0].n == m->root[0] && s->root[1].n == m->root[1] ? ELOQ_OK : 1;
    pagepool_put(s->part->env->pool, read);
    pagepool_put(s->part->env->pool, expected);
    return rc;
}

int model_commit(struct task *t, struct part *p, struct model *m, struct rand *r, unsigned count)
{
    struct model next = *m;
    struct wtx w;

    TRY(wtx_begin(t, p, &w));
    int rc = model_change(t, &w, &next, r, count);
    if (rc < 0) {
        wtx_abort(t, &w);
        return rc;
    }
    rc = wtx_commit(t, &w);
    if (rc == ELOQ_OK)
        *m = next;
    return rc;
}
