/* engine/writeq.h -- one writer at a time per partition; what queues up meanwhile is merged.
 *
 *     writeq_enter -> [ W W W C W W ]      one task per partition with something queued:
 *                       \___/ | \_/        W W W one commit, C (a check) alone, W W one commit
 *
 * Submission order is kept. When nothing is queued and pairs have expired, they are cleaned.
 */
#pragma once

#include "engine/shard.h"

void writeq_enter(struct shard *s, struct request *r);
/* For shard.writeqs: the key is an eloq_part. */
bool writeq_equal(const void *value, const void *key);
