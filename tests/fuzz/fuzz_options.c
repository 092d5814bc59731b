/* fuzz/fuzz_options.c -- any text as an ini file, and as values of single options: a clear error,
 * or options that keep their ranges. */
#include <sys/mman.h>
#include <unistd.h>

#include "engine/option_table.h"
#include "engine/options.h"
#include "fuzz.h"

static char path[64]; /* of a file in memory */
static int fd = -1;

static void write_file(const uint8_t *data, size_t size)
{
    if (fd < 0) {
        fd = memfd_create("options", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    PROMISE(fd >= 0 && ftruncate(fd, 0) == 0);
    PROMISE(pwrite(fd, data, size, 0) == (ssize_t)size);
}

static void check_ranges(const eloq_options *options)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (!o->has_field)
            continue;
        uint64_t value = option_get(options, o);
        PROMISE(value == 0 || value == ELOQ_ZERO || o->kind == KIND_SHIFT_OF
                || option_in_range(o, value));
    }
}

static void complete(eloq_options *options)
{
    eloq_format format;
    struct err e;
    err_clear(&e);
    int rc = options_complete(options, &e);
    PROMISE(rc == ELOQ_OK || (rc == ELOQ_INVALID && e.text[0] != '\0'));
    if (rc < 0)
        return;
    rc = options_format(&options->format, NULL, &format, &e);
    PROMISE(rc == ELOQ_OK || rc == ELOQ_INVALID);
    if (rc == ELOQ_OK) {
        PROMISE(format.data_page_size >= 4096 && format.data_page_size <= 61440);
        PROMISE(((uint64_t)format.data_page_size << format.pages_per_file_shift) <= UINT64_C(1)
                                                                                        << 32);
    }
}

static void load(const uint8_t *data, size_t size)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    struct err e;
    err_clear(&e);
    write_file(data, size);
    int rc = options_load(&options, path, &e);
    PROMISE(rc == ELOQ_OK || (rc == ELOQ_INVALID && strstr(e.text, path) != NULL));
    check_ranges(&options);
    if (rc == ELOQ_OK)
        complete(&options);
    options_free_strings(&options);
}

/* The first byte chooses the option, the rest is its value. */
static void set(const uint8_t *data, size_t size)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    struct err e;
    err_clear(&e);
    if (size == 0)
        return;
    char *value = fuzz_text(data + 1, size - 1);
    const char *key = option_table[data[0] % option_count].key;
    int rc = options_set(&options, NULL, key, value, &e);
    PROMISE(rc == ELOQ_OK || (rc == ELOQ_INVALID && strstr(e.text, key) != NULL));
    check_ranges(&options);
    options_free_strings(&options);
    free(value);
}

/* A letter first: a file; else a single option. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] < option_count)
        set(data, size);
    else
        load(data, size);
    return 0;
}
