/* part/manifest_log.c -- a partition's manifest file: append a record, replace the file, repair. */
#include "part/manifest_log.h"

#include <limits.h>

#include "base/check.h"
#include "file/whole.h"

static void give_room(struct part_env *env)
{
    env->manifest_fds--;
    if (env->manifest_fds_max != 0)
        wait_wake_one(&env->manifest_room);
}

/* Room for one more descriptor, which is counted from then on. */
static void take_room(struct task *t, struct part_env *env)
{
    while (env->manifest_fds_max != 0 && env->manifest_fds >= env->manifest_fds_max) {
        struct list *idle = list_first(&env->manifests_idle);
        if (idle)
            manifest_log_close(t, container_of(idle, struct part, manifest_idle));
        else
            wait_on(t, &env->manifest_room);
    }
    env->manifest_fds++;
}

/* Opens it into p->manifest_fd; `path` is scratch of PATH_MAX bytes. */
static int open_at(struct task *t, struct part *p, char *path)
{
    part_manifest_path(p, path, PATH_MAX);
    list_remove(&p->manifest_idle); /* from here on it is used */
    if (p->manifest_fd >= 0)
        return ELOQ_OK;
    take_room(t, p->env);
    int fd = io_open_file(t, p->env->io, path, IO_OPEN_WRITE);
    if (fd < 0) {
        int rc = io_fail(t, "open", fd, path, 0);
        err_part(&t->err, p->table, p->partition);
        give_room(p->env);
        return rc;
    }
    p->manifest_fd = fd;
    return ELOQ_OK;
}

void manifest_log_rest(struct part *p)
{
    struct part_env *env = p->env;

    if (p->manifest_fd < 0 || env->manifest_fds_max == 0 || !list_empty(&p->manifest_idle))
        return;
    list_push_back(&env->manifests_idle, &p->manifest_idle);
    wait_wake_one(&env->manifest_room);
}

int manifest_log_open(struct task *t, struct part *p)
{
    char path[PATH_MAX];

    return open_at(t, p, path);
}

void manifest_log_close(struct task *t, struct part *p)
{
    struct part_env *env = p->env;
    int fd = p->manifest_fd;

    if (fd < 0)
        return;
    list_remove(&p->manifest_idle);
    p->manifest_fd = -1;
    io_close_file(t, env->io, fd); /* p may be gone afterwards */
    give_room(env);
}

static uint64_t new_manifest_id(struct part *p)
{
    uint64_t id;

    do
        id = rand_u64(p->env->rand);
    while (id == 0);
    return id;
}

static int fail_encoding(struct task *t, struct part *p, int rc)
{
    if (rc == ELOQ_NO_MEMORY)
        return task_no_memory(t);
    return part_fail(t, p, rc, "manifest record too large");
}

static int fail_io(struct task *t, struct part *p, const char *verb, int64_t result,
                   const char *path, uint64_t offset)
{
    int rc = io_fail(t, verb, result, path, offset);

    err_part(&t->err, p->table, p->partition);
    return rc;
}

/* The pages it vouches for are flushed at the same time. */
static int sync_record(struct task *t, struct part *p, bool joint, const char *path)
{
    int64_t result;

    if (joint)
        TRY(pagefiles_sync_beside(t, &p->files, p->manifest_fd, &result));
    else
        result = io_sync(t, p->env->io, p->manifest_fd);
    return result < 0 ? fail_io(t, p, "fdatasync", result, path, p->manifest_end) : ELOQ_OK;
}

/* Writes a record at the end and makes it durable. */
static int write_record(struct task *t, struct part *p, const struct bytes *record, bool joint)
{
    char path[PATH_MAX];
    struct io *io = p->env->io;

    TRY(open_at(t, p, path));
    ahead_await_manifest(t, p, p->manifest_end + record->size);
    p->unknown = true; /* from here on, unless all goes well */
    int64_t put = io_write(t, io, p->manifest_fd, record->data, record->size, p->manifest_end);
    int rc = put < 0 ? fail_io(t, p, "write", put, path, p->manifest_end)
                     : sync_record(t, p, joint, path);
    manifest_log_rest(p);
    if (rc == ELOQ_OK)
        p->unknown = false;
    return rc;
}

/* The record that follows the last one. The caller frees it. */
static int encode_next(struct task *t, struct part *p, struct manifest_log *next,
                       struct bytes *ret_record, uint64_t *ret_checksum)
{
    next->sequence = p->sequence;
    next->sequence.number++;
    if (next->sequence.manifest_id == 0) /* somebody else's manifest: ours begins here */
        next->sequence = (struct manifest_sequence){ new_manifest_id(p), 1 };
    next->previous_checksum = p->last_checksum;
    bytes_init(ret_record, p->env->mem, MEM_OTHER);
    int rc = manifest_encode_log(ret_record, next, ret_checksum);
    return rc < 0 ? fail_encoding(t, p, rc) : ELOQ_OK;
}

int manifest_log_append(struct task *t, struct part *p, const struct manifest_log *log)
{
    struct manifest_log next = *log;
    struct bytes record;
    uint64_t checksum;

    CHECK(p->manifest_end > 0 && !p->unknown && !p->found_unsynced);
    int rc = encode_next(t, p, &next, &record, &checksum);
    if (rc == ELOQ_OK)
        rc = write_record(t, p, &record, log->page_sums != NULL);
    if (rc == ELOQ_OK) {
        p->manifest_end += record.size;
        p->last_checksum = checksum;
        p->sequence = next.sequence;
        p->last_joint = log->page_sums != NULL;
        p->sealed = false;
        p->env->manifest_appends++;
        p->env->manifest_bytes += record.size;
    }
    bytes_free(&record);
    return rc;
}

static struct manifest_log empty_log(const struct part *p)
{
    const struct snapshot *s = p->current;

    return (struct manifest_log){ .root = { s->root[TREE_MAIN], s->root[TREE_TTL] } };
}

int manifest_log_seal(struct task *t, struct part *p)
{
    struct manifest_log seal = empty_log(p);

    return p->last_joint ? manifest_log_append(t, p, &seal) : ELOQ_OK;
}

void manifest_log_rest_sealed(struct task *t, struct part *p)
{
    struct manifest_log seal = empty_log(p);
    struct err before = t->err;
    struct bytes record;
    uint64_t checksum;

    if (!p->last_joint || p->sealed || p->unknown || p->broken || p->found_unsynced)
        return;
    if (encode_next(t, p, &seal, &record, &checksum) == ELOQ_OK
        && manifest_log_open(t, p) == ELOQ_OK) {
        CHECK(record.size == RECORD_ALIGN);
        ahead_await_manifest(t, p, p->manifest_end + record.size);
        p->sealed =
            io_write(t, p->env->io, p->manifest_fd, record.data, record.size, p->manifest_end) >= 0;
        manifest_log_rest(p);
    }
    bytes_free(&record);
    t->err = before;
}

int manifest_log_wipe(struct task *t, struct part *p, uint64_t at, uint64_t end)
{
    struct bytes zeros;
    char path[PATH_MAX];

    bytes_init(&zeros, p->env->mem, MEM_OTHER);
    bytes_add_zeros(&zeros, (size_t)(end - at));
    int rc = zeros.failed ? task_no_memory(t) : open_at(t, p, path);
    if (rc == ELOQ_OK) {
        int64_t put = io_write(t, p->env->io, p->manifest_fd, zeros.data, zeros.size, at);
        int synced = put < 0 ? 0 : io_sync(t, p->env->io, p->manifest_fd);
        if (put < 0)
            rc = fail_io(t, p, "write", put, path, at);
        else if (synced < 0)
            rc = fail_io(t, p, "fdatasync", synced, path, at);
        manifest_log_rest(p);
    }
    bytes_free(&zeros);
    return rc;
}

static int each_value(const void *user, int (*f)(void *out, struct page_id id, uint64_t value),
                      void *out)
{
    return mapping_each(user, f, out);
}

int manifest_log_encode(struct task *t, struct part *p, const struct snapshot *s,
                        struct manifest_image *ret)
{
    struct manifest_snapshot image = {
        .root = { s->root[TREE_MAIN], s->root[TREE_TTL] },
        .max_place = p->falloc.next,
        .dict = s->dict ? s->dict->bytes : NULL,
        .dict_size = s->dict ? s->dict->size : 0,
        /* Of an empty partition the free ids need not be kept. */
        .page_count = s->map.mapped_count > 0 ? s->map.page_count : 0,
        .each_value = each_value,
        .terms = &p->files.terms,
        .file_count = (p->falloc.next >> p->files.shift) + 1,
        .manifest_term = p->manifest_term,
        .sequence = { new_manifest_id(p), 0 },
    };
    struct mapping listed = s->map;

    listed.page_count = image.page_count;
    image.each_user = &listed;
    ret->sequence = image.sequence;
    ret->file_count = image.file_count;
    bytes_init(&ret->record, p->env->mem, MEM_OTHER);
    int rc = manifest_encode_snapshot(&ret->record, &image, &ret->checksum);
    return rc < 0 ? fail_encoding(t, p, rc) : ELOQ_OK;
}

static int replace(struct task *t, struct part *p, const struct manifest_image *image)
{
    uint64_t size = image->record.size;
    char path[PATH_MAX];
    bool unknown = false;

    ahead_hold(t, p);
    manifest_log_close(t, p);
    part_manifest_path(p, path, sizeof(path));
    part_brief_begin(t, p->env);
    int rc = whole_replace(t, p->env->io, p->files.dir, path, image->record.data, size, &unknown);
    part_brief_end(p->env);
    p->ahead.manifest_ready = p->ahead.record_end = 0;
    ahead_let_go(p);
    if (rc == ELOQ_OK) {
        p->manifest_end = size;
        p->snapshot_bytes = size;
        p->last_checksum = image->checksum;
        p->sequence = image->sequence;
        p->terms_listed = image->file_count;
        p->last_joint = p->sealed = false;
        p->unknown = false;
        p->env->manifest_switches++;
        p->env->manifest_bytes += size;
    } else {
        p->unknown |= unknown;
        err_part(&t->err, p->table, p->partition);
    }
    return rc;
}

int manifest_log_replace(struct task *t, struct part *p, const struct snapshot *s)
{
    struct manifest_image image;

    int rc = manifest_log_encode(t, p, s, &image);
    if (rc == ELOQ_OK)
        rc = replace(t, p, &image);
    bytes_free(&image.record);
    return rc;
}

bool manifest_log_must_replace(const struct part *p, size_t change_count, size_t term_count)
{
    uint64_t limit = MAX(p->env->manifest_limit, 2 * p->snapshot_bytes);

    return p->manifest_end == 0
           || p->manifest_end + manifest_log_bytes_max(change_count, term_count) > limit;
}

static bool can_pass(int code)
{
    return err_retryable(code) || code == ELOQ_NO_SPACE || code == ELOQ_NO_MEMORY;
}

int manifest_log_repair(struct task *t, struct part *p)
{
    CHECK(p->unknown && !p->broken);
    /* Whatever failed concerned pages that the current snapshot does not use; those it does use
     * were flushed when they were committed. */
    p->files.sync_failed = false;
    int rc = part_sync_pages(t, p);
    if (rc == ELOQ_OK)
        rc = manifest_log_replace(t, p, p->current);
    if (rc < 0 && !can_pass(rc))
        p->broken = true;
    return rc;
}
