/* fuzz/fuzz_index.c -- any bytes as an index page: every reader ends inside the page, and where the
 * page is sound a search agrees with a plain walk. */
#include "base/slice.h"
#include "page.h"
#include "page/index_build.h"

#define REBUILT_BYTES 4096u

/* The child that holds the key, by a walk over all of them. */
struct walked {
    size_t count;
    uint32_t child;
    size_t at; /* of the child, from 0 */
};

static int walk(const struct page_fuzz *p, const struct index *index, uint8_t *key,
                struct walked *ret)
{
    bool below = p->flags & PAGE_FUZZ_BELOW;
    struct index_cursor c;
    int rc;

    *ret = (struct walked){ 0 };
    index_cursor_init(&c, index, key);
    while ((rc = index_next(&c)) == ELOQ_OK) {
        PROMISE(c.child.n < LOGICAL_ID_END);
        PROMISE((ret->count == 0) == (c.separator.size == 0));
        int order = slice_compare(c.separator, p->key);
        if (ret->count == 0 || (below && p->key.size == 0) || order < 0 || (order == 0 && !below)) {
            ret->child = c.child.n;
            ret->at = ret->count;
        }
        ret->count++;
        PROMISE(ret->count <= p->page_bytes);
    }
    return rc;
}

/* The bounds a search tells are those beside its child. */
static void compare(const struct page_fuzz *p, const struct index *index, uint8_t *key,
                    const struct walked *w, const struct index_found *found)
{
    struct index_cursor c;
    PROMISE(found->child.n == w->child);
    index_cursor_init(&c, index, key);
    for (size_t i = 0; i <= w->at; i++)
        PROMISE(index_next(&c) == ELOQ_OK);
    PROMISE(slice_equal(c.separator, found->lower));
    int rc = index_next(&c);
    PROMISE((rc == ELOQ_END) == (w->at + 1 == w->count));
    PROMISE(slice_equal(rc == ELOQ_OK ? c.separator : eloq_str(""), found->upper));
    PROMISE(p->page_bytes >= found->lower.size + found->upper.size);
}

static void search(const struct page_fuzz *p, const struct index *index, uint8_t *key,
                   const struct walked *w, bool is_sound)
{
    uint8_t *two_keys = fuzz_alloc(2 * (size_t)p->page_bytes);
    struct index_found found;
    bool below = p->flags & PAGE_FUZZ_BELOW;
    int rc = index_seek(index, p->key, below, two_keys, &found);
    PROMISE(rc == ELOQ_OK || (rc == ELOQ_CORRUPTED && !is_sound));
    if (rc == ELOQ_OK) {
        PROMISE(found.child.n < LOGICAL_ID_END);
        PROMISE(found.upper.size == 0 || slice_compare(found.lower, found.upper) < 0);
        PROMISE(p->key.size == 0 || found.lower.size == 0
                || slice_compare(found.lower, p->key) < (below ? 0 : 1));
    }
    if (is_sound && w->count > 0)
        compare(p, index, key, w, &found);
    free(two_keys);
}

/* Written again, with other restart points, the children are the same. */
static void rebuild(const struct page_fuzz *p, const struct index *index, uint8_t *key)
{
    static _Alignas(8) uint8_t page[REBUILT_BYTES], scratch[2 * REBUILT_BYTES];
    static uint8_t other_key[REBUILT_BYTES];
    struct page_shape shape = { .page_bytes = REBUILT_BYTES,
                                .index_restart_every = 1 + p->flags / 16u };
    struct index_build build;
    struct index_cursor a, b;
    struct index again;
    size_t added = 0;

    PROMISE(index_build_scratch_bytes(REBUILT_BYTES) <= sizeof(scratch));
    index_build_init(&build, &shape, index->above_leaves, page, scratch);
    index_cursor_init(&a, index, key);
    while (index_next(&a) == ELOQ_OK && index_build_add(&build, a.separator, a.child))
        added++;
    index_build_finish(&build);
    PROMISE(index_open(&again, page, REBUILT_BYTES) == ELOQ_OK);
    PROMISE(again.above_leaves == index->above_leaves);
    index_cursor_init(&a, index, key);
    index_cursor_init(&b, &again, other_key);
    for (; added > 0; added--) {
        PROMISE(index_next(&a) == ELOQ_OK && index_next(&b) == ELOQ_OK);
        PROMISE(slice_equal(a.separator, b.separator) && a.child.n == b.child.n);
    }
    PROMISE(index_next(&b) == ELOQ_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct page_fuzz p;
    enum page_type type = size > 0 && data[0] & 4 ? PAGE_LEAF_INDEX : PAGE_INNER_INDEX;
    if (!page_fuzz_take(&p, data, size, type))
        return 0;
    uint8_t *key = fuzz_alloc(p.page_bytes);
    int whole = index_verify(p.page, p.page_bytes, key);
    PROMISE(whole == ELOQ_OK || whole == ELOQ_CORRUPTED);
    struct index index;
    struct walked w;
    if (index_open(&index, p.page, p.page_bytes) == ELOQ_OK) {
        PROMISE(index.above_leaves == (type == PAGE_LEAF_INDEX));
        int rc = walk(&p, &index, key, &w);
        PROMISE(rc == ELOQ_END || (rc == ELOQ_CORRUPTED && whole == ELOQ_CORRUPTED));
        search(&p, &index, key, &w, whole == ELOQ_OK);
        if (whole == ELOQ_OK)
            rebuild(&p, &index, key);
    } else {
        PROMISE(whole == ELOQ_CORRUPTED);
    }
    free(key);
    free(p.page);
    return 0;
}
