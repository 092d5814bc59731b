/* model/array.h -- what a partition should hold: a sorted array, with a slot for every key there
 * may be.
 *
 *     keys, in the order of their bytes      0    1    2    3    4 ...      the same for a whole
 * life slots of a partition                   v7   -    v3   -    v9
 *
 * A value is a number that its bytes follow from, so a copy of all slots is a snapshot, and costs
 * little. */
#pragma once

#include "base/common.h"
#include "eloqstore.h"

struct slot {
    uint32_t value; /* 0: there is no pair */
    uint32_t size;
    uint64_t timestamp;
    uint64_t expire_at; /* ms; 0 = never */
};

/* `count` keys of 1 to `longest` bytes; those before are gone. */
void array_keys_make(uint64_t seed, unsigned count, size_t longest);
void array_keys_free(void);
eloq_slice array_key(unsigned i);
/* All slots of a partition, empty; a copy. */
struct slot *array_new(void);
struct slot *array_copy(const struct slot *slots);
/* What has expired by then goes. */
void array_expire(struct slot *slots, uint64_t now_ms);
/* The next slot with a pair from i up to below `end`, from i down: -1: none. */
int array_up(const struct slot *slots, int i, int end);
int array_down(const struct slot *slots, int i);

/* The bytes of a value; lent until the next call. */
const uint8_t *array_value(uint32_t value, size_t size);
/* Why the pair is not the slot's, or NULL. */
const char *array_differs(const struct slot *slot, unsigned i, eloq_slice key, eloq_slice value,
                          uint64_t timestamp, uint64_t expire_at);
