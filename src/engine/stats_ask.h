/* engine/stats_ask.h -- an op that asks for the numbers of a store, and what becomes of them. */
#pragma once

#include "engine/stats.h"

/* Prepares the op: it goes to shard 0. The numbers are put into `stats`, which is the caller's. */
void stats_ask(eloq_op *op, struct stats *stats);
/* The same, with memory of its own; just before done, one number (name) or all of them (text) go to
 * the caller. ELOQ_OK, or ELOQ_NO_MEMORY. */
int stats_ask_one(eloq_store *store, eloq_op *op, const char *name, uint64_t *ret);
int stats_ask_text(eloq_store *store, eloq_op *op, eloq_buffer *ret);
/* The op was prepared by one of these two, and could not be submitted. */
void stats_ask_drop(eloq_op *op);
