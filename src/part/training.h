/* part/training.h -- which partitions gather samples for a dictionary, and what they made of them.
 * Specification: format.md 8.
 *
 *     gathering --enough, trained--> made --stored by a commit--> (the snapshot's)
 *        ^   \--it failed--> passing over as many bytes again, doubled each time --\
 *        +-------------------------------------------------------------------------+
 *
 * Samples are in memory only, of few partitions at a time. A dictionary that was made belongs to no
 * version before a commit has stored it; if that commit fails, the next one uses the same. */
#pragma once

#include "page/dict.h"
#include "page/samples.h"

#define TRAININGS_AT_ONCE 4 /* partitions of a shard that gather samples */

struct part;

struct training {
    struct samples samples;
    struct dict *made;
    bool is_gathering; /* one of env->gathering */
    bool is_busy;      /* its samples are being trained on: hands off */
    uint64_t last_ns;  /* when samples came last */
    uint64_t pass_bytes;
    unsigned failures;
};

void training_init(struct part *p);
void training_deinit(struct part *p);
/* Whether a batch of eligible values, so many bytes together, may be taken as samples. */
bool training_takes(struct part *p, uint64_t bytes, uint64_t now_ns);
/* Training is over: the samples go. A dictionary (may be NULL: there is none) is held here until
 * it is stored. */
void training_end(struct part *p, struct dict *made);
/* Gives the samples up: there is no memory for them. */
void training_drop(struct part *p);
/* A commit has stored the dictionary. */
void training_stored(struct part *p);
