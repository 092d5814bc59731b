/* sim/interleave.h -- a store with many requests at once, all of it following from one number.
 *
 *     issue --submit--> under way --(any shard, any I/O next)--> done --compared with the history
 *
 * One thread is the host of all shards. Which shard steps next, which I/O completes, what is asked
 * when: all from the seed, so each seed is another interleaving. */
#pragma once

#include "engine/store.h"
#include "sim/history.h"
#include "sim/oracle.h"
#include "sim/sim_io.h"

#define PARTS 4
#define TABLES 2 /* partition p is of table p % TABLES */
#define FLIGHTS 14
#define ENTRIES 6
#define ARCHIVES 8
#define VALUE_MAX 30000

enum kind {
    WRITE, /* a batch, a put, a delete */
    GET,
    MANY,
    FLOOR,
    SCAN,
    TRUNCATE,
    DROP,
    COMPACT,
    CLEAN,
    CHECKING,
    ARCHIVE,
    ARCHIVE_ALL,
    RESTORE,
    KINDS
};

struct world;

/* A request, or a scan with all its fetches. */
struct flight {
    eloq_op op;
    struct world *world;
    enum kind kind;
    bool busy, under_way, begun; /* begun: a scan whose first fetch was answered */
    unsigned part;               /* of DROP: the table */
    unsigned state;              /* the one a write makes */
    unsigned archive;            /* index */
    struct history_span span;
    struct history_answer answer;
    unsigned count; /* of keys */
    uint8_t keys[ENTRIES];
    eloq_slice slices[ENTRIES];
    eloq_entry entries[ENTRIES];
    eloq_record records[ENTRIES];
    int statuses[ENTRIES];
    eloq_iter *iter;
    uint8_t *values; /* ENTRIES * VALUE_MAX */
};

struct archive {
    uint64_t timestamp;
    bool all, done, exists;
    bool optional; /* a drop may have taken it, or may not */
    unsigned part;
    unsigned low[PARTS], high[PARTS]; /* states it may hold */
};

struct world {
    uint64_t seed;
    struct rand rand;
    struct sim_disk *disk;
    struct sim_clock clock;
    struct oracle oracle;
    eloq_store *db; /* NULL: not open */
    bool append, is_large;
    unsigned parts, shift;
    uint64_t now;  /* counts submissions and answers */
    unsigned left; /* requests still to be made */
    unsigned under_way;
    bool closing;  /* requests are refused */
    bool broken;   /* the disk stands still: what fails may fail */
    unsigned idle; /* steps since the last answer */
    unsigned versions;
    struct history histories[PARTS];
    struct flight flights[FLIGHTS];
    struct archive archives[ARCHIVES];
    unsigned archive_count;
    unsigned writing[TABLES]; /* requests under way that a drop must not meet */
    bool dropping[TABLES];
    bool failed[PARTS];       /* a write did: which of those behind it did anything is unknown */
    uint64_t answered[KINDS]; /* over all lives */
};

__attribute__((noreturn, format(printf, 2, 3))) void world_fail(struct world *w, const char *format,
                                                                ...);
eloq_part world_part(unsigned p);
uint64_t world_ms(const struct world *w);
/* One more request of a random kind, if there is room for one. */
void world_issue(struct world *w);
/* A scan that lies in its reader's hands goes on. */
void world_continue(struct world *w);
/* Reads all of a partition, waiting; the answer is for the whole of its keys. */
void world_read(struct world *w, eloq_store *db, unsigned p, struct history_answer *ret);
/* After the store was closed: what iterators answer; they are closed. */
void world_close_scans(struct world *w);
void world_init(struct world *w, struct mem *m, uint64_t seed);
void world_free(struct world *w);
