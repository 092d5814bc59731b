/* eloqstore/load_input.h -- lines of a load, tsv or json, to pairs. */
#pragma once

#include <stdio.h>

#include "base/bytes.h"
#include "cli.h"

/* One line, decoded. Everything is lent until the next one. */
struct load_row {
    const char *table; /* NULL: the table of the command line */
    uint32_t partition;
    eloq_slice key;
    eloq_slice value;
    uint64_t timestamp; /* as eloq_entry wants it */
    uint64_t expire_at;
};

struct load_input {
    FILE *file;
    bool is_json;
    bool is_hex;
    bool has_table; /* a table was given: no table column; "table" of an object is ignored */
    char *line;     /* getline's */
    size_t line_capacity;
    uint64_t line_number; /* of the line read last, from 1 */
    uint64_t bytes_read;
    char error[160]; /* words, when a line is refused */
};

/* The next line: ELOQ_OK with `ret`, ELOQ_END, ELOQ_INVALID (error) or ELOQ_IO (errno is set; EINTR
 * when a signal came). */
int load_input_next(struct load_input *in, struct load_row *ret);
/* Passes over a line without decoding it: ELOQ_OK, ELOQ_END or ELOQ_IO. */
int load_input_skip(struct load_input *in);
void load_input_deinit(struct load_input *in); /* does not close the file */

/* One object of json_in.c: decodes the line in place. False: in->error says why. */
bool load_json_line(struct load_input *in, char *line, size_t size, struct load_row *ret);
/* Hex in place: false if it is none. */
bool load_unhex(char *text, size_t size, size_t *ret_size);
/* Sets in->error; returns false. Inline, so that analysers see the false. */
static inline bool load_refuse(struct load_input *in, const char *words)
{
    snprintf(in->error, sizeof(in->error), "%s", words);
    return false;
}
/* A timestamp as written in a line: literal, so 0 is 0 and not now. */
bool load_timestamp(struct load_input *in, uint64_t timestamp, struct load_row *ret);
