/* page/dict_stream.c -- large values compressed and decompressed in steps. */
#define ZSTD_STATIC_LINKING_ONLY /* custom allocators, the caller's buffer as window */
#include "page/dict_stream.h"

#include <zstd.h>

#include "base/check.h"
#include "base/coding.h"

#define STEP_BYTES ((size_t)256 << 10) /* plain */
#define WINDOW_LOG_MAX 31              /* zstd's own limit */

static void *stream_alloc(void *opaque, size_t size)
{
    struct dict_stream *s = opaque;
    void *p = mem_alloc(s->mem, MEM_DICT, size);
    if (!p)
        s->out_of_memory = true;
    return p;
}

static void stream_free(void *opaque, void *p)
{
    struct dict_stream *s = opaque;
    mem_free(s->mem, p);
}

/* ---- packing ---- */

int dict_pack_begin(struct dict_stream *s, struct mem *m, const struct dict *d, eloq_slice plain,
                    struct bytes *out)
{
    ZSTD_customMem mem = { stream_alloc, stream_free, s };
    CHECK(plain.size <= COMPRESS_BYTES_MAX);
    *s = (struct dict_stream){ .mem = m, .from = plain, .out = out };
    s->context = ZSTD_createCCtx_advanced(mem);
    out->size = 0;
    if (!s->context || bytes_reserve(out, VARINT32_MAX_BYTES) < 0)
        return ELOQ_NO_MEMORY;
    bytes_add_varint(out, plain.size);
    s->prefix = out->size;
    const void *encoder = NULL;
    int rc = d ? dict_make_encoder(d, &s->encoder_memory, &encoder) : ELOQ_OK;
    if (rc != ELOQ_OK)
        return rc;
    /* With the size pledged the frame tells it. A checksum is off unless asked for. */
    if (ZSTD_isError(ZSTD_CCtx_setParameter(s->context, ZSTD_c_compressionLevel, COMPRESS_LEVEL))
        || ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(s->context, plain.size))
        || ZSTD_isError(ZSTD_CCtx_refCDict(s->context, encoder)))
        return ELOQ_NO_MEMORY;
    return ELOQ_OK;
}

int dict_pack_step(struct dict_stream *s)
{
    size_t end = s->from.size - s->at > STEP_BYTES ? s->at + STEP_BYTES : s->from.size;
    bool is_last = end == s->from.size;
    ZSTD_inBuffer in = { s->from.data, end, s->at };
    for (;;) {
        TRY(bytes_reserve(s->out, ZSTD_CStreamOutSize()));
        ZSTD_outBuffer out = { s->out->data + s->out->size, s->out->capacity - s->out->size, 0 };
        size_t left =
            ZSTD_compressStream2(s->context, &out, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return s->out_of_memory ? ELOQ_NO_MEMORY : DICT_NOT_SHORTER;
        s->out->size += out.pos;
        if (s->out->size - s->prefix >= s->from.size)
            return DICT_NOT_SHORTER;
        if (is_last && left == 0)
            return DICT_DONE;
        if (!is_last && in.pos == in.size)
            break;
    }
    s->at = end;
    return DICT_MORE;
}

void dict_pack_end(struct dict_stream *s)
{
    ZSTD_freeCCtx(s->context);
    mem_free(s->mem, s->encoder_memory);
    s->context = s->encoder_memory = NULL;
}

/* ---- unpacking ---- */

int dict_unpack_begin(struct dict_stream *s, struct mem *m, const struct dict *d,
                      enum compression type, eloq_slice stored, void *plain, uint64_t plain_size)
{
    ZSTD_customMem mem = { stream_alloc, stream_free, s };
    uint32_t size;
    CHECK(type == COMPRESSION_DICT || type == COMPRESSION_ALONE);
    *s = (struct dict_stream){ .mem = m, .plain = plain, .plain_size = (size_t)plain_size };
    if (!dict_split(stored, &size, &s->from) || size != plain_size)
        return ELOQ_CORRUPTED;
    s->context = ZSTD_createDCtx_advanced(mem);
    if (!s->context)
        return ELOQ_NO_MEMORY;
    s->wanted = ZSTD_FRAMEHEADERSIZE_MIN(ZSTD_f_zstd1);
    /* It decodes into `plain` itself, so that it needs no window, however large a frame wants it.
     */
    if (ZSTD_isError(ZSTD_DCtx_setParameter(s->context, ZSTD_d_stableOutBuffer, 1))
        || ZSTD_isError(ZSTD_DCtx_setParameter(s->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return ELOQ_NO_MEMORY;
    if (type == COMPRESSION_ALONE || !d || d->size == 0)
        return ELOQ_OK;
    if (!ZSTD_isError(ZSTD_DCtx_loadDictionary_byReference(s->context, d->bytes, d->size)))
        return ELOQ_OK;
    return s->out_of_memory ? ELOQ_NO_MEMORY : ELOQ_CORRUPTED;
}

/* Each turn gives zstd what it asked for, so that it decodes one block, of at most 128 KiB. */
int dict_unpack_step(struct dict_stream *s)
{
    size_t target = s->plain_at + STEP_BYTES;
    while (s->plain_at < target) {
        size_t give = MIN(s->wanted, s->from.size - s->at);
        if (give == 0)
            return ELOQ_CORRUPTED; /* it wants more than there is */
        ZSTD_inBuffer in = { s->from.data, s->at + give, s->at };
        ZSTD_outBuffer out = { s->plain, s->plain_size, s->plain_at };
        size_t wanted = ZSTD_decompressStream(s->context, &out, &in);
        if (ZSTD_isError(wanted))
            return s->out_of_memory ? ELOQ_NO_MEMORY : ELOQ_CORRUPTED;
        if (wanted == 0)
            return out.pos == s->plain_size && in.pos == s->from.size ? DICT_DONE : ELOQ_CORRUPTED;
        s->at = in.pos;
        s->plain_at = out.pos;
        s->wanted = wanted;
    }
    return DICT_MORE;
}

void dict_unpack_end(struct dict_stream *s)
{
    ZSTD_freeDCtx(s->context);
    s->context = NULL;
}
