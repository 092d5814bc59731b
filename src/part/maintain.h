/* part/maintain.h -- what a partition gives back to the disk when a commit or the end of a reader
 * made it possible: its directory (remove.h), garbage (gc.h), the tail of its files (shrink.h). */
#pragma once

#include "part/part.h"

/* Under the write slot, with no write open; a bounded step. 1 when there is more, ELOQ_OK, or a
 * failure. part_needs_maintenance (part.h) says whether there is anything to do. */
int part_maintain(struct task *t, struct part *p);
