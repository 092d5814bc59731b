/* eloqstore/args.c -- the words of a command: options, tables, keys, numbers. */
#include "args.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#define COMMAND_OPTIONS_MAX 16

enum { OPT_BACKEND = 256, OPT_AS_OF, OPT_COMMAND };

static const struct option global_options[] = {
    { "store", required_argument, NULL, 's' },
    { "config", required_argument, NULL, 'c' },
    { "set", required_argument, NULL, 'o' },
    { "io-backend", required_argument, NULL, OPT_BACKEND },
    { "as-of", required_argument, NULL, OPT_AS_OF },
    { "hex", no_argument, NULL, 'x' },
    { "json", no_argument, NULL, 'j' },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
};

int args_hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool args_decimal(const char *text, size_t size, uint64_t most, uint64_t *ret)
{
    uint64_t value = 0;
    if (size == 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

int args_u64(const char *what, const char *text, uint64_t *ret)
{
    if (args_decimal(text, strlen(text), UINT64_MAX, ret))
        return 0;
    return cli_fail(CLI_USAGE, "%s is not a number: %s", what, text);
}

int args_duration_ms(const char *what, const char *text, uint64_t *ret)
{
    static const struct {
        const char *unit;
        uint64_t ms;
    } units[] = { { "", 1000 },   { "ms", 1 },      { "s", 1000 },
                  { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
    size_t digits = strspn(text, "0123456789");
    uint64_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (strcmp(text + digits, units[i].unit) == 0
            && args_decimal(text, digits, UINT64_MAX / units[i].ms, &n)) {
            *ret = n * units[i].ms;
            return 0;
        }
    }
    return cli_fail(CLI_USAGE, "%s is not a duration (such as 90s, 5m, 2h, 7d): %s", what, text);
}

bool args_split_part(eloq_slice text, size_t *ret_table_size, uint32_t *ret_partition)
{
    const char *data = text.data;
    *ret_table_size = text.size;
    *ret_partition = 0;
    size_t dot = text.size;
    while (dot > 0 && data[dot - 1] >= '0' && data[dot - 1] <= '9')
        dot--;
    if (dot == text.size || dot < 2 || data[dot - 1] != '.')
        return true;
    uint64_t n = 0;
    if (!args_decimal(data + dot, text.size - dot, UINT32_MAX, &n))
        return false;
    if (data[dot] == '0' && text.size - dot > 1)
        return false;
    *ret_table_size = dot - 1;
    *ret_partition = (uint32_t)n;
    return true;
}

int args_part(const char *text, struct arg_part *ret)
{
    size_t size = 0;
    if (!args_split_part(eloq_str(text), &size, &ret->partition))
        return cli_fail(CLI_USAGE, "no partition number behind the last dot: %s", text);
    if (size >= sizeof(ret->table))
        return cli_fail(CLI_USAGE, "the table's name is too long: %s", text);
    memcpy(ret->table, text, size);
    ret->table[size] = '\0';
    return 0;
}

int args_bytes(const struct cli *cli, const char *what, const char *text, struct bytes *out)
{
    size_t size = strlen(text);
    if (!cli->hex) {
        bytes_add(out, text, size);
        return out->failed ? cli_fail(CLI_FAILED, "out of memory") : 0;
    }
    for (size_t i = 0; i < size; i += 2) {
        int high = args_hex_digit(text[i]);
        int low = high < 0 ? -1 : args_hex_digit(text[i + 1]);
        if (low < 0)
            return cli_fail(CLI_USAGE, "%s is not hex: %s", what, text);
        bytes_add_u8(out, (uint8_t)(high << 4 | low));
    }
    return out->failed ? cli_fail(CLI_FAILED, "out of memory") : 0;
}

static int set_backend(struct cli *cli, const char *name)
{
    static const char *const names[] = { "auto", "uring", "threads", "sync", "memory" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            cli->options.io_backend = (int)i;
            return 0;
        }
    }
    return cli_fail(CLI_USAGE, "no such backend (auto, uring, threads, sync, memory): %s", name);
}

/* `-o key=value`, checked by the library. */
static int set_option(struct cli *cli, char *text)
{
    char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return cli_fail(CLI_USAGE, "-o wants KEY=VALUE: %s", text);
    *equals = '\0';
    int rc = eloq_options_set(&cli->options, text, equals + 1);
    *equals = '=';
    return rc < 0 ? cli_status(cli, rc) : 0;
}

/* One global option. The config file is read first of all, by args_global. */
static int take_global(struct cli *cli, int option, char *argument)
{
    if (cli->is_shell && option != 'x' && option != 'j' && option != 'q' && option != 'h'
        && option != '?')
        return cli_fail(CLI_USAGE, "only --hex, --json and --quiet can be given within a shell");
    switch (option) {
    case 's':
        if (cli->store_count == CLI_STORES_MAX)
            return cli_fail(CLI_USAGE, "at most %d directories", CLI_STORES_MAX);
        cli->stores[cli->store_count++] = argument;
        return 0;
    case 'o':
        return set_option(cli, argument);
    case OPT_BACKEND:
        return set_backend(cli, argument);
    case OPT_AS_OF:
        return args_u64("--as-of", argument, &cli->options.as_of);
    case 'x':
        cli->hex = true;
        return 0;
    case 'j':
        cli->json = true;
        return 0;
    case 'q':
        cli->quiet = true;
        return 0;
    default:
        return CLI_USAGE;
    }
}

/* Reads the config files on the line, wherever they stand: -o wins over them. */
static int load_configs(struct cli *cli, int argc, char **argv)
{
    struct option table[ARRAY_LEN(global_options) + 1] = { 0 };
    memcpy(table, global_options, sizeof(global_options));
    int option = 0;
    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, "+s:c:o:xjqh", table, NULL)) != -1) {
        if (option != 'c')
            continue;
        int rc = eloq_options_load(&cli->options, optarg);
        if (rc < 0)
            return cli_status(cli, rc);
    }
    opterr = 1;
    optind = 0;
    return 0;
}

int args_global(struct cli *cli, int argc, char **argv, int *ret_first, int *ret_show)
{
    struct option table[ARRAY_LEN(global_options) + 1] = { 0 };
    memcpy(table, global_options, sizeof(global_options));
    int option = 0;
    int rc = load_configs(cli, argc, argv);
    while (rc == 0 && (option = getopt_long(argc, argv, "+s:c:o:xjqh", table, NULL)) != -1) {
        if (option == 'h' || option == 'V')
            *ret_show = option;
        else if (option != 'c')
            rc = take_global(cli, option, optarg);
    }
    *ret_first = optind;
    return rc;
}

/* Prints how the command is called; returns CLI_USAGE. */
static int usage(const char *name)
{
    const struct command *command = cli_command_find(name);
    fprintf(stderr, "usage: eloqstore [OPTIONS] %s %s\n", name, command ? command->usage : "");
    return CLI_USAGE;
}

int args_command(struct cli *cli, int argc, char **argv, const struct arg_option *options,
                 size_t option_count, int least, int most, int *ret_first)
{
    struct option table[ARRAY_LEN(global_options) + COMMAND_OPTIONS_MAX + 1] = { 0 };
    size_t used = 0;
    for (size_t i = 0; i < option_count && i < COMMAND_OPTIONS_MAX; i++) {
        table[used++] =
            (struct option){ options[i].name, options[i].text ? 1 : 0, NULL, OPT_COMMAND + (int)i };
    }
    memcpy(table + used, global_options, sizeof(global_options));
    int option = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, "s:c:o:xjqh", table, NULL)) != -1) {
        if (option >= OPT_COMMAND) {
            const struct arg_option *o = &options[option - OPT_COMMAND];
            if (o->text)
                *o->text = optarg;
            else
                *o->is_set = true;
            continue;
        }
        if (option == 'c')
            return cli_fail(CLI_USAGE, "--config belongs before the command");
        int rc = take_global(cli, option, optarg);
        if (rc != 0)
            return option == '?' || option == 'h' || option == 'V' ? usage(argv[0]) : rc;
    }
    *ret_first = optind;
    int words = argc - optind;
    return words < least || words > most ? usage(argv[0]) : 0;
}
