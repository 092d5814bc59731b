/* tests/unit/part/part_open_test.c -- what an open makes of what it finds, and reads check. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/run.h"
#include "file/whole.h"
#include "memory_store.h"

static int open_code(struct task *t, bool create)
{
    struct part *p = NULL;
    int rc = part_open(t, &fix.env, "table", 7, create, &p);

    if (rc == ELOQ_OK)
        part_close(t, p);
    return rc;
}

static void make_file(struct task *t, const char *path, const void *data, size_t size)
{
    int fd = io_open_file(t, io, path, IO_OPEN_WRITE | IO_OPEN_CREATE | IO_OPEN_TRUNCATE);

    ck_assert_int_ge(fd, 0);
    if (size > 0)
        ck_assert_int_eq(io_write(t, io, fd, data, size, 0), (int64_t)size);
    io_close_file(t, io, fd);
}

static void open_leftovers(struct task *t, void *arg)
{
    struct model m;

    (void)arg;
    model_init(&m);
    ck_assert_int_eq(open_code(t, false), ELOQ_NOT_FOUND);
    ck_assert_int_ge(io_mkdir(t, io, "/store/table.7"), 0);
    ck_assert_int_eq(open_code(t, false), ELOQ_NOT_FOUND);
    make_file(t, "/store/table.7/manifest_0.tmp", NULL, 0);
    ck_assert_int_eq(open_code(t, false), ELOQ_NOT_FOUND);
    make_file(t, "/store/table.7/data_0_0", "garbage", 7);
    ck_assert_int_eq(open_code(t, false), ELOQ_NOT_FOUND);
    ck_assert_int_eq(io_unlink(t, io, "/store/table.7/manifest_0.tmp"), 0);
    ck_assert_int_eq(open_code(t, false), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(t->err.text, "manifest missing"));
    ck_assert_str_eq(t->err.path, "/store/table.7/manifest_0");
    ck_assert_str_eq(t->err.table, "table");
    ck_assert_int_eq(open_code(t, true), ELOQ_CORRUPTED);
    make_file(t, "/store/table.7/manifest_0.tmp", NULL, 0);
    struct part *p = open_part(t, true);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 9), ELOQ_OK);
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
    /* An archive says that there was a first commit, whatever else lies about. */
    ck_assert_int_eq(io_unlink(t, io, "/store/table.7/manifest_0"), 0);
    make_file(t, "/store/table.7/manifest_0.tmp", NULL, 0);
    make_file(t, "/store/table.7/manifest_0_5", NULL, 0);
    ck_assert_int_eq(open_code(t, true), ELOQ_CORRUPTED);
}

START_TEST(only_an_unfinished_first_commit_reads_as_absent)
{
    start(&configs[2]);
    fixture_run(&fix, open_leftovers, NULL);
    stop();
}
END_TEST

static void read_manifest(struct task *t, struct bytes *ret)
{
    bytes_init(ret, &disk_mem, MEM_OTHER);
    ck_assert_int_eq(whole_read(t, io, "/store/table.7/manifest_0", ret), ELOQ_OK);
}

static void damage_manifest(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct bytes file;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 3), ELOQ_OK);
    part_close(t, p);
    read_manifest(t, &file);
    for (size_t size = 0; size <= file.size; size += 509) { /* cut anywhere */
        make_file(t, "/store/table.7/manifest_0", file.data, size);
        int rc = open_code(t, false);
        ck_assert_msg(rc == ELOQ_OK || (rc == ELOQ_CORRUPTED && size < RECORD_ALIGN), "%zu: %d",
                      size, rc);
    }
    for (size_t at = 0; at < 200; at++) {
        file.data[at] ^= 0x40;
        make_file(t, "/store/table.7/manifest_0", file.data, file.size);
        int rc = open_code(t, false);
        ck_assert(rc == ELOQ_CORRUPTED || rc == ELOQ_OK);
        if (rc == ELOQ_CORRUPTED)
            ck_assert_str_eq(t->err.path, "/store/table.7/manifest_0");
        file.data[at] ^= 0x40;
    }
    bytes_free(&file);
}

START_TEST(a_damaged_manifest_is_named_and_never_read_as_absent)
{
    start(&configs[2]);
    fixture_run(&fix, damage_manifest, NULL);
    stop();
}
END_TEST

/* The padding of the last record cut off, or a damaged tail: the next commit must not mix with it.
 */
static void continue_after_damage(struct task *t, void *arg)
{
    struct model m;
    struct bytes file;
    bool is_tail = arg != NULL;

    model_init(&m);
    struct part *p = open_part(t, true);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 3), ELOQ_OK);
    part_close(t, p);
    read_manifest(t, &file);
    if (is_tail)
        for (int i = 0; i < 9000; i++)
            bytes_add_u8(&file, (uint8_t)rand_u64(&fix.rand));
    make_file(t, "/store/table.7/manifest_0", file.data, is_tail ? file.size : file.size - 3000);
    bytes_free(&file);
    p = open_part(t, false);
    ck_assert(p->padding_missing == !is_tail);
    expect_model(t, p->current, &m);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 3), ELOQ_OK);
    uint64_t end = p->manifest_end;
    part_close(t, p);
    read_manifest(t, &file);
    ck_assert_uint_eq(file.size, end);
    bytes_free(&file);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(missing_padding_is_completed)
{
    start(&configs[2]);
    fixture_run(&fix, continue_after_damage, NULL);
    stop();
}
END_TEST

START_TEST(a_damaged_tail_is_cut_off)
{
    start(&configs[2]);
    fixture_run(&fix, continue_after_damage, &seed);
    stop();
}
END_TEST

static void read_only_open(struct task *t, void *arg)
{
    struct model m;
    struct wtx w;
    struct part *p = open_part(t, true);

    (void)arg;
    model_init(&m);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 9), ELOQ_OK);
    part_close(t, p);
    struct bytes file;
    read_manifest(t, &file);
    make_file(t, "/store/table.7/manifest_0_99", file.data, file.size);
    bytes_free(&file);
    struct model later = m;
    p = open_part(t, false);
    ck_assert_int_eq(model_commit(t, p, &later, &fix.rand, 9), ELOQ_OK);
    part_close(t, p);

    fix.env.read_only = true;
    fix.env.as_of = 99;
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    int fd = io_open_file(t, io, "/store/table.7/manifest_0_99", IO_OPEN_READ);
    ck_assert_int_lt(io_lock(t, io, fd, IO_LOCK_EXCLUSIVE), 0);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_DENIED);
    part_close(t, p);
    ck_assert_int_eq(io_lock(t, io, fd, IO_LOCK_EXCLUSIVE), 0);
    io_close_file(t, io, fd);
    fix.env.as_of = 98;
    ck_assert_int_eq(open_code(t, false), ELOQ_NOT_FOUND);
}

START_TEST(an_archive_is_read_and_kept_while_open)
{
    start(&configs[5]);
    fixture_run(&fix, read_only_open, NULL);
    stop();
}
END_TEST

static void read_pages(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct wtx w;
    struct cached_page *cached;
    uint8_t *data[4];
    struct page_read reads[4];

    (void)arg;
    model_init(&m);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    ck_assert_int_eq(model_put(t, &w, &m, UINT32_MAX, 3), ELOQ_OK); /* an index page */
    ck_assert_int_eq(model_put(t, &w, &m, UINT32_MAX, 1), ELOQ_OK);
    ck_assert_int_eq(model_put(t, &w, &m, UINT32_MAX, 2), ELOQ_OK);
    ck_assert_int_eq(wtx_free_page(t, &w, page_id(9)), ELOQ_CORRUPTED);
    model_set_roots(&w, &m);
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);

    uint64_t misses = fix.cache.misses;
    ck_assert_int_eq(pages_pin_index(t, p->current, page_id(0), &cached), ELOQ_OK);
    page_cache_unpin(&fix.cache, cached);
    ck_assert_uint_eq(fix.cache.misses, misses); /* a new index page is in memory */
    ck_assert_int_eq(pages_pin_index(t, p->current, page_id(1), &cached), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(t->err.text, "page=1"));
    ck_assert_str_eq(t->err.path, "/store/table.7/data_0_0");
    ck_assert_int_eq(pages_pin_index(t, p->current, page_id(500), &cached), ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(strstr(t->err.text, "page=500"));
    for (uint32_t i = 0; i < 4; i++) {
        data[i] = pagepool_get(&fix.pool);
        reads[i] = (struct page_read){ .id = page_id(3 - i), .data = data[i] };
    }
    ck_assert_int_eq(pages_read(t, p->current, page_id(1), PAGE_OVERFLOW, data[0]), ELOQ_CORRUPTED);
    ck_assert_int_eq(pages_read_many(t, p->current, PAGE_DATA, reads, 4), ELOQ_CORRUPTED);
    ck_assert_int_eq(reads[0].rc, ELOQ_CORRUPTED); /* not there */
    ck_assert_int_eq(reads[1].rc, ELOQ_OK);
    ck_assert_int_eq(reads[2].rc, ELOQ_OK);
    ck_assert_int_eq(reads[3].rc, ELOQ_CORRUPTED); /* an index page */
    ck_assert_int_eq(pages_read_many(t, p->current, PAGE_DATA, reads + 1, 2), ELOQ_OK);
    for (uint32_t i = 0; i < 4; i++)
        pagepool_put(&fix.pool, data[i]);
    part_close(t, p);
}

START_TEST(pages_are_checked_for_what_they_should_be)
{
    start(&configs[2]);
    fixture_run(&fix, read_pages, NULL);
    stop();
}
END_TEST

static bool is_in_file(const struct part *p, uint32_t id, uint64_t file)
{
    struct file_page place;

    return mapping_get(&p->current->map, page_id(id), &place) && place.n >> p->files.shift == file;
}

static void lose_a_file(struct task *t, void *arg)
{
    struct model m;
    struct wtx w;
    struct file_page place = { 0 };
    char path[64];

    (void)arg;
    model_init(&m);
    struct part *p = open_part(t, true);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 12), ELOQ_OK);
    for (uint32_t id = 0; !mapping_get(&p->current->map, page_id(id), &place);)
        ck_assert_uint_lt(++id, MODEL_IDS);
    uint64_t file = place.n >> p->files.shift;
    part_close(t, p);
    snprintf(path, sizeof(path), "/store/table.7/data_%llu_0", (unsigned long long)file);
    ck_assert_int_eq(io_unlink(t, io, path), 0);
    p = open_part(t, false);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    unsigned lost = 0;
    for (uint32_t id = 0; id < MODEL_IDS; id++) {
        if (!is_in_file(p, id, file))
            continue;
        ck_assert_int_eq(model_free(t, &w, &m, id), ELOQ_OK);
        lost++;
    }
    ck_assert_uint_gt(lost, 0);
    model_set_roots(&w, &m);
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 12), ELOQ_OK);
    expect_model(t, p->current, &m);
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(a_missing_data_file_costs_its_pages_and_no_write)
{
    start(&configs[4]);
    fixture_run(&fix, lose_a_file, NULL);
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part_open");
    TCase *all = tcase_create("part_open");

    tcase_set_timeout(all, 120);
    suite_add_tcase(suite, all);
    tcase_add_test(all, only_an_unfinished_first_commit_reads_as_absent);
    tcase_add_test(all, a_damaged_manifest_is_named_and_never_read_as_absent);
    tcase_add_test(all, missing_padding_is_completed);
    tcase_add_test(all, a_damaged_tail_is_cut_off);
    tcase_add_test(all, an_archive_is_read_and_kept_while_open);
    tcase_add_test(all, pages_are_checked_for_what_they_should_be);
    tcase_add_test(all, a_missing_data_file_costs_its_pages_and_no_write);
    return run_suite(suite);
}
