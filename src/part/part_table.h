/* part/part_table.h -- address to partition: loaded at first touch (once for many waiters), evicted
 * when unreferenced and over the limit; remembers absent ones for a while. One per shard.
 *
 *                       begin                   ELOQ_OK
 *     (no slot) -----------------> BUSY -------------------------> LOADED
 *        ^  ^                     ^    | ELOQ_NOT_FOUND               |
 *        |  |     failed, closed  |    v                              |
 *        |  +--------------------------+----> ABSENT                  |
 *        |             a create, or 1 s: BUSY <--+                    |
 *        +---- closed --- BUSY <---- trim, forget --------------------+
 *
 * One that may take no write until the store is reopened (part.h) stays, so that nobody reads back
 * from the system's cache what its failed flush has lost. */
#pragma once

#include "part/part.h"

struct part_table {
    struct part_env *env;
    struct map slots;
    struct list lru;    /* loaded and unreferenced, least recently used first */
    struct list absent; /* slots of absent ones, oldest first */
    size_t absent_count;
    uint64_t bytes, limit;
    size_t count;
};

void part_table_init(struct part_table *tab, struct part_env *env, uint64_t limit_bytes);
/* Closes everything; all must be released. */
void part_table_deinit(struct task *t, struct part_table *tab);
/* ELOQ_OK with a reference, ELOQ_NOT_FOUND (only without create), or a failure. The limit is soft:
 * the one being opened is always admitted. */
int part_table_acquire(struct task *t, struct part_table *tab, const char *table,
                       uint32_t partition, bool create, struct part **ret);
/* The partition if it is loaded and exists, for the time until the next suspension; else NULL. */
struct part *part_table_peek(struct part_table *tab, const char *table, uint32_t partition);
/* The same with a reference, for one who does not suspend: NULL too while more is loaded than
 * should be, since it cannot trim. */
struct part *part_table_hold(struct part_table *tab, const char *table, uint32_t partition);
void part_table_release(struct part_table *tab, struct part *p);
/* One more reference to one that is referenced. */
void part_table_retain(struct part *p);
/* Evicts down to the limit; suspends. Called after release by whoever may suspend. */
void part_table_trim(struct task *t, struct part_table *tab);
/* Calls f for every partition in memory; it neither suspends nor closes any. */
void part_table_each(struct part_table *tab, void (*f)(struct part *p));
/* Memory is short: evicts all that can be; suspends. */
void part_table_shrink(struct task *t, struct part_table *tab);
/* Closes this one unless referenced: so that it is loaded again. */
void part_table_forget(struct task *t, struct part_table *tab, const char *table,
                       uint32_t partition);
