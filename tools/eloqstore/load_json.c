/* eloqstore/load_json.c -- a line of JSON to a pair, in place.
 *
 * Reads what dump writes: one flat object of strings, numbers and null. A reader of our own, since
 * expiries use all 64 bits and JSON libraries stop at 63. */
#include "args.h"
#include "load_input.h"

struct cursor {
    char *pos;
    char *end;
};

/* A member's value: a string (decoded), a number, or null. */
struct scalar {
    enum { SCALAR_STRING, SCALAR_NUMBER, SCALAR_NULL } kind;
    char *text;
    size_t size;
    uint64_t number;
};

static void skip_space(struct cursor *c)
{
    while (c->pos < c->end
           && (*c->pos == ' ' || *c->pos == '\t' || *c->pos == '\r' || *c->pos == '\n'))
        c->pos++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_space(c);
    if (c->pos == c->end || *c->pos != wanted)
        return false;
    c->pos++;
    return true;
}

static bool take_hex4(struct cursor *c, uint32_t *ret)
{
    uint32_t value = 0;
    if (c->end - c->pos < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        int digit = args_hex_digit((unsigned char)c->pos[i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    c->pos += 4;
    *ret = value;
    return true;
}

/* Behind "\u": one code point, which may need a second \u. Shorter as UTF-8 than as escapes. */
static bool take_code_point(struct cursor *c, char **out)
{
    uint32_t code = 0;
    uint32_t low = 0;
    if (!take_hex4(c, &code) || (code >= 0xdc00 && code <= 0xdfff))
        return false;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (c->end - c->pos < 2 || c->pos[0] != '\\' || c->pos[1] != 'u')
            return false;
        c->pos += 2;
        if (!take_hex4(c, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char *p = *out;
    if (code < 0x80) {
        *p++ = (char)code;
    } else if (code < 0x800) {
        *p++ = (char)(0xc0 | code >> 6);
        *p++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *p++ = (char)(0xe0 | code >> 12);
        *p++ = (char)(0x80 | (code >> 6 & 0x3f));
        *p++ = (char)(0x80 | (code & 0x3f));
    } else {
        *p++ = (char)(0xf0 | code >> 18);
        *p++ = (char)(0x80 | (code >> 12 & 0x3f));
        *p++ = (char)(0x80 | (code >> 6 & 0x3f));
        *p++ = (char)(0x80 | (code & 0x3f));
    }
    *out = p;
    return true;
}

/* A string, decoded over itself and ended by a NUL. */
static bool take_string(struct cursor *c, char **ret, size_t *ret_size)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    if (!take(c, '"'))
        return false;
    char *start = c->pos;
    char *out = start;
    while (c->pos < c->end && *c->pos != '"') {
        char letter = *c->pos++;
        if ((unsigned char)letter < 0x20)
            return false;
        if (letter != '\\') {
            *out++ = letter;
            continue;
        }
        if (c->pos == c->end)
            return false;
        letter = *c->pos++;
        const char *known = letter ? strchr(from, letter) : NULL;
        if (known)
            *out++ = to[known - from];
        else if (letter != 'u' || !take_code_point(c, &out))
            return false;
    }
    if (c->pos == c->end)
        return false;
    c->pos++; /* the closing quote: room for the NUL */
    *out = '\0';
    *ret = start;
    *ret_size = (size_t)(out - start);
    return true;
}

static bool take_scalar(struct cursor *c, struct scalar *ret)
{
    skip_space(c);
    if (c->pos < c->end && *c->pos == '"') {
        ret->kind = SCALAR_STRING;
        return take_string(c, &ret->text, &ret->size);
    }
    if (c->end - c->pos >= 4 && memcmp(c->pos, "null", 4) == 0) {
        ret->kind = SCALAR_NULL;
        c->pos += 4;
        return true;
    }
    size_t digits = 0;
    while (c->pos + digits < c->end && c->pos[digits] >= '0' && c->pos[digits] <= '9')
        digits++;
    ret->kind = SCALAR_NUMBER;
    if (!args_decimal(c->pos, digits, UINT64_MAX, &ret->number))
        return false;
    c->pos += digits;
    return true;
}

static bool take_bytes(struct load_input *in, struct scalar *s, bool is_hex, eloq_slice *ret)
{
    if (s->kind != SCALAR_STRING)
        return load_refuse(in, "keys and values are strings");
    if (is_hex && !load_unhex(s->text, s->size, &s->size))
        return load_refuse(in, "a _hex member is not hex");
    *ret = eloq_bytes(s->text, s->size);
    return true;
}

static bool take_table(struct load_input *in, struct scalar *s, bool is_hex, struct load_row *row)
{
    eloq_slice name;
    if (!take_bytes(in, s, is_hex, &name))
        return false;
    if (memchr(s->text, '\0', s->size))
        return load_refuse(in, "the table's name has a NUL in it");
    s->text[s->size] = '\0';
    row->table = s->text;
    return true;
}

static bool set_member(struct load_input *in, const char *name, struct scalar *s,
                       struct load_row *row, bool *has_value)
{
    if (strcmp(name, "key") == 0 || strcmp(name, "key_hex") == 0)
        return take_bytes(in, s, name[3] != '\0', &row->key);
    if (strcmp(name, "value") == 0 || strcmp(name, "value_hex") == 0) {
        *has_value = true;
        return take_bytes(in, s, name[5] != '\0', &row->value);
    }
    if (strcmp(name, "table") == 0 || strcmp(name, "table_hex") == 0)
        return take_table(in, s, name[5] != '\0', row);
    if (s->kind == SCALAR_NULL)
        s->number = 0;
    else if (s->kind != SCALAR_NUMBER)
        return load_refuse(in, "timestamp, expire_at and partition are whole numbers");
    if (strcmp(name, "timestamp") == 0)
        return s->kind == SCALAR_NULL || load_timestamp(in, s->number, row);
    if (strcmp(name, "expire_at") == 0) {
        row->expire_at = s->number;
        return true;
    }
    if (strcmp(name, "partition") == 0 && s->number <= UINT32_MAX) {
        row->partition = (uint32_t)s->number;
        return true;
    }
    snprintf(in->error, sizeof(in->error), "the member %.40s is not known here", name);
    return false;
}

bool load_json_line(struct load_input *in, char *line, size_t size, struct load_row *ret)
{
    struct cursor c = { line, line + size };
    bool has_value = false;
    bool is_more = true;
    if (!take(&c, '{'))
        return load_refuse(in, "expected a JSON object");
    while (is_more) {
        char *name = NULL;
        size_t name_size = 0;
        struct scalar s = { 0 };
        if (!take_string(&c, &name, &name_size) || !take(&c, ':') || !take_scalar(&c, &s))
            return load_refuse(in, "expected \"name\": followed by a string or a whole number");
        if (!set_member(in, name, &s, ret, &has_value))
            return false;
        is_more = take(&c, ',');
    }
    if (!take(&c, '}'))
        return load_refuse(in, "expected , or } in the JSON object");
    skip_space(&c);
    if (c.pos != c.end)
        return load_refuse(in, "something follows the JSON object");
    if (!ret->key.data || !has_value)
        return load_refuse(in, "expected the members key and value");
    if (!in->has_table && !ret->table)
        return load_refuse(in, "expected the member table (or give a TABLE)");
    return true;
}
