/* base/bytes.c -- a byte buffer that grows. */
#include "base/bytes.h"

#include <string.h>

#include "base/coding.h"
#include "eloqstore.h"

#define SIZE_MIN 64

void bytes_init(struct bytes *b, struct mem *m, enum mem_consumer who)
{
    *b = (struct bytes){ .mem = m, .who = who };
}

void bytes_free(struct bytes *b)
{
    mem_free(b->mem, b->data);
    bytes_init(b, b->mem, b->who);
}

int bytes_reserve(struct bytes *b, size_t more)
{
    if (more <= b->capacity - b->size)
        return ELOQ_OK;
    if (more > PTRDIFF_MAX - b->size)
        return ELOQ_NO_MEMORY;
    size_t capacity = MAX(b->size + more, SIZE_MIN);
    if (b->capacity <= PTRDIFF_MAX / 2)
        capacity = MAX(capacity, b->capacity * 2);
    uint8_t *data = mem_realloc(b->mem, b->who, b->data, capacity);
    if (!data && capacity > b->size + more) { /* as little as will do */
        capacity = b->size + more;
        data = mem_realloc(b->mem, b->who, b->data, capacity);
    }
    if (!data)
        return ELOQ_NO_MEMORY;
    b->data = data;
    b->capacity = capacity;
    return ELOQ_OK;
}

/* Where n more bytes go, or NULL. */
static uint8_t *extend(struct bytes *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (bytes_reserve(b, n) < 0) {
        b->failed = true;
        return NULL;
    }
    uint8_t *at = b->data + b->size;
    b->size += n;
    return at;
}

void bytes_add(struct bytes *b, const void *data, size_t n)
{
    if (n == 0)
        return;
    uint8_t *at = extend(b, n);
    if (at)
        memcpy(at, data, n);
}

void bytes_add_zeros(struct bytes *b, size_t n)
{
    if (n == 0)
        return;
    uint8_t *at = extend(b, n);
    if (at)
        memset(at, 0, n);
}

void bytes_add_u8(struct bytes *b, uint8_t v)
{
    bytes_add(b, &v, 1);
}

void bytes_add_u32(struct bytes *b, uint32_t v)
{
    uint8_t *at = extend(b, sizeof(v));
    if (at)
        put_u32(at, v);
}

void bytes_add_u64(struct bytes *b, uint64_t v)
{
    uint8_t *at = extend(b, sizeof(v));
    if (at)
        put_u64(at, v);
}

void bytes_add_varint(struct bytes *b, uint64_t v)
{
    uint8_t *at = extend(b, varint_size(v));
    if (at)
        put_varint(at, v);
}
