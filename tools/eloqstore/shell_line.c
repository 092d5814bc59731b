/* eloqstore/shell_line.c -- lines for the shell: editing, history and completion by libedit. */
#include "shell_line.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef HAVE_LIBEDIT
#include <editline/readline.h>
#endif

#define PROMPT "eloqstore> "
#define HISTORY_LINES 1000

static bool is_typed;
static char *line;
static size_t line_capacity;

/* A plain line, after a prompt if somebody waits for one. */
static char *read_plain(void)
{
    if (is_typed) {
        fputs(PROMPT, stdout);
        fflush(stdout);
    }
    ssize_t size = getline(&line, &line_capacity, stdin);
    if (size < 0) {
        if (ferror(stdin))
            cli_fail(0, "cannot read standard input: %s", strerror(errno));
        return NULL;
    }
    if (strlen(line) != (size_t)size)
        cli_fail(0, "the line holds a byte 0: what follows it is left out");
    line[strcspn(line, "\n")] = '\0';
    return line;
}

#ifdef HAVE_LIBEDIT

static struct cli *shell_cli;
static char *history_path; /* NULL: it is not kept */

/* In XDG_STATE_HOME if that is set, else in the home directory. */
static char *find_history(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char *dir = NULL, *path = NULL;
    if (state && state[0] == '/') {
        if (asprintf(&dir, "%s/eloqstore", state) < 0)
            return NULL;
        if ((mkdir(state, 0700) == 0 || errno == EEXIST)
            && (mkdir(dir, 0700) == 0 || errno == EEXIST) && asprintf(&path, "%s/history", dir) < 0)
            path = NULL;
        free(dir);
        return path;
    }
    if (!home || home[0] != '/' || asprintf(&path, "%s/.eloqstore_history", home) < 0)
        return NULL;
    return path;
}

/* ---- completion: words of a table, one at each call ----------------------------------------- */

static const struct command *completed; /* the command whose options are asked for */

static char *next_command(const char *text, int state)
{
    static const struct command *at;
    static bool has_exit;
    if (state == 0) {
        at = cli_commands;
        has_exit = true;
    }
    while (at && at->name) {
        const char *name = (at++)->name;
        if (strncmp(name, text, strlen(text)) == 0)
            return strdup(name);
    }
    bool gives_exit = has_exit && strncmp("exit", text, strlen(text)) == 0;
    has_exit = false;
    return gives_exit ? strdup("exit") : NULL;
}

/* The --words of the command's usage. */
static char *next_option(const char *text, int state)
{
    static const char *at;
    if (state == 0)
        at = completed->usage;
    while (at && (at = strstr(at, "--"))) {
        size_t size = 2 + strspn(at + 2, "abcdefghijklmnopqrstuvwxyz-");
        const char *option = at;
        at += size;
        if (size >= strlen(text) && strncmp(option, text, strlen(text)) == 0)
            return strndup(option, size);
    }
    return NULL;
}

struct names {
    char **at;
    size_t count, next;
};

static int on_part(void *user, eloq_part part)
{
    struct names *names = user;
    char text[300];
    if (part.partition == 0)
        snprintf(text, sizeof(text), "%s", part.table);
    else
        snprintf(text, sizeof(text), "%s.%u", part.table, part.partition);
    char **grown = realloc(names->at, (names->count + 1) * sizeof(*grown));
    if (!grown)
        return 1;
    names->at = grown;
    names->at[names->count] = strdup(text);
    return names->at[names->count] ? (names->count++, 0) : 1;
}

static char *next_table(const char *text, int state)
{
    static struct names names;
    if (state == 0) {
        for (size_t i = 0; i < names.count; i++)
            free(names.at[i]);
        names.count = names.next = 0;
        if (shell_cli->store)
            eloq_tables(shell_cli->store, on_part, &names);
    }
    while (names.next < names.count) {
        const char *name = names.at[names.next++];
        if (strncmp(name, text, strlen(text)) == 0)
            return strdup(name);
    }
    return NULL;
}

static char **complete(const char *text, int start, int end)
{
    char name[32] = "";
    int command = 0, word = 0;
    (void)end;
    rl_attempted_completion_over = 1;
    while (rl_line_buffer[command] == ' ')
        command++;
    if (start <= command)
        return rl_completion_matches(text, next_command);
    sscanf(rl_line_buffer + command, "%31s", name);
    completed = cli_command_find(name);
    for (int i = command; i < start; i++)
        word += rl_line_buffer[i] == ' ' && rl_line_buffer[i + 1] != ' ';
    if (!completed)
        return NULL;
    if (text[0] == '-')
        return rl_completion_matches(text, next_option);
    if (strcmp(name, "help") == 0)
        return rl_completion_matches(text, next_command);
    /* Where a table stands, if it does. */
    bool has_table = strncmp(completed->usage + strspn(completed->usage, "["), "TABLE", 5) == 0
                     || strncmp(completed->usage, "NAME", 4) == 0;
    return has_table && word == 1 ? rl_completion_matches(text, next_table) : NULL;
}

void shell_line_init(struct cli *cli, bool is_interactive)
{
    shell_cli = cli;
    is_typed = is_interactive;
    if (!is_typed)
        return;
    rl_readline_name = "eloqstore";
    rl_initialize();
    using_history();
    stifle_history(HISTORY_LINES);
    rl_attempted_completion_function = complete;
    history_path = find_history();
    if (history_path)
        read_history(history_path);
}

char *shell_line_next(void)
{
    if (!is_typed)
        return read_plain();
    free(line);
    line = readline(PROMPT);
    if (!line)
        fputc('\n', stdout);
    else if (line[strspn(line, " \t")] != '\0')
        add_history(line);
    return line;
}

void shell_line_deinit(void)
{
    if (is_typed && history_path) {
        /* Keys and values are nobody else's business. */
        mode_t old = umask(077);
        write_history(history_path);
        umask(old);
    }
    free(history_path);
    history_path = NULL;
    free(line);
    line = NULL;
    line_capacity = 0;
}

#else /* no libedit: the terminal's own editing */

void shell_line_init(struct cli *cli, bool is_interactive)
{
    (void)cli;
    is_typed = is_interactive;
}

char *shell_line_next(void)
{
    return read_plain();
}

void shell_line_deinit(void)
{
    free(line);
    line = NULL;
    line_capacity = 0;
}

#endif
