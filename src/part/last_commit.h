/* part/last_commit.h -- a commit whose pages were flushed together with its record: whether it is
 * there, found at an open.
 *
 * Such a record says what its pages' checksums are (format.md 12.6). The power may have gone when
 * the record was on the disk and some pages were not: then it never was a commit. */
#pragma once

#include "part/part.h"

/* ELOQ_OK: every page is what the record says. 1: one is not, or its file is missing or short. Or a
 * failure: it cannot be told. Which files there are must be known. */
int last_commit_check(struct task *t, struct part *p, const struct manifest_page *pages,
                      size_t count);
/* Writes the pages of the commit that was found anew, as they were found; to be flushed by the
 * caller. Their flush may have failed before the store was reopened: then the system may show them,
 * hold them for clean and never write them. */
int last_commit_rewrite(struct task *t, struct part *p);
/* That is done, or not needed. */
void last_commit_forget(struct part *p);
