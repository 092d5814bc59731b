/* tests/unit/part/manifest_golden_test.c -- the stores the reference wrote: every manifest replays,
 * every mapped page is sound. */
#include <dirent.h>
#include <limits.h>

#include "file/name.h"
#include "manifest_help.h"
#include "page/index.h"
#include "page/leaf.h"
#include "page/overflow.h"
#include "page/page.h"
#include "run.h"

#ifndef ELOQ_SOURCE_ROOT
#define ELOQ_SOURCE_ROOT "."
#endif
#define PAGE_BYTES 4096u /* of all golden stores */

/* What is found on the way. */
struct found {
    struct mem mem;
    uint32_t shift; /* pages per file = 2^shift, of the case being read */
    bool in_place;
    size_t manifests, pages[4];
};

/* The whole file, on the heap; NULL if it is not there. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    rewind(f);
    uint8_t *data = calloc(1, (size_t)size + 1);
    ck_assert_uint_eq(fread(data, 1, (size_t)size, f), (size_t)size);
    fclose(f);
    *ret_size = (size_t)size;
    return data;
}

/* data_file_size and data_append_mode of a case. */
static void read_options(struct found *f, const char *dir)
{
    char path[PATH_MAX];
    size_t size;
    snprintf(path, sizeof(path), "%s/options.ini", dir);
    char *text = (char *)read_file(path, &size);
    ck_assert_msg(text != NULL, "%s is missing", path);
    const char *file_size = strstr(text, "data_file_size = ");
    ck_assert_ptr_nonnull(file_size);
    uint64_t pages = strtoull(file_size + 17, NULL, 10) / PAGE_BYTES;
    f->shift = 63 - (uint32_t)__builtin_clzll(pages);
    f->in_place = strstr(text, "data_append_mode = false") != NULL;
    free(text);
}

static void verify_page(struct found *f, const uint8_t *page, const char *path)
{
    static uint8_t key[PAGE_BYTES];
    struct overflow o;
    int rc = ELOQ_CORRUPTED;
    ck_assert_msg(page_verify(page, PAGE_BYTES), "%s", path);
    uint8_t type = page[PAGE_TYPE_AT];
    ck_assert_uint_lt(type, 4);
    if (type == PAGE_DATA)
        rc = leaf_verify(page, PAGE_BYTES, key);
    else if (type == PAGE_OVERFLOW)
        rc = overflow_open(&o, page, PAGE_BYTES);
    else
        rc = index_verify(page, PAGE_BYTES, key);
    ck_assert_msg(rc == ELOQ_OK, "%s: type %u", path, type);
    f->pages[type]++;
}

static void verify_pages(struct found *f, const struct manifest_state *s, const char *dir)
{
    char path[PATH_MAX], name[FILE_NAME_BYTES];
    for (uint64_t file_id = 0; file_id <= s->max_place >> f->shift; file_id++) {
        size_t size = 0;
        uint8_t *data = NULL;
        for (uint32_t id = 0; id < s->page_count; id++) {
            uint64_t place = s->values[id] >> 3;
            if (s->values[id] == MAPPING_FREE || place >> f->shift != file_id)
                continue;
            file_name_data(name, file_id, terms_get(&s->terms, file_id));
            snprintf(path, sizeof(path), "%.3000s/%s", dir, name);
            if (!data)
                data = read_file(path, &size);
            ck_assert_msg(data != NULL, "%s is missing", path);
            uint64_t at = (place & ((UINT64_C(1) << f->shift) - 1)) * PAGE_BYTES;
            ck_assert_msg(at + PAGE_BYTES <= size, "%s is too short", path);
            verify_page(f, data + at, path);
        }
        free(data);
    }
}

static void verify_partition(struct found *f, const char *dir)
{
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        struct file_name name = file_name_parse(e->d_name);
        if (name.kind != FILE_MANIFEST && name.kind != FILE_ARCHIVE)
            continue;
        char path[PATH_MAX];
        size_t size;
        snprintf(path, sizeof(path), "%.3000s/%s", dir, e->d_name);
        uint8_t *data = read_file(path, &size);
        struct manifest_state s;
        manifest_state_init(&s, &f->mem);
        ck_assert_msg(manifest_replay(&s, data, size, f->in_place) == ELOQ_OK, "%s: %s", path,
                      s.error);
        ck_assert_msg(s.valid_end == size && s.has_manifest_term, "%s", path);
        verify_pages(f, &s, dir);
        manifest_state_free(&s);
        free(data);
        f->manifests++;
    }
    closedir(d);
}

/* Calls f for each directory in `dir`. */
static void each_directory(struct found *found, const char *dir,
                           void (*f)(struct found *found, const char *path))
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%.3000s/%s", dir, e->d_name);
        if (e->d_name[0] != '.' && e->d_type == DT_DIR)
            f(found, path);
    }
    closedir(d);
}

static void verify_store_path(struct found *f, const char *path)
{
    each_directory(f, path, verify_partition);
}

static void verify_case(struct found *f, const char *path)
{
    read_options(f, path);
    each_directory(f, path, verify_store_path);
}

START_TEST(golden_stores_replay_and_verify)
{
    const char *given = getenv("ELOQ_GOLDEN_DIR");
    const char *dir = given ? given : ELOQ_SOURCE_ROOT "/../shared/golden";
    struct found f = { .manifests = 0 };
    mem_init(&f.mem, 0);
    each_directory(&f, dir, verify_case);
    if (f.manifests == 0) {
        printf("skipped: no golden stores in %s\n", dir);
        return;
    }
    printf("%zu manifests; pages: %zu inner index, %zu leaf index, %zu data, %zu overflow\n",
           f.manifests, f.pages[0], f.pages[1], f.pages[2], f.pages[3]);
    for (size_t type = 0; type < 4; type++)
        ck_assert_uint_gt(f.pages[type], 0);
    ck_assert_uint_eq(atomic_load(&f.mem.total), 0);
}
END_TEST

RUN_TESTS("manifest_golden", golden_stores_replay_and_verify)
