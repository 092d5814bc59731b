/* page/dict.c -- values compressed by zstd in one go; what it makes of dictionaries. */
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

/* Made objects that a context keeps. */
#define ENCODERS_MAX 4
#define DECODERS_MAX 32

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
    d->encoder.mem = m;
    list_init(&d->encoder.link);
    list_init(&d->decoder.link);
    return d;
}

struct dict *dict_ref(struct dict *d)
{
    if (d)
        d->refs++;
    return d;
}

static void free_encoder(struct dict_made *made)
{
    list_remove(&made->link);
    mem_free(made->mem, made->object);
    made->object = NULL;
}

static void free_decoder(struct dict_made *made)
{
    list_remove(&made->link);
    ZSTD_freeDDict(made->object);
    made->object = NULL;
}

void dict_unref(struct dict *d)
{
    if (!d)
        return;
    CHECK(d->refs > 0);
    if (--d->refs > 0)
        return;
    free_encoder(&d->encoder);
    free_decoder(&d->decoder);
    mem_free(d->mem, d->bytes);
    mem_free(d->mem, d);
}

static void *dict_alloc(void *opaque, size_t size)
{
    struct dict *d = opaque;
    void *p = mem_zalloc(d->mem, MEM_DICT, size);
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
    *c = (struct dict_context){ .mem = m };
    list_init(&c->encoders);
    list_init(&c->decoders);
}

/* Frees all but the `keep` used last. */
static void trim(struct list *used, size_t keep, void (*drop)(struct dict_made *made))
{
    struct list *node = used->next;
    for (; node != used && keep > 0; keep--)
        node = node->next;
    while (node != used) {
        struct dict_made *made = container_of(node, struct dict_made, link);
        node = node->next;
        drop(made);
    }
}

void dict_context_deinit(struct dict_context *c)
{
    trim(&c->encoders, 0, free_encoder);
    trim(&c->decoders, 0, free_decoder);
    ZSTD_freeCCtx(c->packer);
    ZSTD_freeDCtx(c->decoder);
    c->packer = c->decoder = NULL;
}

bool dict_split(eloq_slice stored, uint32_t *ret_size, eloq_slice *ret_frame)
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
    if (!dict_split(stored, &size, &frame))
        return ELOQ_CORRUPTED;
    /* "Unknown" and "error" are huge numbers, so they differ from any prefix. */
    if (ZSTD_getFrameContentSize(frame.data, frame.size) != size)
        return ELOQ_CORRUPTED;
    if (size / BLOCK_PLAIN_MAX > frame.size / BLOCK_STORED_MIN)
        return ELOQ_CORRUPTED;
    *ret = size;
    return ELOQ_OK;
}

/* The dictionary as zstd decompresses with it, now the one used last. */
static int use_decoder(struct dict_context *c, struct dict *d)
{
    if (!d->decoder.object) {
        ZSTD_customMem mem = { dict_alloc, dict_free, d };
        trim(&c->decoders, DECODERS_MAX - 1, free_decoder);
        d->out_of_memory = false;
        d->decoder.object =
            ZSTD_createDDict_advanced(d->bytes, d->size, ZSTD_dlm_byRef, ZSTD_dct_auto, mem);
        if (!d->decoder.object)
            return d->out_of_memory ? ELOQ_NO_MEMORY : ELOQ_CORRUPTED;
    }
    list_remove(&d->decoder.link);
    list_push_front(&c->decoders, &d->decoder.link);
    return ELOQ_OK;
}

int dict_decompress(struct dict_context *c, struct dict *d, enum compression type,
                    eloq_slice stored, void *plain, uint64_t plain_size)
{
    CHECK(type == COMPRESSION_DICT || type == COMPRESSION_ALONE);
    uint32_t size;
    eloq_slice frame;
    if (!dict_split(stored, &size, &frame) || size != plain_size)
        return ELOQ_CORRUPTED;
    if (!c->decoder) {
        ZSTD_customMem mem = { context_alloc, context_free, c->mem };
        c->decoder = ZSTD_createDCtx_advanced(mem);
        if (!c->decoder)
            return ELOQ_NO_MEMORY;
    }
    const ZSTD_DDict *decoder = NULL;
    if (type == COMPRESSION_DICT && d && d->size > 0) {
        TRY(use_decoder(c, d));
        decoder = d->decoder.object;
    }
    size_t got = ZSTD_decompress_usingDDict(c->decoder, plain, (size_t)plain_size, frame.data,
                                            frame.size, decoder);
    if (ZSTD_isError(got))
        return ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation ? ELOQ_NO_MEMORY
                                                                      : ELOQ_CORRUPTED;
    return got == plain_size ? ELOQ_OK : ELOQ_CORRUPTED;
}

/* Into memory of our own: where zstd 1.5.4 allocates it, it does not look whether it got any. And
 * into zeroed memory: it does not set the level there, by which larger values are compressed. */
int dict_make_encoder(const struct dict *d, void **ret_memory, const void **ret_encoder)
{
    ZSTD_compressionParameters params = ZSTD_getCParams(COMPRESS_LEVEL, 0, d->size);
    size_t size = ZSTD_estimateCDictSize_advanced(d->size, params, ZSTD_dlm_byRef);
    void *memory = mem_zalloc(d->mem, MEM_DICT, size);
    if (!memory)
        return ELOQ_NO_MEMORY;
    *ret_encoder = ZSTD_initStaticCDict(memory, size, d->bytes, d->size, ZSTD_dlm_byRef,
                                        ZSTD_dct_auto, params);
    if (!*ret_encoder) {
        mem_free(d->mem, memory);
        return 1;
    }
    *ret_memory = memory;
    return ELOQ_OK;
}

/* The dictionary as zstd compresses with it, now the one used last. 1: it is malformed. */
static int use_encoder(struct dict_context *c, struct dict *d)
{
    if (!d->encoder.object) {
        trim(&c->encoders, ENCODERS_MAX - 1, free_encoder);
        int rc = dict_make_encoder(d, &d->encoder.object, &d->encoder.encoder);
        if (rc != ELOQ_OK)
            return rc;
    }
    list_remove(&d->encoder.link);
    list_push_front(&c->encoders, &d->encoder.link);
    return ELOQ_OK;
}

int dict_compress(struct dict_context *c, struct dict *d, eloq_slice plain, struct bytes *out)
{
    CHECK(d->size > 0 && plain.size <= DICT_AT_ONCE_BYTES);
    if (!c->packer) {
        ZSTD_customMem mem = { context_alloc, context_free, c->mem };
        c->packer = ZSTD_createCCtx_advanced(mem);
        if (!c->packer)
            return ELOQ_NO_MEMORY;
    }
    int rc = use_encoder(c, d);
    if (rc != ELOQ_OK)
        return rc;
    out->size = 0;
    TRY(bytes_reserve(out, VARINT32_MAX_BYTES + ZSTD_compressBound(plain.size)));
    bytes_add_varint(out, plain.size);
    /* Content size and dictionary id are in the frame, a checksum is not. */
    size_t got =
        ZSTD_compress_usingCDict(c->packer, out->data + out->size, out->capacity - out->size,
                                 plain.data, plain.size, d->encoder.object);
    if (ZSTD_isError(got)) {
        /* It may have been in the middle of growing. */
        ZSTD_freeCCtx(c->packer);
        c->packer = NULL;
        return ZSTD_getErrorCode(got) == ZSTD_error_memory_allocation ? ELOQ_NO_MEMORY : 1;
    }
    out->size += got;
    return got < plain.size ? ELOQ_OK : 1;
}
