/* eloqstore/cmd_tables.c -- tables: what partitions there are, and how large. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "inspect.h"
#include "out.h"
#include "pairs.h"

/* Counting reads everything; a store above this shows "?" unless asked. */
#define COUNT_BYTES_MAX (UINT64_C(256) << 20)

static void print_row(const struct cli *cli, eloq_part part, bool is_counted, uint64_t keys,
                      uint64_t bytes)
{
    if (cli->json) {
        struct json j;
        json_open(&j);
        json_part(&j, part);
        if (is_counted)
            json_u64(&j, "keys", keys);
        else
            json_null(&j, "keys");
        json_u64(&j, "bytes", bytes);
        json_close(&j);
        return;
    }
    out_part(part);
    if (is_counted)
        out_format("\t%" PRIu64, keys);
    else
        out_format("\t?");
    out_format("\t%" PRIu64 "\n", bytes);
}

static int run(struct cli *cli, struct inspect *in, const struct part_list *list, bool always)
{
    struct inspect_space space;
    eloq_range range = { 0 };
    uint64_t total = 0;
    for (size_t i = 0; i < list->count; i++) {
        int code = inspect_space(in, list->parts[i], &space);
        if (code != 0)
            return code;
        total += space.disk_bytes;
    }
    bool is_counted = always || total <= COUNT_BYTES_MAX;
    for (size_t i = 0; i < list->count; i++) {
        uint64_t keys = 0;
        int rc = is_counted ? pairs_scan(cli, PAIR_COUNT, list->parts[i], &range, &keys) : ELOQ_OK;
        int code = rc < 0 ? cli_status(cli, rc) : inspect_space(in, list->parts[i], &space);
        if (code != 0)
            return code;
        print_row(cli, list->parts[i], is_counted, keys, space.disk_bytes);
    }
    return CLI_DONE;
}

int cmd_tables(struct cli *cli, int argc, char **argv)
{
    bool always = false;
    const struct arg_option options[] = { { "count", NULL, &always } };
    struct inspect in = { 0 };
    struct part_list list = { .mem = &cli->mem };
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 0, 0, &at);
    if (code == 0)
        code = inspect_open(cli, &in);
    if (code == 0)
        code = part_list_load(cli, &list);
    if (code == 0)
        code = run(cli, &in, &list, always);
    part_list_free(&list);
    inspect_close(&in);
    return code;
}
