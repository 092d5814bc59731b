/* damage/anatomy.h -- what lies where in a sound partition: the part each page has in the trees,
 * and the keys that depend on it. Told by the pure decoders, not by a store that is open. */
#pragma once

#include "damage/exhibit.h"

enum role {
    ROLE_NONE,
    ROLE_INNER,
    ROLE_INDEX,
    ROLE_LEAF,
    ROLE_OVERFLOW,
    ROLE_TTL_INDEX,
    ROLE_TTL_LEAF,
    ROLES
};
extern const char *const role_names[ROLES];

struct anatomy_page {
    enum role role;  /* ROLE_NONE: the id is free */
    size_t from, to; /* keys of the partition, by number, that depend on it */
    char path[64];   /* its file */
    uint64_t offset;
    const uint8_t *data; /* on the disk that was looked at */
};

struct anatomy {
    struct anatomy_page *pages; /* by id */
    uint32_t count;
    size_t keys;
    uint64_t records[32];  /* where the manifest's records begin; their end is the last */
    uint64_t contents[32]; /* and where their content ends */
    unsigned record_count;
};

/* Of a partition's directory, by a manifest in it. It must be sound. */
void anatomy_make(struct anatomy *a, const struct exhibit *x, struct sim_disk *disk,
                  const char *dir, const char *manifest);
void anatomy_free(struct anatomy *a);
/* The same of a store's live state and of each of its archives. */
void anatomy_make_all(struct anatomy *live, struct anatomy *archives, const struct exhibit *x);
void anatomy_free_all(struct anatomy *live, struct anatomy *archives, const struct exhibit *x);
/* The name of an archive's manifest; static. */
const char *anatomy_archive_name(const struct exhibit *x, unsigned i);
/* The page that lies at an offset of a file; NULL if none does. */
const struct anatomy_page *anatomy_at(const struct anatomy *a, const char *path, uint64_t offset);
