/* base/coding.h -- fixed and variable integers, and a reader that cannot overrun.
 * Specification: format.md section 1. */
#pragma once

#include <string.h>

#include "base/common.h"

static inline uint16_t get_u16(const void *p)
{
    const uint8_t *b = p;
    return (uint16_t)(b[0] | (b[1] << 8));
}
static inline uint32_t get_u32(const void *p)
{
    const uint8_t *b = p;
    return (uint32_t)b[0] | ((uint32_t)b[1] << 8) | ((uint32_t)b[2] << 16) | ((uint32_t)b[3] << 24);
}
static inline uint64_t get_u64(const void *p)
{
    return (uint64_t)get_u32(p) | ((uint64_t)get_u32((const uint8_t *)p + 4) << 32);
}
static inline void put_u16(void *p, uint16_t v)
{
    uint8_t *b = p;
    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
}
static inline void put_u32(void *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}
static inline void put_u64(void *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}
static inline uint64_t get_u64_be(const void *p)
{
    return __builtin_bswap64(get_u64(p));
}
static inline void put_u64_be(void *p, uint64_t v)
{
    put_u64(p, __builtin_bswap64(v));
}

#define VARINT32_MAX_BYTES 5
#define VARINT64_MAX_BYTES 10

/* Bytes that `v` takes as a varint. */
static inline unsigned varint_size(uint64_t v)
{
    return v == 0 ? 1 : (unsigned)((63 - __builtin_clzll(v)) / 7 + 1);
}
/* Writes the shortest form; returns its end. */
static inline uint8_t *put_varint(uint8_t *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    return p;
}

/* s-delta: bit 0 is the sign, the rest the magnitude (not the usual zigzag). */
static inline uint64_t sdelta_encode(int64_t d)
{
    return d < 0 ? ((0 - (uint64_t)d) << 1) | 1 : (uint64_t)d << 1;
}
/* false for "minus zero". */
static inline bool sdelta_decode(uint64_t n, int64_t *ret)
{
    if (n == 1)
        return false;
    *ret = (n & 1) ? -(int64_t)(n >> 1) : (int64_t)(n >> 1);
    return true;
}

/* A bounded region being read. A failed read leaves pos alone. */
struct reader {
    const uint8_t *pos;
    const uint8_t *end;
};

static inline struct reader reader_over(const void *data, size_t size)
{
    struct reader r = { data, (const uint8_t *)data + size };
    return r;
}
static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->pos);
}
/* Each returns false when the region is too short or the value does not fit its type. */
bool reader_u8(struct reader *r, uint8_t *ret);
bool reader_u32(struct reader *r, uint32_t *ret);
bool reader_u64(struct reader *r, uint64_t *ret);
bool reader_v32(struct reader *r, uint32_t *ret);
bool reader_v64(struct reader *r, uint64_t *ret);
/* Lends n bytes of the region. */
static inline bool reader_bytes(struct reader *r, size_t n, const uint8_t **ret)
{
    if (reader_left(r) < n)
        return false;
    *ret = r->pos;
    r->pos += n;
    return true;
}

/* As memcpy, for what is mostly shorter than 17 bytes: without a call. */
static inline void copy_short(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;
    uint64_t a, b;
    uint32_t c, d;

    if (unlikely(n > 16)) {
        memcpy(t, f, n);
    } else if (n >= 8) {
        memcpy(&a, f, 8);
        memcpy(&b, f + n - 8, 8);
        memcpy(t, &a, 8);
        memcpy(t + n - 8, &b, 8);
    } else if (n >= 4) {
        memcpy(&c, f, 4);
        memcpy(&d, f + n - 4, 4);
        memcpy(t, &c, 4);
        memcpy(t + n - 4, &d, 4);
    } else if (n > 0) {
        uint8_t first = f[0], middle = f[n / 2], last = f[n - 1];
        t[0] = first;
        t[n / 2] = middle;
        t[n - 1] = last;
    }
}
