/* tests/unit/api/verbs_test.c -- every verb keeps its promise over every backend. */
#include <time.h>

#include "unit/api/fixture.h"

static const eloq_part users = { "users", 0 };
static const eloq_part other = { "users", 3 };

#define BEGIN(options)                          \
    eloq_store *db;                             \
    if (!fixture_open(_i, "s", (options), &db)) \
        return;

#define END ck_ok(eloq_close(db))

START_TEST(get_returns_what_was_put)
{
    BEGIN(NULL);
    put(db, users, "alice", "42");
    put(db, other, "alice", "43");
    expect(db, users, "alice", "42");
    expect(db, other, "alice", "43");
    expect(db, users, "bob", NULL);
    put(db, users, "alice", "44");
    expect(db, users, "alice", "44");
    put(db, users, "empty", "");
    expect(db, users, "empty", "");
    END;
    if (fixture_is_memory(_i))
        return;
    ck_assert(fixture_open(_i, "s", NULL, &db));
    expect(db, users, "alice", "44");
    expect(db, other, "alice", "43");
    END;
}
END_TEST

START_TEST(absent_partitions_are_not_found_and_not_made)
{
    eloq_record record = { 0 };
    eloq_iter *iter;
    eloq_item item;
    eloq_slice key = eloq_str("a");
    int status;

    BEGIN(NULL);
    expect(db, users, "a", NULL);
    ck_rc(eloq_floor(db, users, key, &record), ELOQ_NOT_FOUND);
    ck_ok(eloq_get_many(db, users, &key, 1, &record, &status));
    ck_assert_int_eq(status, ELOQ_NOT_FOUND);
    ck_ok(eloq_scan(db, users, NULL, &iter));
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    eloq_iter_close(iter);
    ck_ok(eloq_delete(db, users, key));
    ck_ok(eloq_write(db, users, NULL, 0));
    ck_rc(eloq_check(db, users, NULL, NULL, NULL), ELOQ_NOT_FOUND);
    ck_assert(!fixture_exists("s/users.0"));
    END;
}
END_TEST

START_TEST(delete_removes_and_absent_is_fine)
{
    BEGIN(NULL);
    put(db, users, "alice", "42");
    ck_ok(eloq_delete(db, users, eloq_str("alice")));
    expect(db, users, "alice", NULL);
    ck_ok(eloq_delete(db, users, eloq_str("alice")));
    END;
}
END_TEST

START_TEST(batches_take_any_order_but_no_key_twice)
{
    eloq_entry entries[] = {
        { .key = eloq_str("c"), .value = eloq_str("3") },
        { .key = eloq_str("a"), .value = eloq_str("1") },
        { .key = eloq_str("b"), .kind = ELOQ_DELETE },
    };
    eloq_entry twice[] = {
        { .key = eloq_str("x"), .value = eloq_str("1") },
        { .key = eloq_str("y"), .value = eloq_str("1") },
        { .key = eloq_str("x"), .value = eloq_str("2") },
    };
    BEGIN(NULL);
    put(db, users, "b", "2");
    ck_ok(eloq_write(db, users, entries, 3));
    expect(db, users, "a", "1");
    expect(db, users, "b", NULL);
    expect(db, users, "c", "3");
    ck_rc(eloq_write(db, users, twice, 3), ELOQ_INVALID);
    ck_words("twice");
    expect(db, users, "y", NULL);
    END;
}
END_TEST

START_TEST(timestamps_decide_and_skipped_counts)
{
    eloq_entry entry = { .key = eloq_str("k"), .value = eloq_str("new"), .timestamp = 100 };
    eloq_record record = { 0 };

    BEGIN(NULL);
    ck_ok(eloq_write(db, users, &entry, 1));
    entry.timestamp = 99;
    entry.value = eloq_str("old");
    ck_ok(eloq_write(db, users, &entry, 1));
    ck_assert_uint_eq(eloq_skipped(), 1);
    expect(db, users, "k", "new");
    entry.timestamp = 100;
    ck_ok(eloq_write(db, users, &entry, 1));
    ck_assert_uint_eq(eloq_skipped(), 0);
    expect(db, users, "k", "old");
    entry.key = eloq_str("zero");
    entry.timestamp = ELOQ_TIMESTAMP_ZERO;
    ck_ok(eloq_write(db, users, &entry, 1));
    ck_ok(eloq_get(db, users, eloq_str("zero"), &record));
    ck_assert_uint_eq(record.timestamp, 0);
    /* A plain put wins over a stamp from the future. */
    entry.timestamp = INT64_MAX - 1;
    ck_ok(eloq_write(db, users, &entry, 1));
    put(db, users, "zero", "plain");
    expect(db, users, "zero", "plain");
    eloq_record_free(&record);
    END;
}
END_TEST

static void fill(eloq_store *db, eloq_part part, unsigned count, size_t value_bytes)
{
    enum { BATCH = 500 };
    static char keys[BATCH][16];
    eloq_entry entries[BATCH];
    char *value = malloc(value_bytes + 1);

    memset(value, 'v', value_bytes);
    for (unsigned at = 0; at < count;) {
        unsigned n = 0;
        for (; n < BATCH && at < count; n++, at++) {
            snprintf(keys[n], sizeof(keys[n]), "key%08u", at);
            entries[n] =
                (eloq_entry){ .key = eloq_str(keys[n]), .value = eloq_bytes(value, value_bytes) };
        }
        ck_ok(eloq_write(db, part, entries, n));
    }
    free(value);
}

START_TEST(expired_pairs_are_hidden_and_shown_on_demand)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_ms = (uint64_t)now.tv_sec * 1000;
    eloq_entry entry = { .key = eloq_str("k"),
                         .value = eloq_str("v"),
                         .expire_at = now_ms + 600000 };
    eloq_record record = { 0 };

    BEGIN(&options);
    fill(db, users, 500, 100);
    ck_ok(eloq_write(db, users, &entry, 1));
    ck_ok(eloq_get(db, users, entry.key, &record));
    ck_assert_uint_eq(record.expire_at, now_ms + 600000);
    entry.expire_at = now_ms + 1100; /* about to expire */
    ck_ok(eloq_write(db, users, &entry, 1));
    for (int i = 0; i < 400; i++) {
        if (eloq_get(db, users, entry.key, &record) == ELOQ_NOT_FOUND)
            break;
        usleep(10000);
    }
    expect(db, users, "k", NULL);
    put(db, users, "z", "after"); /* in another leaf; its writer cleans up */
    uint64_t keys = 0;
    for (int i = 0; i < 100 && keys == 0; i++) {
        ck_ok(eloq_stat(db, "keys_expired", &keys));
        usleep(1000);
    }
    ck_assert_uint_eq(keys, 1);
    eloq_record_free(&record);
    END;
}
END_TEST

START_TEST(floor_finds_the_greatest_key_not_above)
{
    eloq_record record = { 0 };

    BEGIN(NULL);
    put(db, users, "b", "2");
    put(db, users, "d", "4");
    ck_ok(eloq_floor(db, users, eloq_str("c"), &record));
    ck_assert_mem_eq(record.key.data, "b", 1);
    ck_assert_mem_eq(record.value.data, "2", 1);
    ck_ok(eloq_floor(db, users, eloq_str("d"), &record));
    ck_assert_mem_eq(record.key.data, "d", 1);
    ck_rc(eloq_floor(db, users, eloq_str("a"), &record), ELOQ_NOT_FOUND);
    ck_assert_mem_eq(record.key.data, "d", 1); /* only ELOQ_OK changes it */
    eloq_record_free(&record);
    END;
}
END_TEST

START_TEST(get_many_answers_each_key)
{
    enum { COUNT = 300 };
    static char names[COUNT][16];
    eloq_slice keys[COUNT];
    static eloq_record records[COUNT];
    int statuses[COUNT];

    BEGIN(NULL);
    fill(db, users, 2000, 50);
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), i % 3 ? "key%08u" : "none%u", i * 6);
        keys[i] = eloq_str(names[i]);
    }
    memset(records, 0, sizeof(records));
    ck_ok(eloq_get_many(db, users, keys, COUNT, records, statuses));
    for (unsigned i = 0; i < COUNT; i++) {
        ck_assert_int_eq(statuses[i], i % 3 ? ELOQ_OK : ELOQ_NOT_FOUND);
        if (i % 3)
            ck_assert_uint_eq(records[i].value.size, 50);
        eloq_record_free(&records[i]);
    }
    END;
}
END_TEST

static unsigned count_scan(eloq_store *db, eloq_part part, const eloq_range *range)
{
    eloq_iter *iter;
    eloq_item item;
    char last[64] = "";
    size_t last_size = 0;
    unsigned count = 0;
    int rc;

    ck_ok(eloq_scan(db, part, range, &iter));
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        int c = memcmp(last, item.key.data, last_size < item.key.size ? last_size : item.key.size);
        if (c == 0)
            c = last_size < item.key.size ? -1 : 1;
        if (count > 0)
            ck_assert(range && range->reverse ? c > 0 : c < 0);
        memcpy(last, item.key.data, item.key.size);
        last_size = item.key.size;
        count++;
    }
    ck_rc(rc, ELOQ_END);
    ck_rc(eloq_iter_next(iter, &item), ELOQ_END);
    eloq_iter_close(iter);
    return count;
}

START_TEST(scans_respect_bounds_limit_and_direction)
{
    BEGIN(NULL);
    fill(db, users, 5000, 100);
    ck_assert_uint_eq(count_scan(db, users, NULL), 5000);
    eloq_range range = { .reverse = 1 };
    ck_assert_uint_eq(count_scan(db, users, &range), 5000);
    range = (eloq_range){ .begin = eloq_str("key00001000"), .end = eloq_str("key00003000") };
    ck_assert_uint_eq(count_scan(db, users, &range), 2000);
    range.limit = 7;
    ck_assert_uint_eq(count_scan(db, users, &range), 7);
    range.reverse = 1;
    ck_assert_uint_eq(count_scan(db, users, &range), 7);
    range = (eloq_range){ .begin = eloq_str("x"), .end = eloq_str("a") };
    ck_assert_uint_eq(count_scan(db, users, &range), 0);
    END;
}
END_TEST

START_TEST(scans_see_the_moment_of_their_first_step)
{
    eloq_iter *iter;
    eloq_item item;
    unsigned count = 1;

    BEGIN(NULL);
    fill(db, users, 3000, 100);
    ck_ok(eloq_scan(db, users, NULL, &iter));
    ck_ok(eloq_iter_next(iter, &item));
    put(db, users, "key00002999x", "later");
    ck_ok(eloq_delete(db, users, eloq_str("key00002998")));
    while (eloq_iter_next(iter, &item) == ELOQ_OK)
        count++;
    ck_assert_uint_eq(count, 3000);
    eloq_iter_close(iter);
    ck_assert_uint_eq(count_scan(db, users, NULL), 3000);
    END;
}
END_TEST

START_TEST(large_values_come_back_whole)
{
    size_t size = 3000000;
    char *value = malloc(size);
    eloq_record record = { 0 };
    eloq_iter *iter;
    eloq_item item;

    BEGIN(NULL);
    for (size_t i = 0; i < size; i++)
        value[i] = (char)(i * 7 + i / 4096);
    ck_ok(eloq_put(db, users, eloq_str("big"), eloq_bytes(value, size)));
    ck_ok(eloq_get(db, users, eloq_str("big"), &record));
    ck_assert_uint_eq(record.value.size, size);
    ck_assert(memcmp(record.value.data, value, size) == 0);
    ck_ok(eloq_scan(db, users, NULL, &iter));
    ck_ok(eloq_iter_next(iter, &item));
    ck_assert_uint_eq(item.value.size, size);
    ck_assert(memcmp(item.value.data, value, size) == 0);
    eloq_iter_close(iter);
    eloq_record_free(&record);
    free(value);
    END;
}
END_TEST

START_TEST(limits_are_invalid_in_words)
{
    static char long_key[3000];
    eloq_entry entry = { .value = eloq_str("v") };
    eloq_record record = { 0 };
    char long_name[300];

    BEGIN(NULL);
    memset(long_key, 'k', sizeof(long_key));
    ck_rc(eloq_put(db, users, eloq_bytes(long_key, 0), eloq_str("v")), ELOQ_INVALID);
    ck_ok(eloq_put(db, users, eloq_bytes(long_key, 2048), eloq_str("v")));
    ck_rc(eloq_put(db, users, eloq_bytes(long_key, 2049), eloq_str("v")), ELOQ_INVALID);
    ck_words("2048");
    entry.key = eloq_bytes(long_key, 2041);
    entry.expire_at = UINT64_C(1) << 50;
    ck_rc(eloq_write(db, users, &entry, 1), ELOQ_INVALID);
    ck_words("2040");
    entry.key.size = 2040;
    ck_ok(eloq_write(db, users, &entry, 1));
    ck_rc(eloq_get(db, users, eloq_bytes(long_key, 3000), &record), ELOQ_NOT_FOUND);
    entry.timestamp = (uint64_t)INT64_MAX + 1;
    ck_rc(eloq_write(db, users, &entry, 1), ELOQ_INVALID);
    entry.timestamp = INT64_MAX;
    ck_ok(eloq_write(db, users, &entry, 1));
    entry.kind = 2;
    ck_rc(eloq_write(db, users, &entry, 1), ELOQ_INVALID);
    ck_rc(eloq_put(db, users, eloq_str("k"), eloq_bytes(NULL, 1)), ELOQ_INVALID);
    ck_rc(eloq_put(db, users, eloq_str("k"), eloq_bytes("v", (UINT64_C(1) << 28) + 1)),
          ELOQ_INVALID);
    ck_words("268435456");
    ck_rc(eloq_put(NULL, users, eloq_str("k"), eloq_str("v")), ELOQ_INVALID);
    ck_rc(eloq_get(db, users, eloq_str("k"), NULL), ELOQ_INVALID);

    const char *names[] = { NULL, "", ".", "..", "a/b", long_name };
    memset(long_name, 'n', sizeof(long_name));
    long_name[245] = '\0';
    for (unsigned i = 0; i < 6; i++)
        ck_rc(eloq_put(db, (eloq_part){ names[i], 0 }, eloq_str("k"), eloq_str("v")), ELOQ_INVALID);
    long_name[244] = '\0';
    ck_ok(eloq_put(db, (eloq_part){ long_name, 0 }, eloq_str("k"), eloq_str("v")));
    eloq_record_free(&record);
    END;
}
END_TEST

static int collect_table(void *user, eloq_part part)
{
    char *text = user;
    size_t used = strlen(text);

    snprintf(text + used, 256 - used, "%s.%u ", part.table, part.partition);
    return strcmp(part.table, "stop") == 0 ? 77 : 0;
}

START_TEST(tables_are_listed_in_order)
{
    char text[256] = "";

    BEGIN(NULL);
    ck_ok(eloq_tables(db, collect_table, text));
    ck_assert_str_eq(text, "");
    put(db, (eloq_part){ "b", 10 }, "k", "v");
    put(db, (eloq_part){ "b", 9 }, "k", "v");
    put(db, (eloq_part){ "a.b", 1 }, "k", "v");
    put(db, (eloq_part){ "a", 4294967295u }, "k", "v");
    ck_ok(eloq_tables(db, collect_table, text));
    ck_assert_str_eq(text, "a.4294967295 a.b.1 b.9 b.10 ");
    put(db, (eloq_part){ "stop", 0 }, "k", "v");
    put(db, (eloq_part){ "z", 0 }, "k", "v");
    text[0] = '\0';
    ck_rc(eloq_tables(db, collect_table, text), 77);
    ck_assert_str_eq(text, "a.4294967295 a.b.1 b.9 b.10 stop.0 ");
    ck_rc(eloq_tables(db, NULL, NULL), ELOQ_INVALID);
    END;
}
END_TEST

static int use_table(void *user, eloq_part part)
{
    ck_assert_uint_eq(count_scan(user, part, NULL), 1);
    return 0;
}

START_TEST(the_callback_of_tables_may_use_the_store)
{
    BEGIN(NULL);
    put(db, users, "k", "v");
    put(db, other, "k", "v");
    ck_ok(eloq_tables(db, use_table, db));
    END;
}
END_TEST

START_TEST(counters_have_names_and_count)
{
    uint64_t n;

    BEGIN(NULL);
    put(db, users, "k", "v");
    expect(db, users, "k", "v");
    for (const char *const *name = eloq_stat_names(); *name; name++)
        ck_ok(eloq_stat(db, *name, &n));
    ck_ok(eloq_stat(db, "commits", &n));
    ck_assert_uint_eq(n, 1);
    ck_ok(eloq_stat(db, "memory_used", &n));
    ck_assert_uint_gt(n, 0);
    ck_rc(eloq_stat(db, "nonsense", &n), ELOQ_INVALID);
    END;
}
END_TEST

START_TEST(records_are_reused_and_kept_on_not_found)
{
    eloq_record record = { 0 };

    BEGIN(NULL);
    put(db, users, "long", "0123456789");
    put(db, users, "short", "x");
    ck_ok(eloq_get(db, users, eloq_str("long"), &record));
    ck_rc(eloq_get(db, users, eloq_str("none"), &record), ELOQ_NOT_FOUND);
    ck_assert_uint_eq(record.value.size, 10);
    ck_assert_mem_eq(record.value.data, "0123456789", 10);
    ck_ok(eloq_get(db, users, eloq_str("short"), &record));
    ck_assert_uint_eq(record.value.size, 1);
    eloq_record_free(&record);
    eloq_record_free(&record);
    eloq_record_free(NULL);
    END;
}
END_TEST

struct findings {
    unsigned damages, notes;
    char last[256];
};

static void on_finding(void *user, eloq_part part, const eloq_finding *finding)
{
    struct findings *f = user;

    ck_assert_str_eq(part.table, "users");
    if (finding->severity == ELOQ_DAMAGE)
        f->damages++;
    else
        f->notes++;
    snprintf(f->last, sizeof(f->last), "%s", finding->what);
}

START_TEST(check_counts_a_healthy_partition)
{
    struct findings f = { 0 };
    eloq_checked checked;

    BEGIN(NULL);
    fill(db, users, 3000, 100);
    ck_ok(eloq_check(db, users, on_finding, &f, &checked));
    ck_assert_uint_eq(checked.keys, 3000);
    ck_assert_uint_gt(checked.pages, 3000 * 100 / 4096);
    ck_assert_uint_eq(checked.damages + f.damages, 0);
    END;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verbs");
    TCase *tc = tcase_create("verbs");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, get_returns_what_was_put, 0, STORE_KINDS);
    tcase_add_loop_test(tc, absent_partitions_are_not_found_and_not_made, 0, STORE_KINDS);
    tcase_add_loop_test(tc, delete_removes_and_absent_is_fine, 0, STORE_KINDS);
    tcase_add_loop_test(tc, batches_take_any_order_but_no_key_twice, 0, STORE_KINDS);
    tcase_add_loop_test(tc, timestamps_decide_and_skipped_counts, 0, STORE_KINDS);
    tcase_add_loop_test(tc, expired_pairs_are_hidden_and_shown_on_demand, 0, STORE_KINDS);
    tcase_add_loop_test(tc, floor_finds_the_greatest_key_not_above, 0, STORE_KINDS);
    tcase_add_loop_test(tc, get_many_answers_each_key, 0, STORE_KINDS);
    tcase_add_loop_test(tc, scans_respect_bounds_limit_and_direction, 0, STORE_KINDS);
    tcase_add_loop_test(tc, scans_see_the_moment_of_their_first_step, 0, STORE_KINDS);
    tcase_add_loop_test(tc, large_values_come_back_whole, 0, STORE_KINDS);
    tcase_add_loop_test(tc, limits_are_invalid_in_words, 0, STORE_KINDS);
    tcase_add_loop_test(tc, tables_are_listed_in_order, 0, STORE_KINDS);
    tcase_add_loop_test(tc, the_callback_of_tables_may_use_the_store, 0, STORE_KINDS);
    tcase_add_loop_test(tc, counters_have_names_and_count, 0, STORE_KINDS);
    tcase_add_loop_test(tc, records_are_reused_and_kept_on_not_found, 0, STORE_KINDS);
    tcase_add_loop_test(tc, check_counts_a_healthy_partition, 0, STORE_KINDS);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
