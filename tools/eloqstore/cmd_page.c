/* eloqstore/cmd_page.c -- page: one page decoded, for a person. */
#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "inspect.h"
#include "out.h"
#include "page/index.h"
#include "page/leaf.h"
#include "page/overflow.h"
#include "page/page.h"

/* A page and what is needed to show it. */
struct shown {
    struct cli *cli;
    struct inspect_part *part;
    uint32_t id;
    struct file_page place;
    uint8_t *page;
    uint8_t *key; /* room for a key */
    uint32_t page_bytes;
};

static const char *type_name(enum page_type type)
{
    static const char *const names[] = { "inner index", "leaf index", "data", "overflow" };
    return (unsigned)type < ARRAY_LEN(names) ? names[type] : "unknown";
}

static void show_head(const struct shown *s)
{
    char name[FILE_NAME_BYTES];
    uint64_t offset = 0;
    bool is_good = page_verify(s->page, s->page_bytes);
    inspect_place(s->part, s->place, name, &offset);
    if (s->cli->json) {
        struct json j;
        json_open(&j);
        json_part(&j, s->part->part);
        json_u64(&j, "page", s->id);
        json_u64(&j, "place", s->place.n);
        json_text(&j, "file", name);
        json_u64(&j, "offset", offset);
        json_bool(&j, "checksum_ok", is_good);
        json_text(&j, "type", type_name(page_type(s->page)));
        json_close(&j);
        return;
    }
    out_format("page %" PRIu32 " of ", s->id);
    out_part(s->part->part);
    out_format("\n  place     %" PRIu64 ": %s, offset %" PRIu64 "\n", s->place.n, name, offset);
    out_format("  checksum  %s\n", is_good ? "ok" : "WRONG");
    out_format("  type      %s\n", type_name(page_type(s->page)));
}

static void print_link(const char *name, struct page_id id)
{
    if (id.n == NO_PAGE)
        out_format("  %-9s none\n", name);
    else
        out_format("  %-9s %" PRIu32 "\n", name, id.n);
}

static void show_entry(const struct shown *s, const struct entry *e)
{
    static const char *const compressions[] = { "", "dictionary", "zstd" };
    if (s->cli->json) {
        struct json j;
        json_open(&j);
        json_bytes(&j, s->cli, "key", e->key);
        json_u64(&j, "stored_bytes", e->value.size);
        json_bool(&j, "overflow", e->is_overflow);
        json_text(&j, "compression", compressions[e->compression]);
        json_u64(&j, "timestamp", e->timestamp);
        json_u64(&j, "expire_at", e->expire_at);
        json_close(&j);
        return;
    }
    out_format("    ");
    out_bytes(s->cli, e->key);
    out_format("  %zu bytes", e->value.size);
    if (e->is_overflow) {
        out_format(": overflow pages");
        for (size_t i = 0; i + 4 <= e->value.size; i += 4)
            out_format(" %" PRIu32, get_u32((const uint8_t *)e->value.data + i));
    }
    if (e->compression != COMPRESSION_NONE)
        out_format("  compressed (%s)", compressions[e->compression]);
    out_format("  timestamp %" PRIu64, e->timestamp);
    if (e->expire_at)
        out_format("  expires %" PRIu64, e->expire_at);
    out_char('\n');
}

static int show_leaf(const struct shown *s)
{
    struct leaf leaf;
    struct leaf_cursor cursor;
    int rc = leaf_open(&leaf, s->page, s->page_bytes);
    if (rc != ELOQ_OK)
        return rc;
    if (!s->cli->json) {
        print_link("previous", leaf.prev);
        print_link("next", leaf.next);
        out_format("  restarts  %" PRIu32 "\n  entries\n", leaf.restart_count);
    }
    leaf_cursor_init(&cursor, &leaf, s->key);
    while ((rc = leaf_next(&cursor)) == ELOQ_OK)
        show_entry(s, &cursor.entry);
    return rc;
}

static int show_index(const struct shown *s)
{
    struct index index;
    struct index_cursor cursor;
    int rc = index_open(&index, s->page, s->page_bytes);
    if (rc != ELOQ_OK)
        return rc;
    if (!s->cli->json)
        out_format("  restarts  %" PRIu32 "\n  children, each with the first key it may hold\n",
                   index.restart_count);
    index_cursor_init(&cursor, &index, s->key);
    while ((rc = index_next(&cursor)) == ELOQ_OK) {
        if (s->cli->json) {
            struct json j;
            json_open(&j);
            json_u64(&j, "child", cursor.child.n);
            json_bytes(&j, s->cli, "separator", cursor.separator);
            json_close(&j);
        } else {
            out_format("    %-8" PRIu32 "  ", cursor.child.n);
            out_bytes(s->cli, cursor.separator);
            out_char('\n');
        }
    }
    return rc;
}

static int show_overflow(const struct shown *s)
{
    struct overflow o;
    int rc = overflow_open(&o, s->page, s->page_bytes);
    if (rc != ELOQ_OK)
        return rc;
    if (s->cli->json) {
        struct json j;
        json_open(&j);
        json_u64(&j, "value_bytes", o.bytes.size);
        json_u64(&j, "next_pages", o.id_count);
        json_close(&j);
        return ELOQ_OK;
    }
    out_format("  value     %zu bytes\n  goes on   ", o.bytes.size);
    for (uint32_t i = 0; i < o.id_count; i++)
        out_format("%s%" PRIu32, i ? " " : "in pages ", overflow_id(o.ids, i).n);
    out_format("%s\n", o.id_count ? "" : "no");
    return ELOQ_OK;
}

static int show(const struct shown *s)
{
    int rc = ELOQ_CORRUPTED;
    show_head(s);
    switch (page_type(s->page)) {
    case PAGE_DATA:
        rc = show_leaf(s);
        break;
    case PAGE_INNER_INDEX:
    case PAGE_LEAF_INDEX:
        rc = show_index(s);
        break;
    case PAGE_OVERFLOW:
        rc = show_overflow(s);
        break;
    }
    return rc < 0 ? cli_fail(CLI_FAILED, "the page is damaged") : CLI_DONE;
}

static int run(struct cli *cli, struct inspect *in, struct inspect_part *part, uint64_t id)
{
    if (id >= part->state.page_count || part->state.values[id] == MAPPING_FREE)
        return cli->quiet ? CLI_NO : cli_fail(CLI_NO, "no page has the id %" PRIu64, id);
    uint32_t page_bytes = in->format.data_page_size;
    struct shown s = { .cli = cli,
                       .part = part,
                       .id = (uint32_t)id,
                       .place = file_page(part->state.values[id] >> 3),
                       .page = mem_alloc(&cli->mem, MEM_PAGES, page_bytes),
                       .key = mem_alloc(&cli->mem, MEM_PAGES, page_bytes),
                       .page_bytes = page_bytes };
    int code = CLI_FAILED;
    if (!s.page || !s.key)
        cli_fail(CLI_FAILED, "out of memory");
    else
        code = inspect_read(part, s.place, s.page, page_bytes);
    if (code == 0)
        code = show(&s);
    mem_free(&cli->mem, s.page);
    mem_free(&cli->mem, s.key);
    return code;
}

int cmd_page(struct cli *cli, int argc, char **argv)
{
    static struct inspect_part p; /* larger than a stack frame should be */
    struct inspect in = { 0 };
    struct arg_part part;
    uint64_t id = 0;
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 2, 2, &at);
    if (code == 0)
        code = args_part(argv[at], &part);
    if (code == 0)
        code = args_u64("ID", argv[at + 1], &id);
    if (code != 0)
        return code;
    code = inspect_open(cli, &in);
    if (code == 0)
        code = inspect_part_open(&in, arg_part(&part), &p);
    if (code == 0)
        code = run(cli, &in, &p, id);
    if (code == CLI_NO && !p.manifest_name[0] && !cli->quiet)
        cli_fail(0, "no such partition: %s.%" PRIu32, part.table, part.partition);
    inspect_part_close(&p);
    inspect_close(&in);
    return code;
}
