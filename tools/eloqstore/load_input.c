/* eloqstore/load_input.c -- lines of a load: reads them, decodes tsv. */
#include "load_input.h"

#include <errno.h>
#include <stdlib.h>

#include "args.h"

#define COLUMNS_MAX 5

bool load_timestamp(struct load_input *in, uint64_t timestamp, struct load_row *ret)
{
    if (timestamp > INT64_MAX)
        return load_refuse(in, "the timestamp is above 2^63-1");
    ret->timestamp = timestamp == 0 ? ELOQ_TIMESTAMP_ZERO : timestamp;
    return true;
}

bool load_unhex(char *text, size_t size, size_t *ret_size)
{
    if (size % 2 != 0)
        return false;
    for (size_t i = 0; i < size; i += 2) {
        int high = args_hex_digit((unsigned char)text[i]);
        int low = args_hex_digit((unsigned char)text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        text[i / 2] = (char)(high << 4 | low);
    }
    *ret_size = size / 2;
    return true;
}

/* Undoes out_text() in place. Bytes that need no escape stand for themselves. */
static bool unescape(char *text, size_t size, size_t *ret_size)
{
    size_t out = 0;
    for (size_t i = 0; i < size; i++) {
        if (text[i] != '\\') {
            text[out++] = text[i];
            continue;
        }
        char kind = ++i < size ? text[i] : '\0';
        if (kind == 't') {
            text[out++] = '\t';
        } else if (kind == 'n') {
            text[out++] = '\n';
        } else if (kind == 'r') {
            text[out++] = '\r';
        } else if (kind == '\\') {
            text[out++] = '\\';
        } else if (kind == 'x' && i + 2 < size && args_hex_digit((unsigned char)text[i + 1]) >= 0
                   && args_hex_digit((unsigned char)text[i + 2]) >= 0) {
            text[out++] = (char)(args_hex_digit((unsigned char)text[i + 1]) << 4
                                 | args_hex_digit((unsigned char)text[i + 2]));
            i += 2;
        } else {
            return false;
        }
    }
    *ret_size = out;
    return true;
}

struct column {
    char *text;
    size_t size;
};

/* Splits at tabs; returns the number of columns, COLUMNS_MAX + 1 if there are more. */
static size_t split(char *line, size_t size, struct column *columns)
{
    size_t count = 0;
    char *end = line + size;
    for (;;) {
        char *tab = memchr(line, '\t', (size_t)(end - line));
        if (count == COLUMNS_MAX)
            return COLUMNS_MAX + 1;
        columns[count++] = (struct column){ line, (size_t)((tab ? tab : end) - line) };
        if (!tab)
            return count;
        line = tab + 1;
    }
}

static bool decode_table(struct load_input *in, struct column *c, struct load_row *ret)
{
    size_t size = 0;
    if (!unescape(c->text, c->size, &c->size) || memchr(c->text, '\0', c->size)
        || !args_split_part(eloq_bytes(c->text, c->size), &size, &ret->partition))
        return load_refuse(in, "the first column is no table.partition");
    /* The tab behind it, or its dot, gives room for the NUL. */
    c->text[size] = '\0';
    ret->table = c->text;
    return true;
}

static bool decode_bytes(struct load_input *in, struct column *c, const char *what, eloq_slice *ret)
{
    bool is_good =
        in->is_hex ? load_unhex(c->text, c->size, &c->size) : unescape(c->text, c->size, &c->size);
    *ret = eloq_bytes(c->text, c->size);
    if (!is_good)
        snprintf(in->error, sizeof(in->error), "the %s %s", what,
                 in->is_hex ? "is not hex" : "has a broken escape (\\t \\n \\r \\\\ \\xNN)");
    return is_good;
}

static bool decode_tsv(struct load_input *in, char *line, size_t size, struct load_row *ret)
{
    struct column columns[COLUMNS_MAX];
    size_t count = split(line, size, columns);
    struct column *c = columns;
    if (count > COLUMNS_MAX - (in->has_table ? 1 : 0))
        return load_refuse(in, "too many columns");
    if (!in->has_table) {
        if (count < 3)
            return load_refuse(in, "expected table.partition TAB key TAB value");
        if (!decode_table(in, c++, ret))
            return false;
        count--;
    }
    if (count < 2)
        return load_refuse(in, "expected key TAB value");
    if (!decode_bytes(in, &c[0], "key", &ret->key)
        || !decode_bytes(in, &c[1], "value", &ret->value))
        return false;
    uint64_t timestamp = 0;
    if (count > 2) {
        if (!args_decimal(c[2].text, c[2].size, UINT64_MAX, &timestamp))
            return load_refuse(in, "the timestamp is not a number");
        if (!load_timestamp(in, timestamp, ret))
            return false;
    }
    if (count > 3 && !args_decimal(c[3].text, c[3].size, UINT64_MAX, &ret->expire_at))
        return load_refuse(in, "the expiry is not a number");
    return true;
}

/* Reads a line, without its newline. */
static int read_line(struct load_input *in, size_t *ret_size)
{
    errno = 0;
    ssize_t n = getline(&in->line, &in->line_capacity, in->file);
    if (n < 0)
        return feof(in->file) && errno == 0 ? ELOQ_END : ELOQ_IO;
    in->line_number++;
    in->bytes_read += (uint64_t)n;
    *ret_size = (size_t)n - (in->line[n - 1] == '\n' ? 1 : 0);
    in->line[*ret_size] = '\0';
    return ELOQ_OK;
}

int load_input_skip(struct load_input *in)
{
    size_t size = 0;
    return read_line(in, &size);
}

int load_input_next(struct load_input *in, struct load_row *ret)
{
    size_t size = 0;
    int rc = read_line(in, &size);
    if (rc != ELOQ_OK)
        return rc;
    *ret = (struct load_row){ 0 };
    bool is_good =
        in->is_json ? load_json_line(in, in->line, size, ret) : decode_tsv(in, in->line, size, ret);
    if (is_good && ret->key.size == 0)
        is_good = load_refuse(in, "the key is empty");
    return is_good ? ELOQ_OK : ELOQ_INVALID;
}

void load_input_deinit(struct load_input *in)
{
    free(in->line);
    in->line = NULL;
}
