/* tests/unit/base/bitset_test.c -- base/bitset against a plain array. */
#include "base/bitset.h"

#include "base/rand.h"
#include "eloqstore.h"
#include "fail.h"
#include "run.h"

static uint64_t array_next(const bool *has, uint64_t size, uint64_t from)
{
    for (uint64_t n = from; n < size; n++)
        if (has[n])
            return n;
    return BITSET_NONE;
}

/* Near the last number touched, so that clusters and empty stretches both occur. */
static uint64_t pick(struct rand *rnd, uint64_t last, uint64_t size)
{
    if (rand_below(rnd, 3) == 0)
        return rand_below(rnd, size);
    return (last + rand_below(rnd, 70)) % size;
}

static void compare_with_array(uint64_t seed, uint64_t size_max, int steps)
{
    struct mem m;
    struct bitset b;
    struct rand rnd;
    bool *has = calloc(size_max, sizeof(*has));
    uint64_t size = 0, last = 0, count = 0;

    mem_init(&m, 0);
    bitset_init(&b, &m, MEM_MAPPING);
    rand_seed(&rnd, seed);
    for (int step = 0; step < steps; step++) {
        if (size == 0 || (size < size_max && rand_below(&rnd, (uint64_t)steps / 50 + 1) == 0)) {
            size += 1 + rand_below(&rnd, MAX(size_max / 20, 1));
            size = MIN(size, size_max);
            ck_assert_int_eq(bitset_grow(&b, size), ELOQ_OK);
        }
        uint64_t n = pick(&rnd, last, size);
        last = n;
        if (rand_below(&rnd, 100) < (step / 1000 % 2 ? 30 : 70)) {
            bitset_add(&b, n);
            count += !has[n];
            has[n] = true;
        } else {
            bitset_remove(&b, n);
            count -= has[n];
            has[n] = false;
        }
        ck_assert_uint_eq(b.count, count);
        n = pick(&rnd, last, size);
        ck_assert_msg(bitset_has(&b, n) == has[n], "seed %lu step %d", (unsigned long)seed, step);
        if (step % 16 == 0)
            ck_assert_msg(bitset_next(&b, n) == array_next(has, size, n),
                          "seed %lu step %d from %lu", (unsigned long)seed, step, (unsigned long)n);
    }
    uint64_t seen = 0;
    for (uint64_t n = bitset_next(&b, 0); n != BITSET_NONE; n = bitset_next(&b, n + 1)) {
        ck_assert(has[n]);
        seen++;
    }
    ck_assert_uint_eq(seen, count);
    bitset_free(&b);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    free(has);
}

START_TEST(agrees_with_an_array_at_small_sizes)
{
    for (uint64_t size = 1; size < 200; size += 7)
        compare_with_array(size, size, 1500);
    compare_with_array(5, 64, 3000);
    compare_with_array(6, 65, 3000);
}
END_TEST

START_TEST(agrees_with_an_array_at_level_edges)
{
    compare_with_array(1, 4095, 20000);
    compare_with_array(2, 4097, 20000);
    compare_with_array(3, 262145, 6000);
}
END_TEST

START_TEST(agrees_with_an_array_at_millions)
{
    compare_with_array(4, 3000000, 4000);
}
END_TEST

START_TEST(the_smallest_is_found_across_a_great_distance)
{
    struct mem m;
    struct bitset b;
    uint64_t size = 20000000;
    mem_init(&m, 0);
    bitset_init(&b, &m, MEM_MAPPING);
    ck_assert_uint_eq(bitset_next(&b, 0), BITSET_NONE);
    ck_assert(!bitset_has(&b, 0));
    ck_assert_int_eq(bitset_grow(&b, size), ELOQ_OK);
    ck_assert_uint_eq(bitset_next(&b, 0), BITSET_NONE);
    bitset_add(&b, size - 1);
    bitset_add(&b, size - 1);
    ck_assert_uint_eq(b.count, 1);
    ck_assert_uint_eq(bitset_next(&b, 0), size - 1);
    ck_assert_uint_eq(bitset_next(&b, size - 1), size - 1);
    ck_assert_uint_eq(bitset_next(&b, size), BITSET_NONE);
    ck_assert_uint_eq(bitset_next(&b, BITSET_NONE), BITSET_NONE);
    bitset_add(&b, 0);
    ck_assert_uint_eq(bitset_next(&b, 0), 0);
    ck_assert_uint_eq(bitset_next(&b, 1), size - 1);
    bitset_remove(&b, size - 1);
    bitset_remove(&b, size - 1);
    ck_assert_uint_eq(bitset_next(&b, 1), BITSET_NONE);
    ck_assert_uint_eq(b.count, 1);
    bitset_free(&b);
}
END_TEST

START_TEST(members_survive_growth_and_failed_growth)
{
    struct mem m;
    struct bitset b;
    struct fail_at f;
    mem_init(&m, 0);
    bitset_init(&b, &m, MEM_MAPPING);
    ck_assert_int_eq(bitset_grow(&b, 64), ELOQ_OK);
    bitset_add(&b, 63);
    for (unsigned left = 0; left < 4; left++) {
        fail_at_set(&m, &f, left);
        if (bitset_grow(&b, 5000) == ELOQ_OK)
            break;
        ck_assert_uint_eq(b.size, 64);
        ck_assert_uint_eq(bitset_next(&b, 0), 63);
        bitset_remove(&b, 63);
        ck_assert_uint_eq(bitset_next(&b, 0), BITSET_NONE);
        bitset_add(&b, 63);
    }
    m.fail = NULL;
    ck_assert_int_eq(bitset_grow(&b, 5000), ELOQ_OK);
    ck_assert_int_eq(bitset_grow(&b, 10), ELOQ_OK);
    ck_assert_uint_eq(b.size, 5000);
    bitset_add(&b, 4999);
    ck_assert_uint_eq(bitset_next(&b, 0), 63);
    ck_assert_uint_eq(bitset_next(&b, 64), 4999);
    ck_assert_int_eq(bitset_grow(&b, UINT64_MAX), ELOQ_NO_MEMORY);
    bitset_free(&b);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

RUN_TESTS("bitset", agrees_with_an_array_at_small_sizes, agrees_with_an_array_at_level_edges,
          agrees_with_an_array_at_millions, the_smallest_is_found_across_a_great_distance,
          members_survive_growth_and_failed_growth)
