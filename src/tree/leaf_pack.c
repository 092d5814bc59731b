/* tree/leaf_pack.c -- packs the entries of one old leaf into as few pages as they need.
 *
 * Pages are packed full, but for some room where many pairs come at once. The last but one is held
 * back: if the last comes out less than half full, the two are balanced, except where a tree grows
 * at its end (a sequential load keeps full pages). The first page keeps the old leaf's id, further
 * ones get new ids and a separator in the parent.
 *
 * The room: pairs that are loaded together have one timestamp, and the difference to the one before
 * is a byte each. When they are written again, one by one, it grows, to six bytes for 25 days; and
 * a full page would be split in halves for it.
 */
#include "tree/apply_private.h"

#include <string.h>

#include "base/check.h"

#define GROWTH 5      /* bytes a pair */
#define ROOM_SHARE 12 /* of a page, at most */

/* Whether the page under construction takes no more, since many pairs follow. */
static bool is_full_enough(const struct applier *a)
{
    const struct leaf_build *b = &a->pack.build;
    uint32_t room = MIN(b->entry_count * GROWTH, b->page_bytes / ROOM_SHARE);

    return a->pack.leaves_room && leaf_build_size(b) + room >= b->page_bytes;
}

void leaf_pack_begin(struct applier *a, const struct touched *leaf)
{
    size_t bytes = 0;

    leaf_pack_reset(a);
    for (size_t i = 0; i < leaf->op_count && bytes <= 2 * (size_t)a->shape->page_bytes; i++)
        bytes += leaf->ops[i].key.size + leaf->ops[i].value.size;
    a->pack.leaves_room = a->kind == TREE_MAIN && bytes > 2 * (size_t)a->shape->page_bytes;
}

static void start_page(struct applier *a, uint8_t *page)
{
    leaf_build_init(&a->pack.build, a->shape, page, a->pack.scratch);
}

static int push(struct applier *a, struct touched *leaf, uint8_t *page)
{
    struct page_id id = leaf->id;
    if (a->pack.pushed > 0 || id.n == NO_PAGE) {
        int rc = wtx_new_id(a->t, a->w, &id);
        if (rc >= 0) {
            struct child_change change = { .path = leaf->path,
                                           .depth = leaf->depth,
                                           .anchor = leaf->id,
                                           .added = id,
                                           .separator = a->pack.separator };
            rc = child_changes_add(a, &a->changes, &change);
        }
        if (rc < 0) {
            wtx_drop_page(a->w, page);
            return rc;
        }
    }
    return leaf_stream_push(a, leaf, a->pack.pushed++ == 0, page, id);
}

/* The shortest prefix of `right` that is greater than `left`: where the page of `right` begins. */
static int set_separator(struct applier *a, eloq_slice left, eloq_slice right)
{
    size_t size = slice_common(left, right) + 1;
    CHECK(size <= right.size);
    void *copy = arena_copy(&a->keep, right.data, size);
    if (!copy)
        return task_no_memory(a->t);
    a->pack.separator = eloq_bytes(copy, size);
    return ELOQ_OK;
}

/* Pushes the held page and forgets its entries. */
static int push_held(struct applier *a, struct touched *leaf)
{
    struct leaf_pack *p = &a->pack;
    uint8_t *page = p->held;
    p->held = NULL;
    TRY(push(a, leaf, page));
    size_t n = p->held_count;
    TRY(set_separator(a, p->entries[n - 1].key, p->entries[n].key));
    p->count -= n;
    memmove(p->entries, p->entries + n, p->count * sizeof(p->entries[0]));
    p->held_count = 0;
    return ELOQ_OK;
}

static void hold_page(struct leaf_pack *p)
{
    p->held_size = leaf_build_size(&p->build);
    leaf_build_finish(&p->build, page_id(NO_PAGE), page_id(NO_PAGE));
    p->held = p->page;
    p->held_count = p->count;
    p->page = NULL;
}

int leaf_pack_add(struct applier *a, struct touched *leaf, const struct entry *entry)
{
    struct leaf_pack *p = &a->pack;
    if (p->page && (is_full_enough(a) || !leaf_build_add(&p->build, entry))) {
        /* entries now holds those of the older held page, then those of this one: before this page
         * is held, the older one must go, or held_count would cover both */
        if (p->held)
            TRY(push_held(a, leaf));
        hold_page(p);
    }
    if (!p->page) {
        TRY(wtx_new_page(a->t, a->w, &p->page));
        start_page(a, p->page);
        if (!leaf_build_add(&p->build, entry))
            return task_fail(a->t, ELOQ_CORRUPTED, "pair does not fit a page table=%s partition=%u",
                             a->w->part->table, a->w->part->partition);
    }
    TRY(applier_grow(a, &p->entries, p->count, &p->capacity, sizeof(p->entries[0])));
    p->entries[p->count++] = *entry;
    return ELOQ_OK;
}

/* Builds entries [from, to) into `page`, stopping early once `stop` bytes are used; returns the
 * end. */
static size_t build_range(struct applier *a, uint8_t *page, size_t from, size_t to, uint32_t stop)
{
    struct leaf_pack *p = &a->pack;
    start_page(a, page);
    while (from < to && leaf_build_size(&p->build) < stop
           && leaf_build_add(&p->build, &p->entries[from]))
        from++;
    return from;
}

/* Moves entries from the held page to the last one until both are about equally full. */
static void balance(struct applier *a)
{
    struct leaf_pack *p = &a->pack;
    uint32_t half = (p->held_size + leaf_build_size(&p->build)) / 2;
    size_t split = build_range(a, p->held, 0, p->count - 1, half);
    if (build_range(a, p->page, split, p->count, UINT32_MAX) < p->count)
        split = p->held_count; /* prefixes were shared differently: keep the full page */

    size_t end = build_range(a, p->held, 0, split, UINT32_MAX);
    CHECK(end == split);
    leaf_build_finish(&p->build, page_id(NO_PAGE), page_id(NO_PAGE));
    p->held_count = split;
    end = build_range(a, p->page, split, p->count, UINT32_MAX);
    CHECK(end == p->count);
}

int leaf_pack_end(struct applier *a, struct touched *leaf, bool is_append)
{
    struct leaf_pack *p = &a->pack;
    if (p->held) {
        if (!is_append && leaf_build_size(&p->build) < a->shape->page_bytes / 2)
            balance(a);
        TRY(push_held(a, leaf));
    }
    if (p->page) {
        uint8_t *page = p->page;
        p->page = NULL;
        leaf_build_finish(&p->build, page_id(NO_PAGE), page_id(NO_PAGE));
        TRY(push(a, leaf, page));
    }
    p->count = 0;
    return ELOQ_OK;
}

void leaf_pack_reset(struct applier *a)
{
    struct leaf_pack *p = &a->pack;
    wtx_drop_page(a->w, p->held);
    wtx_drop_page(a->w, p->page);
    p->held = p->page = NULL;
    p->held_count = p->count = 0;
    p->pushed = 0;
    p->separator = eloq_bytes(NULL, 0);
}
