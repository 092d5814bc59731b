/* base/common.h -- the handful of macros every file needs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
/* `to` is a power of two. */
#define ALIGN_UP(n, to) (((n) + (to)-1) & ~((uint64_t)(to)-1))
#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* Returns a failure (< 0) of `expr` at once. Use it while you hold nothing. */
#define TRY(expr)                  \
    do {                           \
        int try_rc_ = (expr);      \
        if (unlikely(try_rc_ < 0)) \
            return try_rc_;        \
    } while (0)
