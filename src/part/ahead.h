/* part/ahead.h -- blocks written with zeros before a commit needs them.
 *
 * A flush of a file that grows, or whose blocks are written for the first time, costs four times as
 * much as one of written blocks, since the file system commits its journal. So a busy partition
 * has the next blocks of its manifest and of its last data file written by the background:
 *
 *     manifest    records ... | manifest_end ...... zeros ...... manifest_ready |
 *     data file   pages ......| falloc.next ....... zeros ........ places_ready |
 *
 * (1) Zeros go only behind what a record or a page of ours has taken, or is about to take; whoever
 *     comes close while they are being written waits (ahead_await_...).
 * (2) Nothing reads them: replay takes a tail of zeros for the end, and no page lies at or above
 *     falloc.next. A crash may leave them; the next open cuts them off (part/prewrite.h).
 * (3) Who replaces, cuts or removes these files keeps the filler away (ahead_hold).
 *
 * Specification: performance.md 3.2. */
#pragma once

#include "coro/wait.h"
#include "page/format.h"

struct part;

struct ahead {
    struct mutex lock; /* one fills, or nobody does */
    uint64_t manifest_ready, places_ready;
    uint64_t manifest_fill,
        places_fill;     /* where zeros are being written from; UINT64_MAX: nowhere */
    uint64_t record_end; /* of the record that is being appended */
    uint32_t wait;       /* small commits until it counts as busy */
    bool asked;          /* somebody is going to fill */
};

void ahead_init(struct ahead *a, uint32_t after);
/* A commit of so many pages. */
void ahead_committed(struct part *p, size_t pages);
/* It is time to fill. */
bool ahead_wanted(const struct part *p);
/* Writes zeros, flushes them. Not under the write slot. A failure costs nothing but speed: it is
 * tried again much later. */
void ahead_fill(struct task *t, struct part *p);
/* Until a record may be written that ends there; until the places taken so far may be written. */
void ahead_await_manifest(struct task *t, struct part *p, uint64_t record_end);
void ahead_await_places(struct task *t, struct part *p);
/* Around what replaces, cuts or removes files that are filled. */
void ahead_hold(struct task *t, struct part *p);
void ahead_let_go(struct part *p);
/* Cuts the zeros off, when the partition leaves memory. */
void ahead_trim(struct task *t, struct part *p);
