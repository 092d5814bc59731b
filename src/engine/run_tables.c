/* engine/run_tables.c -- every partition on disk. */
#include <stdlib.h>
#include <string.h>

#include "engine/run.h"
#include "engine/store.h"
#include "file/name.h"

/* What was found, on its way to the host's callback: "table.7" each. */
struct found {
    struct delivery delivery;
    struct eloq_store *store; /* referenced: the names are its memory */
    struct io_names names;
    int (*callback)(void *user, eloq_part part);
    void *user;
};

static int compare(const void *a, const void *b)
{
    const char *x = ((const struct io_name *)a)->name, *y = ((const struct io_name *)b)->name;
    size_t x_size = 0, y_size = 0;
    uint32_t x_number = 0, y_number = 0;

    file_name_parse_partition(x, &x_size, &x_number);
    file_name_parse_partition(y, &y_size, &y_number);
    int c = memcmp(x, y, MIN(x_size, y_size));
    if (c != 0 || x_size != y_size)
        return c != 0 ? c : x_size < y_size ? -1 : 1;
    return x_number < y_number ? -1 : x_number > y_number;
}

static int deliver(struct delivery *delivery, int status)
{
    struct found *f = container_of(delivery, struct found, delivery);
    struct eloq_store *store = f->store;

    if (f->names.count > 0)
        qsort(f->names.names, f->names.count, sizeof(*f->names.names), compare);
    for (size_t i = 0; i < f->names.count && status == ELOQ_OK; i++) {
        char *name = f->names.names[i].name;
        size_t table_size = 0;
        eloq_part part = { name, 0 };
        file_name_parse_partition(name, &table_size, &part.partition);
        name[table_size] = '\0';
        status = f->callback(f->user, part);
    }
    io_names_free(&f->names);
    mem_free(&store->mem, f);
    store_unref(store);
    return status;
}

/* Moves the partitions' names that belong in this path to the result. */
static int keep_partitions(struct eloq_store *store, uint32_t index, const struct io_names *all,
                           struct io_names *ret)
{
    for (size_t i = 0; i < all->count; i++) {
        size_t table_size;
        uint32_t partition;
        const char *name = all->names[i].name;
        if (!all->names[i].is_dir || !file_name_parse_partition(name, &table_size, &partition)
            || partition % store->files.path_count != index)
            continue;
        if (io_names_add(ret, name, true) < 0)
            return ELOQ_NO_MEMORY;
    }
    return ELOQ_OK;
}

static int list_path(struct task *t, struct shard *s, uint32_t index, struct io_names *ret)
{
    struct eloq_store *store = s->store;
    const char *path = store->files.paths[index];
    struct io_names all;

    io_names_init(&all, &store->mem);
    int rc = io_list(t, s->io, path, &all);
    if (rc < 0)
        rc = io_fail(t, "list", rc, path, 0);
    else if (keep_partitions(store, index, &all, ret) < 0)
        rc = task_no_memory(t);
    io_names_free(&all);
    return MIN(rc, ELOQ_OK);
}

int tables_list(struct task *t, struct shard *s, struct io_names *ret)
{
    for (uint32_t i = 0; i < s->store->files.path_count; i++)
        TRY(list_path(t, s, i, ret));
    return ELOQ_OK;
}

int run_tables(struct task *t, struct shard *s, struct request *r)
{
    struct eloq_store *store = s->store;
    struct found *f = mem_zalloc(&store->mem, MEM_RESULTS, sizeof(*f));

    if (!f)
        return task_no_memory(t);
    io_names_init(&f->names, &store->mem);
    int rc = tables_list(t, s, &f->names);
    if (rc < 0) {
        io_names_free(&f->names);
        mem_free(&store->mem, f);
        return rc;
    }
    store_ref(store);
    f->store = store;
    f->callback = r->ask.tables.callback;
    f->user = r->ask.tables.user;
    f->delivery.run = deliver;
    r->delivery = &f->delivery;
    return ELOQ_OK;
}
