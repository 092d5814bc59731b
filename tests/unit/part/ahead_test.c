/* tests/unit/part/ahead_test.c -- blocks are written before a commit needs them, and only then. */
#include <limits.h>

#include "../base/run.h"
#include "memory_store.h"
#include "page/page.h"

static const struct fixture_config in_place = { .append = false,
                                                .shift = 18,
                                                .manifest_limit = 1 << 20 },
                                   append = { .append = true,
                                              .shift = 8,
                                              .manifest_limit = 1 << 20 };
static struct model model;
static struct rand r;

static uint64_t size_of(struct task *t, const char *path)
{
    int fd = io_open_file(t, io, path, IO_OPEN_READ);

    ck_assert_int_ge(fd, 0);
    int64_t size = io_size(t, io, fd);
    io_close_file(t, io, fd);
    ck_assert_int_ge(size, 0);
    return (uint64_t)size;
}

static uint64_t manifest_size(struct task *t, const struct part *p)
{
    char path[PATH_MAX];

    part_manifest_path(p, path, sizeof(path));
    return size_of(t, path);
}

/* 60 pages. */
static struct part *make(struct task *t)
{
    struct part *p = open_part(t, true);
    struct wtx w;

    model_init(&model);
    rand_seed(&r, seed);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    for (unsigned i = 0; i < 60; i++)
        ck_assert_int_eq(model_put(t, &w, &model, UINT32_MAX, i + 1), ELOQ_OK);
    model_set_roots(&w, &model);
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
    return p;
}

static void change(struct task *t, struct part *p)
{
    ck_assert_int_eq(model_commit(t, p, &model, &r, 3), ELOQ_OK);
}

/* ---- */

static void fills(struct task *t, void *arg)
{
    (void)arg;
    fix.env.ahead_least = 40000;
    fix.env.ahead_after = 2;
    struct part *p = make(t);
    ck_assert(!ahead_wanted(p)); /* not busy yet */
    change(t, p);
    change(t, p);
    ck_assert(ahead_wanted(p));
    ahead_fill(t, p);
    ck_assert(!ahead_wanted(p));
    uint64_t size = manifest_size(t, p);
    ck_assert_uint_eq(size, p->ahead.manifest_ready);
    ck_assert_uint_ge(size, p->manifest_end + 40000);
    ck_assert_uint_gt(p->ahead.places_ready, p->falloc.next);
    while (p->manifest_end < size && !ahead_wanted(p))
        change(t, p);
    ck_assert_uint_eq(manifest_size(t, p), size); /* nothing has grown */
    ck_assert(ahead_wanted(p));                   /* but half of it is used up */
    expect_model(t, p->current, &model);
    uint64_t end = p->manifest_end;
    part_close(t, p);

    p = open_part(t, false);
    ck_assert_uint_eq(p->manifest_end, end);
    ck_assert_uint_eq(manifest_size(t, p), end); /* a clean close cuts it */
    expect_model(t, p->current, &model);
    part_close(t, p);
}

START_TEST(a_busy_partition_does_not_grow_on_the_path)
{
    start(_i ? &append : &in_place);
    fixture_run(&fix, fills, NULL);
    stop();
}
END_TEST

static void leaves_zeros(struct task *t, void *arg)
{
    (void)arg;
    fix.env.ahead_least = 4096;
    struct part *p = make(t);
    change(t, p);
    ahead_fill(t, p);
    ck_assert_uint_gt(manifest_size(t, p), p->manifest_end);
    p->ahead.manifest_ready = p->ahead.places_ready = 0; /* as if killed */
    uint64_t end = p->manifest_end;
    part_close(t, p);

    p = open_part(t, false);
    ck_assert_uint_eq(p->manifest_end, end);
    ck_assert(!p->tail_dropped);
    expect_model(t, p->current, &model);
    change(t, p);
    ck_assert_uint_eq(manifest_size(t, p), p->manifest_end); /* what was found is cut */
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &model);
    part_close(t, p);
}

START_TEST(zeros_that_a_crash_left_are_no_tail)
{
    start(_i ? &append : &in_place);
    fixture_run(&fix, leaves_zeros, NULL);
    stop();
}
END_TEST

static void stays_small(struct task *t, void *arg)
{
    (void)arg;
    fix.env.ahead_least = 256 << 10;
    struct part *p = make(t);
    change(t, p);
    ck_assert(!ahead_wanted(p));
    fix.env.ahead_least = 4096;
    fix.env.ahead_after = 3;
    ahead_committed(p, 65); /* a large commit writes whole new blocks anyway */
    ck_assert(!ahead_wanted(p));
    for (int i = 0; i < 3; i++)
        change(t, p);
    ck_assert(ahead_wanted(p));
    part_close(t, p);
}

START_TEST(small_partitions_and_large_commits_get_nothing_ahead)
{
    start(&in_place);
    fixture_run(&fix, stays_small, NULL);
    stop();
}
END_TEST

/* The filler and a writer at once, in every order the backend gives. */
static struct part *shared;

static void filler(struct task *t, void *arg)
{
    (void)arg;
    while (shared) {
        ahead_fill(t, shared);
        task_yield(t);
    }
}

static void both(struct task *t, void *arg)
{
    (void)arg;
    fix.env.ahead_least = 4096;
    struct part *p = shared = make(t);
    ck_assert_int_eq(task_start(&fix.sched, filler, NULL), ELOQ_OK);
    for (int i = 0; i < 400; i++) {
        change(t, p);
        if (i % 7 == 0)
            task_yield(t);
    }
    shared = NULL;
    mutex_lock(t, &p->ahead.lock);
    mutex_unlock(&p->ahead.lock);
    task_yield(t);
    expect_model(t, p->current, &model);
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &model);
    part_close(t, p);
}

START_TEST(zeros_never_cover_what_a_writer_wrote)
{
    start(_i ? &append : &in_place);
    fixture_run(&fix, both, NULL);
    stop();
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ahead");
    TCase *c = tcase_create("ahead");

    tcase_add_loop_test(c, a_busy_partition_does_not_grow_on_the_path, 0, 2);
    tcase_add_loop_test(c, zeros_that_a_crash_left_are_no_tail, 0, 2);
    tcase_add_test(c, small_partitions_and_large_commits_get_nothing_ahead);
    tcase_add_loop_test(c, zeros_never_cover_what_a_writer_wrote, 0, 2);
    suite_add_tcase(s, c);
    return run_suite(s);
}
