/* tests/damage/place_test.c -- row 9: a page in the wrong place, an old version of a page, a write
 * that was lost; all under good checksums.
 *
 *     place_test [--seed N] [--cases N] [--store K --page ID --source N] [--verbose]
 *
 * In a store of 200 pages each page is replaced by each other one, by each older version of itself,
 * by what its place held before, by zeros, and by pages of another partition. Then the keys that
 * depend on it are read, some others, all are scanned, and it is checked; where it belongs to the
 * TTL tree, it is cleaned as well. Whatever is not seen must be in the list below, which is that of
 * docs/decisions/0014, and whatever is in the list must have been met.
 *
 * --cases: about so many of them, by chance; then the list need not be met. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "damage/anatomy.h"
#include "damage/look.h"
#include "sim/sim_args.h"

#define SOURCES_MAX 1500
#define CASES_ABOUT 100000 /* of all */

/* Where the other content comes from. */
enum relation {
    BY_ZEROS,
    BY_INNER, /* of the same state and partition */
    BY_INDEX,
    BY_LEAF,
    BY_OVERFLOW,
    BY_TTL_INDEX,
    BY_TTL_LEAF,
    BY_OLDER,    /* the same page as it was */
    BY_LOST,     /* what lay in its place before; no older version of it */
    BY_STRANGER, /* a page of another partition */
    RELATIONS
};
static const char *const relation_names[RELATIONS] = {
    "zeros",
    "an inner index page",
    "an index page",
    "a data page",
    "an overflow page",
    "a TTL index page",
    "a TTL data page",
    "an older version of itself",
    "what lay there before",
    "a page of another partition",
};

/* What is not seen. */
enum { GET_WRONG = 1, SCAN_WRONG = 2, CHECK_SILENT = 4, CLEAN_WRONG = 8 };

/* The whole list: docs/decisions/0014. */
static const struct hidden {
    enum role role;
    enum relation by;
    unsigned what;
} hidden[] = {
    { ROLE_LEAF, BY_OLDER, GET_WRONG | SCAN_WRONG | CHECK_SILENT },
    { ROLE_LEAF, BY_STRANGER, GET_WRONG | SCAN_WRONG },
    { ROLE_OVERFLOW, BY_OVERFLOW, GET_WRONG | SCAN_WRONG | CHECK_SILENT },
    { ROLE_OVERFLOW, BY_STRANGER, GET_WRONG | SCAN_WRONG | CHECK_SILENT },
    { ROLE_INNER, BY_STRANGER, GET_WRONG },
    { ROLE_INDEX, BY_STRANGER, GET_WRONG },
    { ROLE_INNER, BY_TTL_INDEX, GET_WRONG | SCAN_WRONG },
    { ROLE_INDEX, BY_TTL_INDEX, SCAN_WRONG },
};

static uint64_t only_store = SIM_ARG_NONE, only_page, only_source = SIM_ARG_NONE;
static uint64_t tried, failed;
static unsigned seen[ROLES][RELATIONS];

struct source {
    enum relation relation;
    const uint8_t *data;
    uint32_t id;      /* BY_OLDER: of this page alone */
    const char *path; /* BY_LOST: of this place alone */
    uint64_t offset;
    char words[80];
};

struct subject {
    struct exhibit x;
    struct anatomy now, past[EXHIBIT_COMMITS_MAX], other;
    struct source sources[SOURCES_MAX];
    size_t source_count;
};

/* ---- the store and all other contents ---- */

static void add_source(struct subject *s, const struct source *source)
{
    CHECK(s->source_count < SOURCES_MAX);
    s->sources[s->source_count++] = *source;
}

static void add_pages(struct subject *s)
{
    static const enum relation by[ROLES] = {
        [ROLE_INNER] = BY_INNER,         [ROLE_INDEX] = BY_INDEX,
        [ROLE_LEAF] = BY_LEAF,           [ROLE_OVERFLOW] = BY_OVERFLOW,
        [ROLE_TTL_INDEX] = BY_TTL_INDEX, [ROLE_TTL_LEAF] = BY_TTL_LEAF,
    };

    for (uint32_t id = 0; id < s->now.count; id++) {
        const struct anatomy_page *page = &s->now.pages[id];
        struct source source = { .relation = by[page->role], .data = page->data, .id = NO_PAGE };
        if (page->role == ROLE_NONE)
            continue;
        snprintf(source.words, sizeof(source.words), "page %u", id);
        add_source(s, &source);
    }
    for (uint32_t id = 0; id < s->other.count; id++) {
        const struct anatomy_page *page = &s->other.pages[id];
        struct source source = { .relation = BY_STRANGER, .data = page->data, .id = NO_PAGE };
        if (page->role == ROLE_NONE)
            continue;
        snprintf(source.words, sizeof(source.words), "page %u of the other partition, %s", id,
                 role_names[page->role]);
        add_source(s, &source);
    }
}

/* Whether the page had this content after some commit, up to that one. */
static bool was_page(const struct subject *s, unsigned commit, uint32_t id, const uint8_t *data)
{
    for (unsigned i = 0; i <= commit; i++)
        if (id < s->past[i].count && s->past[i].pages[id].data
            && memcmp(s->past[i].pages[id].data, data, EXHIBIT_PAGE) == 0)
            return true;
    return false;
}

static void add_past(struct subject *s, unsigned commit)
{
    for (uint32_t id = 0; id < s->now.count; id++) {
        const struct anatomy_page *page = &s->now.pages[id];
        const struct anatomy_page *old =
            id < s->past[commit].count ? &s->past[commit].pages[id] : NULL;
        struct source source = { .id = id };
        if (page->role == ROLE_NONE)
            continue;
        if (old && old->role == page->role && memcmp(old->data, page->data, EXHIBIT_PAGE) != 0) {
            source.relation = BY_OLDER;
            source.data = old->data;
            snprintf(source.words, sizeof(source.words), "as after commit %u", commit);
            add_source(s, &source);
        }
        const struct bytes *file = exhibit_file(s->x.history[commit], page->path);
        if (!file || file->size < page->offset + EXHIBIT_PAGE)
            continue;
        source.relation = BY_LOST;
        source.data = file->data + page->offset;
        if (memcmp(source.data, page->data, EXHIBIT_PAGE) == 0
            || was_page(s, commit, id, source.data))
            continue;
        snprintf(source.words, sizeof(source.words), "the place after commit %u", commit);
        add_source(s, &source);
    }
}

static bool subject_make(struct subject *s, enum exhibit_kind kind)
{
    static const uint8_t zeros[EXHIBIT_PAGE];
    struct source source = { .relation = BY_ZEROS, .data = zeros, .id = NO_PAGE, .words = "zeros" };

    memset(s, 0, sizeof(*s));
    if (!exhibit_make(&s->x, kind, sim_args.seed))
        return false;
    anatomy_make(&s->now, &s->x, s->x.disk, EXHIBIT_DIR, "manifest_0");
    anatomy_make(&s->other, &s->x, s->x.disk, EXHIBIT_OTHER_DIR, "manifest_0");
    add_source(s, &source);
    add_pages(s);
    for (unsigned i = 0; i + 1 < s->x.commits; i++) {
        anatomy_make(&s->past[i], &s->x, s->x.history[i], EXHIBIT_DIR, "manifest_0");
        add_past(s, i);
    }
    return true;
}

static void subject_free(struct subject *s)
{
    for (unsigned i = 0; i + 1 < s->x.commits; i++)
        anatomy_free(&s->past[i]);
    anatomy_free(&s->now);
    anatomy_free(&s->other);
    exhibit_free(&s->x);
}

/* ---- looking ---- */

static bool is_ttl(const struct anatomy_page *page)
{
    return page->role == ROLE_TTL_INDEX || page->role == ROLE_TTL_LEAF;
}

/* Nothing has expired: cleaning must leave everything. */
static bool look_cleaned(struct look *l, const struct look_for *want)
{
    struct sim_disk *disk = sim_disk_copy(l->disk);
    eloq_store *db;

    CHECK(exhibit_open(l->x, disk, 0, &db) == ELOQ_OK);
    (void)eloq_clean_expired(db, exhibit_part);
    bool ok = look_scan(l, db, want, 0, want->model->count, false);
    CHECK(eloq_close(db) == ELOQ_OK);
    sim_disk_free(disk);
    return ok;
}

/* GET_WRONG, ...: what happens to the store as it lies there. */
static unsigned look_at_page(struct look *l, const struct look_for *want,
                             const struct look_for *at_scan, const struct anatomy_page *page,
                             struct rand *r)
{
    size_t count = want->model->count;
    unsigned bits = 0;
    bool ok = true;
    eloq_store *db;

    CHECK(exhibit_open(l->x, l->disk, 0, &db) == ELOQ_OK);
    for (size_t key = page->from; key < page->to && ok; key++)
        ok = look_key(l, db, want, key);
    for (int i = 0; i < 4 && ok; i++)
        ok = look_key(l, db, want, rand_below(r, count));
    if (!ok)
        bits |= GET_WRONG;
    if (!look_scan(l, db, at_scan, 0, count, false) || !look_scan(l, db, at_scan, 0, count, true))
        bits |= SCAN_WRONG;
    char words[sizeof(l->detail)];
    memcpy(words, l->detail, sizeof(words));
    if (!look_check(l, db))
        bits |= CHECK_SILENT;
    if (l->damages == 0)
        bits |= CHECK_SILENT;
    if (bits & (GET_WRONG | SCAN_WRONG))
        memcpy(l->detail, words, sizeof(words));
    CHECK(eloq_close(db) == ELOQ_OK);
    if (is_ttl(page) && !look_cleaned(l, want))
        bits |= CLEAN_WRONG;
    return bits;
}

static void put_page(struct subject *s, const struct anatomy_page *page, const uint8_t *data)
{
    struct bytes *file = exhibit_file(s->x.disk, page->path);

    memcpy(file->data + page->offset, data, EXHIBIT_PAGE);
}

static unsigned listed(enum role role, enum relation by)
{
    unsigned what = 0;

    for (size_t i = 0; i < ARRAY_LEN(hidden); i++)
        if (hidden[i].role == role && hidden[i].by == by)
            what |= hidden[i].what;
    return what;
}

static void try_source(struct subject *s, uint32_t id, size_t number, struct rand *r)
{
    static uint8_t may_fail[LOOK_KEYS_MAX], scan_may_fail[LOOK_KEYS_MAX + 1], old[EXHIBIT_PAGE];
    const struct anatomy_page *page = &s->now.pages[id];
    const struct source *source = &s->sources[number];
    struct look l = { .x = &s->x, .disk = s->x.disk };
    struct look_for want = { .model = exhibit_now(&s->x), .may_fail = may_fail };
    struct look_for at_scan = { .model = exhibit_now(&s->x), .may_fail = scan_may_fail };

    memset(may_fail, 0, sizeof(may_fail));
    look_may_fail(may_fail, page->from, page->to);
    memcpy(old, page->data, EXHIBIT_PAGE);
    put_page(s, page, source->data);
    /* Whether an index page ends too early shows at the key behind it. */
    memcpy(scan_may_fail, may_fail, sizeof(may_fail));
    if (page->role == ROLE_INDEX || page->role == ROLE_INNER)
        scan_may_fail[page->to] = 1;
    unsigned bits = look_at_page(&l, &want, &at_scan, page, r);
    put_page(s, page, old);
    tried++;
    seen[page->role][source->relation] |= bits;
    bool is_listed = (bits & ~listed(page->role, source->relation)) == 0;
    if (is_listed && !(bits && sim_args.verbose))
        return;
    printf("%s: store \"%s\", page %u (%s) by %s (%s):%s%s%s%s: %s: %s\n",
           is_listed ? "listed" : "failed", s->x.name, id, role_names[page->role],
           relation_names[source->relation], source->words, bits & GET_WRONG ? " get" : "",
           bits & SCAN_WRONG ? " scan" : "", bits & CHECK_SILENT ? " check" : "",
           bits & CLEAN_WRONG ? " clean" : "", l.wrong ? l.wrong : "not seen", l.detail);
    if (is_listed)
        return;
    printf("repeat: place_test --seed %llu --store %d --page %u --source %zu\n",
           (unsigned long long)sim_args.seed, (int)s->x.kind, id, number);
    failed++;
}

/* ---- which ---- */

static bool applies(const struct subject *s, uint32_t id, const struct source *source)
{
    const struct anatomy_page *page = &s->now.pages[id];

    return (source->id == NO_PAGE || source->id == id)
           && memcmp(source->data, page->data, EXHIBIT_PAGE) != 0;
}

static bool is_chosen(uint32_t id, size_t number, struct rand *r)
{
    if (only_source != SIM_ARG_NONE)
        return only_page == id && only_source == number;
    return sim_args.cases == 0 || rand_below(r, CASES_ABOUT) < sim_args.cases;
}

static void try_store(struct subject *s)
{
    struct rand r;
    unsigned pages = 0;

    rand_seed(&r, sim_args.seed);
    for (uint32_t id = 0; id < s->now.count; id++) {
        if (s->now.pages[id].role == ROLE_NONE)
            continue;
        pages++;
        for (size_t i = 0; i < s->source_count; i++)
            if (applies(s, id, &s->sources[i]) && is_chosen(id, i, &r))
                try_source(s, id, i, &r);
    }
    printf("store \"%s\": %u pages\n", s->x.name, pages);
}

int main(int argc, char **argv)
{
    static struct subject s;
    const struct sim_arg more[] = { { "store", &only_store, NULL },
                                    { "page", &only_page, NULL },
                                    { "source", &only_source, NULL } };

    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    for (enum exhibit_kind kind = EXHIBIT_WIDE; kind < EXHIBIT_KINDS; kind++) {
        if (only_store != SIM_ARG_NONE && only_store != (uint64_t)kind)
            continue;
        if (!subject_make(&s, kind))
            return 1;
        try_store(&s);
        subject_free(&s);
    }
    bool is_whole =
        only_source == SIM_ARG_NONE && only_store == SIM_ARG_NONE && sim_args.cases == 0;
    for (size_t i = 0; i < ARRAY_LEN(hidden) && is_whole; i++) {
        const struct hidden *h = &hidden[i];
        if ((h->what & ~seen[h->role][h->by]) == 0)
            continue;
        printf("failed: in the list, but not met: %s by %s\n", role_names[h->role],
               relation_names[h->by]);
        failed++;
    }
    sim_args_row(9, tried, failed, NULL);
    return failed > 0;
}
