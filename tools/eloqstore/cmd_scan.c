/* eloqstore/cmd_scan.c -- scan and count: the pairs of one partition. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "base/slice.h"
#include "out.h"
#include "pairs.h"

/* The bounds of a scan and the memory behind them. */
struct bounds {
    struct bytes from;
    struct bytes to;
    struct bytes prefix;
    uint8_t *prefix_end;
    eloq_range range;
};

static void bounds_init(struct bounds *b, struct cli *cli)
{
    *b = (struct bounds){ 0 };
    bytes_init(&b->from, &cli->mem, MEM_OTHER);
    bytes_init(&b->to, &cli->mem, MEM_OTHER);
    bytes_init(&b->prefix, &cli->mem, MEM_OTHER);
}

static void bounds_free(struct bounds *b, struct cli *cli)
{
    bytes_free(&b->from);
    bytes_free(&b->to);
    bytes_free(&b->prefix);
    mem_free(&cli->mem, b->prefix_end);
}

/* A prefix and bounds narrow each other. */
static int bounds_set(struct bounds *b, struct cli *cli)
{
    eloq_slice prefix = eloq_bytes(b->prefix.data, b->prefix.size);
    b->range.begin = eloq_bytes(b->from.data, b->from.size);
    b->range.end = eloq_bytes(b->to.data, b->to.size);
    if (prefix.size == 0)
        return 0;
    b->prefix_end = mem_alloc(&cli->mem, MEM_OTHER, prefix.size);
    if (!b->prefix_end)
        return cli_fail(CLI_FAILED, "out of memory");
    eloq_slice end = slice_prefix_end(prefix, b->prefix_end);
    if (slice_compare(prefix, b->range.begin) > 0)
        b->range.begin = prefix;
    if (end.size != 0 && (b->range.end.size == 0 || slice_compare(end, b->range.end) < 0))
        b->range.end = end;
    return 0;
}

static int run_scan(struct cli *cli, const struct arg_part *part, const eloq_range *range,
                    bool keys_only)
{
    /* Bounds that exclude everything are an empty answer, not a mistake. */
    bool is_empty = range->begin.size != 0 && range->end.size != 0
                    && slice_compare(range->begin, range->end) >= 0;
    enum pair_format format =
        cli->json ? (keys_only ? PAIR_JSON_KEYS : PAIR_JSON) : (keys_only ? PAIR_KEYS : PAIR_SHORT);
    int code = cli_open(cli, CLI_READ);
    if (code != 0 || is_empty)
        return code;
    int rc = pairs_scan(cli, format, arg_part(part), range, NULL);
    return rc < 0 ? cli_status(cli, rc) : CLI_DONE;
}

int cmd_scan(struct cli *cli, int argc, char **argv)
{
    const char *from = NULL;
    const char *to = NULL;
    const char *prefix = NULL;
    const char *limit = NULL;
    bool reverse = false;
    bool keys_only = false;
    const struct arg_option options[] = {
        { "from", &from, NULL },   { "to", &to, NULL },           { "prefix", &prefix, NULL },
        { "limit", &limit, NULL }, { "reverse", NULL, &reverse }, { "keys-only", NULL, &keys_only }
    };
    struct arg_part part;
    struct bounds b;
    bounds_init(&b, cli);
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 1, 1, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0 && from)
        code = args_bytes(cli, "--from", from, &b.from);
    if (code == 0 && to)
        code = args_bytes(cli, "--to", to, &b.to);
    if (code == 0 && prefix)
        code = args_bytes(cli, "--prefix", prefix, &b.prefix);
    if (code == 0 && limit)
        code = args_u64("--limit", limit, &b.range.limit);
    b.range.reverse = reverse;
    if (code == 0)
        code = bounds_set(&b, cli);
    if (code == 0)
        code = run_scan(cli, &part, &b.range, keys_only);
    bounds_free(&b, cli);
    return code;
}

int cmd_count(struct cli *cli, int argc, char **argv)
{
    struct arg_part part;
    uint64_t count = 0;
    eloq_range range = { 0 };
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 1, 1, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0)
        code = cli_open(cli, CLI_READ);
    if (code != 0)
        return code;
    int rc = pairs_scan(cli, PAIR_COUNT, arg_part(&part), &range, &count);
    if (rc < 0)
        return cli_status(cli, rc);
    if (cli->json) {
        struct json j;
        json_open(&j);
        json_part(&j, arg_part(&part));
        json_u64(&j, "keys", count);
        json_close(&j);
    } else {
        out_format("%" PRIu64 "\n", count);
    }
    return CLI_DONE;
}
