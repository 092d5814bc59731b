/* eloqstore/load_batch.h -- batches of a load in flight: gathered, submitted, awaited in order.
 *
 *     add ... add, submit -> [ oldest | ... | newest ] -> retired from the front -> durable lines
 *
 * A batch is a run of lines. What it holds for one partition is one durable write; writes to one
 * partition happen in the order they are submitted, so several batches may be in flight. */
#pragma once

#include "base/arena.h"
#include "base/map.h"
#include "load_input.h"

#define LOAD_FLIGHTS 4
#define LOAD_BATCH_BYTES_MAX                                            \
    (UINT64_C(8) << 20) /* ends a batch early: bounds what is in memory \
                         */

/* The part of a batch that goes to one partition: one write. */
struct load_write {
    eloq_op op;
    struct load_batch *batch;
    eloq_part part;
    eloq_entry *entries;
    size_t count;
};

struct load_pair {
    eloq_entry entry;
    size_t part; /* index into parts */
};

struct load_batch {
    struct arena arena; /* everything below, but for the arrays */
    struct load_pair **pairs;
    size_t pair_count, pair_capacity;
    eloq_part *parts;
    size_t part_count, part_capacity;
    struct load_write *writes;
    struct map keys; /* of this batch, to find repetitions */
    uint64_t bytes;
    uint64_t last_line;
    size_t pending;
    int status;      /* the first failure */
    char words[400]; /* and its words */
};

struct load_flight {
    struct cli *cli;
    eloq_queue *queue;
    struct load_batch batches[LOAD_FLIGHTS + 1]; /* a ring; the one being gathered included */
    size_t first, count;                         /* of those submitted */
    size_t most;
    uint64_t durable_lines; /* every line up to here is on disk */
    uint64_t pairs, bytes, skipped;
    int status; /* the first failure; nothing is submitted after it */
    char words[400];
};

int load_flight_init(struct load_flight *f, struct cli *cli, size_t most);
void load_flight_deinit(struct load_flight *f);
/* Whether the pair's key is already in the batch being gathered. */
bool load_flight_repeats(const struct load_flight *f, const struct load_row *row, eloq_part part);
/* Copies it into the batch being gathered: 0 or ELOQ_NO_MEMORY. */
int load_flight_add(struct load_flight *f, const struct load_row *row, eloq_part part,
                    uint64_t line);
/* Pairs and bytes of the batch being gathered. */
size_t load_flight_gathered(const struct load_flight *f, uint64_t *ret_bytes);
/* Sends the batch being gathered; waits while `most` are in flight. 0, or the first failure. */
int load_flight_submit(struct load_flight *f);
/* Waits for all that is in flight. 0, or the first failure. */
int load_flight_wait(struct load_flight *f);
