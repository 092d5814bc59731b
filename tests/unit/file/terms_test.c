/* tests/unit/file/terms_test.c -- file/terms: agrees with an array, stores no zeros. */
#include "file/terms.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/rand.h"
#include "eloqstore.h"
#include "fail.h"
#include "run.h"

enum { IDS = 60 };

static void check(const struct terms *s, const uint64_t *model, uint64_t seed)
{
    size_t count = 0;
    for (uint64_t id = 0; id < IDS; id++) {
        ck_assert_msg(terms_get(s, id * 3) == model[id], "seed=%" PRIu64, seed);
        ck_assert_uint_eq(terms_get(s, id * 3 + 1), 0);
        count += model[id] != 0;
    }
    ck_assert_msg(s->count == count, "seed=%" PRIu64, seed);
    for (size_t i = 1; i < s->count; i++)
        ck_assert_uint_lt(s->entries[i - 1].file_id, s->entries[i].file_id);
}

START_TEST(set_and_merge_agree_with_an_array)
{
    struct rand r;
    rand_seed_system(&r);
    uint64_t seed = rand_u64(&r);
    fprintf(stderr, "terms: seed=%" PRIu64 "\n", seed);
    rand_seed(&r, seed);
    struct mem m;
    mem_init(&m, 0);
    for (int round = 0; round < 100; round++) {
        uint64_t model[IDS] = { 0 };
        struct terms s;
        terms_init(&s, &m);
        for (int step = 0; step < 60; step++) {
            if (rand_below(&r, 2)) {
                uint64_t id = rand_below(&r, IDS);
                model[id] = rand_below(&r, 3);
                ck_assert_int_eq(terms_set(&s, id * 3, model[id]), 0);
            } else {
                struct term_entry many[IDS];
                size_t n = 0;
                uint64_t rarity = 1 + rand_below(&r, 20);
                for (uint64_t id = 0; id < IDS; id++) {
                    if (rand_below(&r, rarity) != 0)
                        continue;
                    model[id] = rand_below(&r, 3);
                    many[n++] = (struct term_entry){ id * 3, model[id] };
                }
                ck_assert_int_eq(terms_merge(&s, many, n), 0);
            }
            check(&s, model, seed);
        }
        terms_free(&s);
    }
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
    struct mem m;
    struct fail_at f;
    struct terms s;
    mem_init(&m, 0);
    terms_init(&s, &m);
    for (uint64_t id = 0; id < 8; id++)
        ck_assert_int_eq(terms_set(&s, id, id + 1), 0);
    size_t room = s.capacity - s.count;
    struct term_entry many[100];
    for (uint64_t i = 0; i < 100; i++)
        many[i] = (struct term_entry){ 5 + i, 9 };
    fail_at_set(&m, &f, 0);
    ck_assert_int_eq(terms_merge(&s, many, 100), ELOQ_NO_MEMORY);
    for (uint64_t id = 0; id < 8; id++)
        ck_assert_uint_eq(terms_get(&s, id), id + 1);
    for (uint64_t id = 100; id < 100 + room; id++)
        ck_assert_int_eq(terms_set(&s, id, 1), 0);
    ck_assert_int_eq(terms_set(&s, 99, 1), ELOQ_NO_MEMORY);
    ck_assert_uint_eq(terms_get(&s, 99), 0);
    ck_assert_int_eq(terms_set(&s, 99, 0), 0);
    ck_assert_int_eq(terms_set(&s, 3, 70), 0);
    ck_assert_uint_eq(terms_get(&s, 3), 70);
    terms_free(&s);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

RUN_TESTS("terms", set_and_merge_agree_with_an_array, without_memory_nothing_changes)
