/* part/usage.c -- counts of live and visible pages per data file. */
#include "part/usage.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"

#define FIRST_SLOTS 16u
#define SPARSE_LOOKED_AT 64 /* sparse files compared for the one with the fewest live pages */

static bool same_file(const void *value, const void *key)
{
    const struct usage_file *f = value;

    return f->id == *(const uint64_t *)key;
}

static uint64_t file_hash(uint64_t id)
{
    return hash_mix(id, 0);
}

void usage_init(struct usage *u, struct mem *m, uint32_t shift, uint32_t factor)
{
    *u = (struct usage){ .mem = m, .shift = shift, .factor = factor };
    map_init(&u->files, m, MEM_MAPPING, same_file);
    list_init(&u->sparse);
    list_init(&u->garbage);
}

static void free_file(struct usage *u, struct usage_file *f)
{
    list_remove(&f->link);
    mem_free(u->mem, f->ids);
    mem_free(u->mem, f);
}

void usage_clear(struct usage *u)
{
    struct usage_file *f;
    size_t at = 0;

    while ((f = map_next(&u->files, &at)))
        free_file(u, f);
    map_free(&u->files);
    usage_init(u, u->mem, u->shift, u->factor);
}

struct usage_file *usage_find(const struct usage *u, uint64_t file_id)
{
    return map_get(&u->files, file_hash(file_id), &file_id);
}

static bool is_sparse(const struct usage *u, const struct usage_file *f)
{
    return f->live > 0 && !f->damaged && (uint64_t)f->live * u->factor < UINT64_C(1) << u->shift;
}

void usage_settle(struct usage *u, struct usage_file *f)
{
    list_remove(&f->link);
    if (f->archived)
        return;
    if (f->visible == 0)
        list_push_back(&u->garbage, &f->link);
    else if (is_sparse(u, f))
        list_push_back(&u->sparse, &f->link);
}

/* Makes the file known. NULL when memory is out. */
static struct usage_file *need_file(struct usage *u, uint64_t id)
{
    struct usage_file *f = usage_find(u, id);

    if (f)
        return f;
    f = mem_zalloc(u->mem, MEM_MAPPING, sizeof(*f));
    if (!f)
        return NULL;
    f->id = id;
    list_init(&f->link);
    if (map_put(&u->files, file_hash(id), f) < 0) {
        mem_free(u->mem, f);
        return NULL;
    }
    u->bytes += sizeof(*f);
    usage_settle(u, f);
    return f;
}

static uint32_t slot_of(const struct usage *u, struct file_page place)
{
    return (uint32_t)(place.n & ((UINT64_C(1) << u->shift) - 1));
}

int usage_reserve(struct usage *u, struct file_page place)
{
    struct usage_file *f = need_file(u, place.n >> u->shift);
    uint32_t slot = slot_of(u, place);

    if (!f)
        return ELOQ_NO_MEMORY;
    if (slot < f->capacity)
        return ELOQ_OK;
    uint64_t want = MAX(MAX(2 * (uint64_t)f->capacity, FIRST_SLOTS), (uint64_t)slot + 1);
    uint32_t capacity = (uint32_t)MIN(want, UINT64_C(1) << u->shift);
    uint32_t *ids = mem_realloc(u->mem, MEM_MAPPING, f->ids, capacity * sizeof(*ids));
    if (!ids)
        return ELOQ_NO_MEMORY;
    for (uint32_t i = f->capacity; i < capacity; i++)
        ids[i] = NO_PAGE;
    u->bytes += (capacity - f->capacity) * sizeof(*ids);
    f->ids = ids;
    f->capacity = capacity;
    return ELOQ_OK;
}

void usage_add(struct usage *u, struct file_page place, struct page_id id)
{
    struct usage_file *f = usage_find(u, place.n >> u->shift);

    CHECK(f && slot_of(u, place) < f->capacity);
    f->ids[slot_of(u, place)] = id.n;
    f->cursor = MIN(f->cursor, slot_of(u, place)); /* an archive that is restored maps old places */
    f->live++;
    f->visible++;
    usage_settle(u, f);
}

void usage_dead(struct usage *u, struct file_page place)
{
    struct usage_file *f = usage_find(u, place.n >> u->shift);

    CHECK(f && f->live > 0);
    f->live--;
    usage_settle(u, f);
}

void usage_gone(struct usage *u, struct file_page place)
{
    struct usage_file *f = usage_find(u, place.n >> u->shift);

    CHECK(f && f->visible > f->live);
    f->visible--;
    if (f->visible == 0)
        usage_settle(u, f);
}

struct usage_file *usage_garbage(const struct usage *u, uint64_t current)
{
    /* The current file is one, so the second is another if the first is not. */
    for (struct list *node = u->garbage.next; node != &u->garbage; node = node->next) {
        struct usage_file *f = container_of(node, struct usage_file, link);
        if (f->id != current)
            return f;
    }
    return NULL;
}

void usage_forget(struct usage *u, struct usage_file *f)
{
    CHECK(f->visible == 0 && !f->archived);
    map_remove(&u->files, file_hash(f->id), f);
    u->bytes -= sizeof(*f) + f->capacity * sizeof(*f->ids);
    free_file(u, f);
}

static struct usage_file *find_sparse(const struct usage *u, uint64_t end)
{
    struct usage_file *best = NULL;
    int looked_at = 0;

    for (struct list *node = u->sparse.next; node != &u->sparse && looked_at < SPARSE_LOOKED_AT;
         node = node->next) {
        struct usage_file *f = container_of(node, struct usage_file, link);
        if (f->id >= end)
            continue;
        looked_at++;
        if (!best || f->live < best->live)
            best = f;
    }
    return best;
}

struct usage_file *usage_take_sparse(struct usage *u, uint64_t end)
{
    struct usage_file *f = find_sparse(u, end);

    if (f)
        list_remove(&f->link);
    return f;
}

bool usage_has_sparse(const struct usage *u, uint64_t end)
{
    for (struct list *node = u->sparse.next; node != &u->sparse; node = node->next)
        if (container_of(node, struct usage_file, link)->id < end)
            return true;
    return false;
}

int usage_set_archived(struct usage *u, uint64_t file_id)
{
    struct usage_file *f = need_file(u, file_id);

    if (!f)
        return ELOQ_NO_MEMORY;
    u->archived_count += !f->archived;
    f->archived = true;
    usage_settle(u, f);
    return ELOQ_OK;
}

void usage_clear_archived(struct usage *u)
{
    struct usage_file *f;
    size_t at = 0;

    while ((f = map_next(&u->files, &at))) {
        f->archived = false;
        usage_settle(u, f);
    }
    u->archived_count = 0;
}
