/* page/dict.c -- values compressed by zstd: check the prefix, decompress. */
#define ZSTD_STATIC_LINKING_ONLY /* custom allocators; the shared library exports them too */
#include "page/dict.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/check.h"
#include "base/coding.h"

/* A block of at most this many plain bytes takes at least four bytes of a frame. */
#define BLOCK_PLAIN_MAX (UINT64_C(128) << 10)
#define BLOCK_STORED_MIN 4

struct dict *dict_new(struct mem *m, const void *bytes, uint32_t size)
{
    struct dict *d = mem_zalloc(m, MEM_DICT, sizeof(*d));
    uint8_t *copy = mem_alloc(m, MEM_DICT, size);
    if (!d || !copy) {
        mem_free(m, copy);
        mem_free(m, d);
        return NULL;
    }
    if (size > 0)
        memcpy(copy, bytes, size);
    d->mem = m;
    d->refs = 1;
    d->bytes = copy;
    d->size = size;
    return d;
}

struct dict *dict_ref(struct dict *d)
{
    if (d)
        d->refs++;
    return d;
}

void dict_unref(struct dict *d)
{
    if (!d)
        return;
    CHECK(d->refs > 0);
    if (--d->refs > 0)
        return;
    ZSTD_freeDDict(d->decoder);
    mem_free(d->mem, d->bytes);
    mem_free(d->mem, d);
}

static void *dict_alloc(void *opaque, size_t size)
{
    struct dict *d = opaque;
    void *p = mem_alloc(d->mem, MEM_DICT, size);
    if (!p)
        d->out_of_memory = true;
    return p;
}

static void dict_free(void *opaque, void *p)
{
    struct dict *d = opaque;
    mem_free(d->mem, p);
}

static void *context_alloc(void *opaque, size_t size)
{
    return mem_alloc(opaque, MEM_DICT, size);
}

static void context_free(void *opaque, void *p)
{
    mem_free(opaque, p);
}

void dict_context_init(struct dict_context *c, struct mem *m)
{
    c->mem = m;
    c->decoder = NULL;
}

void dict_context_deinit(struct dict_context *c)
{
    ZSTD_freeDCtx(c->decoder);
    c->decoder = NULL;
}

/* Splits a stored value into plain size and frame. */
static bool split(eloq_slice stored, uint32_t *ret_size, eloq_slice *ret_frame)
{
    struct reader r = reader_over(stored.data, stored.size);
    if (!reader_v32(&r, ret_size))
        return false;
    *ret_frame = eloq_bytes(r.pos, reader_left(&r));
    return true;
}

int dict_plain_size(eloq_slice stored, uint64_t *ret)
{
    uint32_t size;
    eloq_slice frame;
    if (!split(stored, &size, &frame))
        return ELOQ_CORRUPTED;
    /* "Unknown" and "error" are huge numbers, so they differ from any prefix. */
    if (ZSTD_getFrameContentSize(frame.data, frame.size) != size)
        return ELOQ_CORRUPTED;
    if (size / BLOCK_PLAIN_MAX > frame.size / BLOCK_STORED_MIN)
        return ELOQ_CORRUPTED;
    *ret = size;
    return ELOQ_OK;
}

static int make_context(struct dict_context *c)
{
    ZSTD_customMem mem = { context_alloc, context_free, c->mem };
    if (!c->decoder)
        c->decoder = ZSTD_createDCtx_advanced(mem);
    return c->decoder ? ELOQ_OK : ELOQ_NO_MEMORY;
}

static int make_decoder(struct dict *d)
{
    if (d->decoder)
        return ELOQ_OK;
    ZSTD_customMem mem = { dict_alloc, dict_free, d };
    d->out_of_memory = false;
    d->decoder = ZSTD_createDDict_advanced(d->bytes, d->size, ZSTD_dlm_byRef, ZSTD_dct_auto, mem);
    if (d->decoder)
        return ELOQ_OK;
    return d->out_of_memory ? ELOQ_NO_MEMORY : ELOQ_CORRUPTED;
}

int dict_decompress(struct dict_context *c, struct dict *d, enum compression type,
                    eloq_slice stored, void *plain, uint64_t plain_size)
{
    CHECK(type == COMPRESSION_DICT || type == COMPRESSION_ALONE);
    uint32_t size;
    eloq_slice frame;
    if (!split(stored, &size, &frame) || size != plain_size)
        return ELOQ_CORRUPTED;
    TRY(make_context(c));
    const ZSTD_DDict *decoder = NULL;
    if (type == COMPRESSION_DICT && d && d->size > 0) {
        TRY(make_decoder(d));
        decoder = d->decoder;
    }
    size_t got = ZSTD_decompress_usingDDict(c->decoder, plain, (size_t)plain_size, frame.data,
                                            frame.size, decoder);
    if (ZSTD_isError(got))
        return ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation ? ELOQ_NO_MEMORY
                                                                      : ELOQ_CORRUPTED;
    return got == plain_size ? ELOQ_OK : ELOQ_CORRUPTED;
}
