/* tests/unit/page/compress_test.c -- page/dict and page/dict_stream: what is compressed reads back,
 * is what the format says, and costs no more memory than promised. */
#define ZSTD_STATIC_LINKING_ONLY
#include <malloc.h>
#include <zstd.h>

#include "fail.h"
#include "page/dict_stream.h"
#include "run.h"
#include "text.h"

#define MIB ((size_t)1 << 20)

struct fixture {
    struct mem m;
    struct dict_context context;
    struct dict *dict;
    uint8_t *bytes;
    struct rand r;
    struct bytes out;
};

static void fixture_init(struct fixture *f)
{
    mem_init(&f->m, 0);
    start_seed(&f->r, "compress");
    mallopt(M_PERTURB, 0x55); /* what is allocated is not zero */
    f->bytes = xmalloc(DICT_BYTES);
    train(&f->r, f->bytes);
    dict_context_init(&f->context, &f->m);
    f->dict = dict_new(&f->m, f->bytes, DICT_BYTES);
    ck_assert_ptr_nonnull(f->dict);
    bytes_init(&f->out, &f->m, MEM_DICT);
}

static void fixture_deinit(struct fixture *f)
{
    f->m.fail = NULL;
    bytes_free(&f->out);
    dict_unref(f->dict);
    dict_context_deinit(&f->context);
    ck_assert_uint_eq(atomic_load(&f->m.total), 0);
    free(f->bytes);
}

static eloq_slice stored(const struct fixture *f)
{
    return eloq_bytes(f->out.data, f->out.size);
}

/* The frame tells its size and dictionary and has no checksum, as the format says. */
static void check_frame(const struct fixture *f, size_t size, bool has_dict)
{
    ZSTD_frameHeader header;
    eloq_slice frame;
    uint32_t prefix;
    ck_assert(dict_split(stored(f), &prefix, &frame));
    ck_assert_uint_eq(prefix, size);
    ck_assert_uint_lt(frame.size, size * 3 / 4);
    ck_assert_uint_eq(ZSTD_getFrameHeader(&header, frame.data, frame.size), 0);
    ck_assert_uint_eq(header.frameContentSize, size);
    ck_assert_uint_eq(header.checksumFlag, 0);
    unsigned id = ZSTD_getDictID_fromDict(f->bytes, DICT_BYTES);
    ck_assert_uint_ne(id, 0);
    ck_assert_uint_eq(header.dictID, has_dict ? id : 0);
    ck_assert_uint_eq(ZSTD_findFrameCompressedSize(frame.data, frame.size), frame.size);
}

static int pack(struct fixture *f, const struct dict *d, eloq_slice plain, size_t *ret_steps)
{
    struct dict_stream s;
    int rc = dict_pack_begin(&s, &f->m, d, plain, &f->out);
    for (*ret_steps = 1; rc == ELOQ_OK && (rc = dict_pack_step(&s)) == DICT_MORE;)
        ++*ret_steps;
    dict_pack_end(&s);
    return rc;
}

static int unpack(struct fixture *f, const struct dict *d, enum compression type, eloq_slice from,
                  void *plain, size_t size, size_t *ret_steps)
{
    struct dict_stream s;
    int rc = dict_unpack_begin(&s, &f->m, d, type, from, plain, size);
    for (*ret_steps = 1; rc == ELOQ_OK && (rc = dict_unpack_step(&s)) == DICT_MORE;)
        ++*ret_steps;
    dict_unpack_end(&s);
    return rc;
}

START_TEST(small_values_read_back)
{
    struct fixture f;
    fixture_init(&f);
    for (int i = 0; i < 300; i++) {
        size_t size = i == 0   ? COMPRESS_BYTES_MIN
                      : i == 1 ? DICT_AT_ONCE_BYTES
                               : 100 + rand_below(&f.r, i % 50 ? 3000 : 600000);
        char *plain = xmalloc(size), *got = xmalloc(size);
        fill(&f.r, plain, size);
        ck_assert_int_eq(dict_compress(&f.context, f.dict, eloq_bytes(plain, size), &f.out),
                         ELOQ_OK);
        check_frame(&f, size, true);
        ck_assert_int_eq(
            dict_decompress(&f.context, f.dict, COMPRESSION_DICT, stored(&f), got, size), ELOQ_OK);
        ck_assert(memcmp(got, plain, size) == 0);
        free(got);
        free(plain);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(what_does_not_shrink_is_told)
{
    struct fixture f;
    fixture_init(&f);
    for (size_t size = 100; size <= DICT_AT_ONCE_BYTES; size = size * 7 + 1) {
        uint8_t *noise = xmalloc(size);
        for (size_t i = 0; i < size; i++)
            noise[i] = (uint8_t)rand_u64(&f.r);
        ck_assert_int_eq(dict_compress(&f.context, f.dict, eloq_bytes(noise, size), &f.out), 1);
        free(noise);
    }
    size_t size = 5 * MIB, steps;
    uint8_t *noise = xmalloc(size);
    for (size_t i = 0; i < size; i++)
        noise[i] = (uint8_t)rand_u64(&f.r);
    ck_assert_int_eq(pack(&f, f.dict, eloq_bytes(noise, size), &steps), DICT_NOT_SHORTER);
    ck_assert_int_eq(pack(&f, NULL, eloq_bytes(noise, size), &steps), DICT_NOT_SHORTER);
    free(noise);
    fixture_deinit(&f);
}
END_TEST

START_TEST(large_values_go_in_steps_and_either_way_reads_them)
{
    static const size_t sizes[] = { MIB + 1, 3 * MIB + 77, 10 * MIB, 10 * MIB + 1, 40 * MIB };
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < 2 * ARRAY_LEN(sizes); i++) {
        size_t size = sizes[i / 2], steps;
        struct dict *d = i % 2 ? f.dict : NULL;
        enum compression type = d ? COMPRESSION_DICT : COMPRESSION_ALONE;
        char *plain = xmalloc(size), *got = xmalloc(size);
        fill(&f.r, plain, size);
        ck_assert_int_eq(pack(&f, d, eloq_bytes(plain, size), &steps), DICT_DONE);
        ck_assert_uint_ge(steps, size / (256 << 10));
        check_frame(&f, size, d != NULL);
        ck_assert_int_eq(dict_decompress(&f.context, d, type, stored(&f), got, size), ELOQ_OK);
        ck_assert(memcmp(got, plain, size) == 0);
        memset(got, 0, size);
        ck_assert_int_eq(unpack(&f, d, type, stored(&f), got, size, &steps), DICT_DONE);
        ck_assert_uint_ge(steps, size / (384 << 10));
        ck_assert(memcmp(got, plain, size) == 0);
        free(got);
        free(plain);
    }
    fixture_deinit(&f);
}
END_TEST

START_TEST(zeros_shrink_to_nothing_and_still_go_in_steps)
{
    struct fixture f;
    size_t size = 30 * MIB, steps;
    fixture_init(&f);
    char *plain = xmalloc(size), *got = xmalloc(size);
    memset(plain, 0, size);
    memset(got, 1, size);
    ck_assert_int_eq(pack(&f, NULL, eloq_bytes(plain, size), &steps), DICT_DONE);
    ck_assert_uint_lt(f.out.size, 4000);
    ck_assert_int_eq(unpack(&f, NULL, COMPRESSION_ALONE, stored(&f), got, size, &steps), DICT_DONE);
    ck_assert_uint_ge(steps, size / (384 << 10));
    ck_assert(memcmp(got, plain, size) == 0);
    free(got);
    free(plain);
    fixture_deinit(&f);
}
END_TEST

START_TEST(damaged_large_values_are_corrupted_never_a_crash)
{
    struct fixture f;
    size_t size = MIB + 5000, steps;
    fixture_init(&f);
    char *plain = xmalloc(size), *got = xmalloc(size);
    fill(&f.r, plain, size);
    for (int i = 0; i < 300; i++) {
        struct dict *d = i % 2 ? f.dict : NULL;
        enum compression type = d ? COMPRESSION_DICT : COMPRESSION_ALONE;
        if (i < 2)
            memset(plain, 'x', size / 2);
        if (i % 30 < 2)
            ck_assert_int_eq(pack(&f, d, eloq_bytes(plain, size), &steps), DICT_DONE);
        else if (i % 30 == 2)
            ck_assert_int_eq(pack(&f, NULL, eloq_bytes(plain, size), &steps), DICT_DONE);
        eloq_slice changed = copy_slice(stored(&f));
        uint8_t *p = (uint8_t *)(uintptr_t)changed.data;
        switch (i % 4) {
        case 0: /* cut */
            changed.size = rand_below(&f.r, changed.size);
            break;
        case 1: /* more than a frame */
            changed.size -= 1;
            memmove(p + 4, p + 4, changed.size - 4);
            break;
        default:
            for (int n = 0; n < 3; n++)
                p[rand_below(&f.r, i % 8 < 4 ? 200 : changed.size)] ^=
                    (uint8_t)(1 + rand_below(&f.r, 255));
        }
        uint64_t plain_size;
        int rc = dict_plain_size(changed, &plain_size);
        ck_assert(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
        if (rc == ELOQ_OK && plain_size == size) {
            rc = unpack(&f, d, type, changed, got, size, &steps);
            ck_assert(rc == DICT_DONE || rc == ELOQ_CORRUPTED);
        }
        free(p);
    }
    eloq_slice longer = eloq_bytes(xmalloc(f.out.size + 1), f.out.size + 1);
    memcpy((void *)(uintptr_t)longer.data, f.out.data, f.out.size);
    ((uint8_t *)(uintptr_t)longer.data)[f.out.size] = 0;
    ck_assert_int_eq(unpack(&f, NULL, COMPRESSION_ALONE, longer, got, size, &steps),
                     ELOQ_CORRUPTED);
    free((void *)(uintptr_t)longer.data);
    free(got);
    free(plain);
    fixture_deinit(&f);
}
END_TEST

START_TEST(a_malformed_dictionary_packs_nothing_and_reads_nothing)
{
    struct fixture f;
    size_t size = MIB + 1, steps;
    fixture_init(&f);
    char *plain = xmalloc(size), *got = xmalloc(size);
    fill(&f.r, plain, size);
    ck_assert_int_eq(pack(&f, f.dict, eloq_bytes(plain, size), &steps), DICT_DONE);
    eloq_slice good = copy_slice(stored(&f));
    memset(f.bytes + 8, 0xff, 200); /* magic and id stay, the entropy tables do not */
    struct dict *bad = dict_new(&f.m, f.bytes, DICT_BYTES);
    ck_assert_int_eq(dict_compress(&f.context, bad, eloq_bytes(plain, 1000), &f.out), 1);
    ck_assert_int_eq(pack(&f, bad, eloq_bytes(plain, size), &steps), DICT_NOT_SHORTER);
    ck_assert_int_eq(unpack(&f, bad, COMPRESSION_DICT, good, got, size, &steps), ELOQ_CORRUPTED);
    ck_assert_int_eq(unpack(&f, f.dict, COMPRESSION_DICT, good, got, size, &steps), DICT_DONE);
    dict_unref(bad);
    free((void *)(uintptr_t)good.data);
    free(got);
    free(plain);
    fixture_deinit(&f);
}
END_TEST

START_TEST(bytes_without_structure_are_a_dictionary_too)
{
    struct fixture f;
    fixture_init(&f);
    char plain[400], got[400];
    fill(&f.r, plain, sizeof(plain));
    struct dict *raw = dict_new(&f.m, plain, 300);
    ck_assert_int_eq(dict_compress(&f.context, raw, eloq_bytes(plain, 400), &f.out), ELOQ_OK);
    ck_assert_int_eq(dict_decompress(&f.context, raw, COMPRESSION_DICT, stored(&f), got, 400),
                     ELOQ_OK);
    ck_assert_mem_eq(plain, got, 400);
    dict_unref(raw);
    fixture_deinit(&f);
}
END_TEST

/* Packs and unpacks once with the n-th allocation and all later ones failing. */
static bool try_failing(struct fixture *f, unsigned n, eloq_slice plain, void *got)
{
    struct fail_at fail;
    size_t steps;
    bool is_large = plain.size > DICT_AT_ONCE_BYTES;
    fail_at_set(&f->m, &fail, n);
    int rc = is_large ? pack(f, f->dict, plain, &steps)
                      : dict_compress(&f->context, f->dict, plain, &f->out);
    ck_assert(rc == (is_large ? DICT_DONE : ELOQ_OK) || rc == ELOQ_NO_MEMORY);
    if (rc >= 0)
        rc = is_large ? unpack(f, f->dict, COMPRESSION_DICT, stored(f), got, plain.size, &steps)
                      : dict_decompress(&f->context, f->dict, COMPRESSION_DICT, stored(f), got,
                                        plain.size);
    ck_assert(rc == (is_large ? DICT_DONE : ELOQ_OK) || rc == ELOQ_NO_MEMORY);
    f->m.fail = NULL;
    return rc >= 0;
}

START_TEST(every_failing_allocation_is_no_memory_and_leaves_nothing)
{
    static const size_t sizes[] = { 500, 900000, 2 * MIB };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct fixture f;
        unsigned n = 0;
        fixture_init(&f);
        char *plain = xmalloc(sizes[i]), *got = xmalloc(sizes[i]);
        fill(&f.r, plain, sizes[i]);
        while (!try_failing(&f, n, eloq_bytes(plain, sizes[i]), got)) {
            ck_assert_int_lt(n++, 200);
            if (n % 2) { /* from nothing, or from where the failure left it */
                bytes_free(&f.out);
                dict_context_deinit(&f.context);
            }
        }
        ck_assert_uint_gt(n, 3);
        ck_assert(memcmp(got, plain, sizes[i]) == 0);
        free(got);
        free(plain);
        fixture_deinit(&f);
    }
}
END_TEST

START_TEST(of_many_dictionaries_few_are_made)
{
    enum { DICTS = 200 };
    struct fixture f;
    fixture_init(&f);
    struct dict *dicts[DICTS];
    char plain[1000], got[1000];
    fill(&f.r, plain, sizeof(plain));
    for (int i = 0; i < DICTS; i++)
        dicts[i] = dict_new(&f.m, f.bytes, DICT_BYTES);
    for (int i = 0; i < 3 * DICTS; i++) {
        struct dict *d = dicts[i < DICTS ? i : (int)rand_below(&f.r, DICTS)];
        ck_assert_int_eq(dict_compress(&f.context, d, eloq_bytes(plain, 1000), &f.out), ELOQ_OK);
        ck_assert_int_eq(dict_decompress(&f.context, d, COMPRESSION_DICT, stored(&f), got, 1000),
                         ELOQ_OK);
        ck_assert_mem_eq(plain, got, 1000);
    }
    ck_assert_uint_lt(atomic_load(&f.m.total) / DICTS, 64 << 10);
    for (int i = 0; i < DICTS; i++)
        dict_unref(dicts[i]);
    fixture_deinit(&f);
}
END_TEST

RUN_TESTS("compress", small_values_read_back, what_does_not_shrink_is_told,
          large_values_go_in_steps_and_either_way_reads_them,
          zeros_shrink_to_nothing_and_still_go_in_steps,
          damaged_large_values_are_corrupted_never_a_crash,
          a_malformed_dictionary_packs_nothing_and_reads_nothing,
          bytes_without_structure_are_a_dictionary_too,
          every_failing_allocation_is_no_memory_and_leaves_nothing,
          of_many_dictionaries_few_are_made)
