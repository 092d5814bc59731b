/* fuzz/fuzz.h -- what the fuzz targets share: the entry, cutting an input into parts, promises.
 *
 * A target is one LLVMFuzzerTestOneInput; libFuzzer drives it, or fuzz/main.c where there is none.
 * Bytes that a decoder gets lie in a block of exactly their size, so that the sanitizer sees a step
 * outside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eloqstore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise ends the process: the driver keeps the input. */
#define PROMISE(is_kept)                                                                  \
    do {                                                                                  \
        if (!(is_kept)) {                                                                 \
            fprintf(stderr, "%s:%d: promise broken: %s\n", __FILE__, __LINE__, #is_kept); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

/* What is left of an input. Beyond its end there are zeros. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};

static inline uint8_t fuzz_u8(struct fuzz_input *in)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->data++;
}

static inline uint16_t fuzz_u16(struct fuzz_input *in)
{
    uint16_t low = fuzz_u8(in);
    return (uint16_t)(low | fuzz_u8(in) << 8);
}

/* At most `size` bytes, borrowed. */
static inline eloq_slice fuzz_bytes(struct fuzz_input *in, size_t size)
{
    size_t n = size < in->size ? size : in->size;
    eloq_slice s = eloq_bytes(in->data, n);
    in->data += n;
    in->size -= n;
    return s;
}

static inline void *fuzz_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        abort();
    return p;
}

/* A copy of exactly these bytes, the caller's. */
static inline uint8_t *fuzz_copy(const void *data, size_t size)
{
    uint8_t *p = fuzz_alloc(size);
    if (size > 0)
        memcpy(p, data, size);
    return p;
}

/* The same as text, ended by a NUL. */
static inline char *fuzz_text(const void *data, size_t size)
{
    char *p = fuzz_alloc(size + 1);
    if (size > 0)
        memcpy(p, data, size);
    p[size] = '\0';
    return p;
}
