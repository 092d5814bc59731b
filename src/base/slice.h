/* base/slice.h -- compare and split borrowed bytes. */
#pragma once

#include "base/coding.h"
#include "eloqstore.h"

/* Unsigned bytes, a prefix before its extensions: < 0, 0, > 0. Most keys differ in their first 8
 * bytes: these are compared here, without a call. */
static inline int slice_compare(eloq_slice a, eloq_slice b)
{
    size_t common = MIN(a.size, b.size);
    if (common >= sizeof(uint64_t)) {
        uint64_t x = get_u64_be(a.data), y = get_u64_be(b.data);
        if (x != y)
            return x < y ? -1 : 1;
    }
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}
static inline bool slice_equal(eloq_slice a, eloq_slice b)
{
    if (a.size != b.size)
        return false;
    if (a.size >= sizeof(uint64_t) && get_u64(a.data) != get_u64(b.data))
        return false;
    return a.size == 0 || memcmp(a.data, b.data, a.size) == 0;
}
/* Length of the longest common prefix. */
size_t slice_common(eloq_slice a, eloq_slice b);
/* The smallest key greater than every key with this prefix, written into `buf` (at least
 * prefix.size bytes); empty when there is none (all 0xff). */
eloq_slice slice_prefix_end(eloq_slice prefix, uint8_t *buf);
