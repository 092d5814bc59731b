/* eloqstore/cmd_manifest.c -- manifest: the records of a partition's manifest, for a person. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "inspect.h"
#include "out.h"

static void print_id(const char *name, struct page_id id)
{
    if (id.n == NO_PAGE)
        out_format("  %s none", name);
    else
        out_format("  %s %" PRIu32, name, id.n);
}

static void print_text(const struct manifest_record *r)
{
    const char *kind = r->is_snapshot ? "snapshot" : r->is_seal ? "seal" : "log";
    out_format("%10" PRIu64 "  %-8s  %" PRIu64 " bytes  checksum %s", r->offset, kind,
               r->padded_bytes, r->checksum_ok ? "ok" : "WRONG");
    print_id("root", r->root[0]);
    print_id("ttl root", r->root[1]);
    if (r->is_snapshot)
        out_format("  pages %" PRIu32 "  free %" PRIu32 "  next place %" PRIu64
                   "  dictionary %" PRIu32 " bytes",
                   r->value_count, r->freed_count, r->max_place, r->dict_size);
    else
        out_format("  changes %" PRIu32 "  freed %" PRIu32, r->value_count, r->freed_count);
    out_format("  terms %" PRIu32, r->term_count);
    if (r->has_sequence)
        out_format("  id %016" PRIx64 "  number %" PRIu64, r->sequence.manifest_id,
                   r->sequence.number);
    if (r->has_page_checksums)
        out_format("  page checksums %" PRIu32, r->value_count - r->freed_count);
    out_char('\n');
}

static void json_id(struct json *j, const char *name, struct page_id id)
{
    if (id.n == NO_PAGE)
        json_null(j, name);
    else
        json_u64(j, name, id.n);
}

static void print_json(const struct manifest_record *r)
{
    struct json j;
    json_open(&j);
    json_u64(&j, "offset", r->offset);
    json_text(&j, "kind", r->is_snapshot ? "snapshot" : r->is_seal ? "seal" : "log");
    json_u64(&j, "bytes", r->padded_bytes);
    json_bool(&j, "checksum_ok", r->checksum_ok);
    json_id(&j, "root", r->root[0]);
    json_id(&j, "ttl_root", r->root[1]);
    json_u64(&j, r->is_snapshot ? "pages" : "changes", r->value_count);
    json_u64(&j, "freed", r->freed_count);
    json_u64(&j, "terms", r->term_count);
    if (r->is_snapshot) {
        json_u64(&j, "next_place", r->max_place);
        json_u64(&j, "dictionary_bytes", r->dict_size);
    }
    if (r->has_sequence) {
        char id[24];
        snprintf(id, sizeof(id), "%016" PRIx64, r->sequence.manifest_id);
        json_text(&j, "manifest_id", id);
        json_u64(&j, "number", r->sequence.number);
    }
    if (r->has_page_checksums)
        json_u64(&j, "page_checksums", r->value_count - r->freed_count);
    json_close(&j);
}

static void on_record(void *user, const struct manifest_record *record)
{
    const struct cli *cli = user;
    if (cli->json)
        print_json(record);
    else
        print_text(record);
}

/* What replay makes of it; a damaged manifest was shown record by record before. */
static int print_state(struct inspect *in, struct inspect_part *p)
{
    struct manifest_state *s = &p->state;
    int rc =
        manifest_replay(s, p->manifest.data, p->manifest.size, in->format.data_append_mode == 0);
    if (rc < 0)
        return cli_fail(CLI_FAILED, "%s file=%s/%s offset=%" PRIu64,
                        s->error ? s->error : eloq_strerror(rc), p->dir, p->manifest_name,
                        s->error_at);
    if (in->cli->json)
        return CLI_DONE;
    uint64_t mapped = 0;
    for (uint32_t i = 0; i < s->page_count; i++)
        mapped += s->values[i] != MAPPING_FREE;
    out_format("%s of ", p->manifest_name);
    out_part(p->part);
    out_format(": %" PRIu32 " records", s->record_count);
    print_id("root", s->root[0]);
    print_id("ttl root", s->root[1]);
    out_format("  pages %" PRIu64 " used, %" PRIu64 " free  next place %" PRIu64 "  end %" PRIu64
               "\n",
               mapped, s->page_count - mapped, s->max_place, s->valid_end);
    if (s->damaged_tail_at != UINT64_MAX)
        out_format("damaged tail at %" PRIu64 ", not replayed\n", s->damaged_tail_at);
    return CLI_DONE;
}

int cmd_manifest(struct cli *cli, int argc, char **argv)
{
    static struct inspect_part p; /* larger than a stack frame should be */
    struct inspect in = { 0 };
    struct arg_part part;
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 1, 1, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code != 0)
        return code;
    code = inspect_open(cli, &in);
    if (code == 0)
        code = inspect_manifest(&in, arg_part(&part), false, &p);
    if (code == 0) {
        manifest_each(p.manifest.data, p.manifest.size, on_record, cli);
        code = print_state(&in, &p);
    }
    if (code == CLI_NO && !p.manifest_name[0] && !cli->quiet)
        cli_fail(0, "no such partition: %s.%" PRIu32, part.table, part.partition);
    inspect_part_close(&p);
    inspect_close(&in);
    return code;
}
