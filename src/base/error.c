/* base/error.c -- failures in words. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RANGE_KEY_BYTES 48 /* of a key, escaped, in the words for a failure */

int(err_set)(struct err *e, int code, const char *source, int line, const char *format, ...)
{
    /* The arguments may point into *e, so it is changed last. */
    char text[sizeof(e->text)];
    va_list args;
    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);

    err_clear(e);
    e->code = code;
    e->line = line;
    e->source = source;
    memcpy(e->text, text, strlen(text) + 1);
    return code;
}

void err_place(struct err *e, const char *path, uint64_t offset)
{
    size_t size = strlen(path);
    const char *mark = "";

    /* The end of a long path says more than its beginning. */
    if (size >= sizeof(e->path)) {
        mark = "...";
        path += size - (sizeof(e->path) - 1 - strlen(mark));
    }
    snprintf(e->path, sizeof(e->path), "%s%s", mark, path);
    e->offset = offset;
}

static size_t add_text(char *out, size_t at, const char *text)
{
    size_t size = strlen(text);

    memcpy(out + at, text, size + 1);
    return at + size;
}

/* Appends " name=" (given whole) and the key, at most RANGE_KEY_BYTES characters of it, as the
 * command line escapes it. */
static size_t add_key(char *out, size_t at, const char *name, eloq_slice key)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = key.data;
    size_t begin = at = add_text(out, at, name);

    for (size_t i = 0; i < key.size; i++) {
        if (at - begin > RANGE_KEY_BYTES - 4) {
            at = add_text(out, at, "...");
            break;
        }
        if (bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '\\') {
            out[at++] = (char)bytes[i];
        } else {
            out[at++] = '\\';
            out[at++] = 'x';
            out[at++] = digits[bytes[i] >> 4];
            out[at++] = digits[bytes[i] & 15];
        }
    }
    return at;
}

void err_range(struct err *e, eloq_slice from, eloq_slice to)
{
    char range[2 * (RANGE_KEY_BYTES + sizeof(" from=...")) + 1];
    size_t size = add_key(range, 0, " from=", from);

    size = add_key(range, size, " to=", to);
    size_t keep = MIN(strlen(e->text), sizeof(e->text) - 1 - size);
    memcpy(e->text + keep, range, size);
    e->text[keep + size] = '\0';
}

void err_part(struct err *e, const char *table, uint32_t partition)
{
    if (e->table[0] != '\0')
        return;
    snprintf(e->table, sizeof(e->table), "%s", table);
    e->partition = partition;
}

int err_from_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return ELOQ_NO_SPACE;
    case ENOMEM:
        return ELOQ_NO_MEMORY;
    case EMFILE:
    case ENFILE:
    case EBUSY:
    case EAGAIN:
    case EINTR:
    case ENOBUFS:
        return ELOQ_BUSY;
    case EPERM:
    case EACCES:
    case EROFS:
        return ELOQ_DENIED;
    default:
        return ELOQ_IO;
    }
}

bool err_retryable(int code)
{
    return code == ELOQ_BUSY || code == ELOQ_UNAVAILABLE || code == ELOQ_TIMEOUT;
}

const char *err_name(int code)
{
    switch (code) {
    case ELOQ_OK:
        return "ok";
    case ELOQ_NOT_FOUND:
        return "not found";
    case ELOQ_END:
        return "end";
    case ELOQ_FETCH:
        return "fetch the next batch";
    case ELOQ_INVALID:
        return "invalid argument";
    case ELOQ_BUSY:
        return "busy";
    case ELOQ_UNAVAILABLE:
        return "unavailable";
    case ELOQ_TIMEOUT:
        return "timeout";
    case ELOQ_CANCELED:
        return "canceled";
    case ELOQ_NO_SPACE:
        return "no space";
    case ELOQ_NO_MEMORY:
        return "no memory";
    case ELOQ_IO:
        return "i/o error";
    case ELOQ_CORRUPTED:
        return "corrupted";
    case ELOQ_FENCED:
        return "fenced";
    case ELOQ_CLOSED:
        return "closed";
    case ELOQ_DENIED:
        return "denied";
    default:
        return "unknown status";
    }
}
