/* base/bytes.h -- a byte buffer that grows. */
#pragma once

#include "base/mem.h"

struct bytes {
    struct mem *mem;
    enum mem_consumer who;
    uint8_t *data;
    size_t size;
    size_t capacity;
    bool failed; /* an append ran out of memory; later appends do nothing */
};

void bytes_init(struct bytes *b, struct mem *m, enum mem_consumer who);
void bytes_free(struct bytes *b); /* keeps it usable, empty */
/* 0 or ELOQ_NO_MEMORY; room for `more` bytes behind size. */
int bytes_reserve(struct bytes *b, size_t more);
/* Appends; on failure sets b->failed, which the caller tests once at the end. */
void bytes_add(struct bytes *b, const void *data, size_t n);
void bytes_add_zeros(struct bytes *b, size_t n);
void bytes_add_u8(struct bytes *b, uint8_t v);
void bytes_add_u32(struct bytes *b, uint32_t v);
void bytes_add_u64(struct bytes *b, uint64_t v);
void bytes_add_varint(struct bytes *b, uint64_t v);
