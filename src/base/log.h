/* base/log.h -- one line to the host's callback, at most a few a second of the same kind. */
#pragma once

#include "base/clock.h"
#include "base/common.h"
#include "eloqstore.h"

struct log {
    void (*write)(void *user, int level, const char *line); /* NULL = silence */
    void *user;
};

void log_line(const struct log *l, int level, const char *format, ...) PRINTF_LIKE(3, 4);

/* A place that may talk at most once per second; what it swallowed is added to the next line. */
struct log_limit {
    uint64_t last_ns;
    uint64_t swallowed;
};
void log_limited(const struct log *l, struct log_limit *limit, const struct clock *clock, int level,
                 const char *format, ...) PRINTF_LIKE(5, 6);
