/* tests/model/model.h -- what a partition should hold: a sorted array of pairs, with the write rule
 * of engine.md 1.3. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct model_pair {
    uint8_t *key;
    size_t key_size;
    uint8_t *value;
    size_t value_size;
    uint64_t timestamp;
    uint64_t expire_at;
};

struct model {
    struct model_pair *pairs;
    size_t count, capacity;
};

void model_free(struct model *m);
/* `to` is empty before. */
void model_copy(struct model *to, const struct model *from);
int model_compare(const void *a, size_t a_size, const void *b, size_t b_size);
/* The first pair with key >= `key`. */
size_t model_lower(const struct model *m, const void *key, size_t size);
struct model_pair *model_find(const struct model *m, const void *key, size_t size);
/* Removes every pair with key >= `from`. */
void model_truncate(struct model *m, const void *from, size_t size);
/* Applies one entry; false: skipped, an explicit timestamp older than the stored pair's. An upsert
 * that has expired acts as a delete. */
bool model_put(struct model *m, const void *key, size_t key_size, const void *value,
               size_t value_size, uint64_t timestamp, uint64_t expire_at, uint64_t now_ms);
bool model_delete(struct model *m, const void *key, size_t size, uint64_t timestamp);
