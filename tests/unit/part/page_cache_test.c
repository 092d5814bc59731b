/* tests/unit/part/page_cache_test.c -- one read for many, never more than the limit, nobody left
 * waiting. */
#include "part/page_cache.h"

#include "../file/file_fixture.h"
#include "base/rand.h"

#define PLACES 20

static struct pagefiles files;
static struct pagepool pool;
static struct page_cache cache;
static size_t reached;
static struct page_owner owner_a, owner_b;

static void open_files(struct task *t, void *arg)
{
    (void)arg;
    fixture_files_open(t, &files, "t", 6, false);
    ck_assert_int_eq(fixture_write(t, &files, 0, PLACES), ELOQ_OK);
    fixture_reset_counts();
}

static void close_files(struct task *t, void *arg)
{
    (void)arg;
    fixture_files_close(t, &files);
}

static void setup(void)
{
    fixture_open(true, 4);
    fixture_run(open_files, NULL);
    pagepool_init(&pool, &fx.mem, PAGE_BYTES, 2);
    page_cache_init(&cache, &fx.mem, &pool, 3);
    page_owner_init(&owner_a);
    page_owner_init(&owner_b);
}

static void teardown(void)
{
    fx.mem.fail = NULL;
    page_cache_deinit(&cache);
    pagepool_deinit(&pool);
    fixture_run(close_files, NULL);
    fixture_close();
}

static struct cached_page *pin(struct task *t, uint64_t n)
{
    struct cached_page *p = NULL;

    ck_assert_int_eq(page_cache_pin(t, &cache, &files, &owner_a, file_page(n), &p), ELOQ_OK);
    ck_assert(fixture_is(p->data, n));
    ck_assert_uint_eq(p->place.n, n);
    ck_assert_uint_le(cache.count, cache.limit);
    return p;
}

static void touch(struct task *t, uint64_t n)
{
    page_cache_unpin(&cache, pin(t, n));
}

static void lru(struct task *t, void *arg)
{
    (void)arg;
    touch(t, 0);
    touch(t, 1);
    touch(t, 2);
    touch(t, 0);
    ck_assert_uint_eq(cache.hits, 1);
    ck_assert_uint_eq(cache.misses, 3);
    touch(t, 3); /* for 1 */
    ck_assert_uint_eq(cache.evictions, 1);
    touch(t, 0);
    touch(t, 2);
    touch(t, 3);
    ck_assert_uint_eq(cache.misses, 4);
    touch(t, 1);
    ck_assert_uint_eq(cache.misses, 5);
    ck_assert_uint_eq(fx.count[IO_READ], 5);
}

START_TEST(the_least_recently_used_page_is_evicted)
{
    fixture_run(lru, NULL);
}
END_TEST

static void pinned(struct task *t, void *arg)
{
    struct cached_page *a = pin(t, 0), *b = pin(t, 0), *c = pin(t, 1);

    (void)arg;
    ck_assert_ptr_eq(a, b);
    for (uint64_t n = 2; n < 10; n++)
        touch(t, n);
    ck_assert(fixture_is(a->data, 0) && fixture_is(c->data, 1));
    ck_assert_uint_eq(page_cache_shrink(&cache, 10), 1);
    page_cache_unpin(&cache, a);
    ck_assert_uint_eq(page_cache_shrink(&cache, 10), 0);
    page_cache_unpin(&cache, b);
    page_cache_unpin(&cache, c);
    ck_assert_uint_eq(page_cache_shrink(&cache, 1), 1);
    ck_assert_uint_eq(page_cache_shrink(&cache, 10), 1);
    ck_assert_uint_eq(cache.count, 0);
}

START_TEST(pinned_pages_stay)
{
    fixture_run(pinned, NULL);
}
END_TEST

static uint8_t *new_page(uint64_t n)
{
    uint8_t *data = pagepool_get(&pool);

    ck_assert_ptr_nonnull(data);
    fixture_fill(data, n);
    return data;
}

static void insertion(struct task *t, void *arg)
{
    (void)arg;
    page_cache_insert(&cache, &owner_a, file_page(30), new_page(30));
    touch(t, 30); /* is not on disk */
    ck_assert_uint_eq(fx.count[IO_READ], 0);
    page_cache_insert(&cache, &owner_a, file_page(30), new_page(30)); /* as it is */
    ck_assert_uint_eq(cache.count, 1);
    page_cache_drop(&cache, &owner_a, file_page(30));
    page_cache_drop(&cache, &owner_a, file_page(30));
    ck_assert_uint_eq(cache.count, 0);

    for (uint64_t n = 40; n < 50; n++)
        page_cache_insert(&cache, &owner_a, file_page(n), new_page(n));
    ck_assert_uint_eq(cache.count, 3);
    touch(t, 49);
    struct cached_page *p[] = { pin(t, 47), pin(t, 48), pin(t, 49) };
    page_cache_insert(&cache, &owner_a, file_page(50), new_page(50)); /* no room: not kept */
    ck_assert_uint_eq(cache.count, 3);
    for (size_t i = 0; i < 3; i++)
        page_cache_unpin(&cache, p[i]);
    ck_assert_uint_eq(fx.count[IO_READ], 0);

    /* The place was recycled and holds something else now. */
    page_cache_insert(&cache, &owner_a, file_page(3), new_page(333));
    page_cache_drop(&cache, &owner_a, file_page(3));
    touch(t, 3);
    ck_assert_uint_eq(fx.count[IO_READ], 1);
}

START_TEST(a_written_page_needs_no_read)
{
    fixture_run(insertion, NULL);
}
END_TEST

static void owners(struct task *t, void *arg)
{
    struct cached_page *p;

    (void)arg;
    page_cache_insert(&cache, &owner_b, file_page(1), new_page(111));
    touch(t, 1);
    touch(t, 2);
    ck_assert_uint_eq(cache.count, 3);
    page_cache_drop_owner(&cache, &owner_a);
    ck_assert_uint_eq(cache.count, 1);
    ck_assert_int_eq(page_cache_pin(t, &cache, &files, &owner_b, file_page(1), &p), ELOQ_OK);
    ck_assert(fixture_is(p->data, 111));
    page_cache_unpin(&cache, p);
    page_cache_drop_owner(&cache, &owner_b);
    ck_assert_uint_eq(cache.count, 0);
}

START_TEST(partitions_do_not_see_each_others_pages)
{
    fixture_run(owners, NULL);
}
END_TEST

static void read_place_5(struct task *t, void *arg)
{
    (void)arg;
    touch(t, 5);
    reached++;
}

START_TEST(one_read_serves_all_who_wait)
{
    char args[50];

    fixture_run_many(read_place_5, args, 1, sizeof(args));
    ck_assert_uint_eq(reached, sizeof(args));
    ck_assert_uint_eq(fx.count[IO_READ], 1);
    ck_assert_uint_eq(cache.misses, 1);
    ck_assert_uint_eq(cache.hits, sizeof(args) - 1);
}
END_TEST

static void read_what_is_not_there(struct task *t, void *arg)
{
    struct cached_page *p = NULL;

    (void)arg;
    ck_assert_int_eq(page_cache_pin(t, &cache, &files, &owner_a, file_page(60), &p),
                     ELOQ_CORRUPTED);
    ck_assert_ptr_null(p);
    ck_assert_ptr_nonnull(strstr(t->err.text, "page past the end of its file"));
    ck_assert_ptr_nonnull(strstr(t->err.path, "data_0_0"));
    reached++;
}

START_TEST(a_failed_load_is_told_to_all_and_leaves_nothing)
{
    char args[50];

    fixture_run_many(read_what_is_not_there, args, 1, sizeof(args));
    ck_assert_uint_eq(reached, sizeof(args));
    ck_assert_uint_eq(fx.count[IO_READ], 1);
    ck_assert_uint_eq(cache.count, 0);
    fixture_run_many(read_what_is_not_there, args, 1, 1);
    ck_assert_uint_eq(fx.count[IO_READ], 2);
}
END_TEST

static bool fail_page_buffers(void *user, size_t size)
{
    (void)user;
    return size >= PAGE_BYTES && pool.made >= 2;
}

static void walker(struct task *t, void *arg)
{
    struct rand r;

    rand_seed(&r, *(uint64_t *)arg);
    for (int i = 0; i < 300; i++) {
        /* As in a descent: one pin at a time, given up before the next wait. */
        uint64_t n = rand_below(&r, PLACES + 2);
        struct cached_page *p;
        int rc = page_cache_pin(t, &cache, &files, &owner_a, file_page(n), &p);
        ck_assert_uint_le(cache.count, cache.limit);
        if (n >= PLACES) {
            ck_assert_int_eq(rc, ELOQ_CORRUPTED);
            continue;
        }
        ck_assert_int_eq(rc, ELOQ_OK);
        ck_assert(fixture_is(p->data, n));
        if (rand_below(&r, 3) == 0)
            task_yield(t);
        ck_assert(fixture_is(p->data, n));
        page_cache_unpin(&cache, p);
    }
    reached++;
}

START_TEST(many_tasks_share_a_tiny_cache)
{
    uint64_t seeds[40];

    cache.limit = 1 + (size_t)_i % 4;
    if (_i >= 4) { /* the pool is smaller than the limit */
        cache.limit = 10;
        fx.mem.fail = fail_page_buffers;
    }
    for (size_t i = 0; i < ARRAY_LEN(seeds); i++)
        seeds[i] = 1000 * (uint64_t)_i + i;
    fixture_run_many(walker, seeds, sizeof(seeds[0]), ARRAY_LEN(seeds));
    ck_assert_uint_eq(reached, ARRAY_LEN(seeds));
    ck_assert_uint_le(pool.made, _i >= 4 ? 2 : cache.limit + pool.keep);
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
    struct cached_page *p;
    int rc = -1;

    (void)arg;
    for (uint64_t n = 1; rc < 0; n++) {
        alloc_left = n;
        fx.mem.fail = fail_later;
        rc = page_cache_pin(t, &cache, &files, &owner_a, file_page(1), &p);
        fx.mem.fail = NULL;
        ck_assert(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY);
        ck_assert_uint_eq(cache.count, rc == ELOQ_OK);
    }
    page_cache_unpin(&cache, p);
    uint8_t *data = new_page(2);
    alloc_left = 1;
    fx.mem.fail = fail_later;
    page_cache_insert(&cache, &owner_a, file_page(2), data);
    ck_assert_uint_eq(cache.count, 0); /* nothing helped, not even evicting */
}

START_TEST(any_failed_allocation_is_an_answer)
{
    fixture_run(without_memory, NULL);
}
END_TEST

static bool fail_always(void *user, size_t size)
{
    (void)user;
    (void)size;
    return true;
}

static int64_t memory_ends_at_the_first_read(const struct io_req *req)
{
    if (req->op == IO_READ)
        fx.mem.fail = fail_always;
    return req->op == IO_READ ? -EIO : 0;
}

static void pin_in_vain(struct task *t, void *arg)
{
    struct cached_page *p;
    int rc = page_cache_pin(t, &cache, &files, &owner_a, file_page(*(uint64_t *)arg), &p);

    ck_assert_int_eq(rc, reached == 0 ? ELOQ_IO : ELOQ_NO_MEMORY);
    reached++;
}

START_TEST(who_is_woken_in_vain_wakes_the_next)
{
    uint64_t places[] = { 1, 2, 3, 4 };

    cache.limit = 1;
    pool.keep = 0;
    fx.fault = memory_ends_at_the_first_read;
    fixture_run_many(pin_in_vain, places, sizeof(places[0]), ARRAY_LEN(places));
    ck_assert_uint_eq(reached, ARRAY_LEN(places));
    ck_assert_uint_eq(fx.count[IO_READ], 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page_cache");
    TCase *tc = tcase_create("page_cache");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_least_recently_used_page_is_evicted);
    tcase_add_test(tc, pinned_pages_stay);
    tcase_add_test(tc, a_written_page_needs_no_read);
    tcase_add_test(tc, partitions_do_not_see_each_others_pages);
    tcase_add_test(tc, one_read_serves_all_who_wait);
    tcase_add_test(tc, a_failed_load_is_told_to_all_and_leaves_nothing);
    tcase_add_loop_test(tc, many_tasks_share_a_tiny_cache, 0, 8);
    tcase_add_test(tc, any_failed_allocation_is_an_answer);
    tcase_add_test(tc, who_is_woken_in_vain_wakes_the_next);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
