/* tests/unit/page/slabs_test.c -- page/slabs: pages do not overlap, what is put back goes back. */
#include "page/slabs.h"

#include <string.h>
#include <sys/mman.h>

#include "run.h"

enum { COUNT = 1500 };

static uint8_t *pages[COUNT];

static void take_all(struct slabs *s, uint32_t page_bytes)
{
    for (int i = 0; i < COUNT; i++) {
        pages[i] = slabs_get(s);
        ck_assert_ptr_nonnull(pages[i]);
        ck_assert_uint_eq((uintptr_t)pages[i] % 4096, 0);
        memset(pages[i], i & 0xff, page_bytes);
    }
}

static void expect_whole(int i, uint32_t page_bytes)
{
    for (uint32_t at = 0; at < page_bytes; at += 512)
        ck_assert_uint_eq(pages[i][at], i & 0xff);
    ck_assert_uint_eq(pages[i][page_bytes - 1], i & 0xff);
}

static bool is_resident(uint8_t *page)
{
    unsigned char there = 0;
    return mincore(page, 4096, &there) == 0 && (there & 1);
}

static void run_through(uint32_t page_bytes, size_t wanted)
{
    struct slabs s;
    slabs_init(&s, page_bytes, wanted, 16);
    take_all(&s, page_bytes);
    for (int i = 0; i < COUNT; i++)
        expect_whole(i, page_bytes);
    for (int i = 0; i < COUNT; i += 2) {
        slabs_put(&s, pages[i]);
        ck_assert_uint_le(s.idle, 16);
    }
    for (int i = 1; i < COUNT; i += 2)
        expect_whole(i, page_bytes);
    for (int i = 0; i < COUNT; i += 2) {
        pages[i] = slabs_get(&s);
        memset(pages[i], i & 0xff, page_bytes);
    }
    for (int i = 0; i < COUNT; i++) {
        expect_whole(i, page_bytes);
        slabs_put(&s, pages[i]);
    }
    ck_assert_uint_le(s.idle, 16);
    ck_assert(s.room.next == s.room.prev); /* one slab at most */
    slabs_deinit(&s);
    ck_assert_uint_eq(s.idle, 0);
    ck_assert(list_empty(&s.room));
}

START_TEST(pages_are_whole_and_all_go_back)
{
    run_through(4096, 0);
    run_through(4096, (size_t)1 << 30);
    run_through(12288, 100000);
    run_through(61440, (size_t)1 << 20);
}
END_TEST

START_TEST(what_is_put_back_leaves_memory)
{
    struct slabs s;
    slabs_init(&s, 4096, (size_t)2 << 20, 16);
    take_all(&s, 4096);
    int resident = 0;
    for (int i = 0; i < COUNT - 1; i++)
        slabs_put(&s, pages[i]);
    for (int i = 0; i < COUNT - 1; i++)
        resident += is_resident(pages[i]);
    ck_assert_int_le(resident, 16);
    slabs_put(&s, pages[COUNT - 1]);
    slabs_deinit(&s);
}
END_TEST

RUN_TESTS("slabs", pages_are_whole_and_all_go_back, what_is_put_back_leaves_memory)
