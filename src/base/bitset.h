/* base/bitset.h -- a set of numbers that finds its smallest member fast, at any size.
 *
 * Levels of 64-bit words: a bit of level k+1 says that a word of level k is not zero. All
 * operations cost O(log64 size); growth is amortised. */
#pragma once

#include "base/mem.h"

#define BITSET_LEVELS 7
#define BITSET_NONE UINT64_MAX

struct bitset {
    struct mem *mem;
    enum mem_consumer who;
    uint64_t size;  /* members are < size */
    uint64_t count; /* members */
    uint64_t *words[BITSET_LEVELS];
    uint64_t word_count[BITSET_LEVELS]; /* allocated */
};

void bitset_init(struct bitset *b, struct mem *m, enum mem_consumer who);
void bitset_free(struct bitset *b);
/* Makes numbers below `size` possible: 0 or ELOQ_NO_MEMORY. Never shrinks. */
int bitset_grow(struct bitset *b, uint64_t size);
/* n < size; adding a member or removing a stranger changes nothing. */
void bitset_add(struct bitset *b, uint64_t n);
void bitset_remove(struct bitset *b, uint64_t n);
bool bitset_has(const struct bitset *b, uint64_t n);
/* The smallest member >= from, or BITSET_NONE. */
uint64_t bitset_next(const struct bitset *b, uint64_t from);
