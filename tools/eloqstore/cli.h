/* eloqstore/cli.h -- what every command is given, and how it ends. */
#pragma once

#include "base/mem.h"
#include "eloqstore.h"

/* Exit codes: a contract with scripts. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_NO = 1,    /* a normal no: not there; check found damage */
    CLI_USAGE = 2, /* the call is wrong */
    CLI_FAILED = 3 /* it failed */
};

enum cli_access { CLI_READ, CLI_WRITE };

#define CLI_STORES_MAX 255

struct cli {
    struct mem mem;
    eloq_options options; /* as -c, -o, -s and the others say */
    const char *stores[CLI_STORES_MAX];
    uint32_t store_count;
    bool hex;
    bool json;
    bool quiet;
    eloq_store *store;      /* once opened; main closes it */
    enum cli_access access; /* how it was opened */
    bool shows_expired;
    bool is_shell; /* this command is one of several */
};

struct command {
    const char *name;
    const char *usage; /* behind the name */
    const char *summary;
    const char *details; /* for `help COMMAND`; "" if there is nothing to add */
    /* argv[0] is the command's name. Returns an exit code. */
    int (*run)(struct cli *cli, int argc, char **argv);
};

/* The table of commands, ended by a NULL name. */
extern const struct command cli_commands[];
const struct command *cli_command_find(const char *name);

/* Chooses the directories: -s, else the config file's store_path, else ELOQSTORE_DIR, else
 * ./eloqstore-data. */
void cli_paths(const struct cli *cli, eloq_options *options);
/* Opens the store, unless a shell has it open and that will do. 0, or the exit code to end with;
 * its words were printed. */
int cli_open(struct cli *cli, enum cli_access access);
/* The same for a store that the options name. */
int cli_open_at(struct cli *cli, const eloq_options *given, enum cli_access access);
/* Runs the command that argv[0] names; returns its exit code. */
int cli_run(struct cli *cli, int argc, char **argv);
/* Prints the words of this thread's last failing call; returns the exit code for `status`. */
int cli_status(const struct cli *cli, int status);
/* Prints "eloqstore: WORDS"; returns `code`. */
int cli_fail(int code, const char *format, ...) PRINTF_LIKE(2, 3);

int cmd_put(struct cli *cli, int argc, char **argv);
int cmd_del(struct cli *cli, int argc, char **argv);
int cmd_get(struct cli *cli, int argc, char **argv);
int cmd_floor(struct cli *cli, int argc, char **argv);
int cmd_scan(struct cli *cli, int argc, char **argv);
int cmd_count(struct cli *cli, int argc, char **argv);
int cmd_load(struct cli *cli, int argc, char **argv);
int cmd_dump(struct cli *cli, int argc, char **argv);
int cmd_tables(struct cli *cli, int argc, char **argv);
int cmd_stat(struct cli *cli, int argc, char **argv);
int cmd_check(struct cli *cli, int argc, char **argv);
int cmd_truncate(struct cli *cli, int argc, char **argv);
int cmd_drop(struct cli *cli, int argc, char **argv);
int cmd_compact(struct cli *cli, int argc, char **argv);
int cmd_clean_expired(struct cli *cli, int argc, char **argv);
int cmd_archive(struct cli *cli, int argc, char **argv);
int cmd_archives(struct cli *cli, int argc, char **argv);
int cmd_restore(struct cli *cli, int argc, char **argv);
int cmd_page(struct cli *cli, int argc, char **argv);
int cmd_manifest(struct cli *cli, int argc, char **argv);
int cmd_repair(struct cli *cli, int argc, char **argv);
int cmd_shell(struct cli *cli, int argc, char **argv);
int cmd_help(struct cli *cli, int argc, char **argv);
