/* sim/sim_disk.c -- the simulated disk's life: made, copied, killed, cut off from power. */
#include "sim/sim_disk.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/map.h"
#include "sim/sim_node.h"

struct sim_disk *sim_disk_new(struct mem *m)
{
    struct sim_disk *disk = mem_zalloc(m, MEM_OTHER, sizeof *disk);

    CHECK(disk != NULL);
    disk->mem = m;
    disk->stop_in = UINT64_MAX;
    list_init(&disk->nodes);
    list_init(&disk->changes);
    bytes_init(&disk->removed, m, MEM_OTHER);
    disk->root = sim_node_new(disk, true);
    sim_node_ref(disk->root);
    return disk;
}

static void drop_changes(struct sim_disk *disk)
{
    struct list *item;

    while ((item = list_first(&disk->changes)) != NULL)
        sim_change_free(disk, container_of(item, struct sim_change, link));
}

void sim_close_handles(struct sim_disk *disk)
{
    for (int fd = 0; fd < disk->handle_count; fd++) {
        struct sim_node *node = disk->handles[fd].node;

        if (!node)
            continue;
        node->shared_locks = 0;
        node->exclusive_lock = false;
        sim_node_unref(disk, node);
        disk->handles[fd].node = NULL;
    }
}

void sim_disk_free(struct sim_disk *disk)
{
    if (!disk)
        return;
    sim_close_handles(disk);
    drop_changes(disk);
    sim_node_unref(disk, disk->root);
    CHECK(list_empty(&disk->nodes));
    bytes_free(&disk->removed);
    mem_free(disk->mem, disk->handles);
    mem_free(disk->mem, disk);
}

static void copy_bytes(struct bytes *to, const struct bytes *from)
{
    to->size = 0;
    bytes_add(to, from->data, from->size);
    CHECK(!to->failed);
}

static void copy_entries(struct sim_disk *disk, struct sim_entries *to,
                         const struct sim_entries *from)
{
    for (size_t i = 0; i < from->count; i++)
        sim_entries_set(disk, to, from->items[i].name, from->items[i].node->twin);
}

static char *copy_text(struct sim_disk *disk, const char *text)
{
    char *copy;

    if (!text)
        return NULL;
    copy = mem_strdup(disk->mem, MEM_OTHER, text);
    CHECK(copy != NULL);
    return copy;
}

static struct sim_node *twin_ref(struct sim_node *node)
{
    if (!node)
        return NULL;
    sim_node_ref(node->twin);
    return node->twin;
}

static void copy_change(struct sim_disk *disk, const struct sim_change *from)
{
    struct sim_change *to = mem_alloc(disk->mem, MEM_OTHER, sizeof *to);

    CHECK(to != NULL);
    *to = *from;
    to->node = twin_ref(from->node);
    to->dir = twin_ref(from->dir);
    to->dir2 = twin_ref(from->dir2);
    to->name = copy_text(disk, from->name);
    to->name2 = copy_text(disk, from->name2);
    if (from->data) {
        to->data = mem_alloc(disk->mem, MEM_OTHER, from->size);
        CHECK(to->data != NULL);
        memcpy(to->data, from->data, from->size);
    }
    list_push_back(&disk->changes, &to->link);
}

struct sim_disk *sim_disk_copy(const struct sim_disk *disk)
{
    struct sim_disk *copy = sim_disk_new(disk->mem);
    /* Walked, and its nodes' scratch used; not changed. */
    struct sim_disk *from = (struct sim_disk *)(uintptr_t)disk;

    LIST_FOR(item, &from->nodes)
    {
        struct sim_node *node = container_of(item, struct sim_node, link);

        node->twin = node == from->root ? copy->root : sim_node_new(copy, node->is_dir);
        sim_node_ref(node->twin);
        copy_bytes(&node->twin->now, &node->now);
        copy_bytes(&node->twin->durable, &node->durable);
    }
    LIST_FOR(item, &from->nodes)
    {
        struct sim_node *node = container_of(item, struct sim_node, link);

        copy_entries(copy, &node->twin->now_entries, &node->now_entries);
        copy_entries(copy, &node->twin->durable_entries, &node->durable_entries);
    }
    LIST_FOR(item, &from->changes)
    copy_change(copy, container_of(item, struct sim_change, link));
    LIST_FOR(item, &from->nodes)
    {
        struct sim_node *node = container_of(item, struct sim_node, link);

        sim_node_unref(copy, node->twin); /* nothing holds what only handles held */
        node->twin = NULL;
    }
    copy_bytes(&copy->removed, &disk->removed);
    return copy;
}

static void begin_epoch(struct sim_disk *disk)
{
    sim_close_handles(disk);
    disk->epoch++;
    disk->stopped = false;
    disk->stop_in = UINT64_MAX;
}

void sim_disk_kill(struct sim_disk *disk)
{
    begin_epoch(disk);
}

static void keep_prefix(struct sim_disk *disk, size_t n)
{
    size_t i = 0;

    LIST_FOR(item, &disk->changes)
    container_of(item, struct sim_change, link)->kept = i++ < n;
}

static void begin_dirs(struct sim_disk *disk)
{
    LIST_FOR(item, &disk->nodes)
    {
        struct sim_node *node = container_of(item, struct sim_node, link);

        node->changes = node->seen = 0;
    }
    LIST_FOR(item, &disk->changes)
    {
        struct sim_change *change = container_of(item, struct sim_change, link);

        if (change->dir)
            change->dir->changes++;
        if (change->dir2 && change->dir2 != change->dir)
            change->dir2->changes++;
    }
}

static bool keep_in_dir(struct sim_node *dir, struct rand *r)
{
    if (!dir)
        return true;
    if (dir->seen == 0)
        dir->allowed = rand_below(r, dir->changes + 1);
    return dir->seen < dir->allowed;
}

static void count_in_dir(struct sim_node *dir, bool kept)
{
    if (!dir)
        return;
    if (!kept)
        dir->allowed = 0; /* nothing after it either */
    dir->seen++;
}

static void keep_subset(struct sim_disk *disk, struct rand *r)
{
    uint64_t odds = 1 + rand_below(r, 3); /* of 4 */

    begin_dirs(disk);
    LIST_FOR(item, &disk->changes)
    {
        struct sim_change *change = container_of(item, struct sim_change, link);
        struct sim_node *dir2 = change->dir2 != change->dir ? change->dir2 : NULL;

        if (!change->dir) {
            change->kept = rand_below(r, 4) < odds;
            continue;
        }
        /* Both are asked, so that both have drawn their number. */
        change->kept = keep_in_dir(change->dir, r);
        change->kept = keep_in_dir(dir2, r) && change->kept;
        count_in_dir(change->dir, change->kept);
        count_in_dir(dir2, change->kept);
    }
}

/* Some sectors get there. The size may have grown without them: then they are zero. */
static void apply_torn(struct sim_change *change, struct rand *r, size_t sector)
{
    struct bytes *durable = &change->node->durable;
    uint64_t odds = rand_below(r, 5); /* of 4 */
    size_t done = 0;

    if (rand_below(r, 2) == 0 && change->offset + change->size > durable->size)
        sim_bytes_resize(durable, change->offset + change->size);
    while (done < change->size) {
        uint64_t at = change->offset + done;
        size_t n = MIN(change->size - done, (size_t)(sector - at % sector));

        if (rand_below(r, 4) < odds)
            sim_bytes_write(durable, at, change->data + done, n);
        done += n;
    }
}

/* The size got there, the content did not. */
static void apply_tail(struct sim_disk *disk, struct sim_change *change, struct rand *r)
{
    struct bytes *durable = &change->node->durable;
    uint64_t begin = durable->size, end = change->offset + change->size;

    if (end <= begin)
        return;
    sim_bytes_resize(durable, end);
    if (rand_below(r, 2) == 0 && disk->removed.size > begin)
        sim_bytes_write(durable, begin, disk->removed.data + begin,
                        MIN(disk->removed.size, (size_t)end) - begin);
}

/* What the kernel shows after a start is what the disk holds. */
static void forget_now(struct sim_disk *disk)
{
    LIST_FOR(item, &disk->nodes)
    sim_node_ref(container_of(item, struct sim_node, link));
    LIST_FOR(item, &disk->nodes)
    {
        struct sim_node *node = container_of(item, struct sim_node, link);

        copy_bytes(&node->now, &node->durable);
        sim_entries_clear(disk, &node->now_entries);
        for (size_t i = 0; i < node->durable_entries.count; i++)
            sim_entries_set(disk, &node->now_entries, node->durable_entries.items[i].name,
                            node->durable_entries.items[i].node);
    }
    /* Frees what has no name any more; a node still to come is held by its own reference. */
    LIST_FOR(item, &disk->nodes)
    sim_node_unref(disk, container_of(item, struct sim_node, link));
}

/* Each by itself. */
static void keep_any(struct sim_disk *disk, struct rand *r)
{
    uint64_t odds = 1 + rand_below(r, 3); /* of 4 */

    LIST_FOR(item, &disk->changes)
    container_of(item, struct sim_change, link)->kept = rand_below(r, 4) < odds;
}

static void apply_change(struct sim_disk *disk, struct sim_change *change, struct rand *r,
                         enum sim_cut how)
{
    bool tears = how == SIM_CUT_TORN || how == SIM_CUT_PAGES;

    if (tears && change->kind == SIM_WRITE && rand_below(r, 2) == 0)
        apply_torn(change, r, how == SIM_CUT_TORN ? 512 : 4096);
    else if (how == SIM_CUT_TAILS && change->kind == SIM_WRITE && rand_below(r, 2) == 0)
        apply_tail(disk, change, r);
    else if (change->kept)
        sim_change_apply(disk, change);
}

static void end_cut(struct sim_disk *disk)
{
    drop_changes(disk);
    forget_now(disk);
    disk->lost_names = false;
}

void sim_disk_power_cut(struct sim_disk *disk, struct rand *r, enum sim_cut how)
{
    size_t total = sim_disk_unsynced(disk);

    begin_epoch(disk);
    if (how == SIM_CUT_NAMES)
        keep_any(disk, r);
    else if (how == SIM_CUT_LOSE_ALL || how == SIM_CUT_KEEP_ALL || how == SIM_CUT_PREFIX)
        keep_prefix(disk, how == SIM_CUT_KEEP_ALL ? total
                          : how == SIM_CUT_PREFIX ? rand_below(r, total + 1)
                                                  : 0);
    else
        keep_subset(disk, r);
    LIST_FOR(item, &disk->changes)
    apply_change(disk, container_of(item, struct sim_change, link), r, how);
    end_cut(disk);
}

void sim_disk_power_cut_after(struct sim_disk *disk, size_t n)
{
    begin_epoch(disk);
    keep_prefix(disk, n);
    LIST_FOR(item, &disk->changes)
    {
        struct sim_change *change = container_of(item, struct sim_change, link);

        if (change->kept)
            sim_change_apply(disk, change);
    }
    end_cut(disk);
}

/* In no order of the entries. Directories are few and shallow. */
static uint64_t hash_dir(const struct sim_node *dir)
{
    uint64_t sum = dir->durable_entries.count;

    for (size_t i = 0; i < dir->durable_entries.count; i++) {
        const struct sim_entry *e = &dir->durable_entries.items[i];
        uint64_t content = e->node->is_dir
                               ? hash_dir(e->node)
                               : hash_bytes(e->node->durable.data, e->node->durable.size);

        sum += hash_mix(hash_bytes(e->name, strlen(e->name)), content);
    }
    return sum;
}

uint64_t sim_disk_durable_hash(const struct sim_disk *disk)
{
    return hash_dir(disk->root);
}

/* Makes all that `dir` shows changes anew, it being durable before. */
static void unsync_dir(struct sim_disk *disk, struct sim_node *dir)
{
    struct sim_entries now = dir->now_entries;

    dir->now_entries = (struct sim_entries){ 0 };
    sim_entries_clear(disk, &dir->durable_entries);
    for (size_t i = 0; i < now.count; i++) {
        struct sim_node *node = now.items[i].node;
        struct bytes content = node->now;

        sim_link(disk, dir, now.items[i].name, node);
        if (!node->is_dir) {
            bytes_init(&node->now, disk->mem, MEM_OTHER);
            node->durable.size = 0;
            if (content.size > 0)
                sim_write(disk, node, 0, content.data, content.size);
            bytes_free(&content);
        } else {
            node->marked = true;
        }
    }
    sim_entries_clear(disk, &now);
}

static void mark_dir(struct sim_disk *disk, const char *path)
{
    struct sim_place place;

    CHECK(sim_walk(disk, path, &place) == 0 && place.node && place.node->is_dir);
    place.node->marked = true;
}

void sim_disk_unsync(struct sim_disk *disk, const char *path, const char *other)
{
    struct rand r;
    bool more = true;

    rand_seed(&r, 0);
    sim_disk_power_cut(disk, &r, SIM_CUT_KEEP_ALL);
    LIST_FOR(item, &disk->nodes)
    container_of(item, struct sim_node, link)->marked = false;
    mark_dir(disk, path);
    if (other)
        mark_dir(disk, other);
    while (more) {
        more = false;
        LIST_FOR(item, &disk->nodes)
        {
            struct sim_node *node = container_of(item, struct sim_node, link);

            if (!node->marked)
                continue;
            node->marked = false;
            unsync_dir(disk, node);
            more = true;
        }
    }
}

void sim_disk_stop_after(struct sim_disk *disk, uint64_t n)
{
    disk->stop_in = n;
    disk->stopped = n == 0;
}

bool sim_disk_stopped(const struct sim_disk *disk)
{
    return disk->stopped;
}

void sim_disk_slow(struct sim_disk *disk, uint64_t ns)
{
    disk->answer_ns = ns;
}

void sim_disk_lose_at_close(struct sim_disk *disk)
{
    disk->closes_lose = true;
}

void sim_disk_fail(struct sim_disk *disk, const struct sim_fault *fault)
{
    CHECK(disk->fault_count < SIM_FAULTS && fault->nth > 0
          && (fault->sys_errno > 0 || fault->passes));
    disk->faults[disk->fault_count++] = *fault;
}

uint64_t sim_disk_struck(const struct sim_disk *disk)
{
    return disk->struck;
}

uint64_t sim_disk_syncs_lost(const struct sim_disk *disk)
{
    return disk->syncs_lost;
}

bool sim_disk_lost_names(const struct sim_disk *disk)
{
    return disk->lost_names;
}

void sim_disk_heal(struct sim_disk *disk)
{
    disk->fault_count = 0;
    disk->stopped = false;
    disk->stop_in = UINT64_MAX;
}

void sim_disk_watch(struct sim_disk *disk, void (*f)(void *user, const char *path, uint64_t size),
                    void *user)
{
    disk->watch = f;
    disk->watch_user = user;
}

uint64_t sim_disk_count(const struct sim_disk *disk, uint32_t kinds)
{
    uint64_t n = 0;

    for (int op = 0; op < IO_OPS; op++)
        if (kinds & SIM_KIND(op))
            n += disk->counts[op];
    return n;
}

uint64_t sim_disk_mutations(const struct sim_disk *disk)
{
    return disk->mutations;
}

size_t sim_disk_unsynced(const struct sim_disk *disk)
{
    size_t n = 0;

    for (const struct list *item = disk->changes.next; item != &disk->changes; item = item->next)
        n++;
    return n;
}

uint64_t sim_disk_trace(const struct sim_disk *disk)
{
    return disk->trace;
}

void sim_disk_print(struct sim_disk *disk, bool on)
{
    disk->prints = on;
}

int sim_disk_get(struct sim_disk *disk, const char *path, struct bytes *ret)
{
    struct sim_place place;
    int rc = sim_walk(disk, path, &place);

    if (rc < 0)
        return rc;
    if (!place.node)
        return -ENOENT;
    if (place.node->is_dir)
        return -EISDIR;
    copy_bytes(ret, &place.node->now);
    return 0;
}

int sim_disk_remove(struct sim_disk *disk, const char *path)
{
    struct sim_place place;
    int rc = sim_walk(disk, path, &place);

    if (rc < 0)
        return rc;
    if (!place.node)
        return -ENOENT;
    sim_entries_remove(disk, &place.dir->durable_entries, place.name);
    sim_entries_remove(disk, &place.dir->now_entries, place.name);
    return 0;
}

int sim_disk_put(struct sim_disk *disk, const char *path, const void *data, size_t size)
{
    struct sim_place place;
    int rc = sim_walk(disk, path, &place);

    if (rc < 0)
        return rc;
    if (place.node && place.node->is_dir)
        return -EISDIR;
    if (!place.node) {
        place.node = sim_node_new(disk, false);
        sim_entries_set(disk, &place.dir->now_entries, place.name, place.node);
    }
    sim_entries_set(disk, &place.dir->durable_entries, place.name, place.node);
    sim_sync(disk, place.node, true);
    sim_bytes_resize(&place.node->now, 0);
    sim_bytes_write(&place.node->now, 0, data, size);
    copy_bytes(&place.node->durable, &place.node->now);
    return 0;
}
