/* base/map.h -- open-addressing hash map from a 64-bit hash and an equality test to a pointer.
 *
 * The map stores pointers to the caller's objects and their hashes; the caller says when two are
 * equal. Removal by backward shift, so there are no tombstones. Not thread-safe. */
#pragma once

#include "base/mem.h"

struct map_slot {
    uint64_t hash;
    void *value; /* NULL = empty */
};

struct map {
    struct mem *mem;
    enum mem_consumer who;
    struct map_slot *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
    bool (*equal)(const void *value, const void *key);
};

void map_init(struct map *m, struct mem *mem, enum mem_consumer who,
              bool (*equal)(const void *value, const void *key));
void map_free(struct map *m); /* the table only, not the values */
void *map_get(const struct map *m, uint64_t hash, const void *key);
/* Room for one more, so that the next map_put cannot fail: 0 or ELOQ_NO_MEMORY. */
int map_reserve(struct map *m);
/* The key must not be in it. 0 or ELOQ_NO_MEMORY. */
int map_put(struct map *m, uint64_t hash, void *value);
/* Removes exactly this pointer. */
void map_remove(struct map *m, uint64_t hash, const void *value);
/* Walks all values: start with *at = 0; NULL at the end. Do not change the map meanwhile. */
void *map_next(const struct map *m, size_t *at);

/* Hashes of keys. */
uint64_t hash_bytes(const void *data, size_t size);
uint64_t hash_mix(uint64_t a, uint64_t b);
