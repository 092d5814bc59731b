/* tree/value.c -- the value of an entry: inline, from overflow pages, decompressed. */
#include "tree/value.h"

#include <string.h>

#include "page/dict_stream.h"
#include "tree/buffers.h"
#include "tree/descend.h"

void value_init(struct value *v, struct mem *m)
{
    bytes_init(&v->stored, m, MEM_RESULTS);
    bytes_init(&v->plain, m, MEM_RESULTS);
    v->on_group = NULL;
    v->user = NULL;
}

void value_deinit(struct value *v)
{
    bytes_free(&v->stored);
    bytes_free(&v->plain);
}

static int set_ids(struct value_chain *c, const uint8_t *ids, uint32_t count)
{
    if (count > OVERFLOW_POINTERS_MAX || count > c->pages_left)
        return ELOQ_CORRUPTED;
    for (uint32_t i = 0; i < count; i++)
        c->ids[i] = overflow_id(ids, i);
    c->count = count;
    c->pages_left -= count;
    return ELOQ_OK;
}

int value_chain_begin(struct value_chain *c, const struct entry *entry, uint64_t mapped_count)
{
    size_t size = entry->value.size;
    c->count = 0;
    c->pages_left = mapped_count;
    if (size == 0 || size % 4 != 0 || size > 4 * OVERFLOW_POINTERS_MAX)
        return ELOQ_CORRUPTED;
    return set_ids(c, entry->value.data, (uint32_t)(size / 4));
}

int value_chain_next(struct value_chain *c, const struct overflow *last)
{
    if (last->id_count == 0)
        return ELOQ_END;
    return set_ids(c, last->ids, last->id_count);
}

/* Appends the bytes of one page that was read. Only the last page of a group may point on. */
static int collect_page(struct task *t, struct snapshot *s, const struct page_read *read,
                        bool is_last, struct bytes *out, struct overflow *ret)
{
    if (overflow_open(ret, read->data, s->part->env->shape.page_bytes) < 0)
        return pages_fail(t, s, read->id, "malformed overflow page");
    if (!is_last && ret->id_count != 0)
        return pages_fail(t, s, read->id, "overflow page continues in the middle of its group");
    if (bytes_reserve(out, ret->bytes.size) < 0)
        return task_no_memory(t);
    bytes_add(out, ret->bytes.data, ret->bytes.size);
    return ELOQ_OK;
}

/* Reads the current group, as many pages at once as there are buffers, and moves to the next one:
 * ELOQ_OK, ELOQ_END after the last, or a failure. */
static int collect_group(struct task *t, struct snapshot *s, struct value_chain *c,
                         struct page_read *reads, uint8_t **pages, struct bytes *out)
{
    struct part_env *env = s->part->env;
    size_t buffers = buffers_take(env, pages, c->count);
    if (buffers == 0)
        return task_no_memory(t);

    int rc = ELOQ_OK;
    for (uint32_t at = 0; at < c->count && rc == ELOQ_OK;) {
        uint32_t n = (uint32_t)MIN(buffers, c->count - at);
        for (uint32_t i = 0; i < n; i++) {
            reads[i].id = c->ids[at + i];
            reads[i].data = pages[i];
        }
        at += n;
        bool is_end = at == c->count;
        rc = pages_read_many(t, s, PAGE_OVERFLOW, reads, n);
        struct overflow page = { 0 };
        for (uint32_t i = 0; i < n && rc == ELOQ_OK; i++)
            rc = collect_page(t, s, &reads[i], is_end && i == n - 1, out, &page);
        if (rc != ELOQ_OK || !is_end)
            continue;
        rc = value_chain_next(c, &page);
        if (rc < 0)
            rc = pages_fail(t, s, reads[n - 1].id, "overflow chain does not end");
        break;
    }
    buffers_give(env, pages, buffers);
    return rc;
}

static int collect(struct task *t, struct snapshot *s, struct page_id leaf,
                   const struct entry *entry, struct value *v)
{
    struct arena_mark mark = arena_mark(&t->arena);
    struct value_chain *c = arena_alloc(&t->arena, sizeof(*c));
    struct page_read *reads =
        arena_alloc(&t->arena, OVERFLOW_POINTERS_MAX * sizeof(struct page_read));
    uint8_t **pages = arena_alloc(&t->arena, OVERFLOW_POINTERS_MAX * sizeof(*pages));
    int rc;
    if (!c || !reads || !pages)
        rc = task_no_memory(t);
    else if (value_chain_begin(c, entry, s->map.mapped_count) < 0)
        rc = pages_fail(t, s, leaf, "bad list of overflow pages in a data page");
    else
        rc = ELOQ_OK;

    v->stored.size = 0;
    while (rc == ELOQ_OK) {
        if (v->on_group)
            rc = v->on_group(v->user, c);
        if (rc == ELOQ_OK)
            rc = collect_group(t, s, c, reads, pages, &v->stored);
    }
    arena_reset(&t->arena, mark);
    return rc == ELOQ_END ? ELOQ_OK : rc;
}

/* A large value in steps, so that others can run. */
static int decompress(struct task *t, struct snapshot *s, enum compression type, eloq_slice stored,
                      void *plain, uint64_t size)
{
    struct part_env *env = s->part->env;
    struct dict_stream stream = { 0 };
    if (size <= DICT_AT_ONCE_BYTES)
        return dict_decompress(env->dicts, s->dict, type, stored, plain, size);
    int rc = dict_unpack_begin(&stream, env->mem, s->dict, type, stored, plain, size);
    while (rc == ELOQ_OK && (rc = dict_unpack_step(&stream)) == DICT_MORE)
        task_yield(t);
    dict_unpack_end(&stream);
    return MIN(rc, ELOQ_OK);
}

static int load(struct task *t, struct snapshot *s, struct page_id leaf, const struct entry *entry,
                struct value *v, eloq_slice *ret)
{
    eloq_slice stored = entry->value;
    if (entry->is_overflow) {
        TRY(collect(t, s, leaf, entry, v));
        stored = eloq_bytes(v->stored.data, v->stored.size);
    }
    if (entry->compression == COMPRESSION_NONE) {
        *ret = stored;
        return ELOQ_OK;
    }

    uint64_t size;
    if (dict_plain_size(stored, &size) < 0)
        return pages_fail(t, s, leaf, "bad compressed value in a data page");
    v->plain.size = 0;
    if (bytes_reserve(&v->plain, size) < 0)
        return task_no_memory(t);
    int rc = decompress(t, s, entry->compression, stored, v->plain.data, size);
    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    if (rc < 0)
        return pages_fail(t, s, leaf, "bad compressed value in a data page");
    v->plain.size = size;
    *ret = eloq_bytes(v->plain.data, size);
    return ELOQ_OK;
}

/* Damage costs this key alone. */
static int key_damage(struct task *t, int rc, eloq_slice key)
{
    struct arena_mark mark = arena_mark(&t->arena);
    uint8_t *next = arena_zalloc(&t->arena, key.size + 1);

    if (next)
        memcpy(next, key.data, key.size);
    descend_damage(t, rc, key, next ? eloq_bytes(next, key.size + 1) : key);
    arena_reset(&t->arena, mark);
    return rc;
}

int value_load(struct task *t, struct snapshot *s, struct page_id leaf, const struct entry *entry,
               struct value *v, eloq_slice *ret)
{
    int rc = load(t, s, leaf, entry, v, ret);
    return rc < 0 ? key_damage(t, rc, entry->key) : rc;
}

/* Frees the pages of the current group and moves on; of the group only the last page is read.
 * ELOQ_CORRUPTED: the chain cannot be followed further. */
static int free_group(struct task *t, struct wtx *w, struct value_chain *c, uint8_t *page)
{
    struct snapshot *s = w->base;
    struct overflow o = { 0 };
    int rc = pages_read(t, s, c->ids[c->count - 1], PAGE_OVERFLOW, page);
    if (rc == ELOQ_OK && overflow_open(&o, page, s->part->env->shape.page_bytes) < 0)
        rc = ELOQ_CORRUPTED;
    if (rc < 0 && rc != ELOQ_CORRUPTED)
        return rc;
    /* The list of this group came from a page that is whole. */
    for (uint32_t i = 0; i < c->count; i++)
        TRY(wtx_free_page(t, w, c->ids[i]));
    return rc == ELOQ_OK ? value_chain_next(c, &o) : rc;
}

int value_free_overflow(struct task *t, struct wtx *w, const struct entry *entry)
{
    struct value_chain c = { 0 };
    if (!entry->is_overflow || value_chain_begin(&c, entry, w->base->map.mapped_count) < 0)
        return ELOQ_OK;
    struct part_env *env = w->base->part->env;
    uint8_t *page;
    TRY(buffers_take_one(t, env, &page));
    int rc;
    do
        rc = free_group(t, w, &c, page);
    while (rc == ELOQ_OK);
    buffers_give(env, &page, 1);
    return rc == ELOQ_END || rc == ELOQ_CORRUPTED ? ELOQ_OK : rc;
}
