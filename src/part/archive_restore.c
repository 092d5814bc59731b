/* part/archive_restore.c -- an archive becomes the current state, as one commit.
 *
 * Its pages are where they were: only the mapping changes. New pages go behind everything that the
 * archive or the state before ever used, so that whatever other archives name stays as it is, and
 * forward again is possible. */
#include <inttypes.h>
#include <limits.h>

#include "base/check.h"
#include "file/whole.h"
#include "part/archive_private.h"
#include "part/replace.h"
#include "part/wtx.h"

#define STEP 16384 /* pages between two yields */

static int fail_damaged(struct task *t, struct part *p, uint64_t timestamp, uint64_t offset,
                        const char *what)
{
    char path[PATH_MAX];

    archive_path(p, timestamp, path, sizeof(path));
    task_fail(t, ELOQ_CORRUPTED, "damaged archive: %s table=%s partition=%u timestamp=%" PRIu64,
              what, p->table, p->partition, timestamp);
    err_place(&t->err, path, offset);
    err_part(&t->err, p->table, p->partition);
    return ELOQ_CORRUPTED;
}

static int read_file(struct task *t, struct part *p, uint64_t timestamp, struct bytes *ret)
{
    char path[PATH_MAX];

    archive_path(p, timestamp, path, sizeof(path));
    int rc = whole_read(t, p->env->io, path, ret);
    if (rc < 0)
        err_part(&t->err, p->table, p->partition);
    return rc;
}

static int replay(struct task *t, struct part *p, uint64_t timestamp, const struct bytes *file,
                  struct manifest_state *ret)
{
    int rc = manifest_replay(ret, file->data, file->size, false);

    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    if (rc < 0)
        return fail_damaged(t, p, timestamp, ret->error_at,
                            ret->error ? ret->error : "not readable");
    if (ret->last_pages)
        return fail_damaged(t, p, timestamp, ret->last_at, "not an archive: its end is no state");
    return ELOQ_OK;
}

static int read_archive(struct task *t, struct part *p, uint64_t timestamp,
                        struct manifest_state *ret)
{
    struct bytes file;

    bytes_init(&file, p->env->mem, MEM_MAPPING);
    int rc = read_file(t, p, timestamp, &file);
    if (rc == ELOQ_OK)
        rc = replay(t, p, timestamp, &file, ret);
    bytes_free(&file);
    return rc;
}

static bool is_mapped(uint64_t value)
{
    return (value & 7) == MAPPING_TYPE_FILE_PAGE;
}

/* ---- its files ---- */

/* The data files it names, each once, in *ret (in the task's arena). */
static int collect_files(struct task *t, struct part *p, const struct manifest_state *s,
                         struct bitset *files)
{
    if (bitset_grow(files, (s->max_place >> p->files.shift) + 1) < 0)
        return task_no_memory(t);
    for (uint32_t id = 0; id < s->page_count; id++) {
        if (is_mapped(s->values[id]))
            bitset_add(files, (s->values[id] >> 3) >> p->files.shift);
        if (id % STEP == STEP - 1)
            task_yield(t);
    }
    return ELOQ_OK;
}

/* A file's term is in its name, and a name is for ever. */
static int adopt_term(struct task *t, struct part *p, const struct manifest_state *s,
                      uint64_t timestamp, uint64_t file_id)
{
    uint64_t term = terms_get(&s->terms, file_id);

    if (!manifest_state_lists(s, file_id))
        return fail_damaged(t, p, timestamp, 0, "a page in a file without a term");
    if (terms_get(&p->files.terms, file_id) == term)
        return ELOQ_OK;
    if (file_id < p->terms_listed)
        return fail_damaged(t, p, timestamp, 0, "a file has another term now");
    return terms_set(&p->files.terms, file_id, term) < 0 ? task_no_memory(t) : ELOQ_OK;
}

/* They are all there, and what they hold is on the disk, whoever wrote it. */
static int secure_files(struct task *t, struct part *p, const struct manifest_state *s,
                        uint64_t timestamp)
{
    struct bitset files;
    int rc;

    bitset_init(&files, p->env->mem, MEM_OTHER);
    rc = collect_files(t, p, s, &files);
    uint64_t id = rc == ELOQ_OK ? bitset_next(&files, 0) : BITSET_NONE;
    for (; id != BITSET_NONE && rc == ELOQ_OK; id = bitset_next(&files, id + 1)) {
        rc = adopt_term(t, p, s, timestamp, id);
        if (rc == ELOQ_OK)
            rc = pagefiles_sync_found(t, &p->files, &id, 1);
    }
    bitset_free(&files);
    return rc;
}

/* ---- the commit ---- */

static int map_pages(struct task *t, struct wtx *w, const struct manifest_state *s)
{
    for (uint32_t id = 0; id < s->page_count; id++) {
        if (is_mapped(s->values[id]))
            TRY(wtx_map(t, w, page_id(id), file_page(s->values[id] >> 3)));
        else
            TRY(wtx_leave_free(t, w, page_id(id)));
        if (id % STEP == STEP - 1)
            task_yield(t);
    }
    return ELOQ_OK;
}

static int change(struct task *t, struct wtx *w, const struct manifest_state *s)
{
    struct part *p = w->part;

    TRY(wtx_free_all(t, w));
    TRY(map_pages(t, w, s));
    if (s->dict_size > 0) {
        struct dict *dict = dict_new(p->env->mem, s->dict, s->dict_size);
        if (!dict)
            return task_no_memory(t);
        wtx_set_dict(w, dict);
        dict_unref(dict);
    }
    w->root[TREE_MAIN] = s->root[TREE_MAIN];
    w->least_expiry = 0; /* not known */
    w->root[TREE_TTL] = s->root[TREE_TTL];
    p->falloc.next = MAX(p->falloc.next, s->max_place);
    return ELOQ_OK;
}

static int commit(struct task *t, struct part *p, const struct manifest_state *s)
{
    struct wtx w;

    TRY(wtx_begin(t, p, &w));
    int rc = change(t, &w, s);
    if (rc < 0) {
        wtx_abort(t, &w);
        return rc;
    }
    return wtx_commit(t, &w);
}

/* ---- the state before ---- */

/* The first timestamp from `now` on that no archive has. */
static int free_timestamp(struct task *t, struct part *p, uint64_t now, uint64_t *ret)
{
    struct archive_list list;

    *ret = MAX(now, 1);
    int rc = archive_list(t, p->env, p->files.dir, &list);
    for (size_t i = 0; rc == ELOQ_OK && i < list.count; i++)
        *ret += list.timestamps[i] == *ret;
    archive_list_free(&list);
    return rc;
}

static int archive_before(struct task *t, struct part *p, uint64_t now)
{
    uint64_t timestamp;

    TRY(free_timestamp(t, p, now, &timestamp));
    int rc = archive_create(t, p, p->current, timestamp);
    return rc == ELOQ_NOT_FOUND ? ELOQ_OK : rc; /* nothing to keep */
}

int archive_restore(struct task *t, struct part *p, uint64_t timestamp, uint64_t now)
{
    struct manifest_state state;

    CHECK(p->env->append);
    TRY(wtx_check_writable(t, p));
    manifest_state_init(&state, p->env->mem);
    int rc = read_archive(t, p, timestamp, &state);
    if (rc == ELOQ_OK)
        rc = secure_files(t, p, &state, timestamp);
    if (rc == ELOQ_OK)
        rc = archive_before(t, p, now);
    if (rc == ELOQ_OK)
        rc = commit(t, p, &state);
    p->env->restores += rc == ELOQ_OK;
    manifest_state_free(&state);
    return rc;
}

int archive_restore_damaged(struct task *t, struct part_env *env, const char *table,
                            uint32_t partition, uint64_t timestamp)
{
    struct manifest_state state;
    struct part *p;

    CHECK(env->append);
    TRY(replace_open(t, env, table, partition, &p));
    manifest_state_init(&state, env->mem);
    int rc = wtx_check_writable(t, p);
    if (rc == ELOQ_OK)
        rc = read_archive(t, p, timestamp, &state);
    if (rc == ELOQ_OK)
        rc = secure_files(t, p, &state, timestamp);
    if (rc == ELOQ_OK)
        rc = commit(t, p, &state);
    env->restores += rc == ELOQ_OK;
    manifest_state_free(&state);
    replace_close(t, p);
    return rc;
}
