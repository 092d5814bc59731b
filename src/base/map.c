/* base/map.c -- open addressing, linear probing, removal by backward shift. */
#include "base/map.h"

#include <xxhash.h>

#include "base/check.h"
#include "eloqstore.h"

#define CAPACITY_MIN 8

void map_init(struct map *m, struct mem *mem, enum mem_consumer who,
              bool (*equal)(const void *value, const void *key))
{
    *m = (struct map){ .mem = mem, .who = who, .equal = equal };
}

void map_free(struct map *m)
{
    mem_free(m->mem, m->slots);
    map_init(m, m->mem, m->who, m->equal);
}

/* Where a hash would like to be. The product spreads hashes that are plain numbers. */
static size_t home(const struct map *m, uint64_t hash)
{
    int shift = __builtin_clzll(m->capacity) + 1;
    return (size_t)((hash * UINT64_C(0x9E3779B97F4A7C15)) >> shift);
}

static size_t after(const struct map *m, size_t i)
{
    return (i + 1) & (m->capacity - 1);
}

void *map_get(const struct map *m, uint64_t hash, const void *key)
{
    if (m->count == 0)
        return NULL;
    for (size_t i = home(m, hash); m->slots[i].value; i = after(m, i)) {
        const struct map_slot *slot = &m->slots[i];
        if (slot->hash == hash && m->equal(slot->value, key))
            return slot->value;
    }
    return NULL;
}

static void put(struct map *m, struct map_slot slot)
{
    size_t i = home(m, slot.hash);
    while (m->slots[i].value)
        i = after(m, i);
    m->slots[i] = slot;
}

static int grow(struct map *m)
{
    if (m->capacity > SIZE_MAX / sizeof(struct map_slot) / 2)
        return ELOQ_NO_MEMORY;
    size_t capacity = MAX(m->capacity * 2, CAPACITY_MIN);
    struct map_slot *slots = mem_zalloc(m->mem, m->who, capacity * sizeof(*slots));
    if (!slots)
        return ELOQ_NO_MEMORY;
    struct map old = *m;
    m->slots = slots;
    m->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].value)
            put(m, old.slots[i]);
    mem_free(m->mem, old.slots);
    return ELOQ_OK;
}

/* At most three quarters full: chains stay short, and one slot is always empty. */
int map_reserve(struct map *m)
{
    return m->count < m->capacity / 4 * 3 ? ELOQ_OK : grow(m);
}

int map_put(struct map *m, uint64_t hash, void *value)
{
    CHECK(value != NULL);
    TRY(map_reserve(m));
    put(m, (struct map_slot){ .hash = hash, .value = value });
    m->count++;
    return ELOQ_OK;
}

void map_remove(struct map *m, uint64_t hash, const void *value)
{
    CHECK(m->count > 0 && value != NULL);
    size_t mask = m->capacity - 1;
    size_t hole = home(m, hash);
    while (m->slots[hole].value != value) {
        CHECK(m->slots[hole].value != NULL); /* it must be in it */
        hole = after(m, hole);
    }
    /* Moves back each follower whose home is not between the hole and where it is. */
    for (size_t i = after(m, hole); m->slots[i].value; i = after(m, i)) {
        size_t wished = home(m, m->slots[i].hash);
        if (((i - wished) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole].value = NULL;
    m->count--;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->capacity) {
        void *value = m->slots[(*at)++].value;
        if (value)
            return value;
    }
    return NULL;
}

uint64_t hash_bytes(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

uint64_t hash_mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (b * UINT64_C(0x9E3779B97F4A7C15))) + UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ (h >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ (h >> 27)) * UINT64_C(0x94D049BB133111EB);
    return h ^ (h >> 31);
}
