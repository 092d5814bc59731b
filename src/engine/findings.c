/* engine/findings.c -- what a check found, kept until the host's callback hears of it. */
#include "engine/findings.h"

#include <string.h>

struct finding {
    struct finding *next;
    eloq_finding shown; /* its strings are behind this struct */
};

static int deliver(struct delivery *delivery, int status)
{
    struct findings *f = container_of(delivery, struct findings, delivery);
    eloq_part part = { f->table, f->partition };

    for (struct finding *one = f->first; one; one = one->next)
        if (f->callback)
            f->callback(f->user, part, &one->shown);
    findings_free(f);
    return status;
}

/* The hash is all there is to compare. */
static bool same_hash(const void *value, const void *key)
{
    (void)value;
    (void)key;
    return true;
}

struct findings *findings_new(struct eloq_store *store, const struct request *r)
{
    struct findings *f = mem_zalloc(&store->mem, MEM_RESULTS, sizeof(*f));
    char *table = f ? mem_strdup(&store->mem, MEM_RESULTS, r->ask.part.table) : NULL;

    if (!table) {
        mem_free(&store->mem, f);
        return NULL;
    }
    store_ref(store);
    f->store = store;
    f->table = table;
    f->partition = r->ask.part.partition;
    f->callback = r->ask.check.callback;
    f->user = r->ask.check.user;
    f->last = &f->first;
    map_init(&f->known, &store->mem, MEM_RESULTS, same_hash);
    f->delivery.run = deliver;
    return f;
}

void findings_free(struct findings *f)
{
    struct eloq_store *store = f->store;
    struct finding *next;

    for (struct finding *one = f->first; one; one = next) {
        next = one->next;
        mem_free(&store->mem, one);
    }
    map_free(&f->known);
    mem_free(&store->mem, f->table);
    mem_free(&store->mem, f);
    store_unref(store);
}

bool findings_is_new(struct findings *f, const char *what, const char *path, uint64_t offset)
{
    uint64_t hash = hash_mix(hash_bytes(what, strlen(what)), offset);

    if (path)
        hash = hash_mix(hash, hash_bytes(path, strlen(path)));
    if (map_get(&f->known, hash, NULL))
        return false;
    if (map_put(&f->known, hash, f) < 0)
        f->no_memory = true;
    return true;
}

static char *append(char **at, const void *data, size_t size)
{
    char *copy = *at;

    if (size > 0)
        memcpy(copy, data, size);
    *at += size;
    return copy;
}

void findings_add(struct findings *f, enum eloq_severity severity, const char *what,
                  const char *path, uint64_t offset, eloq_slice from, eloq_slice to)
{
    size_t what_bytes = strlen(what) + 1, path_bytes = path ? strlen(path) + 1 : 0;

    if (severity == ELOQ_DAMAGE)
        f->counts.damages++;
    else
        f->counts.notes++;
    struct finding *one = mem_alloc(&f->store->mem, MEM_RESULTS,
                                    sizeof(*one) + what_bytes + path_bytes + from.size + to.size);
    if (!one) {
        f->no_memory = true;
        return;
    }
    char *at = (char *)(one + 1);
    one->next = NULL;
    one->shown = (eloq_finding){ .severity = severity, .offset = offset };
    one->shown.what = append(&at, what, what_bytes);
    if (path)
        one->shown.file = append(&at, path, path_bytes);
    one->shown.from = eloq_bytes(append(&at, from.data, from.size), from.size);
    one->shown.to = eloq_bytes(append(&at, to.data, to.size), to.size);
    *f->last = one;
    f->last = &one->next;
}
