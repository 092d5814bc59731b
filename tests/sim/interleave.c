/* sim/interleave.c -- requests of an interleaved life: made at random, their answers compared. */
#include "sim/interleave.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

#define KEY_MAX 128

static struct {
    uint8_t data[KEY_MAX];
    size_t size;
} keys[HISTORY_KEYS];

/* ---- small things ---- */

eloq_part world_part(unsigned p)
{
    static const char *const tables[TABLES] = { "even", "odd" };
    eloq_part part = { tables[p % TABLES], p };

    return part;
}

uint64_t world_ms(const struct world *w)
{
    return clock_wall_us(&w->clock.clock) / 1000;
}

static uint64_t below(struct world *w, uint64_t n)
{
    return rand_below(&w->rand, n);
}

static eloq_slice key_of(unsigned key)
{
    return eloq_bytes(keys[key].data, keys[key].size);
}

static void make_keys(void)
{
    for (unsigned i = 0; i < HISTORY_KEYS; i++) {
        keys[i].size = (size_t)snprintf((char *)keys[i].data, KEY_MAX, "key%02u", i);
        for (unsigned j = 0; j < i % 5 * 20; j++)
            keys[i].data[keys[i].size++] = (uint8_t)('a' + i);
    }
}

/* ---- values: the version, the key, a pattern ---- */

static void fill(uint8_t *value, unsigned key, unsigned version)
{
    size_t size = versions[version].size;

    memset(value, (int)(version * 7 + key * 31), size);
    value[0] = (uint8_t)version;
    value[1] = (uint8_t)(version >> 8);
    value[2] = (uint8_t)key;
}

/* Takes an answer's pair apart. Nothing that was never written may come back. */
static void add_pair(struct world *w, struct history_answer *a, eloq_slice key, eloq_slice value)
{
    static uint8_t want[VALUE_MAX];
    const uint8_t *bytes = value.data;
    unsigned k = 0;

    while (k < HISTORY_KEYS
           && (keys[k].size != key.size || memcmp(keys[k].data, key.data, key.size) != 0))
        k++;
    if (k == HISTORY_KEYS)
        world_fail(w, "a key that was never written");
    unsigned version = value.size < 3 ? 0 : bytes[0] | (unsigned)bytes[1] << 8;
    if (version == 0 || version >= w->versions || versions[version].size != value.size)
        world_fail(w, "a value that was never written: key %u", k);
    fill(want, k, version);
    if (memcmp(want, bytes, value.size) != 0)
        world_fail(w, "a value that was never written: key %u, version %u", k, version);
    if (a->count == HISTORY_KEYS)
        world_fail(w, "too many pairs");
    a->keys[a->count] = (uint8_t)k;
    a->versions[a->count++] = (uint16_t)version;
}

static eloq_slice slice_of(const eloq_buffer *b)
{
    return eloq_bytes(b->data, b->size);
}

void world_read(struct world *w, eloq_store *db, unsigned p, struct history_answer *ret)
{
    eloq_range all = { 0 };
    eloq_iter *iter = NULL;
    eloq_item item;

    *ret = (struct history_answer){ .end = HISTORY_KEYS };
    int rc = eloq_scan(db, world_part(p), &all, &iter);
    while (rc == ELOQ_OK && (rc = eloq_iter_next(iter, &item)) == ELOQ_OK)
        add_pair(w, ret, item.key, item.value);
    eloq_iter_close(iter);
    if (rc != ELOQ_END)
        world_fail(w, "partition %u is not read: status %d", p, rc);
}

/* ---- answers ---- */

static void begin_span(struct world *w, struct flight *f)
{
    f->span.low = w->histories[f->part].seen;
    f->span.from_ms = world_ms(w);
}

static void compare(struct flight *f, const struct history_answer *answer)
{
    struct world *w = f->world;
    struct history *h = &w->histories[f->part];

    f->span.to_ms = world_ms(w);
    unsigned k = history_find(h, f->span.low, &f->span, answer);
    if (k == UINT_MAX) {
        history_print(h, &f->span, answer);
        world_fail(w, "partition %u: an answer of no state it may be of, kind %d", f->part,
                   (int)f->kind);
    }
    history_saw(h, MAX(k, h->seen), w->now);
}

static void answer_key(struct flight *f, unsigned key, int status, const eloq_record *record)
{
    struct history_answer a = { .first = key, .end = key + 1 };

    if (f->kind == FLOOR)
        a = (struct history_answer){ .end = key + 1, .limit = 1, .reverse = true };
    if (status == ELOQ_OK)
        add_pair(f->world, &a, f->kind == FLOOR ? slice_of(&record->key) : key_of(key),
                 slice_of(&record->value));
    compare(f, &a);
}

/* Of get_many each key has a status of its own, whatever became of the others. */
static void answer_reads(struct flight *f)
{
    bool many = f->kind == MANY;

    f->span.high = f->world->histories[f->part].count;
    for (unsigned i = 0; i < f->count; i++) {
        eloq_record *record = many ? &f->records[i] : &f->op.record;
        int status = many ? f->statuses[i] : f->op.status;
        if (status == ELOQ_OK || status == ELOQ_NOT_FOUND)
            answer_key(f, f->keys[i], status, record);
        else if (!f->world->broken)
            world_fail(f->world, "kind %d answers %d for a key", (int)f->kind, status);
        eloq_record_free(record);
    }
}

static void answer_archive(struct flight *f)
{
    struct world *w = f->world;
    struct archive *a = &w->archives[f->archive];

    a->done = true;
    a->exists = f->op.status == ELOQ_OK;
    a->optional |= f->op.status < 0;
    for (unsigned p = 0; p < w->parts; p++) {
        a->optional |= w->failed[p] && (a->all || p == f->part);
        if (a->all)
            a->high[p] = w->histories[p].count;
    }
    if (f->op.status == ELOQ_NOT_FOUND && !a->optional
        && !history_may_be_empty(&w->histories[f->part], a->low[f->part], world_ms(w)))
        world_fail(w, "nothing to archive, though there is something");
}

static void end_scan(struct flight *f)
{
    eloq_iter_close(f->iter);
    f->iter = NULL;
    f->busy = false;
}

/* Takes pairs from the batch, perhaps all; the reader may have enough at any time. Whether it wants
 * the next batch. */
static bool take_pairs(struct flight *f)
{
    struct world *w = f->world;
    eloq_item item;
    int rc = ELOQ_OK;

    while ((rc = eloq_iter_next(f->iter, &item)) == ELOQ_OK) {
        add_pair(w, &f->answer, item.key, item.value);
        if (below(w, 60) == 0) { /* what it has must be right */
            f->answer.limit = f->answer.count;
            rc = ELOQ_END;
            break;
        }
        if (below(w, 12) == 0)
            return false; /* the rest another time */
    }
    if (rc == ELOQ_FETCH)
        return true;
    if (rc == ELOQ_END)
        compare(f, &f->answer);
    else if (!w->broken)
        world_fail(w, "a scan answers %d", rc);
    end_scan(f);
    return false;
}

static void release(struct flight *f)
{
    struct world *w = f->world;
    unsigned table = f->kind == DROP ? f->part : f->part % TABLES;

    if (f->kind == WRITE || f->kind == TRUNCATE || f->kind == RESTORE || f->kind == ARCHIVE)
        w->writing[table]--;
    if (f->kind == DROP)
        w->dropping[table] = false;
    f->busy = false;
    if (f->kind == WRITE) /* what was lent is the lender's again */
        memset(f->entries, 0xEE, sizeof(f->entries));
}

static bool is_expected(const struct flight *f)
{
    int rc = f->op.status;

    switch (f->kind) {
    case GET:
    case FLOOR:
    case COMPACT:
    case CLEAN:
    case CHECKING:
    case ARCHIVE:
        return rc == ELOQ_OK || rc == ELOQ_NOT_FOUND;
    case ARCHIVE_ALL:
        return rc == ELOQ_OK || rc == ELOQ_BUSY;
    default:
        return rc == ELOQ_OK;
    }
}

static void acknowledge(struct world *w, unsigned p, unsigned state)
{
    if (!w->failed[p])
        history_saw(&w->histories[p], MAX(state, w->histories[p].seen), w->now);
}

static void done(eloq_op *op)
{
    struct flight *f = op->user;
    struct world *w = f->world;
    bool expected = is_expected(f);

    w->now++;
    w->idle = 0;
    if (!f->under_way)
        world_fail(w, "answered twice");
    f->under_way = false;
    w->under_way--;
    w->answered[f->kind]++;
    if (!expected && !w->broken)
        world_fail(w, "kind %d answers %d, %s", (int)f->kind, op->status, eloq_op_errmsg(op));
    if (f->kind <= FLOOR && f->kind != WRITE)
        answer_reads(f);
    else if (expected && (f->kind == WRITE || f->kind == TRUNCATE || f->kind == RESTORE))
        acknowledge(w, f->part, f->state);
    else if (f->kind == ARCHIVE || f->kind == ARCHIVE_ALL)
        answer_archive(f);
    for (unsigned p = f->part; expected && f->kind == DROP && p < w->parts; p += TABLES)
        acknowledge(w, p, w->histories[p].count);
    w->failed[f->part] |= !expected;
    if (f->kind != SCAN) {
        release(f);
    } else if (!f->begun) {
        f->begun = true; /* its moment is fixed */
        f->span.high = w->histories[f->part].count;
    }
    if (below(w, 2))
        world_issue(w);
}

/* ---- requests ---- */

static uint32_t value_size(struct world *w)
{
    if (w->is_large)
        return (uint32_t)(below(w, 4) ? 5000 + below(w, VALUE_MAX - 5000) : 3 + below(w, 200));
    return (uint32_t)(below(w, 12) ? 3 + below(w, 120) : 500 + below(w, 4000));
}

static int submit_write(struct world *w, struct flight *f)
{
    eloq_part part = world_part(f->part);
    unsigned count = below(w, 2) ? 1 : 2 + (unsigned)below(w, ENTRIES - 1);
    unsigned first = (unsigned)below(w, HISTORY_KEYS), stride = 1 + 2 * (unsigned)below(w, 3);
    uint16_t made[ENTRIES] = { 0 };
    int rc;

    if (w->versions + count > HISTORY_VERSIONS || w->histories[f->part].count + 2 > HISTORY_STATES)
        return ELOQ_BUSY;
    for (unsigned i = 0; i < count; i++) {
        eloq_entry *e = &f->entries[i];
        f->keys[i] = (uint8_t)((first + i * stride) % HISTORY_KEYS);
        *e = (eloq_entry){ .key = key_of(f->keys[i]), .kind = ELOQ_DELETE };
        if (below(w, 5) == 0)
            continue;
        unsigned v = w->versions++;
        made[i] = (uint16_t)v;
        versions[v].size = value_size(w);
        versions[v].expire_ms = below(w, 6) ? 0 : world_ms(w) + 1 + below(w, 12);
        fill(f->values + i * VALUE_MAX, f->keys[i], v);
        e->kind = ELOQ_PUT;
        e->value = eloq_bytes(f->values + i * VALUE_MAX, versions[v].size);
        e->expire_at = versions[v].expire_ms;
    }
    if (count == 1 && f->entries[0].kind == ELOQ_DELETE)
        rc = eloq_delete_async(w->db, part, f->entries[0].key, &f->op);
    else if (count == 1 && f->entries[0].expire_at == 0)
        rc = eloq_put_async(w->db, part, f->entries[0].key, f->entries[0].value, &f->op);
    else
        rc = eloq_write_async(w->db, part, f->entries, count, &f->op);
    if (rc != ELOQ_OK)
        return rc;
    uint16_t *state = history_add(&w->histories[f->part], w->now);
    for (unsigned i = 0; i < count; i++)
        state[f->keys[i]] = made[i];
    f->state = w->histories[f->part].count;
    return rc;
}

static int submit_read(struct world *w, struct flight *f)
{
    eloq_part part = world_part(f->part);

    f->count = f->kind == MANY ? 1 + (unsigned)below(w, ENTRIES) : 1;
    for (unsigned i = 0; i < f->count; i++) {
        f->keys[i] = (uint8_t)below(w, HISTORY_KEYS);
        f->slices[i] = key_of(f->keys[i]);
        f->records[i] = (eloq_record){ 0 };
    }
    if (f->kind == GET)
        return eloq_get_async(w->db, part, f->slices[0], &f->op);
    if (f->kind == FLOOR)
        return eloq_floor_async(w->db, part, f->slices[0], &f->op);
    return eloq_get_many_async(w->db, part, f->slices, f->count, f->records, f->statuses, &f->op);
}

static int submit_scan(struct world *w, struct flight *f)
{
    unsigned a = (unsigned)below(w, HISTORY_KEYS), b = (unsigned)below(w, HISTORY_KEYS);
    bool bounded = below(w, 3) == 0;
    eloq_range range = { .limit = below(w, 4) ? 0 : 1 + below(w, 6), .reverse = (int)below(w, 2) };

    f->answer = (struct history_answer){ .end = HISTORY_KEYS,
                                         .limit = (unsigned)range.limit,
                                         .reverse = range.reverse };
    if (bounded) {
        f->answer.first = MIN(a, b);
        f->answer.end = MAX(a, b) + 1;
        range.begin = key_of(f->answer.first);
        range.end = f->answer.end < HISTORY_KEYS ? key_of(f->answer.end) : eloq_str("zzz");
    }
    f->begun = false;
    TRY(eloq_scan_async(w->db, world_part(f->part), &range, &f->iter));
    int rc = eloq_iter_fetch_async(f->iter, &f->op);
    if (rc != ELOQ_OK)
        end_scan(f);
    return rc;
}

static int submit_truncate(struct world *w, struct flight *f)
{
    unsigned from = below(w, 3) ? (unsigned)below(w, HISTORY_KEYS) : 0;
    eloq_slice key = from > 0 ? key_of(from) : eloq_str("");

    if (w->histories[f->part].count + 2 > HISTORY_STATES)
        return ELOQ_BUSY;
    TRY(eloq_truncate_async(w->db, world_part(f->part), key, &f->op));
    uint16_t *state = history_add(&w->histories[f->part], w->now);
    memset(&state[from], 0, (HISTORY_KEYS - from) * sizeof(*state));
    f->state = w->histories[f->part].count;
    return ELOQ_OK;
}

/* Where it meets no write: which comes first would be nobody's promise. It meets all else. */
static int submit_drop(struct world *w, struct flight *f)
{
    unsigned table = f->part % TABLES;

    f->part = table;
    for (unsigned p = table; p < w->parts; p += TABLES)
        if (w->histories[p].count + 2 > HISTORY_STATES)
            return ELOQ_BUSY;
    if (w->writing[table] > 0)
        return ELOQ_BUSY;
    TRY(eloq_drop_async(w->db, world_part(table).table, &f->op));
    w->dropping[table] = true;
    for (unsigned p = table; p < w->parts; p += TABLES)
        memset(history_add(&w->histories[p], w->now), 0, sizeof(w->histories[p].states[0]));
    for (unsigned i = 0; i < w->archive_count; i++)
        w->archives[i].optional |= w->archives[i].all || w->archives[i].part % TABLES == table;
    return ELOQ_OK;
}

static int submit_archive(struct world *w, struct flight *f)
{
    struct archive *a = &w->archives[w->archive_count];
    int rc;

    if (w->archive_count == ARCHIVES)
        return ELOQ_BUSY;
    *a = (struct archive){ .timestamp = 1000 + w->archive_count,
                           .all = f->kind == ARCHIVE_ALL,
                           .part = f->part };
    for (unsigned p = 0; p < w->parts; p++) {
        a->low[p] = a->all ? w->histories[p].seen : w->histories[p].count;
        a->high[p] = w->histories[p].count;
        a->optional |= a->all && w->dropping[p % TABLES];
    }
    if (a->all)
        rc = eloq_archive_all_async(w->db, a->timestamp, &f->op);
    else
        rc = eloq_archive_async(w->db, world_part(f->part), a->timestamp, &f->op);
    if (rc == ELOQ_OK)
        f->archive = w->archive_count++;
    return rc;
}

static int submit_restore(struct world *w, struct flight *f)
{
    struct history *h = &w->histories[f->part];
    const struct archive *from = NULL;

    for (unsigned i = 0; i < w->archive_count; i++) {
        const struct archive *a = &w->archives[i];
        if (!a->all && a->exists && !a->optional && a->part == f->part)
            from = a;
    }
    if (!from || h->count + 2 > HISTORY_STATES)
        return ELOQ_BUSY;
    TRY(eloq_restore_async(w->db, world_part(f->part), from->timestamp, &f->op));
    uint16_t *state = history_add(h, w->now);
    memcpy(state, h->states[from->low[f->part]], sizeof(h->states[0]));
    f->state = h->count;
    return ELOQ_OK;
}

static int submit(struct world *w, struct flight *f)
{
    eloq_part part = world_part(f->part);

    switch (f->kind) {
    case WRITE:
        return submit_write(w, f);
    case SCAN:
        return submit_scan(w, f);
    case TRUNCATE:
        return submit_truncate(w, f);
    case DROP:
        return submit_drop(w, f);
    case COMPACT:
        return eloq_compact_async(w->db, part, &f->op);
    case CLEAN:
        return eloq_clean_expired_async(w->db, part, &f->op);
    case CHECKING:
        return eloq_check_async(w->db, part, NULL, NULL, NULL, &f->op);
    case ARCHIVE:
    case ARCHIVE_ALL:
        return submit_archive(w, f);
    case RESTORE:
        return submit_restore(w, f);
    default:
        return submit_read(w, f);
    }
}

static enum kind choose(struct world *w)
{
    static const unsigned weights[KINDS] = {
        [WRITE] = 42,   [GET] = 12,        [MANY] = 6,    [FLOOR] = 6, [SCAN] = 14,
        [TRUNCATE] = 3, [DROP] = 2,        [COMPACT] = 4, [CLEAN] = 2, [CHECKING] = 2,
        [ARCHIVE] = 3,  [ARCHIVE_ALL] = 3, [RESTORE] = 3
    };
    unsigned total = 0, kind = 0;

    for (unsigned i = 0; i < KINDS; i++)
        total += weights[i];
    unsigned dice = (unsigned)below(w, total);
    while (dice >= weights[kind])
        dice -= weights[kind++];
    return (enum kind)kind;
}

void world_issue(struct world *w)
{
    struct flight *f = w->flights;
    enum kind kind = choose(w);
    unsigned part = (unsigned)below(w, w->parts), table = part % TABLES;
    bool writes = kind == WRITE || kind == TRUNCATE || kind == RESTORE || kind == ARCHIVE;

    while (f < w->flights + FLIGHTS && f->busy)
        f++;
    if (w->left == 0 || f == w->flights + FLIGHTS)
        return;
    if (w->dropping[table] && (writes || kind == DROP))
        return;
    if (!w->append && (kind == COMPACT || kind >= ARCHIVE))
        return;
    w->left--;
    w->now++;
    f->op = (eloq_op){ .done = done, .user = f };
    f->kind = kind;
    f->part = part;
    if (!f->values) {
        f->values = malloc((size_t)ENTRIES * VALUE_MAX);
        CHECK(f->values != NULL);
    }
    begin_span(w, f);
    int rc = submit(w, f);
    if (rc == ELOQ_OK) {
        f->busy = f->under_way = true;
        w->under_way++;
        w->writing[table] += writes;
    } else if (rc != ELOQ_BUSY && !(rc == ELOQ_CLOSED && w->closing)) {
        world_fail(w, "kind %d is refused: %d", (int)kind, rc);
    }
}

void world_continue(struct world *w)
{
    for (unsigned i = 0; i < FLIGHTS; i++) {
        struct flight *f = &w->flights[i];
        if (!f->busy || f->kind != SCAN || f->under_way || below(w, 3) || !take_pairs(f))
            continue;
        f->op = (eloq_op){ .done = done, .user = f };
        if (eloq_iter_fetch_async(f->iter, &f->op) != ELOQ_OK)
            continue;
        f->under_way = true;
        w->under_way++;
    }
}

void world_close_scans(struct world *w)
{
    for (unsigned i = 0; i < FLIGHTS; i++) {
        struct flight *f = &w->flights[i];
        eloq_item item;
        if (!f->busy)
            continue;
        int rc = eloq_iter_next(f->iter, &item);
        if (rc != ELOQ_CLOSED && rc != ELOQ_END && !w->broken)
            world_fail(w, "a scan of a closed store answers %d", rc);
        end_scan(f);
    }
}

/* ---- life ---- */

void world_init(struct world *w, struct mem *m, uint64_t seed)
{
    w->seed = seed;
    rand_seed(&w->rand, seed);
    w->disk = sim_disk_new(m);
    sim_clock_init(&w->clock, UINT64_C(1700000000000000));
    w->append = below(w, 4) > 0;
    w->is_large = below(w, 3) == 0;
    w->parts = 1 + (unsigned)below(w, PARTS);
    w->shift = (unsigned)below(w, 5);
    w->now = 0;
    w->left = 20 + (unsigned)below(w, 180);
    w->under_way = w->idle = w->archive_count = 0;
    w->closing = w->broken = false;
    w->versions = 1;
    for (unsigned p = 0; p < PARTS; p++)
        history_init(&w->histories[p]);
    memset(w->failed, 0, sizeof(w->failed));
    for (unsigned t = 0; t < TABLES; t++) {
        w->writing[t] = 0;
        w->dropping[t] = false;
    }
    for (unsigned i = 0; i < FLIGHTS; i++) {
        struct flight *f = &w->flights[i];
        f->world = w;
        f->busy = f->under_way = false;
        f->iter = NULL;
    }
    if (keys[0].size == 0)
        make_keys();
}

void world_free(struct world *w)
{
    sim_disk_free(w->disk);
}
