/* damage/exhibit.c -- small stores to be damaged: one for each kind of content. */
#include "damage/exhibit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "sim/sim_node.h"

#define WALL_US UINT64_C(1700000000000000)
#define EXPIRES_MS UINT64_C(4102444800000) /* the year 2100 */
#define BATCH_MAX 1200
#define VALUE_MAX 64000
#define KEY_MAX 1200

const eloq_part exhibit_part = { "t", 0 }, exhibit_other = { "u", 0 };

static struct mem exhibit_mem;

static const struct {
    const char *name;
    bool is_append, compresses;
    uint32_t shift, pointers, salt;
} kinds[EXHIBIT_KINDS] = {
    [EXHIBIT_IN_PLACE] = { "in place", false, false, 3, 16, 0 },
    [EXHIBIT_APPEND] = { "append", true, false, 3, 16, 1 },
    [EXHIBIT_COMPRESSED] = { "compressed", false, true, 4, 16, 2 },
    [EXHIBIT_TTL] = { "ttl", false, false, 2, 16, 3 },
    [EXHIBIT_LARGE] = { "large", false, false, 4, 2, 4 },
    [EXHIBIT_DEEP] = { "deep", true, false, 4, 16, 5 },
    [EXHIBIT_JOINT] = { "joint", false, false, 3, 16, 8 },
    [EXHIBIT_WIDE] = { "wide", false, false, 6, 3, 6 },
    [EXHIBIT_WIDE_APPEND] = { "wide append", true, false, 5, 3, 7 },
};

/* ---- opening ---- */

struct opening {
    struct sim_disk *disk;
    struct exhibit *x;
};

static int open_io(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    const struct opening *o = user;

    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(o->disk, &o->x->clock, o->x->seed, ret);
}

int exhibit_open(struct exhibit *x, struct sim_disk *disk, uint64_t as_of, eloq_store **ret)
{
    eloq_options options = ELOQ_OPTIONS(EXHIBIT_STORE);
    struct opening opening = { disk, x };

    x->clock.clock.user = &x->clock;
    if (x->has_format) {
        options.format.data_append_mode = x->is_append ? 1 : ELOQ_ZERO;
        options.format.pages_per_file_shift = x->shift;
        options.format.overflow_pointers = x->pointers;
        options.format.commit_protocol = x->kind == EXHIBIT_JOINT ? ELOQ_ONE_FLUSH : ELOQ_TWO_FLUSH;
    }
    options.host_driven = 1;
    options.as_of = as_of;
    options.archive_interval_secs = ELOQ_ZERO;
    options.memory_bytes = 64 << 20;
    options.enable_compression = x->compresses;
    if (x->kind >= EXHIBIT_SMALL) { /* whole keys: more pages of every kind */
        options.data_page_restart_interval = 1;
        options.index_page_restart_interval = 1;
    }
    struct store_seams seams = {
        .clock = &x->clock.clock, .seed = x->seed + 1, .io_open = open_io, .io_user = &opening
    };
    return store_open(&options, &seams, ret); /* open_io is called in here alone */
}

/* ---- content ---- */

/* A batch, and the state it leads to. */
struct batch {
    struct exhibit *x;
    eloq_store *db;
    struct rand rand;
    struct model *state;
    eloq_entry entries[BATCH_MAX];
    size_t count;
    unsigned turn; /* values of one turn differ from those of another */
};

static void fill(struct batch *b, uint8_t *value, size_t size, unsigned number)
{
    static const char *const words[] = { "apple ", "store ", "partition ", "page ", "value " };
    char head[40];
    int n = snprintf(head, sizeof(head), "#%u turn %u ", number, b->turn);

    for (size_t at = 0; at < size;) {
        const char *word = at == 0 ? head : words[rand_below(&b->rand, 5)];
        size_t take = MIN(at == 0 ? (size_t)n : strlen(word), size - at);
        memcpy(value + at, word, take);
        at += take;
    }
}

static size_t key_of(const struct exhibit *x, unsigned number, char *key)
{
    int n = 0;

    if (x->kind == EXHIBIT_DEEP || x->kind >= EXHIBIT_WIDE) { /* few separators a page */
        n = x->kind == EXHIBIT_DEEP ? 900 : 180;
        memset(key, 'k', (size_t)n);
    }
    return (size_t)(n + snprintf(key + n, KEY_MAX - (size_t)n, "key%05u", number));
}

static void put(struct batch *b, unsigned number, size_t size, bool expires)
{
    static uint8_t value[VALUE_MAX];
    static char key[KEY_MAX];
    size_t key_size = key_of(b->x, number, key);
    uint64_t expire_at = expires ? EXPIRES_MS + number % 7 : 0;

    fill(b, value, size, number);
    model_put(b->state, key, key_size, value, size, WALL_US + b->turn, expire_at, 0);
    const struct model_pair *p = model_find(b->state, key, key_size);
    size_t at = 0; /* a key twice: the later one counts */
    while (at < b->count && b->entries[at].key.data != p->key)
        at++;
    CHECK(at < BATCH_MAX);
    b->count = MAX(b->count, at + 1);
    b->entries[at] = (eloq_entry){ .key = eloq_bytes(p->key, p->key_size),
                                   .value = eloq_bytes(p->value, p->value_size),
                                   .timestamp = p->timestamp,
                                   .expire_at = p->expire_at };
}

/* Of keys from `from` on, every `step`th until `to`. */
static void put_range(struct batch *b, unsigned from, unsigned to, unsigned step, size_t least,
                      size_t most, unsigned expiring)
{
    for (unsigned i = from; i < to; i += step)
        put(b, i, least + rand_below(&b->rand, most - least + 1),
            expiring > 0 && i % expiring != 0);
}

static void begin(struct batch *b)
{
    struct exhibit *x = b->x;

    CHECK(x->commits < EXHIBIT_COMMITS_MAX);
    b->state = &x->states[x->commits];
    b->count = 0;
    b->turn = x->commits;
    if (x->commits > 0)
        model_copy(b->state, &x->states[x->commits - 1]);
}

static void keep(struct batch *b)
{
    struct exhibit *x = b->x;

    x->history[x->commits++] = sim_disk_copy(x->disk);
}

static int end(struct batch *b)
{
    TRY(eloq_write(b->db, exhibit_part, b->entries, b->count));
    keep(b);
    return ELOQ_OK;
}

static int truncate_to(struct batch *b, unsigned number)
{
    static char key[KEY_MAX];
    size_t size = key_of(b->x, number, key);

    begin(b);
    model_truncate(b->state, key, size);
    TRY(eloq_truncate(b->db, exhibit_part, eloq_bytes(key, size)));
    keep(b);
    return ELOQ_OK;
}

static int archive(struct batch *b)
{
    struct exhibit *x = b->x;
    struct exhibit_archive *a = &x->archives[x->archive_count++];

    CHECK(x->archive_count <= EXHIBIT_ARCHIVES_MAX);
    *a = (struct exhibit_archive){ WALL_US + x->archive_count, x->commits - 1 };
    return eloq_archive(b->db, exhibit_part, a->timestamp);
}

static int fill_small(struct batch *b)
{
    begin(b);
    put_range(b, 0, 60, 1, 40, 250, 0);
    TRY(end(b));
    begin(b);
    put_range(b, 3, 80, 7, 100, 400, 0);
    TRY(end(b));
    if (b->x->is_append)
        TRY(archive(b));
    begin(b);
    put_range(b, 1, 70, 9, 40, 300, 0);
    put(b, 95, 9000, false);
    TRY(end(b));
    begin(b);
    put_range(b, 5, 70, 11, 40, 300, 0);
    TRY(end(b));
    return b->x->is_append ? archive(b) : ELOQ_OK;
}

/* Enough for a dictionary, most of which goes again. */
static int fill_compressed(struct batch *b)
{
    begin(b);
    put_range(b, 0, 420, 1, 4000, 4000, 0);
    TRY(end(b));
    TRY(truncate_to(b, 20));
    begin(b);
    put_range(b, 2, 60, 3, 120, 900, 0);
    TRY(end(b));
    begin(b);
    put(b, 30, 60000, false);
    put_range(b, 1, 60, 4, 120, 900, 0);
    return end(b);
}

static int fill_ttl(struct batch *b)
{
    for (unsigned turn = 0; turn < 4; turn++) {
        begin(b);
        if (turn == 0)
            put_range(b, 0, 90, 1, 60, 300, 3);
        else
            put_range(b, turn, 90, 8, 30, 300, 2 + turn);
        TRY(end(b));
    }
    return ELOQ_OK;
}

static int fill_large(struct batch *b)
{
    begin(b);
    put_range(b, 0, 30, 1, 20, 200, 0);
    put(b, 4, 9000, true);
    put(b, 12, 23000, false);
    put(b, 29, 5000, false);
    TRY(end(b));
    begin(b);
    put(b, 12, 26000, false);
    put(b, 17, 12300, true);
    TRY(end(b));
    begin(b);
    put_range(b, 1, 30, 6, 20, 200, 0);
    return end(b);
}

static int fill_deep(struct batch *b)
{
    begin(b);
    put_range(b, 0, 40, 1, 300, 700, 0);
    TRY(end(b));
    TRY(archive(b));
    begin(b);
    put_range(b, 6, 44, 5, 300, 700, 0);
    TRY(end(b));
    TRY(archive(b));
    begin(b);
    put_range(b, 2, 40, 13, 300, 700, 0);
    return end(b);
}

/* Of all kinds something: splits, merges, values that grow into chains and shrink again. */
static int fill_wide(struct batch *b)
{
    begin(b);
    put_range(b, 0, 700, 2, 500, 1200, 2);
    put_range(b, 401, 500, 8, 5000, 16000, 0);
    TRY(end(b));
    begin(b);
    put_range(b, 101, 180, 2, 500, 1200, 3);
    TRY(end(b));
    begin(b);
    put_range(b, 0, 400, 18, 500, 1200, 2);
    put_range(b, 401, 500, 16, 5000, 16000, 0);
    put_range(b, 300, 330, 6, 4200, 9000, 0);
    TRY(end(b));
    begin(b);
    put_range(b, 7, 400, 40, 500, 1200, 2);
    put_range(b, 230, 260, 1, 20, 60, 0); /* leaves that become few */
    TRY(end(b));
    begin(b);
    put_range(b, 4, 400, 60, 500, 1200, 3);
    put(b, 306, 50, true);
    return end(b);
}

static int fill_other(struct batch *b)
{
    struct exhibit *x = b->x;

    b->state = &x->other;
    b->count = 0;
    b->turn = 99;
    if (x->kind >= EXHIBIT_WIDE)
        put_range(b, 0, 300, 2, 500, 1200, 4); /* the same keys in pages of the same ids */
    else
        put_range(b, 0, 12, 1, 50, 200, 0);
    put(b, 405, 5000, false);
    return eloq_write(b->db, exhibit_other, b->entries, b->count);
}

static int fill_all(struct batch *b)
{
    static int (*const fills[EXHIBIT_KINDS])(struct batch * b) = {
        [EXHIBIT_IN_PLACE] = fill_small,        [EXHIBIT_APPEND] = fill_small,
        [EXHIBIT_COMPRESSED] = fill_compressed, [EXHIBIT_TTL] = fill_ttl,
        [EXHIBIT_LARGE] = fill_large,           [EXHIBIT_DEEP] = fill_deep,
        [EXHIBIT_JOINT] = fill_small,           [EXHIBIT_WIDE] = fill_wide,
        [EXHIBIT_WIDE_APPEND] = fill_wide,
    };
    TRY(fills[b->x->kind](b));
    return fill_other(b);
}

bool exhibit_make(struct exhibit *x, enum exhibit_kind kind, uint64_t seed)
{
    static struct batch batch;

    if (!exhibit_mem.limit)
        mem_init(&exhibit_mem, UINT64_C(1) << 40);
    *x = (struct exhibit){ .kind = kind,
                           .name = kinds[kind].name,
                           .is_append = kinds[kind].is_append,
                           .compresses = kinds[kind].compresses,
                           .shift = kinds[kind].shift,
                           .pointers = kinds[kind].pointers,
                           .seed = seed };
    sim_clock_init(&x->clock, WALL_US);
    x->disk = sim_disk_new(&exhibit_mem);
    x->has_format = true;
    batch = (struct batch){ .x = x };
    rand_seed(&batch.rand, seed * 100 + kinds[kind].salt);
    int rc = exhibit_open(x, x->disk, 0, &batch.db);
    if (rc == ELOQ_OK)
        rc = fill_all(&batch);
    if (rc == ELOQ_OK)
        rc = eloq_close(batch.db);
    x->has_format = false;
    sim_disk_kill(x->disk);
    if (rc != ELOQ_OK)
        fprintf(stderr, "the store \"%s\" is not made: %s\n", x->name, eloq_errmsg());
    return rc == ELOQ_OK;
}

void exhibit_free(struct exhibit *x)
{
    for (unsigned i = 0; i < x->commits; i++) {
        model_free(&x->states[i]);
        sim_disk_free(x->history[i]);
    }
    model_free(&x->other);
    sim_disk_free(x->disk);
    *x = (struct exhibit){ 0 };
}

unsigned exhibit_state_at(const struct exhibit *x, uint64_t end)
{
    const struct bytes *last = exhibit_file(x->disk, EXHIBIT_DIR "/manifest_0");
    unsigned state = 0;

    for (unsigned i = 0; i < x->commits; i++) {
        const struct bytes *then = exhibit_file(x->history[i], EXHIBIT_DIR "/manifest_0");
        if (then->size <= end && memcmp(then->data, last->data, then->size) == 0)
            state = i;
    }
    return state;
}

/* ---- behind its back ---- */

struct bytes *exhibit_file(struct sim_disk *disk, const char *path)
{
    struct sim_place place;

    if (sim_walk(disk, path, &place) < 0 || !place.node || place.node->is_dir)
        return NULL;
    return &place.node->now;
}

const char **exhibit_names(struct sim_disk *disk, const char *dir)
{
    struct sim_place place;

    CHECK(sim_walk(disk, dir, &place) == 0 && place.node && place.node->is_dir);
    const struct sim_entries *e = &place.node->now_entries;
    const char **names = calloc(e->count + 1, sizeof(*names));
    CHECK(names != NULL);
    for (size_t i = 0; i < e->count; i++)
        names[i] = e->items[i].name;
    return names;
}

struct sim_node *exhibit_hide(struct sim_disk *disk, const char *path)
{
    struct sim_place place;

    CHECK(sim_walk(disk, path, &place) == 0 && place.node);
    sim_node_ref(place.node);
    sim_entries_remove(disk, &place.dir->now_entries, place.name);
    return place.node;
}

void exhibit_show(struct sim_disk *disk, const char *path, struct sim_node *node)
{
    struct sim_place place;

    CHECK(sim_walk(disk, path, &place) == 0);
    sim_entries_set(disk, &place.dir->now_entries, place.name, node);
    sim_node_unref(disk, node);
}

uint64_t exhibit_digest(const struct sim_disk *disk)
{
    uint64_t h = 0;

    for (const struct list *item = disk->nodes.next; item != &disk->nodes; item = item->next) {
        const struct sim_node *node = container_of(item, struct sim_node, link);
        const struct sim_entries *e = &node->now_entries;
        h = h * 31 + (node->is_dir ? 0 : checksum64(node->now.data, node->now.size));
        for (size_t i = 0; i < e->count; i++)
            h = h * 31 + checksum64(e->items[i].name, strlen(e->items[i].name));
    }
    return h;
}
