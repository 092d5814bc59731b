/* fuzz/fuzz_leaf.c -- any bytes as a data page: every reader ends inside the page, and where the
 * page is sound all of them agree with a plain walk. */
#include "base/slice.h"
#include "page.h"
#include "page/leaf_build.h"
#include "page/page.h"

#define REBUILT_BYTES 4096u

static bool fits(eloq_slice key, const struct page_fuzz *p)
{
    int order = slice_compare(key, p->key);
    return order < 0 || (order == 0 && !(p->flags & PAGE_FUZZ_BELOW));
}

/* What a plain walk tells about the search key. */
struct walked {
    size_t count;
    size_t first_at_least; /* index of the first entry >= key; count if none */
    size_t last_floor;     /* index + 1 of the last entry <= (or <) key; 0 if none */
};

static void walk_on(struct leaf_cursor *c, size_t most)
{
    size_t n = 0;
    while (leaf_next(c) == ELOQ_OK)
        PROMISE(n++ < most);
}

static int walk(const struct page_fuzz *p, const struct leaf *leaf, uint8_t *key,
                struct walked *ret)
{
    struct leaf_cursor c;
    int rc;

    *ret = (struct walked){ .first_at_least = SIZE_MAX };
    leaf_cursor_init(&c, leaf, key);
    while ((rc = leaf_next(&c)) == ELOQ_OK) {
        PROMISE(c.entry.key.size > 0 && c.entry.key.size <= p->page_bytes);
        PROMISE(c.entry.timestamp <= TIMESTAMP_MAX);
        if (ret->first_at_least == SIZE_MAX && slice_compare(c.entry.key, p->key) >= 0)
            ret->first_at_least = ret->count;
        ret->count++;
        if (p->key.size == 0 || fits(c.entry.key, p))
            ret->last_floor = ret->count;
        PROMISE(ret->count <= p->page_bytes);
    }
    ret->first_at_least = MIN(ret->first_at_least, ret->count);
    return rc;
}

/* On a page that was verified a search finds what the walk found. */
static void search_sound(const struct page_fuzz *p, const struct leaf *leaf, uint8_t *key,
                         const struct walked *w)
{
    struct leaf_cursor c;
    leaf_cursor_init(&c, leaf, key);
    int rc = leaf_seek(&c, p->key);
    PROMISE(rc == (w->first_at_least < w->count ? ELOQ_OK : ELOQ_END));
    size_t left = 0;
    for (; rc == ELOQ_OK; rc = leaf_next(&c))
        left++;
    PROMISE(left == w->count - w->first_at_least);

    rc = leaf_seek_floor(&c, p->key, p->flags & PAGE_FUZZ_BELOW || p->key.size == 0);
    PROMISE(rc == (w->last_floor > 0 ? ELOQ_OK : ELOQ_END));
    for (left = 0; rc == ELOQ_OK; rc = leaf_next(&c))
        left++;
    PROMISE(w->last_floor == 0 || left == w->count - w->last_floor + 1);
}

/* On any page it ends, and what it finds is on the right side of the key. */
static void search_any(const struct page_fuzz *p, const struct leaf *leaf, uint8_t *key)
{
    struct leaf_cursor c;
    leaf_cursor_init(&c, leaf, key);
    if (leaf_seek(&c, p->key) == ELOQ_OK) {
        PROMISE(slice_compare(c.entry.key, p->key) >= 0);
        walk_on(&c, p->page_bytes);
    }
    if (leaf_seek_floor(&c, p->key, p->flags & PAGE_FUZZ_BELOW) == ELOQ_OK) {
        PROMISE(p->key.size == 0 || fits(c.entry.key, p));
        walk_on(&c, p->page_bytes);
    }
}

/* Written again, with other restart points, the entries are the same. */
static void rebuild(const struct page_fuzz *p, const struct leaf *leaf, uint8_t *key)
{
    static _Alignas(8) uint8_t page[REBUILT_BYTES], scratch[2 * REBUILT_BYTES];
    static uint8_t other_key[REBUILT_BYTES];
    struct page_shape shape = { .page_bytes = REBUILT_BYTES,
                                .leaf_restart_every = 1 + p->flags / 16u };
    struct leaf_cursor a, b;
    struct leaf_build build;
    struct leaf again;
    size_t added = 0;

    PROMISE(leaf_build_scratch_bytes(REBUILT_BYTES) <= sizeof(scratch));
    leaf_build_init(&build, &shape, page, scratch);
    leaf_cursor_init(&a, leaf, key);
    while (leaf_next(&a) == ELOQ_OK && leaf_build_add(&build, &a.entry))
        added++;
    if (added == 0)
        return; /* a pair larger than the other page */
    leaf_build_finish(&build, leaf->prev, leaf->next);
    PROMISE(leaf_open(&again, page, REBUILT_BYTES) == ELOQ_OK);
    PROMISE(again.prev.n == leaf->prev.n && again.next.n == leaf->next.n);
    leaf_cursor_init(&a, leaf, key);
    leaf_cursor_init(&b, &again, other_key);
    for (; added > 0; added--) {
        PROMISE(leaf_next(&a) == ELOQ_OK && leaf_next(&b) == ELOQ_OK);
        PROMISE(slice_equal(a.entry.key, b.entry.key));
        PROMISE(slice_equal(a.entry.value, b.entry.value));
        PROMISE(a.entry.timestamp == b.entry.timestamp && a.entry.expire_at == b.entry.expire_at);
        PROMISE(a.entry.is_overflow == b.entry.is_overflow
                && a.entry.compression == b.entry.compression);
    }
    PROMISE(leaf_next(&b) == ELOQ_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page_fuzz p;
    if (!page_fuzz_take(&p, data, size, PAGE_DATA))
        return 0;
    uint8_t *key = fuzz_alloc(p.page_bytes);
    int whole = leaf_verify(p.page, p.page_bytes, key);
    PROMISE(whole == ELOQ_OK || whole == ELOQ_CORRUPTED);
    struct leaf leaf;
    struct walked w;
    if (leaf_open(&leaf, p.page, p.page_bytes) == ELOQ_OK) {
        int rc = walk(&p, &leaf, key, &w);
        PROMISE(rc == ELOQ_END || (rc == ELOQ_CORRUPTED && whole == ELOQ_CORRUPTED));
        search_any(&p, &leaf, key);
        if (whole == ELOQ_OK) {
            search_sound(&p, &leaf, key, &w);
            rebuild(&p, &leaf, key);
        }
    } else {
        PROMISE(whole == ELOQ_CORRUPTED);
    }
    free(key);
    free(p.page);
    return 0;
}
