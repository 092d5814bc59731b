/* page/page.h -- what all pages share: header, seal, verify. Specification: format.md 5. Pure. */
#pragma once

#include "page/format.h"

/* Writes the checksum over [8, page_bytes). The last step of every builder's
 * user: links may still be changed between finish and seal. */
void page_seal(uint8_t *page, uint32_t page_bytes);
/* Checksum of a page's bytes [8, page_bytes). */
uint64_t page_checksum(const uint8_t *page, uint32_t page_bytes);
/* What a sealed page says that it is. */
uint64_t page_sum(const uint8_t *page);
/* Whether the checksum is right. */
bool page_verify(const uint8_t *page, uint32_t page_bytes);
static inline enum page_type page_type(const uint8_t *page)
{
    return (enum page_type)page[PAGE_TYPE_AT];
}
