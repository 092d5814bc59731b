/* sim/oracle.h -- looks at every data file that is about to be removed or cut: nothing that is
 * needed may be in it. Needed is what is named by
 *
 *     the manifest and each archive, as a power cut would leave them now and as they are shown
 *     each version of the partition in memory: the current one and those of readers
 *
 * It reads manifests by the pure decoder and asks nobody who decides what to remove. */
#pragma once

#include "engine/store.h"
#include "sim/sim_disk.h"

struct oracle {
    struct sim_disk *disk;
    eloq_store *const *db; /* *db NULL: it is not open */
    bool append;
    uint32_t shift, page_bytes;
    /* Something needed goes: does not return. */
    void (*fail)(void *user, const char *what);
    void *user;
};

/* Watches the disk, until oracle_end. Lent. */
void oracle_begin(struct oracle *o);
void oracle_end(struct sim_disk *disk);
/* Removals and cuts looked at, of all disks. */
uint64_t oracle_count(void);
