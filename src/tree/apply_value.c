/* tree/apply_value.c -- writes a value that is too large for a leaf to overflow pages.
 * Specification: format.md 7. */
#include "tree/apply_private.h"

#include "base/check.h"
#include "page/overflow.h"

/* Ids for the group that begins with `left` bytes to store. */
static int take_group(struct applier *a, uint64_t left, struct page_id *ids, uint32_t *ret_count)
{
    uint32_t count = overflow_group_pages(a->shape, left);
    for (uint32_t i = 0; i < count; i++)
        TRY(wtx_new_id(a->t, a->w, &ids[i]));
    *ret_count = count;
    return ELOQ_OK;
}

int value_write_overflow(struct applier *a, struct entry *entry)
{
    const uint8_t *bytes = entry->value.data;
    uint64_t left = entry->value.size;
    struct page_id *group = arena_alloc(&a->leaf, 2 * OVERFLOW_POINTERS_MAX * sizeof(*group));
    uint8_t *first = arena_alloc(&a->leaf, 4 * OVERFLOW_POINTERS_MAX);
    if (!group || !first)
        return task_no_memory(a->t);
    struct page_id *next = group + OVERFLOW_POINTERS_MAX;
    uint32_t count = 0;
    TRY(take_group(a, left, group, &count));
    for (uint32_t i = 0; i < count; i++)
        put_u32(first + 4 * (size_t)i, group[i].n);
    entry->value = eloq_bytes(first, 4 * (size_t)count);
    entry->is_overflow = true;

    while (count > 0) {
        uint32_t next_count = 0;
        for (uint32_t i = 0; i < count; i++) {
            bool continues = false;
            uint32_t size = overflow_page_takes(a->shape, i, left, &continues);
            left -= size;
            if (continues)
                TRY(take_group(a, left, next, &next_count));
            uint8_t *page = NULL;
            TRY(wtx_new_page(a->t, a->w, &page));
            overflow_build(page, a->shape, bytes, size, next, next_count);
            bytes += size;
            TRY(wtx_put(a->t, a->w, group[i], page));
        }
        struct page_id *swap = group;
        group = next;
        next = swap;
        count = next_count;
    }
    CHECK(left == 0);
    return ELOQ_OK;
}
