/* page/dict.h -- values compressed by zstd, alone or with a partition's dictionary.
 * Specification: format.md 8.
 *
 * A dictionary is 16 KiB, but what zstd makes of one to decompress is 27 KiB and to compress 400
 * KiB. So a context keeps those of the dictionaries used last, and only a few. */
#pragma once

#include "base/bytes.h"
#include "base/list.h"
#include "base/slice.h"
#include "page/format.h"

/* Values up to this size are done in one go; a caller that must not block for long takes larger
 * ones in steps (page/dict_stream.h). */
#define DICT_AT_ONCE_BYTES (1u << 20)

/* What zstd made of a dictionary, while it is among those used last. */
struct dict_made {
    struct list link; /* in the context's list */
    struct mem *mem;
    void *object;        /* of an encoder its memory, of a decoder a ZSTD_DDict; NULL: in no list */
    const void *encoder; /* a ZSTD_CDict in that memory */
};

/* A partition's dictionary: immutable, shared by reference. */
struct dict {
    struct mem *mem;
    uint32_t refs;
    uint8_t *bytes;
    uint32_t size;
    struct dict_made encoder, decoder;
    bool out_of_memory; /* the decoder asked for memory and got none: tells that from a bad
                           dictionary */
};

/* zstd's working memory for one thread: made at first use. */
struct dict_context {
    struct mem *mem;
    void *packer;                   /* ZSTD_CCtx */
    void *decoder;                  /* ZSTD_DCtx */
    struct list encoders, decoders; /* of struct dict_made, last used first */
};

struct dict *dict_new(struct mem *m, const void *bytes,
                      uint32_t size);  /* copies; NULL: no memory */
struct dict *dict_ref(struct dict *d); /* NULL is fine */
void dict_unref(struct dict *d);

void dict_context_init(struct dict_context *c, struct mem *m);
void dict_context_deinit(struct dict_context *c);
/* Plain length of a stored value of type DICT or ALONE, after checking the prefix against the
 * frame's own content size: ELOQ_OK or ELOQ_CORRUPTED. */
int dict_plain_size(eloq_slice stored, uint64_t *ret);
/* A ZSTD_CDict of the dictionary, which it refers to, in memory to be freed after it: ELOQ_OK; 1:
 * the dictionary is malformed; or ELOQ_NO_MEMORY. */
int dict_make_encoder(const struct dict *d, void **ret_memory, const void **ret_encoder);
/* Splits a stored value into plain size and frame; false: it has no prefix. */
bool dict_split(eloq_slice stored, uint32_t *ret_size, eloq_slice *ret_frame);
/* Decompresses into `plain` (exactly plain_size bytes). Type DICT with d == NULL is a plain frame.
 * ELOQ_OK, ELOQ_CORRUPTED or ELOQ_NO_MEMORY. */
int dict_decompress(struct dict_context *c, struct dict *d, enum compression type,
                    eloq_slice stored, void *plain, uint64_t plain_size);
/* Compresses a value of at most DICT_AT_ONCE_BYTES with the dictionary: its stored form replaces
 * what is in `out`. ELOQ_OK; 1 when the frame would not be shorter than the value, or the
 * dictionary is malformed; or ELOQ_NO_MEMORY. */
int dict_compress(struct dict_context *c, struct dict *d, eloq_slice plain, struct bytes *out);
