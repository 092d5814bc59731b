/* tests/unit/file/fdcache_test.c -- one open for many, never more than the limit, nobody left
 * waiting.
 */
#include "file_fixture.h"

#include "base/rand.h"

static void setup(void)
{
    fixture_open(true, 4);
}

static struct fd_entry *acquire(struct task *t, struct pagefiles *f, uint64_t id, bool write)
{
    struct fd_entry *e = NULL;
    bool created;

    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, f, id, write, &e, &created), ELOQ_OK);
    ck_assert_int_ge(e->fd, 0);
    ck_assert_uint_le(fx.fds.open, fx.fds.limit);
    return e;
}

static void make_files(struct task *t, struct pagefiles *f, uint64_t count)
{
    for (uint64_t id = 0; id < count; id++)
        fdcache_release(&fx.fds, acquire(t, f, id, true));
}

static void lru(struct task *t, void *arg)
{
    struct pagefiles f;

    (void)arg;
    fixture_files_open(t, &f, "t", 0, false);
    make_files(t, &f, 4);
    fixture_reset_counts();
    fdcache_release(&fx.fds, acquire(t, &f, 0, false)); /* now 1 is the oldest */
    fdcache_release(&fx.fds, acquire(t, &f, 4, true));
    ck_assert_uint_eq(fx.count[IO_CLOSE], 1);
    fixture_reset_counts();
    fdcache_release(&fx.fds, acquire(t, &f, 0, false));
    fdcache_release(&fx.fds, acquire(t, &f, 2, true));
    fdcache_release(&fx.fds, acquire(t, &f, 3, false));
    ck_assert_uint_eq(fx.count[IO_OPEN], 0);
    fdcache_release(&fx.fds, acquire(t, &f, 1, false));
    ck_assert_uint_eq(fx.count[IO_OPEN], 1);
    ck_assert_uint_eq(fx.count[IO_SYNC], 0);
    fixture_files_close(t, &f);
    ck_assert_uint_eq(fx.fds.open, 0);
}

START_TEST(the_least_recently_used_is_closed)
{
    fixture_run(lru, NULL);
}
END_TEST

static void creation(struct task *t, void *arg)
{
    struct pagefiles f;
    struct fd_entry *e;
    bool created = true;

    (void)arg;
    fixture_files_open(t, &f, "t", 0, false);
    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, &f, 3, false, &e, &created), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(t->err.text, "data file missing"));
    ck_assert_ptr_nonnull(strstr(t->err.path, "/t.7/data_3_0"));
    ck_assert_str_eq(t->err.table, "t");
    ck_assert_uint_eq(fx.fds.open, 0);
    ck_assert(!f.dir_unsynced);
    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, &f, 3, true, &e, &created), ELOQ_OK);
    ck_assert(created && f.dir_unsynced);
    fdcache_release(&fx.fds, e);
    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, &f, 3, true, &e, &created), ELOQ_OK);
    ck_assert(!created);
    fdcache_release(&fx.fds, e);
    fdcache_close_owner(t, &fx.fds, &f);
    fx.fds.read_only = true;
    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, &f, 3, false, &e, &created), ELOQ_OK);
    uint8_t byte = 1;
    ck_assert_int_lt(io_write(t, fx.io, e->fd, &byte, 1, 0), 0);
    fdcache_release(&fx.fds, e);
    fx.fds.read_only = false;
    fixture_files_close(t, &f);
    ck_assert_int_eq(io_unlink(t, fx.io, "/store/t.7/data_3_0"), 0);
    ck_assert_int_eq(io_rmdir(t, fx.io, "/store/t.7"), 0);
    ck_assert_int_eq(
        pagefiles_init(&f, &fx.fds, &fx.mem, "t", 7, fx.root, PAGE_BYTES, 0, false, true), ELOQ_OK);
    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, &f, 3, true, &e, &created), ELOQ_IO);
    fixture_files_close(t, &f);
}

START_TEST(only_a_write_creates_a_file)
{
    fixture_run(creation, NULL);
}
END_TEST

static struct pagefiles shared;
static size_t reached;

static void open_shared(struct task *t, void *arg)
{
    (void)arg;
    fixture_files_open(t, &shared, "t", 0, false);
    make_files(t, &shared, 10);
    fdcache_close_owner(t, &fx.fds, &shared);
    fixture_reset_counts();
}

static void close_shared(struct task *t, void *arg)
{
    (void)arg;
    fixture_files_close(t, &shared);
    ck_assert_uint_eq(fx.fds.open, 0);
}

static void read_file_5(struct task *t, void *arg)
{
    (void)arg;
    fdcache_release(&fx.fds, acquire(t, &shared, 5, false));
    reached++;
}

START_TEST(many_tasks_open_a_file_once)
{
    char args[20];

    fixture_run(open_shared, NULL);
    fixture_run_many(read_file_5, args, 1, sizeof(args));
    ck_assert_uint_eq(reached, sizeof(args));
    ck_assert_uint_eq(fx.count[IO_OPEN], 1);
    fixture_run(close_shared, NULL);
}
END_TEST

static int64_t fail_open(const struct io_req *req)
{
    return req->op == IO_OPEN ? -EACCES : 0;
}

static void read_file_5_in_vain(struct task *t, void *arg)
{
    struct fd_entry *e;
    bool created;

    (void)arg;
    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, &shared, 5, false, &e, &created), ELOQ_DENIED);
    ck_assert_uint_eq(t->err.sys_errno, EACCES);
    ck_assert_ptr_nonnull(strstr(t->err.path, "data_5_0"));
    ck_assert_str_eq(t->err.table, "t");
    reached++;
}

START_TEST(a_failed_open_is_told_to_all_who_waited)
{
    char args[20];

    fixture_run(open_shared, NULL);
    fx.fault = fail_open;
    fixture_run_many(read_file_5_in_vain, args, 1, sizeof(args));
    fx.fault = NULL;
    ck_assert_uint_eq(reached, sizeof(args));
    ck_assert_uint_eq(fx.count[IO_OPEN], 1);
    ck_assert_uint_eq(fx.fds.open, 0);
    fixture_run_many(read_file_5, args, 1, sizeof(args));
    fixture_run(close_shared, NULL);
}
END_TEST

static void reader_or_writer_of_77(struct task *t, void *arg)
{
    bool write = *(char *)arg;
    struct fd_entry *e;
    bool created;
    int rc = fdcache_acquire(t, &fx.fds, &shared, 77, write, &e, &created);

    ck_assert_int_eq(rc, write ? ELOQ_OK : ELOQ_CORRUPTED);
    if (rc == ELOQ_OK)
        fdcache_release(&fx.fds, e);
    reached++;
}

START_TEST(a_writer_that_waited_for_a_readers_open_creates_the_file)
{
    char args[] = { 0, 1, 1 };

    fixture_run(open_shared, NULL);
    fixture_run_many(reader_or_writer_of_77, args, 1, 3);
    ck_assert_uint_eq(reached, 3);
    ck_assert_uint_eq(fx.count[IO_OPEN], 3);
    ck_assert(shared.dir_unsynced);
    fixture_run(close_shared, NULL);
}
END_TEST

static size_t emfile_left;

static int64_t too_many_files(const struct io_req *req)
{
    if (req->op != IO_OPEN || emfile_left == 0)
        return 0;
    emfile_left--;
    return -EMFILE;
}

static void few_descriptors(struct task *t, void *arg)
{
    struct fd_entry *e;
    bool created;

    (void)arg;
    fdcache_release(&fx.fds, acquire(t, &shared, 1, false));
    fdcache_release(&fx.fds, acquire(t, &shared, 2, false));
    fx.fault = too_many_files;
    emfile_left = 2;
    fdcache_release(&fx.fds, acquire(t, &shared, 3, false));
    ck_assert_uint_eq(fx.fds.open, 1);
    emfile_left = 100;
    ck_assert_int_eq(fdcache_acquire(t, &fx.fds, &shared, 4, false, &e, &created), ELOQ_BUSY);
    ck_assert_uint_eq(fx.fds.open, 0);
    fx.fault = NULL;
}

START_TEST(when_the_process_has_no_descriptor_ours_are_closed)
{
    fixture_run(open_shared, NULL);
    fixture_run(few_descriptors, NULL);
    fixture_run(close_shared, NULL);
}
END_TEST

static void holder(struct task *t, void *arg)
{
    struct rand r;

    rand_seed(&r, *(uint64_t *)arg);
    for (int i = 0; i < 200; i++) {
        struct fd_entry *e[3];
        uint64_t first = rand_below(&r, 10);
        size_t n = 1;
        bool created;
        e[0] = acquire(t, &shared, first, rand_below(&r, 2));
        while (n < 3) {
            int rc =
                fdcache_acquire_more(t, &fx.fds, &shared, (first + n) % 10, false, &e[n], &created);
            if (rc == 1)
                break;
            ck_assert_int_eq(rc, ELOQ_OK);
            n++;
        }
        if (rand_below(&r, 2))
            task_yield(t);
        for (size_t k = 0; k < n; k++) {
            ck_assert_int_ge(e[k]->fd, 0);
            ck_assert_uint_eq(e[k]->file_id, (first + k) % 10);
            if (rand_below(&r, 4) == 0)
                ck_assert_int_eq(pagefiles_mark_unsynced(&shared, e[k]), ELOQ_OK);
            fdcache_release(&fx.fds, e[k]);
        }
    }
    reached++;
}

START_TEST(nobody_waits_for_ever_at_the_limit)
{
    uint64_t seeds[30];

    fixture_run(open_shared, NULL);
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
        seeds[i] = 1000 * (uint64_t)_i + i;
    fixture_run_many(holder, seeds, sizeof(seeds[0]), ARRAY_LEN(seeds));
    ck_assert_uint_eq(reached, ARRAY_LEN(seeds));
    ck_assert_uint_le(shared.unsynced_count, 4); /* closed ones were synced */
    ck_assert(!shared.sync_failed);
    fixture_run(close_shared, NULL);
}
END_TEST

static void evictor(struct task *t, void *arg)
{
    struct pagefiles f;

    (void)arg;
    fixture_files_open(t, &f, "other", 0, false);
    make_files(t, &f, 8);
    fixture_files_close(t, &f);
    reached++;
}

static void leaver(struct task *t, void *arg)
{
    struct pagefiles f;

    (void)arg;
    fixture_files_open(t, &f, "leaver", 0, false);
    for (uint64_t id = 0; id < 4; id++) {
        struct fd_entry *e = acquire(t, &f, id, true);
        ck_assert_int_eq(pagefiles_mark_unsynced(&f, e), ELOQ_OK);
        fdcache_release(&fx.fds, e);
    }
    for (int n = rand() % 5; n > 0; n--)
        task_yield(t);
    fixture_files_close(t, &f);
    memset(&f, 0xee, sizeof(f));
    reached++;
}

static void either(struct task *t, void *arg)
{
    if (*(char *)arg)
        evictor(t, arg);
    else
        leaver(t, arg);
}

START_TEST(a_partition_can_leave_while_its_files_are_being_evicted)
{
    char args[] = { 1, 0, 1, 0, 0, 1 };

    srand((unsigned)_i);
    fixture_run_many(either, args, 1, sizeof(args));
    ck_assert_uint_eq(reached, sizeof(args));
    ck_assert_uint_eq(fx.fds.open, 0);
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
    struct fd_entry *e;
    bool created;
    int rc = -1;

    (void)arg;
    for (uint64_t n = 1; rc < 0; n++) {
        alloc_left = n;
        fx.mem.fail = fail_later;
        rc = fdcache_acquire(t, &fx.fds, &shared, 1, false, &e, &created);
        fx.mem.fail = NULL;
        ck_assert(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY);
        ck_assert_uint_eq(fx.fds.open, rc == ELOQ_OK);
    }
    fdcache_release(&fx.fds, e);
}

START_TEST(any_failed_allocation_is_an_answer)
{
    fixture_run(open_shared, NULL);
    fixture_run(without_memory, NULL);
    fixture_run(close_shared, NULL);
}
END_TEST

static bool fail_always(void *user, size_t size)
{
    (void)user;
    (void)size;
    return true;
}

static int64_t memory_ends_at_the_fourth_open(const struct io_req *req)
{
    if (req->op == IO_OPEN && fx.count[IO_OPEN] == 3)
        fx.mem.fail = fail_always;
    return req->op == IO_OPEN ? -EACCES : 0;
}

static void open_in_vain(struct task *t, void *arg)
{
    struct fd_entry *e;
    bool created;
    int rc = fdcache_acquire(t, &fx.fds, &shared, *(uint64_t *)arg, false, &e, &created);

    ck_assert_int_eq(rc, reached < 4 ? ELOQ_DENIED : ELOQ_NO_MEMORY);
    reached++;
}

START_TEST(who_is_woken_in_vain_wakes_the_next)
{
    uint64_t ids[12];

    fixture_run(open_shared, NULL);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = i;
    fx.fault = memory_ends_at_the_fourth_open;
    fixture_run_many(open_in_vain, ids, sizeof(ids[0]), ARRAY_LEN(ids));
    ck_assert_uint_eq(reached, ARRAY_LEN(ids));
    ck_assert_uint_eq(fx.count[IO_OPEN], 4);
    fx.fault = NULL;
    fx.mem.fail = NULL;
    fixture_run(close_shared, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fdcache");
    TCase *tc = tcase_create("fdcache");

    tcase_add_checked_fixture(tc, setup, fixture_close);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_least_recently_used_is_closed);
    tcase_add_test(tc, only_a_write_creates_a_file);
    tcase_add_test(tc, many_tasks_open_a_file_once);
    tcase_add_test(tc, a_failed_open_is_told_to_all_who_waited);
    tcase_add_test(tc, a_writer_that_waited_for_a_readers_open_creates_the_file);
    tcase_add_test(tc, when_the_process_has_no_descriptor_ours_are_closed);
    tcase_add_loop_test(tc, nobody_waits_for_ever_at_the_limit, 0, 10);
    tcase_add_loop_test(tc, a_partition_can_leave_while_its_files_are_being_evicted, 0, 20);
    tcase_add_test(tc, any_failed_allocation_is_an_answer);
    tcase_add_test(tc, who_is_woken_in_vain_wakes_the_next);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
