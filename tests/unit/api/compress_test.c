/* tests/unit/api/compress_test.c -- a store that compresses, as a host sees it: switched on and off
 * between runs, merged batches, large values, nobody kept waiting while a dictionary is made. */
#include <stdatomic.h>
#include <time.h>

#include "unit/api/fixture.h"

#define COUNT 500
#define SIZE 500
#define BATCHES 8   /* together enough for a dictionary; */
#define COMPLETES 6 /* the one that makes it enough */

static const eloq_part part = { "t", 0 };

static void fill(char *p, size_t size, unsigned seed)
{
    static const char *const words[] = { "apple ", "store ",    "page ", "the ",
                                         "value ", "manifest ", "42 ",   "long " };
    for (size_t at = 0; at < size;) {
        seed = seed * 1103515245 + 12345;
        const char *word = words[seed >> 16 & 7];
        size_t n = strlen(word) < size - at ? strlen(word) : size - at;
        memcpy(p + at, word, n);
        at += n;
    }
}

struct batch {
    eloq_op op;
    _Atomic int done;
    eloq_entry entries[COUNT];
    char keys[COUNT][16];
    char values[COUNT][SIZE];
};

static void on_done(eloq_op *op)
{
    struct batch *b = (struct batch *)op;
    atomic_store(&b->done, 1);
}

static void make_batch(struct batch *b, unsigned number)
{
    memset(b, 0, sizeof(*b));
    b->op.done = on_done;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(b->keys[i], sizeof(b->keys[i]), "k%02u%06u", number % 100, i);
        fill(b->values[i], SIZE, number * COUNT + i);
        b->entries[i] =
            (eloq_entry){ .key = eloq_str(b->keys[i]), .value = eloq_bytes(b->values[i], SIZE) };
    }
}

static void check_batch(eloq_store *db, unsigned number)
{
    struct batch *b = malloc(sizeof(*b));
    eloq_record record = { 0 };

    make_batch(b, number);
    for (unsigned i = 0; i < COUNT; i += 7) {
        ck_ok(eloq_get(db, part, eloq_str(b->keys[i]), &record));
        ck_assert_uint_eq(record.value.size, SIZE);
        ck_assert_mem_eq(record.value.data, b->values[i], SIZE);
    }
    eloq_record_free(&record);
    free(b);
}

static void write_batch(eloq_store *db, unsigned number)
{
    struct batch *b = malloc(sizeof(*b));

    make_batch(b, number);
    ck_ok(eloq_write(db, part, b->entries, COUNT));
    free(b);
}

static uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n = 0;
    ck_ok(eloq_stat(db, name, &n));
    return n;
}

static eloq_options on = { .size = sizeof(eloq_options), .enable_compression = 1 };

START_TEST(switched_on_off_and_on_all_is_readable)
{
    eloq_options options = on;
    eloq_store *db;

    if (!fixture_open(_i, "s", &options, &db))
        return;
    for (unsigned k = 0; k < BATCHES; k++)
        write_batch(db, k);
    ck_assert_uint_eq(stat_of(db, "dictionaries_made"), 1);
    ck_assert_uint_gt(stat_of(db, "values_compressed"), 0);
    for (unsigned session = 1; session < 4 && !fixture_is_memory(_i); session++) {
        ck_ok(eloq_close(db));
        options.enable_compression = session % 2 == 0;
        ck_assert(fixture_open(_i, "s", &options, &db));
        write_batch(db, session); /* over what is there */
        write_batch(db, BATCHES + session);
        ck_assert_uint_eq(stat_of(db, "dictionaries_made"), 0);
        ck_assert_uint_eq(stat_of(db, "values_compressed"), session % 2 ? 0 : 2 * COUNT);
        for (unsigned k = 0; k <= BATCHES + session; k++)
            if (k < BATCHES || k > BATCHES)
                check_batch(db, k);
        ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    }
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(merged_batches_make_one_dictionary)
{
    struct batch *batches = calloc(2 * BATCHES, sizeof(*batches));
    eloq_store *db;

    if (_i == STORE_HOST_SYNC || _i == STORE_HOST_MEMORY || !fixture_open(_i, "s", &on, &db)) {
        free(batches);
        return;
    }
    for (unsigned k = 0; k < 2 * BATCHES; k++) {
        make_batch(&batches[k], k);
        ck_ok(eloq_write_async(db, part, batches[k].entries, COUNT, &batches[k].op));
    }
    for (unsigned k = 0; k < 2 * BATCHES; k++) {
        while (!atomic_load(&batches[k].done))
            usleep(500);
        ck_assert_int_eq(batches[k].op.status, ELOQ_OK);
    }
    ck_assert_uint_eq(stat_of(db, "dictionaries_made"), 1);
    ck_assert_uint_gt(stat_of(db, "values_compressed"), 0);
    for (unsigned k = 0; k < 2 * BATCHES; k++)
        check_batch(db, k);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
    free(batches);
}
END_TEST

START_TEST(large_values_read_back_and_take_less)
{
    static const size_t sizes[] = { 1048577, 10485760, 10485761, 30000000 };
    eloq_record record = { 0 };
    char *value = malloc(30000000);
    eloq_store *db;

    if (!fixture_open(_i, "s", &on, &db)) {
        free(value);
        return;
    }
    for (unsigned k = 0; k < BATCHES; k++)
        write_batch(db, k);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t pages = stat_of(db, "pages_written");
        fill(value, sizes[i], (unsigned)i);
        ck_ok(eloq_put(db, part, eloq_str("large"), eloq_bytes(value, sizes[i])));
        ck_assert_uint_lt(stat_of(db, "pages_written") - pages, sizes[i] / 4096 / 2);
        ck_ok(eloq_get(db, part, eloq_str("large"), &record));
        ck_assert_uint_eq(record.value.size, sizes[i]);
        ck_assert(memcmp(record.value.data, value, sizes[i]) == 0);
    }
    eloq_record_free(&record);
    ck_ok(eloq_check(db, part, NULL, NULL, NULL));
    ck_ok(eloq_close(db));
    free(value);
}
END_TEST

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(others_are_served_while_a_dictionary_is_made)
{
    static const eloq_part other = { "other", 0 };
    struct batch *batches = calloc(BATCHES, sizeof(*batches));
    eloq_record record = { 0 };
    eloq_store *db;
    unsigned served = 0;

    ck_assert(fixture_open(STORE_THREADS, "s", &on, &db));
    put(db, other, "k", "v");
    for (unsigned k = 0; k < BATCHES; k++) {
        make_batch(&batches[k], k);
        if (k < COMPLETES)
            ck_ok(eloq_write(db, part, batches[k].entries, COUNT));
    }
    ck_assert_uint_eq(stat_of(db, "dictionaries_made"), 0);
    struct batch *last = &batches[COMPLETES];
    ck_ok(eloq_write_async(db, part, last->entries, COUNT, &last->op));
    double began = seconds();
    while (!atomic_load(&last->done)) {
        ck_ok(eloq_get(db, other, eloq_str("k"), &record));
        served++;
    }
    double took = seconds() - began;
    ck_assert_int_eq(last->op.status, ELOQ_OK);
    ck_assert_uint_eq(stat_of(db, "dictionaries_made"), 1);
    /* a thousand a second and more; were the shard blocked, some dozens, during the commit */
    ck_assert_msg(served > 120 * took, "%u reads in %.3f s", served, took);
    eloq_record_free(&record);
    ck_ok(eloq_close(db));
    free(batches);
}
END_TEST

START_TEST(without_room_for_training_values_stay_plain)
{
    eloq_options options = on;
    eloq_store *db;

    options.memory_bytes = 12 << 20;
    ck_assert(fixture_open(STORE_SYNC, "s", &options, &db));
    for (unsigned k = 0; k < 2 * BATCHES; k++)
        write_batch(db, k);
    ck_assert_uint_eq(stat_of(db, "dictionaries_made"), 0);
    ck_assert_uint_eq(stat_of(db, "values_compressed"), 0);
    for (unsigned k = 0; k < 2 * BATCHES; k++)
        check_batch(db, k);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(the_ini_key_and_the_option_switch_it)
{
    eloq_options options = ELOQ_OPTIONS("x");
    FILE *ini = fopen(fixture_path("o.ini"), "w");

    fputs("[run]\nenable_compression = true\n", ini);
    fclose(ini);
    ck_ok(eloq_options_load(&options, fixture_path("o.ini")));
    ck_assert_uint_eq(options.enable_compression, 1);
    ck_ok(eloq_options_set(&options, "enable_compression", "false"));
    ck_assert_uint_eq(options.enable_compression, 0);
    eloq_options_free(&options);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("compress");
    TCase *all = tcase_create("compress");

    tcase_set_timeout(all, 300);
    tcase_add_checked_fixture(all, fixture_setup, fixture_teardown);
    tcase_add_loop_test(all, switched_on_off_and_on_all_is_readable, 0, STORE_KINDS);
    tcase_add_loop_test(all, merged_batches_make_one_dictionary, 0, STORE_KINDS);
    tcase_add_loop_test(all, large_values_read_back_and_take_less, 0, STORE_KINDS);
    tcase_add_test(all, others_are_served_while_a_dictionary_is_made);
    tcase_add_test(all, without_room_for_training_values_stay_plain);
    tcase_add_test(all, the_ini_key_and_the_option_switch_it);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
