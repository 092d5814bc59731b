/* part/part_table.c -- address to partition: load at first touch, evict, remember absent ones. */
#include "part/part_table.h"

#include <string.h>

#include "base/check.h"
#include "coro/sched.h"
#include "coro/single_flight.h"
#include "part/manifest_log.h"

#define ABSENT_MAX 1024
#define ABSENT_NS UINT64_C(1000000000)
#define PINNED_MAX 16 /* partitions that trim finds in use before it gives up */

struct part_slot {
    char *table;
    uint32_t partition;
    uint64_t hash;
    struct part *part;           /* NULL unless loaded */
    struct single_flight flight; /* loading or closing it */
    uint32_t users;              /* tasks inside part_table_acquire that look at this slot */
    struct list absent;          /* in tab->absent */
    uint64_t absent_ns;          /* when it was found absent */
    uint64_t footprint;          /* what tab->bytes counts for it */
    bool commit_dropped;         /* of one that left memory: it is to be known until the store
                                    is closed */
};

struct slot_key {
    const char *table;
    uint32_t partition;
};

static bool same_part(const void *value, const void *key)
{
    const struct part_slot *slot = value;
    const struct slot_key *k = key;

    return slot->partition == k->partition && strcmp(slot->table, k->table) == 0;
}

static uint64_t slot_hash(const char *table, uint32_t partition)
{
    return hash_mix(hash_bytes(table, strlen(table)), partition);
}

static struct part_slot *find_slot(struct part_table *tab, const char *table, uint32_t partition)
{
    struct slot_key key = { table, partition };

    return map_get(&tab->slots, slot_hash(table, partition), &key);
}

void part_table_init(struct part_table *tab, struct part_env *env, uint64_t limit_bytes)
{
    *tab = (struct part_table){ .env = env, .limit = limit_bytes };
    map_init(&tab->slots, env->mem, MEM_MAPPING, same_part);
    list_init(&tab->lru);
    list_init(&tab->absent);
}

static struct part_slot *new_slot(struct part_table *tab, const char *table, uint32_t partition)
{
    struct mem *m = tab->env->mem;
    struct part_slot *slot = mem_zalloc(m, MEM_MAPPING, sizeof(*slot));

    if (!slot)
        return NULL;
    slot->table = mem_strdup(m, MEM_MAPPING, table);
    slot->partition = partition;
    slot->hash = slot_hash(table, partition);
    single_flight_init(&slot->flight);
    list_init(&slot->absent);
    if (!slot->table || map_put(&tab->slots, slot->hash, slot) < 0) {
        mem_free(m, slot->table);
        mem_free(m, slot);
        return NULL;
    }
    return slot;
}

static void mark_absent(struct part_table *tab, struct part_slot *slot, uint64_t now)
{
    list_push_back(&tab->absent, &slot->absent);
    tab->absent_count++;
    slot->absent_ns = now;
}

static bool is_absent(const struct part_slot *slot)
{
    return !list_empty(&slot->absent);
}

static void unmark_absent(struct part_table *tab, struct part_slot *slot)
{
    if (!is_absent(slot))
        return;
    list_remove(&slot->absent);
    tab->absent_count--;
}

/* Frees a slot that says nothing and that nobody looks at. */
static void drop_if_idle(struct part_table *tab, struct part_slot *slot)
{
    if (slot->part || slot->users > 0 || slot->flight.busy || is_absent(slot)
        || slot->commit_dropped)
        return;
    map_remove(&tab->slots, slot->hash, slot);
    mem_free(tab->env->mem, slot->table);
    mem_free(tab->env->mem, slot);
}

static void forget_absent(struct part_table *tab, struct part_slot *slot)
{
    unmark_absent(tab, slot);
    drop_if_idle(tab, slot);
}

/* Counts anew what a loaded partition takes. */
static void account(struct part_table *tab, struct part_slot *slot)
{
    uint64_t now = slot->part ? part_footprint(slot->part) : 0;

    tab->bytes = tab->bytes - slot->footprint + now;
    slot->footprint = now;
    if (slot->part)
        slot->part->footprint = now;
}

/* Loads it, for all who wait. */
static int load(struct task *t, struct part_table *tab, struct part_slot *slot, bool create)
{
    struct part *p = NULL;

    unmark_absent(tab, slot);
    int rc = part_open(t, tab->env, slot->table, slot->partition, create, &p);
    if (rc == ELOQ_OK) {
        slot->part = p;
        p->slot = slot;
        p->commit_dropped |= slot->commit_dropped;
        if (p->current->root[TREE_TTL].n != NO_PAGE)
            expiry_set(p, 0);
        tab->count++;
        tab->env->parts_loaded++;
        account(tab, slot);
    } else if (rc == ELOQ_NOT_FOUND) {
        mark_absent(tab, slot, clock_mono_ns(t->sched->clock));
    }
    single_flight_end(t, &slot->flight, rc);
    return rc;
}

/* Whether there is no need to look on the disk again. */
static bool is_known_absent(struct task *t, const struct part_slot *slot, bool create)
{
    return is_absent(slot) && !create
           && clock_mono_ns(t->sched->clock) - slot->absent_ns < ABSENT_NS;
}

/* Waits until the partition is loaded, or known to be absent. */
static int settle(struct task *t, struct part_table *tab, struct part_slot *slot, bool create)
{
    int rc;

    for (;;) {
        if (slot->part && !slot->flight.busy)
            return ELOQ_OK;
        if (is_known_absent(t, slot, create))
            return ELOQ_NOT_FOUND;
        if (single_flight_begin(t, &slot->flight, &rc))
            rc = load(t, tab, slot, create);
        if (rc < 0 || (rc == ELOQ_NOT_FOUND && !create))
            return rc;
    }
}

/* Never committed, and not in doubt: nothing would be lost. */
static bool is_blank(const struct part *p)
{
    return p->manifest_end == 0 && !p->unknown && !p->broken;
}

int part_table_acquire(struct task *t, struct part_table *tab, const char *table,
                       uint32_t partition, bool create, struct part **ret)
{
    struct part_slot *slot = find_slot(tab, table, partition);

    create = create && !tab->env->read_only;
    if (!slot)
        slot = new_slot(tab, table, partition);
    if (!slot)
        return task_no_memory(t);
    slot->users++;
    int rc = settle(t, tab, slot, create);
    slot->users--;
    /* One that is being created does not exist before its first commit. One in doubt may. */
    if (rc == ELOQ_OK && !create && is_blank(slot->part))
        rc = ELOQ_NOT_FOUND;
    if (rc == ELOQ_OK) {
        list_remove(&slot->part->lru);
        slot->part->refs++;
        *ret = slot->part;
        return ELOQ_OK;
    }
    drop_if_idle(tab, slot);
    while (tab->absent_count > ABSENT_MAX)
        forget_absent(tab, container_of(tab->absent.next, struct part_slot, absent));
    return rc;
}

struct part *part_table_peek(struct part_table *tab, const char *table, uint32_t partition)
{
    struct part_slot *slot = find_slot(tab, table, partition);

    if (!slot || !slot->part || slot->flight.busy || is_blank(slot->part))
        return NULL;
    struct part *p = slot->part;
    if (!list_empty(&p->lru)) {
        list_remove(&p->lru);
        list_push_back(&tab->lru, &p->lru);
    }
    return p;
}

struct part *part_table_hold(struct part_table *tab, const char *table, uint32_t partition)
{
    struct part *p = tab->bytes <= tab->limit ? part_table_peek(tab, table, partition) : NULL;

    if (!p)
        return NULL;
    list_remove(&p->lru);
    p->refs++;
    return p;
}

void part_table_release(struct part_table *tab, struct part *p)
{
    CHECK(p->refs > 0);
    account(tab, p->slot);
    if (--p->refs > 0 || p->broken || p->unknown)
        return;
    if (is_blank(p))
        list_push_front(&tab->lru, &p->lru); /* the next trim takes it, whatever the limit */
    else
        list_push_back(&tab->lru, &p->lru);
}

void part_table_retain(struct part *p)
{
    CHECK(p->refs > 0);
    p->refs++;
}

static bool can_close(const struct part *p)
{
    return p->refs == 0 && p->current->refs == 1 && p->current->link.next == &p->snapshots;
}

static void close_part(struct task *t, struct part_table *tab, struct part_slot *slot)
{
    struct part *p = slot->part;
    int rc;

    CHECK(single_flight_begin(t, &slot->flight, &rc));
    list_remove(&p->lru);
    slot->part = NULL;
    slot->commit_dropped = p->commit_dropped;
    account(tab, slot);
    tab->count--;
    part_close(t, p);
    single_flight_end(t, &slot->flight, ELOQ_OK);
    drop_if_idle(tab, slot);
}

/* Each archive that is read stays open, as its lock. */
static bool has_many_archives(const struct part_table *tab)
{
    const struct part_env *env = tab->env;

    return env->as_of != 0 && env->manifest_fds_max != 0 && tab->count > env->manifest_fds_max;
}

/* Evicts as long as more than `limit` bytes are loaded. */
static void evict(struct task *t, struct part_table *tab, uint64_t limit)
{
    struct list *node;

    /* From the head again after each suspension: the list may be another one. */
    for (int pinned = 0; pinned < PINNED_MAX && (node = list_first(&tab->lru));) {
        struct part *p = container_of(node, struct part, lru);
        if (!is_blank(p) && tab->bytes <= limit && !has_many_archives(tab))
            break;
        if (can_close(p)) {
            close_part(t, tab, p->slot);
            tab->env->parts_evicted++;
        } else { /* an old snapshot of it is still being read */
            pinned++;
            list_remove(&p->lru);
            list_push_back(&tab->lru, &p->lru);
        }
    }
}

void part_table_trim(struct task *t, struct part_table *tab)
{
    evict(t, tab, tab->limit);
}

void part_table_shrink(struct task *t, struct part_table *tab)
{
    evict(t, tab, 0);
}

void part_table_forget(struct task *t, struct part_table *tab, const char *table,
                       uint32_t partition)
{
    struct part_slot *slot = find_slot(tab, table, partition);

    if (!slot || slot->flight.busy)
        return;
    if (slot->part && can_close(slot->part) && !slot->part->broken && !slot->part->unknown)
        close_part(t, tab, slot);
    else if (!slot->part)
        forget_absent(tab, slot);
}

void part_table_each(struct part_table *tab, void (*f)(struct part *p))
{
    struct part_slot *slot;
    size_t at = 0;

    while ((slot = map_next(&tab->slots, &at)))
        if (slot->part)
            f(slot->part);
}

void part_table_deinit(struct task *t, struct part_table *tab)
{
    struct part_slot *slot;
    size_t at = 0;

    while ((slot = map_next(&tab->slots, &at))) {
        if (slot->part) {
            close_part(t, tab, slot);
        } else if (slot->commit_dropped) {
            slot->commit_dropped = false;
            drop_if_idle(tab, slot);
        } else {
            continue;
        }
        at--; /* another one may have moved into its place */
    }
    while (!list_empty(&tab->absent))
        forget_absent(tab, container_of(tab->absent.next, struct part_slot, absent));
    CHECK(tab->slots.count == 0);
    map_free(&tab->slots);
}
