/* eloqstore/repair.h -- what the files of `repair` share.
 *
 *     repair_source.c   the damaged store: its format, its lock, its partitions, its pages
 *     repair_walk.c     a tree from its root down: its pairs; what cannot be read is lost, or a gap
 *     repair_orphans.c  leaves below damaged index pages, which nothing leads to any more
 *     repair_loose.c    data files whose manifest is lost: every page that is whole
 *     repair_pair.c     one pair to the new store; the ranges that are lost
 *
 * The source is looked at with plain reads, nothing in it is ever written; the new store is written
 * through the public API, batches in flight. Functions answer 0, or the exit code to end with. */
#pragma once

#include <dirent.h>

#include "base/bitset.h"
#include "engine/store_files.h"
#include "file/name.h"
#include "load_batch.h"
#include "page/dict.h"
#include "page/index.h"
#include "page/leaf.h"
#include "part/manifest.h"

#define REPAIR_PATH_BYTES 4608

struct repair {
    struct cli *cli;
    struct store_files files; /* paths of the source */
    eloq_format format;       /* of both */
    struct bytes locks;       /* descriptors, int each */
    struct dict_context dicts;
    struct load_flight out;
    uint64_t lost; /* ranges printed */
};

/* Keys [from, to) of which something is lost; empty = open. In `lost.arena`. */
struct lost_range {
    eloq_slice from, to;
};
struct lost_ranges {
    struct arena arena;
    struct lost_range *items;
    size_t count, capacity;
};

/* Keys below a damaged index page, and the leaves on both sides of them. */
struct gap {
    eloq_slice lower, upper;
    uint32_t left, left_next; /* left_next: NO_PAGE too when has_left_next is not set */
    bool has_left_next;
    uint32_t right; /* NO_PAGE: there is none */
};
struct gaps {
    struct gap *items;
    size_t count, capacity;
};

/* One partition of the source. */
struct salvage {
    struct repair *repair;
    eloq_part part;
    char dir[REPAIR_PATH_BYTES];
    struct manifest_state state;
    struct dict *dict;
    struct bitset seen; /* page ids */
    struct lost_ranges lost;
    struct gaps gaps;   /* in the main tree, in key order; bounds in lost.arena */
    bool is_behind;     /* the mapping is that of a commit before the last one */
    bool ttl_is_broken; /* not all pages of the TTL tree are known */
    uint8_t *page, *overflow, *key, *key2; /* page_bytes each; key2 twice */
    struct bytes stored, plain;            /* of the value being put together */
    int fd;                                /* of the data file read last, -1 */
    char fd_name[FILE_NAME_BYTES];
};

/* What a page turned out to be. */
enum page_state { PAGE_IS_GOOD, PAGE_IS_BAD, PAGE_FAILED /* words were printed */ };

/* repair_source.c */
int repair_open_source(struct repair *r, const char *source);
void repair_close_source(struct repair *r);
int salvage_init(struct salvage *s, struct repair *r, const char *dir, eloq_part part);
void salvage_deinit(struct salvage *s);
/* The mapping, from the manifest. *ret_has_mapping false: there is none to be had; why was said. */
int salvage_load(struct salvage *s, bool *ret_has_mapping);
/* A page of a file, its checksum verified. `index`: number in the file. */
enum page_state salvage_read_file(struct salvage *s, const char *name, uint64_t index,
                                  uint8_t *data);
/* A page of the mapping, its checksum verified and its type one of two. */
enum page_state salvage_read(struct salvage *s, struct page_id id, enum page_type type,
                             enum page_type or_type, uint8_t *data);
/* Opens a directory of the source: 0 with *ret, NULL when it is not there. */
int repair_opendir(const char *path, DIR **ret);

/* repair_walk.c: all of a tree. TREE_TTL: its pages are noted as seen, nothing else. */
int salvage_walk(struct salvage *s, bool is_ttl);
/* Hands over the pairs of a leaf whose form was verified. */
int salvage_leaf(struct salvage *s, const uint8_t *page);
/* First and last key of a leaf, in s->key and s->key2; false when it is malformed. */
bool salvage_leaf_bounds(struct salvage *s, const uint8_t *page, struct leaf *ret,
                         eloq_slice *ret_first, eloq_slice *ret_last);
/* Whether a leaf holds what only leaves of the TTL tree hold. */
bool salvage_looks_ttl(struct salvage *s, const uint8_t *page);

/* repair_orphans.c: fills the gaps that the walk left, as far as that can be done. */
int salvage_gaps(struct salvage *s);

/* repair_loose.c */
int salvage_loose(struct salvage *s);

/* repair_pair.c */
/* An entry of a leaf to the new store; lost if its value cannot be had. */
int salvage_pair(struct salvage *s, const struct entry *entry);
/* The value of an entry that is inline and needs no dictionary: true, in the page or s->plain.
 * False: it cannot be had; *ret_code is not 0 when that is no matter of damage. */
bool salvage_plain(struct salvage *s, const struct entry *entry, eloq_slice stored, eloq_slice *ret,
                   int *ret_code);
int salvage_put(struct salvage *s, const struct entry *entry, eloq_slice value);
int salvage_lost(struct salvage *s, eloq_slice from, eloq_slice to);
int salvage_lost_key(struct salvage *s, eloq_slice key);
/* Copies a key to where it stays as long as the partition is worked on. */
int salvage_keep(struct salvage *s, eloq_slice key, eloq_slice *ret);
/* Sorts, joins and prints the ranges. */
int salvage_print_lost(struct salvage *s);
/* Room for one more item in an array. */
int salvage_grow(struct salvage *s, void *array, size_t count, size_t *capacity, size_t size);
