/* tree/read_hot.c -- one pair by its key from the pages that are in memory: no task, no wait. */
#include <string.h>

#include "base/slice.h"
#include "tree/descend.h"
#include "tree/tree.h"
#include "tree/value.h"

/* ELOQ_OK, ELOQ_NOT_FOUND or ELOQ_FETCH. */
static int find(const struct leaf_frame *frame, const struct leaf *leaf, eloq_slice key,
                uint8_t *key_buffer, struct tree_sink *sink)
{
    struct leaf_cursor c;

    leaf_cursor_init(&c, leaf, key_buffer);
    int rc = leaf_seek(&c, key);
    if (rc != ELOQ_OK && rc != ELOQ_END)
        return ELOQ_FETCH;
    if (rc == ELOQ_END && frame->next.n == NO_PAGE && frame->upper.size != 0)
        return ELOQ_FETCH; /* whether the leaf behind is the right one is to be looked at */
    const struct entry *entry = &c.entry;
    if (rc != ELOQ_OK || !slice_equal(entry->key, key) || value_is_hidden(entry, sink->now_ms))
        return ELOQ_NOT_FOUND;
    if (entry->is_overflow || entry->compression != COMPRESSION_NONE)
        return ELOQ_FETCH;
    size_t size = entry->value.size;
    void *to = sink->value_buffer(sink->user, size);
    if (!to && size != 0)
        return ELOQ_FETCH;
    if (size != 0)
        memcpy(to, entry->value.data, size);
    sink->timestamp = entry->timestamp;
    sink->expire_at = entry->expire_at;
    return ELOQ_OK;
}

int tree_get_hot(struct snapshot *s, eloq_slice key, struct tree_sink *sink, uint8_t *scratch,
                 struct tree_miss *ret_miss)
{
    uint32_t page_bytes = s->part->env->shape.page_bytes;
    struct descent d;
    struct leaf leaf;

    ret_miss->leaf = page_id(NO_PAGE);
    if (s->root[TREE_MAIN].n == NO_PAGE || key.size == 0)
        return ELOQ_NOT_FOUND;
    descent_init_in(&d, scratch, page_bytes);
    if (!descend_in_memory(s, s->root[TREE_MAIN], key, &d))
        return ELOQ_FETCH;
    struct leaf_frame frame = descend_frame(&d);
    struct leaf_page *page = descend_pin_leaf(s, &d, &leaf);
    if (!page) {
        *ret_miss = (struct tree_miss){ d.leaf, frame };
        return ELOQ_FETCH;
    }
    int rc = find(&frame, &leaf, key, scratch + DESCENT_PAGES * (size_t)page_bytes, sink);
    leaf_cache_unpin(page);
    return rc;
}

int tree_get_in_leaf(struct snapshot *s, const struct tree_miss *miss, const uint8_t *page,
                     eloq_slice key, struct tree_sink *sink, uint8_t *scratch)
{
    struct leaf leaf;

    if (!descend_try_leaf(s, page, &miss->frame, scratch, &leaf))
        return ELOQ_FETCH;
    return find(&miss->frame, &leaf, key, scratch, sink);
}
