/* io/posix.h -- executes a request with blocking system calls; shared by threads.c and sync.c, and
 * by uring.c for the verbs the ring does not have. */
#pragma once

#include "io/io.h"

/* Performs it and returns its result (>= 0 or -errno). Continues short transfers and EINTR;
 * EAGAIN a bounded number of times. Does not complete the request. */
int64_t posix_execute(struct io_req *req);
/* The system's open(2) flags for IO_OPEN flags (O_CLOEXEC and O_NONBLOCK included). */
int posix_open_flags(int flags);
/* Looks at what was opened with them: returns fd, or closes it and returns -EISDIR for a directory
 * that was not asked for, -EINVAL for a device, FIFO or socket. */
int posix_opened(int fd, int flags);

#define POSIX_FILE_MODE 0644
#define POSIX_DIR_MODE 0775
