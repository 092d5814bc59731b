/* part/compact.h -- append mode: moves the last pages out of files that hold few, so that the files
 * become garbage. Specification: engine.md 7.1; format.md 16.
 *
 *     file     0: . . 7 . . . . .   sparse: 1 * factor < 8        file 0 is garbage once this
 *     file     1: 3 . 5 8 9 . 2 4   not                           commit is durable and the
 *     file     2: 6 1 (next)        the current file: never       last older reader has left
 *                     ^--- 7
 *
 * A full file stays while pages a file <= factor * live, so that
 *
 *     space <= factor * live + 2 files + what readers and archives pin
 *
 * A step is one ordinary commit of a bounded number of pages, copied unchanged. A file with a page
 * that cannot be read is left as it is: compacted away, the damage would be all that is left. */
#pragma once

#include "part/part.h"

/* Whether a step would move something. `end`: only files with an id below. */
bool part_can_compact(const struct part *p, uint64_t end);
/* The file being filled: what a compaction of the present moment ends at. */
uint64_t part_compact_end(const struct part *p);
/* One step, under the write slot, with no write open: up to `pages_max` pages. ELOQ_OK, 1 when
 * there is more, or a failure. part_gc removes what became garbage. */
int part_compact_step(struct task *t, struct part *p, uint64_t end, uint32_t pages_max);
