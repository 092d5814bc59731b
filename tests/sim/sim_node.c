/* sim/sim_node.c -- inside the simulated disk: files, directories, changes not yet durable. */
#include "sim/sim_node.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"

#define REMOVED_MAX 65536

struct sim_node *sim_node_new(struct sim_disk *disk, bool is_dir)
{
    struct sim_node *node = mem_zalloc(disk->mem, MEM_OTHER, sizeof *node);

    CHECK(node != NULL);
    node->is_dir = is_dir;
    bytes_init(&node->now, disk->mem, MEM_OTHER);
    bytes_init(&node->durable, disk->mem, MEM_OTHER);
    list_push_back(&disk->nodes, &node->link);
    return node;
}

void sim_node_ref(struct sim_node *node)
{
    node->refs++;
}

void sim_node_unref(struct sim_disk *disk, struct sim_node *node)
{
    if (!node)
        return;
    CHECK(node->refs > 0);
    if (--node->refs > 0)
        return;
    list_remove(&node->link);
    sim_entries_clear(disk, &node->now_entries);
    sim_entries_clear(disk, &node->durable_entries);
    bytes_free(&node->now);
    bytes_free(&node->durable);
    mem_free(disk->mem, node);
}

static size_t entry_index(const struct sim_entries *e, const char *name)
{
    uint64_t hash = hash_bytes(name, strlen(name));
    size_t i = 0;

    while (i < e->count && (e->items[i].hash != hash || strcmp(e->items[i].name, name) != 0))
        i++;
    return i;
}

struct sim_node *sim_entries_get(const struct sim_entries *e, const char *name)
{
    size_t i = entry_index(e, name);

    return i < e->count ? e->items[i].node : NULL;
}

void sim_entries_set(struct sim_disk *disk, struct sim_entries *e, const char *name,
                     struct sim_node *node)
{
    size_t i = entry_index(e, name);

    sim_node_ref(node);
    if (i < e->count) {
        sim_node_unref(disk, e->items[i].node);
        e->items[i].node = node;
        return;
    }
    if (e->count == e->capacity) {
        e->capacity = e->capacity ? e->capacity * 2 : 8;
        e->items = mem_realloc(disk->mem, MEM_OTHER, e->items, e->capacity * sizeof *e->items);
        CHECK(e->items != NULL);
    }
    e->items[i].name = mem_strdup(disk->mem, MEM_OTHER, name);
    CHECK(e->items[i].name != NULL);
    e->items[i].hash = hash_bytes(name, strlen(name));
    e->items[i].node = node;
    e->count++;
}

void sim_entries_remove(struct sim_disk *disk, struct sim_entries *e, const char *name)
{
    size_t i = entry_index(e, name);
    struct sim_node *node;

    if (i == e->count)
        return;
    node = e->items[i].node;
    mem_free(disk->mem, e->items[i].name);
    e->count--;
    memmove(&e->items[i], &e->items[i + 1], (e->count - i) * sizeof *e->items);
    sim_node_unref(disk, node);
}

void sim_entries_clear(struct sim_disk *disk, struct sim_entries *e)
{
    for (size_t i = 0; i < e->count; i++) {
        mem_free(disk->mem, e->items[i].name);
        sim_node_unref(disk, e->items[i].node);
    }
    mem_free(disk->mem, e->items);
    *e = (struct sim_entries){ 0 };
}

void sim_bytes_resize(struct bytes *b, uint64_t size)
{
    if (size > b->size) {
        bytes_add_zeros(b, size - b->size);
        CHECK(!b->failed);
    }
    b->size = (size_t)size;
}

void sim_bytes_write(struct bytes *b, uint64_t offset, const void *data, size_t size)
{
    if (size == 0)
        return;
    if (offset + size > b->size)
        sim_bytes_resize(b, offset + size);
    memcpy(b->data + offset, data, size);
}

int sim_walk(struct sim_disk *disk, const char *path, struct sim_place *ret)
{
    struct sim_place place = { .dir = disk->root, .node = disk->root, .name = "" };
    static char name[NAME_MAX + 1]; /* one thread, and nothing calls back */

    if (!path || path[0] != '/')
        return -EINVAL;
    for (path += strspn(path, "/"); *path != '\0'; path += strspn(path, "/")) {
        size_t size = strcspn(path, "/");

        if (size > NAME_MAX)
            return -ENAMETOOLONG;
        if (!place.node)
            return -ENOENT;
        if (!place.node->is_dir)
            return -ENOTDIR;
        memcpy(name, path, size);
        name[size] = '\0';
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            return -EINVAL;
        place.dir = place.node;
        place.node = sim_entries_get(&place.dir->now_entries, name);
        place.name = path;
        path += size;
    }
    if (strchr(place.name, '/') != NULL)
        return -EINVAL; /* a trailing slash */
    *ret = place;
    return 0;
}

static bool find_path(const struct sim_node *dir, const struct sim_node *node, char *path,
                      size_t size)
{
    for (size_t i = 0; i < dir->now_entries.count; i++) {
        const struct sim_entry *e = &dir->now_entries.items[i];
        int n = snprintf(path + size, PATH_MAX - size, "/%s", e->name);

        if (e->node == node
            || (e->node->is_dir && find_path(e->node, node, path, size + (size_t)n)))
            return true;
    }
    return false;
}

bool sim_path_of(const struct sim_disk *disk, const struct sim_node *node, char *ret)
{
    return find_path(disk->root, node, ret, 0);
}

static struct sim_change *change_new(struct sim_disk *disk, enum sim_change_kind kind,
                                     struct sim_node *node)
{
    struct sim_change *change = mem_zalloc(disk->mem, MEM_OTHER, sizeof *change);

    CHECK(change != NULL);
    change->kind = kind;
    change->node = node;
    if (node)
        sim_node_ref(node);
    list_push_back(&disk->changes, &change->link);
    return change;
}

static char *copy_name(struct sim_disk *disk, struct sim_node *dir, const char *name)
{
    char *copy = mem_strdup(disk->mem, MEM_OTHER, name);

    CHECK(copy != NULL);
    sim_node_ref(dir); /* the change holds both */
    return copy;
}

void sim_change_free(struct sim_disk *disk, struct sim_change *change)
{
    list_remove(&change->link);
    sim_node_unref(disk, change->node);
    sim_node_unref(disk, change->dir);
    sim_node_unref(disk, change->dir2);
    mem_free(disk->mem, change->name);
    mem_free(disk->mem, change->name2);
    mem_free(disk->mem, change->data);
    mem_free(disk->mem, change);
}

void sim_write(struct sim_disk *disk, struct sim_node *node, uint64_t offset, const void *data,
               size_t size)
{
    struct sim_change *change = change_new(disk, SIM_WRITE, node);

    change->offset = offset;
    change->size = size;
    change->data = mem_alloc(disk->mem, MEM_OTHER, size);
    CHECK(change->data != NULL);
    memcpy(change->data, data, size);
    sim_bytes_write(&node->now, offset, data, size);
}

void sim_resize(struct sim_disk *disk, struct sim_node *node, uint64_t size)
{
    change_new(disk, SIM_RESIZE, node)->offset = size;
    sim_bytes_resize(&node->now, size);
}

void sim_link(struct sim_disk *disk, struct sim_node *dir, const char *name, struct sim_node *node)
{
    struct sim_change *change = change_new(disk, SIM_LINK, node);

    change->dir = dir;
    change->name = copy_name(disk, dir, name);
    sim_entries_set(disk, &dir->now_entries, name, node);
}

/* Its blocks are free, and may show up where a file has grown and was not written. */
static void keep_removed(struct sim_disk *disk, const struct sim_node *node)
{
    if (!node || node->is_dir || node->now.size == 0)
        return;
    disk->removed.size = 0;
    bytes_add(&disk->removed, node->now.data, MIN(node->now.size, (size_t)REMOVED_MAX));
    CHECK(!disk->removed.failed);
}

void sim_unlink(struct sim_disk *disk, struct sim_node *dir, const char *name)
{
    keep_removed(disk, sim_entries_get(&dir->now_entries, name));
    struct sim_change *change = change_new(disk, SIM_UNLINK, NULL);

    change->dir = dir;
    change->name = copy_name(disk, dir, name);
    sim_entries_remove(disk, &dir->now_entries, name);
}

void sim_rename(struct sim_disk *disk, const struct sim_place *from, const struct sim_place *to)
{
    keep_removed(disk, to->node);
    struct sim_change *change = change_new(disk, SIM_RENAME, from->node);

    change->dir = from->dir;
    change->name = copy_name(disk, from->dir, from->name);
    change->dir2 = to->dir;
    change->name2 = copy_name(disk, to->dir, to->name);
    sim_entries_set(disk, &to->dir->now_entries, to->name, from->node);
    sim_entries_remove(disk, &from->dir->now_entries, from->name);
}

void sim_change_apply(struct sim_disk *disk, const struct sim_change *change)
{
    switch (change->kind) {
    case SIM_WRITE:
        sim_bytes_write(&change->node->durable, change->offset, change->data, change->size);
        break;
    case SIM_RESIZE:
        sim_bytes_resize(&change->node->durable, change->offset);
        break;
    case SIM_LINK:
        sim_entries_set(disk, &change->dir->durable_entries, change->name, change->node);
        break;
    case SIM_UNLINK:
        sim_entries_remove(disk, &change->dir->durable_entries, change->name);
        break;
    case SIM_RENAME:
        sim_entries_set(disk, &change->dir2->durable_entries, change->name2, change->node);
        sim_entries_remove(disk, &change->dir->durable_entries, change->name);
        break;
    }
}

/* A rename between directories belongs to both, so whatever came before it in the other one becomes
 * durable with it. Walks back to find all that a sync of `dir` takes along. */
static void choose_for_dir(struct sim_disk *disk, struct sim_node *dir)
{
    LIST_FOR(item, &disk->nodes)
    container_of(item, struct sim_node, link)->marked = false;
    dir->marked = true;
    for (struct list *item = disk->changes.prev; item != &disk->changes; item = item->prev) {
        struct sim_change *change = container_of(item, struct sim_change, link);

        change->kept =
            change->dir && (change->dir->marked || (change->dir2 && change->dir2->marked));
        if (change->kept) {
            change->dir->marked = true;
            if (change->dir2)
                change->dir2->marked = true;
        }
    }
}

size_t sim_sync(struct sim_disk *disk, struct sim_node *node, bool lose)
{
    size_t count = 0;

    if (node->is_dir)
        choose_for_dir(disk, node);
    LIST_FOR(item, &disk->changes)
    {
        struct sim_change *change = container_of(item, struct sim_change, link);

        if (node->is_dir ? !change->kept : change->dir || change->node != node)
            continue;
        if (!lose)
            sim_change_apply(disk, change);
        sim_change_free(disk, change);
        count++;
    }
    return count;
}
