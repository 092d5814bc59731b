/* base/bitset.c -- levels of words; only as many levels as the size needs. */
#include "base/bitset.h"

#include <string.h>

#include "base/check.h"
#include "eloqstore.h"

#define WORD_BITS 64
#define SIZE_LIMIT ((uint64_t)1 << (6 * BITSET_LEVELS))

void bitset_init(struct bitset *b, struct mem *m, enum mem_consumer who)
{
    *b = (struct bitset){ .mem = m, .who = who };
}

void bitset_free(struct bitset *b)
{
    for (int level = 0; level < BITSET_LEVELS; level++)
        mem_free(b->mem, b->words[level]);
    bitset_init(b, b->mem, b->who);
}

static int grow_level(struct bitset *b, int level, uint64_t word_count)
{
    uint64_t old = b->word_count[level];
    if (word_count <= old)
        return ELOQ_OK;
    word_count = MAX(word_count, old + old / 2);
    uint64_t *words =
        mem_realloc(b->mem, b->who, b->words[level], (size_t)word_count * sizeof(*words));
    if (!words)
        return ELOQ_NO_MEMORY;
    memset(words + old, 0, (size_t)(word_count - old) * sizeof(*words));
    /* A new level: until now, the first word below it was the top. */
    if (old == 0 && level > 0 && b->words[level - 1][0] != 0)
        words[0] = 1;
    b->words[level] = words;
    b->word_count[level] = word_count;
    return ELOQ_OK;
}

int bitset_grow(struct bitset *b, uint64_t size)
{
    if (size <= b->size)
        return ELOQ_OK;
    if (size > SIZE_LIMIT)
        return ELOQ_NO_MEMORY;
    /* A failure half way leaves larger levels behind, which is harmless: size stays. */
    uint64_t word_count = size;
    int level = 0;
    do {
        word_count = (word_count + WORD_BITS - 1) / WORD_BITS;
        TRY(grow_level(b, level++, word_count));
    } while (word_count > 1);
    b->size = size;
    return ELOQ_OK;
}

static uint64_t bit(uint64_t n)
{
    return (uint64_t)1 << (n % WORD_BITS);
}

void bitset_add(struct bitset *b, uint64_t n)
{
    CHECK(n < b->size);
    if (bitset_has(b, n))
        return;
    b->count++;
    for (int level = 0; level < BITSET_LEVELS && b->words[level]; level++) {
        uint64_t *word = &b->words[level][n / WORD_BITS];
        bool was_empty = *word == 0;
        *word |= bit(n);
        if (!was_empty)
            break;
        n /= WORD_BITS;
    }
}

void bitset_remove(struct bitset *b, uint64_t n)
{
    CHECK(n < b->size);
    if (!bitset_has(b, n))
        return;
    b->count--;
    for (int level = 0; level < BITSET_LEVELS && b->words[level]; level++) {
        uint64_t *word = &b->words[level][n / WORD_BITS];
        *word &= ~bit(n);
        if (*word != 0)
            break;
        n /= WORD_BITS;
    }
}

bool bitset_has(const struct bitset *b, uint64_t n)
{
    return n < b->size && (b->words[0][n / WORD_BITS] & bit(n)) != 0;
}

uint64_t bitset_next(const struct bitset *b, uint64_t from)
{
    if (from >= b->size)
        return BITSET_NONE;

    /* Up until a word has something at or behind `n`, ... */
    uint64_t n = from;
    int level = 0;
    for (;;) {
        if (level == BITSET_LEVELS || n / WORD_BITS >= b->word_count[level])
            return BITSET_NONE;
        uint64_t rest = b->words[level][n / WORD_BITS] & (UINT64_MAX << (n % WORD_BITS));
        if (rest != 0) {
            n = n / WORD_BITS * WORD_BITS + (uint64_t)__builtin_ctzll(rest);
            break;
        }
        n = n / WORD_BITS + 1;
        level++;
    }
    /* ... then down along the smallest. */
    while (level-- > 0)
        n = n * WORD_BITS + (uint64_t)__builtin_ctzll(b->words[level][n]);
    return n;
}
