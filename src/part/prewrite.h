/* part/prewrite.h -- what must be durable before the first page of a partition is written.
 * Specification: format.md 3 and 15. */
#pragma once

#include "part/part.h"

/* Does it unless it is done. A partition found on disk: its data files, manifest and directories
 * are flushed, since a kill leaves behind what was never flushed, and a commit built on that could
 * overwrite what the older, durable state needs. A new one: its directory and the marker of an
 * unfinished first commit are made. Then files without an
 * owner are removed (part/gc.h). */
int prewrite(struct task *t, struct part *p);
/* Before the first place is taken of a partition found on disk: an archive may be of a commit whose
 * record is damaged or missing now, and the places that it uses are not handed out again. Append
 * mode; else there is nothing to do. */
int prewrite_keep_archived(struct task *t, struct part *p);
/* Append mode: places go on behind all data files that are there, whoever they belong to. */
int prewrite_skip_files(struct task *t, struct part *p);
