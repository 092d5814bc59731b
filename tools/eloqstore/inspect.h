/* eloqstore/inspect.h -- the files of an open read-only store, looked at directly.
 *
 * The store is open beside it, so its lock keeps writers away; nothing here writes. */
#pragma once

#include "base/bytes.h"
#include "cli.h"
#include "engine/store_files.h"
#include "file/name.h"
#include "part/manifest.h"

#define INSPECT_PATH_BYTES 4352

struct inspect {
    struct cli *cli;
    struct store_files files; /* its paths alone */
    eloq_format format;       /* in force */
};

/* A partition and its manifest, replayed. */
struct inspect_part {
    struct inspect *inspect;
    eloq_part part; /* the name is lent */
    char dir[INSPECT_PATH_BYTES];
    char manifest_name[FILE_NAME_BYTES];
    struct bytes manifest;
    struct manifest_state state;
    int fd; /* of the data file read last, -1 */
    uint64_t fd_file_id;
};

/* What a partition's directory holds. */
struct inspect_space {
    uint64_t files; /* of data */
    uint64_t file_bytes;
    uint64_t manifest_bytes;
    uint64_t disk_bytes; /* blocks of all of it */
};

/* Appends a whole file: 0 or an errno. */
int inspect_read_file(const char *path, struct bytes *ret);
/* All of these: 0, or the exit code to end with; words were printed. */
int inspect_open(struct cli *cli, struct inspect *ret); /* opens the store, too */
void inspect_close(struct inspect *in);
int inspect_space(struct inspect *in, eloq_part part, struct inspect_space *ret);
/* CLI_NO, without words, when the partition is absent. */
int inspect_part_open(struct inspect *in, eloq_part part, struct inspect_part *ret);
/* Reads and replays the manifest; without `replay` its bytes alone, however damaged. */
int inspect_manifest(struct inspect *in, eloq_part part, bool replay, struct inspect_part *ret);
void inspect_part_close(struct inspect_part *p);

/* Name (FILE_NAME_BYTES) and offset of a place. */
void inspect_place(const struct inspect_part *p, struct file_page place, char *ret_name,
                   uint64_t *ret_offset);
/* The first `size` bytes of the page at `place`. */
int inspect_read(struct inspect_part *p, struct file_page place, uint8_t *data, size_t size);
