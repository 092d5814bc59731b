/* eloqstore/cmd_archive.c -- archive, archives, restore: states that are kept. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "base/clock.h"
#include "out.h"
#include "pairs.h"

static int archive_one(struct cli *cli, const char *text, uint64_t timestamp)
{
    struct arg_part part;
    int code = args_part(text, &part);
    if (code != 0)
        return code;
    int rc = eloq_archive(cli->store, arg_part(&part), timestamp);
    return rc == ELOQ_OK ? CLI_DONE : cli_status(cli, rc);
}

static int archive_all(struct cli *cli, uint64_t timestamp)
{
    int rc = eloq_archive_all(cli->store, timestamp);
    return rc == ELOQ_OK ? CLI_DONE : cli_status(cli, rc);
}

static void print_timestamp(const struct cli *cli, uint64_t timestamp)
{
    if (cli->json) {
        struct json j;
        json_open(&j);
        json_u64(&j, "timestamp", timestamp);
        json_close(&j);
    } else {
        out_format("%" PRIu64 "\n", timestamp);
    }
}

int cmd_archive(struct cli *cli, int argc, char **argv)
{
    const char *text = NULL;
    const struct arg_option options[] = { { "timestamp", &text, NULL } };
    uint64_t timestamp = 0;
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 0, 1, &at);
    if (code == 0 && text)
        code = args_u64("--timestamp", text, &timestamp);
    if (code == 0 && text && timestamp == 0)
        code = cli_fail(CLI_USAGE, "--timestamp is 0: an archive has another one");
    if (code == 0)
        code = cli_open(cli, CLI_WRITE);
    if (code != 0)
        return code;
    if (!text)
        timestamp = clock_wall_us(&clock_system);
    code = at < argc ? archive_one(cli, argv[at], timestamp) : archive_all(cli, timestamp);
    if (code == CLI_DONE)
        print_timestamp(cli, timestamp);
    return code;
}

static void print_archive(const struct cli *cli, eloq_part part, uint64_t timestamp)
{
    if (cli->json) {
        struct json j;
        json_open(&j);
        json_part(&j, part);
        json_u64(&j, "timestamp", timestamp);
        json_close(&j);
        return;
    }
    out_part(part);
    out_format("\t%" PRIu64 "\n", timestamp);
}

int cmd_archives(struct cli *cli, int argc, char **argv)
{
    struct part_list list = { .mem = &cli->mem };
    eloq_archive_list archives = { 0 };
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 0, 1, &at);
    if (code == 0)
        code = cli_open(cli, CLI_READ);
    if (code == 0)
        code = part_list_choose(cli, at < argc ? argv[at] : NULL, &list);
    for (size_t i = 0; code == 0 && i < list.count; i++) {
        int rc = eloq_archives(cli->store, list.parts[i], &archives);
        if (rc != ELOQ_OK)
            code = cli_status(cli, rc);
        for (size_t n = 0; rc == ELOQ_OK && n < archives.count; n++)
            print_archive(cli, list.parts[i], archives.timestamps[n]);
    }
    eloq_archives_free(&archives);
    part_list_free(&list);
    return code;
}

int cmd_restore(struct cli *cli, int argc, char **argv)
{
    struct arg_part part;
    uint64_t timestamp = 0;
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 2, 2, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0)
        code = args_u64("TIMESTAMP", argv[at + 1], &timestamp);
    if (code == 0)
        code = cli_open(cli, CLI_WRITE);
    if (code != 0)
        return code;
    int rc = eloq_restore(cli->store, arg_part(&part), timestamp);
    return rc == ELOQ_OK ? CLI_DONE : cli_status(cli, rc);
}
