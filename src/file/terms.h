/* file/terms.h -- which term stands in the name of each data file. Specification:
 * format.md 12.4, 17.
 *
 * Ids not listed have term 0. Only terms other than 0 are stored. */
#pragma once

#include "base/mem.h"

struct term_entry {
    uint64_t file_id;
    uint64_t term;
};

struct terms {
    struct mem *mem;
    struct term_entry *entries; /* term != 0, sorted by file id */
    size_t count, capacity;
};

void terms_init(struct terms *s, struct mem *m);
void terms_free(struct terms *s);
uint64_t terms_get(const struct terms *s, uint64_t file_id);
int terms_set(struct terms *s, uint64_t file_id, uint64_t term); /* 0 or ELOQ_NO_MEMORY */
/* Sets many at once, in linear time: `sorted` ascends strictly by file id. 0 or ELOQ_NO_MEMORY
 * (then nothing changed). */
int terms_merge(struct terms *s, const struct term_entry *sorted, size_t count);
