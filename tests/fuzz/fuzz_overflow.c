/* fuzz/fuzz_overflow.c -- any bytes as an overflow page: what it tells lies inside the page; and
 * values of any size are cut into pages that hold them whole. */
#include "page.h"
#include "page/overflow.h"

#define VALUE_BYTES_MAX (UINT64_C(1) << 20)
#define PAGE_BYTES 4096u

static volatile uint32_t fuzz_sink; /* makes the reads happen */

static void read_any(const uint8_t *page, uint32_t page_bytes)
{
    uint32_t sum = 0;
    struct overflow o;
    if (overflow_open(&o, page, page_bytes) < 0)
        return;
    PROMISE(o.id_count <= OVERFLOW_POINTERS_MAX);
    for (size_t i = 0; i < o.bytes.size; i++)
        sum += ((const uint8_t *)o.bytes.data)[i];
    for (uint32_t i = 0; i < o.id_count; i++)
        sum += overflow_id(o.ids, i).n;
    fuzz_sink = sum;
}

/* A value of this size is cut into groups, and each page fits. */
static void cut(uint64_t size, uint32_t pointers)
{
    struct page_shape shape = { .page_bytes = PAGE_BYTES, .overflow_pointers = pointers };
    uint64_t left = size;
    uint32_t groups = 0;
    while (left > 0) {
        uint32_t pages = overflow_group_pages(&shape, left);
        PROMISE(pages >= 1 && pages <= pointers);
        for (uint32_t i = 0; i < pages; i++) {
            bool continues = false;
            uint32_t takes = overflow_page_takes(&shape, i, left, &continues);
            PROMISE(takes > 0 && takes <= left);
            PROMISE(!continues || i + 1 == pointers);
            left -= takes;
            PROMISE(continues == (i + 1 == pages && left > 0));
        }
        PROMISE(++groups <= 1 + size / 64);
    }
}

/* What is built reads the same. */
static void build(struct fuzz_input in, uint8_t count)
{
    static uint8_t page[PAGE_BYTES];
    struct page_id ids[OVERFLOW_POINTERS_MAX];
    struct page_shape shape = { .page_bytes = PAGE_BYTES, .overflow_pointers = 16 };
    uint32_t id_count = count % (OVERFLOW_POINTERS_MAX + 1);
    for (uint32_t i = 0; i < id_count; i++)
        ids[i] = page_id(fuzz_u16(&in) * 8191u);
    size_t room = PAGE_BYTES - OVERFLOW_HEADER_BYTES - 1 - 4 * id_count;
    eloq_slice value = fuzz_bytes(&in, room);
    overflow_build(page, &shape, value.data, (uint32_t)value.size, ids, id_count);
    struct overflow o;
    PROMISE(overflow_open(&o, page, PAGE_BYTES) == ELOQ_OK);
    PROMISE(o.id_count == id_count && o.bytes.size == value.size);
    PROMISE(value.size == 0 || memcmp(o.bytes.data, value.data, value.size) == 0);
    for (uint32_t i = 0; i < id_count; i++)
        PROMISE(overflow_id(o.ids, i).n == ids[i].n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = { data, size };
    uint8_t pointers = fuzz_u8(&in);
    uint64_t value_bytes = fuzz_u16(&in);
    value_bytes |= (uint64_t)fuzz_u8(&in) << 16;
    cut(value_bytes % VALUE_BYTES_MAX, 1 + pointers % OVERFLOW_POINTERS_MAX);
    if (in.size >= OVERFLOW_HEADER_BYTES + 1) {
        uint8_t *page = fuzz_copy(in.data, in.size);
        page[PAGE_TYPE_AT] = PAGE_OVERFLOW;
        read_any(page, (uint32_t)in.size);
        free(page);
    }
    build(in, pointers);
    return 0;
}
