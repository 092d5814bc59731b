/* tests/unit/io/sim_io_test.c -- sim/sim_disk: what a kill and a power cut leave behind. */
#include "unit/base/run.h"
#include "unit/io/sim_env.h"

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

int main(void)
{
    Suite *suite = suite_create("sim_io");
    TCase *crash = tcase_create("crash");

    tcase_set_timeout(crash, 60);
    suite_add_tcase(suite, crash);
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
    return run_suite(suite);
}
