/* io/memory_tree.h -- the directories and files of a memory disk. The caller holds its lock.
 *
 * A node lives as long as it has its name or a handle: unlinked files stay readable. */
#pragma once

#include "base/list.h"
#include "base/map.h"

#define MEMORY_CHUNK_BYTES ((size_t)16384)

struct memory_node {
    struct list link; /* in its parent's children */
    struct memory_node *parent;
    struct list children;
    char *name; /* NULL: the root, or unlinked */
    uint64_t hash;
    bool is_dir;
    unsigned handles;
    uint64_t size;
    uint8_t **chunks; /* NULL = zeros, as is everything beyond them */
    size_t chunk_count;
    unsigned shared_locks;
    bool exclusive_lock;
};

struct memory_tree {
    struct mem *mem;
    struct memory_node root;
    struct map nodes; /* by parent and name */
};

void memory_tree_init(struct memory_tree *tree, struct mem *m);
void memory_tree_free(struct memory_tree *tree); /* no handle may be open */

/* The node of an absolute path: 0, -ENOENT, -ENOTDIR, -ENAMETOOLONG, -EINVAL. */
int memory_find(struct memory_tree *tree, const char *path, struct memory_node **ret);
/* Makes it; its parent must exist: 0, -EEXIST, -ENOMEM, or as memory_find. */
int memory_make(struct memory_tree *tree, const char *path, bool is_dir, struct memory_node **ret);
/* Takes away the name. */
int memory_remove(struct memory_tree *tree, const char *path, bool is_dir);
int memory_rename(struct memory_tree *tree, const char *from, const char *to);
/* A handle was closed. */
void memory_node_release(struct memory_tree *tree, struct memory_node *node);

/* Content of a file. The first returns the bytes read. */
size_t memory_read(const struct memory_node *node, uint64_t offset, void *data, size_t size);
int memory_write(struct memory_tree *tree, struct memory_node *node, uint64_t offset,
                 const void *data, size_t size);
void memory_resize(struct memory_tree *tree, struct memory_node *node, uint64_t size);
