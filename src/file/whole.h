/* file/whole.h -- whole small files: read, write at an offset, atomically replace. */
#pragma once

#include "base/bytes.h"
#include "io/io.h"

/* Reads a file to its end: ELOQ_OK, ELOQ_NOT_FOUND, or a failure. */
int whole_read(struct task *t, struct io *io, const char *path, struct bytes *ret);
/* Writes `path`.tmp in pieces of at most 1 MiB, fdatasyncs it, renames it over `path`, fsyncs
 * `dir`. *ret_unknown: it failed at or after the rename, so nobody knows which one is there. */
int whole_replace(struct task *t, struct io *io, const char *dir, const char *path,
                  const void *data, size_t size, bool *ret_unknown);
/* mkdir -p: each directory made is made durable in its parent. Returns 1 if `path` was made. */
int whole_mkdirs(struct task *t, struct io *io, const char *path);
/* fsync of the directory `path` and of every one above it, those left out that may not be opened:
 * for directories that were found and may have been made by somebody who was killed before he
 * flushed. */
int whole_sync_up(struct task *t, struct io *io, const char *path);
