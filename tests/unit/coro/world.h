/* tests/unit/coro/world.h -- a scheduler with a clock that moves when told. */
#pragma once

#include "../base/fail.h"
#include "../base/run.h"
#include "coro/sched.h"

struct world {
    struct mem mem;
    struct clock clock;
    uint64_t now_ns;
    struct sched sched;
};

static inline uint64_t world_now(void *user)
{
    return ((struct world *)user)->now_ns;
}

static inline void world_init(struct world *w)
{
    *w = (struct world){ .now_ns = 1000 };
    w->clock = (struct clock){ .mono_ns = world_now, .wall_us = world_now, .user = w };
    mem_init(&w->mem, 0);
    sched_init(&w->sched, &w->mem, &w->clock, 65536);
}

/* Runs until nothing is ready; rounds are bounded, so that a test that goes astray ends. */
static inline void world_run(struct world *w)
{
    for (int round = 0; sched_has_ready(&w->sched); round++) {
        ck_assert_int_lt(round, 100000);
        sched_run(&w->sched);
    }
}

static inline void world_start(struct world *w, void (*entry)(struct task *t, void *arg), void *arg)
{
    ck_assert_int_eq(task_start(&w->sched, entry, arg), ELOQ_OK);
}

/* Every task has ended, every byte came back. */
static inline void world_deinit(struct world *w)
{
    ck_assert_uint_eq(w->sched.active, 0);
    sched_deinit(&w->sched);
    ck_assert_uint_eq(atomic_load(&w->mem.total), 0);
}
