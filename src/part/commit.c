/* part/commit.c -- makes a write durable and current. */
#include <string.h>

#include "base/check.h"
#include "page/page.h"
#include "part/manifest_log.h"
#include "part/prewrite.h"
#include "part/wtx_private.h"

#define TERMS_MAX (UINT64_C(1) << 28)

/* Appends a record with the changes and with entries for all files up to the one that the next page
 * goes to. */
static int append_log(struct task *t, struct wtx *w, uint64_t terms_end)
{
    struct part *p = w->part;
    uint64_t first = p->terms_listed;
    uint64_t count = terms_end > first ? terms_end - first : 0;
    struct term_entry *terms = mem_alloc(p->env->mem, MEM_OTHER, count * sizeof(*terms));
    struct manifest_log log = {
        .root = { w->root[TREE_MAIN], w->root[TREE_TTL] },
        .changes = w->changes,
        .change_count = w->change_count,
        .terms = terms,
        .term_count = count,
        .page_sums = w->page_sum_count > 0 ? w->page_sums : NULL,
        .page_sum_count = w->page_sum_count,
    };

    if (!terms)
        return task_no_memory(t);
    for (uint64_t i = 0; i < count; i++)
        terms[i] = (struct term_entry){ first + i, terms_get(&p->files.terms, first + i) };
    int rc = manifest_log_append(t, p, &log);
    if (rc == ELOQ_OK)
        p->terms_listed = MAX(first, terms_end);
    mem_free(p->env->mem, terms);
    return rc;
}

/* All files up to the one that the next page goes to have a term. */
static uint64_t terms_end_of(const struct part *p)
{
    return (p->falloc.next >> p->files.shift) + 1;
}

static bool must_replace(const struct wtx *w)
{
    const struct part *p = w->part;
    uint64_t terms_end = terms_end_of(p);
    uint64_t term_count = terms_end > p->terms_listed ? terms_end - p->terms_listed : 0;
    bool is_empty = w->root[TREE_MAIN].n == NO_PAGE && w->root[TREE_TTL].n == NO_PAGE
                    && w->edit.map.mapped_count == 0;

    return is_empty || w->emptied || w->new_dict
           || manifest_log_must_replace(p, w->change_count, term_count);
}

/* The commit point. */
static int write_manifest(struct task *t, struct wtx *w)
{
    struct part *p = w->part;
    uint64_t terms_end = terms_end_of(p);

    if (terms_end > TERMS_MAX)
        return part_fail(t, p, ELOQ_NO_SPACE, "partition has too many data files");
    if (w->page_sum_count == 0 && must_replace(w))
        return manifest_log_replace(t, p, w->next);
    return append_log(t, w, terms_end);
}

/* Whether each page is put once and for all: an id stands once in the changes. */
static bool are_ids_single(const struct wtx *w)
{
    for (size_t i = 1; i < w->change_count; i++)
        for (size_t k = 0; k < i; k++)
            if (w->changes[i].id == w->changes[k].id)
                return false;
    return true;
}

/* Notes the checksums of the pages, if they may be flushed together with the record: a few, all
 * still here, in files that have been there before. */
static void join(struct wtx *w)
{
    const struct part *p = w->part;
    size_t put = 0;

    if (!p->env->one_flush || p->manifest_end == 0 || p->found_unsynced || p->files.dir_unsynced
        || w->out_count == 0 || w->out_count > PAGE_CHECKSUMS_MAX
        || w->change_count > 2 * PAGE_CHECKSUMS_MAX || must_replace(w) || !are_ids_single(w))
        return;
    for (size_t i = 0; i < w->change_count; i++)
        put += w->changes[i].value != MAPPING_FREE;
    if (put != w->out_count) /* some are written already */
        return;
    for (size_t i = 0; i < w->out_count; i++)
        w->page_sums[i] = page_sum(w->out[i].data);
    w->page_sum_count = w->out_count;
}

/* Steps (a) and (b). */
static int make_pages_durable(struct task *t, struct wtx *w)
{
    struct part *p = w->part;

    join(w);
    TRY(wtx_flush(t, w));
    TRY(prewrite(t, p));
    if (bitset_grow(&p->free_ids, w->edit.map.page_count) < 0)
        return task_no_memory(t);
    w->next->map = w->edit.map;
    w->next->root[TREE_MAIN] = w->root[TREE_MAIN];
    w->next->root[TREE_TTL] = w->root[TREE_TTL];
    w->next->dict = dict_ref(wtx_dict(w));

    if (p->files.dir_unsynced) /* a file is new: its name must be there first */
        w->page_sum_count = 0;
    return w->page_sum_count > 0 ? ELOQ_OK : part_sync_pages(t, p);
}

/* Those that the new mapping does not use are given afterwards; that needs no memory. */
static void forget_ids(struct part *p, uint32_t page_count)
{
    if (page_count == 0)
        bitset_free(&p->free_ids);
    for (uint64_t id = 0; (id = bitset_next(&p->free_ids, id)) != BITSET_NONE;)
        bitset_remove(&p->free_ids, id);
}

/* Which data files hold what, from now on. */
static void count_usage(struct wtx *w)
{
    struct usage *u = &w->part->usage;

    for (size_t i = 0; i < w->change_count; i++)
        if (w->changes[i].value != MAPPING_FREE)
            usage_add(u, file_page(w->changes[i].value >> 3), page_id(w->changes[i].id));
    for (size_t i = 0; w->freed && i < w->freed->count; i++)
        usage_dead(u, w->freed->places[i].place);
}

/* Step (d). Neither fails nor suspends. */
static void publish(struct wtx *w)
{
    struct part *p = w->part;

    if (p->falloc.append)
        count_usage(w);
    if (w->emptied)
        forget_ids(p, w->edit.map.page_count);
    /* Before the install: it drops those whose place is garbage already. */
    for (size_t i = 0; i < w->index_page_count; i++)
        page_cache_insert(p->env->cache, &p->indexes, w->index_pages[i].place,
                          w->index_pages[i].data);
    for (size_t i = 0; i < w->leaf_count; i++) {
        const struct page_io *leaf = &w->leaves[i];
        if (!leaf_cache_offer(p->env->leaves, &p->leaves, leaf->place, leaf->data))
            pagepool_put(p->env->pool, leaf->data);
    }
    part_install(p, w->next, w->edit.replaced, w->freed);
    wtx_give_ids(p, &p->current->map, w->ids_taken, w->ids_taken_count);
    wtx_give_ids(p, &p->current->map, w->ids_freed, w->ids_freed_count);
    snapshot_unref(w->base);
    expiry_committed(p, w->least_expiry);
    p->env->keys_expired += w->expired;
    if (w->new_dict)
        training_stored(p);
    p->tail_dropped = false;
    p->wants_removal &= p->current->map.mapped_count == 0;
    p->env->commits++;
    ahead_committed(p, w->change_count);
    wtx_free_arrays(w);
}

int wtx_commit(struct task *t, struct wtx *w)
{
    struct part *p = w->part;
    struct snapshot *base = w->base;

    w->changed |= w->root[TREE_MAIN].n != base->root[TREE_MAIN].n
                  || w->root[TREE_TTL].n != base->root[TREE_TTL].n;
    if (!w->changed) {
        /* "Nothing to do" is an answer about the state that was found: it is to last as well. */
        int rc = p->manifest_end > 0 ? prewrite(t, p) : ELOQ_OK;
        wtx_abort(t, w);
        return rc;
    }
    int rc = make_pages_durable(t, w);
    if (rc == ELOQ_OK) {
        cut_enter(t, p);
        rc = write_manifest(t, w);
        if (rc == ELOQ_OK) /* nothing has suspended since the commit point */
            publish(w);
        cut_leave(p);
    }
    if (rc == ELOQ_OK)
        return ELOQ_OK;
    p->env->commit_failures++;
    wtx_abort(t, w);
    if (p->unknown && !p->broken) {
        /* The repair may fail in its own words; the caller gets those of the first failure. */
        struct arena_mark mark = arena_mark(&t->arena);
        struct err *first = arena_copy(&t->arena, &t->err, sizeof(t->err));
        manifest_log_repair(t, p);
        if (first)
            t->err = *first;
        arena_reset(&t->arena, mark);
    }
    return rc;
}
