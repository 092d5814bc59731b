/* fuzz/page.h -- an input of the page targets: a search key, and a page of any size.
 *
 *     flags u8 | key size u8 | key | page
 *
 * The type and, unless a flag says so, the length field are put right, so that the bytes between
 * are what is tried. */
#pragma once

#include "base/coding.h"
#include "fuzz.h"
#include "page/format.h"

#define PAGE_FUZZ_BYTES_MIN 24 /* the smallest page that has a header and a restart */
#define PAGE_FUZZ_KEEPS_LENGTH 1
#define PAGE_FUZZ_BELOW 2

struct page_fuzz {
    uint8_t flags;
    eloq_slice key; /* borrowed */
    uint8_t *page;  /* owned */
    uint32_t page_bytes;
};

/* False: too short. */
static inline bool page_fuzz_take(struct page_fuzz *p, const uint8_t *data, size_t size,
                                  enum page_type type)
{
    struct fuzz_input in = { data, size };

    p->flags = fuzz_u8(&in);
    p->key = fuzz_bytes(&in, fuzz_u8(&in) % 32);
    if (in.size < PAGE_FUZZ_BYTES_MIN || in.size > PAGE_BYTES_MAX)
        return false;
    p->page_bytes = (uint32_t)in.size;
    p->page = fuzz_copy(in.data, in.size);
    p->page[PAGE_TYPE_AT] = (uint8_t)type;
    if (!(p->flags & PAGE_FUZZ_KEEPS_LENGTH))
        put_u16(p->page + PAGE_LENGTH_AT, (uint16_t)in.size);
    return true;
}
