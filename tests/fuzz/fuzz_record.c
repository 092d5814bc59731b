/* fuzz/fuzz_record.c -- any text as the options record of a store: values in range or an error with
 * words; what is accepted is written and read the same. */
#include <inttypes.h>

#include "base/checksum.h"
#include "engine/store_record.h"
#include "fuzz.h"
#include "page/format.h"

#define MARK "[end]\n"

/* Member by member: there is padding between them. */
static bool is_same(const eloq_format *a, const eloq_format *b)
{
    return a->data_page_size == b->data_page_size
           && a->pages_per_file_shift == b->pages_per_file_shift
           && a->overflow_pointers == b->overflow_pointers
           && a->data_append_mode == b->data_append_mode && a->commit_protocol == b->commit_protocol
           && a->data_file_size == b->data_file_size;
}

static void check(const struct store_record *r)
{
    const eloq_format *f = &r->format;
    PROMISE(f->data_page_size >= PAGE_BYTES_MIN && f->data_page_size <= PAGE_BYTES_MAX);
    PROMISE(f->data_page_size % 4096 == 0 && f->pages_per_file_shift <= PAGES_PER_FILE_SHIFT_MAX);
    PROMISE(((uint64_t)f->data_page_size << f->pages_per_file_shift) <= FILE_BYTES_MAX);
    PROMISE(f->overflow_pointers >= 1 && f->overflow_pointers <= OVERFLOW_POINTERS_MAX);
    PROMISE(f->data_append_mode <= 1);

    char text[RECORD_TEXT_MAX];
    struct store_record again;
    struct err e;
    size_t size = store_record_format(r, text);
    PROMISE(store_record_parse(text, size, &again, &e) == ELOQ_OK);
    PROMISE(is_same(&again.format, f) && again.id == r->id);
    PROMISE(again.path_index == r->path_index && again.path_count == r->path_count);
}

static void parse(const char *text, size_t size)
{
    struct store_record record;
    struct err e;
    err_clear(&e);
    char *copy = (char *)fuzz_copy(text, size);
    int rc = store_record_parse(copy, size, &record, &e);
    free(copy);
    PROMISE(rc == ELOQ_OK || (rc == ELOQ_CORRUPTED && e.text[0] != '\0'));
    if (rc == ELOQ_OK)
        check(&record);
}

/* As it is, and as the body of a record with a right checksum. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2 * RECORD_TEXT_MAX];
    parse((const char *)data, size);
    if (size > RECORD_TEXT_MAX)
        return 0;
    int n = snprintf(text, sizeof(text), "%.*s", (int)size, (const char *)data);
    n += snprintf(text + n, sizeof(text) - (size_t)n, MARK "checksum = %016" PRIx64 "\n",
                  checksum64(text, (size_t)n));
    parse(text, (size_t)n);
    return 0;
}
