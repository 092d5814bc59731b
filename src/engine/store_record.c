/* engine/store_record.c -- the record of a store's options, written and read. */
#include "engine/store_record.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "page/format.h"

#define END_MARK "[end]\n"
#define FIELDS 8
#define PROTOCOL 7
#define ONE_FLUSH "one_flush"

#define fail(e, ...) err_set((e), ELOQ_CORRUPTED, __FILE__, __LINE__, __VA_ARGS__)

size_t store_record_format(const struct store_record *record, char *text)
{
    const eloq_format *f = &record->format;
    int size = snprintf(
        text, RECORD_TEXT_MAX,
        "# Written when the store was made. Do not change it.\n"
        "[format]\n"
        "data_page_size = %u\n"
        "pages_per_file_shift = %u\n"
        "overflow_pointers = %u\n"
        "data_append_mode = %u\n"
        "%s"
        "[store]\n"
        "id = %016" PRIx64 "\n"
        "path_index = %u\n"
        "path_count = %u\n",
        f->data_page_size, f->pages_per_file_shift, f->overflow_pointers, f->data_append_mode,
        f->commit_protocol == ELOQ_ONE_FLUSH ? "commit_protocol = " ONE_FLUSH "\n" : "", record->id,
        record->path_index, record->path_count);
    uint64_t sum = checksum64(text, (size_t)size);
    size += snprintf(text + size, RECORD_TEXT_MAX - (size_t)size,
                     END_MARK "checksum = %016" PRIx64 "\n", sum);
    return (size_t)size;
}

struct field {
    const char *key;
    uint64_t most;
    int base;
    const char *word; /* its only value, as text; it may be missing */
    uint64_t value;
    bool seen;
};

static bool parse_value(struct field *f, const char *text)
{
    char *end;

    if (f->word)
        return strcmp(text, f->word) == 0;
    f->value = strtoull(text, &end, f->base);
    return *end == '\0' && end != text && f->value <= f->most;
}

static int parse_line(char *line, struct field *fields, struct err *e)
{
    char *equals = strstr(line, " = ");

    if (line[0] == '\0' || line[0] == '#' || line[0] == '[')
        return ELOQ_OK;
    if (!equals)
        return fail(e, "store record has a line without a value");
    *equals = '\0';
    for (int i = 0; i < FIELDS; i++) {
        struct field *f = &fields[i];
        if (strcmp(line, f->key) != 0)
            continue;
        if (f->seen || !parse_value(f, equals + 3))
            return fail(e, "store record has a bad value of %s", f->key);
        f->seen = true;
        return ELOQ_OK;
    }
    return fail(e, "store record of a newer version: it has %.40s, which this one does not know",
                line);
}

/* Compared as text, so that the sum is covered too. */
static int check_sum(const char *text, size_t size, struct err *e)
{
    char line[sizeof(END_MARK "checksum = \n") + 16];
    const char *mark = strstr(text, END_MARK "checksum = ");

    if (!mark || strlen(text) != size || strlen(mark) != sizeof(line) - 1)
        return fail(e, "store record is cut");
    snprintf(line, sizeof(line), END_MARK "checksum = %016" PRIx64 "\n",
             checksum64(text, (size_t)(mark - text)));
    if (strcmp(mark, line) != 0)
        return fail(e, "store record has a bad checksum");
    return ELOQ_OK;
}

static int check_format(const eloq_format *f, struct err *e)
{
    bool good = f->data_page_size % 4096 == 0 && f->data_page_size >= PAGE_BYTES_MIN
                && f->overflow_pointers >= 1
                && ((uint64_t)f->data_page_size << f->pages_per_file_shift) <= FILE_BYTES_MAX;
    return good ? ELOQ_OK : fail(e, "store record has values out of range");
}

int store_record_parse(const char *text, size_t size, struct store_record *ret, struct err *e)
{
    struct field fields[FIELDS] = {
        { .key = "data_page_size", .most = PAGE_BYTES_MAX, .base = 10 },
        { .key = "pages_per_file_shift", .most = PAGES_PER_FILE_SHIFT_MAX, .base = 10 },
        { .key = "overflow_pointers", .most = OVERFLOW_POINTERS_MAX, .base = 10 },
        { .key = "data_append_mode", .most = 1, .base = 10 },
        { .key = "id", .most = UINT64_MAX, .base = 16 },
        { .key = "path_index", .most = 254, .base = 10 },
        { .key = "path_count", .most = 255, .base = 10 },
        [PROTOCOL] = { .key = "commit_protocol", .word = ONE_FLUSH },
    };
    char copy[RECORD_TEXT_MAX];

    if (size >= sizeof(copy))
        return fail(e, "store record is too long");
    memcpy(copy, text, size);
    copy[size] = '\0';
    TRY(check_sum(copy, size, e));

    char *line = copy, *rest;
    for (; strcmp(line, "[end]") != 0; line = rest) {
        rest = strchr(line, '\n');
        if (!rest)
            return fail(e, "store record is cut");
        *rest++ = '\0';
        if (strcmp(line, "[end]") == 0)
            break;
        TRY(parse_line(line, fields, e));
    }
    for (int i = 0; i < FIELDS; i++)
        if (!fields[i].seen && !fields[i].word)
            return fail(e, "store record lacks %s", fields[i].key);

    *ret = (struct store_record){
        .format = { .data_page_size = (uint32_t)fields[0].value,
                    .pages_per_file_shift = (uint32_t)fields[1].value,
                    .overflow_pointers = (uint32_t)fields[2].value,
                    .data_append_mode = (uint32_t)fields[3].value,
                    .commit_protocol = fields[PROTOCOL].seen ? ELOQ_ONE_FLUSH : ELOQ_TWO_FLUSH },
        .id = fields[4].value,
        .path_index = (uint32_t)fields[5].value,
        .path_count = (uint32_t)fields[6].value,
    };
    return check_format(&ret->format, e);
}
