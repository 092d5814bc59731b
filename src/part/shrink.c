/* part/shrink.c -- cuts the free tail of the data files off, in place. */
#include "part/shrink.h"

#include "file/name.h"
#include "part/manifest_log.h"
#include "part/prewrite.h"

#define TAIL_BYTES_LEAST (UINT64_C(1) << 20)
#define STEP 65536 /* places between two yields */

bool part_can_shrink(struct part *p)
{
    const struct part_env *env = p->env;

    if (p->falloc.append || env->read_only || p->unknown || p->broken || p->has_archives
        || p->manifest_end == 0)
        return false;
    uint64_t tail = p->falloc.next - falloc_used_end(&p->falloc);
    return tail * env->shape.page_bytes > TAIL_BYTES_LEAST && tail * 4 > p->falloc.next;
}

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
