/* page/regions.h -- what data and index pages share: keys that store only what differs from the key
 * before, in regions that decode on their own. Specification: format.md 6 and 9.
 *
 *     header | whole key, rest, rest | whole key, rest, ... | region offsets u16[] | count u16
 *            ^ region 0              ^ region 1             ^ entries_end
 *
 * Whether an entry opens a region is known from the offsets only. Any bytes may be given. */
#pragma once

#include <string.h>

#include "base/coding.h"
#include "base/slice.h"
#include "page/format.h"

/* The key part of an entry: the first `shared` bytes of the key before, then `fresh`. */
struct regions_key {
    uint32_t shared;
    uint32_t fresh_size;
    const uint8_t *fresh;
};

/* Checks length field and offsets of a page with this header size: false if malformed. A count of 0
 * is accepted exactly when there are no entries. */
bool regions_open(const uint8_t *page, uint32_t page_bytes, uint32_t header_bytes,
                  uint32_t *ret_entries_end, uint32_t *ret_count);
/* Writes offsets and count behind the entries, and the length field. */
void regions_finish(uint8_t *page, uint32_t used, const uint16_t *offsets, uint32_t count);

/* The last region whose first key is <= key (or, if `below`, < key; with an empty key: the last
 * region). ELOQ_OK, ELOQ_END if there is none, ELOQ_CORRUPTED. `varints` is how many stand before
 * an entry's key bytes: shared, fresh, and in data pages the value's length. */
int regions_search(const uint8_t *page, uint32_t entries_end, uint32_t count, unsigned varints,
                   eloq_slice key, bool below, uint32_t *ret_region);

/* Compares an entry's key with `target` without building it. *matched is the length of the common
 * prefix of target and the key before, which must be <= target; it is updated. Exact if the result
 * is then used by the same rule: stop at the first key above. 0 and empty before the first. */
int regions_compare(eloq_slice target, const struct regions_key *key, uint32_t *matched);

static inline uint32_t regions_offset(const uint8_t *page, uint32_t entries_end, uint32_t region)
{
    return get_u16(page + entries_end + 2 * (size_t)region);
}

/* Whether the key follows `previous` in strict order. key->shared is <= previous_size. */
static inline bool regions_ascends(const uint8_t *previous, uint32_t previous_size,
                                   const struct regions_key *key)
{
    uint32_t rest = previous_size - key->shared;
    uint32_t n = MIN(rest, key->fresh_size);
    if (likely(n > 0 && key->fresh[0] != previous[key->shared])) /* as it should be */
        return key->fresh[0] > previous[key->shared];
    int order = n > 0 ? memcmp(key->fresh, previous + key->shared, n) : 0;
    return order > 0 || (order == 0 && key->fresh_size > rest);
}

/* Nearly all varints in a page are one byte or two. */
static inline bool regions_v32(struct reader *r, uint32_t *ret)
{
    if (likely(r->pos < r->end && *r->pos < 0x80)) {
        *ret = *r->pos++;
        return true;
    }
    if (likely(r->end - r->pos >= 2 && r->pos[1] < 0x80 && r->pos[1] != 0)) {
        *ret = (*r->pos & 0x7fu) | (uint32_t)r->pos[1] << 7;
        r->pos += 2;
        return true;
    }
    return reader_v32(r, ret);
}
static inline bool regions_v64(struct reader *r, uint64_t *ret)
{
    if (likely(r->pos < r->end && *r->pos < 0x80)) {
        *ret = *r->pos++;
        return true;
    }
    return reader_v64(r, ret);
}
