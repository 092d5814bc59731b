/* sim/sim_clock.c -- a clock that moves when told. */
#include "sim/sim_clock.h"

static uint64_t mono_ns(void *user)
{
    return ((struct sim_clock *)user)->mono_ns;
}

static uint64_t wall_us(void *user)
{
    const struct sim_clock *c = user;

    return c->wall_us + c->mono_ns / 1000;
}

void sim_clock_init(struct sim_clock *c, uint64_t wall)
{
    *c = (struct sim_clock){ .clock = { mono_ns, wall_us, c }, .wall_us = wall };
}

void sim_clock_advance(struct sim_clock *c, uint64_t ns)
{
    c->mono_ns += ns;
}

void sim_clock_set_wall(struct sim_clock *c, uint64_t wall)
{
    c->wall_us = wall - c->mono_ns / 1000;
}
