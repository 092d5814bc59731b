/* bench/data.c -- see data.h. */
#include "data.h"

#include <string.h>

uint64_t data_mix(uint64_t x)
{
    x ^= x >> 31;
    x *= UINT64_C(0x7fb5d329728ea185);
    x ^= x >> 27;
    x *= UINT64_C(0x81dadef4bc2dd44d);
    return x ^ (x >> 33);
}

uint64_t data_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

void data_key(char *ret, uint64_t index)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = index << 40 | data_mix(index) >> 24;
    for (int i = 15; i >= 0; i--, bits >>= 4)
        ret[i] = digits[bits & 15];
}

/* The 8 bytes at `offset` of the noise; each stands alone, so that a compiler can do several. */
static uint64_t noise(uint64_t seed, size_t offset)
{
    uint64_t x = (seed + offset) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ (x >> 29);
}

static size_t noise_end(size_t size)
{
    return size / 2 / 8 * 8 + 8;
}

static int letter(uint64_t index)
{
    return 'a' + (int)(index % 26);
}

void data_value(char *ret, size_t size, uint64_t index, uint64_t version)
{
    uint64_t seed = data_mix(index ^ version << 24);
    size_t end = noise_end(size);
    memcpy(ret, &version, 8);
    for (size_t i = 8; i < end; i += 8) {
        uint64_t word = noise(seed, i);
        memcpy(ret + i, &word, 8);
    }
    memset(ret + end, letter(index), size - end);
}

bool data_value_is(const void *value, size_t size, size_t wanted_size, uint64_t index)
{
    if (size != wanted_size)
        return false;
    const char *bytes = value;
    uint64_t version;
    memcpy(&version, bytes, 8);
    uint64_t seed = data_mix(index ^ version << 24);
    uint64_t difference = 0;
    size_t end = noise_end(size);
    for (size_t i = 8; i < end; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        difference |= word ^ noise(seed, i);
    }
    uint64_t wanted = UINT64_C(0x0101010101010101) * (uint64_t)letter(index);
    for (; end + 8 <= size; end += 8) {
        uint64_t word;
        memcpy(&word, bytes + end, 8);
        difference |= word ^ wanted;
    }
    for (; end < size; end++)
        difference |= (uint64_t)(bytes[end] ^ letter(index));
    return difference == 0;
}
