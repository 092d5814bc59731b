/* part/remove.c -- removes the files and the directory of an empty partition. */
#include "part/remove.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/check.h"
#include "file/name.h"
#include "part/manifest_log.h"
#include "part/prewrite.h"

bool part_can_remove(const struct part *p)
{
    const struct snapshot *s = p->current;

    return p->wants_removal && !p->env->read_only && !p->unknown && !p->broken
           && s->map.mapped_count == 0 && s->link.next == &p->snapshots;
}

static int fail(struct task *t, struct part *p, const char *verb, int64_t result, const char *path)
{
    int rc = io_fail(t, verb, result, path, 0);

    err_part(&t->err, p->table, p->partition);
    return rc;
}

/* When it fails, names that are gone may come back without the system saying so: a manifest must
 * not go after data files that may. */
static int sync_directory(struct task *t, struct part *p, const char *path)
{
    int rc = io_sync_dir(t, p->env->io, path);

    if (rc >= 0)
        return ELOQ_OK;
    rc = fail(t, p, "fsync of directory", rc, path);
    if (rc != ELOQ_NO_MEMORY && rc != ELOQ_BUSY)
        p->broken = true;
    return rc;
}

/* Unlinks those names of one kind; `path` is scratch of PATH_MAX bytes. */
static int unlink_names(struct task *t, struct part *p, const struct io_names *names,
                        enum file_kind kind, char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (file_name_parse(names->names[i].name).kind != kind)
            continue;
        snprintf(path, PATH_MAX, "%s/%s", p->files.dir, names->names[i].name);
        int rc = io_unlink(t, p->env->io, path);
        if (rc < 0 && rc != -ENOENT)
            return fail(t, p, "unlink", rc, path);
        p->env->files_removed += kind == FILE_DATA;
    }
    return ELOQ_OK;
}

/* As it was before its first commit. Its version goes on, so that old and new are never mixed up.
 */
static void make_blank(struct part *p)
{
    struct part_env *env = p->env;
    struct snapshot *s = p->current;

    CHECK(s->map.mapped_count == 0);
    mapping_free_some(env->mem, &s->map, SIZE_MAX); /* readers of nothing look at none of it */
    dict_unref(s->dict);
    s->dict = NULL;
    training_deinit(p);
    p->training = (struct training){ 0 };
    training_init(p);
    falloc_deinit(&p->falloc);
    falloc_init(&p->falloc, env->mem, env->append, 0);
    bitset_free(&p->free_ids);
    usage_clear(&p->usage);
    pagefiles_clear(&p->files);
    p->manifest_end = p->snapshot_bytes = p->found_at = 0;
    p->ahead.manifest_ready = p->ahead.places_ready = p->ahead.record_end = 0;
    p->last_checksum = 0;
    p->sequence = (struct manifest_sequence){ 0 };
    p->terms_listed = 0;
    p->padding_missing = p->found_unsynced = p->is_prepared = false;
    p->last_joint = p->sealed = false;
    p->commit_dropped = p->tail_dropped = p->orphans_pending = p->orphans_asked = false;
    p->archives_known = p->archives_bad = p->has_archives = false;
    p->wants_removal = false;
}

static int remove_directory(struct task *t, struct part *p)
{
    int rc = io_rmdir(t, p->env->io, p->files.dir);

    if (rc == -ENOTEMPTY || rc == -EEXIST) /* something that is not ours */
        return sync_directory(t, p, p->files.dir);
    if (rc < 0 && rc != -ENOENT)
        return fail(t, p, "rmdir", rc, p->files.dir);
    return sync_directory(t, p, p->files.parent);
}

static bool lists(const struct io_names *names, enum file_kind kind)
{
    for (size_t i = 0; i < names->count; i++)
        if (file_name_parse(names->names[i].name).kind == kind)
            return true;
    return false;
}

static int remove_files(struct task *t, struct part *p, const struct io_names *names)
{
    char path[PATH_MAX];

    manifest_log_close(t, p);
    fdcache_close_owner(t, p->env->fds, &p->files);
    p->files.sync_failed = false; /* what it was about goes */
    if (p->manifest_end > 0) {
        TRY(unlink_names(t, p, names, FILE_DATA, path));
        TRY(unlink_names(t, p, names, FILE_TMP, path));
        TRY(sync_directory(t, p, p->files.dir));
        p->unknown = true; /* if that fails, it may have gone all the same */
        TRY(unlink_names(t, p, names, FILE_MANIFEST, path));
        p->unknown = false;
    } else { /* the .tmp says that its data files are an unfinished first commit */
        TRY(unlink_names(t, p, names, FILE_DATA, path));
        TRY(sync_directory(t, p, p->files.dir));
        TRY(unlink_names(t, p, names, FILE_TMP, path));
    }
    make_blank(p);
    return remove_directory(t, p);
}

int part_remove(struct task *t, struct part *p)
{
    struct io_names names;

    CHECK(part_can_remove(p));
    /* What was found on disk lasts before it is built upon. */
    if (p->manifest_end > 0)
        TRY(prewrite(t, p));
    io_names_init(&names, p->env->mem);
    int rc = io_list(t, p->env->io, p->files.dir, &names);
    if (rc == -ENOENT) {
        make_blank(p);
        rc = ELOQ_OK;
    } else if (rc < 0) {
        rc = fail(t, p, "list", rc, p->files.dir);
    } else if (lists(&names, FILE_ARCHIVE)) {
        rc = 1;
    } else {
        ahead_hold(t, p);
        rc = remove_files(t, p, &names);
        ahead_let_go(p);
    }
    p->env->parts_removed += rc == ELOQ_OK;
    io_names_free(&names);
    /* Archives keep it until they change; and after a failure only asking again helps. */
    if (rc != ELOQ_OK)
        p->wants_removal = false;
    return rc;
}
