/* base/error.h -- a failure as a code, as words and as data. */
#pragma once

#include "base/common.h"
#include "eloqstore.h"

/* A failure on its way to the caller. Filled once by the first function that knows who and where.
 */
struct err {
    int code;           /* ELOQ_*, < 0; 0 when empty */
    int sys_errno;      /* 0 if none */
    int line;           /* of our source */
    const char *source; /* our source file */
    uint64_t offset;    /* in path */
    uint32_t partition;
    char path[256];  /* file it concerns; "" if none */
    char table[248]; /* "" if none */
    char text[320];  /* lower case, then key=value */
};

/* Makes it empty, without touching what nobody reads then. */
static inline void err_clear(struct err *e)
{
    e->code = e->sys_errno = e->line = 0;
    e->source = NULL;
    e->offset = 0;
    e->partition = 0;
    e->path[0] = e->table[0] = e->text[0] = '\0';
}
/* Sets code and words, clears the rest; returns code. */
int err_set(struct err *e, int code, const char *source, int line, const char *format, ...)
    PRINTF_LIKE(5, 6);
/* Failures are negative: so that the analysers, which do not look into err_set, know it at its
 * callers. */
static inline int err_negative(int code)
{
    if (code >= 0)
        __builtin_unreachable();
    return code;
}
#define err_set(...) err_negative(err_set(__VA_ARGS__))
/* Adds the file and offset it concerns. */
void err_place(struct err *e, const char *path, uint64_t offset);
/* Appends the keys it costs, escaped and shortened: " from=... to=..."; an empty bound is open.
 * What does not fit any more is cut from the words before it (path and table have places of their
 * own).
 */
void err_range(struct err *e, eloq_slice from, eloq_slice to);
/* Adds table and partition unless they are already there. */
void err_part(struct err *e, const char *table, uint32_t partition);
/* The status for an errno value > 0: ENOSPC EDQUOT EFBIG -> NO_SPACE, ENOMEM -> NO_MEMORY,
 * EMFILE ENFILE EBUSY EAGAIN EINTR ENOBUFS -> BUSY, EPERM EACCES EROFS -> DENIED, else IO. */
int err_from_errno(int sys_errno);
/* Whether trying again later can help. */
bool err_retryable(int code);
/* A status in a few words; static. */
const char *err_name(int code);
