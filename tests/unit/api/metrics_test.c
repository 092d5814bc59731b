/* tests/unit/api/metrics_test.c -- the numbers of a store: the text is what Prometheus reads, they
 * add up over a scripted run, and slow operations are told in the log. */
#include <ctype.h>
#include <errno.h>

#include "unit/api/fixture.h"

static const eloq_part part = { "t", 0 };

static uint64_t stat_of(eloq_store *db, const char *name)
{
    uint64_t n;
    ck_ok(eloq_stat(db, name, &n));
    return n;
}

/* ---- the text ---- */

#define SERIES_MAX 2000

struct series {
    char name[200]; /* with its labels */
    double value;
};

static struct series series[SERIES_MAX];
static size_t series_count;

/* The metric that a name belongs to: without the tails that a histogram's series have. */
static bool is_of(const char *name, const char *metric, const char *kind)
{
    size_t size = strlen(metric);
    const char *tail = name + size;

    if (strncmp(name, metric, size) != 0)
        return false;
    if (strcmp(kind, "histogram") != 0)
        return *tail == '{' || *tail == '\0';
    return strncmp(tail, "_bucket{", 8) == 0 || strncmp(tail, "_sum{", 5) == 0
           || strncmp(tail, "_count{", 7) == 0;
}

static void check_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz_");

    ck_assert_msg(strncmp(name, "eloqstore_", 10) == 0, "%s", name);
    ck_assert_msg(name[n] == '\0' || name[n] == '{', "%s", name);
    if (name[n] == '{')
        ck_assert_msg(name[strlen(name) - 1] == '}', "%s", name);
}

/* Every line in order: HELP, TYPE, then series of that metric; no series and no metric twice. */
static void parse(char *text)
{
    static char metrics[200][100];
    char metric[100] = "", kind[20] = "";
    size_t metric_count = 0;

    series_count = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        struct series *s = &series[series_count];
        if (strncmp(line, "# HELP ", 7) == 0) {
            ck_assert_int_eq(sscanf(line, "# HELP %99s", metric), 1);
            ck_assert_msg(strlen(line) > strlen(metric) + 10, "%s", line);
            for (size_t i = 0; i < metric_count; i++)
                ck_assert_str_ne(metrics[i], metric);
            strcpy(metrics[metric_count++], metric);
            kind[0] = '\0';
            continue;
        }
        if (strncmp(line, "# TYPE ", 7) == 0) {
            char of[100];
            ck_assert_int_eq(sscanf(line, "# TYPE %99s %19s", of, kind), 2);
            ck_assert_str_eq(of, metric);
            continue;
        }
        ck_assert_int_eq(sscanf(line, "%199s %lf", s->name, &s->value), 2);
        ck_assert_msg(is_of(s->name, metric, kind), "%s in %s (%s)", s->name, metric, kind);
        check_name(s->name);
        ck_assert(s->value >= 0);
        if (strcmp(kind, "counter") == 0)
            ck_assert_ptr_nonnull(strstr(s->name, "_total"));
        for (size_t i = 0; i < series_count; i++)
            ck_assert_str_ne(series[i].name, s->name);
        series_count++;
    }
    ck_assert_uint_gt(metric_count, 40);
}

static double value_of(const char *name)
{
    for (size_t i = 0; i < series_count; i++)
        if (strcmp(series[i].name, name) == 0)
            return series[i].value;
    ck_abort_msg("no series %s", name);
    return 0;
}

/* Buckets grow, the last is +Inf and is the count. */
static void check_histograms(void)
{
    const char *head = "eloqstore_request_seconds_bucket{kind=\"";
    char kind[40] = "", name[200];
    double last = 0, last_bound = 0;
    unsigned kinds = 0;

    for (size_t i = 0; i < series_count; i++) {
        char of[40], bound[20];
        if (strncmp(series[i].name, head, strlen(head)) != 0)
            continue;
        ck_assert_int_eq(
            sscanf(series[i].name + strlen(head), "%39[^\"]\",le=\"%19[^\"]\"", of, bound), 2);
        if (strcmp(of, kind) != 0) {
            strcpy(kind, of);
            last = last_bound = 0;
            kinds++;
        }
        ck_assert(series[i].value >= last);
        last = series[i].value;
        if (strcmp(bound, "+Inf") == 0) {
            snprintf(name, sizeof(name), "eloqstore_request_seconds_count{kind=\"%s\"}", kind);
            ck_assert(value_of(name) == last);
        } else {
            ck_assert(strtod(bound, NULL) > last_bound);
            last_bound = strtod(bound, NULL);
        }
    }
    ck_assert_uint_ge(kinds, 8);
}

static void read_metrics(eloq_store *db)
{
    eloq_buffer buffer = { 0 };

    ck_ok(eloq_metrics(db, &buffer));
    ck_assert_uint_eq(strlen(buffer.data), buffer.size);
    parse(buffer.data);
    check_histograms();
    eloq_buffer_free(&buffer);
    ck_assert_ptr_null(buffer.data);
}

/* ---- a scripted run ---- */

static void script(eloq_store *db)
{
    eloq_record record = { 0 };
    eloq_iter *iter;
    eloq_item item;
    char key[16];
    static char large[20000];

    memset(large, 'x', sizeof(large));
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "%d", i);
        put(db, part, key, "value");
    }
    ck_ok(eloq_put(db, part, eloq_str("large"), eloq_bytes(large, sizeof(large))));
    for (int i = 0; i < 60; i++) {
        snprintf(key, sizeof(key), "%d", i);
        (void)eloq_get(db, part, eloq_str(key), &record);
    }
    ck_ok(eloq_get(db, part, eloq_str("large"), &record));
    ck_ok(eloq_floor(db, part, eloq_str("zzz"), &record));
    ck_ok(eloq_scan(db, part, NULL, &iter));
    while (eloq_iter_next(iter, &item) == ELOQ_OK)
        ;
    eloq_iter_close(iter);
    eloq_record_free(&record);
}

START_TEST(the_text_is_well_formed_and_adds_up)
{
    eloq_store *db;

    if (!fixture_open(_i, "s", NULL, &db))
        return;
    read_metrics(db); /* of an empty store */
    script(db);
    read_metrics(db);
    ck_assert(value_of("eloqstore_requests_total{kind=\"write\",status=\"ok\"}") == 51);
    ck_assert(value_of("eloqstore_requests_total{kind=\"get\",status=\"ok\"}") == 51);
    ck_assert(value_of("eloqstore_requests_total{kind=\"get\",status=\"not_found\"}") == 10);
    ck_assert(value_of("eloqstore_request_seconds_count{kind=\"get\"}") == 61);
    ck_assert(value_of("eloqstore_requests_total{kind=\"floor\",status=\"ok\"}") == 1);
    ck_assert(value_of("eloqstore_requests_running") == 0); /* the question is not counted */
    ck_assert(value_of("eloqstore_commits_total") == 51);
    ck_assert(value_of("eloqstore_batches_total") == 51);
    ck_assert(value_of("eloqstore_pages_written_total{kind=\"overflow\"}") == 5);
    ck_assert(value_of("eloqstore_page_bytes_written_total{kind=\"overflow\"}") == 5 * 4096);
    ck_assert(value_of("eloqstore_pages_read_total{kind=\"overflow\"}") >= 5);
    ck_assert(value_of("eloqstore_pages_written_total{kind=\"data\"}") >= 51);
    ck_assert(value_of("eloqstore_pages_written_total{kind=\"index\"}") >= 1);
    ck_assert(value_of("eloqstore_manifest_appends_total")
                  + value_of("eloqstore_manifest_switches_total")
              == 51);
    /* one is the data's, one the manifest's; and what the first commit makes durable */
    ck_assert(value_of("eloqstore_io_operations_total{op=\"flush\"}") >= 2 * 51);
    ck_assert(value_of("eloqstore_partitions_loaded") == 1);
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(every_name_has_its_number)
{
    eloq_store *db;
    size_t count = 0;
    uint64_t n, sum = 0;

    ck_assert(fixture_open(_i ? STORE_TWO_SHARDS : STORE_MEMORY, "s", NULL, &db));
    script(db);
    for (const char *const *name = eloq_stat_names(); *name; name++, count++) {
        ck_assert_msg(eloq_stat(db, *name, &n) == ELOQ_OK, "%s: %s", *name, eloq_errmsg());
        for (const char *const *other = eloq_stat_names(); other < name; other++)
            ck_assert_str_ne(*other, *name);
        if (strncmp(*name, "memory_", 7) == 0 && strcmp(*name, "memory_used") != 0
            && strcmp(*name, "memory_limit") != 0)
            sum += n;
    }
    ck_assert_uint_gt(count, 100);
    /* nobody works: the parts are the whole */
    ck_assert_uint_eq(sum, stat_of(db, "memory_used"));
    ck_assert_uint_eq(stat_of(db, "requests_get_ok"), 51);
    ck_assert_uint_eq(stat_of(db, "requests_get_not_found"), 10);
    ck_assert_uint_ge(stat_of(db, "latency_get_max_us"), stat_of(db, "latency_get_p50_us"));
    ck_assert_uint_eq(stat_of(db, "pages_written"), stat_of(db, "pages_written_index")
                                                        + stat_of(db, "pages_written_data")
                                                        + stat_of(db, "pages_written_overflow"));
    ck_rc(eloq_stat(db, "no_such_number", &n), ELOQ_INVALID);
    ck_words("no_such_number");
    ck_rc(eloq_stat(db, NULL, &n), ELOQ_INVALID);
    ck_rc(eloq_stat(db, "commits", NULL), ELOQ_INVALID);
    ck_rc(eloq_stat(NULL, "commits", &n), ELOQ_INVALID);
    ck_rc(eloq_metrics(db, NULL), ELOQ_INVALID);
    ck_rc(eloq_metrics(NULL, &(eloq_buffer){ 0 }), ELOQ_INVALID);
    ck_ok(eloq_close(db));
    ck_rc(eloq_stat(db, "commits", &n), ELOQ_CLOSED);
    eloq_buffer_free(NULL);
}
END_TEST

static void done(eloq_op *op)
{
    *(int *)op->user = op->status;
}

START_TEST(asked_from_an_event_loop)
{
    eloq_buffer buffer = { 0 };
    eloq_queue *queue;
    eloq_store *db;
    uint64_t commits = 0;
    int status = 1, other = 1;
    eloq_op op = { .done = done, .user = &status }, op2 = { .done = done, .user = &other };

    ck_assert(fixture_open(_i ? STORE_TWO_SHARDS : STORE_THREADS, "s", NULL, &db));
    put(db, part, "k", "v");
    ck_ok(eloq_queue_new(&queue));
    op.queue = op2.queue = queue;
    ck_ok(eloq_stat_async(db, "commits", &commits, &op));
    ck_ok(eloq_metrics_async(db, &buffer, &op2));
    while (status != ELOQ_OK || other != ELOQ_OK)
        ck_assert_int_ge(eloq_queue_run(queue, 10000), 0);
    ck_assert_uint_eq(commits, 1);
    ck_assert_ptr_nonnull(strstr(buffer.data, "eloqstore_commits_total 1\n"));

    /* answered, but not heard of before the store is closed */
    status = 1;
    op = (eloq_op){ .done = done, .user = &status, .queue = queue };
    ck_ok(eloq_metrics_async(db, &buffer, &op));
    ck_ok(eloq_close(db));
    while (status != ELOQ_OK)
        ck_assert_int_ge(eloq_queue_run(queue, 10000), 0);
    ck_rc(eloq_metrics_async(db, &buffer, &op), ELOQ_CLOSED);
    ck_rc(eloq_stat_async(db, "commits", &commits, &op), ELOQ_CLOSED);
    op.done = NULL;
    ck_rc(eloq_metrics_async(db, &buffer, &op), ELOQ_INVALID);
    eloq_buffer_free(&buffer);
    eloq_queue_free(queue);
}
END_TEST

/* ---- slow operations ---- */

static unsigned slow_requests, slow_ios;

static void hear(void *user, int level, const char *line)
{
    (void)user;
    (void)level;
    if (strncmp(line, "slow request kind=", 18) == 0) {
        ck_assert_ptr_nonnull(strstr(line, " table=t partition=0 us="));
        ck_assert_ptr_nonnull(strstr(line, " queue_us="));
        ck_assert_ptr_nonnull(strstr(line, " disk_us="));
        __atomic_add_fetch(&slow_requests, 1, __ATOMIC_RELAXED);
    } else if (strncmp(line, "slow i/o op=", 12) == 0) {
        ck_assert_ptr_nonnull(strstr(line, " us="));
        __atomic_add_fetch(&slow_ios, 1, __ATOMIC_RELAXED);
    }
}

START_TEST(slow_operations_are_told_and_counted_but_not_each)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    static char large[8 << 20];
    eloq_store *db;

    slow_requests = slow_ios = 0;
    options.log = hear;
    options.slow_op_ms = 1;
    ck_assert(fixture_open(STORE_THREADS, "s", &options, &db));
    for (int i = 0; i < 20; i++) /* longer than a millisecond, on any disk */
        ck_ok(eloq_put(db, part, eloq_str("k"), eloq_bytes(large, sizeof(large))));
    ck_assert_uint_gt(stat_of(db, "requests_slow"), 0);
    ck_assert_uint_ge(slow_requests, 1);
    ck_assert_uint_le(slow_requests, stat_of(db, "requests_slow"));
    ck_assert_uint_le(slow_ios, stat_of(db, "io_slow"));
    ck_ok(eloq_close(db));
}
END_TEST

START_TEST(nothing_is_slow_unless_asked)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    static char large[8 << 20];
    eloq_store *db;

    slow_requests = slow_ios = 0;
    options.log = hear;
    ck_assert(fixture_open(STORE_THREADS, "s", &options, &db));
    ck_ok(eloq_put(db, part, eloq_str("k"), eloq_bytes(large, sizeof(large))));
    ck_assert_uint_eq(stat_of(db, "requests_slow") + stat_of(db, "io_slow"), 0);
    ck_assert_uint_eq(slow_requests + slow_ios, 0);
    ck_ok(eloq_close(db));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tc = tcase_create("metrics");

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, the_text_is_well_formed_and_adds_up, 0, STORE_KINDS);
    tcase_add_loop_test(tc, every_name_has_its_number, 0, 2);
    tcase_add_loop_test(tc, asked_from_an_event_loop, 0, 2);
    tcase_add_test(tc, slow_operations_are_told_and_counted_but_not_each);
    tcase_add_test(tc, nothing_is_slow_unless_asked);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
