/* tests/unit/tree/golden.h -- a store the reference wrote, and every pair that is in it. */
#pragma once

#include "harness.h"

struct golden_pair {
    char *part; /* "table.partition" */
    uint8_t *key;
    size_t key_size;
    uint64_t digest, value_size, timestamp, expire_at;
};

struct golden {
    const char *name;
    char paths[4096];
    struct harness_config config;
    struct golden_pair *pairs; /* sorted by partition, key */
    size_t count;
};

extern const char *const golden_names[];
extern const size_t golden_name_count;

/* false: the golden stores are not there. With `copy`, the store is copied into this directory
 * first and opened there. */
bool golden_load(struct golden *g, const char *name, const char *copy);
void golden_free(struct golden *g);
/* Pairs [*ret_from, *ret_to) are of the partition that begins at `from`. false at the end. */
bool golden_part(const struct golden *g, size_t from, size_t *ret_to, char *table, size_t size,
                 uint32_t *ret_partition);
