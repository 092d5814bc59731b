/* eloqstore/cmd_dump.c -- dump: every pair of a store or a partition. */
#include "args.h"
#include "out.h"
#include "pairs.h"

static int parse_format(const struct cli *cli, const char *text, enum pair_format *ret)
{
    *ret = cli->json ? PAIR_JSON : PAIR_TSV;
    if (!text)
        return 0;
    if (strcmp(text, "tsv") == 0)
        *ret = PAIR_TSV;
    else if (strcmp(text, "json") == 0)
        *ret = PAIR_JSON;
    else if (strcmp(text, "digest") == 0)
        *ret = PAIR_DIGEST;
    else
        return cli_fail(CLI_USAGE, "no such format (tsv, json, digest): %s", text);
    return 0;
}

int cmd_dump(struct cli *cli, int argc, char **argv)
{
    const char *format_text = NULL;
    bool expired = false;
    const struct arg_option options[] = { { "format", &format_text, NULL },
                                          { "expired", NULL, &expired } };
    enum pair_format format = PAIR_TSV;
    struct part_list list = { .mem = &cli->mem };
    eloq_range range = { 0 };
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 0, 1, &at);
    if (code == 0)
        code = parse_format(cli, format_text, &format);
    if (code != 0)
        return code;
    if (expired)
        cli->options.show_expired = 1;
    code = cli_open(cli, CLI_READ);
    if (code == 0)
        code = part_list_choose(cli, at < argc ? argv[at] : NULL, &list);
    /* A damaged partition costs its own pairs, not those of the others. */
    for (size_t i = 0; i < list.count && out_is_open(); i++) {
        int rc = pairs_scan(cli, format, list.parts[i], &range, NULL);
        if (rc < 0)
            code = cli_status(cli, rc);
    }
    part_list_free(&list);
    return code;
}
