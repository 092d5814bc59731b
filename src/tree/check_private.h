/* tree/check_private.h -- what the files of tree_check share.
 *
 *     check.c        the whole: both trees, then TTL pairing, places, pages nobody reaches
 *     check_walk.c   one tree, depth first, every page from the disk
 *     check_entry.c  one entry: its value, its other half in the other tree
 */
#pragma once

#include "base/bitset.h"
#include "tree/tree.h"
#include "tree/value.h"

/* A set of keys, as a sum that does not depend on their order. */
struct key_sum {
    uint64_t count, sum, mix;
};

struct check {
    struct task *t;
    struct snapshot *s;
    struct mem *mem;
    uint32_t page_bytes;
    void (*found)(void *user, const struct tree_finding *finding);
    void *user;
    struct tree_stats *stats;
    struct bitset reached; /* page ids */
    bool silent;           /* a second walk: what is wrong was said by the first */
    bool incomplete;       /* something could not be followed: unreached pages prove nothing */
    struct value value;
    uint32_t group_pages;         /* of the overflow group before, 0 at the first */
    bool group_short;             /* a group that goes on was not full */
    struct key_sum expiring, ttl; /* keys the TTL tree should hold, and those it holds */
    uint8_t *ttl_key;             /* page_bytes + 8 */
};

/* One entry of a leaf whose page is well-formed. ELOQ_OK or a failure that stops the check. */
typedef int check_visit(struct check *c, struct page_id leaf, const struct entry *entry);

/* check_walk.c: visits every entry that can be reached, in order. */
int check_walk(struct check *c, enum tree_kind kind, check_visit *visit);

/* check_entry.c */
int check_main_entry(struct check *c, struct page_id leaf, const struct entry *entry);
int check_ttl_entry(struct check *c, struct page_id leaf, const struct entry *entry);
/* Second walk: looks for the other half. */
int check_main_pair(struct check *c, struct page_id leaf, const struct entry *entry);
int check_ttl_pair(struct check *c, struct page_id leaf, const struct entry *entry);

/* check.c */
void check_report(struct check *c, const char *what, struct page_id id, eloq_slice from,
                  eloq_slice to);
void check_note(struct check *c, const char *what, struct page_id id, eloq_slice from,
                eloq_slice to);
/* The page is mapped and was not reached before; else reports it. */
bool check_reach(struct check *c, struct page_id id, eloq_slice from, eloq_slice to);
/* After a failed read: ELOQ_OK when it was reported and the check can go on, else rc. */
int check_damage(struct check *c, int rc, struct page_id id, eloq_slice from, eloq_slice to);
