/* page/leaf.c -- read a data page. */
#include "page/leaf.h"

#include "page/regions.h"

#define KEY_VARINTS 3 /* shared, fresh, lenbits */
#define PREFETCH_LINES 12

/* The entry behind the cursor, decoded and checked but not yet made the current one. */
struct step {
    struct regions_key key;
    struct entry entry; /* without its key */
    uint32_t end;       /* offset behind it */
    bool opens_region;
};

int leaf_open(struct leaf *leaf, const uint8_t *page, uint32_t page_bytes)
{
    if (page[PAGE_TYPE_AT] != PAGE_DATA
        || !regions_open(page, page_bytes, LEAF_HEADER_BYTES, &leaf->entries_end,
                         &leaf->restart_count)
        || leaf->restart_count == 0)
        return ELOQ_CORRUPTED;
    leaf->page = page;
    leaf->prev = page_id(get_u32(page + LEAF_PREV_AT));
    leaf->next = page_id(get_u32(page + LEAF_NEXT_AT));
    return ELOQ_OK;
}

uint32_t leaf_region(const struct leaf *leaf, uint32_t region)
{
    return regions_offset(leaf->page, leaf->entries_end, region);
}

static void place_at(struct leaf_cursor *c, uint32_t region)
{
    c->key_size = 0;
    c->timestamp = 0;
    c->next_restart = region;
    /* Where the first one begins is known without a look at the end of the page. */
    c->offset = region == 0 ? LEAF_HEADER_BYTES : leaf_region(c->leaf, region);
}

void leaf_cursor_init(struct leaf_cursor *c, const struct leaf *leaf, uint8_t *key_buffer)
{
    memset(c, 0, sizeof(*c));
    c->leaf = leaf;
    c->key = key_buffer;
    place_at(c, 0);
}

static bool value_is_sane(const struct entry *e)
{
    if (e->compression > COMPRESSION_ALONE)
        return false;
    if (!e->is_overflow)
        return true;
    return e->value.size > 0 && e->value.size % 4 == 0
           && e->value.size <= 4 * OVERFLOW_POINTERS_MAX;
}

/* What follows an entry's value. `base` is the timestamp before it. */
static bool decode_times(struct reader *r, bool expires, uint64_t base, struct entry *ret)
{
    ret->expire_at = 0;
    if (expires && (!regions_v64(r, &ret->expire_at) || ret->expire_at == 0))
        return false;
    uint64_t coded;
    int64_t delta, sum;
    if (!regions_v64(r, &coded) || !sdelta_decode(coded, &delta)
        || __builtin_add_overflow((int64_t)base, delta, &sum) || sum < 0)
        return false;
    ret->timestamp = (uint64_t)sum;
    return true;
}

static bool decode(struct reader *r, uint64_t base, struct step *ret)
{
    uint32_t lenbits;
    const uint8_t *value;
    if (!regions_v32(r, &ret->key.shared) || !regions_v32(r, &ret->key.fresh_size)
        || !regions_v32(r, &lenbits))
        return false;
    uint32_t value_size = lenbits >> ENTRY_LENGTH_SHIFT;
    if (!reader_bytes(r, ret->key.fresh_size, &ret->key.fresh)
        || !reader_bytes(r, value_size, &value))
        return false;
    ret->entry.value = eloq_bytes(value, value_size);
    ret->entry.is_overflow = (lenbits & ENTRY_OVERFLOW) != 0;
    ret->entry.compression = (enum compression)((lenbits >> ENTRY_COMPRESSION_SHIFT) & 3);
    return value_is_sane(&ret->entry)
           && decode_times(r, (lenbits & ENTRY_EXPIRES) != 0, base, &ret->entry);
}

/* ELOQ_OK, ELOQ_END or ELOQ_CORRUPTED. Leaves the cursor alone. */
static int peek(const struct leaf_cursor *c, struct step *ret)
{
    const struct leaf *leaf = c->leaf;
    uint32_t next_region = c->next_restart < leaf->restart_count
                               ? regions_offset(leaf->page, leaf->entries_end, c->next_restart)
                               : leaf->entries_end;
    if (c->offset > next_region)
        return ELOQ_CORRUPTED; /* a restart point inside an entry */
    if (c->offset == leaf->entries_end)
        return ELOQ_END;
    ret->opens_region = c->offset == next_region;
    struct reader r = reader_over(leaf->page + c->offset, leaf->entries_end - c->offset);
    if (!decode(&r, ret->opens_region ? 0 : c->timestamp, ret))
        return ELOQ_CORRUPTED;
    if (ret->key.shared > (ret->opens_region ? 0 : c->key_size)
        || !regions_ascends(c->key, c->key_size, &ret->key))
        return ELOQ_CORRUPTED;
    ret->end = (uint32_t)(r.pos - leaf->page);
    return ELOQ_OK;
}

static void advance(struct leaf_cursor *c, const struct step *s)
{
    copy_short(c->key + s->key.shared, s->key.fresh, s->key.fresh_size);
    c->key_size = s->key.shared + s->key.fresh_size;
    c->offset = s->end;
    c->next_restart += s->opens_region;
    c->timestamp = s->entry.timestamp;
    c->entry = s->entry;
    c->entry.key = eloq_bytes(c->key, c->key_size);
}

int leaf_next(struct leaf_cursor *c)
{
    struct step s;
    int rc = peek(c, &s);
    if (rc == ELOQ_OK)
        advance(c, &s);
    return rc;
}

/* A region is read from its start: the lines behind it come while the first ones are looked at. */
static void prefetch_from(const uint8_t *at)
{
    for (unsigned i = 1; i <= PREFETCH_LINES; i++)
        __builtin_prefetch(at + i * 64);
}

int leaf_seek(struct leaf_cursor *c, eloq_slice key)
{
    const struct leaf *leaf = c->leaf;
    uint32_t region = 0; /* also where the search starts if all keys are above */
    TRY(regions_search(leaf->page, leaf->entries_end, leaf->restart_count, KEY_VARINTS, key, false,
                       &region));
    place_at(c, region);
    prefetch_from(leaf->page + c->offset);
    uint32_t matched = 0;
    for (;;) {
        struct step s;
        int rc = peek(c, &s);
        if (rc != ELOQ_OK)
            return rc;
        int order = regions_compare(key, &s.key, &matched);
        advance(c, &s);
        if (order >= 0)
            return ELOQ_OK;
    }
}

int leaf_seek_floor(struct leaf_cursor *c, eloq_slice key, bool below)
{
    const struct leaf *leaf = c->leaf;
    bool to_end = key.size == 0;
    uint32_t region = 0;
    int found = regions_search(leaf->page, leaf->entries_end, leaf->restart_count, KEY_VARINTS, key,
                               below || to_end, &region);
    if (found < 0)
        return found;
    place_at(c, region);
    if (found == ELOQ_END)
        return ELOQ_END;
    uint32_t matched = 0;
    for (;;) {
        struct step s;
        int rc = peek(c, &s);
        if (rc != ELOQ_OK)
            return rc == ELOQ_END ? ELOQ_OK : rc;
        if (!to_end) {
            int order = regions_compare(key, &s.key, &matched);
            if (order > 0 || (order == 0 && below))
                return ELOQ_OK;
        }
        advance(c, &s);
    }
}

int leaf_verify(const uint8_t *page, uint32_t page_bytes, uint8_t *key_buffer)
{
    struct leaf leaf;
    TRY(leaf_open(&leaf, page, page_bytes));
    struct leaf_cursor c;
    leaf_cursor_init(&c, &leaf, key_buffer);
    int rc;
    do {
        rc = leaf_next(&c);
    } while (rc == ELOQ_OK);
    return rc == ELOQ_END ? ELOQ_OK : rc;
}

void leaf_set_prev(uint8_t *page, struct page_id id)
{
    put_u32(page + LEAF_PREV_AT, id.n);
}

void leaf_set_next(uint8_t *page, struct page_id id)
{
    put_u32(page + LEAF_NEXT_AT, id.n);
}
