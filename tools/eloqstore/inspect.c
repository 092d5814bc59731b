/* eloqstore/inspect.c -- the files of an open read-only store, looked at directly. */
#include "inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/options.h"

#define FILE_BYTES_STEP 65536

int inspect_read_file(const char *path, struct bytes *ret)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 ? errno : 0;
    while (rc == 0) {
        if (bytes_reserve(ret, FILE_BYTES_STEP) < 0) {
            rc = ENOMEM;
            break;
        }
        ssize_t n = read(fd, ret->data + ret->size, FILE_BYTES_STEP);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            rc = errno;
        if (n > 0)
            ret->size += (size_t)n;
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

/* The format in force: as recorded, else as given, else the default. */
static int find_format(struct inspect *in, const eloq_options *options, struct err *e)
{
    char path[INSPECT_PATH_BYTES];
    struct bytes text;
    struct store_record record = { 0 };
    bytes_init(&text, &in->cli->mem, MEM_OTHER);
    snprintf(path, sizeof(path), "%s/.eloqstore/options", in->files.paths[0]);
    int rc = inspect_read_file(path, &text);
    bool is_recorded = rc == 0;
    rc = rc == 0 || rc == ENOENT || rc == ENOTDIR
             ? 0
             : err_set(e, ELOQ_IO, __FILE__, __LINE__, "cannot read %s: %s", path, strerror(rc));
    if (rc == 0 && is_recorded)
        rc = store_record_parse((const char *)text.data, text.size, &record, e);
    if (rc == 0)
        rc = options_format(&options->format, is_recorded ? &record.format : NULL, &in->format, e);
    bytes_free(&text);
    return rc;
}

int inspect_open(struct cli *cli, struct inspect *ret)
{
    *ret = (struct inspect){ .cli = cli };
    struct err e = { 0 };
    eloq_options options = cli->options;
    cli_paths(cli, &options);
    if (options.io_backend == ELOQ_IO_MEMORY)
        return cli_fail(CLI_USAGE, "a store in memory has no files to look at");
    int code = cli_open(cli, CLI_READ);
    if (code != 0)
        return code;
    int rc = store_files_init(&ret->files, &cli->mem, &options, &e);
    if (rc == 0)
        rc = find_format(ret, &options, &e);
    return rc < 0 ? cli_fail(rc == ELOQ_INVALID ? CLI_USAGE : CLI_FAILED, "%s", e.text) : 0;
}

void inspect_close(struct inspect *in)
{
    if (in->files.mem)
        store_files_deinit(&in->files);
}

static void part_dir(const struct inspect *in, eloq_part part, char *path)
{
    snprintf(path, INSPECT_PATH_BYTES, "%s/%s.%" PRIu32,
             in->files.paths[part.partition % in->files.path_count], part.table, part.partition);
}

int inspect_space(struct inspect *in, eloq_part part, struct inspect_space *ret)
{
    char path[INSPECT_PATH_BYTES];
    *ret = (struct inspect_space){ 0 };
    part_dir(in, part, path);
    DIR *dir = opendir(path);
    if (!dir)
        return errno == ENOENT ? 0
                               : cli_fail(CLI_FAILED, "cannot list %s: %s", path, strerror(errno));
    struct dirent *entry = NULL;
    while ((entry = readdir(dir))) {
        struct stat status;
        if (entry->d_name[0] == '.' || fstatat(dirfd(dir), entry->d_name, &status, 0) != 0)
            continue;
        ret->disk_bytes += (uint64_t)status.st_blocks * 512;
        enum file_kind kind = file_name_parse(entry->d_name).kind;
        if (kind == FILE_DATA) {
            ret->files++;
            ret->file_bytes += (uint64_t)status.st_size;
        } else if (kind == FILE_MANIFEST) {
            ret->manifest_bytes += (uint64_t)status.st_size;
        }
    }
    closedir(dir);
    return 0;
}

/* The live manifest, or the archive of --as-of. False when there is none. */
static bool find_manifest(const struct inspect_part *p, char *ret_name)
{
    uint64_t as_of = p->inspect->cli->options.as_of;
    DIR *dir = opendir(p->dir);
    bool is_found = false;
    struct dirent *entry = NULL;
    while (dir && !is_found && (entry = readdir(dir))) {
        struct file_name name = file_name_parse(entry->d_name);
        is_found = as_of ? name.kind == FILE_ARCHIVE && name.timestamp == as_of
                         : name.kind == FILE_MANIFEST && name.term == 0;
        if (is_found)
            memcpy(ret_name, entry->d_name, MIN(strlen(entry->d_name) + 1, FILE_NAME_BYTES));
    }
    if (dir)
        closedir(dir);
    return is_found;
}

int inspect_manifest(struct inspect *in, eloq_part part, bool replay, struct inspect_part *ret)
{
    char path[INSPECT_PATH_BYTES + FILE_NAME_BYTES + 1];
    ret->inspect = in;
    ret->part = part;
    ret->fd = -1;
    bytes_init(&ret->manifest, &in->cli->mem, MEM_OTHER);
    manifest_state_init(&ret->state, &in->cli->mem);
    part_dir(in, part, ret->dir);
    if (!find_manifest(ret, ret->manifest_name))
        return CLI_NO;
    snprintf(path, sizeof(path), "%s/%s", ret->dir, ret->manifest_name);
    int rc = inspect_read_file(path, &ret->manifest);
    if (rc != 0)
        return cli_fail(CLI_FAILED, "cannot read %s: %s", path, strerror(rc));
    if (!replay)
        return 0;
    rc = manifest_replay(&ret->state, ret->manifest.data, ret->manifest.size,
                         in->format.data_append_mode == 0);
    if (rc == ELOQ_CORRUPTED)
        return cli_fail(CLI_FAILED, "%s file=%s offset=%" PRIu64,
                        ret->state.error ? ret->state.error : "damaged manifest", path,
                        ret->state.error_at);
    return rc < 0 ? cli_fail(CLI_FAILED, "%s", eloq_strerror(rc)) : 0;
}

int inspect_part_open(struct inspect *in, eloq_part part, struct inspect_part *ret)
{
    return inspect_manifest(in, part, true, ret);
}

void inspect_part_close(struct inspect_part *p)
{
    if (!p->inspect)
        return;
    if (p->fd >= 0)
        close(p->fd);
    bytes_free(&p->manifest);
    manifest_state_free(&p->state);
    p->inspect = NULL;
}

void inspect_place(const struct inspect_part *p, struct file_page place, char *ret_name,
                   uint64_t *ret_offset)
{
    const eloq_format *format = &p->inspect->format;
    uint64_t file_id = place.n >> format->pages_per_file_shift;
    uint64_t index = place.n & ((UINT64_C(1) << format->pages_per_file_shift) - 1);
    file_name_data(ret_name, file_id, terms_get(&p->state.terms, file_id));
    *ret_offset = index * format->data_page_size;
}

int inspect_read(struct inspect_part *p, struct file_page place, uint8_t *data, size_t size)
{
    char name[FILE_NAME_BYTES];
    char path[INSPECT_PATH_BYTES + FILE_NAME_BYTES + 1];
    uint64_t offset = 0;
    uint64_t file_id = place.n >> p->inspect->format.pages_per_file_shift;
    inspect_place(p, place, name, &offset);
    snprintf(path, sizeof(path), "%s/%s", p->dir, name);
    if (p->fd < 0 || p->fd_file_id != file_id) {
        if (p->fd >= 0)
            close(p->fd);
        p->fd = open(path, O_RDONLY | O_CLOEXEC);
        p->fd_file_id = file_id;
        if (p->fd < 0)
            return cli_fail(CLI_FAILED, "cannot open %s: %s", path, strerror(errno));
    }
    ssize_t n = 0;
    do {
        n = pread(p->fd, data, size, (off_t)offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return cli_fail(CLI_FAILED, "cannot read %s: %s offset=%" PRIu64, path, strerror(errno),
                        offset);
    if ((size_t)n < size)
        return cli_fail(CLI_FAILED, "page is past the end of its file file=%s offset=%" PRIu64,
                        path, offset);
    return 0;
}
