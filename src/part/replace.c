/* part/replace.c -- another manifest in the place of a damaged one. */
#include "part/replace.h"

#include "file/name.h"
#include "part/wtx.h"

/* The first place behind all data files that are there, whoever they belong to. */
static int find_end(struct task *t, struct part *p)
{
    struct io_names names;

    io_names_init(&names, p->env->mem);
    int rc = io_list(t, p->env->io, p->files.dir, &names);
    if (rc < 0) {
        rc = io_fail(t, "list", rc, p->files.dir, 0);
        err_part(&t->err, p->table, p->partition);
    }
    for (size_t i = 0; i < names.count && rc >= 0; i++) {
        struct file_name name = file_name_parse(names.names[i].name);
        if (name.kind != FILE_DATA)
            continue;
        if (name.id >= FILE_PAGE_END >> p->files.shift)
            rc = part_fail(t, p, ELOQ_NO_SPACE, "a data file has the greatest number there is");
        else
            p->falloc.next = MAX(p->falloc.next, (name.id + 1) << p->files.shift);
    }
    io_names_free(&names);
    return MIN(rc, ELOQ_OK);
}

int replace_open(struct task *t, struct part_env *env, const char *table, uint32_t partition,
                 struct part **ret)
{
    struct part *p;

    TRY(part_open_blank(t, env, table, partition, &p));
    /* The directory is there, and the first commit must not take for its own leftovers what lies in
     * it. */
    p->is_prepared = true;
    int rc = env->append ? find_end(t, p) : ELOQ_OK;
    if (rc < 0) {
        part_close(t, p);
        return rc;
    }
    *ret = p;
    return ELOQ_OK;
}

void replace_close(struct task *t, struct part *p)
{
    cut_drop(p);
    part_close(t, p);
}

int replace_with_nothing(struct task *t, struct part_env *env, const char *table,
                         uint32_t partition)
{
    struct part *p;
    struct wtx w;

    TRY(replace_open(t, env, table, partition, &p));
    int rc = wtx_begin(t, p, &w);
    if (rc == ELOQ_OK && (rc = wtx_free_all(t, &w)) < 0)
        wtx_abort(t, &w);
    else if (rc == ELOQ_OK)
        rc = wtx_commit(t, &w);
    replace_close(t, p);
    return rc;
}
