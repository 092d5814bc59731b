/* page/samples.c -- values seen, and the dictionary trained of them. */
#include "page/samples.h"

#include <string.h>
#include <zdict.h>

void samples_init(struct samples *s, struct mem *m)
{
    *s = (struct samples){ 0 };
    bytes_init(&s->kept, m, MEM_DICT);
}

void samples_free(struct samples *s)
{
    mem_free(s->kept.mem, s->sizes);
    bytes_free(&s->kept);
    samples_init(s, s->kept.mem);
}

int samples_add(struct samples *s, eloq_slice value)
{
    size_t size = MIN(value.size, SAMPLE_KEPT_BYTES);
    if (s->count == s->capacity) {
        size_t wanted = s->capacity ? 2 * s->capacity : 64;
        size_t *grown = mem_realloc(s->kept.mem, MEM_DICT, s->sizes, wanted * sizeof(s->sizes[0]));
        if (!grown)
            return ELOQ_NO_MEMORY;
        s->sizes = grown;
        s->capacity = wanted;
    }
    TRY(bytes_reserve(&s->kept, size));
    bytes_add(&s->kept, value.data, size);
    s->sizes[s->count++] = size;
    s->bytes += value.size;
    return ELOQ_OK;
}

int samples_train(const struct samples *s, uint8_t *ret_dict)
{
    memset(ret_dict, 0, DICT_BYTES);
    if (s->count > UINT32_MAX)
        return 1;
    size_t size =
        ZDICT_trainFromBuffer(ret_dict, DICT_BYTES, s->kept.data, s->sizes, (unsigned)s->count);
    if (ZDICT_isError(size) || size > DICT_BYTES)
        return 1;
    memset(ret_dict + size, 0, DICT_BYTES - size);
    return ELOQ_OK;
}
