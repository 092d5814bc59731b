/* eloqstore/repair_loose.c -- data files whose manifest is lost: every page that is whole.
 *
 * Without the mapping nobody can tell current pages from old ones, but by the timestamps of their
 * pairs: the newest wins, of equal ones that of the higher page. Deleted pairs may come back, and
 * values in overflow pages or compressed with the dictionary cannot be had. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "repair.h"

struct data_file {
    uint64_t id, term;
    uint64_t pages;
    bool is_odd; /* ends within a page */
};

/* A pair whose value cannot be had. */
struct unresolved {
    eloq_slice key;
    uint64_t timestamp; /* the newest one met */
};

struct loose {
    struct salvage *s;
    struct data_file *files;
    size_t count, capacity;
    struct map unresolved;
    struct arena arena;
    bool has_bad_pages;
};

static int no_memory(void)
{
    return cli_fail(CLI_FAILED, "out of memory");
}

static int by_id(const void *a, const void *b)
{
    const struct data_file *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->term > y->term) - (x->term < y->term);
}

static int list_files(struct loose *l)
{
    struct salvage *s = l->s;
    DIR *dir = NULL;
    int code = repair_opendir(s->dir, &dir);
    struct dirent *entry = NULL;
    while (code == 0 && dir && (entry = readdir(dir))) {
        struct file_name name = file_name_parse(entry->d_name);
        struct stat st;
        if (name.kind == FILE_ARCHIVE)
            cli_fail(0, "%s/%s is an archive: it may hold more than is found here", s->dir,
                     entry->d_name);
        if (name.kind != FILE_DATA)
            continue;
        if (fstatat(dirfd(dir), entry->d_name, &st, 0) != 0)
            code = cli_fail(CLI_FAILED, "cannot look at %s/%s: %s", s->dir, entry->d_name,
                            strerror(errno));
        if (code == 0)
            code = salvage_grow(s, &l->files, l->count, &l->capacity, sizeof(*l->files));
        if (code == 0) {
            uint64_t page_bytes = s->repair->format.data_page_size;
            l->files[l->count++] =
                (struct data_file){ name.id, name.term, (uint64_t)st.st_size / page_bytes,
                                    (uint64_t)st.st_size % page_bytes != 0 };
        }
    }
    if (dir)
        closedir(dir);
    if (l->count > 1)
        qsort(l->files, l->count, sizeof(*l->files), by_id);
    return code;
}

static bool same_key(const void *value, const void *key)
{
    const struct unresolved *u = value;
    return slice_equal(u->key, *(const eloq_slice *)key);
}

static int note_unresolved(struct loose *l, const struct entry *entry)
{
    uint64_t hash = hash_bytes(entry->key.data, entry->key.size);
    struct unresolved *u = map_get(&l->unresolved, hash, &entry->key);
    if (u) {
        u->timestamp = MAX(u->timestamp, entry->timestamp);
        return 0;
    }
    u = arena_alloc(&l->arena, sizeof(*u));
    void *key = arena_copy(&l->arena, entry->key.data, entry->key.size);
    if (!u || !key)
        return no_memory();
    *u = (struct unresolved){ eloq_bytes(key, entry->key.size), entry->timestamp };
    return map_put(&l->unresolved, hash, u) < 0 ? no_memory() : 0;
}

static int take_entry(struct loose *l, const struct entry *entry)
{
    struct salvage *s = l->s;
    eloq_slice value;
    int code = 0;
    if (entry->is_overflow || entry->compression == COMPRESSION_DICT
        || !salvage_plain(s, entry, entry->value, &value, &code))
        return code != 0 ? code : note_unresolved(l, entry);
    return salvage_put(s, entry, value);
}

static bool is_zero(const uint8_t *page, size_t size)
{
    return page[0] == 0 && memcmp(page, page + 1, size - 1) == 0;
}

static int take_page(struct loose *l, const char *name, uint64_t index)
{
    struct salvage *s = l->s;
    uint32_t page_bytes = s->repair->format.data_page_size;
    struct leaf leaf;
    struct leaf_cursor c;
    memset(s->page, 1, page_bytes); /* what cannot be read is not zero */
    enum page_state state = salvage_read_file(s, name, index, s->page);
    if (state == PAGE_FAILED)
        return CLI_FAILED;
    if (state == PAGE_IS_BAD) {
        /* A page never written, or a hole, is none that was lost. */
        l->has_bad_pages |= !is_zero(s->page, page_bytes);
        return 0;
    }
    if (s->page[PAGE_TYPE_AT] != PAGE_DATA || salvage_looks_ttl(s, s->page)
        || leaf_verify(s->page, page_bytes, s->key) < 0
        || leaf_open(&leaf, s->page, page_bytes) < 0)
        return 0;
    int code = 0;
    leaf_cursor_init(&c, &leaf, s->key);
    while (code == 0 && leaf_next(&c) == ELOQ_OK)
        code = take_entry(l, &c.entry);
    return code;
}

/* Whether something is missing between the files, or in them, that can be seen. */
static bool is_incomplete(const struct loose *l)
{
    if (l->count == 0 || l->has_bad_pages)
        return true;
    for (size_t i = 0; i < l->count; i++) {
        if (l->files[i].is_odd || (i > 0 && l->files[i].id > l->files[i - 1].id + 1))
            return true;
    }
    return l->files[0].id > 0;
}

/* Pairs whose newest version is among the unresolved ones are lost; an older version that was
 * found is not what was stored. */
static int settle(struct loose *l)
{
    struct salvage *s = l->s;
    eloq_store *store = s->repair->cli->store;
    eloq_record record = { 0 };
    struct unresolved *u;
    size_t at = 0;
    int code = 0;
    while (code == 0 && (u = map_next(&l->unresolved, &at))) {
        int rc = eloq_get(store, s->part, u->key, &record);
        if (rc == ELOQ_OK && record.timestamp >= u->timestamp)
            continue;
        eloq_entry gone = { .key = u->key, .timestamp = u->timestamp, .kind = ELOQ_DELETE };
        if (rc == ELOQ_OK)
            rc = eloq_write(store, s->part, &gone, 1);
        code = rc < 0 ? cli_status(s->repair->cli, rc) : salvage_lost_key(s, u->key);
    }
    eloq_record_free(&record);
    return code;
}

static int run(struct loose *l)
{
    struct salvage *s = l->s;
    struct load_flight *out = &s->repair->out;
    char name[FILE_NAME_BYTES];
    int code = list_files(l);
    for (size_t i = 0; i < l->count && code == 0; i++) {
        file_name_data(name, l->files[i].id, l->files[i].term);
        for (uint64_t page = 0; page < l->files[i].pages && code == 0; page++)
            code = take_page(l, name, page);
    }
    if (code != 0)
        return code;
    int rc = load_flight_submit(out);
    if (rc == 0)
        rc = load_flight_wait(out);
    if (rc < 0)
        return cli_fail(CLI_FAILED, "%s", out->words[0] ? out->words : eloq_strerror(rc));
    code = settle(l);
    if (code == 0 && is_incomplete(l))
        code = salvage_lost(s, eloq_bytes(NULL, 0), eloq_bytes(NULL, 0));
    return code;
}

int salvage_loose(struct salvage *s)
{
    struct mem *mem = &s->repair->cli->mem;
    struct loose l = { .s = s };
    cli_fail(0,
             "%s.%" PRIu32 ": salvaged from the data files alone, as well as it can be done: pairs "
             "deleted or cut off before may be back",
             s->part.table, s->part.partition);
    map_init(&l.unresolved, mem, MEM_OTHER, same_key);
    arena_init(&l.arena, mem);
    int code = run(&l);
    map_free(&l.unresolved);
    arena_free(&l.arena);
    mem_free(mem, l.files);
    return code;
}
