/* part/wtx_private.h -- what the collecting of a write and its commit share. */
#pragma once

#include "part/wtx.h"

/* Writes the waiting pages. When that fails they are given up too: the write ends. */
int wtx_flush(struct task *t, struct wtx *w);
/* Those of `ids` that `map` does not use can be used by the next write. */
void wtx_give_ids(struct part *p, const struct mapping *map, const struct page_id *ids,
                  size_t count);
void wtx_free_arrays(struct wtx *w);
