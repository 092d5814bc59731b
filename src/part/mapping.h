/* part/mapping.h -- which file page holds each logical page: a persistent radix tree.
 *
 * A tree names its pages by logical id, so a page can move and its parent need not know.
 *
 *     page id        0     1     2     3
 *     file page    [ 7  |  9  | free |  3 ]
 *
 * (1) The mapping of a snapshot never changes: a snapshot is a struct mapping, copied by value.
 * (2) A write copies the nodes on the paths it changes (64 slots each) and shares the rest.
 * (3) Nodes carry the version they were born in. A node replaced in version v is garbage that the
 *     snapshots [born, v) may still look at; part/snapshot.h frees it when none of them is left.
 *     There are no reference counts and no walk over children.
 *
 * Every file page carries the version in which it was mapped, for the same rule.
 */
#pragma once

#include "base/mem.h"
#include "page/format.h"

#define MAPPING_FANOUT_SHIFT 6
#define MAPPING_FANOUT (1u << MAPPING_FANOUT_SHIFT)

struct mapping_node {
    uint64_t born;             /* version */
    struct mapping_node *next; /* in a garbage list */
    bool is_leaf;
    union {
        struct mapping_node *child[MAPPING_FANOUT];
        struct {
            uint64_t value[MAPPING_FANOUT]; /* as on disk: place << 3 | 1, or MAPPING_FREE */
            uint32_t born[MAPPING_FANOUT];  /* low bits of the version the page was mapped in; 0 =
                                               long ago (always safe) */
        } page;
    };
};

struct mapping {
    struct mapping_node *root; /* NULL when empty */
    uint32_t levels;           /* of nodes; 0 when empty */
    uint32_t page_count;       /* ids are below; unmapped ones included */
    uint32_t mapped_count;     /* pages in use */
};

/* A mapping being changed. Nodes born in `version` are its own and change in place. */
struct mapping_edit {
    struct mem *mem;
    struct mapping map;
    uint64_t version;
    struct mapping_node *replaced; /* nodes of older versions that map no longer uses */
    struct mapping_node *doomed;   /* nodes still to be looked at by mapping_edit_clear_some */
};

/* The place of a page; false if id is out of range or unmapped. */
bool mapping_get(const struct mapping *m, struct page_id id, struct file_page *ret);
/* Value as on disk (MAPPING_FREE when unmapped or out of range). */
uint64_t mapping_value(const struct mapping *m, struct page_id id);

void mapping_edit_begin(struct mapping_edit *e, struct mem *mem, const struct mapping *base,
                        uint64_t version);
/* Maps id, growing the table. What was there before: *ret_had, its place and birth version (0 =
 * long ago). ELOQ_OK, ELOQ_NO_MEMORY, or ELOQ_CORRUPTED for an id or a place the format cannot
 * hold; on failure no page's place changed. (A loader that knows of more unmapped ids raises
 * map.page_count.) */
int mapping_edit_set(struct mapping_edit *e, struct page_id id, struct file_page place,
                     bool *ret_had, struct file_page *ret_old, uint64_t *ret_old_born);
/* Unmaps id, which must be mapped (else ELOQ_CORRUPTED). */
int mapping_edit_clear(struct mapping_edit *e, struct page_id id, struct file_page *ret_old,
                       uint64_t *ret_old_born);
/* Unmaps everything and forgets the ids, of an edit in which nothing was changed: at most `steps`
 * nodes a call; true when done. Tells each place with its birth. */
bool mapping_edit_clear_some(struct mapping_edit *e, size_t steps,
                             void (*freed)(void *user, struct file_page place, uint64_t born),
                             void *user);
/* Frees every node born in this version; the base is as it was. Bounded by what was changed. */
void mapping_edit_abort(struct mapping_edit *e, const struct mapping *base);
/* Frees a whole mapping nobody shares: at most `steps` nodes a call; true when done. *m shrinks. */
bool mapping_free_some(struct mem *mem, struct mapping *m, size_t steps);
/* Calls f for each id < page_count in order with its on-disk value. Stops if f returns non-zero. */
int mapping_each(const struct mapping *m, int (*f)(void *user, struct page_id id, uint64_t value),
                 void *user);
