/* engine/run.h -- the functions that execute requests, one task each. */
#pragma once

#include "engine/shard.h"

/* Each answers the request's status; a failure's words are in t->err. */
int run_get(struct task *t, struct shard *s, struct request *r);
int run_get_many(struct task *t, struct shard *s, struct request *r);
int run_floor(struct task *t, struct shard *s, struct request *r);
int run_fetch(struct task *t, struct shard *s, struct request *r);
int run_tables(struct task *t, struct shard *s, struct request *r);
int run_archives(struct task *t, struct shard *s, struct request *r);
/* Under the partition's write slot. */
int run_check(struct task *t, struct shard *s, struct request *r);
int run_archive(struct task *t, struct shard *s, struct request *r);
int run_restore(struct task *t, struct shard *s, struct request *r);

/* The names of all partitions on disk, "table.7" each, in no order. */
int tables_list(struct task *t, struct shard *s, struct io_names *ret);

/* Commits a chain of write requests as one; answers each. */
void run_write(struct task *t, struct shard *s, eloq_part part, struct inbox_item *chain,
               size_t count);
/* Under the write slot: removes pairs that have expired, a bounded batch. 1 when there is
 * more. A failure is logged. */
int run_clean(struct task *t, struct shard *s, const char *table, uint32_t partition);
