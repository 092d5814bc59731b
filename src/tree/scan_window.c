/* tree/scan_window.c -- which leaves a scan needs next, and reading them together. */
#include "base/slice.h"
#include "page/index.h"
#include "tree/buffers.h"
#include "tree/descend.h"
#include "tree/scan_private.h"

#include <string.h>

#define WINDOW_LEAVES_MAX 64
#define WINDOW_BYTES_MAX (1u << 20)

static size_t window_limit(const struct tree_scan *scan)
{
    size_t fit = WINDOW_BYTES_MAX / scan->snapshot->part->env->shape.page_bytes;
    return MIN(fit, WINDOW_LEAVES_MAX);
}

/* Leaves worth reading now: as the scan has grown, but not more than its limit needs. */
static size_t window_want(const struct tree_scan *scan)
{
    size_t want = scan->ahead;
    if (scan->left != UINT64_MAX && scan->leaves_seen != 0) {
        uint64_t each = MAX(scan->pairs_seen / scan->leaves_seen, 1);
        uint64_t needed = scan->left / each + 1;
        want = (size_t)MIN(want, needed);
    }
    return want;
}

void scan_window_drop(struct tree_scan *scan, size_t from)
{
    for (size_t i = from; i < scan->window_count; i++) {
        pagepool_put(scan->snapshot->part->env->pool, scan->window[i].page);
        scan->window[i].page = NULL;
    }
    scan->window_count = MIN(scan->window_count, from);
    scan->window_at = MIN(scan->window_at, scan->window_count);
}

void scan_window_next(struct tree_scan *scan)
{
    struct scan_leaf *l = &scan->window[scan->window_at++];
    scan->last_leaf = l->id;
    if (!pages_keep_leaf(scan->snapshot, l->id, l->page))
        pagepool_put(scan->snapshot->part->env->pool, l->page);
    l->page = NULL;
    scan->leaves_seen++;
}

/* Children of one index page that hold keys in [low, high), empty = open. */
struct listing {
    struct tree_scan *scan;
    eloq_slice low, high;
    bool only_count;
    size_t skip; /* of the matching ones, not taken */
    size_t room; /* taken at most; at least one */
    size_t matching;
};

/* Looks at one child. false: the listing needs no further ones. */
static bool list_child(struct listing *l, const struct leaf_frame *frame, struct page_id child)
{
    eloq_slice lower = frame->lower, upper = frame->upper;
    if (upper.size != 0 && l->low.size != 0 && slice_compare(upper, l->low) <= 0)
        return true;
    if (l->high.size != 0 && slice_compare(lower, l->high) >= 0)
        return false;
    l->matching++;
    if (l->only_count)
        return true;
    if (l->skip != 0) {
        l->skip--;
        return true;
    }

    struct tree_scan *scan = l->scan;
    struct scan_leaf *leaf = &scan->window[scan->window_count];
    leaf->id = child; /* the page buffer is there already */
    leaf->prev = frame->prev;
    leaf->next = frame->next;
    leaf->lower_at = scan->bounds.size;
    leaf->lower_size = lower.size;
    bytes_add(&scan->bounds, lower.data, lower.size);
    leaf->upper_at = scan->bounds.size;
    leaf->upper_size = upper.size;
    bytes_add(&scan->bounds, upper.data, upper.size);
    if (scan->bounds.failed)
        return false;
    scan->window_count++;
    return --l->room != 0;
}

/* Walks the children of an index page in order, each with its bounds. ELOQ_OK or ELOQ_CORRUPTED.
 * key_buffer: two pages. */
static int list_page(struct listing *l, const struct index *index, const struct descent *d,
                     uint8_t *key_buffer, size_t page_bytes)
{
    uint8_t *lower_buffer = key_buffer + page_bytes;
    struct index_cursor c;
    index_cursor_init(&c, index, key_buffer);
    int rc = index_next(&c);
    if (rc != ELOQ_OK)
        return ELOQ_CORRUPTED;
    struct leaf_frame frame = { .lower = d->lower, .prev = page_id(NO_PAGE) };
    for (;;) {
        struct page_id child = c.child;
        rc = index_next(&c);
        if (rc < 0)
            return rc;
        bool is_last = rc == ELOQ_END;
        eloq_slice upper = is_last ? d->upper : c.separator;
        if (upper.size != 0 && slice_compare(frame.lower, upper) >= 0)
            return ELOQ_CORRUPTED;
        /* Or the fence would jump over the children to the right. */
        if (!is_last && d->upper.size != 0 && slice_compare(upper, d->upper) >= 0)
            return ELOQ_CORRUPTED;
        frame.upper = upper;
        frame.next = is_last ? page_id(NO_PAGE) : c.child;
        if (!list_child(l, &frame, child) || is_last)
            return ELOQ_OK;
        memcpy(lower_buffer, upper.data, upper.size);
        frame.lower = eloq_bytes(lower_buffer, upper.size);
        frame.prev = child;
    }
}

/* Pins the index page the descent ended in and lists it. Nothing suspends while it is pinned.
 * Forward the first `room` matching children, in reverse the last. */
static int list_index(struct task *t, struct tree_scan *scan, struct descent *d,
                      struct listing *listing)
{
    struct snapshot *s = scan->snapshot;
    const struct part_env *env = s->part->env;
    struct page_id id = d->path[d->depth - 1];
    size_t page_bytes = env->shape.page_bytes;
    struct cached_page *page;
    TRY(pages_pin_index(t, s, id, &page));
    struct index index;
    int rc = index_open(&index, page->data, env->shape.page_bytes);
    if (rc == ELOQ_OK && scan->reverse) {
        listing->only_count = true;
        rc = list_page(listing, &index, d, d->scratch, page_bytes);
        listing->only_count = false;
        if (listing->matching > listing->room)
            listing->skip = listing->matching - listing->room;
    }
    if (rc == ELOQ_OK)
        rc = list_page(listing, &index, d, d->scratch, page_bytes);
    page_cache_unpin(env->cache, page);
    if (rc == ELOQ_OK && scan->bounds.failed)
        return task_no_memory(t);
    /* The descent came here because a child of this page holds the fence. */
    if (rc == ELOQ_OK && listing->matching > 0)
        return ELOQ_OK;
    rc = pages_fail(t, s, id, "malformed index page, or out of its parent's bounds");
    return descend_damage(t, rc, d->lower, d->upper);
}

static void turn_round(struct scan_leaf *leaves, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        /* The buffers stay: they are all empty. */
        struct scan_leaf swap = leaves[i];
        leaves[i] = leaves[count - 1 - i];
        leaves[count - 1 - i] = swap;
    }
}

/* Where one index page ends and the next begins, the leaf before tells. */
static void link_leaves(struct tree_scan *scan)
{
    for (size_t i = 0; i < scan->window_count; i++) {
        struct scan_leaf *l = &scan->window[i];
        struct page_id *to = scan->reverse ? &l->next : &l->prev;
        if (to->n == NO_PAGE)
            *to = i > 0 ? l[-1].id : scan->last_leaf;
    }
}

static int set_fence(struct task *t, struct tree_scan *scan, eloq_slice fence)
{
    scan->fence.size = 0;
    if (bytes_reserve(&scan->fence, fence.size) < 0)
        return task_no_memory(t);
    bytes_add(&scan->fence, fence.data, fence.size);
    scan->has_fence = true;
    return ELOQ_OK;
}

/* Behind the last leaf listed: moves the fence there, or sees that the range ends. */
static int move_fence(struct task *t, struct tree_scan *scan)
{
    const struct scan_leaf *last = &scan->window[scan->window_count - 1];
    eloq_slice fence;
    if (scan->reverse) {
        fence = scan_bound(scan, last->lower_at, last->lower_size);
        scan->listed_all = slice_compare(fence, scan->begin) <= 0;
    } else {
        fence = scan_bound(scan, last->upper_at, last->upper_size);
        scan->listed_all =
            fence.size == 0 || (scan->end.size != 0 && slice_compare(fence, scan->end) >= 0);
    }
    return set_fence(t, scan, fence);
}

/* The children of the next index page that the scan wants. */
static int list_next(struct task *t, struct tree_scan *scan, struct descent *d, size_t room)
{
    struct page_id root = scan->snapshot->root[scan->tree];
    eloq_slice fence = eloq_bytes(scan->fence.data, scan->fence.size);
    struct listing l = { .scan = scan, .room = room };
    if (scan->reverse) {
        l.low = scan->begin;
        l.high = scan->has_fence ? fence : scan->end;
        TRY(descend_index(t, scan->snapshot, root, l.high, true, d));
    } else {
        l.low = scan->has_fence ? fence : scan->begin;
        l.high = scan->end;
        TRY(descend_index(t, scan->snapshot, root, l.low, false, d));
    }
    return list_index(t, scan, d, &l);
}

/* Lists up to `room` leaves from the fence on, over as many index pages as that takes. An index
 * page that cannot be read ends the window before it; if it is the first, that is the failure. */
static int list_leaves(struct task *t, struct tree_scan *scan, struct descent *d, size_t room)
{
    while (scan->window_count < room && !scan->listed_all) {
        size_t before = scan->window_count;
        int rc = list_next(t, scan, d, room - before);
        if (rc < 0) {
            scan->window_count = before;
            return before > 0 && (rc == ELOQ_CORRUPTED || rc == ELOQ_IO) ? ELOQ_OK : rc;
        }
        if (scan->reverse)
            turn_round(scan->window + before, scan->window_count - before);
        TRY(move_fence(t, scan));
    }
    return ELOQ_OK;
}

/* Reads the leaves listed. A leaf that cannot be read ends the window before it; if it is the
 * first, that is the failure. */
static int read_leaves(struct task *t, struct tree_scan *scan)
{
    struct snapshot *s = scan->snapshot;
    size_t count = scan->window_count;
    struct page_read *reads = arena_alloc(&t->arena, count * sizeof(*reads));
    if (!reads)
        return task_no_memory(t);
    for (size_t i = 0; i < count; i++)
        reads[i] = (struct page_read){ .id = scan->window[i].id,
                                       .data = scan->window[i].page,
                                       .rc = ELOQ_IO };
    if (pages_read_many(t, s, PAGE_DATA, reads, count) == ELOQ_OK)
        return ELOQ_OK;

    size_t good = 0;
    while (good < count && reads[good].rc == ELOQ_OK)
        good++;
    if (good == 0) { /* once more alone, so that the words are about this page */
        const struct scan_leaf *l = &scan->window[0];
        int rc = pages_read(t, s, l->id, PAGE_DATA, l->page);
        if (rc < 0)
            return descend_damage(t, rc, scan_bound(scan, l->lower_at, l->lower_size),
                                  scan_bound(scan, l->upper_at, l->upper_size));
    }
    good = MAX(good, 1);
    if (good < count) {
        scan->listed_all = false;
        const struct scan_leaf *next = &scan->window[good];
        TRY(set_fence(t, scan,
                      scan->reverse ? scan_bound(scan, next->upper_at, next->upper_size)
                                    : scan_bound(scan, next->lower_at, next->lower_size)));
    }
    scan_window_drop(scan, good);
    return ELOQ_OK;
}

/* Buffers for the next window, in scan->window[].page: their number, or a failure. */
static int take_buffers(struct task *t, struct tree_scan *scan)
{
    size_t limit = window_limit(scan);
    if (!scan->window) {
        scan->window = mem_zalloc(scan->mem, MEM_RESULTS, limit * sizeof(*scan->window));
        if (!scan->window)
            return task_no_memory(t);
    }
    uint8_t *pages[WINDOW_LEAVES_MAX];
    size_t got = buffers_take(scan->snapshot->part->env, pages, window_want(scan));
    if (got == 0)
        return task_no_memory(t);
    for (size_t i = 0; i < got; i++)
        scan->window[i].page = pages[i];
    scan->ahead = MIN(2 * scan->ahead, limit);
    return (int)got;
}

static int fill(struct task *t, struct tree_scan *scan)
{
    struct descent d;
    TRY(descent_init(t, &d, scan->snapshot->part->env->shape.page_bytes));
    int buffers = take_buffers(t, scan);
    if (buffers < 0)
        return buffers;
    int rc = list_leaves(t, scan, &d, (size_t)buffers);

    size_t listed = scan->window_count;
    scan->window_count = (size_t)buffers;
    scan_window_drop(scan, rc < 0 ? 0 : listed);
    if (rc == ELOQ_OK) {
        link_leaves(scan);
        rc = read_leaves(t, scan);
    }
    if (rc < 0)
        scan_window_drop(scan, 0);
    return rc;
}

int scan_window_fill(struct task *t, struct tree_scan *scan)
{
    struct arena_mark mark = arena_mark(&t->arena);
    size_t fence_size = scan->fence.size;
    void *fence = arena_copy(&t->arena, scan->fence.data, fence_size);
    bool had_fence = scan->has_fence;
    scan->window_at = scan->window_count = 0;
    scan->bounds.size = 0;
    scan->bounds.failed = false;
    if (!scan->is_resting)
        scan->has_last = false;
    int rc = fence ? fill(t, scan) : task_no_memory(t);
    if (rc < 0 && fence) { /* as if nothing had been listed: this may be tried again */
        scan->fence.size = 0;
        bytes_add(&scan->fence, fence, fence_size); /* it had room for it */
        scan->has_fence = had_fence;
        scan->listed_all = false;
    }
    scan->is_resting &= rc < 0;
    arena_reset(&t->arena, mark);
    return rc;
}

void tree_scan_rest(struct tree_scan *scan)
{
    if (!scan->snapshot || scan->finished || scan->window_at == scan->window_count)
        return;
    const struct scan_leaf *next = &scan->window[scan->window_at];
    size_t at = scan->reverse ? next->upper_at : next->lower_at;
    size_t size = scan->reverse ? next->upper_size : next->lower_size;
    if (bytes_reserve(&scan->fence, size) < 0)
        return;
    scan->fence.size = 0;
    bytes_add(&scan->fence, scan->bounds.data + at, size);
    scan->has_fence = size > 0;
    scan->listed_all = false;
    scan->is_resting = true;
    scan_window_drop(scan, 0);
}
