/* sim/sim_node.h -- inside the simulated disk: files, directories, changes not yet durable. */
#pragma once

#include "base/list.h"
#include "sim/sim_disk.h"

struct sim_node;

struct sim_entry {
    uint64_t hash; /* of the name */
    char *name;
    struct sim_node *node; /* a reference */
};
struct sim_entries {
    struct sim_entry *items;
    size_t count, capacity;
};

struct sim_node {
    struct list link; /* in disk->nodes */
    bool is_dir;
    unsigned refs; /* from entries, changes, handles */
    struct bytes now, durable;
    struct sim_entries now_entries, durable_entries;
    uint64_t losses; /* failed flushes that lost something */
    int loss_errno;  /* of the last */
    unsigned shared_locks;
    bool exclusive_lock;
    /* Scratch of one walk over the changes. */
    bool marked;
    size_t changes, allowed, seen;
    struct sim_node *twin;
};

enum sim_change_kind { SIM_WRITE, SIM_RESIZE, SIM_LINK, SIM_UNLINK, SIM_RENAME };

struct sim_change {
    struct list link;
    enum sim_change_kind kind;
    struct sim_node *node; /* the file, or what is linked or renamed; NULL for SIM_UNLINK */
    struct sim_node *dir, *dir2;
    char *name, *name2;
    uint64_t offset; /* SIM_RESIZE: the new size */
    size_t size;
    uint8_t *data;
    bool kept; /* chosen by a power cut */
};

struct sim_handle {
    struct sim_node *node; /* NULL: free */
    bool can_write, is_direct;
    bool has_shared, has_exclusive;
    uint64_t losses_told; /* each descriptor is told once, as by Linux */
};

#define SIM_FAULTS 8

struct sim_disk {
    struct mem *mem;
    struct list nodes;
    struct sim_node *root;
    struct list changes;  /* oldest first */
    struct bytes removed; /* what a file held that was removed or replaced, the last such one */
    struct sim_handle *handles;
    int handle_count;
    uint64_t epoch; /* a kill or cut begins the next */
    bool stopped;
    bool lost_names;
    bool closes_lose;
    uint64_t struck, syncs_lost;
    uint64_t stop_in; /* mutations left; UINT64_MAX: no stop */
    uint64_t answer_ns;
    struct sim_fault faults[SIM_FAULTS];
    size_t fault_count;
    uint64_t counts[IO_OPS];
    uint64_t mutations;
    uint64_t trace; /* a hash of every operation and its result */
    bool prints;    /* each operation, to stderr */
    void (*watch)(void *user, const char *path, uint64_t size);
    void *watch_user;
};

struct sim_node *sim_node_new(struct sim_disk *disk, bool is_dir);
void sim_node_ref(struct sim_node *node);
void sim_node_unref(struct sim_disk *disk, struct sim_node *node); /* NULL is allowed */

/* A path taken apart; `node` NULL when its last component is missing. */
struct sim_place {
    struct sim_node *dir, *node;
    const char *name; /* the last component, in the path; "" for the root */
};
int sim_walk(struct sim_disk *disk, const char *path, struct sim_place *ret);
/* The path that shows a file, at most PATH_MAX bytes with its end; false: none does. */
bool sim_path_of(const struct sim_disk *disk, const struct sim_node *node, char *ret);

struct sim_node *sim_entries_get(const struct sim_entries *e, const char *name);
void sim_entries_set(struct sim_disk *disk, struct sim_entries *e, const char *name,
                     struct sim_node *node);
void sim_entries_remove(struct sim_disk *disk, struct sim_entries *e, const char *name);
void sim_entries_clear(struct sim_disk *disk, struct sim_entries *e);
void sim_bytes_resize(struct bytes *b, uint64_t size); /* new bytes are zero */
void sim_bytes_write(struct bytes *b, uint64_t offset, const void *data, size_t size);

/* Each happens now, and is a change until it is durable. */
void sim_write(struct sim_disk *disk, struct sim_node *node, uint64_t offset, const void *data,
               size_t size);
void sim_resize(struct sim_disk *disk, struct sim_node *node, uint64_t size);
void sim_link(struct sim_disk *disk, struct sim_node *dir, const char *name, struct sim_node *node);
void sim_unlink(struct sim_disk *disk, struct sim_node *dir, const char *name);
void sim_rename(struct sim_disk *disk, const struct sim_place *from, const struct sim_place *to);

/* Makes a node's changes durable, or with `lose` forgets that they are not; answers how many. */
size_t sim_sync(struct sim_disk *disk, struct sim_node *node, bool lose);
void sim_change_apply(struct sim_disk *disk, const struct sim_change *change);
void sim_change_free(struct sim_disk *disk, struct sim_change *change);
void sim_close_handles(struct sim_disk *disk);
