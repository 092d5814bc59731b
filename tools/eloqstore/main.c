/* eloqstore/main.c -- the command line: finds the command, runs it, ends with its exit code. */
#include <signal.h>
#include <stdio.h>

#include "args.h"
#include "help_options.h"
#include "out.h"

const struct command cli_commands[] = {
    { "put", "TABLE KEY VALUE [--ttl 90s] [--expire-at MS] [--timestamp US]",
      "store one pair, durable when it returns",
      "VALUE - reads the value from standard input. --ttl takes ms, s, m, h or d. An explicit\n"
      "timestamp older than the stored pair's changes nothing.\n",
      cmd_put },
    { "get", "TABLE KEY [--raw]", "print the value of a key",
      "--raw prints the value's bytes alone, without escapes and newline. Exit 1: no such key.\n",
      cmd_get },
    { "del", "TABLE KEY [--timestamp US]", "delete a key", "Deleting an absent key is done, too.\n",
      cmd_del },
    { "floor", "TABLE KEY", "print the greatest key not above KEY, and its value",
      "Exit 1: there is none.\n", cmd_floor },
    { "scan", "TABLE [--from K] [--to K] [--prefix P] [--limit N] [--reverse] [--keys-only]",
      "print pairs in key order",
      "--from is included, --to is not. --reverse goes from the end down. --limit 0 is no limit.\n",
      cmd_scan },
    { "count", "TABLE", "print the number of keys", "", cmd_count },
    { "load",
      "[TABLE] [FILE] [--format tsv|json] [--batch N] [--skip N] [--sync-each] [--ack FILE]",
      "store pairs from a file, in durable batches",
      "Lines are: key TAB value [TAB timestamp [TAB expiry]], with the escapes that scan and dump\n"
      "write. Without TABLE a column table.partition comes first, as dump writes it (a lone\n"
      "word is a TABLE unless it has a slash in it). FILE - or none is standard input.\n"
      "--batch N lines (1000) are one durable batch; a key that repeats ends the batch before it.\n"
      "--skip N resumes: an interrupted load says how many lines are durable. --sync-each keeps\n"
      "one batch in flight instead of several. --ack FILE gets the number of durable lines, a\n"
      "line after each batch.\n",
      cmd_load },
    { "dump", "[TABLE] [--format tsv|json|digest] [--expired]", "print everything, in key order",
      "tsv: table.partition, key, value, timestamp, expiry. digest: the key in hex, XXH3-64 of "
      "the\n"
      "value and its length instead of the value. --expired shows expired pairs, too.\n",
      cmd_dump },
    { "tables", "[--count]", "list tables and partitions",
      "Prints table.partition, the number of keys and the bytes on disk. Stores over 256 MiB show\n"
      "? for the number of keys unless --count asks for it.\n",
      cmd_tables },
    { "stat", "[TABLE]", "tree depth, pages, space, files, memory and counters", "", cmd_stat },
    { "check", "[TABLE]", "verify everything on disk",
      "One line per damage: damage, table.partition, file, offset, what. Exit 1: there is damage.\n"
      "Notes (leftover files and the like) go to standard error and are no damage.\n",
      cmd_check },
    { "truncate", "TABLE [KEY]", "remove every key from KEY on, or all",
      "The space goes back to the disk; of an emptied partition nothing is left.\n", cmd_truncate },
    { "drop", "NAME", "remove all partitions of a table",
      "With their archives. Dropping an absent table is done, too.\n", cmd_drop },
    { "compact", "TABLE", "give the space of rewritten data back (append mode)",
      "Files of which less than half is in use (-o file_amplify_factor) are rewritten.\n"
      "Exit 1: there is no such partition. In place there is nothing to do: exit 2.\n",
      cmd_compact },
    { "clean-expired", "TABLE", "remove every pair that has expired",
      "Exit 1: there is no such partition.\n", cmd_clean_expired },
    { "archive", "[TABLE] [--timestamp US]", "keep the present state of a partition, or of all",
      "Without TABLE: all partitions, at one moment. Prints the timestamp, by default the present\n"
      "time. Read one with --as-of TIMESTAMP. Append mode only (-o data_append_mode=true).\n"
      "-o num_retained_archives=N removes all but the newest N. Exit 1: there is nothing to "
      "keep.\n",
      cmd_archive },
    { "archives", "[TABLE]", "list the archives of a partition, or of all",
      "Prints table.partition and the timestamp, ascending.\n", cmd_archives },
    { "restore", "TABLE TIMESTAMP", "make an archive the present state",
      "The state before is archived first, so restoring that one goes forward again.\n"
      "Exit 1: there is no such archive.\n",
      cmd_restore },
    { "page", "TABLE ID", "show a page by its logical id", "", cmd_page },
    { "manifest", "TABLE", "show the records of a partition's manifest", "", cmd_manifest },
    { "repair", "SOURCE DEST", "copy what can be verified of a damaged store into a new one",
      "SOURCE is only read; DEST must not exist, or be empty. SOURCE and DEST may be several\n"
      "directories, separated by ':'. Prints a line per lost range: lost, table.partition, from\n"
      "(included), to (not included); an empty one is open. Exit 1: something is lost. Timestamps\n"
      "and expiries are kept. Without a readable manifest the data files are searched for pairs,\n"
      "of which the newest wins: deleted ones may be back.\n",
      cmd_repair },
    { "shell", "", "a prompt for these commands",
      "One command a line, as behind `eloqstore`; words may be in '...' or \"...\", and \\xNN, "
      "\\t,\n"
      "\\n, \\r, \\\\ and \\ before any other sign stand for that byte. # begins a comment. exit "
      "or\n"
      "Ctrl-D ends it. From a file or a pipe it prints no prompt; its exit code is that of the "
      "last\n"
      "command that did not exit 0.\n",
      cmd_shell },
    { "help", "[COMMAND | options]", "this text, more about a command, or the options for -o",
      "options: every key for -c and -o, with its meaning, range and default.\n", cmd_help },
    { NULL, NULL, NULL, NULL, NULL },
};

const struct command *cli_command_find(const char *name)
{
    for (const struct command *c = cli_commands; c->name; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

static const char options_text[] =
    "Options:\n"
    "  -s, --store DIR        the store's directory; several for several disks, in order\n"
    "                         (default: $ELOQSTORE_DIR, else ./eloqstore-data)\n"
    "  -c, --config FILE      an ini file with options\n"
    "  -o, --set KEY=VALUE    one option by its ini key; wins over the file\n"
    "      --io-backend NAME  auto, uring, threads, sync or memory\n"
    "      --as-of TIMESTAMP  read the archive of that timestamp\n"
    "  -x, --hex              keys and values are hex\n"
    "  -j, --json             one JSON object a line\n"
    "  -q, --quiet            no progress bar, no summary\n"
    "      --version\n"
    "TABLE is name or name.partition (0 without a number). Words that begin with - go behind --.\n"
    "Exit codes: 0 done, 1 not there or damaged, 2 the call is wrong, 3 it failed.\n";

int cmd_help(struct cli *cli, int argc, char **argv)
{
    (void)cli;
    if (argc > 1 && strcmp(argv[1], "options") == 0) {
        help_options(argc > 2 && strcmp(argv[2], "man") == 0);
        return CLI_DONE;
    }
    if (argc > 1) {
        const struct command *command = cli_command_find(argv[1]);
        if (!command)
            return cli_fail(CLI_USAGE, "no such command: %s (see eloqstore help)", argv[1]);
        printf("usage: eloqstore [OPTIONS] %s %s\n%s\n%s", command->name, command->usage,
               command->summary, command->details);
        return CLI_DONE;
    }
    printf("usage: eloqstore [OPTIONS] COMMAND [ARGS]\n\nCommands:\n");
    for (const struct command *c = cli_commands; c->name; c++)
        printf("  %-13s %s\n", c->name, c->summary);
    printf("\n%s", options_text);
    return CLI_DONE;
}

/* Whether the words of a command ask for help instead. */
static bool asks_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    }
    return false;
}

int cli_run(struct cli *cli, int argc, char **argv)
{
    const struct command *command = argc > 0 ? cli_command_find(argv[0]) : NULL;
    if (!command) {
        if (argc > 0)
            cli_fail(0, "no such command: %s", argv[0]);
        fprintf(stderr, "usage: eloqstore [OPTIONS] COMMAND [ARGS] (see eloqstore help)\n");
        return CLI_USAGE;
    }
    if (asks_help(argc, argv)) {
        char *words[] = { argv[0], argv[0] };
        return cmd_help(cli, 2, words);
    }
    return command->run(cli, argc, argv);
}

int main(int argc, char **argv)
{
    static char output[1 << 16];
    struct cli cli = { .options = ELOQ_OPTIONS(NULL) };
    mem_init(&cli.mem, 0);
    /* A reader that left is noticed by the write that fails. */
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigaction(SIGPIPE, &ignore, NULL);
    setvbuf(stdout, output, _IOFBF, sizeof(output));

    int first = 0;
    int show = 0;
    int code = args_global(&cli, argc, argv, &first, &show);
    if (code == 0 && show == 'V')
        printf("eloqstore %s\n", eloq_version());
    else if (code == 0 && show == 'h')
        code = cmd_help(&cli, 0, NULL);
    else if (code == 0)
        code = cli_run(&cli, argc - first, argv + first);

    int rc = eloq_close(cli.store);
    if (rc < 0 && code == CLI_DONE)
        code = cli_status(&cli, rc);
    eloq_options_free(&cli.options);
    return out_finish(code);
}
