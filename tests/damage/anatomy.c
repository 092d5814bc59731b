/* damage/anatomy.c -- what lies where in a sound partition. */
#include "damage/anatomy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "page/index.h"
#include "page/leaf.h"
#include "page/overflow.h"
#include "page/page.h"
#include "part/manifest.h"

#define DEPTH_MAX 8

const char *const role_names[ROLES] = {
    [ROLE_NONE] = "free page",         [ROLE_INNER] = "inner index page",
    [ROLE_INDEX] = "index page",       [ROLE_LEAF] = "data page",
    [ROLE_OVERFLOW] = "overflow page", [ROLE_TTL_INDEX] = "TTL index page",
    [ROLE_TTL_LEAF] = "TTL data page",
};

static struct anatomy_page *page_of(struct anatomy *a, struct page_id id)
{
    CHECK(id.n < a->count && a->pages[id.n].data && a->pages[id.n].role == ROLE_NONE);
    return &a->pages[id.n];
}

static void walk_chain(struct anatomy *a, const struct entry *entry, size_t key)
{
    const uint8_t *ids = entry->value.data;
    size_t count = entry->value.size / 4;

    while (count > 0) {
        struct overflow o = { 0 };
        struct anatomy_page *page = NULL;
        for (size_t i = 0; i < count; i++) {
            page = page_of(a, overflow_id(ids, (uint32_t)i));
            page->role = ROLE_OVERFLOW;
            page->from = key;
            page->to = key + 1;
            CHECK(overflow_open(&o, page->data, EXHIBIT_PAGE) == ELOQ_OK);
        }
        ids = o.ids;
        count = o.id_count;
    }
}

static void walk_leaf(struct anatomy *a, struct anatomy_page *page, bool is_ttl)
{
    static uint8_t key[EXHIBIT_PAGE];
    struct leaf leaf;
    struct leaf_cursor c;

    page->role = is_ttl ? ROLE_TTL_LEAF : ROLE_LEAF;
    CHECK(leaf_open(&leaf, page->data, EXHIBIT_PAGE) == ELOQ_OK);
    leaf_cursor_init(&c, &leaf, key);
    while (leaf_next(&c) == ELOQ_OK) {
        if (is_ttl)
            continue;
        if (c.entry.is_overflow)
            walk_chain(a, &c.entry, a->keys);
        a->keys++;
    }
}

/* As deep as the tree, which is small. */
static void walk(struct anatomy *a, struct page_id id, bool is_ttl, unsigned depth)
{
    uint8_t *key = malloc(EXHIBIT_PAGE);
    struct anatomy_page *page = page_of(a, id);
    struct index index;
    struct index_cursor c;

    CHECK(key != NULL && depth < DEPTH_MAX);
    page->from = a->keys;
    if (page_type(page->data) == PAGE_DATA) {
        walk_leaf(a, page, is_ttl);
    } else {
        CHECK(index_open(&index, page->data, EXHIBIT_PAGE) == ELOQ_OK);
        page->role = is_ttl ? ROLE_TTL_INDEX : index.above_leaves ? ROLE_INDEX : ROLE_INNER;
        index_cursor_init(&c, &index, key);
        while (index_next(&c) == ELOQ_OK)
            walk(a, c.child, is_ttl, depth + 1);
    }
    page->to = a->keys;
    free(key);
}

static void on_record(void *user, const struct manifest_record *record)
{
    struct anatomy *a = user;

    CHECK(a->record_count + 1 < ARRAY_LEN(a->records));
    a->contents[a->record_count] = record->offset + RECORD_HEADER_BYTES + record->payload_bytes;
    a->records[a->record_count++] = record->offset;
    a->records[a->record_count] = record->offset + record->padded_bytes;
}

void anatomy_make(struct anatomy *a, const struct exhibit *x, struct sim_disk *disk,
                  const char *dir, const char *manifest)
{
    struct manifest_state state;
    struct mem m;
    char path[96];

    memset(a, 0, sizeof(*a));
    mem_init(&m, 0);
    manifest_state_init(&state, &m);
    snprintf(path, sizeof(path), "%s/%s", dir, manifest);
    const struct bytes *file = exhibit_file(disk, path);
    CHECK(file && manifest_replay(&state, file->data, file->size, !x->is_append) == ELOQ_OK);
    CHECK(manifest_each(file->data, file->size, on_record, a) == ELOQ_OK);
    a->count = state.page_count;
    a->pages = calloc(a->count + 1, sizeof(*a->pages));
    CHECK(a->pages != NULL);
    for (uint32_t id = 0; id < a->count; id++) {
        struct anatomy_page *page = &a->pages[id];
        if ((state.values[id] & 7) != MAPPING_TYPE_FILE_PAGE)
            continue;
        uint64_t place = state.values[id] >> 3;
        page->offset = (place & ((UINT64_C(1) << x->shift) - 1)) * EXHIBIT_PAGE;
        snprintf(page->path, sizeof(page->path), "%s/data_%llu_0", dir,
                 (unsigned long long)(place >> x->shift));
        const struct bytes *data = exhibit_file(disk, page->path);
        CHECK(data && data->size >= page->offset + EXHIBIT_PAGE);
        page->data = data->data + page->offset;
    }
    if (state.root[0].n != NO_PAGE)
        walk(a, state.root[0], false, 0);
    if (state.root[1].n != NO_PAGE)
        walk(a, state.root[1], true, 0);
    manifest_state_free(&state);
}

void anatomy_free(struct anatomy *a)
{
    free(a->pages);
    memset(a, 0, sizeof(*a));
}

const char *anatomy_archive_name(const struct exhibit *x, unsigned i)
{
    static char name[64];

    snprintf(name, sizeof(name), "manifest_0_%llu", (unsigned long long)x->archives[i].timestamp);
    return name;
}

void anatomy_make_all(struct anatomy *live, struct anatomy *archives, const struct exhibit *x)
{
    anatomy_make(live, x, x->disk, EXHIBIT_DIR, "manifest_0");
    for (unsigned i = 0; i < x->archive_count; i++)
        anatomy_make(&archives[i], x, x->disk, EXHIBIT_DIR, anatomy_archive_name(x, i));
}

void anatomy_free_all(struct anatomy *live, struct anatomy *archives, const struct exhibit *x)
{
    anatomy_free(live);
    for (unsigned i = 0; i < x->archive_count; i++)
        anatomy_free(&archives[i]);
}

const struct anatomy_page *anatomy_at(const struct anatomy *a, const char *path, uint64_t offset)
{
    for (uint32_t id = 0; id < a->count; id++) {
        const struct anatomy_page *page = &a->pages[id];
        if (page->role != ROLE_NONE && offset - page->offset < EXHIBIT_PAGE
            && offset >= page->offset && strcmp(page->path, path) == 0)
            return page;
    }
    return NULL;
}
