/* tests/unit/io/sim_faults_test.c -- sim/sim_disk: faults, stops, order, time and strictness. */
#include "unit/base/run.h"
#include "unit/io/sim_env.h"

static int steps_done;

/* Seven mutations. */
static void script(struct task *t, struct env *e)
{
    int fd;

    steps_done = 0;
    if (io_mkdir(t, e->io, "/d") < 0 || ++steps_done < 0 || io_sync_dir(t, e->io, "/") < 0)
        return;
    steps_done++;
    fd = io_open_file(t, e->io, "/d/f", IO_OPEN_WRITE | IO_OPEN_CREATE);
    if (fd < 0)
        return;
    steps_done++;
    if (io_write(t, e->io, fd, "x", 1, 0) == 1 && ++steps_done && io_sync(t, e->io, fd) == 0
        && ++steps_done && io_sync_dir(t, e->io, "/d") == 0 && ++steps_done
        && io_truncate(t, e->io, fd, 0) == 0)
        steps_done++;
    io_close_file(t, e->io, fd);
}

START_TEST(a_stop_can_be_put_at_every_boundary)
{
    for (uint64_t n = 0; n < 10; n++) {
        begin();
        sim_disk_stop_after(disk, n);
        env_run(&env, script);
        ck_assert_int_eq(steps_done, MIN(n, 7));
        ck_assert_uint_eq(sim_disk_mutations(disk), MIN(n, 7));
        ck_assert(sim_disk_stopped(disk) == (n <= 7));
        cut(SIM_CUT_LOSE_ALL);
        ck_assert(!sim_disk_stopped(disk));
        ck_assert_str_eq(shown("/d/f"), n < 6 ? "missing" : "x");
        end();
    }
}
END_TEST

static void fail_some(struct task *t, struct env *e)
{
    int fd;

    make_root(t, e);
    fd = open_new(t, e, "f");
    sim_disk_fail(
        disk, &(struct sim_fault){ .kinds = SIM_KIND(IO_WRITE), .nth = 2, .sys_errno = ENOSPC });
    sim_disk_fail(disk,
                  &(struct sim_fault){
                      .kinds = SIM_KIND(IO_READ), .nth = 1, .sys_errno = EIO, .forever = true });
    ck_assert_int_eq(io_write(t, e->io, fd, "ab", 2, 0), 2);
    ck_assert_int_eq(io_write(t, e->io, fd, "cd", 2, 0), -ENOSPC);
    ck_assert_int_eq(io_write(t, e->io, fd, "ef", 2, 2), 2);
    ck_assert_int_eq(io_read(t, e->io, fd, &(char){ 0 }, 1, 0), -EIO);
    ck_assert_int_eq(io_read(t, e->io, fd, &(char){ 0 }, 1, 0), -EIO);
    sim_disk_heal(disk);
    ck_assert_int_eq(io_read(t, e->io, fd, &(char){ 0 }, 1, 0), 1);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_str_eq(get(t, e, "f"), "abef");
    ck_assert_uint_eq(sim_disk_count(disk, SIM_KIND(IO_WRITE) | SIM_KIND(IO_READ)), 7);
}

START_TEST(a_fault_strikes_the_nth_once_or_for_ever)
{
    begin();
    env_run(&env, fail_some);
    end();
}
END_TEST

static void lose_a_sync(struct task *t, struct env *e)
{
    int fd;

    make_root(t, e);
    put(t, e, "f", "old");
    sync_file(t, e, "f");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    fd = open_new(t, e, "f");
    sim_disk_fail(disk, &(struct sim_fault){
                            .kinds = SIM_KIND(IO_SYNC), .nth = 1, .sys_errno = EIO, .lose = true });
    ck_assert_int_eq(io_write(t, e->io, fd, "new", 3, 0), 3);
    ck_assert_int_eq(io_sync(t, e->io, fd), -EIO);
    ck_assert_int_eq(io_sync(t, e->io, fd), 0); /* a lie, as the kernel tells it */
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_str_eq(get(t, e, "f"), "new");
}

START_TEST(a_failed_sync_may_leave_pages_clean_but_lost)
{
    begin();
    env_run(&env, lose_a_sync);
    cut(SIM_CUT_KEEP_ALL);
    ck_assert_str_eq(shown("/d/f"), "old");
    end();
}
END_TEST

static void put_behind(struct task *t, struct env *e)
{
    make_root(t, e);
    put(t, e, "f", "engine");
    ck_assert_int_eq(sim_disk_put(disk, "/d/f", "damage", 6), 0);
    ck_assert_int_eq(sim_disk_put(disk, "/d/g", "made", 4), 0);
    ck_assert_int_eq(sim_disk_put(disk, "/none/g", "x", 1), -ENOENT);
    ck_assert_str_eq(get(t, e, "f"), "damage");
}

START_TEST(content_put_from_behind_is_durable)
{
    begin();
    env_run(&env, put_behind);
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/f"), "damage");
    ck_assert_str_eq(shown("/d/g"), "made");
    end();
}
END_TEST

static int order[20];
static int order_count;

static void note(struct io_req *req)
{
    order[order_count++] = req->fd;
}

/* The order in which twenty requests complete. */
static void complete_twenty(uint64_t seed, int *ret)
{
    struct io_req reqs[20];

    restart(seed);
    order_count = 0;
    for (int i = 0; i < 20; i++) {
        reqs[i] = (struct io_req){ .op = IO_SIZE, .fd = 100 + i, .done = note };
        io_submit(env.io, &reqs[i]);
    }
    while (order_count < 20)
        io_poll(env.io, 0);
    memcpy(ret, order, sizeof order);
}

START_TEST(the_order_of_completion_follows_from_the_seed)
{
    int first[20], same[20], other[20];

    begin();
    complete_twenty(5, first);
    complete_twenty(5, same);
    complete_twenty(6, other);
    ck_assert_mem_eq(first, same, sizeof first);
    ck_assert_mem_ne(first, other, sizeof first);
    end();
}
END_TEST

START_TEST(a_poll_that_may_wait_moves_the_clock_and_returns)
{
    struct sim_clock clock;

    begin();
    sim_clock_init(&clock, 1000000);
    io_close(env.io);
    ck_assert_int_eq(sim_io_open(disk, &clock, 1, &env.io), 0);
    io_poll(env.io, 0);
    ck_assert_uint_eq(clock_mono_ns(&clock.clock), 0);
    io_poll(env.io, 5000000);
    io_poll(env.io, UINT64_MAX);
    ck_assert_uint_eq(clock_mono_ns(&clock.clock), 5000000);
    ck_assert_uint_eq(clock_wall_us(&clock.clock), 1005000);
    sim_clock_advance(&clock, 1000);
    sim_clock_set_wall(&clock, 77);
    ck_assert_uint_eq(clock_mono_ns(&clock.clock), 5001000);
    ck_assert_uint_eq(clock_wall_us(&clock.clock), 77);
    end();
}
END_TEST

static void misalign(struct task *t, struct env *e)
{
    uint8_t *data = mem_alloc_aligned(&e->mem, MEM_OTHER, 4096, 8192);
    int fd;

    make_root(t, e);
    memset(data, 1, 8192);
    fd = io_open_file(t, e->io, path_of(e, "f"), IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_DIRECT);
    ck_assert_int_eq(io_write(t, e->io, fd, data, 100, 0), -EINVAL);
    ck_assert_int_eq(io_write(t, e->io, fd, data + 8, 4096, 0), -EINVAL);
    ck_assert_int_eq(io_write(t, e->io, fd, data, 4096, 512), -EINVAL);
    ck_assert_int_eq(io_write(t, e->io, fd, data, 4096, 4096), 4096);
    ck_assert_int_eq(io_read(t, e->io, fd, data, 10, 0), -EINVAL);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    mem_free_aligned(&e->mem, MEM_OTHER, data, 8192);
}

START_TEST(direct_handles_are_strict)
{
    begin();
    env_run(&env, misalign);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim_faults");
    TCase *faults = tcase_create("faults");
    TCase *others = tcase_create("others");

    tcase_set_timeout(faults, 60);
    suite_add_tcase(suite, faults);
    tcase_set_timeout(others, 60);
    suite_add_tcase(suite, others);
    tcase_add_test(faults, a_stop_can_be_put_at_every_boundary);
    tcase_add_test(faults, a_fault_strikes_the_nth_once_or_for_ever);
    tcase_add_test(faults, a_failed_sync_may_leave_pages_clean_but_lost);
    tcase_add_test(others, content_put_from_behind_is_durable);
    tcase_add_test(others, the_order_of_completion_follows_from_the_seed);
    tcase_add_test(others, a_poll_that_may_wait_moves_the_clock_and_returns);
    tcase_add_test(others, direct_handles_are_strict);
    return run_suite(suite);
}
