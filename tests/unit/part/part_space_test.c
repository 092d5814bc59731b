/* tests/unit/part/part_space_test.c -- what each file holds is counted exactly; every file that
 * goes, goes under the eyes of an oracle that knows what is still reachable. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/run.h"
#include "file/name.h"
#include "memory_store.h"
#include "part/archive.h"
#include "part/compact.h"
#include "part/gc.h"
#include "part/maintain.h"
#include "part/remove.h"
#include "part/shrink.h"

#define READERS 5
#define FILES_MAX 4096

/* ---- the oracle ---- */

static struct part *watched;
static struct bitset archived_files; /* what archives need, by our own reckoning */
static uint64_t unlinks;
static const struct io_ops *real_ops;

static bool is_reachable(const struct part *p, uint64_t file_id)
{
    for (struct list *node = p->snapshots.next; node != &p->snapshots; node = node->next) {
        const struct snapshot *s = container_of(node, struct snapshot, link);
        for (uint32_t id = 0; id < s->map.page_count; id++) {
            struct file_page place;
            if (mapping_get(&s->map, page_id(id), &place)
                && pagefiles_file_id(&p->files, place) == file_id)
                return true;
        }
    }
    return file_id < archived_files.size && bitset_has(&archived_files, file_id);
}

static void watch(struct io *to, struct io_req *req)
{
    const char *slash = req->op == IO_UNLINK ? strrchr(req->path, '/') : NULL;
    struct file_name name = file_name_parse(slash ? slash + 1 : "");

    if (slash && name.kind == FILE_DATA && watched) {
        ck_assert_msg(!is_reachable(watched, name.id), "%s is needed", req->path);
        unlinks++;
    }
    real_ops->submit(to, req);
}

static void begin_watch(void)
{
    static struct io_ops spy;

    real_ops = fix.io->ops;
    spy = *real_ops;
    spy.submit = watch;
    fix.io->ops = &spy;
    unlinks = 0;
    bitset_init(&archived_files, &fix.mem, MEM_OTHER);
    ck_assert_int_eq(bitset_grow(&archived_files, FILES_MAX), ELOQ_OK);
}

static void end_watch(void)
{
    watched = NULL;
    fix.io->ops = real_ops;
    bitset_free(&archived_files);
}

/* ---- counts ---- */

static void count_snapshot(const struct part *p, const struct snapshot *s, struct bitset *places,
                           uint32_t *live)
{
    for (uint32_t id = 0; id < s->map.page_count; id++) {
        struct file_page place;
        if (!mapping_get(&s->map, page_id(id), &place))
            continue;
        ck_assert_int_eq(bitset_grow(places, place.n + 1), ELOQ_OK);
        bitset_add(places, place.n);
        if (s == p->current) {
            const struct usage_file *f = usage_find(&p->usage, place.n >> p->files.shift);
            ck_assert_ptr_nonnull(f);
            ck_assert_uint_eq(f->ids[place.n & ((UINT64_C(1) << p->files.shift) - 1)], id);
            live[place.n >> p->files.shift]++;
        }
    }
}

/* Counts anew what the commits have added up. */
static void expect_exact(const struct part *p)
{
    static uint32_t live[FILES_MAX], visible[FILES_MAX];
    struct bitset places;
    struct usage_file *f;
    size_t at = 0;

    memset(live, 0, sizeof(live));
    memset(visible, 0, sizeof(visible));
    bitset_init(&places, &fix.mem, MEM_OTHER);
    for (struct list *node = p->snapshots.next; node != &p->snapshots; node = node->next)
        count_snapshot(p, container_of(node, struct snapshot, link), &places, live);
    for (uint64_t n = bitset_next(&places, 0); n != BITSET_NONE; n = bitset_next(&places, n + 1))
        visible[n >> p->files.shift]++;
    bitset_free(&places);
    while ((f = map_next(&p->usage.files, &at))) {
        ck_assert_uint_lt(f->id, FILES_MAX);
        ck_assert_uint_eq(f->live, live[f->id]);
        ck_assert_uint_eq(f->visible, visible[f->id]);
        live[f->id] = visible[f->id] = 0;
    }
    for (size_t i = 0; i < FILES_MAX; i++)
        ck_assert_uint_eq(visible[i], 0); /* no file is unknown */
}

static size_t data_files(struct task *t, const struct part *p)
{
    struct io_names names;
    size_t count = 0;

    io_names_init(&names, &fix.mem);
    if (io_list(t, fix.io, p->files.dir, &names) >= 0)
        for (size_t i = 0; i < names.count; i++)
            count += file_name_parse(names.names[i].name).kind == FILE_DATA;
    io_names_free(&names);
    return count;
}

static void maintain_all(struct task *t, struct part *p)
{
    int rc;

    while ((rc = part_maintain(t, p)) > 0)
        ;
    ck_assert_int_eq(rc, ELOQ_OK);
}

static void compact_all(struct task *t, struct part *p, uint32_t pages)
{
    uint64_t end = part_compact_end(p);
    int rc;

    do {
        rc = part_compact_step(t, p, end, pages);
        ck_assert_int_ge(rc, ELOQ_OK);
        maintain_all(t, p);
    } while (rc > 0);
}

/* ---- churn ---- */

struct slow_reader {
    struct snapshot *snap;
    struct model model;
};

static void drop_reader(struct task *t, struct slow_reader *r)
{
    if (!r->snap)
        return;
    expect_model(t, r->snap, &r->model);
    snapshot_unref(r->snap);
    r->snap = NULL;
}

static void note_archived(const struct part *p)
{
    for (uint32_t id = 0; id < p->current->map.page_count; id++) {
        struct file_page place;
        if (mapping_get(&p->current->map, page_id(id), &place))
            bitset_add(&archived_files, pagefiles_file_id(&p->files, place));
    }
}

/* Everything there is at once: writes, aborted writes, truncation, readers, archives, compaction,
 * garbage collection, reopening. */
static void one_step(struct task *t, struct part *p, struct model *m, bool with_archives)
{
    struct wtx w;

    switch (rand_below(&fix.rand, 12)) {
    case 0:
        compact_all(t, p, 1 + (uint32_t)rand_below(&fix.rand, 40));
        break;
    case 1: { /* an aborted write */
        struct model lost = *m;
        ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
        ck_assert_int_eq(model_change(t, &w, &lost, &fix.rand, 20), ELOQ_OK);
        wtx_abort(t, &w);
        break;
    }
    case 2:
        if (rand_below(&fix.rand, 6) > 0)
            break;
        ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
        ck_assert_int_eq(wtx_free_all(t, &w), ELOQ_OK);
        ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
        model_init(m);
        break;
    case 3:
        if (!with_archives || p->current->map.mapped_count == 0)
            break;
        if (rand_below(&fix.rand, 3) == 0) {
            ck_assert_int_eq(archive_retain(t, p, 0), ELOQ_OK);
            for (uint64_t i = 0; i < FILES_MAX; i++)
                bitset_remove(&archived_files, i);
        } else {
            note_archived(p);
            ck_assert_int_eq(archive_create(t, p, p->current, 1 + rand_below(&fix.rand, 1 << 30)),
                             ELOQ_OK);
        }
        break;
    default:
        ck_assert_int_eq(model_commit(t, p, m, &fix.rand, 1 + (unsigned)rand_below(&fix.rand, 9)),
                         ELOQ_OK);
        break;
    }
    maintain_all(t, p);
}

static void churn(struct task *t, void *arg)
{
    bool with_archives = *(bool *)arg;
    struct slow_reader *readers = mem_zalloc(&fix.mem, MEM_OTHER, READERS * sizeof(*readers));
    struct model m;

    model_init(&m);
    watched = open_part(t, true);
    for (int i = 0; i < 500; i++) {
        struct slow_reader *r = &readers[rand_below(&fix.rand, READERS)];
        if (r->snap) {
            drop_reader(t, r);
        } else if (rand_below(&fix.rand, 3) == 0) {
            r->snap = snapshot_ref(watched->current);
            r->model = m;
        }
        one_step(t, watched, &m, with_archives);
        if (watched->falloc.append)
            expect_exact(watched);
        if (i % 50 == 49) {
            for (size_t k = 0; k < READERS; k++)
                drop_reader(t, &readers[k]);
            expect_model(t, watched->current, &m);
            part_close(t, watched);
            watched = open_part(t, true);
        }
    }
    for (size_t k = 0; k < READERS; k++)
        drop_reader(t, &readers[k]);
    ck_assert_uint_eq(fix.env.versions_pinned, 0);
    ck_assert_uint_eq(fix.env.pages_pinned, 0);
    if (watched->falloc.append) {
        if (with_archives) {
            ck_assert_int_eq(archive_retain(t, watched, 0), ELOQ_OK);
            bitset_free(&archived_files);
        }
        /* the first write looks for what was left when it was closed */
        ck_assert_int_eq(model_commit(t, watched, &m, &fix.rand, 3), ELOQ_OK);
        compact_all(t, watched, 1000);
        maintain_all(t, watched);
        uint64_t pages = UINT64_C(1) << watched->files.shift;
        ck_assert_uint_le(data_files(t, watched) * pages,
                          2 * watched->current->map.mapped_count + 2 * pages);
        ck_assert_uint_gt(unlinks, 20);
    }
    expect_model(t, watched->current, &m);
    struct part *p = watched;
    mem_free(&fix.mem, readers);
    part_close(t, p);
}

START_TEST(nothing_that_can_be_seen_is_removed)
{
    static const struct fixture_config all[] = {
        { .append = true, .shift = 2 },
        { .append = true, .shift = 4, .cache_pages = 30 },
        { .append = true, .shift = 0, .batch_pages = 2, .descriptors = 4 },
        { .append = false, .shift = 2 },
    };
    bool with_archives = _i % 2 && all[_i / 2].append;

    start(&all[_i / 2]);
    begin_watch();
    fixture_run(&fix, churn, &with_archives);
    end_watch();
    stop();
}
END_TEST

/* ---- victims ---- */

static void put_pages(struct task *t, struct part *p, struct model *m, uint32_t first,
                      uint32_t count)
{
    struct wtx w;

    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(model_put(t, &w, m, m->pages[first + i] ? first + i : UINT32_MAX,
                                   rand_u64(&fix.rand) | 1 << 20),
                         ELOQ_OK);
    model_set_roots(&w, m);
    ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
}

static void move_in_steps(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;

    (void)arg;
    model_init(&m);
    put_pages(t, p, &m, 0, 64); /* 4 files of 16 */
    ck_assert(!part_can_compact(p, UINT64_MAX));
    put_pages(t, p, &m, 0, 8); /* half of file 0: not less than half is live */
    ck_assert(!part_can_compact(p, UINT64_MAX));
    put_pages(t, p, &m, 8, 2); /* 6 of 16 */
    ck_assert(part_can_compact(p, UINT64_MAX));
    ck_assert(!part_can_compact(p, 0)); /* not of what came before file 0 */
    ck_assert_int_eq(part_compact_step(t, p, UINT64_MAX, 4), 1);
    ck_assert_uint_eq(usage_find(&p->usage, 0)->live, 2);
    ck_assert_int_eq(part_compact_step(t, p, UINT64_MAX, 4), ELOQ_OK);
    ck_assert_uint_eq(usage_find(&p->usage, 0)->visible, 0);
    ck_assert_uint_eq(data_files(t, p), 5);
    maintain_all(t, p);
    ck_assert_ptr_null(usage_find(&p->usage, 0));
    ck_assert_uint_eq(data_files(t, p), 4);
    expect_model(t, p->current, &m);
    expect_exact(p);
    part_close(t, p);
    p = open_part(t, false);
    expect_exact(p);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(a_victim_is_moved_in_steps)
{
    static const struct fixture_config config = { .append = true, .shift = 4 };

    start(&config);
    fixture_run(&fix, move_in_steps, NULL);
    stop();
}
END_TEST

/* ---- archives that cannot be read ---- */

static void damage(struct task *t, const char *path)
{
    int fd = io_open_file(t, fix.io, path, IO_OPEN_WRITE);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(io_write(t, fix.io, fd, "#", 1, 100), 1);
    io_close_file(t, fix.io, fd);
}

static void keep_what_a_bad_archive_may_need(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    char path[256];

    (void)arg;
    model_init(&m);
    put_pages(t, p, &m, 0, 32);
    ck_assert_int_eq(archive_create(t, p, p->current, 77), ELOQ_OK);
    snprintf(path, sizeof(path), "%s/manifest_0_77", p->files.dir);
    damage(t, path);
    put_pages(t, p, &m, 0, 32);
    size_t files = data_files(t, p);
    maintain_all(t, p);
    ck_assert_uint_eq(data_files(t, p), files);
    ck_assert(p->archives_bad);
    ck_assert(!part_needs_maintenance(p));
    /* once it is gone, so is what it kept */
    ck_assert_int_eq(io_unlink(t, fix.io, path), 0);
    part_gc_archives_changed(p);
    maintain_all(t, p);
    ck_assert_uint_lt(data_files(t, p), files);
    expect_model(t, p->current, &m);
    part_close(t, p);
}

START_TEST(nothing_goes_while_an_archive_cannot_be_read)
{
    static const struct fixture_config config = { .append = true, .shift = 2 };

    start(&config);
    fixture_run(&fix, keep_what_a_bad_archive_may_need, NULL);
    stop();
}
END_TEST

/* ---- the end of a partition ---- */

static void remove_and_begin_again(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct wtx w;

    (void)arg;
    for (int round = 0; round < 3; round++) {
        model_init(&m);
        put_pages(t, p, &m, 0, 40);
        struct snapshot *reader = snapshot_ref(p->current);
        ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
        ck_assert_int_eq(wtx_free_all(t, &w), ELOQ_OK);
        ck_assert_int_eq(wtx_commit(t, &w), ELOQ_OK);
        p->wants_removal = true;
        ck_assert(!part_can_remove(p));
        expect_model(t, reader, &m);
        snapshot_unref(reader);
        ck_assert(part_can_remove(p));
        maintain_all(t, p);
        ck_assert_uint_eq(p->manifest_end, 0);
        ck_assert_uint_eq(p->falloc.next, 0);
        ck_assert_uint_eq(data_files(t, p), 0);
        ck_assert_int_lt(io_rmdir(t, fix.io, p->files.dir), 0); /* gone */
        model_init(&m);
        expect_model(t, p->current, &m);
    }
    part_close(t, p);
    ck_assert_int_eq(part_open(t, &fix.env, "table", 0, false, &p), ELOQ_NOT_FOUND);
}

START_TEST(a_removed_partition_begins_anew)
{
    start(&configs[_i]);
    fixture_run(&fix, remove_and_begin_again, NULL);
    stop();
}
END_TEST

/* ---- the free tail ---- */

static void cut_the_tail(struct task *t, void *arg)
{
    struct part *p = open_part(t, true);
    struct model m;
    struct wtx w;

    (void)arg;
    model_init(&m);
    for (int i = 0; i < 12; i++) /* garbage that readers keep makes the file long */
        put_pages(t, p, &m, 0, 60);
    struct snapshot *readers[8];
    for (int i = 0; i < 8; i++) {
        readers[i] = snapshot_ref(p->current);
        put_pages(t, p, &m, 0, 60);
    }
    uint64_t next = p->falloc.next;
    ck_assert_uint_gt(next, 480);
    for (int i = 0; i < 8; i++)
        snapshot_unref(readers[i]);
    put_pages(t, p, &m, 0, 60); /* to the lowest places */
    ck_assert(part_can_shrink(p));
    maintain_all(t, p);
    ck_assert_uint_le(p->falloc.next, 130);
    ck_assert_uint_le(data_files(t, p), 130 / 16 + 1);
    expect_model(t, p->current, &m);
    part_close(t, p);
    p = open_part(t, false);
    ck_assert_uint_le(p->falloc.next, 130);
    expect_model(t, p->current, &m);
    put_pages(t, p, &m, 0, 60);
    expect_model(t, p->current, &m);
    ck_assert_int_eq(wtx_begin(t, p, &w), ELOQ_OK);
    wtx_abort(t, &w);
    part_close(t, p);
}

START_TEST(a_free_tail_is_given_back)
{
    static const struct fixture_config config = { .append = false, .shift = 4 };

    start(&config);
    begin_watch();
    fixture_run(&fix, cut_the_tail, NULL);
    end_watch();
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part_space");
    TCase *tc = tcase_create("part_space");

    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, nothing_that_can_be_seen_is_removed, 0, 8);
    tcase_add_test(tc, a_victim_is_moved_in_steps);
    tcase_add_test(tc, nothing_goes_while_an_archive_cannot_be_read);
    tcase_add_loop_test(tc, a_removed_partition_begins_anew, 0, 2);
    tcase_add_test(tc, a_free_tail_is_given_back);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
