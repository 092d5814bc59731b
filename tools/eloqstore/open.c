/* eloqstore/open.c -- opens the store as the global options say; failures as words and exit codes.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

int cli_fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    flockfile(stderr);
    fputs("eloqstore: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    funlockfile(stderr);
    va_end(args);
    return code;
}

int cli_status(const struct cli *cli, int status)
{
    (void)cli;
    if (status > 0)
        return CLI_NO;
    const char *words = eloq_errmsg();
    eloq_error detail = { 0 };
    char part[300] = "";
    char place[4200] = "";
    if (eloq_error_detail(NULL, &detail) >= 0) {
        /* The words usually say it already. */
        if (detail.table && detail.table[0] && !strstr(words, detail.table))
            snprintf(part, sizeof(part), " table=%s partition=%" PRIu32, detail.table,
                     detail.partition);
        if (detail.file && detail.file[0] && !strstr(words, detail.file))
            snprintf(place, sizeof(place), " file=%s offset=%" PRIu64, detail.file, detail.offset);
    }
    return cli_fail(status == ELOQ_INVALID ? CLI_USAGE : CLI_FAILED, "%s%s%s", words, part, place);
}

/* What the store says without being asked. */
static void on_log(void *user, int level, const char *line)
{
    const struct cli *cli = user;
    if (level == ELOQ_LOG_ERROR || (level == ELOQ_LOG_WARNING && !cli->quiet))
        cli_fail(0, "%s: %s", level == ELOQ_LOG_ERROR ? "error" : "warning", line);
}

void cli_paths(const struct cli *cli, eloq_options *options)
{
    if (cli->store_count > 0) {
        options->path = NULL;
        options->paths = cli->stores;
        options->path_count = cli->store_count;
        return;
    }
    if (options->path || options->path_count > 0 || options->io_backend == ELOQ_IO_MEMORY)
        return;
    const char *dir = getenv("ELOQSTORE_DIR");
    options->path = dir && dir[0] ? dir : "eloqstore-data";
}

int cli_open_at(struct cli *cli, const eloq_options *given, enum cli_access access)
{
    eloq_options options = *given;
    options.read_only = access == CLI_READ;
    options.log = on_log;
    options.log_user = cli;
    int rc = eloq_open(&options, &cli->store);
    if (rc > 0)
        return cli_fail(CLI_NO, "there is no such archive");
    cli->access = access;
    cli->shows_expired = options.show_expired != 0;
    return rc < 0 ? cli_status(cli, rc) : 0;
}

/* Whether what is open will do: a shell's commands follow each other on one store. */
static bool is_open(const struct cli *cli, enum cli_access access)
{
    if (!cli->store)
        return false;
    if (cli->options.io_backend == ELOQ_IO_MEMORY)
        return true; /* closed, it would be gone */
    return (access == CLI_READ || cli->access == CLI_WRITE)
           && cli->shows_expired == (cli->options.show_expired != 0);
}

int cli_open(struct cli *cli, enum cli_access access)
{
    if (access == CLI_WRITE && cli->options.as_of != 0)
        return cli_fail(CLI_USAGE, "an archive (--as-of) is read-only");
    if (is_open(cli, access))
        return 0;
    if (cli->store && cli->access == CLI_WRITE)
        access = CLI_WRITE; /* once a writer, it stays one */
    int rc = eloq_close(cli->store);
    cli->store = NULL;
    if (rc < 0)
        return cli_status(cli, rc);
    eloq_options options = cli->options;
    cli_paths(cli, &options);
    if (cli->is_shell && options.io_backend == ELOQ_IO_MEMORY)
        access = CLI_WRITE;
    return cli_open_at(cli, &options, access);
}
