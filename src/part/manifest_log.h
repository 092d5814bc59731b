/* part/manifest_log.h -- a partition's manifest file: load, append, replace.
 * Specification: format.md 12.5, 13, 15. */
#pragma once

#include "part/part.h"

/* Closes it, if it is open. */
void manifest_log_close(struct task *t, struct part *p);
/* Whoever opened it is done with it: it may be closed when others need its descriptor. */
void manifest_log_rest(struct part *p);
/* Opens the live manifest for writing unless it is open: p->manifest_fd. */
int manifest_log_open(struct task *t, struct part *p);
/* Appends one padded record and fdatasyncs; the sequence is filled in here. One with page checksums
 * is flushed together with the data files, in any order. On failure p->unknown is set if anything
 * may have been written. Success is the last thing it does: no suspension after it. */
int manifest_log_append(struct task *t, struct part *p, const struct manifest_log *log);
/* If the last record counts only as long as its pages are there, another one behind it, durable,
 * that says they are: before anything goes that the state before it needs. */
int manifest_log_seal(struct task *t, struct part *p);
/* The same without a flush, in no hurry and where the next record will go: before the partition
 * rests or leaves memory. When it fails or is lost, only the check at the next open is not saved.
 */
void manifest_log_rest_sealed(struct task *t, struct part *p);
/* Overwrites [at, end), a record that is none, with zeros, durably. */
int manifest_log_wipe(struct task *t, struct part *p, uint64_t at, uint64_t end);
/* Where what we wrote ends. */
static inline uint64_t manifest_log_end(const struct part *p)
{
    return p->manifest_end + (p->sealed ? RECORD_ALIGN : 0);
}
/* A snapshot record of `s`, as a manifest or an archive of one record. */
struct manifest_image {
    struct bytes record;
    uint64_t checksum;
    struct manifest_sequence sequence;
    uint64_t file_count; /* entries of the term section */
};
/* ELOQ_OK or a failure; the caller frees ret->record in any case. */
int manifest_log_encode(struct task *t, struct part *p, const struct snapshot *s,
                        struct manifest_image *ret);
/* Replaces the manifest by one snapshot record of `s` (fdatasync, rename, directory fsync). On
 * failure p->unknown is set if it may have happened. */
int manifest_log_replace(struct task *t, struct part *p, const struct snapshot *s);
/* Whether the next commit with so many changes must replace instead of append (format.md 12.5, the
 * limit being max(manifest_limit, 2 x the last snapshot)). */
bool manifest_log_must_replace(const struct part *p, size_t change_count, size_t term_count);
/* After p->unknown: makes the disk say what memory says, by replacing the manifest with the current
 * snapshot. On failure p->broken is set too, unless trying again can help. */
int manifest_log_repair(struct task *t, struct part *p);
