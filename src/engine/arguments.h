/* engine/arguments.h -- what the public functions check before anything else. */
#pragma once

#include "engine/store.h"

/* ELOQ_OK, or ELOQ_INVALID in words. */
int arguments_part(const eloq_store *store, eloq_part part);
int arguments_slice(eloq_slice slice, const char *what);
/* For asynchronous calls. */
int arguments_op(const eloq_op *op);
/* One change of a batch, against the limits of this store. */
int arguments_entry(const eloq_store *store, const eloq_entry *entry);
