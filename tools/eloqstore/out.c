/* eloqstore/out.c -- standard output: escapes, hex, and a small JSON writer. */
#include "out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char hex_digits[] = "0123456789abcdef";

/* errno of the first failed write; stdio keeps only that there was one. */
static int write_errno;

static void note_error(void)
{
    if (write_errno == 0)
        write_errno = errno ? errno : EIO;
}

void out_raw(const void *data, size_t size)
{
    if (size != 0 && fwrite_unlocked(data, 1, size, stdout) != size)
        note_error();
}

void out_char(char c)
{
    if (putc_unlocked(c, stdout) == EOF)
        note_error();
}

void out_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vprintf(format, args) < 0)
        note_error();
    va_end(args);
}

bool out_is_open(void)
{
    return write_errno == 0;
}

int out_finish(int code)
{
    if (out_is_open() && fflush(stdout) != 0)
        note_error();
    if (out_is_open())
        return code;
    if (write_errno == EPIPE)
        return code == CLI_FAILED ? code : CLI_DONE;
    return cli_fail(CLI_FAILED, "cannot write the output: %s", strerror(write_errno));
}

void out_text(eloq_slice bytes)
{
    const uint8_t *data = bytes.data;
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t c = data[i];
        if (c >= 0x20 && c < 0x7f && c != '\\')
            continue;
        out_raw((const char *)data + plain, i - plain);
        plain = i + 1;
        out_char('\\');
        if (c == '\\') {
            out_char('\\');
        } else if (c == '\t') {
            out_char('t');
        } else if (c == '\n') {
            out_char('n');
        } else if (c == '\r') {
            out_char('r');
        } else {
            out_char('x');
            out_char(hex_digits[c >> 4]);
            out_char(hex_digits[c & 15]);
        }
    }
    if (bytes.size != 0)
        out_raw((const char *)data + plain, bytes.size - plain);
}

void out_hex(eloq_slice bytes)
{
    const uint8_t *data = bytes.data;
    for (size_t i = 0; i < bytes.size; i++) {
        out_char(hex_digits[data[i] >> 4]);
        out_char(hex_digits[data[i] & 15]);
    }
}

void out_bytes(const struct cli *cli, eloq_slice bytes)
{
    if (cli->hex)
        out_hex(bytes);
    else
        out_text(bytes);
}

void out_part(eloq_part part)
{
    out_text(eloq_str(part.table));
    out_format(".%" PRIu32, part.partition);
}

/* Whether the bytes are UTF-8: shortest forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(eloq_slice bytes)
{
    const uint8_t *p = bytes.data;
    const uint8_t *end = bytes.size ? p + bytes.size : p;
    while (p < end) {
        uint8_t c = *p++;
        if (c < 0x80)
            continue;
        unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || (size_t)(end - p) < more)
            return false;
        uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (p[0] < low || p[0] > high)
            return false;
        for (unsigned i = 1; i < more; i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
        }
        p += more;
    }
    return true;
}

static void json_string(eloq_slice text)
{
    const uint8_t *data = text.data;
    out_char('"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = data[i];
        if (c == '"' || c == '\\') {
            out_char('\\');
            out_char((char)c);
        } else if (c == '\n') {
            out_raw("\\n", 2);
        } else if (c == '\t') {
            out_raw("\\t", 2);
        } else if (c < 0x20 || c == 0x7f) {
            out_format("\\u%04x", c);
        } else {
            out_char((char)c);
        }
    }
    out_char('"');
}

static void json_name(struct json *j, const char *name, const char *suffix)
{
    if (j->has_member)
        out_char(',');
    j->has_member = true;
    out_format("\"%s%s\":", name, suffix);
}

void json_open(struct json *j)
{
    j->has_member = false;
    out_char('{');
}

void json_close(struct json *j)
{
    (void)j;
    out_raw("}\n", 2);
}

void json_u64(struct json *j, const char *name, uint64_t value)
{
    json_name(j, name, "");
    out_format("%" PRIu64, value);
}

void json_bool(struct json *j, const char *name, bool value)
{
    json_name(j, name, "");
    out_format("%s", value ? "true" : "false");
}

void json_null(struct json *j, const char *name)
{
    json_name(j, name, "");
    out_raw("null", 4);
}

void json_text(struct json *j, const char *name, const char *text)
{
    json_name(j, name, "");
    json_string(eloq_str(text));
}

void json_bytes(struct json *j, const struct cli *cli, const char *name, eloq_slice bytes)
{
    bool as_hex = cli->hex || !is_utf8(bytes);
    json_name(j, name, as_hex ? "_hex" : "");
    if (as_hex) {
        out_char('"');
        out_hex(bytes);
        out_char('"');
    } else {
        json_string(bytes);
    }
}

void json_part(struct json *j, eloq_part part)
{
    eloq_slice table = eloq_str(part.table);
    bool as_hex = !is_utf8(table);
    json_name(j, "table", as_hex ? "_hex" : "");
    if (as_hex) {
        out_char('"');
        out_hex(table);
        out_char('"');
    } else {
        json_string(table);
    }
    json_u64(j, "partition", part.partition);
}
