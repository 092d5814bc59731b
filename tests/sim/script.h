/* sim/script.h -- a store's life that follows from a number: options, batches, what it must hold.
 *
 *     states[0] = nothing --batch 1--> states[1] --batch 2--> states[2] ...
 *
 * A batch is what differs between two states, so any state can be written over any earlier one: the
 * one after a batch that failed, too. */
#pragma once

#include "engine/store.h"
#include "model/model.h"
#include "sim/oracle.h"
#include "sim/sim_io.h"

#define SCRIPT_BATCHES_MAX 8
#define SCRIPT_STATES (3 * SCRIPT_BATCHES_MAX + 2) /* so many that one can go on after recovery */
#define SCRIPT_PATH "/disk/store"                  /* where the partition is */
#define SCRIPT_OTHER_PATH "/disk/other"            /* of a store with two */
#define SCRIPT_WALL_US UINT64_C(1700000000000000)
#define SCRIPT_EXPIRY_MS UINT64_C(4102444800000) /* about when pairs expire */
#define SCRIPT_PARTS 2

struct script {
    uint64_t seed;
    bool append, is_large, has_two_paths, compresses;
    bool compacts;
    bool drops;     /* when emptied; else it is truncated, or each pair deleted */
    bool reads;     /* a reader begins after the first batch and ends after the last */
    bool expires;   /* from some batch on half of what can expire has, and is cleaned away */
    unsigned parts; /* each on a shard of its own */
    bool is_one_flush;
    bool is_evicted; /* a partition stays loaded only while it is used */
    bool is_ahead;   /* files are written ahead from the first commits on */
    uint32_t shift, manifest_limit;
    unsigned batches;
    struct model states[SCRIPT_STATES];
};

void script_make(struct script *s, uint64_t seed);
void script_free(struct script *s);

/* A script at work on a disk. */
struct run {
    const struct script *script;
    struct sim_disk *disk;
    struct sim_clock clock;
    struct oracle oracle; /* watches while it is open */
    uint64_t io_seed;
    bool (*mem_fail)(void *user, size_t size); /* may be NULL */
    void *mem_user;
    uint32_t retained_archives; /* options.num_retained_archives */
    uint32_t fd_limit;          /* options.fd_limit; 0: as always */
    eloq_store *db;             /* NULL: not open */
    eloq_iter *reader;          /* NULL: none */
    const struct model *reader_sees;
    unsigned truncations, drops; /* that succeeded */
};

/* The first is the one that is truncated, dropped, compacted. */
extern const eloq_part script_parts[SCRIPT_PARTS];
#define script_part script_parts[0]

/* A run that is not open, the clock at SCRIPT_WALL_US. The disk is lent. */
void script_start(struct run *run, const struct script *script, struct sim_disk *disk);
/* The format is given as long as there is no partition; then it must come from the record. */
int script_open(struct run *run);
/* False: closing it left memory behind. */
bool script_close(struct run *run);
/* What a program does when something is not as promised: says what, and exits. NULL: just that. */
extern void (*script_fail)(const char *what);
__attribute__((noreturn)) void script_give_up(const char *what); /* by script_fail */
/* The same as above, or it gives up. */
void script_must_open(struct run *run);
void script_must_close(struct run *run);
/* Of a run that is not open, with a disk of its own, yours to free. */
struct run script_copy(const struct run *run);
/* For eloq_check: tells damage. `user`: NULL, or the run; of a disk that stopped nothing is told.
 */
void script_tell_damage(void *user, eloq_part p, const eloq_finding *finding);
/* Writes what leads from states[from] to states[to], as one batch, or by truncating or dropping. */
int script_write(struct run *run, unsigned from, unsigned to);
/* The same of every partition at once: from[p] to to[p], its status in ret[p]. */
void script_write_all(struct run *run, const unsigned *from, const unsigned *to, int *ret);
/* Reads one pair of states[k], which is current, and keeps that moment. */
int script_reader_begin(struct run *run, unsigned k);
/* Reads the rest: 0 it is what it was, 1 it is not, < 0 a failure. The reader is gone then. */
int script_reader_end(struct run *run);
/* Whether a pair of a state has not expired. */
bool script_sees(const struct run *run, const struct model_pair *p);
/* Whether the store holds just states[k]: 0 yes, 1 no, < 0 a failure. */
int script_holds(struct run *run, unsigned k);
int script_holds_in(struct run *run, unsigned part, unsigned k);
/* Which of these states, a bit each, a partition holds; SCRIPT_STATES: none. Check finds no damage
 * in it, or script_fail is told, unless the disk has stopped. */
unsigned script_find(struct run *run, unsigned part, uint32_t states);
/* Where a page is that the last commit of the first partition wrote, if it was flushed together
 * with its record; a bit of it changes, and when called again it changes back. */
struct script_spot {
    char path[64];
    uint64_t offset;
};
bool script_last_page(struct run *run, struct script_spot *ret);
void script_flip(struct run *run, const struct script_spot *spot);
