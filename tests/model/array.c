/* model/array.c -- a sorted array with a slot for every key there may be. */
#include "model/array.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "base/rand.h"
#include "model/model.h"

static struct {
    uint8_t *data;
    size_t size;
} * keys;
static unsigned key_count;

/* ---- keys ---- */

static int compare_keys(const void *a, const void *b)
{
    const __typeof__(*keys) *x = a, *y = b;

    return model_compare(x->data, x->size, y->data, y->size);
}

/* Its number is in it, so no two are equal: plain, binary and long, behind a long common prefix,
 * short. */
static size_t make_key(struct rand *r, unsigned n, uint8_t *key, size_t longest)
{
    size_t at = 0;

    switch (rand_below(r, 16)) {
    case 0:
        memset(key, 'p', longest / 2);
        at = longest / 2;
        break;
    case 1:
        key[at++] = 0xFF;
        break;
    case 2:
        key[at++] = 0;
        break;
    default:
        break;
    }
    for (unsigned shift = 24; shift < 32; shift -= 8)
        key[at++] = (uint8_t)(n >> shift);
    if (rand_below(r, 16) == 0) {
        size_t size = rand_below(r, 4) ? at + rand_below(r, longest - at + 1) : longest;
        while (at < size)
            key[at++] = (uint8_t)rand_u64(r);
    }
    return at;
}

void array_keys_free(void)
{
    for (unsigned i = 0; i < key_count; i++)
        free(keys[i].data);
    free(keys);
    keys = NULL;
    key_count = 0;
}

void array_keys_make(uint64_t seed, unsigned count, size_t longest)
{
    struct rand r;
    uint8_t *key = malloc(longest);

    CHECK(longest >= 16 && key);
    array_keys_free();
    keys = calloc(count, sizeof(*keys));
    CHECK(keys != NULL);
    key_count = count;
    rand_seed(&r, seed);
    for (unsigned i = 0; i < count; i++) {
        keys[i].size = make_key(&r, i, key, longest);
        keys[i].data = malloc(keys[i].size);
        CHECK(keys[i].data != NULL);
        memcpy(keys[i].data, key, keys[i].size);
    }
    free(key);
    qsort(keys, count, sizeof(*keys), compare_keys);
}

eloq_slice array_key(unsigned i)
{
    CHECK(i < key_count);
    return eloq_bytes(keys[i].data, keys[i].size);
}

/* ---- slots ---- */

struct slot *array_new(void)
{
    struct slot *slots = calloc(key_count, sizeof(*slots));

    CHECK(slots != NULL);
    return slots;
}

struct slot *array_copy(const struct slot *slots)
{
    struct slot *copy = malloc(key_count * sizeof(*copy));

    CHECK(copy != NULL);
    memcpy(copy, slots, key_count * sizeof(*copy));
    return copy;
}

void array_expire(struct slot *slots, uint64_t now_ms)
{
    for (unsigned i = 0; i < key_count; i++)
        if (slots[i].expire_at != 0 && slots[i].expire_at <= now_ms)
            slots[i] = (struct slot){ 0 };
}

int array_up(const struct slot *slots, int i, int end)
{
    while (i < end && slots[i].value == 0)
        i++;
    return i < end ? i : -1;
}

int array_down(const struct slot *slots, int i)
{
    while (i >= 0 && slots[i].value == 0)
        i--;
    return i;
}

/* ---- values ---- */

/* Every other one is of few words, so that it can be compressed. */
const uint8_t *array_value(uint32_t value, size_t size)
{
    static const char words[8][9] = { "partition", "manifest ", "key value", "snapshot ",
                                      "archive, ", "of eight ", "and some ", "compacted" };
    static uint8_t *bytes;
    static size_t capacity;
    uint64_t x = hash_mix(value, 7);

    if (size + 16 > capacity) {
        capacity = 2 * size + 64;
        bytes = realloc(bytes, capacity);
        CHECK(bytes != NULL);
    }
    if (value % 2) {
        for (size_t at = 0; at < size; at += sizeof(x), x += UINT64_C(0x9E3779B97F4A7C15))
            memcpy(bytes + at, &x, sizeof(x));
        return bytes;
    }
    for (size_t at = 0; at < size; at += 9) {
        memcpy(bytes + at, words[x & 7], 9);
        x = x >> 3 != 0 ? x >> 3 : hash_mix(value, at);
    }
    return bytes;
}

const char *array_differs(const struct slot *slot, unsigned i, eloq_slice key, eloq_slice value,
                          uint64_t timestamp, uint64_t expire_at)
{
    if (keys[i].size != key.size || memcmp(keys[i].data, key.data, key.size) != 0)
        return "another key";
    if (slot->size != value.size)
        return "a value of another size";
    if (value.size > 0 && memcmp(array_value(slot->value, slot->size), value.data, value.size) != 0)
        return "another value";
    if (slot->timestamp != timestamp)
        return "another timestamp";
    return slot->expire_at != expire_at ? "another expiry" : NULL;
}
