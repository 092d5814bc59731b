/* eloqstore/args.h -- the words of a command: options, tables, keys, numbers. */
#pragma once

#include "base/bytes.h"
#include "cli.h"

/* One --name of a command: with an argument (text) or without (is_set). The other one is NULL. */
struct arg_option {
    const char *name;
    const char **text;
    bool *is_set;
};

/* A TABLE argument: the name, and what follows its last dot. */
struct arg_part {
    char table[256];
    uint32_t partition;
};
static inline eloq_part arg_part(const struct arg_part *p)
{
    eloq_part part = { p->table, p->partition };
    return part;
}

/* Reads the global options that stand before the command. 0, or the exit code to end with. The
 * command's words are argv[*ret_first] and on. --help and --version set *ret_show to 'h' and 'V'.
 */
int args_global(struct cli *cli, int argc, char **argv, int *ret_first, int *ret_show);
/* Reads the options of a command (global ones too); the other words move to argv[*ret_first] and
 * on; there must be `least` to `most` of them. 0, or the exit code to end with. */
int args_command(struct cli *cli, int argc, char **argv, const struct arg_option *options,
                 size_t option_count, int least, int most, int *ret_first);

/* These print what is wrong and return an exit code, or 0. */
int args_part(const char *text, struct arg_part *ret);
int args_u64(const char *what, const char *text, uint64_t *ret);
/* "90s", "5m", "2h", "7d", "250ms"; a bare number is seconds. */
int args_duration_ms(const char *what, const char *text, uint64_t *ret);
/* A key or a value: hex with -x. Appends its bytes to `out`. */
int args_bytes(const struct cli *cli, const char *what, const char *text, struct bytes *out);

/* The value of a hex digit, -1 if it is none. */
int args_hex_digit(int c);
/* Canonical-enough decimal: digits only, at most `most`. */
bool args_decimal(const char *text, size_t size, uint64_t most, uint64_t *ret);
/* Splits "name.7": false when what follows the last dot is a number that is no partition. */
bool args_split_part(eloq_slice text, size_t *ret_table_size, uint32_t *ret_partition);
