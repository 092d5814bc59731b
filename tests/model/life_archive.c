/* model/life_archive.c -- archives in a store's long life: made, listed, read beside it, restored.
 */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "model/life.h"

static bool is_empty(const struct life *l, unsigned p)
{
    return array_up(l->slots[p], 0, (int)l->keys) < 0;
}

static void forget(struct life *l, unsigned p, unsigned i)
{
    free(l->kept[p][i].slots);
    l->kept_count[p]--;
    memmove(&l->kept[p][i], &l->kept[p][i + 1], (l->kept_count[p] - i) * sizeof(l->kept[p][0]));
}

void life_forget_archives(struct life *l, unsigned p)
{
    while (l->kept_count[p] > 0)
        forget(l, p, 0);
}

/* The newest stay. */
static void retain(struct life *l, unsigned p)
{
    while (l->retained > 0 && l->kept_count[p] > l->retained)
        forget(l, p, 0);
}

/* In its place by time; the slots become its own. */
static void keep(struct life *l, unsigned p, uint64_t timestamp, struct slot *slots)
{
    unsigned at = l->kept_count[p]++;

    CHECK(at < KEPT_MAX);
    for (; at > 0 && l->kept[p][at - 1].timestamp > timestamp; at--)
        l->kept[p][at] = l->kept[p][at - 1];
    l->kept[p][at] = (struct kept){ timestamp, slots };
}

static const struct kept *find(const struct life *l, unsigned p, uint64_t timestamp)
{
    for (unsigned i = 0; i < l->kept_count[p]; i++)
        if (l->kept[p][i].timestamp == timestamp)
            return &l->kept[p][i];
    return NULL;
}

static bool has_room(const struct life *l, unsigned p)
{
    return l->kept_count[p] + 1 < KEPT_MAX;
}

static void list(struct life *l, unsigned p, eloq_archive_list *ret)
{
    int rc = eloq_archives(l->db, life_part(p), ret);

    if (rc == ELOQ_NOT_FOUND)
        ret->count = 0;
    else if (rc != ELOQ_OK)
        life_fail(l, "listing archives answers %d", rc);
    l->operations++;
}

static void expect_list(struct life *l, unsigned p)
{
    eloq_archive_list got = { 0 };

    list(l, p, &got);
    if (got.count != l->kept_count[p])
        life_fail(l, "partition %u has %zu archives, not %u", p, got.count, l->kept_count[p]);
    for (size_t i = 0; i < got.count; i++)
        if (got.timestamps[i] != l->kept[p][i].timestamp)
            life_fail(l, "partition %u has an archive of another time", p);
    eloq_archives_free(&got);
}

void life_archive(struct life *l, unsigned p)
{
    uint64_t timestamp = ++l->archives * 10;

    if (!has_room(l, p))
        return;
    int rc = eloq_archive(l->db, life_part(p), timestamp);
    if (rc == ELOQ_OK) {
        keep(l, p, timestamp, array_copy(l->slots[p]));
        retain(l, p);
    } else if (rc != ELOQ_NOT_FOUND || !is_empty(l, p)) {
        life_fail(l, "an archive answers %d", rc);
    }
    expect_list(l, p);
    l->operations++;
}

void life_archive_all(struct life *l)
{
    uint64_t timestamp = ++l->archives * 10;
    eloq_archive_list got = { 0 };

    for (unsigned p = 0; p < l->parts; p++)
        if (!has_room(l, p))
            return;
    int rc = eloq_archive_all(l->db, timestamp);
    if (rc != ELOQ_OK)
        life_fail(l, "archives of all answer %d", rc);
    for (unsigned p = 0; p < l->parts; p++) {
        list(l, p, &got);
        /* Of one whose pairs have all expired there may be one, or none. */
        bool there = false;
        for (size_t i = 0; i < got.count; i++)
            there |= got.timestamps[i] == timestamp;
        if (there || !is_empty(l, p)) {
            keep(l, p, timestamp, array_copy(l->slots[p]));
            retain(l, p);
        }
        expect_list(l, p);
    }
    eloq_archives_free(&got);
    l->operations++;
}

/* What a restore kept of the state before it, if that was none that it knew. */
static void find_made(struct life *l, unsigned p, struct slot *before)
{
    eloq_archive_list got = { 0 };
    bool any = false;

    list(l, p, &got);
    for (size_t i = 0; i < got.count; i++) {
        if (find(l, p, got.timestamps[i]))
            continue;
        if (any || got.timestamps[i] < l->now_us)
            life_fail(l, "a restore made archives that nobody asked for");
        any = true;
        keep(l, p, got.timestamps[i], array_copy(before));
    }
    if (!any && array_up(before, 0, (int)l->keys) >= 0)
        life_fail(l, "a restore leaves no way back");
    eloq_archives_free(&got);
    retain(l, p);
}

void life_restore(struct life *l, unsigned p)
{
    if (l->kept_count[p] == 0 || !has_room(l, p))
        return;
    const struct kept *k = &l->kept[p][life_below(l, l->kept_count[p])];
    struct slot *before = l->slots[p];
    l->slots[p] = array_copy(k->slots);
    array_expire(l->slots[p], l->now_us / 1000);
    int rc = eloq_restore(l->db, life_part(p), k->timestamp);
    if (rc != ELOQ_OK)
        life_fail(l, "a restore answers %d", rc);
    find_made(l, p, before);
    free(before);
    expect_list(l, p);
    life_compare(l, l->db, p, l->slots[p]);
    l->operations++;
}

void life_read_archive(struct life *l)
{
    unsigned p = (unsigned)life_below(l, l->parts);
    struct slot *none;
    eloq_store *db;

    if (l->kept_count[p] == 0)
        return;
    uint64_t timestamp = l->kept[p][life_below(l, l->kept_count[p])].timestamp;
    int rc = life_open(l, timestamp, &db);
    if (rc != ELOQ_OK)
        life_fail(l, "an archive does not open: %d", rc);
    none = array_new();
    for (p = 0; p < l->parts; p++) {
        const struct kept *k = find(l, p, timestamp);
        struct slot *want = k ? array_copy(k->slots) : NULL;
        if (want)
            array_expire(want, l->now_us / 1000);
        life_compare(l, db, p, want ? want : none);
        free(want);
    }
    free(none);
    if (eloq_close(db) != ELOQ_OK)
        life_fail(l, "an archive does not close");
    l->operations++;
}
