/* tree/apply_private.h -- what the files that apply a batch to a tree share.
 *
 * A batch is applied level by level, bottom up:
 *
 *     apply_leaves.c  finds the leaves the batch touches and reads them, some windows ahead
 *     apply_leaf.c    merges one leaf with its operations
 *     apply_compress.c  makes the stored form of a new value
 *     leaf_pack.c     packs the surviving entries into pages
 *     leaf_stream.c   keeps the links between leaves right and writes them
 *     apply_index.c   rebuilds, one level after the other, the index pages whose children came or
 * went
 *
 * A leaf that keeps its id does not touch its parent; what does is noted as a struct child_change.
 * Everything is read from wtx->base: nothing that this write put is ever read again.
 */
#pragma once

#include "page/index_build.h"
#include "page/leaf_build.h"
#include "tree/descend.h"
#include "tree/tree.h"

/* A child of an index page that went, or came to stand behind `anchor`.
 *
 * The keys of one that went fall to a neighbour, left or right as the tree likes. If one of them is
 * damaged they must fall to the other, or they would share its fate: then `separator` says where
 * the bound between the two is to be. It may belong into a page further up: CHANGE_BEFORE and
 * CHANGE_BEHIND move the bounds of an anchor that stays. On one anchor they come in this order:
 * CHANGE_BEFORE, the others, CHANGE_BEHIND. */
enum change_kind { CHANGE_CHILD, CHANGE_BEFORE, CHANGE_BEHIND };
struct child_change {
    enum change_kind kind;
    const struct page_id *path; /* index pages above, root first; NULL for a new tree */
    uint32_t depth;             /* of path */
    struct page_id anchor;      /* an old child of the page at this level; NO_PAGE: a new tree */
    struct page_id added;       /* NO_PAGE: the anchor itself is gone */
    eloq_slice separator;       /* of the added child; or the bound, empty: as it comes */
};

struct child_changes {
    struct child_change *items;
    size_t count, capacity;
};

/* A leaf that the batch touches, and its operations. */
struct touched {
    struct page_id id; /* NO_PAGE: the tree is empty */
    uint32_t depth;
    const struct page_id *path;
    eloq_slice lower, upper;   /* its bounds; empty = open */
    struct page_id prev, next; /* its links; before it is opened, as the index tells them */
    struct tree_op *ops;
    size_t op_count;
    uint8_t *page;
};

/* Leaves on their way out, in key order. See leaf_stream.c. */
struct leaf_stream {
    bool active;
    uint8_t *tail; /* the last page, whose next link is not known yet; NULL: none */
    struct page_id tail_id;
    struct page_id before;   /* without a tail: what the next page's previous link will be */
    struct page_id last_old; /* the old leaf consumed last */
    struct page_id old_next; /* and the leaf that followed it */

    size_t gone;                       /* leaves that went since the last page of this run */
    eloq_slice gone_lower, gone_upper; /* their bounds together */
    bool is_left_damaged;              /* the leaf before them */
};

/* Pages made of one old leaf. See leaf_pack.c. */
struct leaf_pack {
    struct leaf_build build;
    void *scratch;
    uint8_t *page; /* under construction; NULL: none */
    uint8_t *held; /* finished, held back so that it can be balanced with the next */
    size_t held_count;
    uint32_t held_size;
    struct entry *entries; /* those of held, then those of page */
    size_t count, capacity;
    eloq_slice separator; /* of the page that will be pushed next */
    size_t pushed;
    bool leaves_room;
};

struct applier {
    struct task *t;
    struct wtx *w;
    enum tree_kind kind;
    const struct page_shape *shape;
    uint64_t now_us, now_ms;
    struct arena keep;   /* until the tree is done: paths, separators, keys of TTL operations */
    struct arena leaf;   /* until the next leaf */
    uint8_t *key_buffer; /* page_bytes */
    struct leaf_stream stream;
    struct leaf_pack pack;
    struct child_changes changes; /* below the level-1 index pages */
    struct tree_op *ttl;          /* what the TTL tree must do */
    size_t ttl_count, ttl_capacity;

    /* apply_compress.c */
    struct bytes packed; /* the stored form of the value compressed last */
    uint64_t compressed_bytes;
    uint8_t *inline_ring; /* stored forms that go into the leaf, while the packer needs them */
    uint32_t inline_at;
};

/* apply.c: what tree_apply and tree_truncate are made of. */
int applier_init(struct applier *a, struct task *t, struct wtx *w, enum tree_kind kind,
                 uint64_t now_us);
/* Writes what is still held, then applies what was noted for the TTL tree. */
int applier_finish(struct applier *a);
void applier_deinit(struct applier *a);

/* apply_leaves.c: has each leaf that these operations touch merged with them. */
int leaves_apply(struct applier *a, struct tree_op *ops, size_t count);

/* apply_leaf.c */
int leaf_apply(struct applier *a, struct touched *leaf);
/* A stored pair goes: its overflow pages, and its key in the TTL tree. */
int leaf_drop_stored(struct applier *a, const struct entry *stored);

/* leaf_pack.c */
/* What comes next is of this leaf. */
void leaf_pack_begin(struct applier *a, const struct touched *leaf);
int leaf_pack_add(struct applier *a, struct touched *leaf, const struct entry *entry);
/* Pushes what is left. `is_append`: the leaf is the tree's last and grew at its end. */
int leaf_pack_end(struct applier *a, struct touched *leaf, bool is_append);
/* Throws away what was not pushed. */
void leaf_pack_reset(struct applier *a);

/* leaf_stream.c */
/* A page that takes the place of `leaf`, or of a part of it; takes page. is_first: of this leaf. */
int leaf_stream_push(struct applier *a, const struct touched *leaf, bool is_first, uint8_t *page,
                     struct page_id id);
/* Nothing takes its place. */
int leaf_stream_removed(struct applier *a, const struct touched *leaf);
int leaf_stream_end(struct applier *a);

/* apply_index.c */
int index_apply(struct applier *a);
/* Rebuilds one index page of that level (1 = above the leaves) by changes that all concern it; what
 * that means for the level above is added to `up`, unless it is the root. */
int index_rebuild(struct applier *a, uint32_t level, const struct child_change *changes,
                  size_t count, struct child_changes *up);
/* Notes a change; the path is copied, the separator must live in a->keep. */
int child_changes_add(struct applier *a, struct child_changes *list,
                      const struct child_change *change);

/* apply_train.c: takes the batch's values as samples for a dictionary. Once one can be made, this
 * write uses and stores it. */
void apply_train(struct task *t, struct wtx *w, const struct tree_op *ops, size_t count);

/* apply_compress.c */
/* Replaces the entry's plain value by its compressed form if there is to be one: true. That form
 * lives in a->packed, until the next call. */
bool value_compress(struct applier *a, struct entry *entry);
/* Copies a compressed value that goes into the leaf to where the packer finds it as long as it
 * looks. */
int value_keep_inline(struct applier *a, struct entry *entry);

/* apply_value.c: replaces the entry's plain value by references to overflow pages, written now. */
int value_write_overflow(struct applier *a, struct entry *entry);

/* Grows an array of `size`-byte items to hold one more: ELOQ_OK or a failure. */
int applier_grow(struct applier *a, void *array, size_t count, size_t *capacity, size_t size);
