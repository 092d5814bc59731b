/* tree/value.h -- the value of an entry: inline, from overflow pages, decompressed. */
#pragma once

#include "base/bytes.h"
#include "page/leaf.h"
#include "page/overflow.h"
#include "part/wtx.h"

/* The ids of one group of an overflow chain, and how far the chain may still go. */
struct value_chain {
    struct page_id ids[OVERFLOW_POINTERS_MAX];
    uint32_t count;
    uint64_t pages_left; /* more than this many pages cannot be right */
};

/* Where values are put together; reused from one value to the next. */
struct value {
    struct bytes stored; /* what overflow pages held */
    struct bytes plain;  /* decompressed */
    /* Called for each group before it is read; a failure ends the loading. NULL: nobody asks. */
    int (*on_group)(void *user, const struct value_chain *group);
    void *user;
};
void value_init(struct value *v, struct mem *m);
void value_deinit(struct value *v);

/* The plain value of an entry of page `leaf`: in the leaf itself when it is stored plain and
 * inline, else in `v` until its next use. Reads overflow pages only if there are any, a group at a
 * time; lets others run while it decompresses a large one. */
int value_load(struct task *t, struct snapshot *s, struct page_id leaf, const struct entry *entry,
               struct value *v, eloq_slice *ret);

/* Frees the overflow pages of an entry of w->base; ELOQ_OK at once if it has none. A damaged page
 * costs only the pages whose ids it held: they stay mapped, which tree_check notes, and the key can
 * still be replaced. */
int value_free_overflow(struct task *t, struct wtx *w, const struct entry *entry);

/* The first group. ELOQ_OK, or ELOQ_CORRUPTED when the entry's value is not a list of ids. */
int value_chain_begin(struct value_chain *c, const struct entry *entry, uint64_t mapped_count);
/* The group after the one whose last page is `last`: ELOQ_OK, ELOQ_END if there is none, or
 * ELOQ_CORRUPTED when the chain is longer than the partition. */
int value_chain_next(struct value_chain *c, const struct overflow *last);

/* Whether a reader at now_ms must not see the entry; now_ms = 0 sees all. */
static inline bool value_is_hidden(const struct entry *entry, uint64_t now_ms)
{
    return now_ms != 0 && entry->expire_at != 0 && entry->expire_at <= now_ms;
}
