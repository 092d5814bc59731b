/* io/posix.h -- executes a request with blocking system calls; shared by threads.c and sync.c, and
 * by uring.c for the verbs the ring does not have. */
#pragma once

#include "io/io.h"

/* Performs it and returns its result (>= 0 or -errno). Continues short transfers and EINTR;
 * EAGAIN a bounded number of times. Does not complete the request. */
int64_t posix_execute(struct io_req *req);
/* The system's open(2) flags for IO_OPEN flags (O_CLOEXEC included). */
int posix_open_flags(int flags);
