/* engine/shard_io.h -- which backend a shard's I/O goes through. */
#pragma once

#include "base/error.h"
#include "io/io.h"

struct eloq_store;

/* On the shard's own thread. ELOQ_OK or a failure with words. */
int shard_io_open(struct eloq_store *store, unsigned index, struct io **ret, struct err *e);
