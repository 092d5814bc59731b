/* base/coding.c -- the reader that cannot overrun. */
#include "base/coding.h"

bool reader_u8(struct reader *r, uint8_t *ret)
{
    if (reader_left(r) < 1)
        return false;
    *ret = *r->pos++;
    return true;
}

bool reader_u32(struct reader *r, uint32_t *ret)
{
    if (reader_left(r) < 4)
        return false;
    *ret = get_u32(r->pos);
    r->pos += 4;
    return true;
}

bool reader_u64(struct reader *r, uint64_t *ret)
{
    if (reader_left(r) < 8)
        return false;
    *ret = get_u64(r->pos);
    r->pos += 8;
    return true;
}

/* A varint of at most bytes_max bytes and at most bits_max bits. */
static bool read_varint(struct reader *r, unsigned bytes_max, unsigned bits_max, uint64_t *ret)
{
    const uint8_t *end = reader_left(r) > bytes_max ? r->pos + bytes_max : r->end;
    uint64_t value = 0;
    unsigned shift = 0;

    for (const uint8_t *p = r->pos; p < end; p++, shift += 7) {
        uint64_t group = *p & 0x7f;
        unsigned room = bits_max - shift;
        if (room < 7 && (group >> room) != 0)
            return false;
        value |= group << shift;
        if (*p < 0x80) {
            r->pos = p + 1;
            *ret = value;
            return true;
        }
    }
    return false;
}

bool reader_v32(struct reader *r, uint32_t *ret)
{
    uint64_t value;

    if (likely(reader_left(r) > 0 && *r->pos < 0x80)) {
        *ret = *r->pos++;
        return true;
    }
    if (!read_varint(r, VARINT32_MAX_BYTES, 32, &value))
        return false;
    *ret = (uint32_t)value;
    return true;
}

bool reader_v64(struct reader *r, uint64_t *ret)
{
    if (likely(reader_left(r) > 0 && *r->pos < 0x80)) {
        *ret = *r->pos++;
        return true;
    }
    return read_varint(r, VARINT64_MAX_BYTES, 64, ret);
}
