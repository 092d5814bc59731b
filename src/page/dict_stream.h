/* page/dict_stream.h -- large values compressed and decompressed in steps of about 256 KiB, so that
 * others can run in between. Each has a context of its own, freed at its end: the one that small
 * values share stays small, and free for them. Specification: format.md 8. */
#pragma once

#include "page/dict.h"

enum dict_step {
    DICT_MORE = 0,
    DICT_NOT_SHORTER = 1, /* packing: the frame would not be shorter than the value, or the
                             dictionary is malformed */
    DICT_DONE = 2,
};

/* Stays where it is from begin to end: zstd holds on to it. */
struct dict_stream {
    struct mem *mem;
    void *context; /* ZSTD_CCtx or ZSTD_DCtx */
    void *encoder_memory;
    bool out_of_memory; /* zstd asked for memory and got none: tells that from bad bytes */
    eloq_slice from;    /* lent */
    size_t at;          /* of `from`, next */
    struct bytes *out;  /* packing */
    uint8_t *plain;     /* unpacking */
    size_t plain_size, plain_at;
    size_t prefix; /* packing: bytes of out that are not frame */
    size_t wanted; /* unpacking: bytes zstd asks for next */
};

/* Compresses `plain`, with a dictionary or alone (NULL): its stored form replaces what is in `out`.
 * ELOQ_OK, DICT_NOT_SHORTER or ELOQ_NO_MEMORY; dict_pack_end in any case. What
 * is lent stays until then. */
int dict_pack_begin(struct dict_stream *s, struct mem *m, const struct dict *d, eloq_slice plain,
                    struct bytes *out);
/* enum dict_step, or ELOQ_NO_MEMORY. */
int dict_pack_step(struct dict_stream *s);

/* Decompresses as dict_decompress. ELOQ_OK, ELOQ_CORRUPTED or ELOQ_NO_MEMORY; dict_unpack_end in
 * any case. */
int dict_unpack_begin(struct dict_stream *s, struct mem *m, const struct dict *d,
                      enum compression type, eloq_slice stored, void *plain, uint64_t plain_size);
/* DICT_MORE, DICT_DONE, ELOQ_CORRUPTED or ELOQ_NO_MEMORY. */
int dict_unpack_step(struct dict_stream *s);

void dict_pack_end(struct dict_stream *s);
void dict_unpack_end(struct dict_stream *s);
