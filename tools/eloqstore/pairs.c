/* eloqstore/pairs.c -- pairs of a scan as lines; the list of partitions. */
#include "pairs.h"

#include <inttypes.h>
#include <stdio.h>

#include "args.h"
#include "base/checksum.h"
#include "out.h"

static void print_json(const struct cli *cli, bool with_value, eloq_part part,
                       const eloq_item *item)
{
    struct json j;
    json_open(&j);
    json_part(&j, part);
    json_bytes(&j, cli, "key", item->key);
    if (with_value)
        json_bytes(&j, cli, "value", item->value);
    json_u64(&j, "timestamp", item->timestamp);
    json_u64(&j, "expire_at", item->expire_at);
    json_close(&j);
}

void pair_print(const struct cli *cli, enum pair_format format, eloq_part part,
                const eloq_item *item)
{
    switch (format) {
    case PAIR_SHORT:
        out_bytes(cli, item->key);
        out_char('\t');
        out_bytes(cli, item->value);
        out_char('\n');
        break;
    case PAIR_KEYS:
        out_bytes(cli, item->key);
        out_char('\n');
        break;
    case PAIR_TSV:
        out_part(part);
        out_char('\t');
        out_bytes(cli, item->key);
        out_char('\t');
        out_bytes(cli, item->value);
        out_format("\t%" PRIu64 "\t%" PRIu64 "\n", item->timestamp, item->expire_at);
        break;
    case PAIR_DIGEST:
        out_part(part);
        out_char('\t');
        out_hex(item->key);
        out_format("\t%016" PRIx64 "\t%zu\t%" PRIu64 "\t%" PRIu64 "\n",
                   checksum64(item->value.data, item->value.size), item->value.size,
                   item->timestamp, item->expire_at);
        break;
    case PAIR_JSON:
    case PAIR_JSON_KEYS:
        print_json(cli, format == PAIR_JSON, part, item);
        break;
    case PAIR_COUNT:
        break;
    }
}

int pairs_scan(struct cli *cli, enum pair_format format, eloq_part part, const eloq_range *range,
               uint64_t *ret_count)
{
    eloq_iter *iter = NULL;
    eloq_item item;
    uint64_t count = 0;
    int rc = eloq_scan(cli->store, part, range, &iter);
    if (rc < 0)
        return rc;
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        count++;
        pair_print(cli, format, part, &item);
        if (!out_is_open()) {
            rc = ELOQ_END;
            break;
        }
    }
    eloq_iter_close(iter);
    if (ret_count)
        *ret_count = count;
    return rc;
}

static int part_list_add(struct part_list *list, eloq_part part)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        eloq_part *grown =
            mem_realloc(list->mem, MEM_OTHER, list->parts, capacity * sizeof(*grown));
        if (!grown)
            return ELOQ_NO_MEMORY;
        list->parts = grown;
        list->capacity = capacity;
    }
    part.table = mem_strdup(list->mem, MEM_OTHER, part.table);
    if (!part.table)
        return ELOQ_NO_MEMORY;
    list->parts[list->count++] = part;
    return 0;
}

static int on_part(void *user, eloq_part part)
{
    return part_list_add(user, part);
}

int part_list_load(struct cli *cli, struct part_list *list)
{
    *list = (struct part_list){ .mem = &cli->mem };
    int rc = eloq_tables(cli->store, on_part, list);
    return rc < 0 ? cli_status(cli, rc) : 0;
}

int part_list_choose(struct cli *cli, const char *text, struct part_list *list)
{
    if (!text)
        return part_list_load(cli, list);
    struct arg_part part;
    *list = (struct part_list){ .mem = &cli->mem };
    int code = args_part(text, &part);
    if (code == 0 && part_list_add(list, arg_part(&part)) < 0)
        code = cli_fail(CLI_FAILED, "out of memory");
    return code;
}

void part_list_free(struct part_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->mem, (void *)list->parts[i].table);
    mem_free(list->mem, list->parts);
}
