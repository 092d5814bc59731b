/* part/gc.h -- removes files of a partition that nothing needs any more. Under the write slot, with
 * no write open but where it says so. Specification: engine.md 7.2; format.md 16.
 *
 * Append mode: a data file goes when no snapshot in memory sees a page of it and no archive needs
 * it. What made it garbage is durable, since it was published. Files without an owner (of commits
 * that were aborted or never became durable) and leftovers named .tmp are looked for once, in both
 * modes.
 *
 * While an archive cannot be read, nobody knows what it needs: nothing is removed. */
#pragma once

#include "part/part.h"

/* Removes what is garbage, a bounded number of files: 1 when there is more, ELOQ_OK, or a failure,
 * after which what is left is still known as garbage. */
int part_gc(struct task *t, struct part *p);
/* Whether part_gc has something to do. */
bool part_has_garbage(const struct part *p);
/* Looks for files without an owner, in a write that has not put anything yet. */
int part_gc_orphans(struct task *t, struct part *p);
/* An archive of this partition was made, or removed: which files they need is read anew when it is
 * needed next. Call it, then part_gc. */
void part_gc_archives_changed(struct part *p);
/* Reads which files archives need, unless that is known: ELOQ_OK, 1 when one cannot be read
 * (nothing may be removed), or a failure. Append mode. */
int part_gc_archives(struct task *t, struct part *p);
