/* page/page.c -- the checksum every page begins with. */
#include "page/page.h"

#include "base/checksum.h"
#include "base/coding.h"

uint64_t page_checksum(const uint8_t *page, uint32_t page_bytes)
{
    return checksum64(page + PAGE_TYPE_AT, page_bytes - PAGE_TYPE_AT);
}

void page_seal(uint8_t *page, uint32_t page_bytes)
{
    put_u64(page + PAGE_CHECKSUM_AT, page_checksum(page, page_bytes));
}

uint64_t page_sum(const uint8_t *page)
{
    return get_u64(page + PAGE_CHECKSUM_AT);
}

bool page_verify(const uint8_t *page, uint32_t page_bytes)
{
    return page_sum(page) == page_checksum(page, page_bytes);
}
