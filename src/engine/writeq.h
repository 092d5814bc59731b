/* engine/writeq.h -- one writer at a time per partition; what queues up meanwhile is merged.
 *
 *     writeq_enter -> [ W W W C W W ]      one task per partition with something queued:
 *                       \___/ | \_/        W W W one commit, C (a check, ...) alone, W W one commit
 *
 * Submission order is kept. When nothing is queued and pairs have expired, they are cleaned, and
 * space is given back (part/maintain.h, part/compact.h). That happens in steps, the write slot
 * being free in between; after a write a step is taken even if more writes wait, or space would
 * grow as long as there are writers.
 * Cleaning takes a step every few requests for the same reason. */
#pragma once

#include "engine/shard.h"

void writeq_enter(struct shard *s, struct request *r);
/* Something of this partition can be given back to the disk: sees to it, unless there is no memory
 * for that now. */
void writeq_maintain(struct shard *s, eloq_part part);
/* The cleaner's timer wants this partition cleaned, and to hear of the end (cleaner_done). False:
 * that is under way already, or there is no memory. */
bool writeq_clean(struct shard *s, eloq_part part);
/* Calls f for every partition that has something queued or under way. */
void writeq_each(struct shard *s, void (*f)(void *user, const char *table, uint32_t partition),
                 void *user);
/* For shard.writeqs: the key is an eloq_part. */
bool writeq_equal(const void *value, const void *key);
