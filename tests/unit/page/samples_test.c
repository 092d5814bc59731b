/* tests/unit/page/samples_test.c -- page/samples: what a dictionary is trained of. */
#include "page/samples.h"

#include "fail.h"
#include "page/dict.h"
#include "run.h"
#include "text.h"

static struct mem m;
static struct rand r;
static uint8_t trained[DICT_BYTES];

static void start(struct samples *s)
{
    mem_init(&m, 0);
    start_seed(&r, "samples");
    samples_init(s, &m);
}

static void end(struct samples *s)
{
    samples_free(s);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}

static void add_text(struct samples *s, size_t size)
{
    char *value = xmalloc(size);
    fill(&r, value, size);
    ck_assert_int_eq(samples_add(s, eloq_bytes(value, size)), ELOQ_OK);
    free(value);
}

START_TEST(only_values_of_the_right_size_are_wanted)
{
    ck_assert(!samples_want(0) && !samples_want(99) && samples_want(100));
    ck_assert(samples_want(10485760) && !samples_want(10485761));
}
END_TEST

START_TEST(a_trained_dictionary_is_whole_and_helps)
{
    struct samples s;
    struct dict_context context;
    struct bytes out;
    start(&s);
    while (!samples_enough(&s))
        add_text(&s, 100 + rand_below(&r, 400));
    ck_assert_uint_lt(s.bytes, SAMPLES_BYTES + 500);
    ck_assert_int_eq(samples_train(&s, trained), ELOQ_OK);
    struct dict *d = dict_new(&m, trained, DICT_BYTES);
    dict_context_init(&context, &m);
    bytes_init(&out, &m, MEM_DICT);
    char value[200];
    fill(&r, value, sizeof(value));
    ck_assert_int_eq(dict_compress(&context, d, eloq_bytes(value, 200), &out), ELOQ_OK);
    ck_assert_uint_lt(out.size, 120);
    bytes_free(&out);
    dict_context_deinit(&context);
    dict_unref(d);
    end(&s);
}
END_TEST

START_TEST(a_short_dictionary_is_padded_with_zeros)
{
    struct samples s;
    start(&s);
    for (int i = 0; i < 2000; i++) { /* little to say */
        char value[120];
        memset(value, 'a' + i % 7, sizeof(value));
        ck_assert_int_eq(samples_add(&s, eloq_bytes(value, 120)), ELOQ_OK);
    }
    memset(trained, 0xee, sizeof(trained));
    ck_assert_int_eq(samples_train(&s, trained), ELOQ_OK);
    for (size_t i = 1024; i < DICT_BYTES; i++)
        ck_assert_uint_eq(trained[i], 0);
    end(&s);
}
END_TEST

START_TEST(few_large_or_identical_samples_train_nothing)
{
    struct samples s;
    start(&s);
    ck_assert_int_eq(samples_train(&s, trained), 1);
    add_text(&s, 1 << 20);
    add_text(&s, 1 << 20);
    ck_assert(samples_enough(&s));
    ck_assert_int_eq(samples_train(&s, trained), 1);
    samples_free(&s);
    char *same = xmalloc(400000);
    fill(&r, same, 400000);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(samples_add(&s, eloq_bytes(same, 400000)), ELOQ_OK);
    ck_assert_int_eq(samples_train(&s, trained), 1);
    free(same);
    end(&s);
}
END_TEST

START_TEST(of_large_values_little_is_kept)
{
    struct samples s;
    start(&s);
    for (int i = 0; i < 10; i++)
        add_text(&s, 10 << 20);
    ck_assert_uint_eq(s.bytes, UINT64_C(100) << 20);
    ck_assert_uint_eq(s.kept.size, 10 * SAMPLE_KEPT_BYTES);
    end(&s);
}
END_TEST

START_TEST(noise_trains_or_not_but_never_crashes)
{
    struct samples s;
    start(&s);
    while (!samples_enough(&s)) {
        uint64_t value[40];
        for (size_t i = 0; i < ARRAY_LEN(value); i++)
            value[i] = rand_u64(&r);
        ck_assert_int_eq(samples_add(&s, eloq_bytes(value, sizeof(value))), ELOQ_OK);
    }
    int rc = samples_train(&s, trained);
    ck_assert(rc == ELOQ_OK || rc == 1);
    end(&s);
}
END_TEST

START_TEST(a_failed_allocation_leaves_what_was_there)
{
    struct samples s;
    struct fail_at fail;
    start(&s);
    add_text(&s, 300);
    uint64_t bytes = s.bytes;
    fail_at_set(&m, &fail, 0);
    char value[500] = { 0 };
    int rc;
    while ((rc = samples_add(&s, eloq_bytes(value, 500))) == ELOQ_OK)
        bytes += 500;
    ck_assert_int_eq(rc, ELOQ_NO_MEMORY);
    ck_assert_uint_eq(s.bytes, bytes);
    m.fail = NULL;
    ck_assert_int_eq(samples_add(&s, eloq_bytes(value, 500)), ELOQ_OK);
    end(&s);
}
END_TEST

RUN_TESTS("samples", only_values_of_the_right_size_are_wanted,
          a_trained_dictionary_is_whole_and_helps, a_short_dictionary_is_padded_with_zeros,
          few_large_or_identical_samples_train_nothing, of_large_values_little_is_kept,
          noise_trains_or_not_but_never_crashes, a_failed_allocation_leaves_what_was_there)
