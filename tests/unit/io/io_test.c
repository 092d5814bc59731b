/* tests/unit/io/io_test.c -- io/io: the same promises about files kept by every backend. */
#include "base/rand.h"
#include <time.h>

#include "unit/base/run.h"
#include "unit/io/backends.h"

static uint64_t counter(enum io_counter c)
{
    return atomic_load(&env.io->counters[c]);
}

IO_TEST(what_was_written_is_read_back)
{
    char data[10];
    int fd = open_new(t, e, "f");

    ck_assert_int_eq(io_write(t, e->io, fd, "0123456789", 10, 0), 10);
    ck_assert_int_eq(io_write(t, e->io, fd, "ab", 2, 4), 2);
    ck_assert_int_eq(io_sync(t, e->io, fd), 0);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 10, 0), 10);
    ck_assert_mem_eq(data, "0123ab6789", 10);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 3, 3), 3);
    ck_assert_mem_eq(data, "3ab", 3);
    ck_assert_int_eq(io_size(t, e->io, fd), 10);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_str_eq(get(t, e, "f"), "0123ab6789");
}

IO_TEST(a_read_is_short_only_at_the_end_of_the_file)
{
    char data[20] = "";
    int fd = open_new(t, e, "f");

    ck_assert_int_eq(io_read(t, e->io, fd, data, 20, 0), 0);
    ck_assert_int_eq(io_write(t, e->io, fd, "0123456789", 10, 0), 10);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 20, 0), 10);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 20, 8), 2);
    ck_assert_mem_eq(data, "89", 2);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 20, 10), 0);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 20, 1000000), 0);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 0, 0), 0);
    ck_assert_int_eq(io_write(t, e->io, fd, data, 0, 0), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

IO_TEST(a_gap_reads_as_zeros)
{
    static char data[40000];
    int fd = open_new(t, e, "f");

    ck_assert_int_eq(io_write(t, e->io, fd, "x", 1, 99999), 1);
    ck_assert_int_eq(io_size(t, e->io, fd), 100000);
    memset(data, 1, 40000);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 40000, 60000), 40000);
    for (int i = 0; i < 39999; i++)
        ck_assert_int_eq(data[i], 0);
    ck_assert_int_eq(data[39999], 'x');
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

IO_TEST(a_vector_is_one_transfer_in_order)
{
    char a[3], b[1], c[8] = "";
    struct iovec out[4] = { { "abc", 3 }, { "", 0 }, { "d", 1 }, { "efgh", 4 } };
    struct iovec in[4] = { { a, 3 }, { b, 1 }, { c, 0 }, { c, 8 } };
    int fd = open_new(t, e, "f");
    struct io_req req = { .op = IO_WRITE, .fd = fd, .iov = out, .iov_count = 4, .offset = 5 };

    io_run_all(t, e->io, &req, 1);
    ck_assert_int_eq(req.result, 8);
    req = (struct io_req){ .op = IO_READ, .fd = fd, .iov = in, .iov_count = 4, .offset = 5 };
    io_run_all(t, e->io, &req, 1);
    ck_assert_int_eq(req.result, 8); /* four short */
    ck_assert_mem_eq(a, "abc", 3);
    ck_assert_mem_eq(b, "d", 1);
    ck_assert_mem_eq(c, "efgh", 4);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

IO_TEST(truncate_and_preallocate_set_the_size)
{
    char data[8];
    int fd = open_new(t, e, "f");
    int64_t rc;

    ck_assert_int_eq(io_write(t, e->io, fd, "01234567", 8, 0), 8);
    ck_assert_int_eq(io_truncate(t, e->io, fd, 3), 0);
    ck_assert_int_eq(io_size(t, e->io, fd), 3);
    ck_assert_int_eq(io_truncate(t, e->io, fd, 8), 0);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 8, 0), 8);
    ck_assert_mem_eq(data, "012\0\0\0\0\0", 8);
    ck_assert_int_eq(io_truncate(t, e->io, fd, (uint64_t)-1), -EINVAL);
    rc = io_preallocate(t, e->io, fd, 100000);
    ck_assert(rc == 0 || rc == -EOPNOTSUPP);
    if (rc == 0)
        ck_assert_int_eq(io_size(t, e->io, fd), 100000);
    ck_assert_int_eq(io_truncate(t, e->io, fd, 0), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

IO_TEST(open_obeys_its_flags)
{
    int fd;

    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "f"), 0), -ENOENT);
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "f"), IO_OPEN_WRITE), -ENOENT);
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "no/f"), IO_OPEN_WRITE | IO_OPEN_CREATE),
                     -ENOENT);
    put(t, e, "f", "abc");
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "f/g"), IO_OPEN_WRITE | IO_OPEN_CREATE),
                     -ENOTDIR);
    fd = open_new(t, e, "f"); /* keeps what is there */
    ck_assert_int_eq(io_size(t, e->io, fd), 3);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    fd = io_open_file(t, e->io, path_of(e, "f"), IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_TRUNCATE);
    ck_assert_int_eq(io_size(t, e->io, fd), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    fd = io_open_file(t, e->io, path_of(e, "f"), IO_OPEN_READ);
    ck_assert_int_eq(io_write(t, e->io, fd, "x", 1, 0), -EBADF);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), -EBADF);
    ck_assert_int_eq(io_read(t, e->io, fd, &fd, 1, 0), -EBADF);
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "f"), IO_OPEN_DIRECTORY), -ENOTDIR);
}

IO_TEST(a_directory_is_no_file)
{
    char data[8];
    int fd;

    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "d")), 0);
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "d"), IO_OPEN_READ), -EISDIR);
    ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "d"), IO_OPEN_WRITE), -EISDIR);
    fd = io_open_file(t, e->io, path_of(e, "d"), IO_OPEN_DIRECTORY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 8, 0), -EISDIR);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_int_eq(io_unlink(t, e->io, path_of(e, "d")), -EISDIR);
}

IO_TEST(a_rename_replaces_its_target)
{
    put(t, e, "a", "new");
    put(t, e, "b", "old");
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "a"), path_of(e, "b")), 0);
    ck_assert_str_eq(get(t, e, "a"), "missing");
    ck_assert_str_eq(get(t, e, "b"), "new");
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "a"), path_of(e, "b")), -ENOENT);
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "d")), 0);
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "b"), path_of(e, "d")), -EISDIR);
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "d"), path_of(e, "b")), -ENOTDIR);
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "d"), path_of(e, "d/x")), -EINVAL);
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "b"), path_of(e, "d/c")), 0);
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "d"), path_of(e, "d2")), 0);
    ck_assert_str_eq(get(t, e, "d2/c"), "new");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    ck_assert_int_eq(io_sync_dir(t, e->io, path_of(e, "none")), -ENOENT);
    ck_assert_int_eq(io_sync_dir(t, e->io, path_of(e, "d2/c")), -ENOTDIR);
}

IO_TEST(an_unlinked_file_lives_until_it_is_closed)
{
    char data[4];
    int fd;

    put(t, e, "f", "data");
    fd = io_open_file(t, e->io, path_of(e, "f"), 0);
    ck_assert_int_eq(io_unlink(t, e->io, path_of(e, "f")), 0);
    ck_assert_int_eq(io_unlink(t, e->io, path_of(e, "f")), -ENOENT);
    put(t, e, "f", "other");
    ck_assert_int_eq(io_read(t, e->io, fd, data, 4, 0), 4);
    ck_assert_mem_eq(data, "data", 4);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_str_eq(get(t, e, "f"), "other");
}

IO_TEST(directories_are_made_and_removed)
{
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "d")), 0);
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "d")), -EEXIST);
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "x/y")), -ENOENT);
    put(t, e, "d/f", "1");
    ck_assert_int_eq(io_rmdir(t, e->io, path_of(e, "d")), -ENOTEMPTY);
    ck_assert_int_eq(io_rmdir(t, e->io, path_of(e, "d/f")), -ENOTDIR);
    ck_assert_int_eq(io_unlink(t, e->io, path_of(e, "d/f")), 0);
    ck_assert_int_eq(io_rmdir(t, e->io, path_of(e, "d")), 0);
    ck_assert_int_eq(io_rmdir(t, e->io, path_of(e, "d")), -ENOENT);
}

static bool has_name(const struct io_names *names, const char *name, bool is_dir)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->names[i].name, name) == 0)
            return names->names[i].is_dir == is_dir;
    return false;
}

IO_TEST(a_list_has_every_name_once)
{
    struct io_names names;
    char name[16];

    io_names_init(&names, &e->mem);
    ck_assert_int_eq(io_list(t, e->io, e->dir, &names), 0);
    ck_assert_uint_eq(names.count, 0);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "f%d", i);
        put(t, e, name, "x");
    }
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "d")), 0);
    put(t, e, "d/inner", "x");
    ck_assert_int_eq(io_list(t, e->io, e->dir, &names), 0);
    ck_assert_uint_eq(names.count, 41);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "f%d", i);
        ck_assert(has_name(&names, name, false));
    }
    ck_assert(has_name(&names, "d", true));
    io_names_free(&names);
    names.most = 7; /* in each backend, and after a free */
    ck_assert_int_eq(io_list(t, e->io, e->dir, &names), 0);
    ck_assert_uint_eq(names.count, 7);
    io_names_free(&names);
    ck_assert_int_eq(io_list(t, e->io, e->dir, &names), 0);
    ck_assert_uint_eq(names.count, 7);
    io_names_free(&names);
    ck_assert_int_eq(io_list(t, e->io, path_of(e, "none"), &names), -ENOENT);
    ck_assert_int_eq(io_list(t, e->io, path_of(e, "f1"), &names), -ENOTDIR);
    ck_assert_uint_eq(names.count, 0);
}

IO_TEST(an_exclusive_lock_excludes_other_descriptors)
{
    int a = open_new(t, e, "f");
    int b = open_new(t, e, "f");

    ck_assert_int_eq(io_lock(t, e->io, a, IO_LOCK_EXCLUSIVE), 0);
    ck_assert_int_eq(io_lock(t, e->io, a, IO_LOCK_EXCLUSIVE), 0);
    ck_assert_int_eq(io_lock(t, e->io, b, IO_LOCK_EXCLUSIVE), -EAGAIN);
    ck_assert_int_eq(io_lock(t, e->io, b, IO_LOCK_SHARED), -EAGAIN);
    ck_assert_int_eq(io_lock(t, e->io, a, IO_LOCK_SHARED), 0);
    ck_assert_int_eq(io_lock(t, e->io, b, IO_LOCK_SHARED), 0);
    ck_assert_int_eq(io_lock(t, e->io, b, IO_LOCK_EXCLUSIVE), -EAGAIN);
    ck_assert_int_eq(io_lock(t, e->io, a, IO_LOCK_RELEASE), 0);
    ck_assert_int_eq(io_lock(t, e->io, b, IO_LOCK_EXCLUSIVE), 0);
    ck_assert_int_eq(io_close_file(t, e->io, b), 0); /* releases it */
    ck_assert_int_eq(io_lock(t, e->io, a, IO_LOCK_EXCLUSIVE), 0);
    ck_assert_int_eq(io_close_file(t, e->io, a), 0);
}

IO_TEST(direct_files_read_whole_blocks_and_their_end)
{
    uint8_t *data = mem_alloc_aligned(&e->mem, MEM_OTHER, 4096, 16384);
    int fd =
        io_open_file(t, e->io, path_of(e, "f"), IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_DIRECT);

    ck_assert_int_ge(fd, 0);
    for (int i = 0; i < 16384; i++)
        data[i] = (uint8_t)(i / 7);
    ck_assert_int_eq(io_write(t, e->io, fd, data, 16384, 0), 16384);
    ck_assert_int_eq(io_truncate(t, e->io, fd, 9000), 0);
    memset(data, 0, 16384);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 16384, 0), 9000);
    for (int i = 0; i < 9000; i++)
        ck_assert_int_eq(data[i], (uint8_t)(i / 7));
    ck_assert_int_eq(io_read(t, e->io, fd, data, 8192, 8192), 9000 - 8192);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    mem_free_aligned(&e->mem, MEM_OTHER, data, 16384);
}

IO_TEST(many_at_once_each_have_their_own_result)
{
    struct io_req reqs[40];
    struct iovec iov[40];
    int values[40];
    int fd = open_new(t, e, "f");

    for (int i = 0; i < 40; i++) {
        values[i] = i;
        iov[i] = (struct iovec){ &values[i], sizeof values[i] };
        reqs[i] = (struct io_req){ .op = IO_WRITE,
                                   .fd = i == 7 ? -1 : fd,
                                   .iov = &iov[i],
                                   .iov_count = 1,
                                   .offset = (uint64_t)i * sizeof values[i] };
    }
    io_run_all(t, e->io, reqs, 40); /* more than the ring holds */
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(reqs[i].result, i == 7 ? -EBADF : 4);
    ck_assert_int_eq(io_read(t, e->io, fd, values, sizeof values, 0), sizeof values);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(values[i], i == 7 ? 0 : i);
    io_run_all(t, e->io, reqs, 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

static int shared_fd;
static int read_count;

static void read_one(struct task *t, struct env *e)
{
    int i = read_count++;
    int value = -1;

    ck_assert_int_eq(io_read(t, e->io, shared_fd, &value, sizeof value, (uint64_t)i * 4), 4);
    ck_assert_int_eq(value, i);
}

IO_TEST(a_thousand_tasks_read_in_parallel)
{
    int values[1000];

    for (int i = 0; i < 1000; i++)
        values[i] = i;
    shared_fd = open_new(t, e, "f");
    read_count = 0;
    ck_assert_int_eq(io_write(t, e->io, shared_fd, values, sizeof values, 0), sizeof values);
    e->body = read_one;
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(task_start(&e->sched, env_task, e), 0);
        e->running++;
    }
    while (e->running > 1)
        task_yield(t);
    ck_assert_int_eq(read_count, 1000);
    ck_assert_int_eq(io_close_file(t, e->io, shared_fd), 0);
}

IO_TEST(counters_count)
{
    uint64_t before[IO_COUNTERS];
    char data[8];
    int fd;

    for (int i = 0; i < IO_COUNTERS; i++)
        before[i] = counter((enum io_counter)i);
    fd = open_new(t, e, "f");
    io_write(t, e->io, fd, "12345", 5, 0);
    io_write(t, e->io, fd, "12345", 5, 5);
    io_read(t, e->io, fd, data, 8, 6);
    io_sync(t, e->io, fd);
    io_sync_dir(t, e->io, e->dir);
    io_close_file(t, e->io, fd);
    io_unlink(t, e->io, path_of(e, "none"));
    io_sync(t, e->io, -1);
    ck_assert_uint_eq(counter(IO_COUNT_WRITES) - before[IO_COUNT_WRITES], 2);
    ck_assert_uint_eq(counter(IO_COUNT_WRITE_BYTES) - before[IO_COUNT_WRITE_BYTES], 10);
    ck_assert_uint_eq(counter(IO_COUNT_READS) - before[IO_COUNT_READS], 1);
    ck_assert_uint_eq(counter(IO_COUNT_READ_BYTES) - before[IO_COUNT_READ_BYTES], 4);
    ck_assert_uint_eq(counter(IO_COUNT_SYNCS) - before[IO_COUNT_SYNCS], 3);
    ck_assert_uint_eq(counter(IO_COUNT_OTHERS) - before[IO_COUNT_OTHERS], 3);
    ck_assert_uint_eq(counter(IO_COUNT_ERRORS) - before[IO_COUNT_ERRORS], 1);
}

IO_TEST(a_failure_says_what_where_and_why)
{
    ck_assert_int_eq(io_fail(t, "write", -ENOSPC, path_of(e, "f"), 4096), ELOQ_NO_SPACE);
    ck_assert_int_eq(t->err.code, ELOQ_NO_SPACE);
    ck_assert_int_eq(t->err.sys_errno, ENOSPC);
    ck_assert_str_eq(t->err.path, path_of(e, "f"));
    ck_assert_uint_eq(t->err.offset, 4096);
    ck_assert_ptr_nonnull(strstr(t->err.text, "write failed: No space left on device path="));
    ck_assert_ptr_nonnull(strstr(t->err.text, "offset=4096"));
}

/* Random writes, truncates and reads against an array. */
IO_TEST(random_transfers_match_an_array)
{
    static uint8_t model[50000], data[50000];
    uint64_t seed = (uint64_t)time(NULL);
    struct rand r;
    size_t size = 0;
    int fd = open_new(t, e, "f");

    memset(model, 0, sizeof model);
    rand_seed(&r, seed);
    for (int i = 0; i < 300; i++) {
        size_t at = rand_below(&r, 30000);
        size_t n = rand_below(&r, 20000);
        int64_t rc;

        if (rand_below(&r, 8) == 0) {
            rc = io_truncate(t, e->io, fd, at);
            ck_assert_msg(rc == 0, "seed=%lu", (unsigned long)seed);
            if (at < size)
                memset(model + at, 0, size - at);
            size = at;
        } else if (rand_below(&r, 2) == 0) {
            for (size_t k = 0; k < n; k++)
                model[at + k] = (uint8_t)rand_u64(&r);
            rc = io_write(t, e->io, fd, model + at, n, at);
            ck_assert_msg(rc == (int64_t)n, "seed=%lu", (unsigned long)seed);
            if (n > 0)
                size = MAX(size, at + n);
        } else {
            rc = io_read(t, e->io, fd, data, n, at);
            ck_assert_msg(rc == (at >= size ? 0 : (int64_t)MIN(n, size - at))
                              && memcmp(data, model + at, (size_t)rc) == 0,
                          "seed=%lu", (unsigned long)seed);
        }
    }
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

IO_TEST(out_of_memory_is_an_answer)
{
    struct io_names names;

    if (backend == SIM)
        return; /* the test's own memory */
    put(t, e, "f", "x");
    io_names_init(&names, &e->mem);
    e->mem.limit = 1;
    ck_assert_int_eq(io_list(t, e->io, e->dir, &names), -ENOMEM);
    ck_assert_uint_eq(names.count, 0);
    if (backend == MEMORY) {
        ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "d")), -ENOMEM);
        ck_assert_int_eq(io_open_file(t, e->io, path_of(e, "g"), IO_OPEN_WRITE | IO_OPEN_CREATE),
                         -ENOMEM);
        ck_assert_int_eq(io_rename(t, e->io, path_of(e, "f"), path_of(e, "g")), -ENOMEM);
    }
    e->mem.limit = 0;
    ck_assert_str_eq(get(t, e, "f"), "x");
}

int main(void)
{
    Suite *suite = suite_create("io");
    TCase *all = tcase_create("every backend");

    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, all);
    tcase_add_loop_test(all, what_was_written_is_read_back, 0, BACKENDS);
    tcase_add_loop_test(all, a_read_is_short_only_at_the_end_of_the_file, 0, BACKENDS);
    tcase_add_loop_test(all, a_gap_reads_as_zeros, 0, BACKENDS);
    tcase_add_loop_test(all, a_vector_is_one_transfer_in_order, 0, BACKENDS);
    tcase_add_loop_test(all, truncate_and_preallocate_set_the_size, 0, BACKENDS);
    tcase_add_loop_test(all, open_obeys_its_flags, 0, BACKENDS);
    tcase_add_loop_test(all, a_directory_is_no_file, 0, BACKENDS);
    tcase_add_loop_test(all, a_rename_replaces_its_target, 0, BACKENDS);
    tcase_add_loop_test(all, an_unlinked_file_lives_until_it_is_closed, 0, BACKENDS);
    tcase_add_loop_test(all, directories_are_made_and_removed, 0, BACKENDS);
    tcase_add_loop_test(all, a_list_has_every_name_once, 0, BACKENDS);
    tcase_add_loop_test(all, an_exclusive_lock_excludes_other_descriptors, 0, BACKENDS);
    tcase_add_loop_test(all, direct_files_read_whole_blocks_and_their_end, 0, BACKENDS);
    tcase_add_loop_test(all, many_at_once_each_have_their_own_result, 0, BACKENDS);
    tcase_add_loop_test(all, a_thousand_tasks_read_in_parallel, 0, BACKENDS);
    tcase_add_loop_test(all, counters_count, 0, BACKENDS);
    tcase_add_loop_test(all, a_failure_says_what_where_and_why, 0, BACKENDS);
    tcase_add_loop_test(all, random_transfers_match_an_array, 0, BACKENDS);
    tcase_add_loop_test(all, out_of_memory_is_an_answer, 0, BACKENDS);
    return run_suite(suite);
}
