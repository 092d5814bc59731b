/* page/index.c -- read an index page. */
#include "page/index.h"

#include "page/regions.h"

#define KEY_VARINTS 2 /* shared, fresh */

/* The entry behind the cursor, decoded and checked but not yet made the current one. */
struct step {
    struct regions_key key;
    struct page_id child;
    uint32_t end; /* offset behind it */
    bool opens_region;
};

int index_open(struct index *index, const uint8_t *page, uint32_t page_bytes)
{
    uint8_t type = page[PAGE_TYPE_AT];
    if ((type != PAGE_INNER_INDEX && type != PAGE_LEAF_INDEX)
        || !regions_open(page, page_bytes, INDEX_HEADER_BYTES, &index->entries_end,
                         &index->restart_count))
        return ELOQ_CORRUPTED;
    index->page = page;
    index->above_leaves = type == PAGE_LEAF_INDEX;
    index->leftmost = page_id(get_u32(page + INDEX_LEFTMOST_AT));
    return index->leftmost.n < LOGICAL_ID_END ? ELOQ_OK : ELOQ_CORRUPTED;
}

static void place_at(struct index_cursor *c, uint32_t region)
{
    c->key_size = 0;
    c->previous_child = 0;
    c->next_restart = region;
    c->offset = region < c->index->restart_count
                    ? regions_offset(c->index->page, c->index->entries_end, region)
                    : c->index->entries_end;
}

void index_cursor_init(struct index_cursor *c, const struct index *index, uint8_t *key_buffer)
{
    memset(c, 0, sizeof(*c));
    c->index = index;
    c->key = key_buffer;
    place_at(c, 0);
}

static bool decode_child(struct reader *r, int64_t base, struct page_id *ret)
{
    uint32_t coded;
    int64_t delta;
    if (!regions_v32(r, &coded) || !sdelta_decode(coded, &delta))
        return false;
    int64_t child = base + delta;
    if (child < 0 || child >= LOGICAL_ID_END)
        return false;
    *ret = page_id((uint32_t)child);
    return true;
}

/* ELOQ_OK, ELOQ_END or ELOQ_CORRUPTED. Leaves the cursor alone. */
static int peek(const struct index_cursor *c, struct step *ret)
{
    const struct index *index = c->index;
    uint32_t next_region = c->next_restart < index->restart_count
                               ? regions_offset(index->page, index->entries_end, c->next_restart)
                               : index->entries_end;
    if (c->offset > next_region)
        return ELOQ_CORRUPTED; /* a restart point inside an entry */
    if (c->offset == index->entries_end)
        return ELOQ_END;
    ret->opens_region = c->offset == next_region;
    struct reader r = reader_over(index->page + c->offset, index->entries_end - c->offset);
    if (!regions_v32(&r, &ret->key.shared) || !regions_v32(&r, &ret->key.fresh_size)
        || !reader_bytes(&r, ret->key.fresh_size, &ret->key.fresh)
        || !decode_child(&r, ret->opens_region ? 0 : c->previous_child, &ret->child))
        return ELOQ_CORRUPTED;
    if (ret->key.shared > (ret->opens_region ? 0 : c->key_size)
        || !regions_ascends(c->key, c->key_size, &ret->key))
        return ELOQ_CORRUPTED;
    ret->end = (uint32_t)(r.pos - index->page);
    return ELOQ_OK;
}

static void advance(struct index_cursor *c, const struct step *s)
{
    copy_short(c->key + s->key.shared, s->key.fresh, s->key.fresh_size);
    c->key_size = s->key.shared + s->key.fresh_size;
    c->offset = s->end;
    c->next_restart += s->opens_region;
    c->previous_child = s->child.n;
    c->child = s->child;
    c->separator = eloq_bytes(c->key, c->key_size);
}

int index_next(struct index_cursor *c)
{
    if (!c->started) {
        c->started = true;
        c->child = c->index->leftmost;
        c->separator = eloq_bytes(c->key, 0);
        return ELOQ_OK;
    }
    struct step s;
    int rc = peek(c, &s);
    if (rc == ELOQ_OK)
        advance(c, &s);
    return rc;
}

int index_seek(const struct index *index, eloq_slice key, bool below, uint8_t *key_buffer,
               struct index_found *ret)
{
    bool to_end = below && key.size == 0;
    uint32_t region = 0;
    int found = regions_search(index->page, index->entries_end, index->restart_count, KEY_VARINTS,
                               key, below, &region);
    if (found < 0)
        return found;
    struct index_cursor c;
    index_cursor_init(&c, index, key_buffer);
    place_at(&c, region);
    c.child = index->leftmost;
    uint8_t *upper = key_buffer + index->entries_end; /* no key is longer than the entries */
    uint32_t upper_size = 0;
    uint32_t matched = 0;
    ret->slot = 0;
    bool is_passed = region == 0; /* c.child is a child, and not just where the region begins */
    ret->before = ret->behind = page_id(NO_PAGE);
    for (;;) {
        struct step s;
        int rc = peek(&c, &s);
        if (rc < 0)
            return rc;
        if (rc == ELOQ_END)
            break;
        int order = to_end ? -1 : regions_compare(key, &s.key, &matched);
        if (order > 0 || (order == 0 && below)) {
            copy_short(upper, c.key, s.key.shared);
            copy_short(upper + s.key.shared, s.key.fresh, s.key.fresh_size);
            upper_size = s.key.shared + s.key.fresh_size;
            ret->behind = s.child;
            break;
        }
        if (is_passed)
            ret->before = c.child;
        is_passed = true;
        ret->slot = c.offset;
        advance(&c, &s);
    }
    ret->child = c.child;
    ret->lower = eloq_bytes(key_buffer, c.key_size);
    ret->upper = eloq_bytes(upper, upper_size);
    return ELOQ_OK;
}

int index_verify(const uint8_t *page, uint32_t page_bytes, uint8_t *key_buffer)
{
    struct index index;
    TRY(index_open(&index, page, page_bytes));
    struct index_cursor c;
    index_cursor_init(&c, &index, key_buffer);
    int rc;
    do {
        rc = index_next(&c);
    } while (rc == ELOQ_OK);
    return rc == ELOQ_END ? ELOQ_OK : rc;
}
