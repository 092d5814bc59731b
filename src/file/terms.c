/* file/terms.c -- the terms of data files: a sorted array without the zeros. */
#include "file/terms.h"

#include <string.h>

#include "eloqstore.h"

void terms_init(struct terms *s, struct mem *m)
{
    memset(s, 0, sizeof(*s));
    s->mem = m;
}

void terms_free(struct terms *s)
{
    mem_free(s->mem, s->entries);
    terms_init(s, s->mem);
}

/* The first entry with a file id not below this one. */
static size_t lower_bound(const struct terms *s, uint64_t file_id)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->entries[middle].file_id < file_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t terms_get(const struct terms *s, uint64_t file_id)
{
    size_t i = lower_bound(s, file_id);
    return i < s->count && s->entries[i].file_id == file_id ? s->entries[i].term : 0;
}

static int reserve(struct terms *s, size_t count)
{
    if (count <= s->capacity)
        return 0;
    size_t capacity = MAX(count, MAX(2 * s->capacity, (size_t)8));
    if (capacity > SIZE_MAX / sizeof(*s->entries))
        return ELOQ_NO_MEMORY;
    void *p = mem_realloc(s->mem, MEM_MAPPING, s->entries, capacity * sizeof(*s->entries));
    if (!p)
        return ELOQ_NO_MEMORY;
    s->entries = p;
    s->capacity = capacity;
    return 0;
}

static void remove_at(struct terms *s, size_t i)
{
    s->count--;
    memmove(s->entries + i, s->entries + i + 1, (s->count - i) * sizeof(*s->entries));
}

int terms_set(struct terms *s, uint64_t file_id, uint64_t term)
{
    size_t i = lower_bound(s, file_id);
    if (i < s->count && s->entries[i].file_id == file_id) {
        if (term == 0)
            remove_at(s, i);
        else
            s->entries[i].term = term;
        return 0;
    }
    if (term == 0)
        return 0;
    if (reserve(s, s->count + 1) < 0)
        return ELOQ_NO_MEMORY;
    memmove(s->entries + i + 1, s->entries + i, (s->count - i) * sizeof(*s->entries));
    s->entries[i] = (struct term_entry){ file_id, term };
    s->count++;
    return 0;
}

static void drop_zeros(struct terms *s)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (s->entries[i].term != 0)
            s->entries[kept++] = s->entries[i];
    s->count = kept;
}

int terms_merge(struct terms *s, const struct term_entry *sorted, size_t count)
{
    size_t strangers = 0;
    for (size_t i = 0, at = 0; i < count; i++) {
        while (at < s->count && s->entries[at].file_id < sorted[i].file_id)
            at++;
        bool known = at < s->count && s->entries[at].file_id == sorted[i].file_id;
        strangers += !known && sorted[i].term != 0;
    }
    if (reserve(s, s->count + strangers) < 0)
        return ELOQ_NO_MEMORY;

    /* From the back, so that nothing is overwritten before it has moved. */
    size_t from = s->count, to = s->count + strangers;
    for (size_t i = count; i > 0; i--) {
        struct term_entry new = sorted[i - 1];
        while (from > 0 && s->entries[from - 1].file_id > new.file_id)
            s->entries[--to] = s->entries[--from];
        bool known = from > 0 && s->entries[from - 1].file_id == new.file_id;
        from -= known;
        if (known || new.term != 0)
            s->entries[--to] = new;
    }
    s->count += strangers;
    drop_zeros(s);
    return 0;
}
