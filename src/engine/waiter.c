/* engine/waiter.c -- a flag and a futex. */
#include "engine/waiter.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

void waiter_wake(struct waiter *w)
{
    /* The last access: from here on the address is only a name, should the sleeper be gone. */
    atomic_store_explicit(&w->done, 1, memory_order_release);
    syscall(SYS_futex, (uint32_t *)(void *)w, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void waiter_sleep(struct waiter *w)
{
    while (!atomic_load_explicit(&w->done, memory_order_acquire))
        syscall(SYS_futex, (uint32_t *)(void *)w, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}
