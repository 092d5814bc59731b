/* model/life_write.c -- what changes a store in its long life, and its arrays. */
#include <string.h>

#include "base/check.h"
#include "model/life.h"

/* One change as it was asked. */
struct change {
    unsigned key;
    uint32_t value, size; /* 0: a delete */
    bool is_now;          /* the timestamp is the store's */
    uint64_t timestamp, expire_at;
};

/* Keys whose pairs may expire soon, one here and there and all of some stretches; those have no
 * timestamps of their own: whether an older one is refused depends on whether the pair has been
 * cleaned. */
static bool may_expire(unsigned key)
{
    return key % 8 == 7 || key / 512 % 4 == 2;
}

static uint32_t value_size(struct life *l)
{
    uint64_t page = l->page;

    if (l->compress)
        return (uint32_t)life_below(l, 700);
    switch (life_below(l, 40)) {
    case 0:
        return 0;
    case 1:
        return (uint32_t)(page - life_below(l, 80));
    case 2:
        return (uint32_t)(page / 2 + life_below(l, page));
    case 3:
        if (life_below(l, 40) == 0) /* around a group of overflow pages */
            return (uint32_t)(page * (l->pointers + life_below(l, 3)) - 60 + life_below(l, 200));
        return (uint32_t)life_below(l, 3000);
    default:
        return (uint32_t)life_below(l, 120);
    }
}

/* `together`: all that may expire do, at the same time; whole pages of them are hidden then. */
static void choose_times(struct life *l, struct change *c, eloq_entry *e, bool together)
{
    uint64_t second_ms = (l->now_us / 1000000 * 1000);

    c->is_now = true;
    if (may_expire(c->key)) {
        if (together)
            c->expire_at = second_ms + 2000;
        else if (life_below(l, 3) == 0)
            c->expire_at = second_ms + 1000 * life_below(l, 8); /* 0: over already */
    } else {
        static const uint64_t expiries[] = { 1, 999, 4102444800000, UINT64_MAX, UINT64_MAX - 1 };
        if (life_below(l, 16) == 0)
            c->expire_at = expiries[life_below(l, 5)];
        if (life_below(l, 4) == 0) {
            const uint64_t times[] = { 0, 1 + life_below(l, 100), l->now_us - life_below(l, 5000),
                                       l->now_us + life_below(l, 500), INT64_MAX };
            c->is_now = false;
            c->timestamp = times[life_below(l, life_below(l, 50) ? 4 : 5)];
        }
    }
    e->expire_at = c->expire_at;
    if (!c->is_now)
        e->timestamp = c->timestamp ? c->timestamp : ELOQ_TIMESTAMP_ZERO;
}

static unsigned choose_batch(struct life *l, struct change *changes, eloq_entry *entries,
                             uint8_t *bytes, size_t capacity)
{
    static const unsigned sizes[] = { 1, 2, 4, 30, 300, BATCH_MAX };
    unsigned count = 1 + (unsigned)life_below(l, sizes[life_below(l, 6)]), n = 0;
    unsigned at = (unsigned)life_below(l, l->keys);
    unsigned stride = life_below(l, 3) ? 1 : 1 + (unsigned)life_below(l, 7);
    bool in_order = life_below(l, 2), deletes = life_below(l, 12) == 0;
    bool together = in_order && life_below(l, 2);
    size_t used = 0;

    l->stamp++;
    while (count-- > 0) {
        at = in_order ? (at + stride) % l->keys : (unsigned)life_below(l, l->keys);
        if (l->stamps[at] == l->stamp)
            continue;
        l->stamps[at] = l->stamp;
        struct change *c = &changes[n];
        *c = (struct change){ .key = at };
        entries[n] = (eloq_entry){ .key = array_key(at), .kind = ELOQ_DELETE };
        if (!deletes && life_below(l, 6) > 0) {
            c->size = value_size(l);
            if (used + c->size > capacity)
                break;
            c->value = ++l->values;
            memcpy(bytes + used, array_value(c->value, c->size), c->size);
            entries[n].kind = ELOQ_PUT;
            entries[n].value = eloq_bytes(bytes + used, c->size);
            used += c->size;
        }
        choose_times(l, c, &entries[n], together);
        if (c->value == 0)
            c->expire_at = entries[n].expire_at = 0;
        n++;
    }
    return n;
}

/* What "now" was: of a pair that took it. 0: of none. */
static uint64_t learn_now(struct life *l, unsigned p, const struct change *changes, unsigned n)
{
    eloq_record record = { 0 };
    uint64_t now = 0;

    for (unsigned i = 0; i < n && now == 0; i++) {
        const struct change *c = &changes[i];
        const struct slot *old = &l->slots[p][c->key];
        bool stays = c->expire_at == 0 || c->expire_at > l->now_us / 1000;
        if (!c->is_now || c->value == 0 || !stays)
            continue;
        if (eloq_get(l->db, life_part(p), array_key(c->key), &record) != ELOQ_OK)
            life_fail(l, "a pair just written is not there");
        if (record.timestamp == old->timestamp && old->timestamp >= l->now_us)
            continue; /* it was later than now */
        now = record.timestamp;
        if (now < l->now_us || now > clock_wall_us(&l->clock.clock))
            life_fail(l, "a timestamp that is not now");
    }
    eloq_record_free(&record);
    return now;
}

/* Whether it was skipped. */
static bool apply(const struct life *l, struct slot *slot, const struct change *c, uint64_t now)
{
    uint64_t timestamp = c->timestamp;

    if (c->is_now)
        timestamp = MAX(now, slot->timestamp);
    else if (slot->value != 0 && timestamp < slot->timestamp)
        return true;
    *slot = (struct slot){ 0 };
    if (c->value != 0 && (c->expire_at == 0 || c->expire_at > l->now_us / 1000))
        *slot = (struct slot){ c->value, c->size, timestamp, c->expire_at };
    return false;
}

void life_write(struct life *l, unsigned p)
{
    static struct change changes[BATCH_MAX];
    static eloq_entry entries[BATCH_MAX];
    static uint8_t bytes[16 << 20];
    unsigned n = choose_batch(l, changes, entries, bytes, sizeof(bytes));
    uint64_t skipped = 0;
    int rc;

    if (n == 0)
        return;
    bool plain = n == 1 && changes[0].is_now && changes[0].expire_at == 0 && life_below(l, 2);
    if (plain && changes[0].value == 0)
        rc = eloq_delete(l->db, life_part(p), entries[0].key);
    else if (plain)
        rc = eloq_put(l->db, life_part(p), entries[0].key, entries[0].value);
    else
        rc = eloq_write(l->db, life_part(p), entries, n);
    if (rc != ELOQ_OK)
        life_fail(l, "a batch of %u answers %d", n, rc);
    uint64_t told = eloq_skipped();
    uint64_t now = learn_now(l, p, changes, n);
    for (unsigned i = 0; i < n; i++)
        skipped += apply(l, &l->slots[p][changes[i].key], &changes[i], now);
    if (told != skipped)
        life_fail(l, "skipped %llu, not %llu", (unsigned long long)told,
                  (unsigned long long)skipped);
    l->operations += n;
}

void life_truncate(struct life *l, unsigned p)
{
    unsigned from = life_below(l, 3) ? (unsigned)life_below(l, l->keys) : 0;
    eloq_slice key = from > 0 ? array_key(from) : eloq_str("");

    int rc = eloq_truncate(l->db, life_part(p), key);
    if (rc != ELOQ_OK)
        life_fail(l, "a truncation answers %d", rc);
    memset(&l->slots[p][from], 0, (l->keys - from) * sizeof(struct slot));
    l->operations++;
}

void life_drop(struct life *l, unsigned table)
{
    int rc = eloq_drop(l->db, life_part(table).table);

    if (rc != ELOQ_OK)
        life_fail(l, "a drop answers %d", rc);
    for (unsigned p = table; p < l->parts; p += TABLES) {
        memset(l->slots[p], 0, l->keys * sizeof(struct slot));
        life_forget_archives(l, p);
    }
    l->operations++;
}
