/* tests/unit/page/page_test.c -- page/page: checksum over the whole rest of a page. */
#include "page/page.h"

#include "pages.h"
#include "run.h"

START_TEST(a_sealed_page_verifies_and_any_flipped_bit_does_not)
{
    for (size_t i = 0; i < ARRAY_LEN(page_sizes); i++) {
        uint32_t n = page_sizes[i];
        uint8_t *page = calloc(1, n);
        page[PAGE_TYPE_AT] = PAGE_OVERFLOW;
        page_seal(page, n);
        ck_assert(page_verify(page, n));
        ck_assert_int_eq(page_type(page), PAGE_OVERFLOW);
        for (uint32_t at = 0; at < n; at += at < 64 || at + 64 > n ? 1 : 61) {
            page[at] ^= 0x10;
            ck_assert(!page_verify(page, n));
            page[at] ^= 0x10;
        }
        ck_assert(page_verify(page, n));
        free(page);
    }
}
END_TEST

START_TEST(an_all_zero_page_does_not_verify)
{
    uint8_t *page = calloc(1, 4096);
    ck_assert(!page_verify(page, 4096));
    ck_assert_uint_eq(page_checksum(page, 4096), UINT64_C(0xE9B88C5D16960EE3));
    free(page);
}
END_TEST

RUN_TESTS("page", a_sealed_page_verifies_and_any_flipped_bit_does_not,
          an_all_zero_page_does_not_verify)
