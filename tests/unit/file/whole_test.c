/* tests/unit/file/whole_test.c -- a replaced file is the old one or the new one, and we know when
 * not. */
#include "file/whole.h"

#include <limits.h>

#include "file_fixture.h"

#define BIG ((size_t)(2 << 20) + 12345)

static void setup_memory(void)
{
    fixture_open(true, 4);
}

static void setup_real(void)
{
    fixture_open(false, 4);
}

static void path_of(char *path, const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", fx.root, name);
}

static void check_content(struct task *t, const char *path, const uint8_t *data, size_t size)
{
    struct bytes b;

    bytes_init(&b, &fx.mem, MEM_OTHER);
    ck_assert_int_eq(whole_read(t, fx.io, path, &b), ELOQ_OK);
    ck_assert_uint_eq(b.size, size);
    ck_assert(size == 0 || memcmp(b.data, data, size) == 0);
    bytes_free(&b);
}

static void replace(struct task *t, void *arg)
{
    static const size_t sizes[] = { 0, 1, 4096, 1 << 20, BIG };
    char path[PATH_MAX];
    uint8_t *data = malloc(BIG);
    struct bytes b;
    bool unknown = true;

    (void)arg;
    for (size_t i = 0; i < BIG; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    path_of(path, "file");
    bytes_init(&b, &fx.mem, MEM_OTHER);
    ck_assert_int_eq(whole_read(t, fx.io, path, &b), ELOQ_NOT_FOUND);
    bytes_free(&b);
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        size_t size = sizes[i % ARRAY_LEN(sizes)];
        fixture_reset_counts();
        ck_assert_int_eq(whole_replace(t, fx.io, fx.root, path, data, size, &unknown), ELOQ_OK);
        ck_assert(!unknown);
        ck_assert_uint_eq(fx.count[IO_WRITE], (size + (1 << 20) - 1) >> 20);
        ck_assert_uint_eq(fx.count[IO_SYNC], 1);
        ck_assert_uint_eq(fx.count[IO_SYNC_DIR], 1);
        check_content(t, path, data, size);
    }
    free(data);
}

START_TEST(what_was_put_is_read)
{
    fixture_run(replace, NULL);
}
END_TEST

static enum io_op fault_op;
static size_t fault_at;

static int64_t fault(const struct io_req *req)
{
    return req->op == fault_op && fx.count[req->op] == fault_at ? -EIO : 0;
}

static void failing(struct task *t, void *arg)
{
    static const struct {
        enum io_op op;
        size_t at;
        bool is_unknown, is_new;
    } cases[] = {
        { IO_OPEN, 0, false, false },   { IO_WRITE, 0, false, false },
        { IO_WRITE, 2, false, false },  { IO_SYNC, 0, false, false },
        { IO_CLOSE, 0, false, false },  { IO_RENAME, 0, true, false },
        { IO_SYNC_DIR, 0, true, true },
    };
    char path[PATH_MAX];
    uint8_t *data = calloc(1, BIG);
    bool unknown;

    (void)arg;
    path_of(path, "file");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(whole_replace(t, fx.io, fx.root, path, "old", 3, &unknown), ELOQ_OK);
        fixture_reset_counts();
        fault_op = cases[i].op;
        fault_at = cases[i].at;
        fx.fault = fault;
        ck_assert_int_eq(whole_replace(t, fx.io, fx.root, path, data, BIG, &unknown), ELOQ_IO);
        fx.fault = NULL;
        ck_assert(unknown == cases[i].is_unknown);
        ck_assert_uint_eq(t->err.sys_errno, EIO);
        ck_assert(t->err.path[0] == '/');
        if (cases[i].is_new)
            check_content(t, path, data, BIG);
        else
            check_content(t, path, (const uint8_t *)"old", 3);
    }
    free(data);
}

START_TEST(a_failure_before_the_rename_leaves_the_old_file)
{
    fixture_run(failing, NULL);
}
END_TEST

static void failing_read(struct task *t, void *arg)
{
    static const enum io_op ops[] = { IO_OPEN, IO_SIZE, IO_READ };
    char path[PATH_MAX];
    struct bytes b;
    bool unknown;

    (void)arg;
    path_of(path, "file");
    ck_assert_int_eq(whole_replace(t, fx.io, fx.root, path, "old", 3, &unknown), ELOQ_OK);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        bytes_init(&b, &fx.mem, MEM_OTHER);
        fixture_reset_counts();
        fault_op = ops[i];
        fault_at = 0;
        fx.fault = fault;
        ck_assert_int_eq(whole_read(t, fx.io, path, &b), ELOQ_IO);
        fx.fault = NULL;
        ck_assert_str_eq(t->err.path, path);
        ck_assert_uint_eq(fx.count[IO_CLOSE], ops[i] != IO_OPEN);
        bytes_free(&b);
    }
}

START_TEST(a_failed_read_closes_its_file)
{
    fixture_run(failing_read, NULL);
}
END_TEST

static void mkdirs(struct task *t, void *arg)
{
    char path[PATH_MAX];

    (void)arg;
    path_of(path, "a/b//c/");
    ck_assert_int_eq(whole_mkdirs(t, fx.io, path), 1);
    ck_assert_uint_eq(fx.count[IO_SYNC_DIR], 3);
    ck_assert_int_eq(whole_mkdirs(t, fx.io, path), 0);
    ck_assert_uint_eq(fx.count[IO_SYNC_DIR], 3);
    path_of(path, "a/b/d");
    ck_assert_int_eq(whole_mkdirs(t, fx.io, path), 1);
    ck_assert_uint_eq(fx.count[IO_SYNC_DIR], 4);
    path_of(path, "a/b/d");
    ck_assert_int_eq(io_rmdir(t, fx.io, path), 0);
    path_of(path, "a/b/c");
    ck_assert_int_eq(io_rmdir(t, fx.io, path), 0);
    ck_assert_int_eq(whole_mkdirs(t, fx.io, "/"), 0);

    bool unknown;
    path_of(path, "file");
    ck_assert_int_eq(whole_replace(t, fx.io, fx.root, path, "x", 1, &unknown), ELOQ_OK);
    path_of(path, "file/x/y");
    ck_assert_int_lt(whole_mkdirs(t, fx.io, path), 0);

    fixture_reset_counts();
    fault_op = IO_SYNC_DIR;
    fault_at = 1;
    fx.fault = fault;
    path_of(path, "p/q/r");
    ck_assert_int_eq(whole_mkdirs(t, fx.io, path), ELOQ_IO);
    fx.fault = NULL;
}

START_TEST(directories_are_made_with_their_parents_and_durable)
{
    fixture_run(mkdirs, NULL);
}
END_TEST

static void too_long(struct task *t, void *arg)
{
    char path[PATH_MAX + 1];
    bool unknown;

    (void)arg;
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[PATH_MAX] = '\0';
    ck_assert_int_lt(whole_mkdirs(t, fx.io, path), 0);
    ck_assert_int_lt(whole_replace(t, fx.io, fx.root, path, "x", 1, &unknown), 0);
    ck_assert(!unknown);
}

START_TEST(a_path_too_long_is_an_answer)
{
    fixture_run(too_long, NULL);
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
    char path[PATH_MAX];
    struct bytes b;
    bool unknown;

    (void)arg;
    path_of(path, "file");
    ck_assert_int_eq(whole_replace(t, fx.io, fx.root, path, "old", 3, &unknown), ELOQ_OK);
    bytes_init(&b, &fx.mem, MEM_OTHER);
    alloc_left = 1;
    fx.mem.fail = fail_later;
    ck_assert_int_eq(whole_read(t, fx.io, path, &b), ELOQ_NO_MEMORY);
    fx.mem.fail = NULL;
    bytes_free(&b);
}

START_TEST(a_read_without_memory_is_an_answer)
{
    fixture_run(without_memory, NULL);
}
END_TEST

static void add_tests(TCase *tc)
{
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, what_was_put_is_read);
    tcase_add_test(tc, a_failure_before_the_rename_leaves_the_old_file);
    tcase_add_test(tc, a_failed_read_closes_its_file);
    tcase_add_test(tc, directories_are_made_with_their_parents_and_durable);
    tcase_add_test(tc, a_path_too_long_is_an_answer);
    tcase_add_test(tc, a_read_without_memory_is_an_answer);
}

int main(void)
{
    Suite *suite = suite_create("whole");
    TCase *memory = tcase_create("memory"), *real = tcase_create("real");

    tcase_add_checked_fixture(memory, setup_memory, fixture_close);
    add_tests(memory);
    tcase_add_checked_fixture(real, setup_real, fixture_close);
    add_tests(real);
    suite_add_tcase(suite, memory);
    suite_add_tcase(suite, real);
    return run_suite(suite);
}
