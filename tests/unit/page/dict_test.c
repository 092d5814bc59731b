/* tests/unit/page/dict_test.c -- page/dict: zstd values, alone and with a dictionary. */
#include "page/dict.h"

#include <zstd.h>

#include "fail.h"
#include "pages.h"
#include "run.h"
#include "text.h"

/* The stored form. `dict` may be NULL. */
static eloq_slice store(const void *plain, size_t size, const uint8_t *dict)
{
    size_t room = 5 + ZSTD_compressBound(size);
    uint8_t *p = xmalloc(room), *frame = put_varint(p, size);
    ZSTD_CCtx *c = ZSTD_createCCtx();
    size_t n = ZSTD_compress_usingDict(c, frame, room - (size_t)(frame - p), plain, size, dict,
                                       dict ? DICT_BYTES : 0, 3);
    ck_assert(!ZSTD_isError(n));
    ZSTD_freeCCtx(c);
    eloq_slice stored = eloq_bytes(p, (size_t)(frame - p) + n);
    eloq_slice exact = copy_slice(stored);
    free(p);
    return exact;
}

struct fixture {
    struct mem m;
    struct dict_context context;
    struct dict *dict;
    uint8_t *bytes;
    struct rand r;
};

static void fixture_init(struct fixture *f)
{
    mem_init(&f->m, 0);
    start_seed(&f->r, "dict");
    f->bytes = xmalloc(DICT_BYTES);
    train(&f->r, f->bytes);
    dict_context_init(&f->context, &f->m);
    f->dict = dict_new(&f->m, f->bytes, DICT_BYTES);
    ck_assert_ptr_nonnull(f->dict);
}

static void fixture_deinit(struct fixture *f)
{
    f->m.fail = NULL;
    dict_unref(f->dict);
    dict_context_deinit(&f->context);
    ck_assert_uint_eq(atomic_load(&f->m.total), 0);
    free(f->bytes);
}

START_TEST(values_read_back_with_and_without_a_dictionary)
{
    struct fixture f;
    fixture_init(&f);
    for (int i = 0; i < 200; i++) {
        size_t size = i == 0 ? 0 : i == 1 ? 3000000 : rand_below(&f.r, 5000);
        char *plain = xmalloc(size), *got = xmalloc(size);
        fill(&f.r, plain, size);
        for (int type = COMPRESSION_DICT; type <= COMPRESSION_ALONE; type++) {
            eloq_slice stored = store(plain, size, type == COMPRESSION_DICT ? f.bytes : NULL);
            uint64_t plain_size;
            ck_assert_int_eq(dict_plain_size(stored, &plain_size), ELOQ_OK);
            ck_assert_uint_eq(plain_size, size);
            ck_assert_int_eq(
                dict_decompress(&f.context, f.dict, (enum compression)type, stored, got, size),
                ELOQ_OK);
            ck_assert(memcmp(got, plain, size) == 0);
            free((void *)(uintptr_t)stored.data);
        }
        free(got);
        free(plain);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(a_dictionary_value_without_a_dictionary_is_a_plain_frame)
{
    struct fixture f;
    fixture_init(&f);
    char plain[500], got[500];
    fill(&f.r, plain, sizeof(plain));
    eloq_slice stored = store(plain, sizeof(plain), NULL);
    ck_assert_int_eq(dict_decompress(&f.context, NULL, COMPRESSION_DICT, stored, got, sizeof(got)),
                     ELOQ_OK);
    ck_assert_mem_eq(got, plain, sizeof(plain));
    free((void *)(uintptr_t)stored.data);
    stored = store(plain, sizeof(plain), f.bytes); /* but this one needs it */
    ck_assert_int_eq(dict_decompress(&f.context, NULL, COMPRESSION_DICT, stored, got, sizeof(got)),
                     ELOQ_CORRUPTED);
    free((void *)(uintptr_t)stored.data);
    fixture_deinit(&f);
}
END_TEST

static int plain_size_of(const void *bytes, size_t n)
{
    uint64_t size;
    uint8_t *exact = xmalloc(n);
    memcpy(exact, bytes, n);
    int rc = dict_plain_size(eloq_bytes(exact, n), &size);
    free(exact);
    return rc;
}

START_TEST(the_prefix_must_be_what_the_frame_says)
{
    struct fixture f;
    fixture_init(&f);
    char plain[1000];
    fill(&f.r, plain, sizeof(plain));
    eloq_slice stored = store(plain, sizeof(plain), NULL);
    uint8_t changed[2000];
    memcpy(changed, stored.data, stored.size);
    ck_assert_int_eq(plain_size_of(changed, stored.size), ELOQ_OK);
    changed[0] ^= 1;
    ck_assert_int_eq(plain_size_of(changed, stored.size), ELOQ_CORRUPTED);
    ck_assert_int_eq(plain_size_of("", 0), ELOQ_CORRUPTED);
    ck_assert_int_eq(plain_size_of("\x05", 1), ELOQ_CORRUPTED);
    ck_assert_int_eq(plain_size_of("\x05garbage", 8), ELOQ_CORRUPTED);
    ck_assert_int_eq(plain_size_of("\xff\xff\xff\xff\xff\xff", 6), ELOQ_CORRUPTED);
    /* a frame without its content size: window descriptor instead */
    ck_assert_int_eq(plain_size_of("\x05\x28\xb5\x2f\xfd\x00\x58\x29\x00\x00hello", 15),
                     ELOQ_CORRUPTED);
    /* 4 GiB - 1 promised by 14 bytes: single segment, 4-byte content size */
    ck_assert_int_eq(plain_size_of("\xff\xff\xff\xff\x0f\x28\xb5\x2f\xfd\xa0\xff\xff\xff\xff", 14),
                     ELOQ_CORRUPTED);
    free((void *)(uintptr_t)stored.data);
    fixture_deinit(&f);
}
END_TEST

START_TEST(damaged_values_are_corrupted_never_a_crash)
{
    struct fixture f;
    fixture_init(&f);
    char plain[700], got[700];
    fill(&f.r, plain, sizeof(plain));
    for (int i = 0; i < 20000; i++) {
        int type = 1 + i % 2;
        eloq_slice stored = store(plain, sizeof(plain), type == COMPRESSION_DICT ? f.bytes : NULL);
        uint8_t *p = (uint8_t *)(uintptr_t)stored.data;
        size_t size = rand_below(&f.r, 4) == 0 ? rand_below(&f.r, stored.size + 1) : stored.size;
        for (uint64_t n = rand_below(&f.r, 3); n > 0 && size > 0; n--)
            p[rand_below(&f.r, size)] ^= (uint8_t)(1 + rand_below(&f.r, 255));
        uint64_t plain_size;
        eloq_slice changed = copy_slice(eloq_bytes(p, size));
        int rc = dict_plain_size(changed, &plain_size);
        ck_assert(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
        if (rc == ELOQ_OK && plain_size <= sizeof(got)) {
            rc = dict_decompress(&f.context, f.dict, (enum compression)type, changed, got,
                                 plain_size);
            ck_assert(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
        }
        free((void *)(uintptr_t)changed.data);
        free(p);
        if (i % 2 == 1 && i > 2000)
            i += 3; /* the rest more quickly */
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(a_malformed_dictionary_is_corrupted)
{
    struct fixture f;
    fixture_init(&f);
    char plain[500], got[500];
    fill(&f.r, plain, sizeof(plain));
    eloq_slice stored = store(plain, sizeof(plain), f.bytes);
    memset(f.bytes + 8, 0xff, 200); /* magic and id stay, the entropy tables do not */
    struct dict *bad = dict_new(&f.m, f.bytes, DICT_BYTES);
    ck_assert_int_eq(dict_decompress(&f.context, bad, COMPRESSION_DICT, stored, got, sizeof(got)),
                     ELOQ_CORRUPTED);
    dict_unref(bad);
    free((void *)(uintptr_t)stored.data);
    fixture_deinit(&f);
}
END_TEST

START_TEST(every_failing_allocation_is_no_memory_and_is_counted_back)
{
    struct fixture f;
    fixture_init(&f);
    char plain[500], got[500];
    fill(&f.r, plain, sizeof(plain));
    eloq_slice stored = store(plain, sizeof(plain), f.bytes);
    struct fail_at fail;
    int rc;
    unsigned n = 0;
    do {
        fail_at_set(&f.m, &fail, n);
        struct dict *d = dict_new(&f.m, f.bytes, DICT_BYTES);
        rc = ELOQ_NO_MEMORY;
        if (d)
            rc = dict_decompress(&f.context, d, COMPRESSION_DICT, stored, got, sizeof(got));
        ck_assert(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY);
        dict_unref(d);
        dict_context_deinit(&f.context);
        ck_assert_int_lt(n++, 100);
    } while (rc != ELOQ_OK);
    ck_assert_uint_gt(n, 3);
    ck_assert_mem_eq(got, plain, sizeof(plain));
    free((void *)(uintptr_t)stored.data);
    fixture_deinit(&f);
}
END_TEST

START_TEST(a_dictionary_lives_as_long_as_somebody_holds_it)
{
    struct mem m;
    mem_init(&m, 0);
    struct dict *d = dict_new(&m, "abc", 3);
    ck_assert_ptr_eq(dict_ref(d), d);
    ck_assert_ptr_null(dict_ref(NULL));
    dict_unref(NULL);
    dict_unref(d);
    ck_assert_mem_eq(d->bytes, "abc", 3);
    dict_unref(d);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

RUN_TESTS("dict", values_read_back_with_and_without_a_dictionary,
          a_dictionary_value_without_a_dictionary_is_a_plain_frame,
          the_prefix_must_be_what_the_frame_says, damaged_values_are_corrupted_never_a_crash,
          a_malformed_dictionary_is_corrupted,
          every_failing_allocation_is_no_memory_and_is_counted_back,
          a_dictionary_lives_as_long_as_somebody_holds_it)
