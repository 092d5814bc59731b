/* tests/unit/page/overflow_test.c -- page/overflow: how values are cut, and their pages. */
#include "page/overflow.h"

#include "pages.h"
#include "run.h"

/* Cuts `left` bytes; writes "pages:last" per group as text. */
static void cut(uint64_t left, uint32_t page_bytes, uint32_t pointers, char *ret)
{
    struct page_shape shape = { .page_bytes = page_bytes, .overflow_pointers = pointers };
    char *p = ret;
    *p = 0;
    while (left > 0) {
        uint32_t pages = overflow_group_pages(&shape, left), last = 0;
        bool continues = false;
        for (uint32_t i = 0; i < pages; i++) {
            ck_assert(!continues);
            last = overflow_page_takes(&shape, i, left, &continues);
            left -= last;
        }
        ck_assert_int_eq(continues, left > 0);
        ck_assert(!continues || pages == pointers);
        p += sprintf(p, "%u:%u ", pages, last);
    }
}

START_TEST(groups_are_cut_as_in_the_vectors)
{
    static const struct {
        uint64_t bytes;
        uint32_t page_bytes, pointers;
        const char *expected;
    } rows[] = {
        { 4084, 4096, 16, "1:4084 " },         { 4085, 4096, 16, "2:1 " },
        { 65344, 4096, 16, "16:4084 " },       { 65345, 4096, 16, "16:4020 1:65 " },
        { 70000, 4096, 16, "16:4020 2:636 " }, { 10000, 4096, 1, "1:4080 1:4080 1:1840 " },
        { 10000, 4096, 2, "2:4076 1:1840 " },  { 1, 61440, 128, "1:1 " },
    };
    char text[200];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cut(rows[i].bytes, rows[i].page_bytes, rows[i].pointers, text);
        ck_assert_str_eq(text, rows[i].expected);
    }
}
END_TEST

START_TEST(any_size_is_cut_completely)
{
    struct rand r;
    start_seed(&r, "overflow_cut");
    char *text = xmalloc(1 << 20);
    for (int i = 0; i < 2000; i++)
        cut(rand_below(&r, 5000000), page_sizes[rand_below(&r, ARRAY_LEN(page_sizes))],
            (uint32_t)(rand_below(&r, 2) == 0 ? 16 + rand_below(&r, 113) : 1 + rand_below(&r, 16)),
            text);
    free(text);
}
END_TEST

START_TEST(a_built_page_reads_back)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "overflow_build");
    for (int round = 0; round < 300; round++) {
        struct page_shape shape = { .page_bytes =
                                        page_sizes[rand_below(&r, ARRAY_LEN(page_sizes))] };
        struct page_id ids[128];
        uint32_t count = (uint32_t)(rand_below(&r, 3) == 0 ? rand_below(&r, 129) : 0);
        for (uint32_t i = 0; i < count; i++)
            ids[i] = page_id((uint32_t)rand_below(&r, LOGICAL_ID_END));
        uint32_t room = shape.page_bytes - 12 - 4 * count;
        uint32_t size = rand_below(&r, 3) == 0 ? room : (uint32_t)rand_below(&r, room + 1);
        uint8_t *bytes = xmalloc(size), *page = xmalloc(shape.page_bytes);
        memset(page, 0xcc, shape.page_bytes);
        for (uint32_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(rand_u64(&r) | 1);
        overflow_build(page, &shape, bytes, size, count > 0 ? ids : NULL, count);

        struct overflow o;
        ck_assert_msg(overflow_open(&o, page, shape.page_bytes) == ELOQ_OK, "seed=%" PRIu64, seed);
        ck_assert(slice_equal(o.bytes, eloq_bytes(bytes, size)));
        ck_assert_uint_eq(o.id_count, count);
        for (uint32_t i = 0; i < count; i++)
            ck_assert_uint_eq(overflow_id(o.ids, i).n, ids[i].n);
        ck_assert(all_zero(page + 11 + size, room - size));
        free(page);
        free(bytes);
    }
}
END_TEST

START_TEST(malformed_pages_are_corrupted)
{
    struct page_shape shape = { .page_bytes = 4096 };
    uint8_t *page = xmalloc(4096), *bytes = calloc(1, 4096);
    struct overflow o;
    for (uint32_t count = 0; count < 256; count++) {
        for (uint32_t size = 3500; size < 4200; size += size < 3570 ? 1 : 3) {
            overflow_build(page, &shape, bytes, 10, NULL, 0);
            page[4095] = (uint8_t)count;
            put_u16(page + PAGE_LENGTH_AT, (uint16_t)size);
            bool ok = count <= 128 && 11 + size + 4 * count + 1 <= 4096;
            ck_assert_int_eq(overflow_open(&o, page, 4096), ok ? ELOQ_OK : ELOQ_CORRUPTED);
        }
    }
    for (unsigned type = 0; type < 256; type++) {
        overflow_build(page, &shape, bytes, 10, NULL, 0);
        page[PAGE_TYPE_AT] = (uint8_t)type;
        ck_assert_int_eq(overflow_open(&o, page, 4096),
                         type == PAGE_OVERFLOW ? ELOQ_OK : ELOQ_CORRUPTED);
    }
    free(bytes);
    free(page);
}
END_TEST

RUN_TESTS("overflow", groups_are_cut_as_in_the_vectors, any_size_is_cut_completely,
          a_built_page_reads_back, malformed_pages_are_corrupted)
