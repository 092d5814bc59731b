/* part/shrink.c -- cuts the free tail of the data files off, in place. */
#include "part/shrink.h"

#include "file/name.h"
#include "page/page.h"
#include "part/manifest_log.h"
#include "part/prewrite.h"
#include "part/wtx.h"

#define PULLED_MAX 128 /* pages moved down */
#define TAIL_BYTES_LEAST (UINT64_C(1) << 20)
#define STEP 65536 /* places between two yields */

static bool can_shrink(const struct part *p)
{
    return !p->falloc.append && !p->env->read_only && !p->unknown && !p->broken
           && !p->commit_dropped && !p->has_archives && p->manifest_end > 0;
}

/* Whether it is worth it to cut the places from here on. */
static bool is_worth(const struct part *p, uint64_t end)
{
    uint64_t tail = p->falloc.next - end;

    return tail * p->env->shape.page_bytes > TAIL_BYTES_LEAST && tail * 4 > p->falloc.next;
}

bool part_can_shrink(struct part *p)
{
    return can_shrink(p) && is_worth(p, falloc_used_end(&p->falloc));
}

/* ---- pages at the end move down ---- */

/* The lowest place from which on the tail is worth it once the few pages in it have moved below; 0
 * if there is none. */
static uint64_t find_end(struct part *p)
{
    const struct bitset *free = &p->falloc.free;
    uint64_t best = 0, used = 0, free_above = 0;

    for (uint64_t at = p->falloc.next; at > 0 && used <= PULLED_MAX; at--) {
        if (used > 0 && used <= free->count - free_above && is_worth(p, at))
            best = at;
        bool is_free = at <= free->size && bitset_has(free, at - 1);
        free_above += is_free;
        used += !is_free;
    }
    return best;
}

/* Pages of the current snapshot from this place on. */
static size_t collect(struct task *t, struct part *p, uint64_t from, struct page_io *ios,
                      struct page_id *ids)
{
    const struct mapping *map = &p->current->map;
    size_t count = 0;

    for (uint32_t id = 0; id < map->page_count && count < PULLED_MAX; id++) {
        if (mapping_get(map, page_id(id), &ios[count].place) && ios[count].place.n >= from)
            ids[count++] = page_id(id);
        if (id % STEP == STEP - 1)
            task_yield(t);
    }
    return count;
}

/* One page, verified, to the lowest free place. */
static int move_page(struct task *t, struct wtx *w, struct page_id id, struct file_page place)
{
    struct part *p = w->part;
    uint8_t *page = NULL;

    TRY(wtx_new_page(t, w, &page));
    int rc = pagefiles_read(t, &p->files, place, page);
    if (rc == ELOQ_OK && !page_verify(page, p->env->shape.page_bytes))
        rc = pagefiles_fail(t, &p->files, place, ELOQ_CORRUPTED, "bad page checksum");
    if (rc == ELOQ_OK)
        return wtx_put(t, w, id, page);
    wtx_drop_page(w, page);
    return rc;
}

static int move_pages(struct task *t, struct part *p, const struct page_id *ids,
                      const struct page_io *ios, size_t count)
{
    struct wtx w;

    TRY(wtx_begin(t, p, &w));
    for (size_t i = 0; i < count; i++) {
        int rc = move_page(t, &w, ids[i], ios[i].place);
        if (rc < 0) {
            wtx_abort(t, &w);
            return rc;
        }
    }
    return wtx_commit(t, &w);
}

int part_pull_in(struct task *t, struct part *p)
{
    struct arena_mark mark = arena_mark(&t->arena);
    uint64_t from = can_shrink(p) ? find_end(p) : 0;

    if (from == 0)
        return ELOQ_OK;
    struct page_io *ios = arena_alloc(&t->arena, (PULLED_MAX + 1) * sizeof(*ios));
    struct page_id *ids = arena_alloc(&t->arena, PULLED_MAX * sizeof(*ids));
    size_t count = ios && ids ? collect(t, p, from, ios, ids) : 0;
    int rc = ios && ids ? ELOQ_OK : task_no_memory(t);
    if (count > 0)
        rc = move_pages(t, p, ids, ios, count);
    arena_reset(&t->arena, mark);
    return rc;
}

/* ---- the tail goes ---- */

static bool lists_archive(const struct io_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        if (file_name_parse(names->names[i].name).kind == FILE_ARCHIVE)
            return true;
    return false;
}

/* Removes the files that lie wholly behind the end, and cuts the one it lies in. */
static int cut_files(struct task *t, struct part *p, const struct io_names *names)
{
    struct file_page end = file_page(p->falloc.next);
    uint64_t last = pagefiles_file_id(&p->files, end);
    uint64_t last_bytes = pagefiles_offset(&p->files, end);
    int rc = ELOQ_OK;

    ahead_hold(t, p);
    for (size_t i = 0; i < names->count && rc >= 0; i++) {
        struct file_name name = file_name_parse(names->names[i].name);
        if (name.kind != FILE_DATA || name.term != terms_get(&p->files.terms, name.id))
            continue;
        if (name.id > last || (name.id == last && last_bytes == 0)) {
            rc = pagefiles_remove(t, &p->files, name.id);
            p->env->files_removed += rc == ELOQ_OK;
        } else if (name.id == last) {
            rc = pagefiles_cut(t, &p->files, name.id, last_bytes);
        }
    }
    p->ahead.places_ready = 0;
    ahead_let_go(p);
    return MIN(rc, ELOQ_OK);
}

static int shrink(struct task *t, struct part *p, const struct io_names *names)
{
    /* Places are given back meanwhile, but none is taken. When the replacement fails, the places
     * are merely taken anew from a lower end. */
    while (falloc_cut(&p->falloc, STEP))
        task_yield(t);
    TRY(prewrite(t, p));
    TRY(manifest_log_replace(t, p, p->current));
    return cut_files(t, p, names);
}

int part_shrink(struct task *t, struct part *p)
{
    struct io_names names;

    if (!part_can_shrink(p))
        return ELOQ_OK;
    io_names_init(&names, p->env->mem);
    int rc = io_list(t, p->env->io, p->files.dir, &names);
    if (rc < 0) {
        rc = io_fail(t, "list", rc, p->files.dir, 0);
        err_part(&t->err, p->table, p->partition);
    } else {
        p->has_archives = lists_archive(&names);
        rc = p->has_archives ? ELOQ_OK : shrink(t, p, &names);
    }
    io_names_free(&names);
    return rc;
}
