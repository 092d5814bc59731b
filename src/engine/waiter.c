/* engine/waiter.c -- a word and a futex; no system call when nobody sleeps yet. */
#include "engine/waiter.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t *word(struct waiter *w)
{
    return (uint32_t *)(void *)w;
}

void waiter_wake(struct waiter *w)
{
    /* The last access: from here on the address is only a name, should the sleeper be gone. */
    if (atomic_exchange(&w->state, WAITER_DONE) == WAITER_ASLEEP)
        syscall(SYS_futex, word(w), FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void waiter_sleep(struct waiter *w)
{
    uint32_t expected = WAITER_AWAKE;

    atomic_compare_exchange_strong(&w->state, &expected, WAITER_ASLEEP);
    while (!waiter_is_done(w))
        syscall(SYS_futex, word(w), FUTEX_WAIT_PRIVATE, WAITER_ASLEEP, NULL, NULL, 0);
}
