/* engine/filler.h -- the task that writes a busy partition's files ahead (part/ahead.h). */
#pragma once

#include "engine/shard.h"

/* Starts it, if there is room; else a later commit does. */
void filler_start(struct shard *s, struct part *p);
