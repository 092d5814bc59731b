/* page/regions.c -- regions of prefix-compressed keys: check the offsets, search them. */
#include "page/regions.h"

bool regions_open(const uint8_t *page, uint32_t page_bytes, uint32_t header_bytes,
                  uint32_t *ret_entries_end, uint32_t *ret_count)
{
    uint32_t length = get_u16(page + PAGE_LENGTH_AT);
    if (length < header_bytes + 2 || length > page_bytes)
        return false;
    uint32_t count = get_u16(page + length - 2);
    if (2 * count > length - header_bytes - 2)
        return false;
    uint32_t entries_end = length - 2 - 2 * count;
    if ((count == 0) != (entries_end == header_bytes))
        return false;
    for (uint32_t i = 0, last = 0; i < count; i++) {
        uint32_t offset = regions_offset(page, entries_end, i);
        if (i == 0 ? offset != header_bytes : offset <= last)
            return false;
        if (offset >= entries_end)
            return false;
        last = offset;
    }
    *ret_entries_end = entries_end;
    *ret_count = count;
    return true;
}

void regions_finish(uint8_t *page, uint32_t used, const uint16_t *offsets, uint32_t count)
{
    uint8_t *p = page + used;
    for (uint32_t i = 0; i < count; i++, p += 2)
        put_u16(p, offsets[i]);
    put_u16(p, (uint16_t)count);
    put_u16(page + PAGE_LENGTH_AT, (uint16_t)(p + 2 - page));
}

/* The first key of a region, which is stored whole. */
static bool first_key(const uint8_t *page, uint32_t entries_end, uint32_t region, unsigned varints,
                      eloq_slice *ret)
{
    uint32_t at = regions_offset(page, entries_end, region);
    struct reader r = reader_over(page + at, entries_end - at);
    uint32_t shared, size, length;
    const uint8_t *bytes;
    if (!regions_v32(&r, &shared) || shared != 0 || !regions_v32(&r, &size))
        return false;
    if (varints == 3 && !regions_v32(&r, &length))
        return false;
    if (size == 0 || !reader_bytes(&r, size, &bytes))
        return false;
    *ret = eloq_bytes(bytes, size);
    return true;
}

int regions_search(const uint8_t *page, uint32_t entries_end, uint32_t count, unsigned varints,
                   eloq_slice key, bool below, uint32_t *ret_region)
{
    uint32_t low = 0, high = count; /* the answer + 1 is in [low, high] */
    if (below && key.size == 0)
        low = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        eloq_slice first;
        if (!first_key(page, entries_end, middle, varints, &first))
            return ELOQ_CORRUPTED;
        int order = slice_compare(first, key);
        if (order < 0 || (order == 0 && !below))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return ELOQ_END;
    *ret_region = low - 1;
    return ELOQ_OK;
}

int regions_compare(eloq_slice target, const struct regions_key *key, uint32_t *matched)
{
    /* The key before differs from target at *matched and is smaller there; a key that shares that
     * byte is smaller too. */
    if (key->shared > *matched)
        return -1;
    if (target.size == 0)
        return 1;
    const uint8_t *rest = (const uint8_t *)target.data + key->shared;
    size_t rest_size = target.size - key->shared;
    size_t n = MIN(rest_size, (size_t)key->fresh_size);
    size_t i = 0;
    while (i < n && key->fresh[i] == rest[i])
        i++;
    *matched = key->shared + (uint32_t)i;
    if (i < n)
        return key->fresh[i] < rest[i] ? -1 : 1;
    return key->fresh_size == rest_size ? 0 : (key->fresh_size < rest_size ? -1 : 1);
}
