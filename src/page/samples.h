/* page/samples.h -- values seen, and the dictionary trained of them. Specification: format.md 8. */
#pragma once

#include "base/bytes.h"
#include "base/slice.h"
#include "page/format.h"

#define SAMPLES_BYTES 1638400u /* values of so many bytes together are enough */
#define SAMPLES_LEAST 5u       /* of them, where there are as many */
/* Of a larger value only its beginning is kept: training looks at little more, and so what is kept
 * stays below SAMPLES_BYTES + SAMPLES_LEAST of these. */
#define SAMPLE_KEPT_BYTES (128u << 10)
/* What training takes of the system meanwhile, about: it knows no allocator but malloc. */
#define SAMPLES_TRAINING_BYTES ((size_t)16 << 20)

struct samples {
    struct bytes kept;
    size_t *sizes; /* of what is kept of each */
    size_t count, capacity;
    uint64_t bytes; /* of the whole values */
};

/* Whether values of this size are compressed with a dictionary. */
static inline bool samples_want(size_t size)
{
    return size >= COMPRESS_BYTES_MIN && size <= COMPRESS_DICT_BYTES_MAX;
}

void samples_init(struct samples *s, struct mem *m);
void samples_free(struct samples *s); /* keeps it usable, empty */
/* ELOQ_OK or ELOQ_NO_MEMORY. */
int samples_add(struct samples *s, eloq_slice value);
static inline bool samples_enough(const struct samples *s)
{
    return s->bytes >= SAMPLES_BYTES;
}
/* Trains into DICT_BYTES bytes, unused ones zero: ELOQ_OK, or 1 when these samples make no
 * dictionary. Takes 0.2 s of CPU and 24 KiB of stack; from any thread. */
int samples_train(const struct samples *s, uint8_t *ret_dict);
