/* tree/scan_private.h -- what scan.c asks of scan_window.c. */
#pragma once

#include "tree/scan.h"

/* A bound of a leaf in the window; lent until the window is filled again. */
static inline eloq_slice scan_bound(const struct scan_window *w, size_t at, size_t size)
{
    return size ? eloq_bytes(w->bounds.data + at, size) : eloq_bytes(NULL, 0);
}

/* Makes the leaves behind the window the window: at least one; ELOQ_END when there are none, or a
 * failure. The window must be used up. */
int scan_window_advance(struct task *t, struct tree_scan *scan);
/* Has the helper read what follows the window, if that is wanted. true: it was started. */
bool scan_window_read_ahead(struct tree_scan *scan);
/* The leaf at the front is used up. */
void scan_window_next(struct tree_scan *scan);
/* Gives back the leaves from number `from` on. */
void scan_window_drop(struct tree_scan *scan, struct scan_window *w, size_t from);
/* Gives back the span, if there is one; the windows are empty. Answers its bytes. */
size_t scan_window_drop_span(struct tree_scan *scan);
