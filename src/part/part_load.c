/* part/part_load.c -- a partition's state from its manifest on disk. */
#include "part/part_load.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "coro/sched.h"
#include "file/name.h"
#include "file/whole.h"
#include "part/last_commit.h"
#include "part/manifest_log.h"

#define STEP 16384 /* pages between two yields */
#define PLACES_MANY (UINT64_C(1) << 20)
#define ARCHIVE_START 64 /* bytes that tell two archives apart */
#define ARCHIVE_TRIES 8

static bool is_mapped(uint64_t value)
{
    return (value & 7) == MAPPING_TYPE_FILE_PAGE;
}

void part_source_path(const struct part *p, char *path, size_t size)
{
    char name[FILE_NAME_BYTES];

    if (p->env->as_of == 0) {
        part_manifest_path(p, path, size);
        return;
    }
    file_name_archive(name, p->manifest_term, p->env->as_of);
    snprintf(path, size, "%s/%s", p->files.dir, name);
}

/* Fails with words naming the partition, and with the manifest and an offset in it. */
static int fail_at(struct task *t, struct part *p, uint64_t offset, const char *what)
{
    char path[PATH_MAX];

    part_source_path(p, path, sizeof(path));
    task_fail(t, ELOQ_CORRUPTED, "damaged manifest: %s table=%s partition=%u offset=%" PRIu64, what,
              p->table, p->partition, offset);
    err_place(&t->err, path, offset);
    err_part(&t->err, p->table, p->partition);
    return ELOQ_CORRUPTED;
}

/* Opens an archive, if it is there, and keeps it from being removed or replaced. */
static int lock_archive(struct task *t, struct part *p, const char *path)
{
    struct io *io = p->env->io;
    int fd = io_open_file(t, io, path, IO_OPEN_READ);

    if (fd == -ENOENT)
        return ELOQ_OK;
    if (fd < 0)
        return io_fail(t, "open", fd, path, 0);
    int rc = io_lock(t, io, fd, IO_LOCK_SHARED);
    if (rc < 0) {
        io_close_file(t, io, fd);
        return io_fail(t, "lock", rc, path, 0);
    }
    p->archive_fd = fd;
    return ELOQ_OK;
}

/* Whether the locked file is the one that was read by its name: between its opening and its locking
 * it may have been replaced. Each archive of ours begins with a checksum over a random number. */
static int is_locked_one(struct task *t, struct part *p, const char *path, const struct bytes *file)
{
    uint8_t start[ARCHIVE_START];
    int64_t got = io_read(t, p->env->io, p->archive_fd, start, sizeof(start), 0);

    if (got < 0)
        return io_fail(t, "read", got, path, 0);
    return (size_t)got == MIN(file->size, sizeof(start))
           && memcmp(start, file->data, (size_t)got) == 0;
}

static int read_archive(struct task *t, struct part *p, const char *path, struct bytes *ret)
{
    for (int tries = 0; tries < ARCHIVE_TRIES; tries++) {
        TRY(lock_archive(t, p, path));
        if (p->archive_fd < 0)
            return ELOQ_NOT_FOUND;
        int rc = whole_read(t, p->env->io, path, ret);
        if (rc != ELOQ_OK)
            return rc;
        rc = is_locked_one(t, p, path, ret);
        if (rc != 0)
            return MIN(rc, ELOQ_OK);
        io_close_file(t, p->env->io, p->archive_fd);
        p->archive_fd = -1;
    }
    return part_fail(t, p, ELOQ_BUSY, "the archive is being replaced all the time");
}

/* A partition without a directory was never written, unless the whole store path is gone. */
static int check_store_path(struct task *t, struct part *p)
{
    struct io *io = p->env->io;
    int fd = io_open_file(t, io, p->files.parent, IO_OPEN_READ | IO_OPEN_DIRECTORY);

    if (fd < 0)
        return io_fail(t, "open", fd, p->files.parent, 0);
    io_close_file(t, io, fd);
    return ELOQ_NOT_FOUND;
}

/* There is no manifest: ELOQ_NOT_FOUND if there need not be one, else it is damage. */
static int check_absent(struct task *t, struct part *p)
{
    char manifest[FILE_NAME_BYTES], marker[FILE_NAME_BYTES + sizeof(".tmp")];
    struct io_names names;
    bool has_data = false, has_archive = false, has_marker = false;

    file_name_manifest(manifest, p->manifest_term);
    snprintf(marker, sizeof(marker), "%s.tmp", manifest);
    io_names_init(&names, p->env->mem);
    int rc = io_list(t, p->env->io, p->files.dir, &names);
    if (rc == -ENOENT)
        rc = check_store_path(t, p);
    else if (rc < 0)
        rc = io_fail(t, "list", rc, p->files.dir, 0);
    else
        rc = ELOQ_NOT_FOUND;
    for (size_t i = 0; i < names.count; i++) {
        struct file_name name = file_name_parse(names.names[i].name);
        has_marker |= strcmp(names.names[i].name, marker) == 0;
        has_archive |= name.kind == FILE_ARCHIVE;
        has_data |= name.kind == FILE_DATA;
    }
    io_names_free(&names);
    if (rc == ELOQ_NOT_FOUND && (has_archive || (has_data && !has_marker)))
        rc = fail_at(t, p, 0, "manifest missing");
    return rc;
}

static uint64_t first_not_listed(const struct manifest_state *s)
{
    uint64_t id = 0;

    while (id < s->listed_count && s->listed[id] == id)
        id++;
    return id;
}

/* One page of the table: into the mapping, or to the free ids; its place is in use. */
static int load_page(struct task *t, struct part *p, const struct manifest_state *s,
                     struct mapping_edit *edit, uint32_t id, uint64_t *listed_file)
{
    uint64_t value = s->values[id];
    struct file_page place = file_page(value >> 3), old;
    uint64_t born;
    bool had;

    if (!is_mapped(value)) {
        bitset_add(&p->free_ids, id);
        return ELOQ_OK;
    }
    uint64_t file_id = pagefiles_file_id(&p->files, place);
    if (file_id != *listed_file && !manifest_state_lists(s, file_id))
        return fail_at(t, p, 0, "a page lies in a file without a term");
    *listed_file = file_id;
    int rc = mapping_edit_set(edit, page_id(id), place, &had, &old, &born);
    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    if (rc < 0)
        return fail_at(t, p, 0, "a page's id or place is out of range");
    if (!p->falloc.append && !falloc_use(&p->falloc, place))
        return fail_at(t, p, 0, "two pages in one place");
    if (p->falloc.append) {
        if (usage_reserve(&p->usage, place) < 0)
            return task_no_memory(t);
        usage_add(&p->usage, place, page_id(id));
    }
    return ELOQ_OK;
}

/* Behind the last page. */
static uint64_t used_end(struct task *t, const struct manifest_state *s)
{
    uint64_t end = 0;

    for (uint32_t id = 0; id < s->page_count; id++) {
        if (is_mapped(s->values[id]))
            end = MAX(end, (s->values[id] >> 3) + 1);
        if (id % STEP == STEP - 1)
            task_yield(t);
    }
    return end;
}

/* In place each place below the next one costs a bit, and the manifest may name any. Those behind
 * the last page and the last file are nowhere: they need not be known. */
static int find_next_place(struct task *t, struct part *p, const struct manifest_state *s)
{
    struct io_names names;
    uint64_t end = used_end(t, s);

    p->falloc.next = s->max_place;
    if (p->env->append || s->max_place < end || s->max_place - end < PLACES_MANY)
        return ELOQ_OK;
    io_names_init(&names, p->env->mem);
    int rc = io_list(t, p->env->io, p->files.dir, &names);
    for (size_t i = 0; i < names.count; i++) {
        struct file_name name = file_name_parse(names.names[i].name);
        if (name.kind == FILE_DATA && name.id < FILE_PAGE_END_IN_PLACE >> p->files.shift)
            end = MAX(end, (name.id + 1) << p->files.shift);
    }
    io_names_free(&names);
    p->falloc.next = MIN(s->max_place, end);
    return rc < 0 ? io_fail(t, "list", rc, p->files.dir, 0) : ELOQ_OK;
}

/* Mapping, free ids and allocator. Yields, since a table may have many millions of pages. */
static int load_table(struct task *t, struct part *p, const struct manifest_state *s)
{
    struct snapshot *snap = p->current;
    struct mapping_edit edit;
    uint64_t listed_file = UINT64_MAX;
    int rc = ELOQ_OK;

    if (!p->env->append && s->max_place > FILE_PAGE_END_IN_PLACE)
        return fail_at(t, p, 0, "too many file pages for in-place mode");
    TRY(find_next_place(t, p, s));
    if (!p->env->append && falloc_free_all(&p->falloc) < 0)
        return task_no_memory(t);
    if (bitset_grow(&p->free_ids, s->page_count) < 0)
        return task_no_memory(t);
    mapping_edit_begin(&edit, p->env->mem, &snap->map, snap->version);
    for (uint32_t id = 0; id < s->page_count && rc == ELOQ_OK; id++) {
        rc = load_page(t, p, s, &edit, id, &listed_file);
        if (id % STEP == STEP - 1)
            task_yield(t);
    }
    if (rc == ELOQ_OK) /* trailing free ids */
        edit.map.page_count = s->page_count;
    CHECK(!edit.replaced);
    snap->map = edit.map;
    return rc;
}

static int load_state(struct task *t, struct part *p, struct manifest_state *s)
{
    struct snapshot *snap = p->current;

    TRY(load_table(t, p, s));
    if (s->dict_size > 0) {
        snap->dict = dict_new(p->env->mem, s->dict, s->dict_size);
        if (!snap->dict)
            return task_no_memory(t);
    }
    snap->root[TREE_MAIN] = s->root[TREE_MAIN];
    snap->root[TREE_TTL] = s->root[TREE_TTL];

    /* The files' terms change hands. */
    terms_free(&p->files.terms);
    p->files.terms = s->terms;
    terms_init(&s->terms, p->env->mem);

    p->manifest_end = s->valid_end;
    p->snapshot_bytes = s->snapshot_bytes;
    p->found_at = s->last_at;
    p->last_checksum = s->last_checksum;
    p->sequence = s->sequence;
    p->terms_listed = first_not_listed(s);
    p->padding_missing = s->padding_missing;
    p->found_unsynced = true;
    p->orphans_pending = true;
    p->last_joint = s->last_pages != NULL;
    p->found_pages = s->last_pages;
    p->found_page_count = s->last_page_count;
    s->last_pages = NULL;
    p->tail_dropped = s->damaged_tail_at != UINT64_MAX;
    if (s->damaged_tail_at != UINT64_MAX) {
        p->env->manifest_tails_dropped++;
        log_limited(p->env->log, &p->env->said.tail, t->sched->clock, ELOQ_LOG_WARNING,
                    "manifest tail dropped: a commit that did not finish table=%s partition=%u "
                    "offset=%" PRIu64,
                    p->table, p->partition, s->damaged_tail_at);
    }
    return ELOQ_OK;
}

/* Memory did not suffice: how much it takes, at least, and how much there may be. */
static int fail_large(struct task *t, struct part *p, uint64_t file_bytes, uint64_t page_count)
{
    uint64_t nodes = page_count / MAPPING_FANOUT + 1;
    uint64_t bytes =
        file_bytes + page_count * sizeof(uint64_t) + nodes * sizeof(struct mapping_node);
    const struct mem *m = p->env->mem;

    return task_fail(t, ELOQ_NO_MEMORY,
                     "not enough memory to load a partition: it takes %" PRIu64
                     " bytes, memory_bytes is %" PRIu64 ", in use are %" PRIu64
                     " table=%s partition=%u",
                     bytes, m->limit, atomic_load_explicit(&m->total, memory_order_relaxed),
                     p->table, p->partition);
}

/* The file alone does not fit. */
static int fail_large_file(struct task *t, struct part *p, const char *path)
{
    int fd = io_open_file(t, p->env->io, path, IO_OPEN_READ);
    int64_t size = fd < 0 ? 0 : io_size(t, p->env->io, fd);

    if (fd >= 0)
        io_close_file(t, p->env->io, fd);
    return fail_large(t, p, size > 0 ? (uint64_t)size : 0, 0);
}

static int fail_replay(struct task *t, struct part *p, const struct manifest_state *s, int rc)
{
    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    return fail_at(t, p, s->error_at, s->error ? s->error : "not readable");
}

/* The last record was flushed together with its pages. If one of them is not there, it never was a
 * commit: the state is the one before, and the record goes, before anybody is answered, since what
 * was read may read otherwise the next time. The one before is not asked the same: it was
 * acknowledged before the first page of this one was written. */
static int settle_last(struct task *t, struct part *p, const struct bytes *file,
                       struct manifest_state *s)
{
    uint64_t at = s->last_at, end = s->valid_end;

    p->files.terms = s->terms; /* lent: they tell the files' names */
    int rc = last_commit_check(t, p, s->last_pages, s->last_page_count);
    terms_init(&p->files.terms, p->env->mem);
    if (rc <= 0)
        return rc;
    if (!p->env->read_only)
        TRY(manifest_log_wipe(t, p, at, end));
    manifest_state_free(s);
    rc = manifest_replay(s, file->data, (size_t)at, !p->env->append);
    if (rc < 0)
        return fail_replay(t, p, s, rc);
    s->damaged_tail_at = at;
    p->commit_dropped = true;
    s->last_page_count = 0;
    return ELOQ_OK;
}

static int load_bytes(struct task *t, struct part *p, const struct bytes *file)
{
    struct manifest_state state;

    manifest_state_init(&state, p->env->mem);
    int rc = manifest_replay(&state, file->data, file->size, !p->env->append);
    if (rc < 0)
        rc = fail_replay(t, p, &state, rc);
    if (rc == ELOQ_OK && state.last_pages)
        rc = settle_last(t, p, file, &state);
    if (rc == ELOQ_OK)
        rc = load_state(t, p, &state);
    if (rc == ELOQ_NO_MEMORY)
        fail_large(t, p, file->size, state.page_count);
    manifest_state_free(&state);
    return rc;
}

int part_load(struct task *t, struct part *p)
{
    struct arena_mark mark = arena_mark(&t->arena);
    char *path = arena_alloc(&t->arena, PATH_MAX);
    struct bytes file;

    if (!path)
        return task_no_memory(t);
    part_source_path(p, path, PATH_MAX);
    bytes_init(&file, p->env->mem, MEM_MAPPING);
    part_brief_begin(t, p->env);
    int rc =
        p->env->as_of ? read_archive(t, p, path, &file) : whole_read(t, p->env->io, path, &file);
    if (rc == ELOQ_NO_MEMORY)
        fail_large_file(t, p, path);
    if (rc == ELOQ_NOT_FOUND && p->env->as_of == 0)
        rc = check_absent(t, p);
    part_brief_end(p->env);
    if (rc == ELOQ_OK)
        rc = load_bytes(t, p, &file);
    bytes_free(&file);
    arena_reset(&t->arena, mark);
    if (rc < 0)
        err_part(&t->err, p->table, p->partition);
    return rc;
}
