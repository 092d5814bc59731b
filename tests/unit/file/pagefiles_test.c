/* tests/unit/file/pagefiles_test.c -- batches of pages: merged, whole, counted, durable. */
#include "file_fixture.h"

#include <limits.h>

#include "base/rand.h"

static void setup_memory(void)
{
    fixture_open(true, 4);
}

static void setup_real(void)
{
    fixture_open(false, 4);
}

/* Reads `count` places into fresh memory; the caller frees pages[0].data's block by its start. */
struct reads {
    uint8_t *data;
    struct page_io *pages;
};

static struct reads reads_of(const uint64_t *places, size_t count)
{
    struct reads r = { fixture_pages(count), calloc(count, sizeof(struct page_io)) };

    for (size_t i = 0; i < count; i++) {
        r.pages[i] = (struct page_io){ .place = file_page(places[i]),
                                       .data = r.data + i * PAGE_BYTES,
                                       .rc = 99 };
    }
    return r;
}

static void reads_free(struct reads r)
{
    free(r.data);
    free(r.pages);
}

static void overwrite(struct task *t, struct pagefiles *f, uint64_t file_id, uint64_t offset,
                      const char *text)
{
    char path[PATH_MAX];

    pagefiles_path(f, file_id, path, sizeof(path));
    int fd = io_open_file(t, fx.io, path, IO_OPEN_WRITE);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_write(t, fx.io, fd, text, strlen(text), offset), strlen(text));
    ck_assert_int_eq(io_close_file(t, fx.io, fd), 0);
}

static void truncate_file(struct task *t, struct pagefiles *f, uint64_t file_id, uint64_t length)
{
    char path[PATH_MAX];

    pagefiles_path(f, file_id, path, sizeof(path));
    int fd = io_open_file(t, fx.io, path, IO_OPEN_WRITE);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_truncate(t, fx.io, fd, length), 0);
    ck_assert_int_eq(io_close_file(t, fx.io, fd), 0);
}

/* ---- */

static void neighbours(struct task *t, void *arg)
{
    /* Files of 8 pages: 3 4 5 | 7 || 8 9 | 12 */
    static const uint64_t places[] = { 9, 4, 12, 3, 7, 8, 5 };
    struct pagefiles f;
    struct reads r = reads_of(places, ARRAY_LEN(places));

    (void)arg;
    fixture_files_open(t, &f, "t", 3, false);
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        fixture_fill(r.pages[i].data, r.pages[i].place.n);
    ck_assert_int_eq(pagefiles_write_many(t, &f, r.pages, ARRAY_LEN(places)), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_WRITE], 4);
    ck_assert_uint_eq(f.unsynced_count, 2);
    ck_assert(f.dir_unsynced);
    reads_free(r);

    r = reads_of(places, ARRAY_LEN(places));
    ck_assert_int_eq(pagefiles_read_many(t, &f, r.pages, ARRAY_LEN(places)), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_READ], 4);
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        ck_assert_int_eq(r.pages[i].rc, ELOQ_OK);
        ck_assert(fixture_is(r.pages[i].data, r.pages[i].place.n));
    }
    ck_assert_int_eq(pagefiles_read(t, &f, file_page(8), r.data), ELOQ_OK);
    ck_assert(fixture_is(r.data, 8));
    ck_assert_uint_eq(fx.count[IO_READ], 5);
    reads_free(r);
    fixture_files_close(t, &f);
}

START_TEST(neighbours_are_read_and_written_in_one_operation)
{
    fixture_run(neighbours, NULL);
}
END_TEST

/* What lies between is read along, up to eight pages, and never across files. Nobody cares what is
 * in it. */
static void through_gaps(struct task *t, void *arg)
{
    /* Files of 32 pages: 0 2 11 | 21 || 33 34 36 */
    static const uint64_t places[] = { 36, 2, 21, 0, 33, 11, 34 };
    enum { N = ARRAY_LEN(places) };
    struct pagefiles f;
    struct reads r = reads_of(places, N);
    uint8_t *gap = fixture_pages(1), *other = fixture_pages(1);
    uint8_t *const gaps[] = { gap, other };

    (void)arg;
    fixture_files_open(t, &f, "t", 5, false);
    ck_assert_int_eq(fixture_write(t, &f, 0, 37), ELOQ_OK);
    overwrite(t, &f, 0, 1 * PAGE_BYTES + 100, "x");
    fixture_reset_counts();
    ck_assert_int_eq(pagefiles_read_through(t, &f, r.pages, N, gaps, 2), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_READ], 3);
    /* No two under way read to the same place: with fewer places there are more operations. */
    ck_assert_int_eq(pagefiles_read_through(t, &f, r.pages, N, gaps, 1), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_READ], 3 + 4);
    ck_assert_int_eq(pagefiles_read_through(t, &f, r.pages, N, NULL, 0), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_READ], 3 + 4 + 6);
    for (size_t i = 0; i < N; i++) {
        ck_assert_int_eq(r.pages[i].rc, ELOQ_OK);
        ck_assert(fixture_is(r.pages[i].data, r.pages[i].place.n));
    }
    /* The end of a file and damage, behind a gap. */
    overwrite(t, &f, 0, 11 * PAGE_BYTES + 100, "x");
    truncate_file(t, &f, 1, 4 * PAGE_BYTES + 10);
    ck_assert_int_eq(pagefiles_read_through(t, &f, r.pages, N, gaps, 2), ELOQ_CORRUPTED);
    for (size_t i = 0; i < N; i++) {
        bool is_bad = r.pages[i].place.n == 11 || r.pages[i].place.n == 36;
        ck_assert_int_eq(r.pages[i].rc, is_bad ? ELOQ_CORRUPTED : ELOQ_OK);
    }
    free(gap);
    free(other);
    reads_free(r);
    fixture_files_close(t, &f);
}

START_TEST(a_read_goes_through_gaps)
{
    fixture_run(through_gaps, NULL);
}
END_TEST

/* Every second place: each page is an operation of its own. */
static void write_scattered(struct task *t, void *arg)
{
    enum { N = 40 };
    struct pagefiles f;
    uint64_t places[N];
    struct tokens tokens;

    (void)arg;
    tokens_init(&tokens, 3);
    fixture_files_open(t, &f, "t", 9, false);
    for (size_t i = 0; i < N; i++)
        places[i] = 2 * i;
    struct reads r = reads_of(places, N);
    for (size_t i = 0; i < N; i++)
        fixture_fill(r.pages[i].data, places[i]);
    ck_assert_int_eq(pagefiles_write_many(t, &f, r.pages, N), ELOQ_OK);
    ck_assert_uint_gt(fx.in_flight_max, 3);
    fixture_reset_counts();
    f.writes = &tokens;
    ck_assert_int_eq(pagefiles_write_many(t, &f, r.pages, N), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_WRITE], N);
    ck_assert_uint_le(fx.in_flight_max, 3);
    ck_assert_uint_eq(tokens.left, 3);
    reads_free(r);
    fixture_files_close(t, &f);
}

START_TEST(no_more_pages_are_in_flight_than_may_be)
{
    fixture_run(write_scattered, NULL);
}
END_TEST

static void long_runs(struct task *t, void *arg)
{
    enum { N = 1000 };
    struct pagefiles f;
    uint64_t places[N];
    bool append = *(bool *)arg;

    fixture_files_open(t, &f, "t", 9, append);
    ck_assert_int_eq(fixture_write(t, &f, 0, N), ELOQ_OK);
    /* 512 + 488 pages, at most 256 an operation */
    ck_assert_uint_eq(fx.count[IO_WRITE], 4);
    ck_assert_uint_eq(fx.count[IO_PREALLOCATE], append ? 2 : 0);
    for (size_t i = 0; i < N; i++)
        places[i] = N - 1 - i;
    struct reads r = reads_of(places, N);
    ck_assert_int_eq(pagefiles_read_many(t, &f, r.pages, N), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_READ], 4);
    for (size_t i = 0; i < N; i++)
        ck_assert(fixture_is(r.pages[i].data, i));
    reads_free(r);
    fixture_files_close(t, &f);
}

START_TEST(runs_have_a_limit_and_stay_in_their_file)
{
    bool append = _i;

    fixture_run(long_runs, &append);
}
END_TEST

static void damaged(struct task *t, void *arg)
{
    static const uint64_t places[] = { 0, 1, 2, 3, 4, 5, 16, 17 };
    struct pagefiles f;
    struct reads r = reads_of(places, ARRAY_LEN(places));

    (void)arg;
    fixture_files_open(t, &f, "t", 3, false);
    ck_assert_int_eq(fixture_write(t, &f, 0, 6), ELOQ_OK);
    ck_assert_int_eq(fixture_write(t, &f, 16, 1), ELOQ_OK);
    overwrite(t, &f, 0, 2 * PAGE_BYTES + 100, "x");
    truncate_file(t, &f, 0, 4 * PAGE_BYTES + 10);

    ck_assert_int_eq(pagefiles_read_many(t, &f, r.pages, ARRAY_LEN(places)), ELOQ_CORRUPTED);
    ck_assert_str_eq(t->err.table, "t");
    ck_assert_uint_eq(t->err.partition, 7);
    ck_assert_ptr_nonnull(strstr(t->err.path, "t.7/data_0_0"));
    ck_assert_uint_eq(t->err.offset, 2 * PAGE_BYTES);
    ck_assert_ptr_nonnull(strstr(t->err.text, "bad page checksum"));
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        uint64_t n = r.pages[i].place.n;
        bool is_good = n == 0 || n == 1 || n == 3 || n == 16;
        ck_assert_int_eq(r.pages[i].rc, is_good ? ELOQ_OK : ELOQ_CORRUPTED);
    }
    ck_assert_int_eq(pagefiles_read(t, &f, file_page(2), r.data), ELOQ_CORRUPTED);
    ck_assert_int_eq(pagefiles_read(t, &f, file_page(4), r.data), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(t->err.text, "page past the end of its file"));
    ck_assert_uint_eq(t->err.offset, 4 * PAGE_BYTES);
    ck_assert_int_eq(pagefiles_read(t, &f, file_page(5), r.data), ELOQ_CORRUPTED);
    f.verify = false;
    ck_assert_int_eq(pagefiles_read(t, &f, file_page(2), r.data), ELOQ_OK);
    reads_free(r);
    fixture_files_close(t, &f);
}

START_TEST(damage_is_told_page_by_page)
{
    fixture_run(damaged, NULL);
}
END_TEST

static void missing(struct task *t, void *arg)
{
    static const uint64_t places[] = { 0, 8, 9, 16 };
    struct pagefiles f;
    struct reads r = reads_of(places, ARRAY_LEN(places));
    uint64_t found[] = { 0, 1 };

    (void)arg;
    fixture_files_open(t, &f, "t", 3, false);
    ck_assert_int_eq(fixture_write(t, &f, 0, 1), ELOQ_OK);
    ck_assert_int_eq(fixture_write(t, &f, 16, 1), ELOQ_OK);
    ck_assert_int_eq(pagefiles_read_many(t, &f, r.pages, ARRAY_LEN(places)), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(t->err.text, "data file missing"));
    ck_assert_ptr_nonnull(strstr(t->err.path, "data_1_0"));
    ck_assert_int_eq(r.pages[0].rc, ELOQ_OK);
    ck_assert_int_eq(r.pages[1].rc, ELOQ_CORRUPTED);
    ck_assert_int_eq(r.pages[2].rc, ELOQ_CORRUPTED);
    ck_assert_int_eq(r.pages[3].rc, ELOQ_OK);
    ck_assert_int_eq(pagefiles_read(t, &f, file_page(8), r.data), ELOQ_CORRUPTED);
    ck_assert_int_eq(pagefiles_sync_found(t, &f, found, 2), ELOQ_CORRUPTED);
    ck_assert_int_eq(pagefiles_sync_found(t, &f, found, 1), ELOQ_OK);
    ck_assert_uint_eq(f.unsynced_count, 1);
    ck_assert_uint_eq(fx.fds.open, 2);
    reads_free(r);
    fixture_files_close(t, &f);
}

START_TEST(a_missing_file_is_corruption_and_is_not_made_by_a_read)
{
    fixture_run(missing, NULL);
}
END_TEST

static void one_page_files(struct task *t, void *arg)
{
    enum { N = 300 };
    struct pagefiles f;
    uint64_t places[N], opens;

    (void)arg;
    fixture_files_open(t, &f, "t", 0, true);
    ck_assert_int_eq(fixture_write(t, &f, 0, N), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_WRITE], N);
    ck_assert_uint_le(f.unsynced_count, 4);
    ck_assert_uint_eq(fx.count[IO_SYNC], N - f.unsynced_count); /* before closing */
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_SYNC], N);
    ck_assert_uint_eq(fx.count[IO_SYNC_DIR], 1);
    ck_assert_uint_eq(f.unsynced_count, 0);
    ck_assert(!f.dir_unsynced);
    ck_assert_uint_le(fx.fds.open, 4);

    for (size_t i = 0; i < N; i++)
        places[i] = (i * 7) % N;
    struct reads r = reads_of(places, N);
    ck_assert_int_eq(pagefiles_read_many(t, &f, r.pages, N), ELOQ_OK);
    for (size_t i = 0; i < N; i++)
        ck_assert(fixture_is(r.pages[i].data, i));
    opens = fx.count[IO_OPEN];
    ck_assert_int_eq(pagefiles_sync_found(t, &f, places, N), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_SYNC], 2 * N);
    ck_assert_uint_ge(fx.count[IO_OPEN], opens + N - 4);
    reads_free(r);
    fixture_files_close(t, &f);
    ck_assert_uint_eq(fx.fds.open, 0);
}

START_TEST(more_files_than_descriptors_is_only_slow)
{
    fixture_run(one_page_files, NULL);
    ck_assert_uint_le(fx.in_flight_max, 5);
}
END_TEST

/* Many tasks, each with its own partition, each needing several files at once. */
static void crowd(struct task *t, void *arg)
{
    struct pagefiles f;
    char table[16];
    uint64_t places[40];

    snprintf(table, sizeof(table), "t%u", *(unsigned *)arg);
    fixture_files_open(t, &f, table, 1, false);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(fixture_write(t, &f, 0, 40), ELOQ_OK);
        ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
        for (size_t i = 0; i < 40; i++)
            places[i] = 39 - i;
        struct reads r = reads_of(places, 40);
        ck_assert_int_eq(pagefiles_read_many(t, &f, r.pages, 40), ELOQ_OK);
        for (size_t i = 0; i < 40; i++)
            ck_assert(fixture_is(r.pages[i].data, i));
        reads_free(r);
        ck_assert_uint_le(fx.fds.open, 4);
    }
    fixture_files_close(t, &f);
}

START_TEST(batches_do_not_wait_for_each_others_descriptors)
{
    unsigned n[12];

    for (unsigned i = 0; i < ARRAY_LEN(n); i++)
        n[i] = i;
    fixture_run_many(crowd, n, sizeof(n[0]), ARRAY_LEN(n));
    ck_assert_uint_eq(fx.fds.open, 0);
}
END_TEST

/* ---- failing operations */

static enum io_op fault_op;
static int fault_errno;
static size_t fault_from, fault_count; /* of that operation */

static int64_t fault(const struct io_req *req)
{
    if (req->op != fault_op || fx.count[req->op] < fault_from
        || fx.count[req->op] >= fault_from + fault_count)
        return 0;
    return -fault_errno;
}

static void fail_op(enum io_op op, int sys_errno, size_t from, size_t n)
{
    fixture_reset_counts();
    fault_op = op;
    fault_errno = sys_errno;
    fault_from = from;
    fault_count = n;
    fx.fault = n > 0 ? fault : NULL;
}

static void failing_writes(struct task *t, void *arg)
{
    struct pagefiles f;

    (void)arg;
    fixture_files_open(t, &f, "t", 3, false);
    fail_op(IO_WRITE, ENOSPC, 1, 1);
    ck_assert_int_eq(fixture_write(t, &f, 0, 24), ELOQ_NO_SPACE);
    ck_assert_uint_eq(t->err.sys_errno, ENOSPC);
    ck_assert_ptr_nonnull(strstr(t->err.path, "data_1_0"));
    ck_assert_str_eq(t->err.table, "t");
    ck_assert_uint_eq(fx.count[IO_WRITE], 3);
    ck_assert_uint_eq(f.unsynced_count, 3);
    fail_op(IO_OPEN, EACCES, 0, 1);
    ck_assert_int_eq(fixture_write(t, &f, 80, 1), ELOQ_DENIED);
    /* Marks stay whatever becomes of the commit: what was created must be made durable. */
    ck_assert(f.dir_unsynced);
    fail_op(IO_OPEN, 0, 0, 0);
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_SYNC], 3);
    ck_assert_uint_eq(fx.count[IO_SYNC_DIR], 1);
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_SYNC] + fx.count[IO_SYNC_DIR], 4);
    fixture_files_close(t, &f);
}

START_TEST(a_failed_write_is_told_and_its_file_stays_unsynced)
{
    fixture_run(failing_writes, NULL);
}
END_TEST

static void failing_syncs(struct task *t, void *arg)
{
    struct pagefiles f;

    (void)arg;
    fixture_files_open(t, &f, "t", 3, false);
    ck_assert_int_eq(fixture_write(t, &f, 0, 24), ELOQ_OK);
    fail_op(IO_SYNC, EIO, 1, 1);
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_IO);
    ck_assert_uint_eq(f.unsynced_count, 1);
    ck_assert(!f.dir_unsynced);
    ck_assert_int_eq(fixture_write(t, &f, 24, 8), ELOQ_OK);
    fail_op(IO_SYNC_DIR, EIO, 0, 1);
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_IO);
    ck_assert_str_eq(t->err.path, f.dir);
    ck_assert_uint_eq(f.unsynced_count, 0);
    ck_assert(f.dir_unsynced);
    fail_op(IO_SYNC, 0, 0, 0);
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_SYNC], 0);
    ck_assert_uint_eq(fx.count[IO_SYNC_DIR], 1);
    fixture_files_close(t, &f);
}

START_TEST(a_mark_goes_only_when_its_sync_succeeded)
{
    fixture_run(failing_syncs, NULL);
}
END_TEST

static void failing_eviction(struct task *t, void *arg)
{
    struct pagefiles f;

    (void)arg;
    fixture_files_open(t, &f, "t", 0, false);
    fail_op(IO_SYNC, EIO, 0, 1);
    ck_assert_int_eq(fixture_write(t, &f, 0, 20), ELOQ_OK);
    ck_assert(f.sync_failed);
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_IO);
    ck_assert_str_eq(t->err.table, "t");
    f.sync_failed = false;
    ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
    ck_assert_uint_eq(f.unsynced_count, 0);
    fixture_files_close(t, &f);
}

START_TEST(a_sync_that_fails_when_a_file_is_closed_fails_the_commit)
{
    fixture_run(failing_eviction, NULL);
}
END_TEST

static void failing_reads(struct task *t, void *arg)
{
    uint64_t places[] = { 0, 8, 16, 17 };
    struct pagefiles f;
    struct reads r = reads_of(places, ARRAY_LEN(places));

    (void)arg;
    fixture_files_open(t, &f, "t", 3, false);
    ck_assert_int_eq(fixture_write(t, &f, 0, 24), ELOQ_OK);
    /* places 8; 16 and 17 together; 16 alone, since a run that fails is read again page by page */
    fail_op(IO_READ, EIO, 1, 3);
    ck_assert_int_eq(pagefiles_read_many(t, &f, r.pages, ARRAY_LEN(places)), ELOQ_IO);
    ck_assert_ptr_nonnull(strstr(t->err.path, "data_1_0"));
    ck_assert_int_eq(r.pages[0].rc, ELOQ_OK);
    ck_assert_int_eq(r.pages[1].rc, ELOQ_IO);
    ck_assert_int_eq(r.pages[2].rc, ELOQ_IO);
    ck_assert_int_eq(r.pages[3].rc, ELOQ_OK);
    fail_op(IO_READ, EIO, 0, 1);
    ck_assert_int_eq(pagefiles_read(t, &f, file_page(9), r.data), ELOQ_IO);
    ck_assert_uint_eq(t->err.offset, PAGE_BYTES);
    fail_op(IO_PREALLOCATE, EOPNOTSUPP, 0, 9);
    f.append = true;
    ck_assert_int_eq(fixture_write(t, &f, 80, 1), ELOQ_OK);
    ck_assert_uint_eq(fx.count[IO_PREALLOCATE], 1);
    reads_free(r);
    fixture_files_close(t, &f);
}

START_TEST(a_failed_read_spoils_only_its_pages)
{
    fixture_run(failing_reads, NULL);
}
END_TEST

static uint64_t alloc_left;

static bool fail_later(void *user, size_t size)
{
    (void)user;
    (void)size;
    return alloc_left == 0 || --alloc_left == 0;
}

static void without_memory(struct task *t, void *arg)
{
    uint64_t places[] = { 0, 1, 9, 10, 18, 33 };
    uint64_t ids[] = { 0, 1, 2 };
    bool failed = true;

    (void)arg;
    for (uint64_t n = 1; failed; n++) {
        struct reads r = reads_of(places, ARRAY_LEN(places));
        struct pagefiles f;
        fx.mem.fail = NULL;
        fixture_files_open(t, &f, "t", 3, false);
        for (size_t i = 0; i < ARRAY_LEN(places); i++)
            fixture_fill(r.pages[i].data, r.pages[i].place.n);
        arena_free(&t->arena);
        alloc_left = n;
        fx.mem.fail = fail_later;
        int rc[4];
        rc[0] = pagefiles_write_many(t, &f, r.pages, ARRAY_LEN(places));
        rc[1] = pagefiles_sync(t, &f);
        rc[2] = pagefiles_read_many(t, &f, r.pages, ARRAY_LEN(places));
        rc[3] = pagefiles_sync_found(t, &f, ids, 3);
        fx.mem.fail = NULL;
        failed = false;
        for (int i = 0; i < 4; i++) {
            ck_assert(rc[i] == ELOQ_OK || rc[i] == ELOQ_NO_MEMORY || rc[i] == ELOQ_CORRUPTED);
            failed |= rc[i] < 0;
        }
        ck_assert_int_ne(rc[0], ELOQ_CORRUPTED);
        ck_assert_int_ne(rc[1], ELOQ_CORRUPTED);
        ck_assert_int_eq(pagefiles_write_many(t, &f, r.pages, ARRAY_LEN(places)), ELOQ_OK);
        ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
        fixture_files_close(t, &f);
        reads_free(r);
    }
}

START_TEST(any_failed_allocation_is_an_answer)
{
    fixture_run(without_memory, NULL);
}
END_TEST

static void random_batches(struct task *t, void *arg)
{
    enum { PLACES = 500, BATCH = 120 };
    uint64_t seed = *(uint64_t *)arg;
    static uint64_t content[PLACES]; /* 0: never written */
    struct pagefiles f;
    struct rand r;

    rand_seed(&r, seed);
    fixture_files_open(t, &f, "t", 4, false);
    for (int round = 0; round < 200; round++) {
        uint64_t places[BATCH], first = rand_below(&r, PLACES);
        size_t count = 1 + rand_below(&r, BATCH);
        bool write = rand_below(&r, 2);
        for (size_t i = 0; i < count; i++)
            places[i] = write ? (first + i * 3) % PLACES : rand_below(&r, PLACES);
        struct reads io = reads_of(places, count);
        for (size_t i = 0; i < count && write; i++) {
            content[places[i]] = rand_u64(&r) | 1;
            fixture_fill(io.pages[i].data, content[places[i]]);
        }
        if (write) {
            ck_assert_int_eq(pagefiles_write_many(t, &f, io.pages, count), ELOQ_OK);
        } else {
            pagefiles_read_many(t, &f, io.pages, count);
            for (size_t i = 0; i < count; i++) {
                uint64_t n = content[io.pages[i].place.n];
                ck_assert_msg(n ? io.pages[i].rc == ELOQ_OK && fixture_is(io.pages[i].data, n)
                                : io.pages[i].rc == ELOQ_CORRUPTED,
                              "seed %lu", seed);
            }
        }
        reads_free(io);
        if (rand_below(&r, 5) == 0)
            ck_assert_int_eq(pagefiles_sync(t, &f), ELOQ_OK);
    }
    fixture_files_close(t, &f);
}

START_TEST(what_was_written_is_read)
{
    const char *text = getenv("SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20260103;

    fixture_run(random_batches, &seed);
}
END_TEST

static void names(struct task *t, void *arg)
{
    struct pagefiles f;
    char path[PATH_MAX], long_path[PATH_MAX];

    (void)arg;
    fixture_files_open(t, &f, "a.b", 2, false);
    ck_assert_int_eq(terms_set(&f.terms, 5, 77), ELOQ_OK);
    pagefiles_path(&f, 5, path, sizeof(path));
    ck_assert_ptr_nonnull(strstr(path, "/a.b.7/data_5_77"));
    ck_assert_uint_eq(pagefiles_file_id(&f, file_page(23)), 5);
    ck_assert_uint_eq(pagefiles_offset(&f, file_page(23)), 3 * PAGE_BYTES);
    fixture_files_close(t, &f);

    memset(long_path, 'x', sizeof(long_path));
    long_path[0] = '/';
    long_path[PATH_MAX - 60] = '\0';
    ck_assert_int_eq(
        pagefiles_init(&f, &fx.fds, &fx.mem, "t", 0, long_path, PAGE_BYTES, 2, false, true),
        ELOQ_INVALID);
}

START_TEST(places_have_names_and_offsets)
{
    fixture_run(names, NULL);
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, neighbours_are_read_and_written_in_one_operation);
    tcase_add_test(tc, a_read_goes_through_gaps);
    tcase_add_test(tc, no_more_pages_are_in_flight_than_may_be);
    tcase_add_loop_test(tc, runs_have_a_limit_and_stay_in_their_file, 0, 2);
    tcase_add_test(tc, damage_is_told_page_by_page);
    tcase_add_test(tc, a_missing_file_is_corruption_and_is_not_made_by_a_read);
    tcase_add_test(tc, more_files_than_descriptors_is_only_slow);
    tcase_add_test(tc, batches_do_not_wait_for_each_others_descriptors);
    tcase_add_test(tc, a_failed_write_is_told_and_its_file_stays_unsynced);
    tcase_add_test(tc, a_mark_goes_only_when_its_sync_succeeded);
    tcase_add_test(tc, a_sync_that_fails_when_a_file_is_closed_fails_the_commit);
    tcase_add_test(tc, a_failed_read_spoils_only_its_pages);
    tcase_add_test(tc, what_was_written_is_read);
    tcase_add_test(tc, places_have_names_and_offsets);
}

int main(void)
{
    Suite *suite = suite_create("pagefiles");
    TCase *memory = tcase_create("memory"), *real = tcase_create("real");

    tcase_add_checked_fixture(memory, setup_memory, fixture_close);
    add_tests(memory);
    tcase_add_test(memory, any_failed_allocation_is_an_answer);
    tcase_add_checked_fixture(real, setup_real, fixture_close);
    add_tests(real);
    suite_add_tcase(suite, memory);
    suite_add_tcase(suite, real);
    return run_suite(suite);
}
