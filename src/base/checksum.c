/* base/checksum.c -- the one checksum used on disk. */
#include "base/checksum.h"

#include <xxhash.h>

#define RECORD_CHUNK_BYTES ((size_t)1 << 20)
#define RECORD_FACTOR UINT64_C(0x9E3779B97F4A7C15)

uint64_t checksum64(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

uint64_t checksum_record(const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t h = 0;

    while (size > 0) {
        size_t n = MIN(size, RECORD_CHUNK_BYTES);
        h = ((h << 1) | (h >> 63)) ^ XXH3_64bits(p, n);
        h *= RECORD_FACTOR;
        p += n;
        size -= n;
    }
    return h;
}
