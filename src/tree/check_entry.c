/* tree/check_entry.c -- verify one entry: its value, its other half in the other tree. */
#include <string.h>

#include "base/checksum.h"
#include "base/coding.h"
#include "base/slice.h"
#include "tree/buffers.h"
#include "tree/check_private.h"
#include "tree/descend.h"

#define TTL_PREFIX 8 /* the expiry before the key, big endian */

static void sum_add(struct key_sum *s, eloq_slice key)
{
    uint64_t hash = checksum64(key.data, key.size);
    s->count++;
    s->sum += hash;
    s->mix ^= hash * hash;
}

static eloq_slice ttl_key_of(struct check *c, const struct entry *entry)
{
    put_u64_be(c->ttl_key, entry->expire_at);
    memcpy(c->ttl_key + TTL_PREFIX, entry->key.data, entry->key.size);
    return eloq_bytes(c->ttl_key, TTL_PREFIX + entry->key.size);
}

/* A group of overflow pages about to be read: each page is mapped and used once. */
static int on_group(void *user, const struct value_chain *group)
{
    struct check *c = user;
    if (c->group_pages != 0 && c->group_pages != c->s->part->env->shape.overflow_pointers)
        c->group_short = true;
    c->group_pages = group->count;
    for (uint32_t i = 0; i < group->count; i++) {
        struct page_id id = group->ids[i];
        struct file_page place;
        if (!mapping_get(&c->s->map, id, &place))
            return pages_fail(c->t, c->s, id, "overflow page is not mapped");
        if (bitset_has(&c->reached, id.n))
            return pages_fail(c->t, c->s, id, "overflow page is used twice");
        bitset_add(&c->reached, id.n);
    }
    c->stats->overflow_pages += group->count;
    return ELOQ_OK;
}

static int check_value(struct check *c, struct page_id leaf, const struct entry *entry)
{
    c->group_pages = 0;
    c->group_short = false;
    c->value.on_group = on_group;
    c->value.user = c;
    eloq_slice plain;
    int rc = value_load(c->t, c->s, leaf, entry, &c->value, &plain);
    if (rc < 0)
        return check_damage(c, rc, leaf, entry->key, entry->key);
    c->stats->bytes_values += plain.size;
    if (c->group_short)
        check_note(c, "overflow value with a short group: its rest may leak when it is deleted",
                   leaf, entry->key, entry->key);
    return ELOQ_OK;
}

int check_main_entry(struct check *c, struct page_id leaf, const struct entry *entry)
{
    c->stats->keys++;
    c->stats->bytes_keys += entry->key.size;
    if (entry->expire_at != 0)
        sum_add(&c->expiring, ttl_key_of(c, entry));
    return check_value(c, leaf, entry);
}

int check_ttl_entry(struct check *c, struct page_id leaf, const struct entry *entry)
{
    c->stats->ttl_keys++;
    sum_add(&c->ttl, entry->key);
    if (entry->key.size <= TTL_PREFIX)
        check_report(c, "TTL key is too short", leaf, entry->key, entry->key);
    if (entry->value.size != 0 || entry->timestamp != 0 || entry->expire_at != 0
        || entry->is_overflow || entry->compression != COMPRESSION_NONE)
        check_report(c, "TTL entry is not empty", leaf, entry->key, entry->key);
    return ELOQ_OK;
}

/* What a lookup works with. */
struct lookup {
    struct descent d;
    uint8_t *page;
    struct leaf leaf;
    struct leaf_cursor cursor;
};

static int look_into(struct check *c, struct lookup *l, enum tree_kind kind, eloq_slice key,
                     uint64_t *ret_expire_at)
{
    struct page_id root = c->s->root[kind];
    if (root.n == NO_PAGE || key.size == 0)
        return ELOQ_NOT_FOUND;
    TRY(descent_init(c->t, &l->d, c->page_bytes));
    TRY(buffers_take_one(c->t, c->s->part->env, &l->page));
    TRY(descend(c->t, c->s, root, key, false, &l->d));
    TRY(descend_read_leaf(c->t, c->s, &l->d, l->page, &l->leaf));
    leaf_cursor_init(&l->cursor, &l->leaf, l->d.scratch);
    int rc = leaf_seek(&l->cursor, key);
    if (rc < 0)
        return rc;
    if (rc != ELOQ_OK || !slice_equal(l->cursor.entry.key, key))
        return ELOQ_NOT_FOUND;
    *ret_expire_at = l->cursor.entry.expire_at;
    return ELOQ_OK;
}

/* ELOQ_OK, ELOQ_NOT_FOUND, or a failure; damage was told by the first walk. */
static int look_up(struct check *c, enum tree_kind kind, eloq_slice key, uint64_t *ret_expire_at)
{
    struct arena_mark mark = arena_mark(&c->t->arena);
    struct lookup l = { .page = NULL };
    int rc = look_into(c, &l, kind, key, ret_expire_at);
    buffers_give(c->s->part->env, &l.page, 1);
    arena_reset(&c->t->arena, mark);
    return rc;
}

static bool stops(int rc)
{
    return rc < 0 && rc != ELOQ_CORRUPTED && rc != ELOQ_IO;
}

int check_main_pair(struct check *c, struct page_id leaf, const struct entry *entry)
{
    if (entry->expire_at == 0)
        return ELOQ_OK;
    uint64_t ignored;
    int rc = look_up(c, TREE_TTL, ttl_key_of(c, entry), &ignored);
    if (stops(rc))
        return rc;
    if (rc == ELOQ_NOT_FOUND) {
        c->silent = false;
        check_report(c, "pair expires but is not in the TTL tree", leaf, entry->key, entry->key);
        c->silent = true;
    }
    return ELOQ_OK;
}

int check_ttl_pair(struct check *c, struct page_id leaf, const struct entry *entry)
{
    if (entry->key.size <= TTL_PREFIX)
        return ELOQ_OK;
    const uint8_t *bytes = entry->key.data;
    eloq_slice key = eloq_bytes(bytes + TTL_PREFIX, entry->key.size - TTL_PREFIX);
    uint64_t expire_at = 0;
    int rc = look_up(c, TREE_MAIN, key, &expire_at);
    if (stops(rc))
        return rc;
    if (rc == ELOQ_NOT_FOUND || (rc == ELOQ_OK && expire_at != get_u64_be(bytes))) {
        c->silent = false;
        check_report(c, "TTL key without a pair that expires then", leaf, key, key);
        c->silent = true;
    }
    return ELOQ_OK;
}
