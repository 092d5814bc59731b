/* eloqstore/cmd_shell.c -- shell: one command a line, on one open store. */
#include <stdio.h>
#include <unistd.h>

#include "args.h"
#include "out.h"
#include "shell_line.h"
#include "shell_words.h"

/* Runs one line. Options given in it end with it. */
static int run_line(struct cli *cli, char **words, int count)
{
    struct cli before = *cli;
    int code = cli_run(cli, count, words);
    cli->options = before.options;
    cli->hex = before.hex;
    cli->json = before.json;
    cli->quiet = before.quiet;
    fflush(stdout);
    return code;
}

/* Until the end of the input or `exit`: the exit code of the last command that did not exit 0. */
static int run(struct cli *cli)
{
    struct shell_words words = { 0 };
    char *line = NULL;
    int code = CLI_DONE;
    while (out_is_open() && (line = shell_line_next())) {
        const char *error = shell_words_split(line, &words);
        if (error) {
            code = cli_fail(CLI_USAGE, "%s", error);
        } else if (words.count > 0) {
            if (strcmp(words.at[0], "exit") == 0 || strcmp(words.at[0], "quit") == 0)
                break;
            int rc = strcmp(words.at[0], "shell") == 0 ? cli_fail(CLI_USAGE, "this is the shell")
                                                       : run_line(cli, words.at, words.count);
            code = rc != CLI_DONE ? rc : code;
        }
    }
    return code;
}

int cmd_shell(struct cli *cli, int argc, char **argv)
{
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 0, 0, &at);
    if (code != 0)
        return code;
    cli->is_shell = true;
    bool is_interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    shell_line_init(cli, is_interactive);
    code = run(cli);
    shell_line_deinit();
    /* Who types sees what became of each command. */
    return is_interactive ? CLI_DONE : code;
}
