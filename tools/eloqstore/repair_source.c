/* eloqstore/repair_source.c -- the damaged store: its format, its lock, its partitions, its pages.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/options.h"
#include "inspect.h"
#include "page/page.h"
#include "repair.h"

/* Shared, as a reader's: a live writer must not change what is being looked at. */
static int lock(struct repair *r, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0
                               : cli_fail(CLI_FAILED, "cannot open %s: %s", path, strerror(errno));
    bytes_add(&r->locks, &fd, sizeof(fd));
    if (r->locks.failed) {
        close(fd);
        return cli_fail(CLI_FAILED, "out of memory");
    }
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return cli_fail(CLI_FAILED, "store is in use by a writer path=%s", path);
    return cli_fail(CLI_FAILED, "cannot lock %s: %s", path, strerror(errno));
}

/* As recorded, else as -o says, else the default. */
static int find_format(struct repair *r)
{
    struct cli *cli = r->cli;
    char path[REPAIR_PATH_BYTES];
    struct err e = { 0 };
    struct store_record record = { 0 };
    bool is_recorded = false;
    for (uint32_t i = 0; i < r->files.path_count && !is_recorded; i++) {
        struct bytes text;
        bytes_init(&text, &cli->mem, MEM_OTHER);
        snprintf(path, sizeof(path), "%s/.eloqstore/options", r->files.paths[i]);
        int rc = inspect_read_file(path, &text);
        is_recorded =
            rc == 0 && store_record_parse((const char *)text.data, text.size, &record, &e) == 0;
        if (!is_recorded)
            cli_fail(0, "%s cannot be used: %s", path, rc ? strerror(rc) : e.text);
        bytes_free(&text);
    }
    if (!is_recorded)
        cli_fail(0,
                 "the format is not known but by -o: options not given are taken as the default");
    else if (record.path_count != r->files.path_count)
        cli_fail(0, "the store has %" PRIu32 " directories, %" PRIu32 " were given",
                 record.path_count, r->files.path_count);
    int rc =
        options_format(&cli->options.format, is_recorded ? &record.format : NULL, &r->format, &e);
    return rc < 0 ? cli_fail(CLI_USAGE, "%s", e.text) : 0;
}

int repair_open_source(struct repair *r, const char *source)
{
    struct err e = { 0 };
    char path[REPAIR_PATH_BYTES];
    eloq_options options = ELOQ_OPTIONS(source);
    bytes_init(&r->locks, &r->cli->mem, MEM_OTHER);
    dict_context_init(&r->dicts, &r->cli->mem);
    if (store_files_init(&r->files, &r->cli->mem, &options, &e) < 0)
        return cli_fail(CLI_USAGE, "%s", e.text);
    int code = 0;
    for (uint32_t i = 0; i < r->files.path_count && code == 0; i++) {
        if (access(r->files.paths[i], F_OK) != 0)
            return cli_fail(CLI_FAILED, "cannot open %s: %s", r->files.paths[i], strerror(errno));
        code = lock(r, r->files.paths[i]);
        snprintf(path, sizeof(path), "%s/.eloqstore/lock", r->files.paths[i]);
        if (code == 0)
            code = lock(r, path);
    }
    return code == 0 ? find_format(r) : code;
}

void repair_close_source(struct repair *r)
{
    for (size_t i = 0; i < r->locks.size; i += sizeof(int)) {
        int fd;
        memcpy(&fd, r->locks.data + i, sizeof(fd));
        close(fd);
    }
    bytes_free(&r->locks);
    dict_context_deinit(&r->dicts);
    if (r->files.mem)
        store_files_deinit(&r->files);
}

int repair_opendir(const char *path, DIR **ret)
{
    *ret = opendir(path);
    return *ret || errno == ENOENT || errno == ENOTDIR
               ? 0
               : cli_fail(CLI_FAILED, "cannot list %s: %s", path, strerror(errno));
}

int salvage_init(struct salvage *s, struct repair *r, const char *dir, eloq_part part)
{
    struct mem *mem = &r->cli->mem;
    size_t page_bytes = r->format.data_page_size;
    *s = (struct salvage){ .repair = r, .part = part, .fd = -1 };
    snprintf(s->dir, sizeof(s->dir), "%s", dir);
    manifest_state_init(&s->state, mem);
    bitset_init(&s->seen, mem, MEM_OTHER);
    arena_init(&s->lost.arena, mem);
    bytes_init(&s->stored, mem, MEM_OTHER);
    bytes_init(&s->plain, mem, MEM_OTHER);
    s->page = mem_alloc(mem, MEM_OTHER, 5 * page_bytes);
    if (!s->page)
        return cli_fail(CLI_FAILED, "out of memory");
    s->overflow = s->page + page_bytes;
    s->key = s->overflow + page_bytes;
    s->key2 = s->key + page_bytes;
    return 0;
}

void salvage_deinit(struct salvage *s)
{
    struct mem *mem = &s->repair->cli->mem;
    if (s->fd >= 0)
        close(s->fd);
    manifest_state_free(&s->state);
    bitset_free(&s->seen);
    dict_unref(s->dict);
    arena_free(&s->lost.arena);
    mem_free(mem, s->lost.items);
    mem_free(mem, s->gaps.items);
    mem_free(mem, s->page);
    bytes_free(&s->stored);
    bytes_free(&s->plain);
}

/* Replays the manifest, or as much of it as comes before the damage. */
static int replay(struct salvage *s, const char *path, const struct bytes *file, bool *ret_ok)
{
    struct mem *mem = &s->repair->cli->mem;
    bool in_place = s->repair->format.data_append_mode == 0;
    int rc = manifest_replay(&s->state, file->data, file->size, in_place);
    uint64_t bad_at = s->state.error_at;
    if (rc == ELOQ_CORRUPTED) {
        cli_fail(0, "damaged manifest: %s file=%s offset=%" PRIu64,
                 s->state.error ? s->state.error : "not readable", path, bad_at);
        manifest_state_free(&s->state);
        manifest_state_init(&s->state, mem);
        if (bad_at > 0) {
            cli_fail(0, "%s: taken up to offset %" PRIu64 ": what was committed later is missing",
                     path, bad_at);
            rc = manifest_replay(&s->state, file->data, (size_t)bad_at, in_place);
            s->is_behind = true;
        }
    } else if (rc == ELOQ_OK && s->state.damaged_tail_at != UINT64_MAX) {
        cli_fail(0,
                 "%s: damaged after offset %" PRIu64
                 ": a commit that did not finish, or the last one",
                 path, s->state.damaged_tail_at);
        s->is_behind = true;
    }
    *ret_ok = rc == ELOQ_OK;
    return rc == ELOQ_NO_MEMORY ? cli_fail(CLI_FAILED, "out of memory") : 0;
}

int salvage_load(struct salvage *s, bool *ret_has_mapping)
{
    struct mem *mem = &s->repair->cli->mem;
    char path[REPAIR_PATH_BYTES + FILE_NAME_BYTES];
    struct bytes file;
    bool ok = false;
    bytes_init(&file, mem, MEM_OTHER);
    snprintf(path, sizeof(path), "%s/manifest_0", s->dir);
    int rc = inspect_read_file(path, &file);
    int code = 0;
    if (rc == ENOMEM)
        code = cli_fail(CLI_FAILED, "out of memory");
    else if (rc != 0)
        cli_fail(0, "cannot read %s: %s", path, strerror(rc));
    else
        code = replay(s, path, &file, &ok);
    bytes_free(&file);
    if (code == 0 && ok && bitset_grow(&s->seen, s->state.page_count) < 0)
        code = cli_fail(CLI_FAILED, "out of memory");
    if (code == 0 && ok && s->state.dict_size > 0) {
        s->dict = dict_new(mem, s->state.dict, s->state.dict_size);
        if (!s->dict)
            code = cli_fail(CLI_FAILED, "out of memory");
    }
    *ret_has_mapping = ok;
    return code;
}

/* The file stays open for the next page. PAGE_IS_BAD: it is not there. */
static enum page_state open_file(struct salvage *s, const char *name)
{
    char path[REPAIR_PATH_BYTES + FILE_NAME_BYTES];
    if (s->fd >= 0 && strcmp(s->fd_name, name) == 0)
        return PAGE_IS_GOOD;
    if (s->fd >= 0)
        close(s->fd);
    snprintf(s->fd_name, sizeof(s->fd_name), "%s", name);
    snprintf(path, sizeof(path), "%s/%s", s->dir, name);
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd >= 0)
        return PAGE_IS_GOOD;
    if (errno == ENOENT || errno == EIO)
        return PAGE_IS_BAD;
    cli_fail(0, "cannot open %s: %s", path, strerror(errno));
    return PAGE_FAILED;
}

enum page_state salvage_read_file(struct salvage *s, const char *name, uint64_t index,
                                  uint8_t *data)
{
    uint32_t page_bytes = s->repair->format.data_page_size;
    enum page_state state = open_file(s, name);
    if (state != PAGE_IS_GOOD)
        return state;
    size_t done = 0;
    while (done < page_bytes) {
        ssize_t n =
            pread(s->fd, data + done, page_bytes - done, (off_t)(index * page_bytes + done));
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return PAGE_IS_BAD;
    }
    return page_verify(data, page_bytes) ? PAGE_IS_GOOD : PAGE_IS_BAD;
}

enum page_state salvage_read(struct salvage *s, struct page_id id, enum page_type type,
                             enum page_type or_type, uint8_t *data)
{
    uint32_t shift = s->repair->format.pages_per_file_shift;
    char name[FILE_NAME_BYTES];
    if (id.n >= s->state.page_count || s->state.values[id.n] == MAPPING_FREE)
        return PAGE_IS_BAD;
    uint64_t place = s->state.values[id.n] >> 3;
    uint64_t file_id = place >> shift;
    file_name_data(name, file_id, terms_get(&s->state.terms, file_id));
    enum page_state state = salvage_read_file(s, name, place & ((UINT64_C(1) << shift) - 1), data);
    if (state == PAGE_IS_GOOD && page_type(data) != type && page_type(data) != or_type)
        return PAGE_IS_BAD;
    return state;
}
