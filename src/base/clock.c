/* base/clock.c -- the system's time. */
#include "base/clock.h"

#include <time.h>

static uint64_t system_mono_ns(void *user)
{
    (void)user;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t system_wall_us(void *user)
{
    (void)user;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

const struct clock clock_system = { .mono_ns = system_mono_ns, .wall_us = system_wall_us };
