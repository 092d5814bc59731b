/* part/pace.h -- whether a write should leave the device to point reads.
 *
 * What a write has before the device at once, a read that comes waits for. So writes look, each
 * time before they submit pages: where a point read was asked for lately, they submit few. Lately
 * is: since so many looks as a batch of some hundred pages takes. */
#pragma once

#include "base/common.h"

#define PACE_LOOKS 64

struct pace {
    uint64_t reads; /* so many were asked for */
    uint64_t seen;  /* when it was looked at last */
    uint32_t looks; /* since there was a new one */
};

static inline void pace_add_read(struct pace *p)
{
    p->reads++;
}

static inline bool pace_is_wanted(struct pace *p)
{
    if (p->reads != p->seen)
        p->looks = 0;
    p->seen = p->reads;
    return p->reads > 0 && p->looks++ < PACE_LOOKS;
}
