/* part/mapping.c -- the persistent radix tree from logical page to file page. */
#include "part/mapping.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

/* Nodes above the leaves need no room for values. */
static size_t node_bytes(bool is_leaf)
{
    if (is_leaf)
        return sizeof(struct mapping_node);
    return offsetof(struct mapping_node, child) + MAPPING_FANOUT * sizeof(struct mapping_node *);
}

/* Whether a tree of `levels` levels has a slot for id. */
static bool has_slot(uint32_t levels, uint32_t id)
{
    uint32_t bits = levels * MAPPING_FANOUT_SHIFT;

    return levels > 0 && (bits >= 32 || id >> bits == 0);
}

/* The slot on the way to id in a node that stands `level` levels above the leaves. */
static uint32_t slot_of(uint32_t level, uint32_t id)
{
    return (uint32_t)((uint64_t)id >> (level * MAPPING_FANOUT_SHIFT)) & (MAPPING_FANOUT - 1);
}

static const struct mapping_node *find_leaf(const struct mapping *m, uint32_t id)
{
    if (!has_slot(m->levels, id))
        return NULL;
    const struct mapping_node *node = m->root;
    for (uint32_t level = m->levels - 1; node && level > 0; level--)
        node = node->child[slot_of(level, id)];
    return node;
}

static bool is_place(uint64_t value)
{
    return (value & 7) == MAPPING_TYPE_FILE_PAGE;
}

uint64_t mapping_value(const struct mapping *m, struct page_id id)
{
    if (id.n >= m->page_count)
        return MAPPING_FREE;
    const struct mapping_node *leaf = find_leaf(m, id.n);
    return leaf ? leaf->page.value[slot_of(0, id.n)] : MAPPING_FREE;
}

bool mapping_get(const struct mapping *m, struct page_id id, struct file_page *ret)
{
    uint64_t value = mapping_value(m, id);

    if (!is_place(value))
        return false;
    *ret = file_page(value >> 3);
    return true;
}

/* A node of this edit's version with nothing in it; NULL when memory is out. */
static struct mapping_node *new_node(struct mapping_edit *e, bool is_leaf)
{
    struct mapping_node *node = mem_zalloc(e->mem, MEM_MAPPING, node_bytes(is_leaf));

    if (!node)
        return NULL;
    node->born = e->version;
    node->is_leaf = is_leaf;
    for (uint32_t i = 0; is_leaf && i < MAPPING_FANOUT; i++)
        node->page.value[i] = MAPPING_FREE;
    return node;
}

/* Makes *at a node that this edit may change: makes it if missing, copies it if it is older. */
static struct mapping_node *own_node(struct mapping_edit *e, struct mapping_node **at, bool is_leaf)
{
    struct mapping_node *old = *at;

    if (old && old->born == e->version)
        return old;
    if (!old)
        return *at = new_node(e, is_leaf);
    struct mapping_node *copy = mem_alloc(e->mem, MEM_MAPPING, node_bytes(is_leaf));
    if (!copy)
        return NULL;
    memcpy(copy, old, node_bytes(is_leaf));
    copy->born = e->version;
    copy->next = NULL;
    *at = copy;
    old->next = e->replaced;
    e->replaced = old;
    return copy;
}

/* Puts new roots on top until id has a slot. A failure leaves a higher tree with the same pages. */
static int grow(struct mapping_edit *e, uint32_t id)
{
    struct mapping *m = &e->map;

    if (!m->root) {
        uint32_t levels = 1;
        while (!has_slot(levels, id))
            levels++;
        m->root = new_node(e, levels == 1);
        if (!m->root)
            return ELOQ_NO_MEMORY;
        m->levels = levels;
    }
    while (!has_slot(m->levels, id)) {
        struct mapping_node *root = new_node(e, false);
        if (!root)
            return ELOQ_NO_MEMORY;
        root->child[0] = m->root;
        m->root = root;
        m->levels++;
    }
    return ELOQ_OK;
}

/* The leaf of id, for changing; NULL when memory is out. When only a part of the path could be
 * copied, the tree still says the same. */
static struct mapping_node *own_leaf(struct mapping_edit *e, uint32_t id)
{
    struct mapping_node **at = &e->map.root;

    for (uint32_t level = e->map.levels - 1; level > 0; level--) {
        struct mapping_node *node = own_node(e, at, false);
        if (!node)
            return NULL;
        at = &node->child[slot_of(level, id)];
    }
    return own_node(e, at, true);
}

void mapping_edit_begin(struct mapping_edit *e, struct mem *mem, const struct mapping *base,
                        uint64_t version)
{
    /* Every edit copies the root, so no node is younger than it. */
    CHECK(!base->root || base->root->born < version);
    e->mem = mem;
    e->map = *base;
    e->version = version;
    e->replaced = NULL;
    e->doomed = NULL;
}

int mapping_edit_set(struct mapping_edit *e, struct page_id id, struct file_page place,
                     bool *ret_had, struct file_page *ret_old, uint64_t *ret_old_born)
{
    if (id.n >= LOGICAL_ID_END || place.n >= FILE_PAGE_END)
        return ELOQ_CORRUPTED;
    TRY(grow(e, id.n));
    struct mapping_node *leaf = own_leaf(e, id.n);
    if (!leaf)
        return ELOQ_NO_MEMORY;

    uint32_t slot = slot_of(0, id.n);
    uint64_t old = leaf->page.value[slot];
    *ret_had = is_place(old);
    *ret_old = file_page(*ret_had ? old >> 3 : 0);
    *ret_old_born = *ret_had ? leaf->page.born[slot] : 0;

    leaf->page.value[slot] = place.n << 3 | MAPPING_TYPE_FILE_PAGE;
    leaf->page.born[slot] = e->version > UINT32_MAX ? 0 : (uint32_t)e->version;
    e->map.page_count = MAX(e->map.page_count, id.n + 1);
    if (!*ret_had)
        e->map.mapped_count++;
    return ELOQ_OK;
}

int mapping_edit_clear(struct mapping_edit *e, struct page_id id, struct file_page *ret_old,
                       uint64_t *ret_old_born)
{
    struct file_page old;

    if (!mapping_get(&e->map, id, &old))
        return ELOQ_CORRUPTED;
    struct mapping_node *leaf = own_leaf(e, id.n);
    if (!leaf)
        return ELOQ_NO_MEMORY;

    uint32_t slot = slot_of(0, id.n);
    *ret_old = old;
    *ret_old_born = leaf->page.born[slot];
    leaf->page.value[slot] = MAPPING_FREE;
    leaf->page.born[slot] = 0;
    e->map.mapped_count--;
    return ELOQ_OK;
}

/* Takes the first node off a stack linked by `next` and puts its children born in `version` (all of
 * them if 0) on it; returns the stack. */
static struct mapping_node *unstack(const struct mapping_node *top, uint64_t version)
{
    struct mapping_node *rest = top->next;

    for (uint32_t i = 0; !top->is_leaf && i < MAPPING_FANOUT; i++) {
        struct mapping_node *child = top->child[i];
        if (!child || (version && child->born != version))
            continue;
        child->next = rest;
        rest = child;
    }
    return rest;
}

/* The same, and frees it. */
static struct mapping_node *free_top(struct mem *mem, struct mapping_node *top, uint64_t version)
{
    struct mapping_node *rest = unstack(top, version);

    mem_free(mem, top);
    return rest;
}

static void tell_places(const struct mapping_node *leaf,
                        void (*freed)(void *user, struct file_page place, uint64_t born),
                        void *user)
{
    for (uint32_t i = 0; i < MAPPING_FANOUT; i++)
        if (is_place(leaf->page.value[i]))
            freed(user, file_page(leaf->page.value[i] >> 3), leaf->page.born[i]);
}

bool mapping_edit_clear_some(struct mapping_edit *e, size_t steps,
                             void (*freed)(void *user, struct file_page place, uint64_t born),
                             void *user)
{
    if (e->map.page_count > 0) {
        CHECK(!e->replaced && (!e->map.root || e->map.root->born < e->version));
        if (e->map.root)
            e->map.root->next = NULL;
        e->doomed = e->map.root;
        e->map = (struct mapping){ 0 };
    }
    for (; e->doomed && steps > 0; steps--) {
        struct mapping_node *top = e->doomed;
        e->doomed = unstack(top, 0);
        if (top->is_leaf)
            tell_places(top, freed, user);
        top->next = e->replaced;
        e->replaced = top;
    }
    return !e->doomed;
}

void mapping_edit_abort(struct mapping_edit *e, const struct mapping *base)
{
    /* A node of this version has only ancestors of this version: the walk never enters the base. */
    struct mapping_node *top = e->map.root;

    if (top && top->born == e->version) {
        top->next = NULL;
        while (top)
            top = free_top(e->mem, top, e->version);
    }
    e->map = *base;
    e->replaced = NULL;
    e->doomed = NULL;
}

bool mapping_free_some(struct mem *mem, struct mapping *m, size_t steps)
{
    if (m->levels > 0) {
        /* From now on `root` is a stack of nodes; an aborted edit may have left its mark in next.
         */
        if (m->root)
            m->root->next = NULL;
        m->levels = 0;
        m->page_count = 0;
        m->mapped_count = 0;
    }
    for (; m->root && steps > 0; steps--)
        m->root = free_top(mem, m->root, 0);
    return !m->root;
}

int mapping_each(const struct mapping *m, int (*f)(void *user, struct page_id id, uint64_t value),
                 void *user)
{
    const struct mapping_node *leaf = NULL;

    for (uint32_t id = 0; id < m->page_count; id++) {
        uint32_t slot = slot_of(0, id);
        if (slot == 0)
            leaf = find_leaf(m, id);
        int rc = f(user, page_id(id), leaf ? leaf->page.value[slot] : MAPPING_FREE);
        if (rc != 0)
            return rc;
    }
    return 0;
}
