/* file/pagefiles_private.h -- what the parts of pagefiles share. */
#pragma once

#include "file/pagefiles.h"

#define PAGEFILES_REQUESTS_MAX 128 /* operations under way for one call */

/* Whether a page that was read is whole and right; fails the task if not. */
int pagefiles_check_page(struct task *t, const struct pagefiles *f, struct file_page place,
                         const uint8_t *data, bool is_inside);
/* The file is not to be synced any more. */
void pagefiles_forget_unsynced(struct pagefiles *f, uint64_t file_id);
