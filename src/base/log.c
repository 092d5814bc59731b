/* base/log.c -- one line to the host's callback. */
#include "base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LINE_BYTES 640
#define LIMIT_NS UINT64_C(1000000000)

/* No control character may break the line: names of files can hold any. */
static void hand_over(const struct log *l, int level, char *line)
{
    for (char *p = line; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = '?';
    l->write(l->user, level, line);
}

static void PRINTF_LIKE(3, 0) format_line(char *line, size_t size, const char *format, va_list args)
{
    if (vsnprintf(line, size, format, args) < 0)
        line[0] = '\0';
}

void log_line(const struct log *l, int level, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list args;

    if (!l->write)
        return;
    va_start(args, format);
    format_line(line, sizeof(line), format, args);
    va_end(args);
    hand_over(l, level, line);
}

void log_limited(const struct log *l, struct log_limit *limit, const struct clock *clock, int level,
                 const char *format, ...)
{
    char line[LINE_BYTES];
    char tail[48] = "";
    va_list args;

    if (!l->write)
        return;
    uint64_t now = MAX(clock_mono_ns(clock), 1); /* 0 says: has never talked */
    if (limit->last_ns != 0 && now - limit->last_ns < LIMIT_NS) {
        limit->swallowed++;
        return;
    }
    if (limit->swallowed > 0)
        snprintf(tail, sizeof(tail), " (and %" PRIu64 " more)", limit->swallowed);
    *limit = (struct log_limit){ .last_ns = now };

    va_start(args, format);
    format_line(line, sizeof(line) - sizeof(tail), format, args);
    va_end(args);
    memcpy(line + strlen(line), tail, strlen(tail) + 1);
    hand_over(l, level, line);
}
