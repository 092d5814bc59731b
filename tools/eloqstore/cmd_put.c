/* eloqstore/cmd_put.c -- put and del: one durable change. */
#include <errno.h>
#include <stdio.h>

#include "args.h"
#include "base/clock.h"

struct change {
    struct arg_part part;
    struct bytes key;
    struct bytes value;
    eloq_entry entry;
};

static int read_stdin(struct bytes *out)
{
    for (;;) {
        if (bytes_reserve(out, 65536) < 0)
            return cli_fail(CLI_FAILED, "out of memory");
        /* By way of stdio, since a shell may have read ahead. */
        size_t n = fread(out->data + out->size, 1, 65536, stdin);
        out->size += n;
        if (n == 0 && ferror(stdin))
            return cli_fail(CLI_FAILED, "cannot read standard input: %s", strerror(errno));
        if (n == 0)
            return 0;
    }
}

/* A timestamp given in words is meant literally; 0 in the field would mean now. */
static int set_timestamp(const char *text, eloq_entry *entry)
{
    uint64_t timestamp = 0;
    if (!text)
        return 0;
    int rc = args_u64("--timestamp", text, &timestamp);
    if (rc == 0 && timestamp > INT64_MAX)
        return cli_fail(CLI_USAGE, "--timestamp is above 2^63-1: %s", text);
    entry->timestamp = timestamp == 0 ? ELOQ_TIMESTAMP_ZERO : timestamp;
    return rc;
}

static int set_expiry(const char *ttl, const char *expire_at, eloq_entry *entry)
{
    if (ttl && expire_at)
        return cli_fail(CLI_USAGE, "--ttl and --expire-at exclude each other");
    if (expire_at)
        return args_u64("--expire-at", expire_at, &entry->expire_at);
    if (!ttl)
        return 0;
    uint64_t ms = 0;
    uint64_t now_ms = clock_wall_us(&clock_system) / 1000;
    int rc = args_duration_ms("--ttl", ttl, &ms);
    entry->expire_at = ms > UINT64_MAX - now_ms ? UINT64_MAX : now_ms + ms;
    return rc;
}

static int write_change(struct cli *cli, struct change *change)
{
    int code = cli_open(cli, CLI_WRITE);
    if (code != 0)
        return code;
    change->entry.key = eloq_bytes(change->key.data, change->key.size);
    change->entry.value = eloq_bytes(change->value.data, change->value.size);
    int rc = eloq_write(cli->store, arg_part(&change->part), &change->entry, 1);
    if (rc < 0)
        return cli_status(cli, rc);
    if (eloq_skipped() > 0 && !cli->quiet)
        cli_fail(0, "nothing changed: the stored pair is newer");
    return CLI_DONE;
}

int cmd_put(struct cli *cli, int argc, char **argv)
{
    const char *ttl = NULL;
    const char *expire_at = NULL;
    const char *timestamp = NULL;
    const struct arg_option options[] = { { "ttl", &ttl, NULL },
                                          { "expire-at", &expire_at, NULL },
                                          { "timestamp", &timestamp, NULL } };
    struct change change = { 0 };
    bytes_init(&change.key, &cli->mem, MEM_OTHER);
    bytes_init(&change.value, &cli->mem, MEM_OTHER);
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 3, 3, &at);
    if (code == 0)
        code = args_part(argv[at], &change.part);
    if (code == 0)
        code = args_bytes(cli, "KEY", argv[at + 1], &change.key);
    if (code == 0)
        code = set_timestamp(timestamp, &change.entry);
    if (code == 0)
        code = set_expiry(ttl, expire_at, &change.entry);
    if (code == 0 && strcmp(argv[at + 2], "-") == 0)
        code = read_stdin(&change.value);
    else if (code == 0)
        code = args_bytes(cli, "VALUE", argv[at + 2], &change.value);
    if (code == 0)
        code = write_change(cli, &change);
    bytes_free(&change.key);
    bytes_free(&change.value);
    return code;
}

int cmd_del(struct cli *cli, int argc, char **argv)
{
    const char *timestamp = NULL;
    const struct arg_option options[] = { { "timestamp", &timestamp, NULL } };
    struct change change = { .entry.kind = ELOQ_DELETE };
    bytes_init(&change.key, &cli->mem, MEM_OTHER);
    int at = 0;
    int code = args_command(cli, argc, argv, options, ARRAY_LEN(options), 2, 2, &at);
    if (code == 0)
        code = args_part(argv[at], &change.part);
    if (code == 0)
        code = args_bytes(cli, "KEY", argv[at + 1], &change.key);
    if (code == 0)
        code = set_timestamp(timestamp, &change.entry);
    if (code == 0)
        code = write_change(cli, &change);
    bytes_free(&change.key);
    return code;
}
