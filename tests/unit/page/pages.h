/* tests/unit/page/pages.h -- what the page tests share: seeds, random sorted pairs, pages on the
 * heap (of exactly their size, so that the sanitizer sees a step outside), entries written by hand.
 */
#pragma once

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coding.h"
#include "base/rand.h"
#include "base/slice.h"
#include "page/leaf_build.h"
#include "page/page.h"

static const uint32_t page_sizes[] = { 4096, 8192, 12288, 16384, 28672, 32768, 61440 };
static const uint32_t intervals[] = { 1, 2, 16, 1000 };

/* ELOQ_TEST_SEED, or a new one; printed, since the test may end by a signal. */
static inline uint64_t start_seed(struct rand *r, const char *test)
{
    const char *given = getenv("ELOQ_TEST_SEED");
    uint64_t seed;
    if (given) {
        seed = strtoull(given, NULL, 0);
    } else {
        rand_seed_system(r);
        seed = rand_u64(r);
    }
    fprintf(stderr, "%s: ELOQ_TEST_SEED=%" PRIu64 "\n", test, seed);
    rand_seed(r, seed);
    return seed;
}

static inline void *xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        abort();
    return p;
}

static inline eloq_slice copy_slice(eloq_slice s)
{
    uint8_t *p = xmalloc(s.size);
    if (s.size > 0)
        memcpy(p, s.data, s.size);
    return eloq_bytes(p, s.size);
}

/* Keys with long and short common prefixes, 1 to max bytes. */
static inline eloq_slice random_key(struct rand *r, size_t max)
{
    size_t size = 1 + (rand_below(r, 4) == 0 ? rand_below(r, max) : rand_below(r, MIN(max, 24)));
    uint8_t *p = xmalloc(size);
    uint64_t alphabet = rand_below(r, 8) == 0 ? 256 : 3;
    for (size_t i = 0; i < size; i++)
        p[i] = (uint8_t)(rand_below(r, alphabet) + (alphabet == 3 ? 'a' : 0));
    return eloq_bytes(p, size);
}

static inline int compare_keys(const void *a, const void *b)
{
    return slice_compare(*(const eloq_slice *)a, *(const eloq_slice *)b);
}

/* At most n keys, ascending strictly; returns how many. */
static inline size_t random_keys(struct rand *r, eloq_slice *keys, size_t n, size_t max)
{
    for (size_t i = 0; i < n; i++)
        keys[i] = random_key(r, max);
    qsort(keys, n, sizeof(*keys), compare_keys);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && slice_equal(keys[i], keys[kept - 1]))
            free((void *)(uintptr_t)keys[i].data);
        else
            keys[kept++] = keys[i];
    }
    return kept;
}

static inline void free_keys(eloq_slice *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free((void *)(uintptr_t)keys[i].data);
}

static inline uint64_t random_timestamp(struct rand *r)
{
    switch (rand_below(r, 6)) {
    case 0:
        return 0;
    case 1:
        return INT64_MAX;
    case 2:
        return rand_u64(r); /* half of them are clamped */
    case 3:
        return rand_below(r, 200);
    default:
        return UINT64_C(1700000000000000) + rand_below(r, 1000000);
    }
}

static inline uint64_t random_expiry(struct rand *r)
{
    switch (rand_below(r, 6)) {
    case 0:
        return UINT64_MAX;
    case 1:
        return 1 + rand_below(r, 300);
    case 2:
        return UINT64_C(1893456000000) + rand_below(r, 100000);
    default:
        return 0;
    }
}

static inline struct entry random_entry(struct rand *r, eloq_slice key, uint32_t page_bytes)
{
    static uint8_t noise[61440];
    if (noise[0] == 0)
        for (size_t i = 0; i < sizeof(noise); i++)
            noise[i] = (uint8_t)(rand_u64(r) | 1);
    struct entry e = { .key = key };
    size_t size = rand_below(r, 20) == 0 ? rand_below(r, page_bytes) : rand_below(r, 60);
    e.is_overflow = rand_below(r, 10) == 0;
    if (e.is_overflow)
        size = 4 * (1 + rand_below(r, 128));
    e.value = eloq_bytes(noise + rand_below(r, sizeof(noise) - size), size);
    e.compression = (enum compression)rand_below(r, 3);
    e.timestamp = random_timestamp(r);
    e.expire_at = random_expiry(r);
    return e;
}

static inline bool same_entry(const struct entry *a, const struct entry *stored)
{
    return slice_equal(a->key, stored->key) && slice_equal(a->value, stored->value)
           && MIN(a->timestamp, (uint64_t)INT64_MAX) == stored->timestamp
           && a->expire_at == stored->expire_at && a->is_overflow == stored->is_overflow
           && a->compression == stored->compression;
}

static inline bool all_zero(const uint8_t *p, size_t n)
{
    while (n > 0 && *p == 0)
        p++, n--;
    return n == 0;
}

/* A page written by hand. */
struct raw {
    uint8_t *page;
    uint32_t page_bytes;
    uint32_t used;
    uint16_t restarts[64];
    uint32_t restart_count;
};

static inline struct raw raw_begin(enum page_type type)
{
    struct raw w = { .page_bytes = 4096, .used = LEAF_HEADER_BYTES };
    w.page = calloc(1, w.page_bytes);
    w.page[PAGE_TYPE_AT] = (uint8_t)type;
    if (type != PAGE_DATA)
        w.used = INDEX_HEADER_BYTES;
    else
        memset(w.page + LEAF_PREV_AT, 0xff, 8);
    return w;
}

static inline void raw_restart(struct raw *w)
{
    w->restarts[w->restart_count++] = (uint16_t)w->used;
}

static inline void raw_varint(struct raw *w, uint64_t v)
{
    w->used = (uint32_t)(put_varint(w->page + w->used, v) - w->page);
}

static inline void raw_bytes(struct raw *w, const void *bytes, size_t n)
{
    memcpy(w->page + w->used, bytes, n);
    w->used += (uint32_t)n;
}

/* A data page entry: key part, flags and value, and the coded timestamp difference. */
static inline void raw_entry(struct raw *w, uint32_t shared, const char *fresh, uint32_t flags,
                             const char *value, uint64_t delta)
{
    raw_varint(w, shared);
    raw_varint(w, strlen(fresh));
    raw_varint(w, strlen(value) << ENTRY_LENGTH_SHIFT | flags);
    raw_bytes(w, fresh, strlen(fresh));
    raw_bytes(w, value, strlen(value));
    raw_varint(w, delta);
}

/* An index page entry. */
static inline void raw_child(struct raw *w, uint32_t shared, const char *fresh, uint64_t delta)
{
    raw_varint(w, shared);
    raw_varint(w, strlen(fresh));
    raw_bytes(w, fresh, strlen(fresh));
    raw_varint(w, delta);
}

static inline void raw_finish(struct raw *w)
{
    uint8_t *p = w->page + w->used;
    for (uint32_t i = 0; i < w->restart_count; i++, p += 2)
        put_u16(p, w->restarts[i]);
    put_u16(p, (uint16_t)w->restart_count);
    put_u16(w->page + PAGE_LENGTH_AT, (uint16_t)(p + 2 - w->page));
}
