/* eloqstore/repair_pair.c -- one pair to the new store; the ranges that are lost. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/slice.h"
#include "out.h"
#include "page/overflow.h"
#include "repair.h"

#define BATCH_PAIRS 1000
#define BATCH_BYTES (UINT64_C(1) << 20)

static int no_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

int salvage_grow(struct salvage *s, void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return 0;
    size_t wanted = *capacity ? 2 * *capacity : 16;
    void *old, *grown;
    memcpy(&old, array, sizeof(old));
    grown = mem_realloc(&s->repair->cli->mem, MEM_OTHER, old, wanted * size);
    if (!grown)
        return no_memory();
    memcpy(array, &grown, sizeof(grown));
    *capacity = wanted;
    return 0;
}

int salvage_keep(struct salvage *s, eloq_slice key, eloq_slice *ret)
{
    *ret = eloq_bytes(NULL, 0);
    if (key.size == 0)
        return 0;
    *ret = eloq_bytes(arena_copy(&s->lost.arena, key.data, key.size), key.size);
    return ret->data ? 0 : no_memory();
}

/* ---- what is lost ------------------------------------------------------------------------------
 */

int salvage_lost(struct salvage *s, eloq_slice from, eloq_slice to)
{
    struct lost_range range;
    int code = salvage_keep(s, from, &range.from);
    if (code == 0)
        code = salvage_keep(s, to, &range.to);
    if (code == 0)
        code = salvage_grow(s, &s->lost.items, s->lost.count, &s->lost.capacity,
                            sizeof(*s->lost.items));
    if (code == 0)
        s->lost.items[s->lost.count++] = range;
    return code;
}

int salvage_lost_key(struct salvage *s, eloq_slice key)
{
    uint8_t *next = arena_zalloc(&s->lost.arena, key.size + 1);
    if (!next)
        return no_memory();
    memcpy(next, key.data, key.size);
    return salvage_lost(s, key, eloq_bytes(next, key.size + 1));
}

static int by_from(const void *a, const void *b)
{
    const struct lost_range *x = a, *y = b;
    return slice_compare(x->from, y->from);
}

static void print_range(const struct salvage *s, const struct lost_range *range)
{
    const struct cli *cli = s->repair->cli;
    if (cli->json) {
        struct json j;
        json_open(&j);
        json_bool(&j, "lost", true);
        json_part(&j, s->part);
        json_bytes(&j, cli, "from", range->from);
        json_bytes(&j, cli, "to", range->to);
        json_close(&j);
        return;
    }
    out_format("lost\t");
    out_part(s->part);
    out_char('\t');
    out_bytes(cli, range->from);
    out_char('\t');
    out_bytes(cli, range->to);
    out_char('\n');
}

int salvage_print_lost(struct salvage *s)
{
    struct lost_range *items = s->lost.items;
    if (s->lost.count > 1)
        qsort(items, s->lost.count, sizeof(*items), by_from);
    for (size_t i = 0; i < s->lost.count;) {
        struct lost_range joined = items[i++];
        for (; i < s->lost.count
               && (joined.to.size == 0 || slice_compare(items[i].from, joined.to) <= 0);
             i++) {
            if (items[i].to.size == 0 || slice_compare(items[i].to, joined.to) > 0)
                joined.to = joined.to.size == 0 ? joined.to : items[i].to;
        }
        print_range(s, &joined);
        s->repair->lost++;
    }
    return 0;
}

/* ---- what is not -------------------------------------------------------------------------------
 */

int salvage_put(struct salvage *s, const struct entry *entry, eloq_slice value)
{
    struct repair *r = s->repair;
    struct load_row row = { .key = entry->key,
                            .value = value,
                            .timestamp = entry->timestamp ? entry->timestamp : ELOQ_TIMESTAMP_ZERO,
                            .expire_at = entry->expire_at };
    /* The reference stores keys that nobody promises to take. */
    if (entry->key.size + (entry->expire_at ? 8 : 0) > r->format.data_page_size / 2)
        return salvage_lost_key(s, entry->key);
    int rc = load_flight_repeats(&r->out, &row, s->part) ? load_flight_submit(&r->out) : 0;
    if (rc == 0)
        rc = load_flight_add(&r->out, &row, s->part, 0);
    uint64_t bytes = 0;
    if (rc == 0 && (load_flight_gathered(&r->out, &bytes) >= BATCH_PAIRS || bytes >= BATCH_BYTES))
        rc = load_flight_submit(&r->out);
    return rc < 0 ? cli_fail(CLI_FAILED, "%s", r->out.words[0] ? r->out.words : eloq_strerror(rc))
                  : 0;
}

/* The ids of a group: false if they cannot be right. *io_left: pages that the chain may still have.
 */
static bool take_ids(const uint8_t *ids, uint32_t count, uint64_t *io_left, struct page_id *ret)
{
    if (count == 0 || count > OVERFLOW_POINTERS_MAX || count > *io_left)
        return false;
    *io_left -= count;
    for (uint32_t i = 0; i < count; i++)
        ret[i] = overflow_id(ids, i);
    return true;
}

/* Appends the bytes of one overflow page to s->stored: false if it is bad, with *ret_code not 0 if
 * that is no matter of damage. */
static bool take_page(struct salvage *s, struct page_id id, struct overflow *ret, int *ret_code)
{
    if (id.n >= s->state.page_count || bitset_has(&s->seen, id.n))
        return false;
    bitset_add(&s->seen, id.n);
    enum page_state state = salvage_read(s, id, PAGE_OVERFLOW, PAGE_OVERFLOW, s->overflow);
    if (state == PAGE_FAILED)
        *ret_code = CLI_FAILED;
    if (state != PAGE_IS_GOOD
        || overflow_open(ret, s->overflow, s->repair->format.data_page_size) < 0)
        return false;
    bytes_add(&s->stored, ret->bytes.data, ret->bytes.size);
    if (s->stored.failed)
        *ret_code = no_memory();
    return *ret_code == 0;
}

/* The stored form of a value in overflow pages, in s->stored. */
static bool collect(struct salvage *s, const struct entry *entry, int *ret_code)
{
    struct page_id ids[OVERFLOW_POINTERS_MAX];
    uint64_t left = s->state.page_count;
    uint32_t count = (uint32_t)(entry->value.size / 4);
    s->stored.size = 0;
    if (entry->value.size % 4 != 0 || entry->value.size > 4 * OVERFLOW_POINTERS_MAX
        || !take_ids(entry->value.data, count, &left, ids))
        return false;
    for (;;) {
        struct overflow page = { 0 };
        for (uint32_t i = 0; i < count; i++) {
            if (!take_page(s, ids[i], &page, ret_code) || (page.id_count != 0 && i + 1 < count))
                return false;
        }
        count = page.id_count;
        if (count == 0)
            return true;
        if (!take_ids(page.ids, count, &left, ids))
            return false;
    }
}

bool salvage_plain(struct salvage *s, const struct entry *entry, eloq_slice stored, eloq_slice *ret,
                   int *ret_code)
{
    uint64_t size = 0;
    if (entry->compression == COMPRESSION_NONE) {
        *ret = stored;
        return true;
    }
    if (dict_plain_size(stored, &size) < 0)
        return false;
    s->plain.size = 0;
    if (bytes_reserve(&s->plain, (size_t)size) < 0) {
        *ret_code = no_memory();
        return false;
    }
    int rc = dict_decompress(&s->repair->dicts, s->dict, entry->compression, stored, s->plain.data,
                             size);
    if (rc == ELOQ_NO_MEMORY)
        *ret_code = no_memory();
    *ret = eloq_bytes(s->plain.data, (size_t)size);
    return rc == ELOQ_OK;
}

int salvage_pair(struct salvage *s, const struct entry *entry)
{
    int code = 0;
    eloq_slice stored = entry->value, value;
    bool is_whole = true;
    if (entry->is_overflow) {
        is_whole = collect(s, entry, &code);
        stored = eloq_bytes(s->stored.data, s->stored.size);
    }
    if (is_whole)
        is_whole = salvage_plain(s, entry, stored, &value, &code);
    if (code != 0)
        return code;
    return is_whole ? salvage_put(s, entry, value) : salvage_lost_key(s, entry->key);
}
