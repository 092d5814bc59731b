/* part/snapshot.c -- versions of a partition, and who frees what, when: the rule is in snapshot.h.
 */
#include "base/check.h"
#include "part/part.h"

struct snapshot *snapshot_new(struct part *p, uint64_t version)
{
    struct snapshot *s = mem_zalloc(p->env->mem, MEM_MAPPING, sizeof(*s));

    if (!s)
        return NULL;
    list_init(&s->link);
    s->part = p;
    s->version = version;
    s->refs = 1;
    s->root[TREE_MAIN] = page_id(NO_PAGE);
    s->root[TREE_TTL] = page_id(NO_PAGE);
    return s;
}

void snapshot_free(struct snapshot *s)
{
    if (!s)
        return;
    dict_unref(s->dict);
    mem_free(s->part->env->mem, s);
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    CHECK(s->refs > 0);
    s->refs++;
    return s;
}

/* Garbage that `heir` (the next snapshot that is older than its death, or NULL) can still see
 * becomes its own; nobody sees the rest, which is freed. */
static void settle_nodes(struct part *p, struct snapshot *heir, struct mapping_node *nodes)
{
    while (nodes) {
        struct mapping_node *node = nodes;
        nodes = node->next;
        if (heir && node->born <= heir->version) {
            node->next = heir->dead_nodes;
            heir->dead_nodes = node;
        } else {
            mem_free(p->env->mem, node);
        }
    }
}

static void settle_places(struct part *p, struct snapshot *heir, struct garbage_block *blocks)
{
    while (blocks) {
        struct garbage_block *block = blocks;
        blocks = block->next;
        size_t kept = 0;
        for (size_t i = 0; i < block->count; i++) {
            struct freed_place freed = block->places[i];
            if (heir && freed.born <= heir->version) {
                block->places[kept++] = freed;
                continue;
            }
            part_give_place(p, freed.place);
            p->env->pages_pinned--;
        }
        block->count = kept;
        if (kept > 0) {
            block->next = heir->dead_places;
            heir->dead_places = block;
        } else {
            mem_free(p->env->mem, block);
        }
    }
}

void snapshot_unref(struct snapshot *s)
{
    struct part *p = s->part;
    struct list *older = s->link.next;

    CHECK(s->refs > 0);
    if (--s->refs > 0)
        return;
    CHECK(s != p->current);
    struct snapshot *heir =
        older == &p->snapshots ? NULL : container_of(older, struct snapshot, link);
    list_remove(&s->link);
    settle_nodes(p, heir, s->dead_nodes);
    settle_places(p, heir, s->dead_places);
    snapshot_free(s);
    p->env->versions_pinned--;
    if (p->env->wants_maintenance && part_needs_maintenance(p))
        p->env->wants_maintenance(p->env->maintenance_user, p);
}

void part_install(struct part *p, struct snapshot *next, struct mapping_node *dead_nodes,
                  struct garbage_block *freed)
{
    struct snapshot *old = p->current;

    CHECK(next->version > old->version && next->refs == 1);
    /* What the current snapshot uses is not garbage. */
    CHECK(!old->dead_nodes && !old->dead_places);
    list_push_front(&p->snapshots, &next->link);
    p->current = next;
    p->env->versions_pinned++; /* until its last reader leaves, which may be now */
    p->env->pages_pinned += freed ? freed->count : 0;
    settle_nodes(p, old, dead_nodes);
    settle_places(p, old, freed);
    snapshot_unref(old);
}
