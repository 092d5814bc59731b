/* tests/unit/tree/golden.c -- a store the reference wrote, and every pair that is in it. */
#include "golden.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const golden_names[] = { "01_plain_small",  "02_multi_part",     "03_multi_disk",
                                     "05_deep3_ri1",    "06_overflow",       "08_ttl",
                                     "09_updates_log",  "12_append_compact", "13_compress_dict",
                                     "15_truncate",     "16_delete_all",     "17_archive",
                                     "24_empty_values", "25_reopen_between" };
const size_t golden_name_count = ARRAY_LEN(golden_names);

static void option(struct golden *g, const char *dir, char *line)
{
    char name[64], value[1024];
    char *shift = strstr(line, "pages_per_file_shift = ");
    if (shift) {
        g->config.shift = (uint32_t)atoi(shift + strlen("pages_per_file_shift = "));
        return;
    }
    if (sscanf(line, " %63[a-z_] = %1023s", name, value) != 2)
        return;
    if (strcmp(name, "data_page_size") == 0)
        g->config.shape.page_bytes = (uint32_t)atoi(value);
    else if (strcmp(name, "data_page_restart_interval") == 0)
        g->config.shape.leaf_restart_every = (uint32_t)atoi(value);
    else if (strcmp(name, "index_page_restart_interval") == 0)
        g->config.shape.index_restart_every = (uint32_t)atoi(value);
    else if (strcmp(name, "overflow_pointers") == 0)
        g->config.shape.overflow_pointers = (uint32_t)atoi(value);
    else if (strcmp(name, "data_append_mode") == 0)
        g->config.append = strcmp(value, "true") == 0;
    else if (strcmp(name, "store_path") == 0) {
        char *at;
        for (char *p = strtok_r(value, ":", &at); p; p = strtok_r(NULL, ":", &at)) {
            size_t used = strlen(g->paths);
            snprintf(g->paths + used, sizeof(g->paths) - used, "%s%s/%s", used ? ":" : "", dir, p);
        }
    }
}

static void load_options(struct golden *g, const char *case_dir, const char *store_dir)
{
    char path[PATH_MAX + 16], line[2048];
    snprintf(path, sizeof(path), "%s/options.ini", case_dir);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f))
        option(g, store_dir, line);
    fclose(f);
    g->config.paths = g->paths;
    g->config.read_only = true;
}

static uint8_t *from_hex(const char *hex, size_t *ret_size)
{
    size_t size = strlen(hex) / 2;
    uint8_t *bytes = malloc(size + 1);
    for (size_t i = 0; i < size; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        bytes[i] = (uint8_t)byte;
    }
    *ret_size = size;
    return bytes;
}

static int by_part_and_key(const void *a, const void *b)
{
    const struct golden_pair *x = a, *y = b;
    int order = strcmp(x->part, y->part);
    if (order != 0)
        return order;
    order = memcmp(x->key, y->key, MIN(x->key_size, y->key_size));
    return order != 0 ? order : (x->key_size > y->key_size) - (x->key_size < y->key_size);
}

static void load_pairs(struct golden *g, const char *case_dir)
{
    char command[PATH_MAX + 64];
    snprintf(command, sizeof(command), "gzip -cdf '%s'/expected.tsv*", case_dir);
    FILE *f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    char *line = NULL;
    size_t line_size = 0, capacity = 0;
    while (getline(&line, &line_size, f) > 0) {
        if (g->count == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            g->pairs = realloc(g->pairs, capacity * sizeof(*g->pairs));
        }
        struct golden_pair *p = &g->pairs[g->count++];
        char *at, *field[6];
        for (int i = 0; i < 6; i++) {
            field[i] = strtok_r(i == 0 ? line : NULL, "\t\n", &at);
            ck_assert_ptr_nonnull(field[i]);
        }
        p->part = strdup(field[0]);
        p->key = from_hex(field[1], &p->key_size);
        p->digest = strtoull(field[2], NULL, 16);
        p->value_size = strtoull(field[3], NULL, 10);
        p->timestamp = strtoull(field[4], NULL, 10);
        p->expire_at = strtoull(field[5], NULL, 10);
    }
    free(line);
    ck_assert_int_eq(pclose(f), 0);
    qsort(g->pairs, g->count, sizeof(*g->pairs), by_part_and_key);
}

bool golden_load(struct golden *g, const char *name, const char *copy)
{
    char dir[PATH_MAX];
    const char *root = getenv("ELOQ_GOLDEN_DIR");
    snprintf(dir, sizeof(dir), "%s/%s", root ? root : "/work/shared/golden", name);
    if (access(dir, R_OK) != 0) {
        printf("skipped: no golden store at %s (set ELOQ_GOLDEN_DIR)\n", dir);
        return false;
    }
    memset(g, 0, sizeof(*g));
    g->name = name;
    if (copy) {
        char command[3 * PATH_MAX];
        snprintf(command, sizeof(command), "rm -rf '%s' && cp -r '%s' '%s'", copy, dir, copy);
        ck_assert_int_eq(system(command), 0);
    }
    load_options(g, dir, copy ? copy : dir);
    load_pairs(g, dir);
    return true;
}

void golden_free(struct golden *g)
{
    for (size_t i = 0; i < g->count; i++) {
        free(g->pairs[i].part);
        free(g->pairs[i].key);
    }
    free(g->pairs);
}

bool golden_part(const struct golden *g, size_t from, size_t *ret_to, char *table, size_t size,
                 uint32_t *ret_partition)
{
    if (from == g->count)
        return false;
    const char *part = g->pairs[from].part;
    size_t to = from;
    while (to < g->count && strcmp(g->pairs[to].part, part) == 0)
        to++;
    const char *dot = strrchr(part, '.');
    snprintf(table, size, "%.*s", (int)(dot - part), part);
    *ret_partition = (uint32_t)strtoul(dot + 1, NULL, 10);
    *ret_to = to;
    return true;
}
