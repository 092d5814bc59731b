/* page/span.h -- many page buffers side by side, for reads that are long.
 *
 * A device has work with each piece of memory that a read goes to. A read of 384 KiB into page
 * buffers from here and there took twice as long as one into a huge page. So a long scan gets such
 * memory for its windows, for as long as it lasts, if the system has huge pages; there are few. */
#pragma once

#include "base/mem.h"

struct spans {
    struct mem *mem;
    size_t bytes; /* of each; 0: there are none */
    size_t left;
};

/* All together take at most so many bytes. */
void spans_init(struct spans *s, struct mem *m, uint64_t bytes);
/* NULL when none is left, or no memory. */
uint8_t *span_get(struct spans *s);
void span_put(struct spans *s, uint8_t *span); /* NULL is fine */
