/* tests/model/model.c -- see model.h */
#include "model.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

static void pair_free(struct model_pair *p)
{
    free(p->key);
    free(p->value);
}

void model_free(struct model *m)
{
    for (size_t i = 0; i < m->count; i++)
        pair_free(&m->pairs[i]);
    free(m->pairs);
    *m = (struct model){ 0 };
}

void model_copy(struct model *to, const struct model *from)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct model_pair *p = &from->pairs[i];
        model_put(to, p->key, p->key_size, p->value, p->value_size, p->timestamp, p->expire_at, 0);
    }
}

int model_compare(const void *a, size_t a_size, const void *b, size_t b_size)
{
    size_t n = a_size < b_size ? a_size : b_size;
    int c = n ? memcmp(a, b, n) : 0;
    return c ? c : (a_size > b_size) - (a_size < b_size);
}

size_t model_lower(const struct model *m, const void *key, size_t size)
{
    size_t low = 0, high = m->count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (model_compare(m->pairs[mid].key, m->pairs[mid].key_size, key, size) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct model_pair *model_find(const struct model *m, const void *key, size_t size)
{
    size_t i = model_lower(m, key, size);
    if (i < m->count && model_compare(m->pairs[i].key, m->pairs[i].key_size, key, size) == 0)
        return &m->pairs[i];
    return NULL;
}

static void remove_pair(struct model *m, struct model_pair *p)
{
    size_t i = (size_t)(p - m->pairs);
    pair_free(p);
    memmove(p, p + 1, (m->count - i - 1) * sizeof(*p));
    m->count--;
}

void model_truncate(struct model *m, const void *from, size_t size)
{
    size_t keep = model_lower(m, from, size);
    while (m->count > keep)
        pair_free(&m->pairs[--m->count]);
}

static uint8_t *copy(const void *data, size_t size)
{
    uint8_t *p = must(malloc(size + 1));
    if (size)
        memcpy(p, data, size);
    return p;
}

bool model_put(struct model *m, const void *key, size_t key_size, const void *value,
               size_t value_size, uint64_t timestamp, uint64_t expire_at, uint64_t now_ms)
{
    struct model_pair *p = model_find(m, key, key_size);
    if (p && timestamp < p->timestamp)
        return false;
    if (expire_at != 0 && expire_at <= now_ms) {
        if (p)
            remove_pair(m, p);
        return true;
    }
    if (!p) {
        size_t i = model_lower(m, key, key_size);
        if (m->count == m->capacity) {
            m->capacity = m->capacity ? 2 * m->capacity : 64;
            m->pairs = must(realloc(m->pairs, m->capacity * sizeof(*m->pairs)));
        }
        p = &m->pairs[i];
        memmove(p + 1, p, (m->count - i) * sizeof(*p));
        m->count++;
        *p = (struct model_pair){ .key = copy(key, key_size), .key_size = key_size };
    }
    free(p->value);
    p->value = copy(value, value_size);
    p->value_size = value_size;
    p->timestamp = timestamp;
    p->expire_at = expire_at;
    return true;
}

bool model_delete(struct model *m, const void *key, size_t size, uint64_t timestamp)
{
    struct model_pair *p = model_find(m, key, size);
    if (p && timestamp < p->timestamp)
        return false;
    if (p)
        remove_pair(m, p);
    return true;
}
