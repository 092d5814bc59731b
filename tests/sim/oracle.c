/* sim/oracle.c -- looks at every data file that is about to be removed or cut. */
#include "sim/oracle.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "file/name.h"
#include "part/manifest.h"
#include "sim/sim_node.h"

static uint64_t looked_at;

/* What goes: of one file all that begins at or after an offset. */
struct removal {
    const struct oracle *oracle;
    const char *path;
    char dir[PATH_MAX];
    uint64_t file_id, offset;
};

static bool takes(const struct removal *r, uint64_t place)
{
    uint32_t shift = r->oracle->shift;
    uint64_t index = place & ((UINT64_C(1) << shift) - 1);

    return place >> shift == r->file_id && (index + 1) * r->oracle->page_bytes > r->offset;
}

__attribute__((noreturn)) static void fail(const struct removal *r, const char *who)
{
    static char words[PATH_MAX + 200];

    snprintf(words, sizeof(words), "%s %s %s", r->path,
             r->offset == 0 ? "goes, and" : "is cut, and", who);
    r->oracle->fail(r->oracle->user, words);
    abort();
}

/* One that cannot be read names nothing: others see to it that it can. */
static void look_at_manifest(const struct removal *r, const struct bytes *content, const char *who)
{
    struct manifest_state state;

    manifest_state_init(&state, r->oracle->disk->mem);
    if (manifest_replay(&state, content->data, content->size, !r->oracle->append) == ELOQ_OK)
        for (uint32_t id = 0; id < state.page_count; id++)
            if ((state.values[id] & 7) == MAPPING_TYPE_FILE_PAGE && takes(r, state.values[id] >> 3))
                fail(r, who);
    manifest_state_free(&state);
}

static void look_at_disk(const struct removal *r)
{
    struct sim_place place;

    if (sim_walk(r->oracle->disk, r->dir, &place) < 0 || !place.node)
        return;
    const struct sim_entries *views[] = { &place.node->durable_entries, &place.node->now_entries };
    for (size_t v = 0; v < ARRAY_LEN(views); v++) {
        for (size_t i = 0; i < views[v]->count; i++) {
            const struct sim_entry *e = &views[v]->items[i];
            enum file_kind kind = file_name_parse(e->name).kind;

            if (kind != FILE_MANIFEST && kind != FILE_ARCHIVE)
                continue;
            if (v == 0)
                look_at_manifest(r, &e->node->durable,
                                 "a durable manifest or archive names what is in it");
            else
                look_at_manifest(r, &e->node->now, "a manifest or archive names what is in it");
        }
    }
}

static const struct removal *looked_for;

static void look_at_part(struct part *p)
{
    if (strcmp(p->files.dir, looked_for->dir) != 0)
        return;
    for (struct list *node = p->snapshots.next; node != &p->snapshots; node = node->next) {
        const struct snapshot *s = container_of(node, struct snapshot, link);
        for (uint32_t id = 0; id < s->map.page_count; id++) {
            struct file_page place;
            if (mapping_get(&s->map, page_id(id), &place) && takes(looked_for, place.n))
                fail(looked_for,
                     s == p->current ? "the current version needs it" : "a reader needs it");
        }
    }
}

static void look(void *user, const char *path, uint64_t size)
{
    const struct oracle *o = user;
    const char *slash = strrchr(path, '/');
    struct file_name name = file_name_parse(slash + 1);
    struct removal r = { .oracle = o, .path = path, .file_id = name.id, .offset = size };

    if (name.kind != FILE_DATA)
        return;
    snprintf(r.dir, sizeof(r.dir), "%.*s", (int)(slash - path), path);
    looked_at++;
    look_at_disk(&r);
    looked_for = &r;
    eloq_store *db = *o->db;
    for (unsigned i = 0; db && i < db->shard_count; i++)
        part_table_each(&db->shards[i].parts, look_at_part);
    looked_for = NULL;
}

void oracle_begin(struct oracle *o)
{
    sim_disk_watch(o->disk, look, o);
}

void oracle_end(struct sim_disk *disk)
{
    sim_disk_watch(disk, NULL, NULL);
}

uint64_t oracle_count(void)
{
    return looked_at;
}
