/* damage/exhibit.h -- small stores to be damaged: one for each kind of content, and what they hold.
 *
 *     /disk/store/.eloqstore/...   the record of the options, the lock
 *     /disk/store/t.0/...          what is damaged
 *     /disk/store/u.0/...          beside it, always whole
 *
 * Made by a few commits through the public API; the disk after each, and what the partition held,
 * are kept. */
#pragma once

#include "engine/store.h"
#include "model/model.h"
#include "sim/sim_io.h"

#define EXHIBIT_STORE "/disk/store"
#define EXHIBIT_DIR EXHIBIT_STORE "/t.0"
#define EXHIBIT_OTHER_DIR EXHIBIT_STORE "/u.0"
#define EXHIBIT_PAGE 4096u
#define EXHIBIT_COMMITS_MAX 12
#define EXHIBIT_ARCHIVES_MAX 2

enum exhibit_kind {
    EXHIBIT_IN_PLACE,
    EXHIBIT_APPEND,     /* with archives */
    EXHIBIT_COMPRESSED, /* with a dictionary */
    EXHIBIT_TTL,
    EXHIBIT_LARGE,                /* overflow chains of several groups */
    EXHIBIT_DEEP,                 /* three levels of index pages; archives */
    EXHIBIT_JOINT,                /* commits flushed together with their pages */
    EXHIBIT_SMALL,                /* kinds so far: damaged byte by byte */
    EXHIBIT_WIDE = EXHIBIT_SMALL, /* of all kinds something, 200 pages, in place */
    EXHIBIT_WIDE_APPEND,
    EXHIBIT_KINDS
};

struct sim_node;
struct exhibit {
    enum exhibit_kind kind;
    const char *name;
    bool is_append, has_format; /* has_format: the caller gives it, not the record alone */
    uint32_t shift, pointers;
    bool compresses;
    uint64_t seed;
    struct sim_disk *disk; /* closed, durable */
    struct sim_clock clock;

    unsigned commits;
    struct model states[EXHIBIT_COMMITS_MAX];      /* after each commit */
    struct sim_disk *history[EXHIBIT_COMMITS_MAX]; /* the disk, likewise */
    struct exhibit_archive {
        uint64_t timestamp;
        unsigned state; /* index of states */
    } archives[EXHIBIT_ARCHIVES_MAX];
    unsigned archive_count;
    struct model other;
};

extern const eloq_part exhibit_part, exhibit_other;

/* False, with words on stderr: a call failed. */
bool exhibit_make(struct exhibit *x, enum exhibit_kind kind, uint64_t seed);
void exhibit_free(struct exhibit *x);
/* Which state a manifest shows that ends there: index of states. */
unsigned exhibit_state_at(const struct exhibit *x, uint64_t end);
static inline const struct model *exhibit_now(const struct exhibit *x)
{
    return &x->states[x->commits - 1];
}
/* A store over a disk in the exhibit's way. as_of 0: the live one, to be written. */
int exhibit_open(struct exhibit *x, struct sim_disk *disk, uint64_t as_of, eloq_store **ret);

/* What the kernel shows of a file, to be changed behind the engine's back; NULL if there is none.
 */
struct bytes *exhibit_file(struct sim_disk *disk, const char *path);
/* Names in a directory, a new array with NULL at its end; free it. Names are lent. */
const char **exhibit_names(struct sim_disk *disk, const char *dir);
/* Takes a file's name away, until it is given back, whatever has it then. */
struct sim_node *exhibit_hide(struct sim_disk *disk, const char *path);
void exhibit_show(struct sim_disk *disk, const char *path, struct sim_node *node);
/* A number that follows from all names and contents. */
uint64_t exhibit_digest(const struct sim_disk *disk);
