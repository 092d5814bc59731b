/* io/names.c -- the names a directory was found to hold. */
#include "io/io.h"

#include <errno.h>

void io_names_init(struct io_names *n, struct mem *m)
{
    *n = (struct io_names){ .mem = m };
}

void io_names_free(struct io_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        mem_free(n->mem, n->names[i].name);
    mem_free(n->mem, n->names);
    *n = (struct io_names){ .mem = n->mem, .most = n->most };
}

int io_names_add(struct io_names *n, const char *name, bool is_dir)
{
    char *copy;

    if (n->count == n->capacity) {
        size_t capacity = n->capacity ? n->capacity * 2 : 16;
        struct io_name *names = mem_realloc(n->mem, MEM_FILES, n->names, capacity * sizeof *names);

        if (!names)
            return -ENOMEM;
        n->names = names;
        n->capacity = capacity;
    }
    copy = mem_strdup(n->mem, MEM_FILES, name);
    if (!copy)
        return -ENOMEM;
    n->names[n->count++] = (struct io_name){ .name = copy, .is_dir = is_dir };
    return n->count == n->most;
}
