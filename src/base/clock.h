/* base/clock.h -- time, as something that can be replaced. */
#pragma once

#include "base/common.h"

struct clock {
    uint64_t (*mono_ns)(void *user); /* never goes back */
    uint64_t (*wall_us)(void *user); /* microseconds since 1970 */
    void *user;
};

extern const struct clock clock_system;

static inline uint64_t clock_mono_ns(const struct clock *c)
{
    return c->mono_ns(c->user);
}
static inline uint64_t clock_wall_us(const struct clock *c)
{
    return c->wall_us(c->user);
}
