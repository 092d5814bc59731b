/* eloqstore/progress.c -- a progress bar on a terminal's standard error. */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"

#define DRAW_EVERY_NS 100000000u
#define BAR_CELLS 30

void progress_begin(struct progress *p, bool is_shown, uint64_t total_bytes)
{
    *p = (struct progress){ .is_shown = is_shown, .total_bytes = total_bytes };
    p->begin_ns = clock_mono_ns(&clock_system);
}

static double seconds_since(const struct progress *p, uint64_t now_ns)
{
    return (double)(now_ns - p->begin_ns) / 1e9;
}

void progress_at(struct progress *p, uint64_t bytes, uint64_t pairs)
{
    if (!p->is_shown)
        return;
    uint64_t now_ns = clock_mono_ns(&clock_system);
    if (now_ns - p->last_ns < DRAW_EVERY_NS)
        return;
    p->last_ns = now_ns;
    p->has_line = true;
    fputc('\r', stderr);
    if (p->total_bytes > 0) {
        double part = (double)MIN(bytes, p->total_bytes) / (double)p->total_bytes;
        int full = (int)(part * BAR_CELLS);
        fputc('[', stderr);
        for (int i = 0; i < BAR_CELLS; i++)
            fputc(i < full ? '#' : '.', stderr);
        fprintf(stderr, "] %3d%%  ", (int)(part * 100));
    }
    double s = seconds_since(p, now_ns);
    fprintf(stderr, "%" PRIu64 " pairs  %.0f pairs/s\033[K", pairs,
            s > 0 ? (double)pairs / s : 0.0);
    fflush(stderr);
}

double progress_end(struct progress *p)
{
    if (p->has_line)
        fputs("\r\033[K", stderr);
    p->has_line = false;
    return seconds_since(p, clock_mono_ns(&clock_system));
}
