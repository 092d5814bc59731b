/* part/remove.h -- an empty partition leaves the disk. Specification: engine.md 7.6, 8; format.md
 * 16.
 *
 *     wtx_free_all, commit:   the manifest says that nothing is mapped        (old durable state)
 *     data files, .tmp        unlinked
 *     directory               fsync: a manifest without data files is empty, but data files without
 * a manifest are damage manifest                unlinked directory               rmdir; fsync of
 * the store path                  (absent partition)
 *
 * A crash on the way leaves an empty partition, or none. */
#pragma once

#include "part/part.h"

/* Whether nothing is in it, no older snapshot is read, and its removal was asked for
 * (p->wants_removal). */
bool part_can_remove(const struct part *p);
/* Removes it, under the write slot, with no write open; it is then as one that was never written.
 * One that was not written yet loses what an unfinished first commit left. ELOQ_OK; 1 when archives
 * keep it; or a failure. */
int part_remove(struct task *t, struct part *p);
