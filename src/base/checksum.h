/* base/checksum.h -- the one checksum used on disk. Specification: format.md 1 and 12.1. */
#pragma once

#include "base/common.h"

/* XXH3, 64 bits, seed 0. */
uint64_t checksum64(const void *data, size_t size);
/* Of a manifest record's bytes [8, 20 + N): chunks of 1 MiB folded together. */
uint64_t checksum_record(const void *data, size_t size);
