/* eloqstore/cmd_stat.c -- stat: the shape of trees, space, and the store's counters. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "args.h"
#include "inspect.h"
#include "out.h"
#include "page/index.h"
#include "page/page.h"
#include "pairs.h"

#define DEPTH_MAX TREE_DEPTH_MAX

struct figures {
    uint64_t partitions;
    uint64_t depth[2]; /* levels of the deepest tree: main, TTL */
    uint64_t pages[4]; /* by enum page_type */
    uint64_t pages_unknown;
    uint64_t free_ids;
    uint64_t records; /* of manifests */
    uint64_t dict_bytes;
    struct inspect_space space;
};

/* Where the numbers go: a table, name TAB number, or one JSON object. */
struct printer {
    const struct cli *cli;
    struct json json;
    bool is_table;
};

static void print_figure(struct printer *p, const char *name, uint64_t value)
{
    if (p->cli->json)
        json_u64(&p->json, name, value);
    else if (p->is_table)
        out_format("%-32s %15" PRIu64 "\n", name, value);
    else
        out_format("%s\t%" PRIu64 "\n", name, value);
}

/* Levels from a root down its leftmost pages. */
static int measure_depth(struct inspect_part *p, struct page_id id, uint8_t *page, uint64_t *most)
{
    uint32_t page_bytes = p->inspect->format.data_page_size;
    uint64_t depth = 0;
    while (id.n != NO_PAGE && depth < DEPTH_MAX) {
        struct index index;
        if (id.n >= p->state.page_count || p->state.values[id.n] == MAPPING_FREE)
            return cli_fail(CLI_FAILED, "page %" PRIu32 " is not mapped (see check)", id.n);
        int code = inspect_read(p, file_page(p->state.values[id.n] >> 3), page, page_bytes);
        if (code != 0)
            return code;
        depth++;
        if (page_type(page) == PAGE_DATA)
            break;
        if (index_open(&index, page, page_bytes) != ELOQ_OK)
            return cli_fail(CLI_FAILED, "page %" PRIu32 " is damaged (see check)", id.n);
        id = index.leftmost;
    }
    *most = MAX(*most, depth);
    return 0;
}

static int count_pages(struct inspect_part *p, struct figures *f)
{
    uint8_t head[PAGE_LENGTH_AT + 2];
    for (uint32_t id = 0; id < p->state.page_count; id++) {
        if (p->state.values[id] == MAPPING_FREE) {
            f->free_ids++;
            continue;
        }
        int code = inspect_read(p, file_page(p->state.values[id] >> 3), head, sizeof(head));
        if (code != 0)
            return code;
        unsigned type = page_type(head);
        if (type < ARRAY_LEN(f->pages))
            f->pages[type]++;
        else
            f->pages_unknown++;
    }
    return 0;
}

static int measure(struct inspect *in, eloq_part part, struct inspect_part *p, struct figures *f)
{
    struct inspect_space space;
    int code = inspect_space(in, part, &space);
    if (code == 0)
        code = inspect_part_open(in, part, p);
    bool is_empty = code == CLI_NO; /* nothing was ever committed */
    uint8_t *page = mem_alloc(&in->cli->mem, MEM_PAGES, in->format.data_page_size);
    if (is_empty)
        code = 0;
    if (!page)
        code = cli_fail(CLI_FAILED, "out of memory");
    for (int tree = 0; page && code == 0 && !is_empty && tree < 2; tree++)
        code = measure_depth(p, p->state.root[tree], page, &f->depth[tree]);
    if (code == 0 && !is_empty)
        code = count_pages(p, f);
    f->partitions += !is_empty;
    f->records += p->state.record_count;
    f->dict_bytes += p->state.dict_size;
    f->space.files += space.files;
    f->space.file_bytes += space.file_bytes;
    f->space.manifest_bytes += space.manifest_bytes;
    f->space.disk_bytes += space.disk_bytes;
    mem_free(&in->cli->mem, page);
    inspect_part_close(p);
    return code;
}

/* A number of requests of one kind: there are hundreds of these names. */
static bool is_of_one_kind(const char *name)
{
    return strncmp(name, "requests_", 9) == 0 || strncmp(name, "latency_", 8) == 0;
}

static int print_all(struct cli *cli, const struct inspect *in, const struct figures *f)
{
    struct printer p = { .cli = cli, .is_table = isatty(STDOUT_FILENO) != 0 };
    uint64_t live = f->pages[0] + f->pages[1] + f->pages[2] + f->pages[3] + f->pages_unknown;
    const struct {
        const char *name;
        uint64_t value;
    } figures[] = {
        { "partitions", f->partitions },
        { "page_size", in->format.data_page_size },
        { "tree_depth", f->depth[0] },
        { "ttl_tree_depth", f->depth[1] },
        { "pages_inner_index", f->pages[PAGE_INNER_INDEX] },
        { "pages_leaf_index", f->pages[PAGE_LEAF_INDEX] },
        { "pages_data", f->pages[PAGE_DATA] },
        { "pages_overflow", f->pages[PAGE_OVERFLOW] },
        { "page_ids_free", f->free_ids },
        { "space_live_bytes", live * in->format.data_page_size },
        { "space_used_bytes", f->space.disk_bytes },
        { "data_files", f->space.files },
        { "data_file_bytes", f->space.file_bytes },
        { "manifest_file_bytes", f->space.manifest_bytes },
        { "manifest_records", f->records },
        { "dictionary_bytes", f->dict_bytes },
    };
    if (cli->json)
        json_open(&p.json);
    for (size_t i = 0; i < ARRAY_LEN(figures); i++)
        print_figure(&p, figures[i].name, figures[i].value);
    for (const char *const *name = eloq_stat_names(); *name; name++) {
        uint64_t value = 0;
        int rc = eloq_stat(cli->store, *name, &value);
        if (rc < 0)
            return cli_status(cli, rc);
        if (p.is_table && !cli->json && value == 0 && is_of_one_kind(*name))
            continue; /* what never happened is no news to who looks at it */
        print_figure(&p, *name, value);
    }
    if (cli->json)
        json_close(&p.json);
    return CLI_DONE;
}

int cmd_stat(struct cli *cli, int argc, char **argv)
{
    static struct inspect_part p; /* larger than a stack frame should be */
    struct inspect in = { 0 };
    struct part_list list = { .mem = &cli->mem };
    struct figures figures = { 0 };
    int at = 0;
    int code = args_command(cli, argc, argv, NULL, 0, 0, 1, &at);
    if (code == 0)
        code = inspect_open(cli, &in);
    if (code == 0)
        code = part_list_choose(cli, at < argc ? argv[at] : NULL, &list);
    for (size_t i = 0; code == 0 && i < list.count; i++)
        code = measure(&in, list.parts[i], &p, &figures);
    if (code == 0)
        code = print_all(cli, &in, &figures);
    part_list_free(&list);
    inspect_close(&in);
    return code;
}
