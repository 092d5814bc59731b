/* part/gc.c -- removes data files that nothing needs any more, and leftovers. */
#include "part/gc.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/check.h"
#include "coro/sched.h"
#include "file/name.h"
#include "file/whole.h"
#include "part/manifest_log.h"
#include "part/prewrite.h"

#define REMOVED_MAX 256 /* files a call removes */
#define STEP 16384      /* pages between two yields */

static uint64_t current_file(const struct part *p)
{
    return p->falloc.next >> p->files.shift;
}

static bool can_remove(const struct part *p)
{
    return !p->env->read_only && !p->unknown && !p->broken && !p->commit_dropped;
}

bool part_has_garbage(const struct part *p)
{
    if (!can_remove(p) || p->archives_bad)
        return false;
    return (p->orphans_pending && (!p->found_unsynced || p->orphans_asked) && !p->tail_dropped)
           || (p->falloc.append && usage_garbage(&p->usage, current_file(p)));
}

void part_gc_archives_changed(struct part *p)
{
    p->archives_known = false;
    p->archives_bad = false;
    /* What the removed one alone needed may be known to nobody. */
    p->orphans_pending = p->orphans_asked = true;
}

static int list_directory(struct task *t, struct part *p, struct io_names *names)
{
    int rc = io_list(t, p->env->io, p->files.dir, names);

    if (rc >= 0 || rc == -ENOENT)
        return ELOQ_OK;
    rc = io_fail(t, "list", rc, p->files.dir, 0);
    err_part(&t->err, p->table, p->partition);
    return rc;
}

/* ---- what archives need ---- */

static int note_files(struct task *t, struct part *p, const struct manifest_state *s)
{
    uint64_t last = UINT64_MAX;

    for (uint32_t id = 0; id < s->page_count; id++) {
        if ((s->values[id] & 7) == MAPPING_TYPE_FILE_PAGE) {
            uint64_t file_id = (s->values[id] >> 3) >> p->files.shift;
            if (file_id != last && usage_set_archived(&p->usage, file_id) < 0)
                return task_no_memory(t);
            last = file_id;
        }
        if (id % STEP == STEP - 1)
            task_yield(t);
    }
    return ELOQ_OK;
}

static int read_archive(struct task *t, struct part *p, const char *name)
{
    struct manifest_state state;
    struct bytes file;
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", p->files.dir, name);
    bytes_init(&file, p->env->mem, MEM_MAPPING);
    manifest_state_init(&state, p->env->mem);
    int rc = whole_read(t, p->env->io, path, &file);
    if (rc == ELOQ_OK) {
        rc = manifest_replay(&state, file.data, file.size, false);
        if (rc == ELOQ_OK) {
            p->archived_end = MAX(p->archived_end, state.max_place);
            rc = note_files(t, p, &state);
        } else if (rc == ELOQ_NO_MEMORY) {
            rc = task_no_memory(t);
        } else {
            rc = task_fail(t, rc, "damaged archive path=%s", path);
        }
    } else if (rc == ELOQ_NOT_FOUND) {
        rc = ELOQ_OK; /* removed meanwhile */
    }
    manifest_state_free(&state);
    bytes_free(&file);
    return rc;
}

static int read_archives(struct task *t, struct part *p, const struct io_names *names)
{
    int rc = ELOQ_OK;

    if (p->archives_known)
        return ELOQ_OK;
    if (p->archives_bad)
        return 1;
    usage_clear_archived(&p->usage);
    p->archived_end = 0;
    for (size_t i = 0; i < names->count && rc == ELOQ_OK; i++)
        if (file_name_parse(names->names[i].name).kind == FILE_ARCHIVE)
            rc = read_archive(t, p, names->names[i].name);
    p->archives_known = rc == ELOQ_OK;
    if (rc == ELOQ_OK || rc == ELOQ_NO_MEMORY || err_retryable(rc))
        return rc;
    p->archives_bad = true;
    log_limited(p->env->log, &p->env->said.archive, t->sched->clock, ELOQ_LOG_WARNING,
                "no data file is removed while an archive cannot be read table=%s partition=%u: %s",
                p->table, p->partition, t->err.text);
    return 1;
}

int part_gc_archives(struct task *t, struct part *p)
{
    struct io_names names;

    CHECK(p->falloc.append);
    if (p->archives_known)
        return ELOQ_OK;
    io_names_init(&names, p->env->mem);
    int rc = list_directory(t, p, &names);
    if (rc == ELOQ_OK)
        rc = read_archives(t, p, &names);
    io_names_free(&names);
    return rc;
}

/* ---- files without an owner ---- */

/* Whether a data file may hold something that is needed. In place every file below the end is
 * space to be used. */
static bool is_needed(const struct part *p, const struct file_name *name)
{
    if (terms_get(&p->files.terms, name->id) != name->term)
        return true; /* not one of ours */
    if (!p->falloc.append)
        return p->falloc.next > 0 && name->id <= (p->falloc.next - 1) >> p->files.shift;
    const struct usage_file *f = usage_find(&p->usage, name->id);
    return name->id == current_file(p) || (f && (f->visible > 0 || f->archived));
}

static int remove_tmp(struct task *t, struct part *p, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s", p->files.dir, name);
    int rc = io_unlink(t, p->env->io, path);
    return rc < 0 && rc != -ENOENT ? io_fail(t, "unlink", rc, path, 0) : ELOQ_OK;
}

/* Of a partition whose first commit did not finish every data file is one, but the .tmp is what
 * says so. */
static int remove_orphans(struct task *t, struct part *p, const struct io_names *names)
{
    bool has_manifest = p->manifest_end > 0;
    int rc = ELOQ_OK;

    for (size_t i = 0; i < names->count && rc >= 0; i++) {
        struct file_name name = file_name_parse(names->names[i].name);
        bool is_ours = strncmp(names->names[i].name, "manifest_", strlen("manifest_")) == 0;
        if (name.kind == FILE_TMP && has_manifest && is_ours) {
            rc = remove_tmp(t, p, names->names[i].name);
        } else if (name.kind == FILE_DATA && !is_needed(p, &name)) {
            rc = pagefiles_remove(t, &p->files, name.id);
            p->env->files_removed += rc == ELOQ_OK;
        }
    }
    return MIN(rc, ELOQ_OK);
}

int part_gc_orphans(struct task *t, struct part *p)
{
    struct io_names names;

    io_names_init(&names, p->env->mem);
    int rc = list_directory(t, p, &names);
    if (rc == ELOQ_OK && p->falloc.append)
        rc = read_archives(t, p, &names);
    if (rc == ELOQ_OK)
        rc = remove_orphans(t, p, &names);
    if (rc >= 0) /* with a bad archive it is tried again when archives changed */
        p->orphans_pending = p->orphans_asked = false;
    io_names_free(&names);
    return MIN(rc, ELOQ_OK);
}

/* ---- garbage ---- */

/* Takes up to `max` files of garbage. They are out of the list until they are settled. */
static size_t take_garbage(struct part *p, struct usage_file **files, uint64_t *ids, size_t max)
{
    size_t count = 0;

    while (count < max && (files[count] = usage_garbage(&p->usage, current_file(p)))) {
        list_remove(&files[count]->link);
        ids[count] = files[count]->id;
        count++;
    }
    return count;
}

static int remove_garbage(struct task *t, struct part *p)
{
    struct arena_mark mark = arena_mark(&t->arena);
    struct usage_file **files = arena_alloc(&t->arena, REMOVED_MAX * sizeof(struct usage_file *));
    uint64_t *ids = arena_alloc(&t->arena, REMOVED_MAX * sizeof(*ids));
    int *results = arena_alloc(&t->arena, REMOVED_MAX * sizeof(*results));

    if (!files || !ids || !results) {
        arena_reset(&t->arena, mark);
        return task_no_memory(t);
    }
    size_t count = take_garbage(p, files, ids, REMOVED_MAX);
    for (size_t i = 0; i < count; i++)
        results[i] = 1;
    int rc = pagefiles_remove_many(t, &p->files, ids, count, results);
    size_t removed = 0;
    for (size_t i = 0; i < count; i++) {
        removed += results[i] == ELOQ_OK;
        if (results[i] == ELOQ_OK)
            usage_forget(&p->usage, files[i]);
        else
            usage_settle(&p->usage, files[i]);
    }
    p->env->files_removed += removed;
    arena_reset(&t->arena, mark);
    /* Without any progress the rest waits for a better time. */
    return rc < 0 ? rc : removed > 0 && part_has_garbage(p);
}

int part_gc(struct task *t, struct part *p)
{
    if (!part_has_garbage(p))
        return ELOQ_OK;
    /* What was found on disk lasts before anything is built upon it. */
    if (p->found_unsynced)
        TRY(prewrite(t, p));
    /* Nothing goes on the strength of a commit that may yet turn out to be none. */
    TRY(manifest_log_seal(t, p));
    if (p->orphans_pending)
        TRY(part_gc_orphans(t, p));
    if (!p->falloc.append || !part_has_garbage(p))
        return ELOQ_OK;
    int rc = part_gc_archives(t, p);
    if (rc != ELOQ_OK)
        return MIN(rc, ELOQ_OK);
    return part_has_garbage(p) ? remove_garbage(t, p) : ELOQ_OK;
}
