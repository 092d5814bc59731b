/* engine/options_ini.c -- options from text: one by one, and from a file. */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/option_table.h"
#include "engine/options.h"

#define RANGE_TEXT_BYTES 96
#define FILE_SIZE_DEFAULT (UINT64_C(8) << 20)

#define fail(e, ...) err_set((e), ELOQ_INVALID, __FILE__, __LINE__, __VA_ARGS__)

static const char *const section_names[] = { "run", "permanent" };
static const char *const backend_names[] = { "auto", "uring", "threads", "sync", "memory" };

/* Decimal, or hexadecimal with 0x; *ret_rest is what follows. false when there is no number. */
static bool parse_number(const char *text, uint64_t *ret, const char **ret_rest)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    char *end;

    if (hex ? !isxdigit((unsigned char)*digits) : !isdigit((unsigned char)*digits))
        return false;
    errno = 0;
    *ret = strtoull(digits, &end, hex ? 16 : 10);
    *ret_rest = end;
    return errno == 0;
}

/* "", or blanks and KB MB GB TB in any case. */
static bool parse_suffix(const char *text, uint64_t *value)
{
    static const char units[] = "KMGT";

    text += strspn(text, " \t");
    if (*text == '\0')
        return true;
    const char *unit = strchr(units, toupper((unsigned char)*text));
    if (!unit || toupper((unsigned char)text[1]) != 'B' || text[2] != '\0')
        return false;
    unsigned shift = 10u * (unsigned)(unit - units + 1);
    if (*value > UINT64_MAX >> shift)
        return false;
    *value <<= shift;
    return true;
}

static bool parse_flag(const char *text, uint64_t *ret)
{
    static const char *const words[] = { "false", "true", "no", "yes", "off", "on", "0", "1" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *ret = i & 1;
            return true;
        }
    }
    return false;
}

static bool find_word(const char *const *words, size_t count, const char *text, uint64_t *ret)
{
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static int parse_name(const struct option *o, const char *text, uint64_t *ret, struct err *e)
{
    static const char *const protocols[] = { "", "two_flush", "one_flush" };

    if (o->section == SECTION_PERMANENT)
        return find_word(protocols, ARRAY_LEN(protocols), text, ret)
                   ? ELOQ_OK
                   : fail(e, "option %s is none of two_flush, one_flush: %.80s", o->key, text);
    return find_word(backend_names, ARRAY_LEN(backend_names), text, ret)
               ? ELOQ_OK
               : fail(e, "option %s is none of auto, uring, threads, sync, memory: %.80s", o->key,
                      text);
}

static int parse(const struct option *o, const char *text, uint64_t *ret, struct err *e)
{
    const char *rest = "";

    switch (o->kind) {
    case KIND_FLAG:
        return parse_flag(text, ret) ? ELOQ_OK
                                     : fail(e, "option %s is no yes or no: %.80s", o->key, text);
    case KIND_NAME:
        return parse_name(o, text, ret, e);
    case KIND_SIZE:
    case KIND_SHIFT_OF:
        if (parse_number(text, ret, &rest) && parse_suffix(rest, ret))
            return ELOQ_OK;
        return fail(e, "option %s is no size: %.80s", o->key, text);
    default:
        if (parse_number(text, ret, &rest) && *rest == '\0')
            return ELOQ_OK;
        return fail(e, "option %s is no number: %.80s", o->key, text);
    }
}

/* Checks a value as written and turns it into what the field holds. */
static int check_written(const struct option *o, uint64_t *value, struct err *e)
{
    char range[RANGE_TEXT_BYTES];

    if (*value == 0 && o->zero == ZERO_OWN) {
        *value = ELOQ_ZERO;
        return ELOQ_OK;
    }
    if (*value == 0 && o->zero == ZERO_DEFAULT) {
        if (o->kind == KIND_SHIFT_OF)
            *value = FILE_SIZE_DEFAULT; /* as the reference reads it */
        return ELOQ_OK;
    }
    if (option_in_range(o, *value))
        return ELOQ_OK;
    option_range_text(o, range, sizeof(range));
    return fail(e, "option %s is %" PRIu64 ", may be %s", o->key, *value, range);
}

static int set_path(eloq_options *options, const char *value, struct err *e)
{
    char *copy = strdup(value);

    if (!copy)
        return err_set(e, ELOQ_NO_MEMORY, __FILE__, __LINE__, "out of memory");
    for (char *c = copy; *c; c++)
        if (*c == ' ' || *c == '\t')
            *c = ':';
    free(options->owned_path);
    options->owned_path = copy;
    options->path = copy[strspn(copy, ":")] ? copy : NULL;
    options->paths = NULL;
    options->path_count = 0;
    return ELOQ_OK;
}

static const struct option *find(const char *section, const char *key)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (strcasecmp(o->key, key) == 0
            && (!section || strcasecmp(section, section_names[o->section]) == 0))
            return o;
    }
    return NULL;
}

int options_set(eloq_options *options, const char *section, const char *key, const char *value,
                struct err *e)
{
    uint64_t number = 0;

    if (strcasecmp(key, "store_path") == 0
        && (!section || strcasecmp(section, section_names[SECTION_PERMANENT]) == 0))
        return set_path(options, value, e);
    const struct option *o = find(section, key);
    if (!o && section)
        return fail(e, "unknown key %.80s in section [%.40s]", key, section);
    if (!o)
        return fail(e, "unknown option %.80s", key);
    if (o->kind == KIND_CLOUD && value[0] != '\0')
        return fail(e, "option %s: cloud storage is not part of this version", o->key);
    if (o->kind == KIND_CLOUD || o->kind == KIND_CLOUD_HARMLESS)
        return ELOQ_OK;

    TRY(parse(o, value, &number, e));
    TRY(check_written(o, &number, e));
    if (!o->has_field)
        return ELOQ_OK;
    option_put(options, o, number);
    /* They say the same thing; the later one counts. */
    if (o->kind == KIND_SHIFT_OF)
        options->format.pages_per_file_shift = 0;
    else if (o->offset == offsetof(eloq_options, format.pages_per_file_shift))
        options->format.data_file_size = 0;
    return ELOQ_OK;
}

/* inih keeps 200 bytes of a line and drops the rest silently; the value of a longer one travels
 * beside it, LONG_VALUE standing for it. */
#define LONG_VALUE "\x01"

struct loader {
    FILE *file;
    eloq_options *options;
    struct err *e;
    char *line; /* getline's */
    size_t line_capacity;
    const char *long_value;
    unsigned line_number;
    unsigned failed_line; /* 0: none */
    int rc;
};

/* Cuts blanks at both ends and, behind a blank, a comment. */
static char *trim(char *line)
{
    for (char *c = line; *c; c++) {
        if ((*c == '#' || *c == ';') && c > line && isspace((unsigned char)c[-1]))
            *c = '\0';
    }
    size_t size = strlen(line);
    while (size > 0 && isspace((unsigned char)line[size - 1]))
        line[--size] = '\0';
    return line + strspn(line, " \t\r\n\f\v");
}

static char *next_line(char *target, int size, void *user)
{
    struct loader *l = user;
    ssize_t got = getline(&l->line, &l->line_capacity, l->file);

    if (got < 0)
        return NULL;
    l->line_number++;
    if (strlen(l->line) != (size_t)got && l->failed_line == 0) {
        l->rc = fail(l->e, "a zero byte");
        l->failed_line = l->line_number;
    }
    const char *line = trim(l->line);
    l->long_value = NULL;
    if (snprintf(target, (size_t)size, "%s\n", line) < size)
        return target;
    const char *equals = strchr(line, '=');
    if (!equals
        || snprintf(target, (size_t)size, "%.*s=" LONG_VALUE "\n", (int)(equals - line), line)
               >= size) {
        snprintf(target, (size_t)size, "line too long\n"); /* no key, no value: an error */
        return target;
    }
    l->long_value = equals + 1 + strspn(equals + 1, " \t");
    return target;
}

static int one_pair(void *user, const char *section, const char *key, const char *value)
{
    struct loader *l = user;

    if (l->failed_line != 0)
        return 1;
    if (strcmp(value, LONG_VALUE) == 0 && l->long_value)
        value = l->long_value;
    l->rc = options_set(l->options, section, key, value, l->e);
    if (l->rc < 0)
        l->failed_line = l->line_number;
    return l->rc >= 0;
}

int options_load(eloq_options *options, const char *file, struct err *e)
{
    struct loader l = { .options = options, .e = e };
    char words[sizeof(e->text)];

    l.file = fopen(file, "re");
    if (!l.file) {
        int sys_errno = errno;
        fail(e, "cannot open %.200s: %s", file, strerror(sys_errno));
        e->sys_errno = sys_errno;
        return ELOQ_INVALID;
    }
    int failed = ini_parse_stream(next_line, &l, one_pair, &l);
    if (l.failed_line != 0 && (failed <= 0 || (unsigned)failed >= l.failed_line)) {
        snprintf(words, sizeof(words), "%s", e->text);
        failed = (int)l.failed_line;
    } else if (failed > 0) {
        snprintf(words, sizeof(words), "neither key=value nor [section]");
    }
    free(l.line);
    bool broken = ferror(l.file) != 0;
    fclose(l.file);
    if (failed < 0 || broken)
        return fail(e, "cannot read %.200s", file);
    if (failed == 0)
        return ELOQ_OK;
    fail(e, "%.120s:%d: %s", file, failed, words);
    err_place(e, file, 0);
    return l.rc < 0 ? l.rc : ELOQ_INVALID;
}

void options_free_strings(eloq_options *options)
{
    if (options->path == options->owned_path)
        options->path = NULL;
    free(options->owned_path);
    options->owned_path = NULL;
}

bool options_help(size_t index, struct option_help *ret)
{
    if (index >= option_count)
        return false;
    ret->key = option_table[index].key;
    ret->section = section_names[option_table[index].section];
    ret->help = option_table[index].help;
    return true;
}
