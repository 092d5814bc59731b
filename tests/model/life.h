/* model/life.h -- a store's long life on a simulated disk, and the arrays that say what it holds.
 */
#pragma once

#include "engine/store.h"
#include "model/array.h"
#include "sim/oracle.h"
#include "sim/sim_io.h"

#define PARTS_MAX 4
#define TABLES 2 /* partition p is of table p % TABLES */
#define VIEWS 6
#define KEPT_MAX 8
#define BATCH_MAX 2000

/* A scan that is read now and then; its moment is that of its first step. */
struct view {
    eloq_iter *iter; /* NULL: free */
    struct slot *slots;
    bool reverse;
    int first, end; /* slots that are still to come: [first, end) */
    uint64_t left;  /* pairs */
};

struct kept {
    uint64_t timestamp;
    struct slot *slots;
};

struct life {
    uint64_t seed, step;
    struct rand rand;
    struct sim_disk *disk;
    struct sim_clock clock;
    struct oracle oracle;
    eloq_store *db; /* NULL: not open */
    uint64_t operations;

    bool append, compress;
    uint32_t page, shift, pointers, retained;
    unsigned parts, keys;
    uint64_t now_us; /* what the clock is set to before every step */
    uint32_t values; /* so many were made */
    uint64_t archives;
    struct slot *slots[PARTS_MAX];
    struct view views[VIEWS];
    struct kept kept[PARTS_MAX][KEPT_MAX]; /* ascending */
    unsigned kept_count[PARTS_MAX];
    uint32_t *stamps, stamp; /* of keys in this batch */
};

__attribute__((noreturn, format(printf, 2, 3))) void life_fail(const struct life *l,
                                                               const char *format, ...);
uint64_t life_below(struct life *l, uint64_t n);
eloq_part life_part(unsigned p);
int life_open(struct life *l, uint64_t as_of, eloq_store **ret);

/* life_write.c */
void life_write(struct life *l, unsigned p);
void life_truncate(struct life *l, unsigned p);
void life_drop(struct life *l, unsigned table);

/* life_read.c */
void life_points(struct life *l, unsigned p);
void life_ranges(struct life *l, unsigned p);
/* All of a partition of a store, which must be these slots. */
void life_compare(struct life *l, eloq_store *db, unsigned p, const struct slot *slots);
void life_view_open(struct life *l, unsigned p);
void life_views_read(struct life *l);
/* `closed`: the store is, and so they must say. */
void life_views_close(struct life *l, bool closed);

/* life_archive.c */
void life_archive(struct life *l, unsigned p);
void life_archive_all(struct life *l);
void life_restore(struct life *l, unsigned p);
/* One of the archives, opened beside the store. */
void life_read_archive(struct life *l);
void life_forget_archives(struct life *l, unsigned p);
