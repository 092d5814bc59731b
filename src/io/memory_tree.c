/* io/memory_tree.c -- the directories and files of a memory disk. */
#include "io/memory_tree.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/check.h"

#define FILE_BYTES_MAX (UINT64_C(1) << 46)

/* One component of a path, below a directory. */
struct place {
    struct memory_node *parent;
    const char *name; /* not terminated */
    size_t name_size; /* 0: the root itself */
    uint64_t hash;
};

static bool is_at(const void *value, const void *key)
{
    const struct memory_node *node = value;
    const struct place *place = key;

    return node->parent == place->parent && strlen(node->name) == place->name_size
           && memcmp(node->name, place->name, place->name_size) == 0;
}

static void node_init(struct memory_node *node, bool is_dir)
{
    *node = (struct memory_node){ .is_dir = is_dir };
    list_init(&node->link);
    list_init(&node->children);
}

void memory_tree_init(struct memory_tree *tree, struct mem *m)
{
    tree->mem = m;
    node_init(&tree->root, true);
    map_init(&tree->nodes, m, MEM_OTHER, is_at);
}

static void free_chunks(struct memory_tree *tree, struct memory_node *node, size_t from)
{
    for (size_t i = from; i < node->chunk_count; i++) {
        mem_free(tree->mem, node->chunks[i]);
        node->chunks[i] = NULL;
    }
}

static void node_free(struct memory_tree *tree, struct memory_node *node)
{
    free_chunks(tree, node, 0);
    mem_free(tree->mem, node->chunks);
    mem_free(tree->mem, node->name);
    mem_free(tree->mem, node);
}

void memory_tree_free(struct memory_tree *tree)
{
    struct memory_node *node;
    size_t at = 0;

    while ((node = map_next(&tree->nodes, &at)) != NULL) {
        CHECK(node->handles == 0);
        node_free(tree, node);
    }
    map_free(&tree->nodes);
}

/* Walks to the directory that holds the last component. */
static int walk(struct memory_tree *tree, const char *path, struct place *ret)
{
    struct place place = { .parent = &tree->root };
    struct memory_node *node = &tree->root;

    if (!path || path[0] != '/')
        return -EINVAL;
    for (;;) {
        path += strspn(path, "/");
        if (*path == '\0')
            break;
        if (!node)
            return -ENOENT;
        if (!node->is_dir)
            return -ENOTDIR;
        place.parent = node;
        place.name = path;
        place.name_size = strcspn(path, "/");
        if (place.name_size > NAME_MAX)
            return -ENAMETOOLONG;
        if (path[0] == '.' && (place.name_size == 1 || (place.name_size == 2 && path[1] == '.')))
            return -EINVAL;
        place.hash =
            hash_mix(hash_bytes(place.name, place.name_size), (uint64_t)(uintptr_t)place.parent);
        node = map_get(&tree->nodes, place.hash, &place);
        path += place.name_size;
    }
    *ret = place;
    return 0;
}

static struct memory_node *node_at(struct memory_tree *tree, const struct place *place)
{
    if (place->name_size == 0)
        return &tree->root;
    return map_get(&tree->nodes, place->hash, place);
}

int memory_find(struct memory_tree *tree, const char *path, struct memory_node **ret)
{
    struct place place;
    int rc = walk(tree, path, &place);

    if (rc < 0)
        return rc;
    *ret = node_at(tree, &place);
    return *ret ? 0 : -ENOENT;
}

static char *copy_name(struct memory_tree *tree, const struct place *place)
{
    char *name = mem_alloc(tree->mem, MEM_OTHER, place->name_size + 1);

    if (name) {
        memcpy(name, place->name, place->name_size);
        name[place->name_size] = '\0';
    }
    return name;
}

/* Gives the node its place; the caller has reserved room in the map. */
static void attach(struct memory_tree *tree, struct memory_node *node, const struct place *place,
                   char *name)
{
    node->name = name;
    node->parent = place->parent;
    node->hash = place->hash;
    CHECK(map_put(&tree->nodes, node->hash, node) == 0);
    list_push_back(&node->parent->children, &node->link);
}

static void detach(struct memory_tree *tree, struct memory_node *node)
{
    map_remove(&tree->nodes, node->hash, node);
    list_remove(&node->link);
    mem_free(tree->mem, node->name);
    node->name = NULL;
    node->parent = NULL;
}

int memory_make(struct memory_tree *tree, const char *path, bool is_dir, struct memory_node **ret)
{
    struct place place;
    struct memory_node *node;
    char *name;
    int rc = walk(tree, path, &place);

    if (rc < 0)
        return rc;
    if (place.name_size == 0 || node_at(tree, &place))
        return -EEXIST;
    node = mem_alloc(tree->mem, MEM_OTHER, sizeof *node);
    name = copy_name(tree, &place);
    if (!node || !name || map_reserve(&tree->nodes) < 0) {
        mem_free(tree->mem, node);
        mem_free(tree->mem, name);
        return -ENOMEM;
    }
    node_init(node, is_dir);
    attach(tree, node, &place, name);
    *ret = node;
    return 0;
}

static void unlink_node(struct memory_tree *tree, struct memory_node *node)
{
    detach(tree, node);
    if (node->handles == 0)
        node_free(tree, node);
}

int memory_remove(struct memory_tree *tree, const char *path, bool is_dir)
{
    struct memory_node *node;
    int rc = memory_find(tree, path, &node);

    if (rc < 0)
        return rc;
    if (node->is_dir != is_dir)
        return is_dir ? -ENOTDIR : -EISDIR;
    if (node == &tree->root)
        return -EBUSY;
    if (!list_empty(&node->children))
        return -ENOTEMPTY;
    unlink_node(tree, node);
    return 0;
}

static bool is_inside(const struct memory_node *node, const struct memory_node *dir)
{
    while (node && node != dir)
        node = node->parent;
    return node == dir;
}

int memory_rename(struct memory_tree *tree, const char *from, const char *to)
{
    struct memory_node *node, *old;
    struct place place;
    char *name;
    int rc = memory_find(tree, from, &node);

    if (rc < 0)
        return rc;
    rc = walk(tree, to, &place);
    if (rc < 0)
        return rc;
    old = node_at(tree, &place);
    if (old == node || place.name_size == 0) /* nothing takes the root's place */
        return old == node ? 0 : -EBUSY;
    if (node->is_dir && is_inside(place.parent, node))
        return -EINVAL;
    if (old && old->is_dir != node->is_dir)
        return old->is_dir ? -EISDIR : -ENOTDIR;
    if (old && !list_empty(&old->children))
        return -ENOTEMPTY;
    name = copy_name(tree, &place);
    if (!name || map_reserve(&tree->nodes) < 0) {
        mem_free(tree->mem, name);
        return -ENOMEM;
    }
    if (old)
        unlink_node(tree, old);
    detach(tree, node);
    attach(tree, node, &place, name);
    return 0;
}

void memory_node_release(struct memory_tree *tree, struct memory_node *node)
{
    CHECK(node->handles > 0);
    node->handles--;
    if (node->handles == 0 && !node->name && node != &tree->root)
        node_free(tree, node);
}

size_t memory_read(const struct memory_node *node, uint64_t offset, void *data, size_t size)
{
    size_t done = 0;

    if (offset >= node->size)
        return 0;
    size = (size_t)MIN((uint64_t)size, node->size - offset);
    while (done < size) {
        uint64_t at = offset + done;
        size_t inside = (size_t)(at % MEMORY_CHUNK_BYTES);
        size_t n = MIN(size - done, MEMORY_CHUNK_BYTES - inside);
        uint64_t i = at / MEMORY_CHUNK_BYTES;

        if (i < node->chunk_count && node->chunks[i])
            memcpy((uint8_t *)data + done, node->chunks[i] + inside, n);
        else
            memset((uint8_t *)data + done, 0, n);
        done += n;
    }
    return size;
}

/* Room for the chunk numbers below `count`. */
static int reserve_chunks(struct memory_tree *tree, struct memory_node *node, size_t count)
{
    size_t grown = MAX(count, node->chunk_count * 2);
    uint8_t **chunks;

    if (count <= node->chunk_count)
        return 0;
    chunks = mem_realloc(tree->mem, MEM_OTHER, node->chunks, grown * sizeof *chunks);
    if (!chunks)
        return -ENOMEM;
    memset(chunks + node->chunk_count, 0, (grown - node->chunk_count) * sizeof *chunks);
    node->chunks = chunks;
    node->chunk_count = grown;
    return 0;
}

int memory_write(struct memory_tree *tree, struct memory_node *node, uint64_t offset,
                 const void *data, size_t size)
{
    size_t done = 0;
    int rc;

    if (offset > FILE_BYTES_MAX || size > FILE_BYTES_MAX - offset)
        return -EFBIG;
    rc = reserve_chunks(tree, node,
                        (size_t)((offset + size + MEMORY_CHUNK_BYTES - 1) / MEMORY_CHUNK_BYTES));
    if (rc < 0)
        return rc;
    while (done < size) {
        uint64_t at = offset + done;
        size_t inside = (size_t)(at % MEMORY_CHUNK_BYTES);
        size_t n = MIN(size - done, MEMORY_CHUNK_BYTES - inside);
        uint8_t **chunk = &node->chunks[at / MEMORY_CHUNK_BYTES];

        if (!*chunk)
            *chunk = mem_zalloc(tree->mem, MEM_OTHER, MEMORY_CHUNK_BYTES);
        if (!*chunk)
            return -ENOMEM;
        memcpy(*chunk + inside, (const uint8_t *)data + done, n);
        done += n;
        node->size = MAX(node->size, at + n);
    }
    return 0;
}

void memory_resize(struct memory_tree *tree, struct memory_node *node, uint64_t size)
{
    size_t inside = (size_t)(size % MEMORY_CHUNK_BYTES);
    uint64_t first = size / MEMORY_CHUNK_BYTES;

    if (size < node->size && first < node->chunk_count) {
        if (inside > 0 && node->chunks[first])
            memset(node->chunks[first] + inside, 0, MEMORY_CHUNK_BYTES - inside);
        free_chunks(tree, node, (size_t)first + (inside > 0));
    }
    node->size = size;
}
