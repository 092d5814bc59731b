/* eloqstore/cmd_get.c -- get and floor: one pair. */
#include <stdio.h>
#include <unistd.h>

#include "args.h"
#include "out.h"
#include "pairs.h"

/* A person at a terminal is told what a script reads from the exit code. */
static int not_there(const struct cli *cli, const char *what)
{
    if (!cli->quiet && isatty(STDERR_FILENO))
        cli_fail(0, "%s", what);
    return CLI_NO;
}

static int run_get(struct cli *cli, const struct arg_part *part, eloq_slice key, bool raw)
{
    int code = cli_open(cli, CLI_READ);
    if (code != 0)
        return code;
    eloq_record record = { 0 };
    int rc = eloq_get(cli->store, arg_part(part), key, &record);
    if (rc == ELOQ_OK) {
        eloq_slice value = eloq_bytes(record.value.data, record.value.size);
        eloq_item item = { key, value, record.timestamp, record.expire_at };
        if (raw) {
            out_raw(value.data, value.size);
        } else if (cli->json) {
            pair_print(cli, PAIR_JSON, arg_part(part), &item);
        } else {
            out_bytes(cli, value);
            out_char('\n');
        }
    } else {
        code = rc < 0 ? cli_status(cli, rc) : not_there(cli, "no such key");
    }
    eloq_record_free(&record);
    return code;
}

static int run_floor(struct cli *cli, const struct arg_part *part, eloq_slice key)
{
    int code = cli_open(cli, CLI_READ);
    if (code != 0)
        return code;
    eloq_record record = { 0 };
    int rc = eloq_floor(cli->store, arg_part(part), key, &record);
    if (rc == ELOQ_OK) {
        eloq_item item = { eloq_bytes(record.key.data, record.key.size),
                           eloq_bytes(record.value.data, record.value.size), record.timestamp,
                           record.expire_at };
        pair_print(cli, cli->json ? PAIR_JSON : PAIR_SHORT, arg_part(part), &item);
    } else {
        code = rc < 0 ? cli_status(cli, rc) : not_there(cli, "no key at or below");
    }
    eloq_record_free(&record);
    return code;
}

int cmd_get(struct cli *cli, int argc, char **argv)
{
    bool raw = false;
    const struct arg_option options[] = { { "raw", NULL, &raw } };
    struct arg_part part;
    struct bytes key;
    bytes_init(&key, &cli->mem, MEM_OTHER);
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 2, 2, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0)
        code = args_bytes(cli, "KEY", argv[at + 1], &key);
    if (code == 0)
        code = run_get(cli, &part, eloq_bytes(key.data, key.size), raw);
    bytes_free(&key);
    return code;
}

int cmd_floor(struct cli *cli, int argc, char **argv)
{
    struct arg_part part;
    struct bytes key;
    bytes_init(&key, &cli->mem, MEM_OTHER);
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 2, 2, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0)
        code = args_bytes(cli, "KEY", argv[at + 1], &key);
    if (code == 0)
        code = run_floor(cli, &part, eloq_bytes(key.data, key.size));
    bytes_free(&key);
    return code;
}
