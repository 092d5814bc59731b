/* tests/golden/make_stores.c -- the golden stores of this version, made anew from nothing but a
 * seed.
 *
 *     make_stores DIRECTORY
 *
 * Those of damage/exhibit.h as files: DIRECTORY/NAME/store/..., and what they hold, told by the
 * model and not by the store: NAME/expected.tsv (partition, key, digest of the value, its size,
 * timestamp, expiry), NAME/expected_TIMESTAMP.tsv of each archive. The bytes are those of the
 * simulated disk, where random numbers and time are seeded too; places that no page uses are zeros.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "base/checksum.h"
#include "damage/anatomy.h"

#define SEED 19

static void make_dir(const char *path)
{
    if (mkdir(path, 0755) != 0) {
        perror(path);
        exit(1);
    }
}

static FILE *create(const char *path)
{
    FILE *file = fopen(path, "wx");

    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void close_file(FILE *file, const char *path)
{
    if (fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void write_pairs(FILE *file, const char *part, const struct model *m)
{
    for (size_t i = 0; i < m->count; i++) {
        const struct model_pair *p = &m->pairs[i];
        fprintf(file, "%s\t", part);
        for (size_t k = 0; k < p->key_size; k++)
            fprintf(file, "%02x", p->key[k]);
        fprintf(file, "\t%016" PRIx64 "\t%zu\t%" PRIu64 "\t%" PRIu64 "\n",
                checksum64(p->value, p->value_size), p->value_size, p->timestamp, p->expire_at);
    }
}

static void write_expected(const struct exhibit *x, const char *dir)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/expected.tsv", dir);
    FILE *file = create(path);
    write_pairs(file, "t.0", exhibit_now(x));
    write_pairs(file, "u.0", &x->other);
    close_file(file, path);
    for (unsigned i = 0; i < x->archive_count; i++) {
        snprintf(path, sizeof(path), "%s/expected_%" PRIu64 ".tsv", dir, x->archives[i].timestamp);
        file = create(path);
        write_pairs(file, "t.0", &x->states[x->archives[i].state]);
        close_file(file, path);
    }
}

/* Places of a data file that neither the live state nor an archive uses. */
static void clear_unused(struct exhibit *x, const struct anatomy *states, unsigned count,
                         const char *dir, const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    struct bytes *bytes = exhibit_file(x->disk, path);
    for (uint64_t at = 0; at < bytes->size; at += EXHIBIT_PAGE) {
        bool is_used = false;
        for (unsigned i = 0; i < count; i++)
            is_used |= anatomy_at(&states[i], path, at) != NULL;
        if (!is_used)
            memset(bytes->data + at, 0, EXHIBIT_PAGE);
    }
}

static void clear_dir(struct exhibit *x, const char *dir, const char **names)
{
    struct anatomy states[EXHIBIT_ARCHIVES_MAX + 1];
    unsigned count = 0;

    for (size_t i = 0; names[i]; i++)
        if (strncmp(names[i], "manifest_", 9) == 0)
            anatomy_make(&states[count++], x, x->disk, dir, names[i]);
    for (size_t i = 0; names[i]; i++)
        if (strncmp(names[i], "data_", 5) == 0)
            clear_unused(x, states, count, dir, names[i]);
    while (count > 0)
        anatomy_free(&states[--count]);
}

static void write_dir(struct exhibit *x, const char *from, const char *to)
{
    const char **names = exhibit_names(x->disk, from);
    char path[512];

    make_dir(to);
    clear_dir(x, from, names);
    for (size_t i = 0; names[i]; i++) {
        snprintf(path, sizeof(path), "%s/%s", from, names[i]);
        const struct bytes *bytes = exhibit_file(x->disk, path);
        CHECK(bytes);
        snprintf(path, sizeof(path), "%s/%s", to, names[i]);
        FILE *file = create(path);
        fwrite(bytes->data, 1, bytes->size, file);
        close_file(file, path);
    }
    free(names);
}

static void write_store(struct exhibit *x, const char *dir)
{
    static const char *const dirs[] = { ".eloqstore", "t.0", "u.0" };
    char from[128], to[400];

    make_dir(dir);
    snprintf(to, sizeof(to), "%s/store", dir);
    make_dir(to);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
        snprintf(from, sizeof(from), EXHIBIT_STORE "/%s", dirs[i]);
        snprintf(to, sizeof(to), "%s/store/%s", dir, dirs[i]);
        write_dir(x, from, to);
    }
    write_expected(x, dir);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make_stores DIRECTORY\n");
        return 2;
    }
    for (enum exhibit_kind kind = 0; kind < EXHIBIT_SMALL; kind++) {
        static struct exhibit x;
        char dir[256];
        if (!exhibit_make(&x, kind, SEED))
            return 1;
        snprintf(dir, sizeof(dir), "%.200s/%.20s", argv[1], x.name);
        for (char *p = dir + strlen(argv[1]); *p; p++)
            *p = *p == ' ' ? '_' : *p;
        write_store(&x, dir);
        exhibit_free(&x);
    }
    return 0;
}
