/* tests/unit/part/mapping_test.c -- the persistent radix tree against plain arrays. */
#include "part/mapping.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../base/run.h"
#include "base/error.h"
#include "base/rand.h"

#define MODEL_IDS 5000u
#define VERSIONS_MAX 12
#define GARBAGE_MAX 200000

/* What a version must say. */
struct version {
    bool live;
    uint64_t number;
    struct mapping map;
    uint32_t page_count, mapped_count;
    uint64_t value[MODEL_IDS];
    uint64_t born[MODEL_IDS];
};

/* A node that no newer version uses: visible to the versions in [born, died). */
struct dead {
    struct mapping_node *node;
    uint64_t born, died;
};

static struct mem mem;
static struct version versions[VERSIONS_MAX];
static struct dead dead[GARBAGE_MAX];
static size_t dead_count;
static uint64_t seed;

static void setup(void)
{
    const char *text = getenv("SEED");

    seed = text ? strtoull(text, NULL, 10) : 20260101;
    mem_init(&mem, 0);
    memset(versions, 0, sizeof(versions));
    dead_count = 0;
}

static uint64_t used(void)
{
    return atomic_load(&mem.total);
}

/* ---- the garbage rule of part/snapshot.h, in its plainest form ---------------------------------
 */

static bool is_seen(const struct dead *d)
{
    for (int i = 0; i < VERSIONS_MAX; i++) {
        if (versions[i].live && d->born <= versions[i].number && versions[i].number < d->died)
            return true;
    }
    return false;
}

static void free_unseen(void)
{
    size_t kept = 0;

    for (size_t i = 0; i < dead_count; i++) {
        if (is_seen(&dead[i]))
            dead[kept++] = dead[i];
        else
            mem_free(&mem, dead[i].node);
    }
    dead_count = kept;
}

static void take_replaced(struct mapping_edit *e)
{
    while (e->replaced) {
        ck_assert_uint_lt(dead_count, GARBAGE_MAX);
        struct mapping_node *node = e->replaced;
        e->replaced = node->next;
        dead[dead_count++] = (struct dead){ node, node->born, e->version };
    }
}

/* ---- comparing
 * ----------------------------------------------------------------------------------- */

struct walk {
    const struct version *v;
    uint32_t next;
};

static int same_value(void *user, struct page_id id, uint64_t value)
{
    struct walk *w = user;

    ck_assert_msg(id.n == w->next, "seed %lu: id %u, not %u", seed, id.n, w->next);
    ck_assert_msg(value == w->v->value[id.n], "seed %lu: version %lu id %u", seed, w->v->number,
                  id.n);
    w->next++;
    return 0;
}

static void check_version(const struct version *v, const struct mapping *map)
{
    struct walk w = { v, 0 };

    ck_assert_uint_eq(map->page_count, v->page_count);
    ck_assert_uint_eq(map->mapped_count, v->mapped_count);
    ck_assert_int_eq(mapping_each(map, same_value, &w), 0);
    ck_assert_uint_eq(w.next, v->page_count);
    for (uint32_t id = 0; id < MODEL_IDS; id += 7) {
        struct file_page place = file_page(99);
        bool has = mapping_get(map, page_id(id), &place);
        ck_assert_uint_eq(mapping_value(map, page_id(id)), v->value[id]);
        ck_assert(has == (v->value[id] != MAPPING_FREE));
        ck_assert(!has || place.n == v->value[id] >> 3);
    }
}

static void model_init(struct version *v)
{
    memset(v, 0, sizeof(*v));
    for (uint32_t id = 0; id < MODEL_IDS; id++)
        v->value[id] = MAPPING_FREE;
}

/* One random change of the edit and of the model `v`. Returns what the mapping answered. */
static int change(struct rand *r, struct mapping_edit *e, struct version *v)
{
    uint32_t id = (uint32_t)rand_below(r, rand_below(r, 4) ? 150 : MODEL_IDS);
    bool was = v->value[id] != MAPPING_FREE, had;
    uint64_t born = 77;
    struct file_page old = file_page(77);
    int rc;

    if (rand_below(r, 3) > 0) {
        uint64_t place = rand_u64(r) % FILE_PAGE_END;
        rc = mapping_edit_set(e, page_id(id), file_page(place), &had, &old, &born);
        if (rc < 0)
            return rc;
        ck_assert(had == was);
        ck_assert_uint_eq(old.n, was ? v->value[id] >> 3 : 0);
        ck_assert_uint_eq(born, was ? v->born[id] : 0);
        v->value[id] = place << 3 | MAPPING_TYPE_FILE_PAGE;
        v->born[id] = e->version;
        v->page_count = MAX(v->page_count, id + 1);
        v->mapped_count += !was;
        return ELOQ_OK;
    }
    rc = mapping_edit_clear(e, page_id(id), &old, &born);
    if (rc == ELOQ_NO_MEMORY)
        return rc;
    ck_assert_int_eq(rc, was ? ELOQ_OK : ELOQ_CORRUPTED);
    if (was) {
        ck_assert_uint_eq(old.n, v->value[id] >> 3);
        ck_assert_uint_eq(born, v->born[id]);
        v->value[id] = MAPPING_FREE;
        v->mapped_count--;
    }
    return ELOQ_OK;
}

static int free_version_slot(void)
{
    for (int i = 0; i < VERSIONS_MAX; i++) {
        if (!versions[i].live)
            return i;
    }
    return -1;
}

/* ---- tests
 * ----------------------------------------------------------------------------------------- */

START_TEST(an_empty_mapping_maps_nothing)
{
    struct mapping map = { 0 };
    struct file_page place;

    ck_assert(!mapping_get(&map, page_id(0), &place));
    ck_assert_uint_eq(mapping_value(&map, page_id(NO_PAGE)), MAPPING_FREE);
    ck_assert_int_eq(mapping_each(&map, NULL, NULL), 0);
    ck_assert(mapping_free_some(&mem, &map, 1));
}
END_TEST

START_TEST(snapshots_do_not_see_later_writes)
{
    static struct version next;
    struct rand r;
    uint64_t number = 1;
    int current = 0;

    rand_seed(&r, seed);
    model_init(&versions[0]);
    versions[0].live = true;
    versions[0].number = number;
    for (int round = 0; round < 300; round++) {
        struct mapping_edit e;
        next = versions[current];
        next.number = number + 1;
        mapping_edit_begin(&e, &mem, &versions[current].map, number + 1);
        for (uint64_t n = rand_below(&r, 60); n > 0; n--)
            ck_assert_int_eq(change(&r, &e, &next), ELOQ_OK);
        check_version(&next, &e.map);

        int slot = free_version_slot();
        if (rand_below(&r, 4) == 0 || slot < 0) {
            uint64_t before = used();
            mapping_edit_abort(&e, &versions[current].map);
            ck_assert_uint_le(used(), before);
            ck_assert_ptr_null(e.replaced);
        } else {
            take_replaced(&e);
            next.map = e.map;
            versions[slot] = next;
            current = slot;
            number++;
        }
        /* Readers come and go in any order. */
        int leaves = (int)rand_below(&r, VERSIONS_MAX);
        if (leaves != current && versions[leaves].live && rand_below(&r, 2)) {
            versions[leaves].live = false;
            free_unseen();
        }
        int looks = (int)rand_below(&r, VERSIONS_MAX);
        if (versions[looks].live)
            check_version(&versions[looks], &versions[looks].map);
    }
    for (int i = 0; i < VERSIONS_MAX; i++) {
        if (versions[i].live)
            check_version(&versions[i], &versions[i].map);
        versions[i].live = i == current;
    }
    free_unseen();
    ck_assert_uint_eq(dead_count, 0);
    while (!mapping_free_some(&mem, &versions[current].map, 3))
        ;
    ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(a_write_copies_only_its_paths)
{
    struct mapping_edit e;
    struct mapping base = { 0 };
    struct file_page old;
    uint64_t born;
    bool had;
    size_t copied = 0;

    mapping_edit_begin(&e, &mem, &base, 1);
    for (uint32_t id = 0; id < 64 * 64 * 4; id++)
        ck_assert_int_eq(mapping_edit_set(&e, page_id(id), file_page(id), &had, &old, &born), 0);
    base = e.map;
    ck_assert_uint_eq(base.levels, 3);
    ck_assert_ptr_null(e.replaced);

    uint64_t before = used();
    mapping_edit_begin(&e, &mem, &base, 2);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(mapping_edit_set(&e, page_id(9000), file_page(1), &had, &old, &born), 0);
    for (struct mapping_node *node = e.replaced; node; node = node->next)
        copied++;
    ck_assert_uint_eq(copied, 3);
    ck_assert_uint_eq(born, 2);
    mapping_edit_abort(&e, &base);
    ck_assert_uint_eq(used(), before);
    ck_assert_uint_eq(mapping_value(&base, page_id(9000)), 9000u << 3 | MAPPING_TYPE_FILE_PAGE);
    ck_assert(!mapping_free_some(&mem, &base, 10));
    ck_assert(mapping_free_some(&mem, &base, 1000));
    ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(the_highest_id_and_place_fit)
{
    struct mapping_edit e;
    struct mapping base = { 0 };
    struct file_page old;
    uint64_t born;
    bool had;

    mapping_edit_begin(&e, &mem, &base, UINT64_MAX);
    ck_assert_int_eq(mapping_edit_set(&e, page_id(3), file_page(8), &had, &old, &born), 0);
    ck_assert_int_eq(mapping_edit_set(&e, page_id(LOGICAL_ID_END - 1), file_page(FILE_PAGE_END - 1),
                                      &had, &old, &born),
                     0);
    ck_assert_uint_eq(e.map.levels, 5);
    ck_assert_uint_eq(e.map.page_count, LOGICAL_ID_END);
    ck_assert(mapping_get(&e.map, page_id(LOGICAL_ID_END - 1), &old));
    ck_assert_uint_eq(old.n, FILE_PAGE_END - 1);
    ck_assert(mapping_get(&e.map, page_id(3), &old));
    /* A version that does not fit 32 bits counts as long ago. */
    ck_assert_int_eq(mapping_edit_clear(&e, page_id(3), &old, &born), 0);
    ck_assert_uint_eq(born, 0);
    mapping_edit_abort(&e, &base);
    ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(what_the_format_cannot_hold_is_refused)
{
    struct mapping_edit e;
    struct mapping base = { 0 };
    struct file_page old;
    uint64_t born;
    bool had;

    mapping_edit_begin(&e, &mem, &base, 1);
    ck_assert_int_eq(mapping_edit_set(&e, page_id(LOGICAL_ID_END), file_page(0), &had, &old, &born),
                     ELOQ_CORRUPTED);
    ck_assert_int_eq(mapping_edit_set(&e, page_id(0), file_page(FILE_PAGE_END), &had, &old, &born),
                     ELOQ_CORRUPTED);
    ck_assert_int_eq(mapping_edit_clear(&e, page_id(0), &old, &born), ELOQ_CORRUPTED);
    /* Ids that a loader knows to be unmapped, with and without a slot in the tree. */
    ck_assert_int_eq(mapping_edit_set(&e, page_id(5), file_page(1), &had, &old, &born), 0);
    e.map.page_count = 1000;
    ck_assert_uint_eq(mapping_value(&e.map, page_id(6)), MAPPING_FREE);
    ck_assert_uint_eq(mapping_value(&e.map, page_id(999)), MAPPING_FREE);
    ck_assert_int_eq(mapping_edit_clear(&e, page_id(999), &old, &born), ELOQ_CORRUPTED);
    ck_assert_int_eq(mapping_edit_set(&e, page_id(999), file_page(2), &had, &old, &born), 0);
    ck_assert(!had);
    ck_assert_uint_eq(e.map.page_count, 1000);
    mapping_edit_abort(&e, &base);
    ck_assert_uint_eq(used(), 0);
}
END_TEST

static int count_to_70(void *user, struct page_id id, uint64_t value)
{
    (void)value;
    *(uint32_t *)user = id.n;
    return id.n == 70 ? 42 : 0;
}

START_TEST(each_stops_when_told)
{
    struct mapping map = { .page_count = 100 };
    uint32_t last;

    ck_assert_int_eq(mapping_each(&map, count_to_70, &last), 42);
    ck_assert_uint_eq(last, 70);
}
END_TEST

static uint64_t fail_at;

static bool fail_nth(void *user, size_t size)
{
    (void)user;
    (void)size;
    return fail_at > 0 && --fail_at == 0;
}

START_TEST(any_failed_allocation_leaves_the_map_right)
{
    static struct version base, next;
    struct mapping_edit e;
    struct rand r;
    bool failed = true;

    mem.fail = fail_nth;
    rand_seed(&r, seed);
    model_init(&base);
    base.number = 1;
    mapping_edit_begin(&e, &mem, &base.map, 1);
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(change(&r, &e, &base), ELOQ_OK);
    base.map = e.map;
    uint64_t before = used();

    for (uint64_t n = 1; failed; n++) {
        struct rand again = r;
        failed = false;
        next = base;
        mapping_edit_begin(&e, &mem, &base.map, 2);
        fail_at = n;
        for (int i = 0; i < 40; i++) {
            int rc = change(&again, &e, &next);
            ck_assert(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY);
            if (rc < 0) {
                failed = true;
                check_version(&next, &e.map);
            }
        }
        check_version(&next, &e.map);
        check_version(&base, &base.map);
        mapping_edit_abort(&e, &base.map);
        ck_assert_uint_eq(used(), before);
        check_version(&base, &base.map);
    }
    while (!mapping_free_some(&mem, &base.map, 1))
        ;
    ck_assert_uint_eq(used(), 0);
}
END_TEST

START_TEST(a_failed_growth_can_be_tried_again)
{
    struct mapping_edit e;
    struct mapping base = { 0 };
    struct file_page old;
    uint64_t born;
    bool had;

    mem.fail = fail_nth;
    for (uint64_t n = 1; n < 12; n++) {
        mapping_edit_begin(&e, &mem, &base, 1);
        ck_assert_int_eq(mapping_edit_set(&e, page_id(1), file_page(4), &had, &old, &born), 0);
        fail_at = n;
        int rc = mapping_edit_set(&e, page_id(1000000), file_page(5), &had, &old, &born);
        ck_assert(mapping_get(&e.map, page_id(1), &old) && old.n == 4);
        ck_assert_uint_eq(e.map.mapped_count, rc == ELOQ_OK ? 2 : 1);
        fail_at = 0;
        ck_assert_int_eq(mapping_edit_set(&e, page_id(1000000), file_page(6), &had, &old, &born),
                         0);
        ck_assert(mapping_get(&e.map, page_id(1000000), &old) && old.n == 6);
        mapping_edit_abort(&e, &base);
        ck_assert_uint_eq(used(), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapping");
    TCase *tc = tcase_create("mapping");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, an_empty_mapping_maps_nothing);
    tcase_add_test(tc, snapshots_do_not_see_later_writes);
    tcase_add_test(tc, a_write_copies_only_its_paths);
    tcase_add_test(tc, the_highest_id_and_place_fit);
    tcase_add_test(tc, what_the_format_cannot_hold_is_refused);
    tcase_add_test(tc, each_stops_when_told);
    tcase_add_test(tc, any_failed_allocation_leaves_the_map_right);
    tcase_add_test(tc, a_failed_growth_can_be_tried_again);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
