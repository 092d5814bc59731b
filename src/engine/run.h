/* engine/run.h -- the functions that execute requests, one task each. */
#pragma once

#include "engine/shard.h"
#include "tree/tree.h"

/* Each answers the request's status; a failure's words are in t->err. */
int run_get(struct task *t, struct shard *s, struct request *r);
/* On any stack: ELOQ_OK or ELOQ_NOT_FOUND from what is in memory; ELOQ_FETCH: run_get can tell, or
 * run_get_cold if *ret_miss names the leaf that is missing. */
int run_get_hot(struct shard *s, eloq_part part, eloq_slice key, eloq_record *record,
                struct tree_miss *ret_miss);
/* On the loop's stack, right after it: reads the leaf and answers the request, without a task if
 * all goes well. False: a task is needed now. */
bool run_get_cold(struct shard *s, struct request *r, const struct tree_miss *miss);
int run_get_many(struct task *t, struct shard *s, struct request *r);
int run_floor(struct task *t, struct shard *s, struct request *r);
int run_fetch(struct task *t, struct shard *s, struct request *r);
/* On any stack: answers the fetch if its batch is there already. */
bool run_fetch_prepared(struct shard *s, struct request *r);
int run_tables(struct task *t, struct shard *s, struct request *r);
int run_archives(struct task *t, struct shard *s, struct request *r);
/* Under the partition's write slot. */
int run_check(struct task *t, struct shard *s, struct request *r);
int run_archive(struct task *t, struct shard *s, struct request *r);
int run_restore(struct task *t, struct shard *s, struct request *r);

int run_truncate(struct task *t, struct shard *s, struct request *r);
/* The same, a step each: ELOQ_FETCH when there is more. */
int run_compact(struct task *t, struct shard *s, struct request *r);
int run_clean_expired(struct task *t, struct shard *s, struct request *r);

/* On shard 0. */
int run_drop(struct task *t, struct shard *s, struct request *r);
/* On the loop's stack; answers it. */
void run_loaded(struct shard *s, struct request *r);

/* The names of all partitions on disk, "table.7" each, in no order. */
int tables_list(struct task *t, struct shard *s, struct io_names *ret);

/* Commits a chain of write requests as one; answers each. */
void run_write(struct task *t, struct shard *s, eloq_part part, struct inbox_item *chain,
               size_t count);
/* Under the write slot: removes pairs that have expired, a bounded batch. 1 when there is more, and
 * `looks` should be true the next time. Without `looks` it reads nothing as long as nothing is
 * known to be due. A failure is logged, and tried again later. */
int run_clean(struct task *t, struct shard *s, eloq_part part, bool looks);
/* Under the write slot, when much may have gone in place: moves the last pages down, so that the
 * files can be cut. A failure is logged. */
void run_pull_in(struct task *t, struct shard *s, struct part *p);
/* Under the write slot: gives back to the disk what it can, and compacts, a bounded step; a smaller
 * one if `hurried`. 1 when there is more. A failure is logged. */
int run_maintain(struct task *t, struct shard *s, eloq_part part, bool hurried);
