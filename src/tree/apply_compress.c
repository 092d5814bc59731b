/* tree/apply_compress.c -- the stored form of a new value: compressed, if that makes it shorter.
 * Specification: format.md 8. */
#include <string.h>

#include "base/check.h"
#include "page/dict_stream.h"
#include "tree/apply_private.h"

#define YIELD_BYTES (64u << 10) /* compressed between two yields */
#define KEPT_BYTES (2u << 20)   /* a larger buffer is not kept for the next value */
#define INLINE_PAGES 4          /* see value_keep_inline */

/* As dict_compress, in steps. */
static int compress_large(struct applier *a, const struct dict *d, eloq_slice plain)
{
    struct part_env *env = a->w->part->env;
    struct dict_stream stream = { 0 };

    mutex_lock(a->t, &env->packing);
    int rc = dict_pack_begin(&stream, env->mem, d, plain, &a->packed);
    while (rc == ELOQ_OK && (rc = dict_pack_step(&stream)) == DICT_MORE)
        task_yield(a->t);
    dict_pack_end(&stream);
    mutex_unlock(&env->packing);
    return rc == DICT_DONE ? ELOQ_OK : rc;
}

static int compress(struct applier *a, struct dict *d, eloq_slice plain)
{
    struct part_env *env = a->w->part->env;

    if (plain.size > DICT_AT_ONCE_BYTES)
        return compress_large(a, d, plain);
    a->compressed_bytes += plain.size;
    if (a->compressed_bytes >= YIELD_BYTES) {
        a->compressed_bytes = 0;
        task_yield(a->t);
    }
    return dict_compress(env->dicts, d, plain, &a->packed);
}

bool value_compress(struct applier *a, struct entry *entry)
{
    size_t size = entry->value.size;
    bool is_alone = size > COMPRESS_DICT_BYTES_MAX;
    struct dict *d = is_alone ? NULL : wtx_dict(a->w);

    if (a->kind != TREE_MAIN || !a->w->part->env->compress || size < COMPRESS_BYTES_MIN
        || size > COMPRESS_BYTES_MAX || (!is_alone && !d))
        return false;
    if (a->packed.capacity > KEPT_BYTES)
        bytes_free(&a->packed);
    /* No memory for it: plain is as good. */
    if (compress(a, d, entry->value) != ELOQ_OK)
        return false;
    entry->value = eloq_bytes(a->packed.data, a->packed.size);
    entry->compression = is_alone ? COMPRESSION_ALONE : COMPRESSION_DICT;
    a->w->part->env->values_compressed++;
    return true;
}

/* The packer looks at the values of the entries in its last two pages, together below two pages.
 * Behind them a third page's worth, and a fourth for what is left unused where the ring turns:
 * nothing that it may still look at is overwritten. */
int value_keep_inline(struct applier *a, struct entry *entry)
{
    uint32_t room = INLINE_PAGES * a->shape->page_bytes;
    size_t size = entry->value.size;

    CHECK(size <= a->shape->page_bytes);
    if (!a->inline_ring && !(a->inline_ring = arena_alloc(&a->keep, room)))
        return task_no_memory(a->t);
    if (size > room - a->inline_at)
        a->inline_at = 0;
    memcpy(a->inline_ring + a->inline_at, entry->value.data, size);
    entry->value.data = a->inline_ring + a->inline_at;
    a->inline_at += (uint32_t)size;
    return ELOQ_OK;
}
