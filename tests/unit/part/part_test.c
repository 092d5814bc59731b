/* tests/unit/part/part_test.c -- commits, versions and reopening, over files in memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/fail.h"
#include "../base/run.h"
#include "file/whole.h"
#include "fixture.h"

static uint64_t seed;
static struct mem disk_mem;
static struct memory_disk *disk;
static struct io *io;
static struct fixture fix;
static const struct fixture_config configs[] = {
    { .append = false, .shift = 0 },  { .append = false, .shift = 2 },
    { .append = false, .shift = 18 }, { .append = true, .shift = 0 },
    { .append = true, .shift = 2 },   { .append = true, .shift = 18 },
};

static void open_all(const struct fixture_config *config)
{
    const char *text = getenv("SEED");

    seed = text ? strtoull(text, NULL, 10) : 20260301;
    mem_init(&disk_mem, 0);
    disk = memory_disk_new(&disk_mem);
    ck_assert_int_eq(memory_open(&disk_mem, NULL, disk, &io), 0);
    fixture_open(&fix, io, config, seed);
}

static void make_store(struct task *t, void *arg)
{
    (void)arg;
    ck_assert_int_ge(io_mkdir(t, io, "/store"), 0);
}

static void start(const struct fixture_config *config)
{
    open_all(config);
    fixture_run(&fix, make_store, NULL);
}

static void stop(void)
{
    fixture_close(&fix);
    io_close(io);
    memory_disk_free(disk);
    ck_assert_uint_eq(atomic_load(&disk_mem.total), 0);
}

static struct part *open_part(struct task *t, bool create)
{
    struct part *p = NULL;
    int rc = part_open(t, &fix.env, "table", 7, create, &p);

    ck_assert_msg(rc == ELOQ_OK, "rc %d %s seed=%llu", rc, t->err.text, (unsigned long long)seed);
    return p;
}

static void expect_model(struct task *t, struct snapshot *s, const struct model *m)
{
    int rc = model_compare(t, s, m);

    ck_assert_msg(rc == ELOQ_OK, "rc %d %s seed=%llu", rc, t->err.text, (unsigned long long)seed);
}

/* In-place mode: every place is used by a page, or free. */
static void expect_no_leak(const struct part *p)
{
    if (!p->falloc.append)
        ck_assert_uint_eq(p->falloc.free.count + p->current->map.mapped_count, p->falloc.next);
    ck_assert_uint_eq(p->free_ids.count + p->current->map.mapped_count, p->current->map.page_count);
}

static void commit_and_reopen(struct task *t, void *arg)
{
    struct model m;
    struct part *p = open_part(t, true);

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 120; i++) {
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 1 + (unsigned)rand_below(&fix.rand, 12)),
                         ELOQ_OK);
        expect_no_leak(p);
        if (i % 5 == 4) {
            part_close(t, p);
            p = open_part(t, false);
            expect_no_leak(p);
        }
        expect_model(t, p->current, &m);
    }
    ck_assert_uint_gt(fix.env.manifest_appends, 0);
    ck_assert_uint_gt(fix.env.manifest_switches, 1);
    part_close(t, p);
}

START_TEST(commits_survive_a_reopen)
{
    start(&configs[_i]);
    fixture_run(&fix, commit_and_reopen, NULL);
    stop();
}
END_TEST

/* A partition written in one mode goes on in the other. */
static void change_modes(struct task *t, void *arg)
{
    struct model m;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 12; i++) {
        struct part *p = open_part(t, i == 0);
        expect_model(t, p->current, &m);
        for (int k = 0; k < 7; k++)
            ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 5), ELOQ_OK);
        part_close(t, p);
        fix.env.append = !fix.env.append;
    }
}

START_TEST(a_partition_may_change_between_append_and_in_place)
{
    start(&configs[1]);
    fixture_run(&fix, change_modes, NULL);
    stop();
}
END_TEST

#define READERS 6

/* Old snapshots, let go in random order while commits go on. */
static void read_old_snapshots(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct snapshot *snaps[READERS] = { NULL };
    struct model *models = mem_alloc(&fix.mem, MEM_OTHER, (READERS + 1) * sizeof(*models));
    struct model *m = &models[READERS];

    (void)arg;
    model_init(m);
    for (int i = 0; i < 400; i++) {
        size_t k = (size_t)rand_below(&fix.rand, READERS);
        if (snaps[k]) {
            expect_model(t, snaps[k], &models[k]);
            snapshot_unref(snaps[k]);
            snaps[k] = NULL;
        } else {
            snaps[k] = snapshot_ref(p->current);
            models[k] = *m;
        }
        if (rand_below(&fix.rand, 4) > 0)
            ck_assert_int_eq(model_commit(t, p, m, &fix.rand, 4), ELOQ_OK);
    }
    for (size_t k = 0; k < READERS; k++) {
        if (snaps[k]) {
            expect_model(t, snaps[k], &models[k]);
            snapshot_unref(snaps[k]);
        }
    }
    expect_model(t, p->current, m);
    ck_assert_uint_eq(p->falloc.leaked, 0);
    expect_no_leak(p);
    mem_free(&fix.mem, models);
    part_close(t, p);
}

START_TEST(snapshot_does_not_see_a_later_write_and_leaves_nothing_behind)
{
    start(&configs[_i]);
    fixture_run(&fix, read_old_snapshots, NULL);
    stop();
}
END_TEST

static int put_alone(struct task *t, struct part *p, struct model *m, uint32_t id, uint64_t number)
{
    struct wtx w;

    TRY(wtx_begin(t, p, &w));
    int rc = model_put(t, &w, m, id, number);
    model_set_roots(&w, m);
    ck_assert_int_eq(rc, ELOQ_OK);
    return wtx_commit(t, &w);
}

static void recycle(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct file_page first, place;

    (void)arg;
    model_init(&m);
    ck_assert_int_eq(put_alone(t, p, &m, UINT32_MAX, 1), ELOQ_OK);
    ck_assert(mapping_get(&p->current->map, page_id(0), &first));
    struct snapshot *early = snapshot_ref(p->current); /* sees `first` */
    struct snapshot *same = snapshot_ref(p->current);
    ck_assert_int_eq(put_alone(t, p, &m, 0, 2), ELOQ_OK);
    struct snapshot *late = snapshot_ref(p->current); /* does not */
    ck_assert(mapping_get(&late->map, page_id(0), &place));
    ck_assert_int_eq(put_alone(t, p, &m, 0, 4), ELOQ_OK);

    ck_assert(!bitset_has(&p->falloc.free, first.n));
    ck_assert(!bitset_has(&p->falloc.free, place.n));
    snapshot_unref(late); /* nobody else saw its page */
    ck_assert(bitset_has(&p->falloc.free, place.n));
    snapshot_unref(early);
    ck_assert(!bitset_has(&p->falloc.free, first.n));
    snapshot_unref(same);
    ck_assert(bitset_has(&p->falloc.free, first.n));
    part_close(t, p);
}

START_TEST(a_page_is_recycled_exactly_when_its_last_reader_leaves)
{
    start(&configs[2]);
    fixture_run(&fix, recycle, NULL);
    stop();
}
END_TEST

static void abort_write(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m, other;
    struct wtx w;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 20), ELOQ_OK);
    for (int i = 0; i < 20; i++) {
        uint64_t free_places = p->falloc.free.count, next = p->falloc.next;
        uint64_t free_ids = p->free_ids.count, end = p->manifest_end;
        struct snapshot *before = p->current;
        other = m;
        ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
        ck_assert_int_eq(model_change(t, &w, &other, &fix.rand, 17), ELOQ_OK);
        wtx_abort(t, &w);
        ck_assert_ptr_eq(p->current, before);
        ck_assert_uint_eq(before->refs, 1);
        ck_assert_uint_eq(p->free_ids.count, free_ids);
        ck_assert_uint_eq(p->manifest_end, end);
        if (fix.env.append)
            ck_assert_uint_eq(p->falloc.next, next);
        else
            ck_assert_uint_eq(p->falloc.free.count - free_places, p->falloc.next - next);
        expect_model(t, p->current, &m);
        expect_no_leak(p);
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 5), ELOQ_OK);
    }
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(an_aborted_write_leaves_no_trace)
{
    start(&configs[_i]);
    fixture_run(&fix, abort_write, NULL);
    stop();
}
END_TEST

static uint64_t writes(void)
{
    return atomic_load(&io->counters[IO_COUNT_WRITES]) + atomic_load(&io->counters[IO_COUNT_SYNCS]);
}

static void change_nothing(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct wtx w;

    (void)arg;
    model_init(&m);
    uint64_t before = writes();
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
    ck_assert_uint_eq(writes(), before);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 5), ELOQ_OK);
    part_close(t, p);
    p = open_part(t, false);
    before = writes();
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
    ck_assert_uint_eq(writes(), before);
    part_close(t, p);
}

START_TEST(a_commit_without_changes_writes_nothing)
{
    start(&configs[2]);
    fixture_run(&fix, change_nothing, NULL);
    stop();
}
END_TEST

static void empty_it(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct wtx w;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 10), ELOQ_OK);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        if (m.pages[id] != NOTHING)
            ck_assert_int_eq(model_free(t, &w, &m, id), ELOQ_OK);
    model_set_roots(&w, &m);
    uint64_t switches = fix.env.manifest_switches;
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
    ck_assert_uint_eq(fix.env.manifest_switches, switches + 1);
    ck_assert_uint_eq(p->manifest_end, RECORD_ALIGN);
    expect_model(t, p->current, &m);
    expect_no_leak(p);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 10), ELOQ_OK);
    expect_model(t, p->current, &m);
    part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(emptying_a_partition_makes_its_manifest_small)
{
    start(&configs[_i]);
    fixture_run(&fix, empty_it, NULL);
    stop();
}
END_TEST

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

struct memory_try {
    unsigned left;
    bool done;
};

static void commit_without_memory(struct task *t, void *arg)
{
    struct memory_try *try = arg;
    struct fail_at fail;
    struct model m;
    struct part *p = open_part(t, true);

    model_init(&m);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 12), ELOQ_OK);
    fail_at_set(&fix.mem, &fail, try->left);
    int rc = model_commit(t, p, &m, &fix.rand, 12);
    try->done = rc == ELOQ_OK;
    fix.mem.fail = NULL;
    ck_assert_msg(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY, "%d %s", rc, t->err.text);
    ck_assert(!p->broken);
    expect_model(t, p->current, &m);
    expect_no_leak(p);
    ck_assert_int_eq(model_commit(t, p, &m, &fix.rand, 12), ELOQ_OK);
    part_close(t, p);
    fail_at_set(&fix.mem, &fail, try->left);
    rc = part_open(t, &fix.env, "table", 7, false, &p);
    fix.mem.fail = NULL;
    ck_assert_msg(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY, "%d %s", rc, t->err.text);
    if (rc == ELOQ_OK)
        part_close(t, p);
    p = open_part(t, false);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(out_of_memory_anywhere_costs_that_write_alone)
{
    struct memory_try try = { 0 };

    while (!try.done) {
        start(&configs[_i]);
        fixture_run(&fix, commit_without_memory, &try);
        stop();
        try.left++;
    }
    ck_assert_uint_gt(try.left, 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part");
    TCase *all = tcase_create("part");

    tcase_set_timeout(all, 120);
    suite_add_tcase(suite, all);
    tcase_add_loop_test(all, commits_survive_a_reopen, 0, ARRAY_LEN(configs));
    tcase_add_test(all, a_partition_may_change_between_append_and_in_place);
    tcase_add_loop_test(all, snapshot_does_not_see_a_later_write_and_leaves_nothing_behind, 0,
                        ARRAY_LEN(configs));
    tcase_add_test(all, a_page_is_recycled_exactly_when_its_last_reader_leaves);
    tcase_add_loop_test(all, an_aborted_write_leaves_no_trace, 0, ARRAY_LEN(configs));
    tcase_add_test(all, a_commit_without_changes_writes_nothing);
    tcase_add_loop_test(all, emptying_a_partition_makes_its_manifest_small, 0, ARRAY_LEN(configs));
    tcase_add_test(all, only_an_unfinished_first_commit_reads_as_absent);
    tcase_add_test(all, a_damaged_manifest_is_named_and_never_read_as_absent);
    tcase_add_test(all, missing_padding_is_completed);
    tcase_add_test(all, a_damaged_tail_is_cut_off);
    tcase_add_test(all, an_archive_is_read_and_kept_while_open);
    tcase_add_test(all, pages_are_checked_for_what_they_should_be);
    tcase_add_loop_test(all, out_of_memory_anywhere_costs_that_write_alone, 0, ARRAY_LEN(configs));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
