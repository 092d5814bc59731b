/* eloqstore/cmd_check.c -- check: every byte on disk that can be verified. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "out.h"
#include "pairs.h"

static void print_damage(const struct cli *cli, eloq_part part, const char *file, uint64_t offset,
                         const char *what)
{
    if (cli->json) {
        struct json j;
        json_open(&j);
        json_bool(&j, "damage", true);
        json_part(&j, part);
        json_text(&j, "file", file);
        json_u64(&j, "offset", offset);
        json_text(&j, "what", what);
        json_close(&j);
        return;
    }
    out_format("damage\t");
    out_part(part);
    out_char('\t');
    out_text(eloq_str(file));
    out_format("\t%" PRIu64 "\t", offset);
    out_text(eloq_str(what));
    out_char('\n');
}

/* Runs on the store's threads, for one partition at a time. */
static void on_finding(void *user, eloq_part part, const eloq_finding *finding)
{
    const struct cli *cli = user;
    const char *file = finding->file ? finding->file : "-";
    if (finding->severity == ELOQ_DAMAGE)
        print_damage(cli, part, file, finding->offset, finding->what);
    else if (!cli->quiet)
        cli_fail(0, "note: %s.%" PRIu32 " %s: %s", part.table, part.partition, file, finding->what);
}

/* Checks one partition and adds to the sum. ELOQ_OK unless the checking itself failed. */
static int check_part(struct cli *cli, eloq_part part, eloq_checked *sum)
{
    eloq_checked checked = { 0 };
    int rc = eloq_check(cli->store, part, on_finding, cli, &checked);
    if (rc < 0 && rc != ELOQ_CORRUPTED)
        return rc;
    if (rc == ELOQ_CORRUPTED && checked.damages == 0) {
        /* Damaged beyond finding anything in it. */
        eloq_error detail = { 0 };
        eloq_error_detail(NULL, &detail);
        print_damage(cli, part, detail.file && detail.file[0] ? detail.file : "-", detail.offset,
                     eloq_errmsg());
        checked.damages = 1;
    }
    sum->pages += checked.pages;
    sum->keys += checked.keys;
    sum->damages += checked.damages;
    sum->notes += checked.notes;
    return ELOQ_OK;
}

static void print_sum(const struct cli *cli, const eloq_checked *sum)
{
    if (cli->json) {
        struct json j;
        json_open(&j);
        json_u64(&j, "pages", sum->pages);
        json_u64(&j, "keys", sum->keys);
        json_u64(&j, "damages", sum->damages);
        json_u64(&j, "notes", sum->notes);
        json_close(&j);
        return;
    }
    out_format("checked %" PRIu64 " pages, %" PRIu64 " keys: ", sum->pages, sum->keys);
    if (sum->damages == 0)
        out_format("%s\n", "ok");
    else
        out_format("%" PRIu64 " damages\n", sum->damages);
}

int cmd_check(struct cli *cli, int argc, char **argv)
{
    struct part_list list = { .mem = &cli->mem };
    eloq_checked sum = { 0 };
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 0, 1, &at);
    if (code != 0)
        return code;
    /* Expired pairs are on disk, too. */
    cli->options.show_expired = 1;
    code = cli_open(cli, CLI_READ);
    if (code == 0)
        code = part_list_choose(cli, at < argc ? argv[at] : NULL, &list);
    for (size_t i = 0; code == 0 && i < list.count; i++) {
        int rc = check_part(cli, list.parts[i], &sum);
        if (rc < 0)
            code = cli_status(cli, rc);
    }
    part_list_free(&list);
    if (code != 0)
        return code;
    print_sum(cli, &sum);
    return sum.damages == 0 ? CLI_DONE : CLI_NO;
}
