/* base/check.h -- stop when we broke our own promise. Never for bad input or disk content. */
#pragma once

#include "base/common.h"

/* Always on: the cost is a predicted branch. Prints what and where to stderr, then aborts. */
#define CHECK(cond)                                  \
    do {                                             \
        if (unlikely(!(cond)))                       \
            check_failed(#cond, __FILE__, __LINE__); \
    } while (0)

/* Only in debug builds (no NDEBUG): for conditions that cost something. */
#ifdef NDEBUG
#define DCHECK(cond) ((void)sizeof(!(cond)))
#else
#define DCHECK(cond) CHECK(cond)
#endif

__attribute__((noreturn, cold)) void check_failed(const char *cond, const char *file, int line);
