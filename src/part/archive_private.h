/* part/archive_private.h -- what the parts of archive share. */
#pragma once

#include "part/archive.h"

/* `path` has room for PATH_MAX bytes. */
void archive_path(const struct part *p, uint64_t timestamp, char *path, size_t size);
