/* io/wake.c -- the eventfd by which other threads end a poll. */
#include "io/wake.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S UINT64_C(1000000000)

int wake_open(void)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

void wake_drain(int wake_fd)
{
    uint64_t n;

    /* EAGAIN: it was not readable. */
    while (read(wake_fd, &n, sizeof n) < 0 && errno == EINTR)
        ;
}

void wake_wait(int wake_fd, uint64_t wait_ns)
{
    struct pollfd item = { .fd = wake_fd, .events = POLLIN };
    struct timespec limit = { .tv_sec = (time_t)(wait_ns / NS_PER_S),
                              .tv_nsec = (long)(wait_ns % NS_PER_S) };

    /* A signal ends the wait early, which the caller's loop stands. */
    if (ppoll(&item, 1, wait_ns == UINT64_MAX ? NULL : &limit, NULL) > 0)
        wake_drain(wake_fd);
}
