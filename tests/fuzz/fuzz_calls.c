/* fuzz/fuzz_calls.c -- bytes as a sequence of calls on a store that lives on the simulated disk,
 * beside a sorted array: what is read equals it, after kills and power cuts too.
 *
 *     mode u8 | call u8, its arguments | call u8, ...
 *
 * Each input makes a store, so that this target is much slower than those of the decoders. */
#include "engine/store.h"
#include "fuzz.h"
#include "model/model.h"
#include "page/format.h"
#include "sim/sim_io.h"

#define WALL_US UINT64_C(1700000000000000)
#define CALLS_MAX 64
#define BATCH_MAX 12
#define ARCHIVES_MAX 4
#define KEY_BYTES_MAX 600
#define NOISE_BYTES (64u << 10)
#define STEP_MS UINT64_C(1000000)

enum { APPENDS = 1, COMPRESSES = 2, EXPIRES = 4, LARGE = 8 };

struct archive {
    uint64_t timestamp;
    struct model state;
};

struct life {
    struct fuzz_input in;
    uint8_t mode;
    struct sim_disk *disk;
    struct sim_clock clock;
    eloq_store *db;
    struct model model;
    uint64_t written; /* entries so far: timestamps ascend */
    uint64_t steps;   /* of time */
    struct archive archives[ARCHIVES_MAX];
    unsigned archive_count;
};

static struct mem disk_mem;
static uint8_t noise[NOISE_BYTES];
static const eloq_part part = { "calls", 0 };

static void begin_once(void)
{
    struct rand r;
    if (noise[0] != 0)
        return;
    mem_init(&disk_mem, 0);
    rand_seed(&r, 11);
    for (size_t i = 0; i < NOISE_BYTES; i++) /* the second half shrinks when compressed */
        noise[i] = i < NOISE_BYTES / 2 ? (uint8_t)(rand_u64(&r) | 1)
                                       : (uint8_t)('a' + i % 23 * i / 997 % 20);
}

/* Polls move the clock a little. So pairs expire and time passes in steps of STEP_MS, half a step
 * apart: nobody's now lies close to an expiry. */
static uint64_t now_ms(const struct life *l)
{
    return clock_wall_us(&l->clock.clock) / 1000;
}

static bool is_visible(const struct life *l, const struct model_pair *p)
{
    return p->expire_at == 0 || p->expire_at > now_ms(l);
}

/* ---- the store ---- */

static int open_io(void *user, struct mem *m, const struct log *log, unsigned shard,
                   struct io **ret)
{
    struct life *l = user;
    (void)m;
    (void)log;
    (void)shard;
    return sim_io_open(l->disk, &l->clock, l->mode + 1u, ret);
}

static void open_store(struct life *l)
{
    eloq_options options = ELOQ_OPTIONS("/disk/store");
    options.format.data_append_mode = l->mode & APPENDS ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = (uint32_t[]){ ELOQ_ZERO, 1, 2, 4 }[l->mode >> 4 & 3];
    options.format.overflow_pointers = l->mode & 64 ? 1 : 3;
    options.host_driven = 1;
    options.manifest_limit = 8192;
    options.archive_interval_secs = ELOQ_ZERO;
    options.memory_bytes = 64 << 20;
    options.enable_compression = l->mode & COMPRESSES ? 1 : 0;
    struct store_seams seams = {
        .clock = &l->clock.clock, .seed = 5, .io_open = open_io, .io_user = l
    };
    PROMISE(store_open(&options, &seams, &l->db) == ELOQ_OK);
}

static void close_store(struct life *l)
{
    PROMISE(eloq_close(l->db) == ELOQ_OK);
    l->db = NULL;
}

/* ---- comparing ---- */

static void same_pair(const struct model_pair *p, eloq_slice key, eloq_slice value,
                      uint64_t timestamp, uint64_t expire_at)
{
    PROMISE(model_compare(p->key, p->key_size, key.data, key.size) == 0);
    PROMISE(model_compare(p->value, p->value_size, value.data, value.size) == 0);
    PROMISE(p->timestamp == timestamp && p->expire_at == expire_at);
}

static void scan(const struct life *l, const eloq_range *range)
{
    const struct model *m = &l->model;
    size_t from = model_lower(m, range->begin.data, range->begin.size);
    size_t to = range->end.size ? model_lower(m, range->end.data, range->end.size) : m->count;
    uint64_t limit = range->limit ? range->limit : UINT64_MAX;
    eloq_iter *iter = NULL;
    eloq_item item;
    PROMISE(eloq_scan(l->db, part, range, &iter) == ELOQ_OK);
    for (size_t i = from; i < to && limit > 0; i++) {
        const struct model_pair *p = &m->pairs[range->reverse ? to - 1 - (i - from) : i];
        if (!is_visible(l, p))
            continue;
        PROMISE(eloq_iter_next(iter, &item) == ELOQ_OK);
        same_pair(p, item.key, item.value, item.timestamp, item.expire_at);
        limit--;
    }
    PROMISE(eloq_iter_next(iter, &item) == ELOQ_END);
    eloq_iter_close(iter);
}

static void compare_all(const struct life *l)
{
    eloq_range all = { 0 };
    scan(l, &all);
}

/* ---- arguments ---- */

/* One of 256 keys; some are long, some are prefixes of others. */
static eloq_slice take_key(struct life *l, uint8_t *buffer)
{
    uint8_t n = fuzz_u8(&l->in);
    size_t size = 1 + n % 3u;
    memset(buffer, 'k', KEY_BYTES_MAX);
    buffer[0] = (uint8_t)('a' + n / 16);
    buffer[1] = (uint8_t)(n * 37);
    buffer[2] = n;
    if (n % 16 == 15)
        size = KEY_BYTES_MAX - n;
    return eloq_bytes(buffer, size);
}

static eloq_slice take_value(struct life *l)
{
    uint16_t n = fuzz_u16(&l->in);
    size_t size = n % 64u;
    if (n % 8 == 0)
        size = n % 1024u;
    if (n % 32 == 1)
        size = 3900 + n % 400u; /* about a page */
    if (n % 64 == 2 && l->mode & LARGE)
        size = n % (NOISE_BYTES / 2);
    return eloq_bytes(noise + n % (NOISE_BYTES - size), size);
}

static eloq_entry take_entry(struct life *l, uint8_t *key_buffer)
{
    uint8_t flags = fuzz_u8(&l->in);
    eloq_entry e = { .key = take_key(l, key_buffer), .timestamp = WALL_US + 100 + ++l->written };
    if (flags % 4 == 0) {
        e.kind = ELOQ_DELETE;
    } else {
        e.value = take_value(l);
        if (l->mode & EXPIRES && flags % 4 == 1)
            e.expire_at = WALL_US / 1000 + STEP_MS / 2 + (l->steps + flags / 4 % 4u) * STEP_MS;
    }
    /* Older than what may be stored. Not where pairs expire: whether one that did is still there is
     * nobody's promise. */
    if (!(l->mode & EXPIRES) && flags >= 224)
        e.timestamp = WALL_US + flags;
    return e;
}

static void apply(struct life *l, const eloq_entry *e)
{
    if (e->kind == ELOQ_DELETE)
        model_delete(&l->model, e->key.data, e->key.size, e->timestamp);
    else
        model_put(&l->model, e->key.data, e->key.size, e->value.data, e->value.size, e->timestamp,
                  e->expire_at, now_ms(l));
}

/* ---- calls ---- */

static void call_write(struct life *l)
{
    static uint8_t keys[BATCH_MAX][KEY_BYTES_MAX];
    eloq_entry entries[BATCH_MAX];
    size_t wanted = 1 + fuzz_u8(&l->in) % BATCH_MAX, n = 0;
    for (size_t i = 0; i < wanted; i++) {
        entries[n] = take_entry(l, keys[n]);
        bool is_twice = false;
        for (size_t j = 0; j < n; j++)
            is_twice |= model_compare(entries[j].key.data, entries[j].key.size, entries[n].key.data,
                                      entries[n].key.size)
                        == 0;
        n += !is_twice;
    }
    PROMISE(eloq_write(l->db, part, entries, n) == ELOQ_OK);
    for (size_t i = 0; i < n; i++)
        apply(l, &entries[i]);
}

static void call_get(struct life *l)
{
    uint8_t buffer[KEY_BYTES_MAX];
    eloq_record record = { 0 };
    eloq_slice key = take_key(l, buffer);
    const struct model_pair *p = model_find(&l->model, key.data, key.size);
    int rc = eloq_get(l->db, part, key, &record);
    if (p && is_visible(l, p)) {
        PROMISE(rc == ELOQ_OK);
        same_pair(p, key, eloq_bytes(record.value.data, record.value.size), record.timestamp,
                  record.expire_at);
    } else {
        PROMISE(rc == ELOQ_NOT_FOUND);
    }
    eloq_record_free(&record);
}

static void call_floor(struct life *l)
{
    uint8_t buffer[KEY_BYTES_MAX];
    eloq_record record = { 0 };
    eloq_slice key = take_key(l, buffer);
    size_t i = model_lower(&l->model, key.data, key.size);
    if (model_find(&l->model, key.data, key.size))
        i++;
    while (i > 0 && !is_visible(l, &l->model.pairs[i - 1]))
        i--;
    int rc = eloq_floor(l->db, part, key, &record);
    PROMISE(rc == (i > 0 ? ELOQ_OK : ELOQ_NOT_FOUND));
    if (i > 0)
        same_pair(&l->model.pairs[i - 1], eloq_bytes(record.key.data, record.key.size),
                  eloq_bytes(record.value.data, record.value.size), record.timestamp,
                  record.expire_at);
    eloq_record_free(&record);
}

static void call_scan(struct life *l)
{
    uint8_t begin[KEY_BYTES_MAX], end[KEY_BYTES_MAX];
    uint8_t flags = fuzz_u8(&l->in);
    eloq_range range = { .reverse = flags & 1, .limit = flags >> 4 };
    if (flags & 2)
        range.begin = take_key(l, begin);
    if (flags & 4)
        range.end = take_key(l, end);
    scan(l, &range);
}

static void call_truncate(struct life *l)
{
    uint8_t buffer[KEY_BYTES_MAX];
    eloq_slice from = take_key(l, buffer);
    if (fuzz_u8(&l->in) % 4 == 0)
        from = eloq_str("");
    PROMISE(eloq_truncate(l->db, part, from) == ELOQ_OK);
    model_truncate(&l->model, from.data, from.size);
}

static void forget_archives(struct life *l)
{
    for (; l->archive_count > 0; l->archive_count--)
        model_free(&l->archives[l->archive_count - 1].state);
}

static void call_drop(struct life *l)
{
    PROMISE(eloq_drop(l->db, part.table) == ELOQ_OK);
    model_truncate(&l->model, "", 0);
    forget_archives(l);
}

/* A partition of nothing but expired pairs may be empty by now. */
static bool may_be_empty(const struct life *l)
{
    for (size_t i = 0; i < l->model.count; i++)
        if (is_visible(l, &l->model.pairs[i]))
            return false;
    return true;
}

static void call_archive(struct life *l)
{
    if (l->archive_count == ARCHIVES_MAX)
        return;
    sim_clock_advance(&l->clock, 1000000); /* a name of its own */
    uint64_t timestamp = clock_wall_us(&l->clock.clock);
    int rc = eloq_archive(l->db, part, timestamp);
    if (!(l->mode & APPENDS)) {
        PROMISE(rc == ELOQ_INVALID);
        return;
    }
    PROMISE(rc == ELOQ_OK || (rc == ELOQ_NOT_FOUND && may_be_empty(l)));
    if (rc != ELOQ_OK)
        return;
    struct archive *a = &l->archives[l->archive_count++];
    a->timestamp = timestamp;
    model_copy(&a->state, &l->model);
}

static void call_restore(struct life *l)
{
    unsigned which = fuzz_u8(&l->in) % (ARCHIVES_MAX + 1);
    if (!(l->mode & APPENDS))
        return;
    if (which >= l->archive_count) {
        PROMISE(eloq_restore(l->db, part, 77) == ELOQ_NOT_FOUND);
        return;
    }
    sim_clock_advance(&l->clock, 1000000); /* the state before gets a name of its own */
    PROMISE(eloq_restore(l->db, part, l->archives[which].timestamp) == ELOQ_OK);
    model_free(&l->model);
    model_copy(&l->model, &l->archives[which].state);
    compare_all(l);
}

/* What was acknowledged outlives a kill and a power cut. */
static void call_reopen(struct life *l)
{
    uint8_t how = fuzz_u8(&l->in);
    struct rand r;
    rand_seed(&r, how);
    if (how % 4 == 1)
        sim_disk_kill(l->disk);
    else if (how % 4 == 2)
        sim_disk_power_cut(l->disk, &r, (enum sim_cut)(how / 4 % SIM_CUTS));
    close_store(l);
    sim_disk_heal(l->disk);
    open_store(l);
    compare_all(l);
}

static void call_other(struct life *l, uint8_t which)
{
    int rc;
    switch (which % 4) {
    case 0:
        rc = eloq_compact(l->db, part);
        PROMISE(rc == (l->mode & APPENDS ? ELOQ_OK : ELOQ_INVALID) || rc == ELOQ_NOT_FOUND);
        break;
    case 1:
        rc = eloq_clean_expired(l->db, part);
        PROMISE(rc == ELOQ_OK || rc == ELOQ_NOT_FOUND);
        break;
    case 2:
        rc = eloq_check(l->db, part, NULL, NULL, NULL);
        PROMISE(rc == ELOQ_OK || (rc == ELOQ_NOT_FOUND && may_be_empty(l)));
        break;
    default:
        l->steps++;
        sim_clock_advance(&l->clock, STEP_MS * 1000000);
        PROMISE(eloq_run(l->db, 0) == ELOQ_OK);
    }
}

static void one_call(struct life *l)
{
    static void (*const calls[])(struct life *) = {
        call_write, call_write,    call_write, call_write,   call_get,     call_floor, call_scan,
        call_scan,  call_truncate, call_drop,  call_archive, call_restore, call_reopen
    };
    uint8_t which = fuzz_u8(&l->in);
    if (which % 16 < ARRAY_LEN(calls))
        calls[which % 16](l);
    else
        call_other(l, which / 16);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct life l = { .in = { data, size } };
    begin_once();
    if (size < 4)
        return 0;
    l.mode = fuzz_u8(&l.in);
    l.disk = sim_disk_new(&disk_mem);
    sim_clock_init(&l.clock, WALL_US);
    open_store(&l);
    for (int i = 0; i < CALLS_MAX && l.in.size > 0; i++)
        one_call(&l);
    compare_all(&l);
    call_other(&l, 2);
    close_store(&l);
    forget_archives(&l);
    model_free(&l.model);
    sim_disk_free(l.disk);
    PROMISE(atomic_load(&disk_mem.total) == 0);
    return 0;
}
