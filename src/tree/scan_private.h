/* tree/scan_private.h -- what scan.c asks of scan_window.c. */
#pragma once

#include "tree/scan.h"

/* A bound of a leaf in the window; lent until the window is filled again. */
static inline eloq_slice scan_bound(const struct tree_scan *scan, size_t at, size_t size)
{
    return size ? eloq_bytes(scan->bounds.data + at, size) : eloq_bytes(NULL, 0);
}

/* Lists and reads the next leaves: at least one, or a failure. The window must be used up. */
int scan_window_fill(struct task *t, struct tree_scan *scan);
/* The leaf at the front is used up. */
void scan_window_next(struct tree_scan *scan);
/* Gives back the leaves from number `from` on. */
void scan_window_drop(struct tree_scan *scan, size_t from);
