/* model/life_read.c -- what a store is asked in its long life; every answer is the array's. */
#include <stdlib.h>

#include "base/check.h"
#include "model/life.h"

#define MANY 64

static eloq_slice slice_of(const eloq_buffer *b)
{
    return eloq_bytes(b->data, b->size);
}

static void expect(struct life *l, const struct slot *slots, int i, eloq_slice key,
                   eloq_slice value, uint64_t timestamp, uint64_t expire_at, const char *what)
{
    const char *why = array_differs(&slots[i], (unsigned)i, key, value, timestamp, expire_at);

    if (why)
        life_fail(l, "%s: %s in the place of key %d", what, why, i);
}

/* i: the slot that the answer is of; -1: there is none. */
static void expect_record(struct life *l, unsigned p, int i, int rc, const eloq_record *record,
                          eloq_slice key, const char *what)
{
    if (rc != (i >= 0 ? ELOQ_OK : ELOQ_NOT_FOUND))
        life_fail(l, "%s answers %d", what, rc);
    if (i >= 0)
        expect(l, l->slots[p], i, key, slice_of(&record->value), record->timestamp,
               record->expire_at, what);
}

static void get_many(struct life *l, unsigned p)
{
    static eloq_record records[MANY];
    eloq_slice keys[MANY];
    int statuses[MANY], which[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        which[i] = (int)life_below(l, l->keys);
        keys[i] = array_key((unsigned)which[i]);
    }
    int rc = eloq_get_many(l->db, life_part(p), keys, MANY, records, statuses);
    if (rc != ELOQ_OK)
        life_fail(l, "get_many answers %d", rc);
    for (unsigned i = 0; i < MANY; i++) {
        int want = l->slots[p][which[i]].value ? which[i] : -1;
        expect_record(l, p, want, statuses[i], &records[i], keys[i], "get_many");
    }
    if (life_below(l, 8) == 0) /* else they are used again */
        for (unsigned i = 0; i < MANY; i++)
            eloq_record_free(&records[i]);
    l->operations += MANY;
}

void life_points(struct life *l, unsigned p)
{
    eloq_record record = { 0 };

    for (unsigned n = 0; n < 60; n++) {
        int i = (int)life_below(l, l->keys);
        eloq_slice key = array_key((unsigned)i);
        int rc = eloq_get(l->db, life_part(p), key, &record);
        expect_record(l, p, l->slots[p][i].value ? i : -1, rc, &record, key, "get");
        rc = eloq_floor(l->db, life_part(p), key, &record);
        expect_record(l, p, array_down(l->slots[p], i), rc, &record, slice_of(&record.key),
                      "floor");
        l->operations += 2;
    }
    eloq_record_free(&record);
    get_many(l, p);
}

/* ---- scans ---- */

/* The slot that comes next; -1: none. Both ways it is taken out of the view. */
static int view_next(struct view *v)
{
    int i = v->reverse ? array_down(v->slots, v->end - 1) : array_up(v->slots, v->first, v->end);

    if (v->left == 0 || i < v->first)
        return -1;
    v->left--;
    if (v->reverse)
        v->end = i;
    else
        v->first = i + 1;
    return i;
}

/* At most `most` pairs; false: it has ended. */
static bool view_read(struct life *l, struct view *v, uint64_t most)
{
    eloq_item item;

    while (most-- > 0) {
        int i = view_next(v);
        int rc = eloq_iter_next(v->iter, &item);
        if (rc != (i >= 0 ? ELOQ_OK : ELOQ_END))
            life_fail(l, "a scan answers %d, with key %d to come", rc, i);
        if (i < 0)
            return false;
        expect(l, v->slots, i, item.key, item.value, item.timestamp, item.expire_at, "scan");
    }
    return true;
}

static void view_begin(struct life *l, eloq_store *db, unsigned p, const struct slot *slots,
                       const eloq_range *range, struct view *v)
{
    int rc = eloq_scan(db, life_part(p), range, &v->iter);

    if (rc != ELOQ_OK)
        life_fail(l, "a scan of partition %u answers %d", p, rc);
    v->slots = (struct slot *)(uintptr_t)slots; /* only read */
    v->reverse = range->reverse;
    v->left = range->limit ? range->limit : UINT64_MAX;
    l->operations++;
}

void life_compare(struct life *l, eloq_store *db, unsigned p, const struct slot *slots)
{
    eloq_range all = { .reverse = (int)life_below(l, 2) };
    struct view v = { .end = (int)l->keys };

    view_begin(l, db, p, slots, &all, &v);
    view_read(l, &v, UINT64_MAX);
    eloq_iter_close(v.iter);
}

/* Bounds in any order: what begins behind its end is empty. */
static void choose_range(struct life *l, struct view *v, eloq_range *ret)
{
    v->first = life_below(l, 4) ? (int)life_below(l, l->keys) : 0;
    v->end = life_below(l, 4) ? (int)life_below(l, l->keys) : (int)l->keys;
    *ret = (eloq_range){ .limit = life_below(l, 2) ? 1 + life_below(l, 50) : 0,
                         .reverse = (int)life_below(l, 2) };
    if (v->first > 0)
        ret->begin = array_key((unsigned)v->first);
    if (v->end > 0 && v->end < (int)l->keys)
        ret->end = array_key((unsigned)v->end);
    else
        v->end = (int)l->keys; /* there is none before the first key */
}

void life_ranges(struct life *l, unsigned p)
{
    for (unsigned n = 0; n < 4; n++) {
        struct view v = { 0 };
        eloq_range range;
        choose_range(l, &v, &range);
        view_begin(l, l->db, p, l->slots[p], &range, &v);
        view_read(l, &v, UINT64_MAX);
        eloq_iter_close(v.iter);
    }
}

/* ---- scans that stay ---- */

static void view_close(struct view *v)
{
    eloq_iter_close(v->iter);
    free(v->slots);
    *v = (struct view){ 0 };
}

void life_view_open(struct life *l, unsigned p)
{
    struct view *v = &l->views[life_below(l, VIEWS)];
    eloq_range range;

    if (v->iter)
        view_close(v);
    choose_range(l, v, &range);
    view_begin(l, l->db, p, array_copy(l->slots[p]), &range, v);
    if (!view_read(l, v, 1)) /* that is its moment */
        view_close(v);
}

void life_views_read(struct life *l)
{
    for (unsigned i = 0; i < VIEWS; i++) {
        struct view *v = &l->views[i];
        if (v->iter && !view_read(l, v, life_below(l, l->keys / 4)))
            view_close(v);
    }
}

void life_views_close(struct life *l, bool closed)
{
    for (unsigned i = 0; i < VIEWS; i++) {
        struct view *v = &l->views[i];
        eloq_item item;
        if (!v->iter)
            continue;
        int rc = closed ? eloq_iter_next(v->iter, &item) : ELOQ_CLOSED;
        if (rc != ELOQ_CLOSED && rc != ELOQ_END)
            life_fail(l, "a scan of a closed store answers %d", rc);
        view_close(v);
    }
}
