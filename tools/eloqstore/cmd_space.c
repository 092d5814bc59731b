/* eloqstore/cmd_space.c -- truncate, drop, compact, clean-expired: what gives space back. */
#include "args.h"

int cmd_truncate(struct cli *cli, int argc, char **argv)
{
    struct arg_part part;
    struct bytes key;
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 1, 2, &at);
    bytes_init(&key, &cli->mem, MEM_OTHER);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0 && at + 1 < argc)
        code = args_bytes(cli, "KEY", argv[at + 1], &key);
    if (code == 0 && at + 1 < argc && key.size == 0) /* a forgotten variable, not a wish for all */
        code = cli_fail(CLI_USAGE, "KEY is empty; without KEY everything is removed");
    if (code == 0)
        code = cli_open(cli, CLI_WRITE);
    if (code == 0) {
        int rc = eloq_truncate(cli->store, arg_part(&part), eloq_bytes(key.data, key.size));
        code = rc == ELOQ_OK ? CLI_DONE : cli_status(cli, rc);
    }
    bytes_free(&key);
    return code;
}

int cmd_drop(struct cli *cli, int argc, char **argv)
{
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 1, 1, &at);
    if (code == 0)
        code = cli_open(cli, CLI_WRITE);
    if (code != 0)
        return code;
    int rc = eloq_drop(cli->store, argv[at]);
    return rc == ELOQ_OK ? CLI_DONE : cli_status(cli, rc);
}

/* A verb of one partition. */
static int on_part(struct cli *cli, int argc, char **argv,
                   int (*verb)(eloq_store *store, eloq_part part))
{
    struct arg_part part;
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 1, 1, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0)
        code = cli_open(cli, CLI_WRITE);
    if (code != 0)
        return code;
    int rc = verb(cli->store, arg_part(&part));
    return rc == ELOQ_OK ? CLI_DONE : cli_status(cli, rc);
}

int cmd_compact(struct cli *cli, int argc, char **argv)
{
    return on_part(cli, argc, argv, eloq_compact);
}

int cmd_clean_expired(struct cli *cli, int argc, char **argv)
{
    return on_part(cli, argc, argv, eloq_clean_expired);
}
