/* eloqstore/pairs.h -- pairs of a scan as lines; the list of partitions. */
#pragma once

#include "cli.h"

enum pair_format {
    PAIR_SHORT, /* key TAB value */
    PAIR_KEYS,  /* key */
    PAIR_TSV,   /* table.partition TAB key TAB value TAB timestamp TAB expiry */
    PAIR_DIGEST,
    PAIR_JSON,
    PAIR_JSON_KEYS,
    PAIR_COUNT, /* prints nothing */
};

void pair_print(const struct cli *cli, enum pair_format format, eloq_part part,
                const eloq_item *item);
/* Scans and prints. ELOQ_END, or what went wrong; *ret_count pairs were met (may be NULL). */
int pairs_scan(struct cli *cli, enum pair_format format, eloq_part part, const eloq_range *range,
               uint64_t *ret_count);

struct part_list {
    struct mem *mem;
    eloq_part *parts; /* names owned by the list */
    size_t count, capacity;
};
/* All partitions of the open store, sorted. 0, or the exit code to end with. */
int part_list_load(struct cli *cli, struct part_list *list);
/* The one partition that a TABLE argument names, or with NULL all of them. */
int part_list_choose(struct cli *cli, const char *text, struct part_list *list);
void part_list_free(struct part_list *list);
