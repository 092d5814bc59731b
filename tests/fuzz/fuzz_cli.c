/* fuzz/fuzz_cli.c -- any text as a line of the shell or of a load, tsv or json; and any bytes
 * printed by the command line are read back the same.
 *
 *     mode u8 | text, or a key and a value for the ways there and back */
#include "base/slice.h"
#include "fuzz.h"
#include "tools/eloqstore/args.h"
#include "tools/eloqstore/load_input.h"
#include "tools/eloqstore/out.h"
#include "tools/eloqstore/shell_words.h"

static char *printed; /* what out.c wrote so far */
static size_t printed_size;

/* Of the command line's main, which args.c wants: nothing that is tried here calls them. */
int cli_fail(int code, const char *format, ...)
{
    (void)format;
    return code;
}
int cli_status(const struct cli *cli, int status)
{
    (void)cli;
    return status;
}
const struct command *cli_command_find(const char *name)
{
    (void)name;
    return NULL;
}

static void capture(void)
{
    static FILE *file;
    if (!file) {
        file = open_memstream(&printed, &printed_size);
        PROMISE(file != NULL);
        stdout = file;
    }
    PROMISE(fseeko(file, 0, SEEK_SET) == 0);
}

static void words(const char *text, size_t size)
{
    char *line = fuzz_text(text, size);
    struct shell_words w;
    if (!shell_words_split(line, &w)) {
        PROMISE(w.count >= 0 && w.count <= SHELL_WORDS_MAX && w.at[w.count] == NULL);
        for (int i = 0; i < w.count; i++)
            PROMISE(w.at[i] >= line && w.at[i] + strlen(w.at[i]) <= line + size);
    }
    free(line);
}

/* Every line of the text. */
static void load(const void *text, size_t size, bool is_json, bool is_hex, bool has_table)
{
    struct load_input in = { .is_json = is_json, .is_hex = is_hex, .has_table = has_table };
    struct load_row row;
    int rc;
    if (size == 0)
        return;
    in.file = fmemopen((void *)(uintptr_t)text, size, "r");
    PROMISE(in.file != NULL);
    while ((rc = load_input_next(&in, &row)) != ELOQ_END) {
        PROMISE(rc == ELOQ_OK || (rc == ELOQ_INVALID && in.error[0] != '\0'));
        if (rc != ELOQ_OK)
            continue;
        PROMISE(row.key.size > 0 && row.key.size <= size && row.value.size <= size);
        PROMISE(has_table || (row.table && strlen(row.table) <= size));
    }
    fclose(in.file);
    load_input_deinit(&in);
}

static void there_and_back(struct fuzz_input *in, bool is_json, bool is_hex)
{
    struct cli cli = { .hex = is_hex };
    struct load_input back = { .is_json = is_json, .is_hex = is_hex, .has_table = true };
    struct load_row row;
    uint64_t expiry = fuzz_u16(in);
    eloq_slice key = fuzz_bytes(in, 1 + fuzz_u8(in) % 40u);
    eloq_slice value = fuzz_bytes(in, in->size);
    if (key.size == 0)
        return;
    capture();
    if (is_json) {
        struct json j;
        json_open(&j);
        json_bytes(&j, &cli, "key", key);
        json_bytes(&j, &cli, "value", value);
        json_u64(&j, "expire_at", expiry);
        json_close(&j);
    } else {
        out_bytes(&cli, key);
        out_char('\t');
        out_bytes(&cli, value);
        out_format("\t7\t%u\n", (unsigned)expiry);
    }
    fflush(stdout);
    back.file = fmemopen(printed, printed_size, "r");
    PROMISE(back.file != NULL);
    PROMISE(load_input_next(&back, &row) == ELOQ_OK);
    PROMISE(slice_equal(row.key, key) && slice_equal(row.value, value));
    PROMISE(row.expire_at == expiry);
    PROMISE(load_input_next(&back, &row) == ELOQ_END);
    fclose(back.file);
    load_input_deinit(&back);
}

static void numbers(const char *text, size_t size)
{
    uint64_t number = 0;
    char again[24];
    size_t table_size = 0;
    uint32_t partition = 0;
    if (args_decimal(text, size, UINT64_MAX, &number)) {
        snprintf(again, sizeof(again), "%llu", (unsigned long long)number);
        while (size > 1 && *text == '0')
            text++, size--;
        PROMISE(strlen(again) == size && memcmp(again, text, size) == 0);
    }
    if (args_split_part(eloq_bytes(text, size), &table_size, &partition))
        PROMISE(table_size <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    uint8_t mode = fuzz_u8(&in);
    char *text = (char *)fuzz_copy(in.data, in.size);
    switch (mode % 8) {
    case 0:
        words(text, in.size);
        break;
    case 1:
    case 2:
        load(text, in.size, false, mode & 8, mode & 16);
        break;
    case 3:
    case 4:
        load(text, in.size, true, mode & 8, mode & 16);
        break;
    case 5:
        numbers(text, in.size);
        break;
    default:
        there_and_back(&in, mode % 8 == 6, mode & 8);
    }
    free(text);
    return 0;
}
