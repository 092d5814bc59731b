/* eloqstore/progress.h -- a progress bar on a terminal's standard error. */
#pragma once

#include "base/common.h"

struct progress {
    bool is_shown;
    uint64_t total_bytes; /* of the input; 0 = not known */
    uint64_t begin_ns, last_ns;
    bool has_line; /* something stands on the line */
};

void progress_begin(struct progress *p, bool is_shown, uint64_t total_bytes);
/* Cheap: draws at most ten times a second. */
void progress_at(struct progress *p, uint64_t bytes, uint64_t pairs);
/* Clears the line; returns the seconds since the beginning. */
double progress_end(struct progress *p);
