/* tree/check.c -- verify a whole snapshot from the disk. */
#include <stdlib.h>
#include <string.h>

#include "tree/check_private.h"

static void report(struct check *c, const char *what, bool is_note, struct page_id id,
                   eloq_slice from, eloq_slice to)
{
    if (c->silent || !c->found)
        return;
    struct tree_finding f = { .what = what, .is_note = is_note, .id = id, .from = from, .to = to };
    if (what == c->t->err.text)
        f.err = &c->t->err;
    f.has_place = mapping_get(&c->s->map, id, &f.place);
    c->found(c->user, &f);
}

void check_report(struct check *c, const char *what, struct page_id id, eloq_slice from,
                  eloq_slice to)
{
    report(c, what, false, id, from, to);
}

void check_note(struct check *c, const char *what, struct page_id id, eloq_slice from,
                eloq_slice to)
{
    report(c, what, true, id, from, to);
}

bool check_reach(struct check *c, struct page_id id, eloq_slice from, eloq_slice to)
{
    struct file_page place;
    if (!mapping_get(&c->s->map, id, &place)) {
        check_report(c, "page is not mapped", id, from, to);
        return false;
    }
    if (bitset_has(&c->reached, id.n)) {
        check_report(c, "page is used twice", id, from, to);
        return false;
    }
    bitset_add(&c->reached, id.n);
    return true;
}

int check_damage(struct check *c, int rc, struct page_id id, eloq_slice from, eloq_slice to)
{
    if (rc != ELOQ_CORRUPTED && rc != ELOQ_IO)
        return rc;
    check_report(c, c->t->err.text, id, from, to);
    c->incomplete = true;
    return ELOQ_OK;
}

static int clear_reached(struct check *c)
{
    bitset_free(&c->reached);
    bitset_init(&c->reached, c->mem, MEM_RESULTS);
    return bitset_grow(&c->reached, c->s->map.page_count) < 0 ? task_no_memory(c->t) : ELOQ_OK;
}

/* Both trees say which keys expire. If the sums differ, a second walk tells which key it is. */
static int check_pairing(struct check *c)
{
    if (memcmp(&c->expiring, &c->ttl, sizeof(c->ttl)) == 0)
        return ELOQ_OK;
    TRY(clear_reached(c));
    c->silent = true;
    TRY(check_walk(c, TREE_MAIN, check_main_pair));
    return check_walk(c, TREE_TTL, check_ttl_pair);
}

/* ---- the mapping ------------------------------------------------------------------------------
 */

struct placed {
    struct file_page place;
    struct page_id id;
};
struct placed_list {
    struct check *c;
    struct placed *items;
    size_t count, capacity;
};

static int list_mapped(void *user, struct page_id id, uint64_t value)
{
    struct placed_list *list = user;
    struct file_page place;
    if (value == MAPPING_FREE || !mapping_get(&list->c->s->map, id, &place))
        return 0;
    if (!list->c->incomplete && !bitset_has(&list->c->reached, id.n))
        check_note(list->c, "page is mapped but nothing refers to it", id, eloq_bytes(NULL, 0),
                   eloq_bytes(NULL, 0));
    if (list->count == list->capacity)
        return ELOQ_CORRUPTED; /* more than mapped_count says */
    list->items[list->count++] = (struct placed){ place, id };
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    return x->place.n < y->place.n ? -1 : x->place.n > y->place.n;
}

/* Mapped pages that were not reached, places used twice or never handed out. */
static int check_mapping(struct check *c)
{
    const struct mapping *map = &c->s->map;
    const eloq_slice open = eloq_bytes(NULL, 0);
    struct placed_list list = { .c = c, .capacity = map->mapped_count };
    list.items = mem_alloc(c->mem, MEM_RESULTS, list.capacity * sizeof(*list.items));
    if (!list.items)
        return task_no_memory(c->t);
    if (mapping_each(map, list_mapped, &list) != 0)
        check_report(c, "mapping holds more pages than it counts", page_id(NO_PAGE), open, open);
    qsort(list.items, list.count, sizeof(*list.items), by_place);
    for (size_t i = 0; i < list.count; i++) {
        const struct placed *p = &list.items[i];
        if (p->place.n >= c->s->part->falloc.next)
            check_report(c, "page lies at a place never handed out", p->id, open, open);
        if (i > 0 && p->place.n == p[-1].place.n)
            check_report(c, "page shares its place with another", p->id, open, open);
    }
    mem_free(c->mem, list.items);
    return ELOQ_OK;
}

static int run(struct check *c)
{
    c->ttl_key = arena_alloc(&c->t->arena, (size_t)c->page_bytes + 8);
    if (!c->ttl_key)
        return task_no_memory(c->t);
    TRY(clear_reached(c));
    TRY(check_walk(c, TREE_MAIN, check_main_entry));
    TRY(check_walk(c, TREE_TTL, check_ttl_entry));
    TRY(check_mapping(c));
    return check_pairing(c);
}

int tree_check(struct task *t, struct snapshot *s,
               void (*found)(void *user, const struct tree_finding *finding), void *user,
               struct tree_stats *ret)
{
    struct tree_stats stats = { 0 };
    struct check c = { .t = t,
                       .s = s,
                       .mem = s->part->env->mem,
                       .page_bytes = s->part->env->shape.page_bytes,
                       .found = found,
                       .user = user,
                       .stats = &stats };
    bitset_init(&c.reached, c.mem, MEM_RESULTS);
    value_init(&c.value, c.mem);
    struct arena_mark mark = arena_mark(&t->arena);
    int rc = run(&c);
    arena_reset(&t->arena, mark);
    value_deinit(&c.value);
    bitset_free(&c.reached);
    if (ret)
        *ret = stats;
    return rc;
}
