/* tree/scan_window.c -- which leaves a scan needs next, and reading them together. */
#include "base/slice.h"
#include "page/index.h"
#include "page/span.h"
#include "tree/buffers.h"
#include "tree/descend.h"
#include "tree/scan_private.h"

#include <string.h>

#define WINDOW_BYTES_MAX (4u << 20)
#define HOT_LEAVES 64          /* those in memory are copied: what is copied should stay near */
#define LIMITED_LEAVES 64      /* read at once where a limit says that so many are needed */
#define SPAN_FROM (256u << 10) /* bytes of a window: the scan is a long one */

static size_t window_limit(const struct tree_scan *scan)
{
    const struct part_env *env = scan->snapshot->part->env;
    if (scan->span)
        return env->spans->bytes / 2 / env->shape.page_bytes;
    size_t bytes = env->scan_window_bytes ? env->scan_window_bytes : WINDOW_BYTES_MAX;
    return MAX(MIN(bytes, WINDOW_BYTES_MAX) / env->shape.page_bytes, 1);
}

/* Leaves worth reading now: as the scan has grown, but not more than its limit needs. 0: what is in
 * the window may be enough. */
static size_t window_want(const struct tree_scan *scan)
{
    size_t have = scan->window.count - scan->window.at;
    if (scan->left == UINT64_MAX)
        return scan->ahead;
    if (scan->leaves_seen == 0) /* nothing is known of them */
        return have > 0 ? 0 : scan->ahead;
    uint64_t needed = scan->left / MAX(scan->pairs_seen / scan->leaves_seen, 1) + 1;
    if (needed <= have)
        return 0;
    size_t most = MIN(MAX(scan->ahead, LIMITED_LEAVES), window_limit(scan));
    return (size_t)MIN(most, needed - have);
}

/* The page of a leaf that is used up stays in memory, or goes. */
static void offer_page(struct tree_scan *scan, const struct scan_window *w, struct scan_leaf *l)
{
    const struct part_env *env = scan->snapshot->part->env;
    struct pagepool *pool = env->pool;
    uint8_t *page = l->page;
    if (w->span && env->leaves->limit == 0)
        return;
    if (w->span && (page = pagepool_get(pool)))
        memcpy(page, l->page, pool->page_bytes);
    if (page && !pages_keep_leaf(scan->snapshot, l->id, page))
        pagepool_put(pool, page);
}

void scan_window_drop(struct tree_scan *scan, struct scan_window *w, size_t from)
{
    for (size_t i = from; i < w->count; i++) {
        if (!w->span)
            pagepool_put(scan->snapshot->part->env->pool, w->leaves[i].page);
        w->leaves[i].page = NULL;
    }
    w->count = MIN(w->count, from);
    w->at = MIN(w->at, w->count);
}

void scan_window_next(struct tree_scan *scan)
{
    struct scan_leaf *l = &scan->window.leaves[scan->window.at++];
    scan->last_leaf = l->id;
    offer_page(scan, &scan->window, l);
    l->page = NULL;
    scan->leaves_seen += scan->is_begun;
    if (!scan->is_begun)
        scan->pairs_seen = 0;
    scan->is_begun = true;
}

/* Children of one index page that hold keys in [low, high), empty = open. */
struct listing {
    struct scan_window *w;
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

    struct scan_window *w = l->w;
    struct scan_leaf *leaf = &w->leaves[w->count];
    leaf->id = child; /* the page buffer is there already */
    leaf->prev = frame->prev;
    leaf->next = frame->next;
    leaf->lower_at = w->bounds.size;
    leaf->lower_size = lower.size;
    bytes_add(&w->bounds, lower.data, lower.size);
    leaf->upper_at = w->bounds.size;
    leaf->upper_size = upper.size;
    bytes_add(&w->bounds, upper.data, upper.size);
    if (w->bounds.failed)
        return false;
    w->count++;
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
    if (rc == ELOQ_OK && listing->w->bounds.failed)
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
static void link_leaves(const struct tree_scan *scan, struct scan_window *w, struct page_id before)
{
    for (size_t i = 0; i < w->count; i++) {
        struct scan_leaf *l = &w->leaves[i];
        struct page_id *to = scan->reverse ? &l->next : &l->prev;
        if (to->n == NO_PAGE)
            *to = i > 0 ? l[-1].id : before;
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
static int move_fence(struct task *t, struct tree_scan *scan, const struct scan_window *w)
{
    const struct scan_leaf *last = &w->leaves[w->count - 1];
    eloq_slice fence;
    if (scan->reverse) {
        fence = scan_bound(w, last->lower_at, last->lower_size);
        scan->listed_all = slice_compare(fence, scan->begin) <= 0;
    } else {
        fence = scan_bound(w, last->upper_at, last->upper_size);
        scan->listed_all =
            fence.size == 0 || (scan->end.size != 0 && slice_compare(fence, scan->end) >= 0);
    }
    return set_fence(t, scan, fence);
}

/* The children of the next index page that the scan wants. */
static int list_next(struct task *t, struct tree_scan *scan, struct scan_window *w,
                     struct descent *d, size_t room)
{
    struct page_id root = scan->snapshot->root[scan->tree];
    eloq_slice fence = eloq_bytes(scan->fence.data, scan->fence.size);
    struct listing l = { .w = w, .room = room };
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
static int list_leaves(struct task *t, struct tree_scan *scan, struct scan_window *w,
                       struct descent *d, size_t room)
{
    while (w->count < room && !scan->listed_all) {
        size_t before = w->count;
        int rc = list_next(t, scan, w, d, room - before);
        if (rc < 0) {
            w->count = before;
            return before > 0 && (rc == ELOQ_CORRUPTED || rc == ELOQ_IO) ? ELOQ_OK : rc;
        }
        if (scan->reverse)
            turn_round(w->leaves + before, w->count - before);
        TRY(move_fence(t, scan, w));
    }
    return ELOQ_OK;
}

/* The next window is larger where there was a wait for the last one. */
static void grow(struct tree_scan *scan, const struct page_read *reads, size_t count)
{
    size_t most = window_limit(scan);
    scan->is_hot = true;
    for (size_t i = 0; i < count && scan->is_hot; i++)
        scan->is_hot = reads[i].was_in_memory;
    if (scan->is_hot)
        most = MIN(most, HOT_LEAVES);
    scan->ahead = MIN(2 * MAX(scan->ahead, count), most);
}

/* Reads the leaves listed. A leaf that cannot be read ends the window before it; if it is the
 * first, that is the failure. */
static int read_leaves(struct task *t, struct tree_scan *scan, struct scan_window *w)
{
    struct snapshot *s = scan->snapshot;
    size_t count = w->count;
    struct page_read *reads = arena_alloc(&t->arena, count * sizeof(*reads));
    if (!reads)
        return task_no_memory(t);
    for (size_t i = 0; i < count; i++)
        reads[i] =
            (struct page_read){ .id = w->leaves[i].id, .data = w->leaves[i].page, .rc = ELOQ_IO };
    int all = pages_read_many(t, s, PAGE_DATA, reads, count);
    grow(scan, reads, count);
    if (all == ELOQ_OK)
        return ELOQ_OK;

    size_t good = 0;
    while (good < count && reads[good].rc == ELOQ_OK)
        good++;
    if (good == 0) { /* once more alone, so that the words are about this page */
        const struct scan_leaf *l = &w->leaves[0];
        int rc = pages_read(t, s, l->id, PAGE_DATA, l->page);
        if (rc < 0)
            return descend_damage(t, rc, scan_bound(w, l->lower_at, l->lower_size),
                                  scan_bound(w, l->upper_at, l->upper_size));
    }
    good = MAX(good, 1);
    if (good < count) {
        scan->listed_all = false;
        const struct scan_leaf *next = &w->leaves[good];
        TRY(set_fence(t, scan,
                      scan->reverse ? scan_bound(w, next->upper_at, next->upper_size)
                                    : scan_bound(w, next->lower_at, next->lower_size)));
    }
    scan_window_drop(scan, w, good);
    return ELOQ_OK;
}

/* Room for `want` leaves; as many as there are already if memory is short. */
static size_t make_room(struct tree_scan *scan, struct scan_window *w, size_t want)
{
    if (want > w->capacity) {
        void *leaves = mem_realloc(scan->mem, MEM_RESULTS, w->leaves, want * sizeof(*w->leaves));
        if (!leaves)
            return w->capacity;
        w->leaves = leaves;
        w->capacity = want;
    }
    return want;
}

/* A scan that has read so much goes on for long. */
static void take_span(struct tree_scan *scan, struct scan_window *w)
{
    struct spans *spans = scan->snapshot->part->env->spans;
    size_t page_bytes = scan->snapshot->part->env->shape.page_bytes;
    if (!scan->span && w == &scan->next && spans && scan->left == UINT64_MAX && !scan->is_hot
        && scan->ahead * page_bytes >= SPAN_FROM)
        scan->span = span_get(spans);
    if (scan->span && !w->span)
        w->span = scan->window.span == scan->span || scan->next.span == scan->span
                      ? scan->span + spans->bytes / 2
                      : scan->span;
}

size_t scan_window_drop_span(struct tree_scan *scan)
{
    if (!scan->span)
        return 0;
    struct spans *spans = scan->snapshot->part->env->spans;
    span_put(spans, scan->span);
    scan->span = scan->window.span = scan->next.span = NULL;
    scan->ahead = MIN(scan->ahead, window_limit(scan));
    return spans->bytes;
}

/* Buffers for the window, in leaves[].page: their number, or a failure. */
static int take_buffers(struct task *t, struct tree_scan *scan, struct scan_window *w)
{
    take_span(scan, w);
    size_t want = make_room(scan, w, MAX(window_want(scan), 1));
    size_t got = 0, last;
    for (; w->span && got < want; got++)
        w->leaves[got].page = w->span + got * scan->snapshot->part->env->shape.page_bytes;
    if (w->span)
        return want > 0 ? (int)want : task_no_memory(t);
    do {
        uint8_t *pages[32];
        size_t some = MIN(want - got, ARRAY_LEN(pages));
        last = buffers_take(scan->snapshot->part->env, pages, some);
        for (size_t i = 0; i < last; i++)
            w->leaves[got++].page = pages[i];
    } while (last == 32 && got < want);
    if (got == 0)
        return task_no_memory(t);
    return (int)got;
}

static int fill(struct task *t, struct tree_scan *scan, struct scan_window *w,
                struct page_id before)
{
    struct descent d;
    TRY(descent_init(t, &d, scan->snapshot->part->env->shape.page_bytes));
    int buffers = take_buffers(t, scan, w);
    if (buffers < 0)
        return buffers;
    int rc = list_leaves(t, scan, w, &d, (size_t)buffers);

    size_t listed = w->count;
    w->count = (size_t)buffers;
    scan_window_drop(scan, w, rc < 0 ? 0 : listed);
    if (rc == ELOQ_OK) {
        link_leaves(scan, w, before);
        rc = read_leaves(t, scan, w);
    }
    if (rc < 0)
        scan_window_drop(scan, w, 0);
    return rc;
}

/* Lists and reads the leaves from the fence on: at least one, or a failure, and then it is as if
 * nothing had been listed: it may be tried again. */
static int fill_window(struct task *t, struct tree_scan *scan, struct scan_window *w,
                       struct page_id before)
{
    struct arena_mark mark = arena_mark(&t->arena);
    size_t fence_size = scan->fence.size;
    void *fence = arena_copy(&t->arena, scan->fence.data, fence_size);
    bool had_fence = scan->has_fence;
    w->at = w->count = 0;
    w->bounds.size = 0;
    w->bounds.failed = false;
    int rc = fence ? fill(t, scan, w, before) : task_no_memory(t);
    if (rc < 0 && fence) {
        scan->fence.size = 0;
        bytes_add(&scan->fence, fence, fence_size); /* it had room for it */
        scan->has_fence = had_fence;
        scan->listed_all = false;
    }
    arena_reset(&t->arena, mark);
    return rc;
}

static void read_ahead(struct task *t, void *arg)
{
    struct tree_scan *scan = arg;
    const struct scan_helpers *helpers = scan->helpers;
    const struct scan_window *w = &scan->window;
    struct page_id before = w->count > 0 ? w->leaves[w->count - 1].id : scan->last_leaf;
    if (!scan->finished)
        scan->ahead_failed = fill_window(t, scan, &scan->next, before) < 0;
    if (scan->finished)
        scan_window_drop(scan, &scan->next, 0);
    scan->is_reading = false;
    wait_wake_all(&scan->read);
    helpers->end(scan->helpers_user);
}

bool scan_window_read_ahead(struct tree_scan *scan)
{
    if (!scan->helpers || scan->is_hot || scan->is_reading || scan->next.count > 0
        || scan->listed_all || scan->ahead_failed || window_want(scan) == 0)
        return false;
    scan->is_reading = scan->helpers->start(scan->helpers_user, read_ahead, scan);
    return scan->is_reading;
}

int scan_window_advance(struct task *t, struct tree_scan *scan)
{
    if (scan->is_reading)
        wait_on(t, &scan->read);
    if (scan->next.count > 0) {
        struct scan_window used = scan->window;
        scan->window = scan->next;
        scan->next = used;
        scan->next.at = scan->next.count = 0;
    } else if (scan->listed_all) {
        return ELOQ_END;
    } else {
        TRY(fill_window(t, scan, &scan->window, scan->last_leaf));
        scan->ahead_failed = false;
    }
    if (!scan->is_resting)
        scan->has_last = false;
    scan->is_resting = false;
    return ELOQ_OK;
}

/* The first leaf that was not used up, and the window it is in. */
static const struct scan_leaf *first_leaf(const struct tree_scan *scan,
                                          const struct scan_window **ret)
{
    const struct scan_window *w =
        scan->window.at < scan->window.count ? &scan->window : &scan->next;
    *ret = w;
    return w->at < w->count ? &w->leaves[w->at] : NULL;
}

size_t tree_scan_rest(struct tree_scan *scan)
{
    const struct scan_window *w;
    if (!scan->snapshot || scan->finished || scan->is_reading)
        return 0;
    const struct scan_leaf *next = first_leaf(scan, &w);
    if (!next)
        return scan_window_drop_span(scan);
    size_t at = scan->reverse ? next->upper_at : next->lower_at;
    size_t size = scan->reverse ? next->upper_size : next->lower_size;
    if (bytes_reserve(&scan->fence, size) < 0)
        return 0;
    scan->fence.size = 0;
    bytes_add(&scan->fence, w->bounds.data + at, size);
    scan->has_fence = size > 0;
    scan->listed_all = false;
    scan->is_resting |= w == &scan->window;
    scan_window_drop(scan, &scan->window, 0);
    scan_window_drop(scan, &scan->next, 0);
    return scan_window_drop_span(scan);
}
