/* part/compact.c -- moves pages out of sparse files, a step at a time. */
#include "part/compact.h"

#include <inttypes.h>

#include "base/check.h"
#include "coro/sched.h"
#include "page/page.h"
#include "part/gc.h"
#include "part/wtx.h"

#define TOGETHER 128 /* pages read at once */
#define GAPS 8       /* operations among these that read what lies between, too */

struct compaction {
    struct task *t;
    struct part *p;
    struct wtx w;
    uint64_t end;
    struct list taken;       /* victims: files whose pages this step moves */
    struct usage_file *last; /* the one it is at */
    uint32_t slot;           /* of last: where it goes on */
    struct page_io *ios;     /* TOGETHER of them */
    uint8_t *gaps[GAPS];     /* for what lies between them */
    size_t gap_count;
    uint32_t left; /* pages that may still be moved */
    bool moved;
    bool unreadable; /* a page of `last` */
};

uint64_t part_compact_end(const struct part *p)
{
    return p->falloc.next >> p->files.shift;
}

bool part_can_compact(const struct part *p, uint64_t end)
{
    return p->falloc.append && !p->env->read_only && !p->unknown && !p->broken && !p->archives_bad
           && usage_has_sparse(&p->usage, MIN(end, part_compact_end(p)));
}

/* The next victim; false when there is none. */
static bool take_victim(struct compaction *c)
{
    struct part *p = c->p;

    c->last = usage_take_sparse(&p->usage, MIN(c->end, p->falloc.next >> p->files.shift));
    if (!c->last)
        return false;
    list_push_back(&c->taken, &c->last->link);
    c->slot = c->last->cursor;
    return true;
}

/* Lists live pages of the victim from c->slot on; each with a buffer. */
static int gather(struct compaction *c, uint32_t max, uint32_t *ret_count)
{
    struct part *p = c->p;
    struct usage_file *f = c->last;
    uint32_t count = 0;

    for (; c->slot < f->capacity && count < max; c->slot++) {
        struct file_page place = file_page((f->id << p->files.shift) + c->slot), now;
        if (f->ids[c->slot] == NO_PAGE
            || !mapping_get(&c->w.base->map, page_id(f->ids[c->slot]), &now) || now.n != place.n)
            continue;
        c->ios[count] = (struct page_io){ .place = place };
        int rc = wtx_new_page(c->t, &c->w, &c->ios[count].data);
        *ret_count = count;
        if (rc < 0)
            return rc;
        count++;
    }
    *ret_count = count;
    return ELOQ_OK;
}

/* Verified, whatever the options say: a new checksum over damage would hide it. */
static int read_pages(struct compaction *c, uint32_t count)
{
    struct part *p = c->p;

    TRY(pagefiles_read_through(c->t, &p->files, c->ios, count, c->gaps, c->gap_count));
    for (uint32_t i = 0; i < count; i++) {
        if (!page_verify(c->ios[i].data, p->env->shape.page_bytes))
            return pagefiles_fail(c->t, &p->files, c->ios[i].place, ELOQ_CORRUPTED,
                                  "bad page checksum");
        p->env->pages_read[page_type(c->ios[i].data) % PAGE_TYPES]++;
    }
    return ELOQ_OK;
}

static int move_some(struct compaction *c, uint32_t max, uint32_t *ret_count)
{
    uint32_t mask = (UINT32_C(1) << c->p->files.shift) - 1;
    uint32_t put = 0;

    int rc = gather(c, max, ret_count);
    if (rc == ELOQ_OK && *ret_count > 0) {
        rc = read_pages(c, *ret_count);
        c->unreadable = rc == ELOQ_CORRUPTED || rc == ELOQ_IO;
    }
    while (rc == ELOQ_OK && put < *ret_count) {
        struct page_io *io = &c->ios[put++];
        rc = wtx_put(c->t, &c->w, page_id(c->last->ids[io->place.n & mask]), io->data);
    }
    for (; put < *ret_count; put++)
        wtx_drop_page(&c->w, c->ios[put].data);
    return rc;
}

/* Moves pages until there is no victim or it is enough. */
static int move_all(struct compaction *c)
{
    uint32_t count;

    while (c->left > 0) {
        if (!c->last && !take_victim(c))
            return ELOQ_OK;
        uint32_t max = MIN(c->left, MIN(TOGETHER, c->p->env->write_batch_pages));
        TRY(move_some(c, max, &count));
        c->left -= count;
        c->moved |= count > 0;
        c->p->env->pages_compacted += count;
        if (count < max)
            c->last = NULL; /* it has no more */
        task_yield_low(c->t);
    }
    return ELOQ_OK;
}

static void leave_alone(struct compaction *c)
{
    struct part *p = c->p;

    c->last->damaged = true;
    log_limited(
        p->env->log, &p->env->said.damage, c->t->sched->clock, ELOQ_LOG_WARNING,
        "a data file with a damaged page is not compacted table=%s partition=%u file=%" PRIu64
        ": %s",
        p->table, p->partition, c->last->id, c->t->err.text);
}

static void settle_all(struct compaction *c)
{
    struct list *node;

    while ((node = list_first(&c->taken)))
        usage_settle(&c->p->usage, container_of(node, struct usage_file, link));
}

static int run(struct compaction *c)
{
    struct usage_file *last = NULL;
    uint32_t slot = 0;

    int rc = move_all(c);
    if (rc < 0) {
        wtx_abort(c->t, &c->w);
        if (c->unreadable) {
            leave_alone(c);
            rc = ELOQ_OK;
        }
    } else {
        last = c->last;
        slot = c->slot;
        rc = wtx_commit(c->t, &c->w);
        c->p->env->compactions += rc == ELOQ_OK;
    }
    settle_all(c);
    if (rc == ELOQ_OK && last)
        last->cursor = slot;
    if (rc < 0)
        return rc;
    return (c->moved || c->unreadable) && part_can_compact(c->p, c->end);
}

/* As many as there are: without, it reads in more operations. */
static void take_gaps(struct compaction *c)
{
    struct pagepool *pool = c->p->env->pool;

    while (c->gap_count < GAPS && (c->gaps[c->gap_count] = pagepool_get(pool)))
        c->gap_count++;
}

static void put_gaps(struct compaction *c)
{
    while (c->gap_count > 0)
        pagepool_put(c->p->env->pool, c->gaps[--c->gap_count]);
}

int part_compact_step(struct task *t, struct part *p, uint64_t end, uint32_t pages_max)
{
    if (!part_can_compact(p, end))
        return ELOQ_OK;
    int rc = part_gc_archives(t, p);
    if (rc != ELOQ_OK)
        return MIN(rc, ELOQ_OK);
    struct arena_mark mark = arena_mark(&t->arena);
    struct compaction *c = arena_zalloc(&t->arena, sizeof(*c));
    struct page_io *ios = arena_alloc(&t->arena, TOGETHER * sizeof(*ios));
    rc = c && ios ? wtx_begin(t, p, &c->w) : task_no_memory(t);
    if (rc == ELOQ_OK) {
        c->t = t;
        c->p = p;
        c->end = end;
        c->ios = ios;
        c->left = pages_max;
        list_init(&c->taken);
        take_gaps(c);
        rc = run(c);
        put_gaps(c);
    }
    arena_reset(&t->arena, mark);
    return rc;
}
