/* tests/unit/engine/hot_test.c -- a read of what is in memory needs no I/O, and says what any other
 * read would: what is there, what is not, what has expired, what was written since, and large
 * values, which take the long way (compressed ones: unit/api/compress_test). On a simulated clock.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "engine/store.h"
#include "sim/sim_io.h"
#include "unit/base/run.h"

#define START_MS UINT64_C(1700000000000)
#define KEYS 2000

static const eloq_part part = { "t", 0 };
static struct sim_clock sim_clock_;
static const struct store_seams seams = { .clock = &sim_clock_.clock, .seed = 42 };
static eloq_store *db;
static eloq_record record;

static void open_store(uint32_t show_expired)
{
    eloq_options options = ELOQ_OPTIONS(NULL);

    sim_clock_init(&sim_clock_, START_MS * 1000);
    options.host_driven = 1;
    options.show_expired = show_expired;
    ck_assert_msg(store_open(&options, &seams, &db) == ELOQ_OK, "%s", eloq_errmsg());
}

static void close_store(void)
{
    eloq_record_free(&record);
    ck_assert_int_eq(eloq_close(db), ELOQ_OK);
}

static void put(const char *key, eloq_slice value, uint64_t expire_at)
{
    eloq_entry entry = { .key = eloq_str(key), .value = value, .expire_at = expire_at };

    ck_assert_msg(eloq_write(db, part, &entry, 1) == ELOQ_OK, "%s", eloq_errmsg());
}

static uint64_t stat_of(const char *name)
{
    uint64_t n;

    ck_assert_int_eq(eloq_stat(db, name, &n), ELOQ_OK);
    return n;
}

static int get(const char *key)
{
    return eloq_get(db, part, eloq_str(key), &record);
}

static bool has(const char *key, eloq_slice value)
{
    return get(key) == ELOQ_OK && record.value.size == value.size
           && memcmp(record.value.data, value.data, value.size) == 0;
}

/* The answer of a get that must not have asked the disk, nor started a task. */
static int get_hot(const char *key)
{
    uint64_t reads = stat_of("io_reads"), found = stat_of("data_cache_hits");
    int rc = get(key);

    ck_assert_uint_eq(stat_of("io_reads"), reads);
    ck_assert_uint_eq(stat_of("data_cache_hits"), found + 1);
    return rc;
}

START_TEST(what_is_there_and_what_is_not)
{
    char key[16], value[32];

    open_store(0);
    for (unsigned i = 0; i < KEYS; i += 2) {
        snprintf(key, sizeof(key), "%06u", i);
        snprintf(value, sizeof(value), "value of %u", i);
        put(key, eloq_str(value), 0);
    }
    for (unsigned i = 0; i < KEYS; i++) { /* the first read of a page may ask the disk */
        snprintf(key, sizeof(key), "%06u", i);
        get(key);
    }
    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(key, sizeof(key), "%06u", i);
        snprintf(value, sizeof(value), "value of %u", i);
        int rc = get_hot(key);
        ck_assert_int_eq(rc, i % 2 ? ELOQ_NOT_FOUND : ELOQ_OK);
        ck_assert(rc != ELOQ_OK
                  || (record.value.size == strlen(value)
                      && memcmp(record.value.data, value, record.value.size) == 0));
    }
    ck_assert_int_eq(eloq_get(db, (eloq_part){ "absent", 0 }, eloq_str("k"), &record),
                     ELOQ_NOT_FOUND);
    close_store();
}
END_TEST

START_TEST(what_was_written_since)
{
    open_store(0);
    put("k", eloq_str("old"), 0);
    ck_assert_int_eq(get_hot("k"), ELOQ_OK);
    put("k", eloq_str("new"), 0);
    ck_assert_int_eq(get_hot("k"), ELOQ_OK);
    ck_assert(record.value.size == 3 && memcmp(record.value.data, "new", 3) == 0);
    put("other", eloq_str("v"), 0);
    ck_assert_int_eq(eloq_delete(db, part, eloq_str("k")), ELOQ_OK);
    ck_assert_int_eq(get_hot("k"), ELOQ_NOT_FOUND);
    ck_assert_int_eq(eloq_truncate(db, part, eloq_str("")), ELOQ_OK);
    ck_assert_int_eq(get("other"), ELOQ_NOT_FOUND);
    close_store();
}
END_TEST

/* What was found out about a page at one read must not be believed of another page later on: leaves
 * split, merge and move between reads of all of them. */
START_TEST(pages_change_between_reads)
{
    static unsigned versions[KEYS]; /* 0: absent */
    char key[16], value[200];
    uint64_t random = 1;

    open_store(0);
    memset(versions, 0, sizeof(versions));
    for (unsigned step = 1; step <= 4000; step++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        unsigned i = (unsigned)(random >> 33) % KEYS;
        /* it fills, then thins out */
        bool is_put = (random >> 20) % 8 < (step < 2000 ? 7u : 2u);
        snprintf(key, sizeof(key), "%06u", i);
        if (is_put) {
            snprintf(value, sizeof(value), "%0*u", (int)(20 + step % 150), step);
            put(key, eloq_str(value), 0);
        } else {
            ck_assert_int_eq(eloq_delete(db, part, eloq_str(key)), ELOQ_OK);
        }
        versions[i] = is_put ? step : 0;
        for (unsigned k = step % 97; k < KEYS; k += 97) {
            snprintf(key, sizeof(key), "%06u", k);
            snprintf(value, sizeof(value), "%0*u", (int)(20 + versions[k] % 150), versions[k]);
            if (versions[k] == 0)
                ck_assert_int_eq(get(key), ELOQ_NOT_FOUND);
            else
                ck_assert(has(key, eloq_str(value)));
        }
    }
    close_store();
}
END_TEST

START_TEST(what_has_expired_is_hidden)
{
    open_store((uint32_t)_i);
    put("mortal", eloq_str("v"), START_MS + 1000);
    put("stays", eloq_str("v"), 0);
    ck_assert_int_eq(get_hot("mortal"), ELOQ_OK);
    ck_assert_uint_eq(record.expire_at, START_MS + 1000);
    sim_clock_advance(&sim_clock_, UINT64_C(999000000));
    ck_assert_int_eq(get_hot("mortal"), ELOQ_OK);
    sim_clock_advance(&sim_clock_, UINT64_C(1000000));
    /* before anything else runs: it is not cleaned yet */
    ck_assert_int_eq(get("mortal"), _i ? ELOQ_OK : ELOQ_NOT_FOUND);
    ck_assert_int_eq(get("stays"), ELOQ_OK);
    close_store();
}
END_TEST

START_TEST(large_values_take_the_long_way)
{
    static char large[20000];

    open_store(0);
    memset(large, 'l', sizeof(large));
    put("large", eloq_bytes(large, sizeof(large)), 0);
    for (int twice = 0; twice < 2; twice++)
        ck_assert(has("large", eloq_bytes(large, sizeof(large))));
    close_store();
}
END_TEST

START_TEST(each_counts_as_a_request)
{
    eloq_buffer metrics = { 0 };

    open_store(0);
    put("k", eloq_str("v"), 0);
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(get_hot("k"), ELOQ_OK);
    ck_assert_int_eq(get_hot("l"), ELOQ_NOT_FOUND);
    ck_assert_int_eq(eloq_metrics(db, &metrics), ELOQ_OK);
    const char *text = metrics.data;
    ck_assert_ptr_nonnull(strstr(text, "eloqstore_requests_total{kind=\"get\",status=\"ok\"} 7\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "eloqstore_requests_total{kind=\"get\",status=\"not_found\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "eloqstore_request_seconds_count{kind=\"get\"} 8\n"));
    eloq_buffer_free(&metrics);
    close_store();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hot");
    TCase *tc = tcase_create("hot");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, what_is_there_and_what_is_not);
    tcase_add_test(tc, what_was_written_since);
    tcase_add_test(tc, pages_change_between_reads);
    tcase_add_loop_test(tc, what_has_expired_is_hidden, 0, 2);
    tcase_add_test(tc, large_values_take_the_long_way);
    tcase_add_test(tc, each_counts_as_a_request);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
