/* tests/unit/base/map_test.c -- base/map against a plain array. */
#include "base/map.h"

#include "base/rand.h"
#include "eloqstore.h"
#include "fail.h"
#include "run.h"

struct thing {
    uint64_t key;
    bool inside;
};

static bool is_key(const void *value, const void *key)
{
    return ((const struct thing *)value)->key == *(const uint64_t *)key;
}

#define THINGS 700

/* `spread` narrows the hashes, so that most of them collide. */
static void compare_with_array(uint64_t seed, uint64_t spread)
{
    struct mem m;
    struct map map;
    struct rand rnd;
    static struct thing things[THINGS];
    size_t count = 0;

    mem_init(&m, 0);
    map_init(&map, &m, MEM_OTHER, is_key);
    rand_seed(&rnd, seed);
    for (uint64_t i = 0; i < THINGS; i++)
        things[i] = (struct thing){ .key = i };
    for (int step = 0; step < 30000; step++) {
        struct thing *thing = &things[rand_below(&rnd, THINGS)];
        uint64_t hash = hash_mix(thing->key, 1) % spread;
        /* Long phases of mostly putting, then mostly removing. */
        bool put = rand_below(&rnd, 10) < (step / 3000 % 2 ? 2 : 8);
        ck_assert_msg(map_get(&map, hash, &thing->key) == (thing->inside ? thing : NULL),
                      "seed %lu step %d", (unsigned long)seed, step);
        if (put && !thing->inside) {
            ck_assert_int_eq(map_put(&map, hash, thing), ELOQ_OK);
            thing->inside = true;
            count++;
        } else if (!put && thing->inside) {
            map_remove(&map, hash, thing);
            thing->inside = false;
            count--;
        }
        ck_assert_uint_eq(map.count, count);
    }
    size_t at = 0, seen = 0;
    for (struct thing *thing; (thing = map_next(&map, &at)); seen++) {
        ck_assert_msg(thing->inside, "seed %lu", (unsigned long)seed);
        thing->inside = false; /* so that a second sight fails */
    }
    ck_assert_uint_eq(seen, count);
    map_free(&map);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}

START_TEST(finds_what_an_array_finds)
{
    for (uint64_t seed = 1; seed <= 4; seed++)
        compare_with_array(seed, UINT64_MAX);
}
END_TEST

START_TEST(finds_what_an_array_finds_when_hashes_collide)
{
    for (uint64_t seed = 11; seed <= 13; seed++) {
        compare_with_array(seed, 100);
        compare_with_array(seed, 1);
    }
}
END_TEST

START_TEST(an_empty_map_holds_nothing)
{
    struct mem m;
    struct map map;
    uint64_t key = 1;
    size_t at = 0;
    mem_init(&m, 0);
    map_init(&map, &m, MEM_OTHER, is_key);
    ck_assert_ptr_null(map_get(&map, 1, &key));
    ck_assert_ptr_null(map_next(&map, &at));
    map_free(&map);
}
END_TEST

START_TEST(a_put_without_memory_changes_nothing_and_a_reserved_one_cannot_fail)
{
    struct mem m;
    struct map map;
    struct fail_at f;
    static struct thing things[64];
    mem_init(&m, 0);
    map_init(&map, &m, MEM_OTHER, is_key);
    for (uint64_t i = 0; i < ARRAY_LEN(things); i++) {
        struct thing *thing = &things[i];
        thing->key = i;
        fail_at_set(&m, &f, 0);
        if (map_put(&map, i, thing) < 0) {
            for (uint64_t j = 0; j < i; j++)
                ck_assert_ptr_eq(map_get(&map, j, &j), &things[j]);
            ck_assert_uint_eq(map.count, i);
            m.fail = NULL;
            ck_assert_int_eq(map_reserve(&map), ELOQ_OK);
            fail_at_set(&m, &f, 0);
            ck_assert_int_eq(map_put(&map, i, thing), ELOQ_OK);
        }
        ck_assert_ptr_eq(map_get(&map, i, &i), thing);
    }
    map_free(&map);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(hashes_differ_where_the_input_does)
{
    ck_assert_uint_ne(hash_bytes("a", 1), hash_bytes("b", 1));
    ck_assert_uint_eq(hash_bytes("a", 1), hash_bytes("a", 1));
    ck_assert_uint_ne(hash_mix(1, 2), hash_mix(2, 1));
    ck_assert_uint_ne(hash_mix(0, 0), 0);
    ck_assert_uint_ne(hash_mix(1, 0), hash_mix(0, 0));
}
END_TEST

RUN_TESTS("map", finds_what_an_array_finds, finds_what_an_array_finds_when_hashes_collide,
          an_empty_map_holds_nothing,
          a_put_without_memory_changes_nothing_and_a_reserved_one_cannot_fail,
          hashes_differ_where_the_input_does)
