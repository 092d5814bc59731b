/* tests/unit/part/falloc_test.c -- no place is handed out twice. */
#include "part/falloc.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../base/run.h"
#include "base/error.h"
#include "base/rand.h"

static struct mem mem;
static uint64_t seed;

static void setup(void)
{
    const char *text = getenv("SEED");

    seed = text ? strtoull(text, NULL, 10) : 20260102;
    mem_init(&mem, 0);
}

START_TEST(append_mode_never_reuses)
{
    struct falloc a;
    struct file_page place;

    falloc_init(&a, &mem, true, 10);
    for (uint64_t n = 10; n < 20; n++) {
        ck_assert_int_eq(falloc_take(&a, &place), ELOQ_OK);
        ck_assert_uint_eq(place.n, n);
        falloc_give(&a, place);
    }
    falloc_give(&a, file_page(3));
    ck_assert_uint_eq(a.next, 20);
    falloc_deinit(&a);
    ck_assert_uint_eq(atomic_load(&mem.total), 0);
}
END_TEST

START_TEST(in_place_mode_takes_the_lowest_free_place)
{
    struct falloc a;
    struct file_page place;
    static const uint64_t expected[] = { 2, 4, 5, 6, 7, 8, 9, 10 };

    falloc_init(&a, &mem, false, 9);
    ck_assert_int_eq(falloc_free_all(&a), ELOQ_OK);
    for (uint64_t n = 0; n < 6; n++)
        ck_assert(falloc_use(&a, file_page(n)));
    falloc_give(&a, file_page(4));
    falloc_give(&a, file_page(2));
    falloc_give(&a, file_page(5));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        ck_assert_int_eq(falloc_take(&a, &place), ELOQ_OK);
        ck_assert_uint_eq(place.n, expected[i]);
    }
    ck_assert_uint_eq(a.next, 11);
    falloc_deinit(&a);
    ck_assert_uint_eq(atomic_load(&mem.total), 0);
}
END_TEST

START_TEST(a_place_claimed_twice_or_beyond_the_end_is_told)
{
    struct falloc a;

    falloc_init(&a, &mem, false, 100);
    ck_assert_int_eq(falloc_free_all(&a), ELOQ_OK);
    ck_assert(falloc_use(&a, file_page(99)));
    ck_assert(!falloc_use(&a, file_page(99)));
    ck_assert(!falloc_use(&a, file_page(100)));
    ck_assert(!falloc_use(&a, file_page(UINT64_MAX)));
    ck_assert_uint_eq(a.free.count, 99);
    falloc_deinit(&a);
}
END_TEST

START_TEST(the_limits_of_the_format_are_kept)
{
    struct falloc a;
    struct file_page place;

    falloc_init(&a, &mem, false, FILE_PAGE_END_IN_PLACE);
    ck_assert_int_eq(falloc_take(&a, &place), ELOQ_NO_SPACE);
    falloc_deinit(&a);
    falloc_init(&a, &mem, false, FILE_PAGE_END_IN_PLACE + 1);
    ck_assert_int_eq(falloc_free_all(&a), ELOQ_NO_SPACE);
    falloc_deinit(&a);
    falloc_init(&a, &mem, true, FILE_PAGE_END - 1);
    ck_assert_int_eq(falloc_take(&a, &place), ELOQ_OK);
    ck_assert_uint_eq(place.n, FILE_PAGE_END - 1);
    ck_assert_int_eq(falloc_take(&a, &place), ELOQ_NO_SPACE);
    falloc_deinit(&a);
}
END_TEST

#define PLACES 3000

START_TEST(no_place_is_handed_out_twice)
{
    static bool is_used[PLACES];
    static uint64_t used[PLACES];
    struct falloc a;
    struct rand r;
    size_t count = 0;

    rand_seed(&r, seed);
    falloc_init(&a, &mem, false, 500);
    ck_assert_int_eq(falloc_free_all(&a), ELOQ_OK);
    for (uint64_t n = 0; n < 500; n += 3) {
        ck_assert(falloc_use(&a, file_page(n)));
        is_used[n] = true;
        used[count++] = n;
    }
    for (int i = 0; i < 100000; i++) {
        bool grow = (i / 2000) % 2 == 0;
        if (count > 0 && (count == PLACES || rand_below(&r, 5) >= (grow ? 3 : 2))) {
            size_t at = rand_below(&r, count);
            is_used[used[at]] = false;
            falloc_give(&a, file_page(used[at]));
            used[at] = used[--count];
            continue;
        }
        struct file_page place;
        uint64_t lowest = 0;
        while (is_used[lowest])
            lowest++;
        ck_assert_int_eq(falloc_take(&a, &place), ELOQ_OK);
        ck_assert_msg(place.n == lowest, "seed %lu: %lu, not %lu", seed, place.n, lowest);
        is_used[place.n] = true;
        used[count++] = place.n;
    }
    ck_assert_uint_eq(a.leaked, 0);
    ck_assert_uint_eq(a.free.count + count, a.next);
    falloc_deinit(&a);
    ck_assert_uint_eq(atomic_load(&mem.total), 0);
}
END_TEST

static bool always_fail(void *user, size_t size)
{
    (void)user;
    (void)size;
    return true;
}

START_TEST(without_memory_taking_fails_and_giving_does_not)
{
    struct falloc a;
    struct file_page place;

    falloc_init(&a, &mem, false, 0);
    for (int i = 0; i < 64; i++)
        ck_assert_int_eq(falloc_take(&a, &place), ELOQ_OK);
    mem.fail = always_fail;
    int rc;
    while ((rc = falloc_take(&a, &place)) == ELOQ_OK)
        ;
    ck_assert_int_eq(rc, ELOQ_NO_MEMORY);
    uint64_t next = a.next;
    for (uint64_t n = 0; n < next; n++)
        falloc_give(&a, file_page(n));
    ck_assert_uint_eq(a.leaked, 0);
    ck_assert_uint_eq(a.free.count, next);
    falloc_deinit(&a);

    /* A set that was never made cannot grow here: the place is lost, not the process. */
    falloc_init(&a, &mem, false, 10);
    ck_assert_int_eq(falloc_free_all(&a), ELOQ_NO_MEMORY);
    falloc_give(&a, file_page(9));
    ck_assert_uint_eq(a.leaked, 1);
    falloc_deinit(&a);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("falloc");
    TCase *tc = tcase_create("falloc");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, append_mode_never_reuses);
    tcase_add_test(tc, in_place_mode_takes_the_lowest_free_place);
    tcase_add_test(tc, a_place_claimed_twice_or_beyond_the_end_is_told);
    tcase_add_test(tc, the_limits_of_the_format_are_kept);
    tcase_add_test(tc, no_place_is_handed_out_twice);
    tcase_add_test(tc, without_memory_taking_fails_and_giving_does_not);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
