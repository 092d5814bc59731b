/* engine/cleaner.c -- the timer that begins cleanings. */
#include "engine/cleaner.h"

#include "engine/store.h"
#include "engine/writeq.h"

#define AT_ONCE 4
#define WAIT_MS_MOST 60000u /* the wall clock may be set meanwhile */
#define LEASE_MS 60000u     /* a cleaning that has begun says before that when the next is due */

static void fire(struct timer *timer)
{
    struct shard *s = container_of(timer, struct shard, cleaner.timer);
    uint64_t now_ms = shard_now_us(s) / 1000;
    struct heap_node *first;

    s->cleaner.set_for = EXPIRY_NEVER;
    while (s->cleaner.running < AT_ONCE && !cleaner_is_closing(s)
           && (first = heap_first(&s->env.expiries)) && first->key <= now_ms) {
        struct part *p = container_of(first, struct part, expiry.node);
        expiry_postpone(p, now_ms + LEASE_MS);
        if (writeq_clean(s, (eloq_part){ p->table, p->partition }))
            s->cleaner.running++;
    }
}

void cleaner_init(struct shard *s)
{
    timer_init(&s->cleaner.timer, fire);
    s->cleaner.set_for = EXPIRY_NEVER;
    s->cleaner.running = 0;
}

void cleaner_arm(struct shard *s)
{
    struct cleaner *c = &s->cleaner;
    const struct heap_node *first = heap_first(&s->env.expiries);
    uint64_t due_ms = first ? first->key : EXPIRY_NEVER;

    if (c->running >= AT_ONCE || cleaner_is_closing(s))
        due_ms = EXPIRY_NEVER;
    if (due_ms == c->set_for)
        return;
    c->set_for = due_ms;
    if (due_ms == EXPIRY_NEVER) {
        timer_cancel(&c->timer);
        return;
    }
    uint64_t now_ms = shard_now_us(s) / 1000;
    uint64_t wait_ms = due_ms > now_ms ? MIN(due_ms - now_ms, WAIT_MS_MOST) : 0;
    timer_set(&s->sched, &c->timer, clock_mono_ns(&s->store->clock) + wait_ms * UINT64_C(1000000));
}

void cleaner_done(struct shard *s)
{
    s->cleaner.running--;
}

bool cleaner_is_closing(const struct shard *s)
{
    return s->stopping || atomic_load(&s->store->state) != STORE_OPEN;
}

void cleaner_stop(struct shard *s)
{
    timer_cancel(&s->cleaner.timer);
}
