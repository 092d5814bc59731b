/* tests/unit/engine/limits_test.c -- limits that need a look inside: index caches of a page or a
 * few, a mapping larger than the memory, operations that fail for want of memory and are tried
 * again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "engine/store.h"
#include "part/manifest.h"
#include "sim/sim_io.h"
#include "unit/base/run.h"

static const eloq_part part = { "t", 0 };
static struct mem disk_mem;
static struct sim_disk *disk;
static struct sim_clock sim_clock_;

static int open_sim(void *user, struct mem *m, const struct log *log, unsigned shard,
                    struct io **ret)
{
    (void)user;
    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(disk, &sim_clock_, 5, ret);
}

static const struct store_seams seams = { .clock = &sim_clock_.clock,
                                          .seed = 42,
                                          .io_open = open_sim };

static void setup(void)
{
    mem_init(&disk_mem, 0);
    disk = sim_disk_new(&disk_mem);
    sim_clock_init(&sim_clock_, UINT64_C(1700000000000000));
}

static void teardown(void)
{
    sim_disk_free(disk);
}

static eloq_store *open_store(uint64_t memory_bytes)
{
    eloq_options options = ELOQ_OPTIONS("/a");
    eloq_store *db;

    options.host_driven = 1;
    options.memory_bytes = memory_bytes;
    options.format.pages_per_file_shift = 20;
    ck_assert_msg(store_open(&options, &seams, &db) == ELOQ_OK, "%s", eloq_errmsg());
    return db;
}

static uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n;

    ck_assert_int_eq(eloq_stat(db, name, &n), ELOQ_OK);
    return n;
}

/* ---- index pages ---- */

static void finished(eloq_op *op)
{
    unsigned *left = op->user;

    ck_assert_msg(op->status >= 0, "%s", eloq_op_errmsg(op));
    (*left)--;
}

START_TEST(an_index_cache_of_few_pages)
{
    enum { PARTS = 8, KEYS = 3000 };
    static const size_t limits[] = { 1, 2, 4, 16 };
    static eloq_op ops[PARTS * 4];
    static char keys[KEYS][16];
    static eloq_entry entries[KEYS];
    static char value[300];
    eloq_store *db = open_store(64 << 20);
    unsigned left = 0;

    db->shards[0].cache.limit = limits[_i];
    for (int i = 0; i < KEYS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "%08d", i);
        entries[i] = (eloq_entry){ .key = eloq_str(keys[i]), .value = eloq_bytes(value, 300) };
    }
    for (uint32_t p = 0; p < PARTS; p++) /* two levels of index pages, all at once */
        for (unsigned quarter = 0; quarter < 4; quarter++) {
            eloq_op *op = &ops[p * 4 + quarter];
            *op = (eloq_op){ .done = finished, .user = &left };
            left++;
            ck_assert_int_eq(eloq_write_async(db, (eloq_part){ "t", p },
                                              &entries[quarter * KEYS / 4], KEYS / 4, op),
                             ELOQ_OK);
        }
    while (left > 0)
        ck_assert_int_eq(eloq_run(db, 10), ELOQ_OK);
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++) {
        ops[i] = (eloq_op){ .done = finished, .user = &left };
        left++;
        ck_assert_int_eq(eloq_get_async(db, (eloq_part){ "t", i % PARTS },
                                        eloq_str(keys[i * 91 % KEYS]), &ops[i]),
                         ELOQ_OK);
    }
    while (left > 0)
        ck_assert_int_eq(eloq_run(db, 10), ELOQ_OK);
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
        eloq_record_free(&ops[i].record);
    ck_assert_uint_le(stat_of(db, "page_cache_pages"), limits[_i]);
    for (uint32_t p = 0; p < PARTS; p++) {
        ck_assert_msg(eloq_put(db, (eloq_part){ "t", p }, eloq_str("small"), eloq_str("v"))
                          == ELOQ_OK,
                      "%s", eloq_errmsg());
        ck_assert_msg(eloq_check(db, (eloq_part){ "t", p }, NULL, NULL, NULL) == ELOQ_OK, "%s",
                      eloq_errmsg());
    }
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
}
END_TEST

/* ---- a mapping larger than the memory ---- */

#define PAGES 1000000u

static int each_value(const void *user, int (*f)(void *out, struct page_id id, uint64_t value),
                      void *out)
{
    const struct manifest_state *s = user;

    for (uint32_t id = 0; id < PAGES; id++) {
        uint64_t value = id < s->page_count ? s->values[id] : (uint64_t)id << 3 | 1;
        int rc = f(out, page_id(id), value);
        if (rc < 0)
            return rc;
    }
    return ELOQ_OK;
}

/* The partition as it is, but with a million pages that nobody refers to. */
static void inflate(void)
{
    struct manifest_state state;
    struct bytes file, record;
    uint64_t checksum;

    bytes_init(&file, &disk_mem, MEM_OTHER);
    bytes_init(&record, &disk_mem, MEM_OTHER);
    ck_assert_int_eq(sim_disk_get(disk, "/a/t.0/manifest_0", &file), 0);
    manifest_state_init(&state, &disk_mem);
    ck_assert_int_eq(manifest_replay(&state, file.data, file.size, true), ELOQ_OK);
    const struct manifest_snapshot image = { .root = { state.root[0], state.root[1] },
                                             .max_place = PAGES,
                                             .page_count = PAGES,
                                             .each_value = each_value,
                                             .each_user = &state,
                                             .terms = &state.terms,
                                             .file_count = 1,
                                             .sequence = { 7, 0 } };
    ck_assert_int_eq(manifest_encode_snapshot(&record, &image, &checksum), ELOQ_OK);
    ck_assert_int_eq(sim_disk_put(disk, "/a/t.0/manifest_0", record.data, record.size), 0);
    manifest_state_free(&state);
    bytes_free(&record);
    bytes_free(&file);
}

START_TEST(a_mapping_larger_than_the_memory_is_told_with_both_numbers)
{
    static const uint64_t sizes[] = { 9 << 20, 12 << 20 };
    eloq_store *db = open_store(64 << 20);
    eloq_record record = { 0 };
    char words[64];

    ck_assert_int_eq(eloq_put(db, part, eloq_str("k"), eloq_str("v")), ELOQ_OK);
    ck_assert_int_eq(eloq_put(db, (eloq_part){ "t", 1 }, eloq_str("k"), eloq_str("v")), ELOQ_OK);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
    inflate();
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        db = open_store(sizes[i]);
        for (int twice = 0; twice < 2; twice++) {
            ck_assert_int_eq(eloq_get(db, part, eloq_str("k"), &record), ELOQ_NO_MEMORY);
            snprintf(words, sizeof(words), "memory_bytes is %llu,", (unsigned long long)sizes[i]);
            ck_assert_msg(strstr(eloq_errmsg(), words) != NULL, "%s", eloq_errmsg());
            const char *needs = strstr(eloq_errmsg(), "it takes ");
            ck_assert_ptr_nonnull(needs);
            ck_assert_int_gt(atoll(needs + 9), 1000000);
            ck_assert_ptr_nonnull(strstr(eloq_errmsg(), "table=t partition=0"));
            ck_assert_int_eq(eloq_put(db, part, eloq_str("k"), eloq_str("w")), ELOQ_NO_MEMORY);
        }
        /* the others work, and nothing is left behind */
        ck_assert_int_eq(eloq_get(db, (eloq_part){ "t", 1 }, eloq_str("k"), &record), ELOQ_OK);
        /* once the maintenance that follows a write has tried to load it, too, and waited */
        for (int turns = 0; turns < 200; turns++) {
            sim_clock_advance(&sim_clock_, 1000000);
            ck_assert_int_eq(eloq_run(db, 0), ELOQ_OK);
        }
        ck_assert_uint_lt(stat_of(db, "memory_used"), 4 << 20);
        ck_assert_int_eq(eloq_close(db), ELOQ_OK);
    }
    db = open_store(64 << 20);
    ck_assert_msg(eloq_get(db, part, eloq_str("k"), &record) == ELOQ_OK, "%s", eloq_errmsg());
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
    eloq_record_free(&record);
}
END_TEST

/* ---- want of memory that passes ---- */

/* Who works alone is refused once, at an allocation chosen by chance; others as often as chance
 * will have it: what they wait for is that another one ends. */
static struct shard *shard;
static bool refuses_others;
static uint64_t refuse_in; /* allocations; 0 = not at all */
static struct rand chance;

static bool refuse_some(void *user, size_t size)
{
    (void)user;
    if (size < 500)
        return false;
    if (refuse_in > 0 && --refuse_in == 0)
        return true;
    return refuses_others && shard->tasks > shard->memory.waiting_count + 1
           && rand_below(&chance, 20) == 0;
}

/* Whatever fails is undone, waits and is tried again: nobody hears of it. */
START_TEST(want_of_memory_that_passes_is_not_heard_of)
{
    enum { OPS = 200, KEYS = 400 };
    static eloq_op ops[OPS];
    static char keys[KEYS][16], value[9000];
    struct store_seams with = seams;
    eloq_options options = ELOQ_OPTIONS("/a");
    eloq_store *db;
    eloq_iter *iter;
    eloq_item item;
    unsigned left = 0, pairs[2] = { 0 };

    rand_seed(&chance, (uint64_t)_i + 1);
    with.mem_fail = refuse_some;
    options.host_driven = 1;
    options.memory_bytes = 32 << 20;
    refuses_others = false;
    refuse_in = 0;
    ck_assert_int_eq(store_open(&options, &with, &db), ELOQ_OK);
    shard = &db->shards[0];
    for (int i = 0; i < KEYS; i++)
        snprintf(keys[i], sizeof(keys[i]), "%06d", i);
    for (int round = 0; round < 4; round++) {
        refuses_others = true;
        for (int i = 0; i < OPS; i++) {
            eloq_op *op = &ops[i];
            *op = (eloq_op){ .done = finished, .user = &left };
            left++;
            eloq_slice key = eloq_str(keys[(round * OPS + i) * 7 % KEYS]);
            int rc = i % 2 ? eloq_put_async(db, part, key, eloq_bytes(value, 9000), op)
                           : eloq_get_async(db, part, key, op);
            ck_assert_int_eq(rc, ELOQ_OK);
        }
        while (left > 0)
            ck_assert_int_eq(eloq_run(db, 10), ELOQ_OK);
        for (int i = 0; i < OPS; i++)
            eloq_record_free(&ops[i].record);
    }
    refuses_others = false;
    ck_assert_uint_gt(stat_of(db, "requests_retried"), 0);
    for (int reverse = 0; reverse < 2; reverse++) {
        eloq_range range = { .reverse = reverse };
        unsigned seen = 0;
        char last[16] = "";
        int rc;
        ck_assert_int_eq(eloq_scan(db, part, &range, &iter), ELOQ_OK);
        for (;;) {
            refuse_in = 1 + rand_below(&chance, 60);
            rc = eloq_iter_next(iter, &item);
            if (rc != ELOQ_OK)
                break;
            if (seen > 0)
                ck_assert_int_eq(memcmp(item.key.data, last, 6) > 0, !reverse);
            memcpy(last, item.key.data, 6);
            seen++;
        }
        ck_assert_msg(rc == ELOQ_END, "seed %d: %d %s", _i + 1, rc, eloq_errmsg());
        refuse_in = 0;
        eloq_iter_close(iter);
        pairs[reverse] = seen;
    }
    ck_assert_uint_eq(pairs[0], KEYS / 2); /* the odd ones were put, the others looked for */
    ck_assert_uint_eq(pairs[1], KEYS / 2);
    ck_assert_int_eq(eloq_check(db, part, NULL, NULL, NULL), ELOQ_OK);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tc = tcase_create("limits");

    tcase_set_timeout(tc, 300);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, an_index_cache_of_few_pages, 0, 4);
    tcase_add_test(tc, a_mapping_larger_than_the_memory_is_told_with_both_numbers);
    tcase_add_loop_test(tc, want_of_memory_that_passes_is_not_heard_of, 0, 30);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
