/* part/snapshot.h -- one immutable version of a partition; who frees what, when.
 *
 * A snapshot is immutable. What a commit makes superfluous (nodes of the mapping, file pages) is
 * garbage of the newest live snapshot that can still see it:
 *   - it was born in version b and died in version d: the snapshots v with b <= v < d can see it;
 *   - when such a snapshot goes, its garbage moves to the next older live one with v >= b, else it
 *     is freed: nodes to memory, file pages to the allocator (in-place) or forgotten (append).
 * So a page is recycled exactly when its last possible reader has left, and a slow reader pins only
 * what it can see.
 */
#pragma once

#include "base/list.h"
#include "page/dict.h"
#include "part/mapping.h"

enum tree_kind { TREE_MAIN = 0, TREE_TTL = 1 };

/* File pages freed by one commit. */
struct freed_place {
    struct file_page place;
    uint64_t born;
};
struct garbage_block {
    struct garbage_block *next;
    size_t count;
    struct freed_place places[];
};

struct snapshot {
    struct list link; /* in part->snapshots, newest first */
    struct part *part;
    uint64_t version;
    uint32_t refs;
    struct mapping map;
    struct page_id root[2]; /* by enum tree_kind; NO_PAGE = empty tree */
    struct dict *dict;      /* NULL if none */
    struct mapping_node *dead_nodes;
    struct garbage_block *dead_places;
};

/* An empty one with one reference, in no list yet. NULL: no memory. */
struct snapshot *snapshot_new(struct part *p, uint64_t version);
/* Frees one that is in no list, without its mapping. NULL is fine. */
void snapshot_free(struct snapshot *s);
struct snapshot *snapshot_ref(struct snapshot *s);
/* Never fails, never suspends; work is proportional to the garbage it frees or moves. */
void snapshot_unref(struct snapshot *s);
