/* base/slice.c -- compare and split borrowed bytes. */
#include "base/slice.h"

#include <string.h>

size_t slice_common(eloq_slice a, eloq_slice b)
{
    const uint8_t *x = a.data, *y = b.data;
    size_t size = MIN(a.size, b.size), n = 0;

    while (n + sizeof(uint64_t) <= size && memcmp(x + n, y + n, sizeof(uint64_t)) == 0)
        n += sizeof(uint64_t);
    while (n < size && x[n] == y[n])
        n++;
    return n;
}

eloq_slice slice_prefix_end(eloq_slice prefix, uint8_t *buf)
{
    const uint8_t *data = prefix.data;
    size_t size = prefix.size;

    while (size > 0 && data[size - 1] == 0xff)
        size--;
    if (size > 0) {
        memcpy(buf, data, size);
        buf[size - 1]++;
    }
    return eloq_bytes(buf, size);
}
