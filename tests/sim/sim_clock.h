/* sim/sim_clock.h -- a clock that moves when told. */
#pragma once

#include "base/clock.h"

struct sim_clock {
    struct clock clock; /* hand out &clock */
    uint64_t mono_ns;
    uint64_t wall_us;
};

void sim_clock_init(struct sim_clock *c, uint64_t wall_us);
void sim_clock_advance(struct sim_clock *c, uint64_t ns);
/* Wall time alone: the host's clock was set. */
void sim_clock_set_wall(struct sim_clock *c, uint64_t wall_us);
