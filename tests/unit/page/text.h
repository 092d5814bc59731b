/* tests/unit/page/text.h -- values that compress, and a dictionary for them. */
#pragma once

#include <zdict.h>

#include "pages.h"

/* A value of English-like noise. */
static inline void fill(struct rand *r, char *p, size_t size)
{
    static const char *words[] = { "apple ", "store ", "partition ", "manifest ", "page ",
                                   "the ",   "value ", "is ",        "42 ",       "long " };
    size_t at = 0;
    while (at < size) {
        const char *word = words[rand_below(r, ARRAY_LEN(words))];
        size_t n = MIN(strlen(word), size - at);
        memcpy(p + at, word, n);
        at += n;
    }
}

/* A trained dictionary, kept whole as the format wants it. */
static inline void train(struct rand *r, uint8_t *ret_dict)
{
    enum { SAMPLES = 2000, EACH = 300 };
    char *samples = xmalloc(SAMPLES * EACH);
    size_t sizes[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        fill(r, samples + i * EACH, EACH);
        sizes[i] = EACH;
    }
    memset(ret_dict, 0, DICT_BYTES);
    ck_assert(!ZDICT_isError(ZDICT_trainFromBuffer(ret_dict, DICT_BYTES, samples, sizes, SAMPLES)));
    free(samples);
}
