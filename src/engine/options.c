/* engine/options.c -- options checked and completed. */
#include "engine/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/option_table.h"
#include "page/format.h"

#define RANGE_TEXT_BYTES 96
#define SHIFT_DEFAULT 18u
#define FILE_SIZE_DEFAULT (UINT64_C(8) << 20)
#define MEMORY_BASE (UINT64_C(8) << 20)
#define MEMORY_PER_SHARD (UINT64_C(1) << 20)

#define fail(e, ...) err_set((e), ELOQ_INVALID, __FILE__, __LINE__, __VA_ARGS__)

int options_read(const eloq_options *given, eloq_options *ret, struct err *e)
{
    size_t size = given->size;

    memset(ret, 0, sizeof(*ret));
    if (size < offsetof(eloq_options, format))
        return fail(e, "options.size is %zu: start from ELOQ_OPTIONS()", size);
    for (size_t i = sizeof(*ret); i < size; i++)
        if (((const char *)given)[i] != 0)
            return fail(e, "options of a newer header are set that this library does not know");
    memcpy(ret, given, MIN(size, sizeof(*ret)));
    ret->size = sizeof(*ret);
    return ELOQ_OK;
}

static int check_value(const struct option *o, uint64_t value, struct err *e)
{
    char range[RANGE_TEXT_BYTES];

    if (value == 0 || (o->zero == ZERO_OWN && o->width == 4 && value == ELOQ_ZERO))
        return ELOQ_OK;
    if (option_in_range(o, value))
        return ELOQ_OK;
    option_range_text(o, range, sizeof(range));
    return fail(e, "option %s is %" PRIu64 ", may be %s", o->key, value, range);
}

static int check_whole(const eloq_options *o, struct err *e)
{
    uint64_t least = MEMORY_BASE + MEMORY_PER_SHARD * o->shards;

    if (o->memory_bytes < least)
        return fail(e, "option memory_bytes is %" PRIu64 ", with %u shards at least %" PRIu64,
                    o->memory_bytes, o->shards, least);
    if (o->host_driven && o->shards != 1)
        return fail(e, "host_driven stores have one shard, not %u", o->shards);
    if (o->path && o->path_count)
        return fail(e, "either options.path or options.paths, not both");
    if (o->paths && o->path_count == 0)
        return fail(e, "options.paths is given, but options.path_count is 0");
    if (o->path_count > 255 || (o->path_count > 0 && !o->paths))
        return fail(e, "options.path_count is %u, may be 1 to 255 of options.paths", o->path_count);
    return ELOQ_OK;
}

int options_complete(eloq_options *options, struct err *e)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!o->has_field)
            continue;
        uint64_t value = option_get(options, o);
        TRY(check_value(o, value, e));
        if (o->section == SECTION_PERMANENT)
            continue;
        if (value == 0)
            option_put(options, o, o->initial);
        else if (o->zero == ZERO_OWN && value == ELOQ_ZERO)
            option_put(options, o, 0);
    }
    return check_whole(options, e);
}

/* The shift that the given options ask for, 0 in *ret_given if they leave it open. */
static int given_shift(const eloq_format *given, uint32_t page_bytes, bool *ret_given,
                       uint32_t *ret_shift, struct err *e)
{
    *ret_given = true;
    if (given->pages_per_file_shift && given->data_file_size)
        return fail(e, "either pages_per_file_shift or data_file_size, not both");
    if (given->pages_per_file_shift) {
        uint32_t shift = given->pages_per_file_shift;
        *ret_shift = shift == ELOQ_ZERO ? 0 : shift;
    } else if (given->data_file_size) {
        *ret_shift = 0;
        while (((uint64_t)page_bytes << (*ret_shift + 1)) <= given->data_file_size)
            (*ret_shift)++;
    } else {
        *ret_given = false;
        *ret_shift = SHIFT_DEFAULT;
        while (((uint64_t)page_bytes << *ret_shift) > FILE_BYTES_MAX)
            (*ret_shift)--;
    }
    if (((uint64_t)page_bytes << *ret_shift) > FILE_BYTES_MAX)
        return fail(e, "data files of 2^%u pages of %u bytes are too large: at most 4 GiB a file",
                    *ret_shift, page_bytes);
    return ELOQ_OK;
}

static int agree(const char *key, bool is_given, uint32_t given, uint32_t recorded, struct err *e)
{
    if (is_given && given != recorded)
        return fail(e, "option %s is %u, but the store was made with %u", key, given, recorded);
    return ELOQ_OK;
}

int options_format(const eloq_format *given, const eloq_format *recorded, eloq_format *ret,
                   struct err *e)
{
    uint32_t append = given->data_append_mode == 1;
    bool shift_given = false;
    uint32_t shift = 0;

    if (recorded) {
        TRY(agree("data_page_size", given->data_page_size, given->data_page_size,
                  recorded->data_page_size, e));
        TRY(given_shift(given, recorded->data_page_size, &shift_given, &shift, e));
        TRY(agree("pages_per_file_shift", shift_given, shift, recorded->pages_per_file_shift, e));
        TRY(agree("overflow_pointers", given->overflow_pointers, given->overflow_pointers,
                  recorded->overflow_pointers, e));
        TRY(agree("data_append_mode", given->data_append_mode, append, recorded->data_append_mode,
                  e));
        TRY(agree("commit_protocol", given->commit_protocol, given->commit_protocol,
                  recorded->commit_protocol, e));
        *ret = *recorded;
    } else {
        ret->data_page_size = given->data_page_size ? given->data_page_size : PAGE_BYTES_MIN;
        TRY(given_shift(given, ret->data_page_size, &shift_given, &shift, e));
        ret->pages_per_file_shift = shift;
        ret->overflow_pointers = given->overflow_pointers ? given->overflow_pointers : 16;
        ret->data_append_mode = append;
        ret->commit_protocol = given->commit_protocol ? given->commit_protocol : ELOQ_TWO_FLUSH;
    }
    ret->data_file_size = (uint64_t)ret->data_page_size << ret->pages_per_file_shift;
    return ELOQ_OK;
}
