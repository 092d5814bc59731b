/* eloqstore/cmd_repair.c -- repair: what can be verified of a damaged store, into a new one. */
#include <dirent.h>
#include <inttypes.h>
#include <stdlib.h>

#include "args.h"
#include "out.h"
#include "repair.h"

/* The new store, with the format of the old one. */
static int open_dest(struct repair *r, const char *dest)
{
    eloq_options options = r->cli->options;
    const eloq_format *f = &r->format;
    options.path = dest;
    options.paths = NULL;
    options.path_count = 0;
    options.format = (eloq_format){
        .data_page_size = f->data_page_size,
        .pages_per_file_shift = f->pages_per_file_shift ? f->pages_per_file_shift : ELOQ_ZERO,
        .overflow_pointers = f->overflow_pointers,
        .data_append_mode = f->data_append_mode ? 1 : ELOQ_ZERO,
        .commit_protocol = f->commit_protocol,
    };
    return cli_open_at(r->cli, &options, CLI_WRITE);
}

/* It must not exist, or be empty, and must not lie in the source, which is not to be written. */
static int check_dest(struct repair *r, const char *dest)
{
    struct store_files files = { 0 };
    struct err e = { 0 };
    eloq_options options = ELOQ_OPTIONS(dest);
    if (store_files_init(&files, &r->cli->mem, &options, &e) < 0)
        return cli_fail(CLI_USAGE, "%s", e.text);
    int code = 0;
    for (uint32_t i = 0; i < files.path_count && code == 0; i++) {
        const char *path = files.paths[i];
        DIR *dir = NULL;
        struct dirent *entry = NULL;
        for (uint32_t j = 0; j < r->files.path_count && code == 0; j++) {
            size_t size = strlen(r->files.paths[j]);
            if (strncmp(path, r->files.paths[j], size) == 0
                && (path[size] == '/' || path[size] == '\0'))
                code = cli_fail(CLI_USAGE, "DEST lies in SOURCE: %s", path);
        }
        if (code == 0)
            code = repair_opendir(path, &dir);
        while (code == 0 && dir && (entry = readdir(dir))) {
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                code = cli_fail(CLI_USAGE, "DEST is not empty: %s", path);
        }
        if (dir)
            closedir(dir);
    }
    store_files_deinit(&files);
    return code;
}

static int salvage_part(struct salvage *s)
{
    bool has_mapping = false;
    int code = salvage_load(s, &has_mapping);
    if (code != 0)
        return code;
    if (!has_mapping)
        return salvage_loose(s);
    code = salvage_walk(s, false);
    if (code == 0)
        code = salvage_gaps(s);
    /* Nobody knows which keys the missing commits changed. */
    if (code == 0 && s->is_behind)
        code = salvage_lost(s, eloq_bytes(NULL, 0), eloq_bytes(NULL, 0));
    return code;
}

static int repair_part(struct repair *r, const char *dir, eloq_part part)
{
    struct salvage s;
    int code = salvage_init(&s, r, dir, part);
    if (code == 0)
        code = salvage_part(&s);
    if (code == 0)
        code = salvage_print_lost(&s);
    salvage_deinit(&s);
    return code;
}

/* Whether there is anything to salvage: an empty directory is none that lost its manifest. */
static int holds_files(const char *path, bool *ret)
{
    DIR *dir = NULL;
    struct dirent *entry = NULL;
    int code = repair_opendir(path, &dir);
    *ret = false;
    while (dir && (entry = readdir(dir))) {
        enum file_kind kind = file_name_parse(entry->d_name).kind;
        *ret |= kind == FILE_DATA || kind == FILE_MANIFEST;
    }
    if (dir)
        closedir(dir);
    return code;
}

static int repair_entry(struct repair *r, uint32_t path_index, const char *name)
{
    char path[REPAIR_PATH_BYTES], table[256];
    size_t table_size;
    uint32_t partition;
    bool has_files = false;
    if (!file_name_parse_partition(name, &table_size, &partition) || table_size >= sizeof(table))
        return 0;
    memcpy(table, name, table_size);
    table[table_size] = '\0';
    snprintf(path, sizeof(path), "%s/%s", r->files.paths[path_index], name);
    if (partition % r->files.path_count != path_index)
        cli_fail(0, "%s does not belong into this directory", path);
    int code = holds_files(path, &has_files);
    if (code == 0 && has_files)
        code = repair_part(r, path, (eloq_part){ table, partition });
    return code;
}

static int repair_path(struct repair *r, uint32_t index)
{
    struct dirent **entries = NULL;
    int count = scandir(r->files.paths[index], &entries, NULL, alphasort);
    int code = 0;
    if (count < 0)
        return cli_fail(CLI_FAILED, "cannot list %s", r->files.paths[index]);
    for (int i = 0; i < count; i++) {
        if (code == 0)
            code = repair_entry(r, index, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int repair_all(struct repair *r)
{
    int code = 0;
    for (uint32_t i = 0; i < r->files.path_count && code == 0; i++)
        code = repair_path(r, i);
    if (code != 0)
        return code;
    int rc = load_flight_submit(&r->out);
    if (rc == 0)
        rc = load_flight_wait(&r->out);
    if (rc < 0)
        return cli_fail(CLI_FAILED, "%s", r->out.words[0] ? r->out.words : eloq_strerror(rc));
    if (!r->cli->quiet)
        cli_fail(0, "copied %" PRIu64 " pairs, %" PRIu64 " ranges lost", r->out.pairs, r->lost);
    return r->lost > 0 ? CLI_NO : CLI_DONE;
}

int cmd_repair(struct cli *cli, int argc, char **argv)
{
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 2, 2, &at);
    if (code != 0)
        return code;
    if (cli->store)
        return cli_fail(CLI_USAGE, "repair opens its stores itself: not within a shell");
    struct repair r = { .cli = cli };
    code = repair_open_source(&r, argv[at]);
    if (code == 0)
        code = check_dest(&r, argv[at + 1]);
    if (code == 0)
        code = open_dest(&r, argv[at + 1]);
    if (code == 0) {
        code = load_flight_init(&r.out, cli, LOAD_FLIGHTS) < 0
                   ? cli_fail(CLI_FAILED, "out of memory")
                   : repair_all(&r);
        load_flight_wait(&r.out); /* after a failure, too */
        load_flight_deinit(&r.out);
    }
    repair_close_source(&r);
    return code;
}
