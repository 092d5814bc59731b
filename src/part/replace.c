/* part/replace.c -- another manifest in the place of a damaged one. */
#include "part/replace.h"

#include "part/prewrite.h"
#include "part/wtx.h"

int replace_open(struct task *t, struct part_env *env, const char *table, uint32_t partition,
                 struct part **ret)
{
    struct part *p;

    TRY(part_open_blank(t, env, table, partition, &p));
    /* The directory is there, and the first commit must not take for its own leftovers what lies in
     * it. */
    p->is_prepared = true;
    int rc = env->append ? prewrite_skip_files(t, p) : ELOQ_OK;
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
