/* base/slice.h -- compare and split borrowed bytes. */
#pragma once

#include "base/common.h"
#include "eloqstore.h"

/* Unsigned bytes, a prefix before its extensions: < 0, 0, > 0. */
int slice_compare(eloq_slice a, eloq_slice b);
bool slice_equal(eloq_slice a, eloq_slice b);
/* Length of the longest common prefix. */
size_t slice_common(eloq_slice a, eloq_slice b);
/* The smallest key greater than every key with this prefix, written into `buf` (at least
 * prefix.size bytes); empty when there is none (all 0xff). */
eloq_slice slice_prefix_end(eloq_slice prefix, uint8_t *buf);
