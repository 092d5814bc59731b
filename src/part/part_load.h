/* part/part_load.h -- a partition's state from its manifest on disk. Specification: format.md
 * 3, 13. */
#pragma once

#include "part/part.h"

/* Fills a new, empty partition. ELOQ_OK; ELOQ_NOT_FOUND: never written, or its first commit did not
 * finish; or a failure, after which it must be closed. */
int part_load(struct task *t, struct part *p);
