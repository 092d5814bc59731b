/* page/dict.h -- values compressed by zstd, alone or with a partition's dictionary.
 * Specification: format.md 8. */
#pragma once

#include "base/mem.h"
#include "base/slice.h"
#include "page/format.h"

/* A partition's dictionary: immutable, shared by reference. The decoder is made at first use. */
struct dict {
    struct mem *mem;
    uint32_t refs;
    uint8_t *bytes;
    uint32_t size;
    void *decoder;      /* ZSTD_DDict */
    bool out_of_memory; /* zstd asked for memory and got none: tells that from a bad dictionary */
};

/* zstd's working memory for one thread: made at first use. */
struct dict_context {
    struct mem *mem;
    void *decoder; /* ZSTD_DCtx */
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
/* Decompresses into `plain` (exactly plain_size bytes). Type DICT with d == NULL is a plain frame.
 * ELOQ_OK, ELOQ_CORRUPTED or ELOQ_NO_MEMORY. */
int dict_decompress(struct dict_context *c, struct dict *d, enum compression type,
                    eloq_slice stored, void *plain, uint64_t plain_size);
