/* fuzz/fuzz_name.c -- any text as a name of a file or of a partition's directory: what is
 * understood is written the same again. */
#include "base/slice.h"
#include "file/name.h"
#include "fuzz.h"

static void file(const char *name)
{
    char again[FILE_NAME_BYTES] = "";
    struct file_name n = file_name_parse(name);
    if (n.kind == FILE_DATA)
        file_name_data(again, n.id, n.term);
    else if (n.kind == FILE_MANIFEST)
        file_name_manifest(again, n.term);
    else if (n.kind == FILE_ARCHIVE)
        file_name_archive(again, n.term, n.timestamp);
    else
        return;
    PROMISE(strcmp(again, name) == 0);
}

static void directory(const char *name)
{
    size_t size = 0;
    uint32_t partition = 0;
    char again[300];
    if (!file_name_parse_partition(name, &size, &partition))
        return;
    snprintf(again, sizeof(again), "%.*s", (int)size, name);
    PROMISE(file_name_table_valid(again));
    snprintf(again, sizeof(again), "%.*s.%u", (int)size, name, partition);
    PROMISE(strcmp(again, name) == 0);
}

/* The numbers of the input as names, which must be understood. */
static void made(const uint8_t *data, size_t size)
{
    uint64_t number[2] = { 0 };
    char name[FILE_NAME_BYTES];
    memcpy(number, data, size < sizeof(number) ? size : sizeof(number));
    file_name_archive(name, number[0], number[1]);
    struct file_name n = file_name_parse(name);
    PROMISE(n.kind == FILE_ARCHIVE && n.term == number[0] && n.timestamp == number[1]);
    file_name_data(name, number[0], number[1]);
    n = file_name_parse(name);
    PROMISE(number[0] >= UINT64_MAX - 1
                ? n.kind == FILE_OTHER /* those two are no files */
                : n.kind == FILE_DATA && n.id == number[0] && n.term == number[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *name = fuzz_text(data, size);
    file(name);
    directory(name);
    (void)file_name_table_valid(name);
    if (size >= 8)
        made(data, size);
    free(name);
    return 0;
}
