/* engine/run_check.c -- verify all there is of one partition: manifest, files, trees; of its
 * archives the same.
 *
 * Runs under the write slot, on the partition loaded afresh, so that what is on the disk is judged
 * and not what is in memory. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "engine/findings.h"
#include "engine/run.h"
#include "file/name.h"
#include "part/manifest_log.h"
#include "tree/tree.h"

#define TAIL_PIECE 4096
#define WHAT_MAX 1024
#define NOTHING  \
    (eloq_slice) \
    {            \
        0        \
    }

struct check {
    struct shard *shard;
    struct findings *findings;
    const char *dir;   /* of the partition */
    struct part *part; /* loaded afresh: what is being verified */
    uint64_t archive;  /* its timestamp, 0 = the state that is open */
    struct io_names names;
    bool has_dir;
    struct bitset needed; /* of names: data files of what could be loaded */
    bool all_loaded;
};

/* Archives share most of their pages: what is wrong with one is said once. */
static void add(struct check *c, enum eloq_severity severity, const char *what, const char *path,
                uint64_t offset, eloq_slice from, eloq_slice to)
{
    char text[WHAT_MAX];

    if (!findings_is_new(c->findings, what, path, offset) && c->archive != 0)
        return;
    if (c->archive != 0) {
        snprintf(text, sizeof(text), "archive %" PRIu64 ": %s", c->archive, what);
        what = text;
    }
    findings_add(c->findings, severity, what, path, offset, from, to);
}

/* About a file in the directory; "" is the directory itself. */
static void note(struct check *c, enum eloq_severity severity, const char *what, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s%s%s", c->dir, name[0] ? "/" : "", name);
    add(c, severity, what, path, 0, NOTHING, NOTHING);
}

/* ---- trees ---- */

static void found_in_tree(void *user, const struct tree_finding *finding)
{
    struct check *c = user;
    char path[PATH_MAX];
    const char *file = NULL;
    uint64_t offset = 0;

    if (finding->err && finding->err->path[0]) { /* not always of the page that led there */
        file = finding->err->path;
        offset = finding->err->offset;
    } else if (finding->has_place) {
        struct pagefiles *files = &c->part->files;
        pagefiles_path(files, pagefiles_file_id(files, finding->place), path, sizeof(path));
        file = path;
        offset = pagefiles_offset(files, finding->place);
    }
    add(c, finding->is_note ? ELOQ_NOTE : ELOQ_DAMAGE, finding->what, file, offset, finding->from,
        finding->to);
}

static int check_trees(struct task *t, struct check *c)
{
    struct snapshot *snapshot = snapshot_ref(c->part->current);
    struct tree_stats stats = { 0 };

    if (snapshot->root[TREE_MAIN].n == NO_PAGE)
        note(c, ELOQ_NOTE, "partition is empty", "");
    int rc = tree_check(t, snapshot, found_in_tree, c, &stats);
    snapshot_unref(snapshot);
    if (c->archive == 0) {
        c->findings->counts.keys = stats.keys;
        c->findings->counts.pages =
            stats.leaves + stats.index_pages + stats.overflow_pages + stats.ttl_pages;
    }
    return rc;
}

/* ---- the manifest's tail ---- */

/* Whether [from, size) holds zeros alone: 1, 0, or a failure. */
static int is_zero(struct task *t, struct io *io, int fd, uint64_t from, uint64_t size,
                   const char *path)
{
    uint8_t *piece = arena_alloc(&t->arena, TAIL_PIECE);

    if (!piece)
        return task_no_memory(t);
    while (from < size) {
        int64_t got = io_read(t, io, fd, piece, TAIL_PIECE, from);
        if (got < 0)
            return io_fail(t, "read", got, path, from);
        if (got == 0)
            break;
        for (int64_t i = 0; i < got; i++)
            if (piece[i] != 0)
                return 0;
        from += (uint64_t)got;
    }
    return 1;
}

static int check_tail(struct task *t, struct check *c)
{
    struct io *io = c->shard->io;
    uint64_t end = manifest_log_end(c->part);
    uint64_t ours = MAX(end, c->part->ahead.manifest_ready); /* written ahead */
    char path[PATH_MAX];
    int rc = 0;

    part_source_path(c->part, path, sizeof(path));
    int fd = io_open_file(t, io, path, IO_OPEN_READ);
    if (fd < 0)
        return io_fail(t, "open", fd, path, 0);
    int64_t size = io_size(t, io, fd);
    if (c->part->commit_dropped)
        add(c, ELOQ_NOTE, "the last commit was dropped: its pages were not there", path, end,
            NOTHING, NOTHING);
    if (size < 0)
        rc = io_fail(t, "size", size, path, 0);
    else if ((uint64_t)size > ours && (rc = is_zero(t, io, fd, end, (uint64_t)size, path)) >= 0)
        add(c, ELOQ_NOTE, rc ? "manifest has a zero tail" : "manifest has a damaged tail", path,
            end, NOTHING, NOTHING);
    (void)io_close_file(t, io, fd); /* it was only read */
    return MIN(rc, ELOQ_OK);
}

/* ---- the files ---- */

struct used_files {
    struct bitset ids;
    uint32_t shift;
    bool no_memory;
};

static int use_file(void *user, struct page_id id, uint64_t value)
{
    struct used_files *used = user;

    (void)id;
    if ((value & 7) != MAPPING_TYPE_FILE_PAGE)
        return 0;
    uint64_t file_id = (value >> 3) >> used->shift;
    if (bitset_grow(&used->ids, file_id + 1) < 0) {
        used->no_memory = true;
        return 1;
    }
    bitset_add(&used->ids, file_id);
    return 0;
}

/* Data files that its pages are in: those that are not there. */
static int check_references(struct task *t, struct check *c)
{
    struct used_files used = { .shift = c->part->files.shift };
    char name[FILE_NAME_BYTES];

    bitset_init(&used.ids, &c->shard->store->mem, MEM_RESULTS);
    mapping_each(&c->part->current->map, use_file, &used);
    int rc =
        used.no_memory || bitset_grow(&c->needed, c->names.count) < 0 ? task_no_memory(t) : ELOQ_OK;
    for (size_t i = 0; i < c->names.count && rc == ELOQ_OK; i++) {
        struct file_name file = file_name_parse(c->names.names[i].name);
        if (file.kind != FILE_DATA || file.id >= used.ids.size || !bitset_has(&used.ids, file.id)
            || terms_get(&c->part->files.terms, file.id) != file.term)
            continue;
        bitset_remove(&used.ids, file.id);
        bitset_add(&c->needed, i);
    }
    uint64_t id = rc == ELOQ_OK ? bitset_next(&used.ids, 0) : BITSET_NONE;
    for (; id != BITSET_NONE; id = bitset_next(&used.ids, id + 1)) {
        file_name_data(name, id, terms_get(&c->part->files.terms, id));
        note(c, ELOQ_DAMAGE, "data file is missing", name);
    }
    bitset_free(&used.ids);
    return rc;
}

/* Data files that nothing needs. Of what cannot be read nobody knows what it needs. */
static void note_unreferenced(struct check *c)
{
    for (size_t i = 0; i < c->names.count && c->all_loaded; i++) {
        const char *name = c->names.names[i].name;
        if (file_name_parse(name).kind == FILE_DATA && !bitset_has(&c->needed, i))
            note(c, ELOQ_NOTE, "data file is not referenced", name);
    }
}

static int look_at_names(struct task *t, struct check *c)
{
    int rc = io_list(t, c->shard->io, c->dir, &c->names);
    c->has_dir = rc != -ENOENT;
    if (rc < 0)
        return c->has_dir ? io_fail(t, "list", rc, c->dir, 0) : ELOQ_OK;
    for (size_t i = 0; i < c->names.count; i++) {
        const char *name = c->names.names[i].name;
        struct file_name file = file_name_parse(name);
        if (file.kind == FILE_TMP)
            note(c, ELOQ_NOTE, "temporary file", name);
        else if (file.kind == FILE_OTHER)
            note(c, ELOQ_NOTE, "unknown file", name);
    }
    return ELOQ_OK;
}

/* ---- all of it ---- */

static int check_loaded(struct task *t, struct check *c)
{
    TRY(check_tail(t, c));
    TRY(check_references(t, c));
    return check_trees(t, c);
}

/* The state that this environment opens: ELOQ_NOT_FOUND when there is none. */
static int check_opened(struct task *t, struct check *c, struct part_env *env, eloq_part part)
{
    int rc = part_open(t, env, part.table, part.partition, false, &c->part);

    if (rc == ELOQ_CORRUPTED) {
        c->all_loaded = false;
        add(c, ELOQ_DAMAGE, t->err.text, t->err.path[0] ? t->err.path : c->dir, t->err.offset,
            NOTHING, NOTHING);
        return ELOQ_OK;
    }
    if (rc != ELOQ_OK)
        return rc;
    rc = check_loaded(t, c);
    part_close(t, c->part);
    return rc;
}

/* The state that is open, or an archive, as one who only reads opens it: nothing on the disk
 * changes beside the partition that is loaded. */
static int check_state(struct task *t, struct check *c, uint64_t archive, eloq_part part)
{
    struct part_env *env = arena_copy(&t->arena, &c->shard->env, sizeof(*env));

    if (!env)
        return task_no_memory(t);
    if (archive != 0)
        env->as_of = archive;
    env->read_only = true;
    env->wants_maintenance = NULL;
    memset(env->pages_read, 0, sizeof(env->pages_read));
    c->archive = archive;
    int rc = check_opened(t, c, env, part);
    c->archive = 0;
    for (int type = 0; type < PAGE_TYPES; type++) /* others have read meanwhile */
        c->shard->env.pages_read[type] += env->pages_read[type];
    return rc;
}

static int check_archives(struct task *t, struct check *c, eloq_part part)
{
    int rc = ELOQ_OK;

    for (size_t i = 0; i < c->names.count && rc == ELOQ_OK; i++) {
        struct file_name file = file_name_parse(c->names.names[i].name);
        if (file.kind != FILE_ARCHIVE)
            continue;
        rc = check_state(t, c, file.timestamp, part);
        if (rc == ELOQ_NOT_FOUND) /* another owner's: not known by this name */
            rc = ELOQ_OK;
    }
    return rc;
}

/* A commit that was acknowledged here is one: whoever opens the partition beside, or after us, is
 * not to ask for its pages again. */
static int seal_loaded(struct task *t, struct shard *s, eloq_part part)
{
    struct part *p = part_table_peek(&s->parts, part.table, part.partition);

    if (!p || s->env.read_only || p->found_unsynced || p->unknown || p->broken)
        return ELOQ_OK;
    TRY(part_table_acquire(t, &s->parts, part.table, part.partition, false, &p));
    int rc = manifest_log_seal(t, p);
    part_table_release(&s->parts, p);
    return rc;
}

static int check_partition(struct task *t, struct check *c, eloq_part part)
{
    struct part_env *env = &c->shard->env;

    int rc = look_at_names(t, c);
    if (rc != ELOQ_OK)
        return rc;
    rc = seal_loaded(t, c->shard, part);
    if (rc == ELOQ_OK)
        rc = check_state(t, c, 0, part);
    if (rc == ELOQ_NOT_FOUND && c->has_dir && env->as_of == 0) {
        note(c, ELOQ_NOTE, "first commit did not finish", "");
        return ELOQ_OK;
    }
    if (rc == ELOQ_OK && env->append && env->as_of == 0)
        rc = check_archives(t, c, part);
    if (rc == ELOQ_OK && env->as_of == 0)
        note_unreferenced(c);
    return rc;
}

static int finish(struct task *t, struct check *c, struct request *r, int rc)
{
    struct findings *f = c->findings;

    if (rc < 0 || rc == ELOQ_NOT_FOUND) {
        findings_free(f);
        return rc;
    }
    if (r->ask.check.ret)
        *r->ask.check.ret = f->counts;
    r->delivery = &f->delivery;
    if (f->no_memory)
        return task_no_memory(t);
    if (f->counts.damages == 0)
        return ELOQ_OK;
    return task_fail(t, ELOQ_CORRUPTED, "check found %" PRIu64 " damages", f->counts.damages);
}

int run_check(struct task *t, struct shard *s, struct request *r)
{
    struct eloq_store *store = s->store;
    eloq_part part = r->ask.part;
    struct check c = { .shard = s, .all_loaded = true };

    c.dir = store_files_part_dir(&store->files, part, &t->arena);
    if (!c.dir || !(c.findings = findings_new(store, r)))
        return task_no_memory(t);
    io_names_init(&c.names, &store->mem);
    bitset_init(&c.needed, &store->mem, MEM_RESULTS);
    int rc = check_partition(t, &c, part);
    bitset_free(&c.needed);
    io_names_free(&c.names);
    return finish(t, &c, r, rc);
}
