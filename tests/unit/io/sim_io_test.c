/* tests/unit/io/sim_io_test.c -- sim/sim_disk: what a kill, a power cut and a fault leave behind.
 */
#include "sim/sim_io.h"
#include "unit/io/env.h"

static struct env env;
static struct sim_disk *disk;
static struct rand r;

static void begin(void)
{
    env_init(&env);
    disk = sim_disk_new(&env.mem);
    env.dir = "/d";
    rand_seed(&r, 1);
    ck_assert_int_eq(sim_io_open(disk, NULL, 1, &env.io), 0);
}

static void end(void)
{
    io_close(env.io);
    sched_deinit(&env.sched);
    sim_disk_free(disk);
    ck_assert_uint_eq(atomic_load(&env.mem.total), 0);
}

/* A new process on the same disk. */
static void restart(uint64_t seed)
{
    io_close(env.io);
    ck_assert_int_eq(sim_io_open(disk, NULL, seed, &env.io), 0);
}

static void cut(enum sim_cut how)
{
    sim_disk_power_cut(disk, &r, how);
    restart(1);
}

static void kill_process(void)
{
    sim_disk_kill(disk);
    restart(1);
}

/* The content of a file as the kernel shows it; "missing". */
static const char *shown(const char *path)
{
    static char text[256];
    struct bytes content;

    bytes_init(&content, &env.mem, MEM_OTHER);
    strcpy(text, "missing");
    if (sim_disk_get(disk, path, &content) == 0) {
        ck_assert_uint_lt(content.size, sizeof text);
        if (content.size > 0)
            memcpy(text, content.data, content.size);
        text[content.size] = '\0';
    }
    bytes_free(&content);
    return text;
}

static void write_at(struct task *t, struct env *e, const char *name, uint64_t offset,
                     const char *text)
{
    int fd = open_new(t, e, name);

    ck_assert_int_eq(io_write(t, e->io, fd, text, strlen(text), offset), strlen(text));
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

static void sync_file(struct task *t, struct env *e, const char *name)
{
    int fd = open_new(t, e, name);

    ck_assert_int_eq(io_sync(t, e->io, fd), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

static void make_root(struct task *t, struct env *e)
{
    ck_assert_int_eq(io_mkdir(t, e->io, e->dir), 0);
    ck_assert_int_eq(io_sync_dir(t, e->io, "/"), 0);
}

static void make_three(struct task *t, struct env *e)
{
    make_root(t, e);
    put(t, e, "all", "durable");
    sync_file(t, e, "all");
    put(t, e, "name", "lost");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    put(t, e, "content", "lost");
    sync_file(t, e, "content");
}

START_TEST(a_file_needs_its_own_sync_and_its_directorys)
{
    begin();
    env_run(&env, make_three);
    kill_process(); /* takes nothing */
    ck_assert_str_eq(shown("/d/all"), "durable");
    ck_assert_str_eq(shown("/d/name"), "lost");
    ck_assert_str_eq(shown("/d/content"), "lost");
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/all"), "durable");
    ck_assert_str_eq(shown("/d/name"), "");
    ck_assert_str_eq(shown("/d/content"), "missing");
    ck_assert_uint_eq(sim_disk_unsynced(disk), 0);
    end();
}
END_TEST

START_TEST(keep_all_keeps_all_and_makes_it_durable)
{
    begin();
    env_run(&env, make_three);
    cut(SIM_CUT_KEEP_ALL);
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/all"), "durable");
    ck_assert_str_eq(shown("/d/name"), "lost");
    ck_assert_str_eq(shown("/d/content"), "lost");
    end();
}
END_TEST

static void make_unsynced_root(struct task *t, struct env *e)
{
    ck_assert_int_eq(io_mkdir(t, e->io, e->dir), 0);
    put(t, e, "f", "x");
    sync_file(t, e, "f");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
}

START_TEST(a_directory_not_durable_in_its_parent_takes_its_files_along)
{
    begin();
    env_run(&env, make_unsynced_root);
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/f"), "missing");
    end();
}
END_TEST

static void make_pair(struct task *t, struct env *e)
{
    make_root(t, e);
    put(t, e, "old", "old");
    put(t, e, "new", "new");
    put(t, e, "gone", "gone");
    sync_file(t, e, "old");
    sync_file(t, e, "new");
    sync_file(t, e, "gone");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
}

static void rename_and_unlink(struct task *t, struct env *e)
{
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "new"), path_of(e, "old")), 0);
    ck_assert_int_eq(io_unlink(t, e->io, path_of(e, "gone")), 0);
}

static void sync_root(struct task *t, struct env *e)
{
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
}

START_TEST(renames_and_unlinks_wait_for_the_directory)
{
    begin();
    env_run(&env, make_pair);
    env_run(&env, rename_and_unlink);
    ck_assert_str_eq(shown("/d/old"), "new");
    ck_assert_str_eq(shown("/d/gone"), "missing");
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/old"), "old");
    ck_assert_str_eq(shown("/d/new"), "new");
    ck_assert_str_eq(shown("/d/gone"), "gone");
    env_run(&env, rename_and_unlink);
    env_run(&env, sync_root);
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/old"), "new");
    ck_assert_str_eq(shown("/d/new"), "missing");
    ck_assert_str_eq(shown("/d/gone"), "missing");
    end();
}
END_TEST

static void move_between(struct task *t, struct env *e)
{
    make_root(t, e);
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "a")), 0);
    ck_assert_int_eq(io_mkdir(t, e->io, path_of(e, "b")), 0);
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    put(t, e, "b/x", "old");
    sync_file(t, e, "b/x");
    put(t, e, "a/x", "new");
    sync_file(t, e, "a/x");
    ck_assert_int_eq(io_rename(t, e->io, path_of(e, "a/x"), path_of(e, "b/x")), 0);
    ck_assert_int_eq(io_sync_dir(t, e->io, path_of(e, "a")), 0);
}

START_TEST(a_move_is_durable_in_both_directories_or_in_none)
{
    begin();
    env_run(&env, move_between);
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/a/x"), "missing");
    ck_assert_str_eq(shown("/d/b/x"), "new");
    end();
}
END_TEST

static void ten_renames(struct task *t, struct env *e)
{
    char from[16], to[16];

    make_root(t, e);
    put(t, e, "n0", "x");
    sync_file(t, e, "n0");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    for (int i = 0; i < 9; i++) {
        snprintf(from, sizeof from, "n%d", i);
        snprintf(to, sizeof to, "n%d", i + 1);
        ck_assert_int_eq(io_rename(t, e->io, path_of(e, from), path_of(e, to)), 0);
    }
}

/* A chain of renames has exactly one name at each point, so at most and at least one is left. */
START_TEST(a_rename_is_atomic_and_a_directory_keeps_its_order)
{
    struct sim_disk *state;
    bool seen[10] = { false };

    begin();
    env_run(&env, ten_renames);
    state = disk;
    for (int i = 0; i < 400; i++) {
        char path[8];
        int count = 0;

        disk = sim_disk_copy(state);
        sim_disk_power_cut(disk, &r, i % 2 ? SIM_CUT_TORN : SIM_CUT_SUBSET);
        for (int n = 0; n < 10; n++) {
            snprintf(path, sizeof path, "/d/n%d", n);
            if (strcmp(shown(path), "x") == 0) {
                count++;
                seen[n] = true;
            }
        }
        ck_assert_int_eq(count, 1);
        sim_disk_free(disk);
    }
    for (int n = 0; n < 10; n++)
        ck_assert(seen[n]);
    disk = state;
    end();
}
END_TEST

static void four_writes(struct task *t, struct env *e)
{
    make_root(t, e);
    put(t, e, "f", "----");
    sync_file(t, e, "f");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    write_at(t, e, "f", 0, "a");
    write_at(t, e, "f", 1, "b");
    write_at(t, e, "f", 2, "c");
    write_at(t, e, "f", 3, "d");
}

START_TEST(a_prefix_is_a_prefix_and_a_subset_any_subset)
{
    struct sim_disk *state;
    bool prefixes[16] = { false }, subsets[16] = { false };
    int prefix_count = 0, subset_count = 0;

    begin();
    env_run(&env, four_writes);
    state = disk;
    for (int i = 0; i < 1000; i++) {
        const char *text;
        unsigned bits = 0;

        disk = sim_disk_copy(state);
        sim_disk_power_cut(disk, &r, i % 2 ? SIM_CUT_PREFIX : SIM_CUT_SUBSET);
        text = shown("/d/f");
        for (int n = 0; n < 4; n++) {
            ck_assert(text[n] == '-' || text[n] == "abcd"[n]);
            bits |= (text[n] != '-') << n;
        }
        *(i % 2 ? &prefixes[bits] : &subsets[bits]) = true;
        sim_disk_free(disk);
    }
    for (unsigned bits = 0; bits < 16; bits++) {
        prefix_count += prefixes[bits];
        subset_count += subsets[bits];
        if (prefixes[bits])
            ck_assert_uint_eq(bits & (bits + 1), 0);
    }
    ck_assert_int_eq(prefix_count, 5);
    ck_assert_int_eq(subset_count, 16);
    disk = state;
    end();
}
END_TEST

static void one_large_write(struct task *t, struct env *e)
{
    static char data[2048];
    int fd;

    make_root(t, e);
    fd = open_new(t, e, "f");
    memset(data, 'o', 1024);
    ck_assert_int_eq(io_write(t, e->io, fd, data, 1024, 0), 1024);
    ck_assert_int_eq(io_sync(t, e->io, fd), 0);
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    memset(data, 'n', 2048);
    ck_assert_int_eq(io_write(t, e->io, fd, data, 2048, 0), 2048);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
}

START_TEST(a_torn_write_has_old_and_new_sectors)
{
    struct sim_disk *state;
    bool is_mixed = false, is_zero = false, is_short = false;

    begin();
    env_run(&env, one_large_write);
    state = disk;
    for (int i = 0; i < 500; i++) {
        struct bytes content;

        disk = sim_disk_copy(state);
        sim_disk_power_cut(disk, &r, SIM_CUT_TORN);
        bytes_init(&content, &env.mem, MEM_OTHER);
        ck_assert_int_eq(sim_disk_get(disk, "/d/f", &content), 0);
        ck_assert_uint_ge(content.size, 1024);
        ck_assert_uint_eq(content.size % 512, 0);
        for (size_t at = 0; at < content.size; at++) {
            ck_assert_int_eq(content.data[at], content.data[at / 512 * 512]);
            ck_assert(content.data[at] == 'n' || content.data[at] == (at < 1024 ? 'o' : 0));
        }
        is_mixed |= content.data[0] != content.data[512];
        is_zero |= content.size == 2048 && content.data[1024] == 0;
        is_short |= content.size == 1536;
        bytes_free(&content);
        sim_disk_free(disk);
    }
    ck_assert(is_mixed && is_zero && is_short);
    disk = state;
    end();
}
END_TEST

static void truncate_and_extend(struct task *t, struct env *e)
{
    int fd;

    make_root(t, e);
    put(t, e, "f", "0123456789");
    sync_file(t, e, "f");
    ck_assert_int_eq(io_sync_dir(t, e->io, e->dir), 0);
    fd = open_new(t, e, "f");
    ck_assert_int_eq(io_truncate(t, e->io, fd, 4), 0);
    ck_assert_int_eq(io_close_file(t, e->io, fd), 0);
    ck_assert_str_eq(get(t, e, "f"), "0123");
}

START_TEST(a_size_is_content_too)
{
    begin();
    env_run(&env, truncate_and_extend);
    cut(SIM_CUT_LOSE_ALL);
    ck_assert_str_eq(shown("/d/f"), "0123456789");
    end();
}
END_TEST

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

static int old_fd;

static void open_and_lock(struct task *t, struct env *e)
{
    old_fd = open_new(t, e, "f");
    ck_assert_int_eq(io_lock(t, e->io, old_fd, IO_LOCK_EXCLUSIVE), 0);
}

static void use_old(struct task *t, struct env *e)
{
    char byte;

    ck_assert_int_eq(io_read(t, e->io, old_fd, &byte, 1, 0), -EIO);
    ck_assert_int_eq(io_unlink(t, e->io, path_of(e, "f")), -EIO);
    ck_assert_int_eq(io_close_file(t, e->io, old_fd), -EIO);
}

START_TEST(a_killed_process_has_no_more_effect_and_holds_no_lock)
{
    begin();
    env_run(&env, make_root);
    env_run(&env, open_and_lock);
    sim_disk_kill(disk);
    env_run(&env, use_old);
    restart(2);
    env_run(&env, open_and_lock);
    end();
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
    Suite *suite = suite_create("sim_io");
    TCase *crash = tcase_create("crash");
    TCase *faults = tcase_create("faults");
    TCase *others = tcase_create("others");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, crash);
    suite_add_tcase(suite, faults);
    suite_add_tcase(suite, others);
    tcase_set_timeout(crash, 60);
    tcase_add_test(crash, a_file_needs_its_own_sync_and_its_directorys);
    tcase_add_test(crash, keep_all_keeps_all_and_makes_it_durable);
    tcase_add_test(crash, a_directory_not_durable_in_its_parent_takes_its_files_along);
    tcase_add_test(crash, renames_and_unlinks_wait_for_the_directory);
    tcase_add_test(crash, a_move_is_durable_in_both_directories_or_in_none);
    tcase_add_test(crash, a_rename_is_atomic_and_a_directory_keeps_its_order);
    tcase_add_test(crash, a_prefix_is_a_prefix_and_a_subset_any_subset);
    tcase_add_test(crash, a_torn_write_has_old_and_new_sectors);
    tcase_add_test(crash, a_size_is_content_too);
    tcase_add_test(crash, a_killed_process_has_no_more_effect_and_holds_no_lock);
    tcase_add_test(faults, a_stop_can_be_put_at_every_boundary);
    tcase_add_test(faults, a_fault_strikes_the_nth_once_or_for_ever);
    tcase_add_test(faults, a_failed_sync_may_leave_pages_clean_but_lost);
    tcase_add_test(others, content_put_from_behind_is_durable);
    tcase_add_test(others, the_order_of_completion_follows_from_the_seed);
    tcase_add_test(others, a_poll_that_may_wait_moves_the_clock_and_returns);
    tcase_add_test(others, direct_handles_are_strict);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
