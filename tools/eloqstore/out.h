/* eloqstore/out.h -- standard output: escapes, hex, and a small JSON writer.
 *
 * Failures to write are remembered and dealt with once, by out_finish(). */
#pragma once

#include "cli.h"

/* Whether somebody still reads: loops stop when it answers false. */
bool out_is_open(void);
/* Flushes. 0, or the exit code to end with: a broken pipe is a quiet 0. */
int out_finish(int code);

void out_raw(const void *data, size_t size);
void out_char(char c);
void out_format(const char *format, ...) PRINTF_LIKE(1, 2);
/* \t \n \r \\ \xNN for what is not printable ASCII. */
void out_text(eloq_slice bytes);
void out_hex(eloq_slice bytes);
/* As hex with -x, else as text. */
void out_bytes(const struct cli *cli, eloq_slice bytes);
/* "table.partition", escaped. */
void out_part(eloq_part part);

/* One JSON object a line: open, members, close. */
struct json {
    bool has_member;
};
void json_open(struct json *j);
void json_close(struct json *j);
void json_u64(struct json *j, const char *name, uint64_t value);
void json_bool(struct json *j, const char *name, bool value);
void json_null(struct json *j, const char *name);
/* `text` is ASCII. */
void json_text(struct json *j, const char *name, const char *text);
/* As NAME when the bytes are UTF-8, else (and always with -x) as NAME_hex. */
void json_bytes(struct json *j, const struct cli *cli, const char *name, eloq_slice bytes);
/* The members "table" and "partition". */
void json_part(struct json *j, eloq_part part);
