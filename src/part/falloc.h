/* part/falloc.h -- which file page comes next: append, or reuse. Owned by the partition; a write
 * takes from it and gives back what it took if it is aborted. Specification: format.md 13.3, 14. */
#pragma once

#include "base/bitset.h"
#include "page/format.h"

struct falloc {
    struct mem *mem;
    bool append;
    uint64_t next;      /* max_fp: the lowest place never handed out */
    struct bitset free; /* in-place mode: places below next that nobody uses */
    uint64_t used_end;  /* in-place mode: every place from here to next is free; may be higher than
                           it need be */
    uint64_t leaked;    /* places lost until the next open, for want of memory */
};

void falloc_init(struct falloc *a, struct mem *m, bool append, uint64_t next);
void falloc_deinit(struct falloc *a);
/* While loading, in-place mode: all places below next are free ... ELOQ_OK, ELOQ_NO_MEMORY, or
 * ELOQ_NO_SPACE when next is beyond what this mode can hold. Costs time and memory by `next`. */
int falloc_free_all(struct falloc *a);
/* ... but this one. False if it is not free or not below next: two pages claim it, or the next
 * place that the manifest names is wrong. */
bool falloc_use(struct falloc *a, struct file_page place);
/* In-place: the lowest free place, else next++. Append: next++. ELOQ_OK, ELOQ_NO_MEMORY, or
 * ELOQ_NO_SPACE at the format's limit. */
int falloc_take(struct falloc *a, struct file_page *ret);
/* In-place: from here on to `next` every place is free. Amortised constant. */
uint64_t falloc_used_end(struct falloc *a);
/* In-place: lowers `next` to that, at most `steps` places a call; true while there is more. */
bool falloc_cut(struct falloc *a, uint64_t steps);
/* A place nobody can read any more. Append mode: nothing to do. Cannot fail. */
void falloc_give(struct falloc *a, struct file_page place);
