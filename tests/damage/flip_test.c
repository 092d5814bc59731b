/* tests/damage/flip_test.c -- row 8: every byte of every kind of file flipped.
 *
 *     flip_test [--seed N] [--cases N] [--store K --at N --mask M]
 *
 * Each store of damage/exhibit.h, each file: every byte of small files and of the headers of pages,
 * others by chance, is changed in some bits. Then everything is read, live and from archives, and
 * checked. What the pure decoders say depends on that byte must be said to be damaged, with file
 * and place, and may fail; nothing else may, and what nothing depends on must be no damage. Then it
 * is written to: beside the damage, into it, and in the other partition; opened again, the same
 * must hold.
 *
 * The one loss that is none: the last record of a manifest that has several cannot be told from a
 * commit that a crash interrupted. Then the state before must be there, whole, and check note it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "damage/anatomy.h"
#include "damage/look.h"
#include "sim/sim_args.h"

#define HEADER_BYTES 20
#define FILES_MAX 64
#define WRITES_EVERY 3 /* of flips that cost something; those that cost nothing: each */

static uint64_t only_store = SIM_ARG_NONE, only_at, only_mask;
static uint64_t tried, failed;

/* A store, taken apart. */
struct subject {
    struct exhibit x;
    struct anatomy live, archives[EXHIBIT_ARCHIVES_MAX];
    char files[FILES_MAX][96];
    size_t sizes[FILES_MAX];
    size_t file_count, bytes;
};

/* One flip, and what depends on it. */
struct flip {
    struct subject *s;
    const char *file;
    uint64_t offset;
    uint8_t mask;

    bool hits_record; /* of the options */
    bool hits_live, hits_ttl, hits_manifest, loses_last;
    const struct model *before;      /* what is there without the last record */
    const struct anatomy_page *page; /* of the live state */
    bool hits_archive[EXHIBIT_ARCHIVES_MAX];
    uint8_t live_may_fail[LOOK_KEYS_MAX], archive_may_fail[EXHIBIT_ARCHIVES_MAX][LOOK_KEYS_MAX];
    uint64_t from, to; /* what failures may name */
};

/* ---- the stores ---- */

static void add_files(struct subject *s, const char *dir)
{
    const char **names = exhibit_names(s->x.disk, dir);

    for (size_t i = 0; names[i]; i++) {
        char *path = s->files[s->file_count];
        snprintf(path, sizeof(s->files[0]), "%s/%s", dir, names[i]);
        const struct bytes *file = exhibit_file(s->x.disk, path);
        if (!file || file->size == 0)
            continue;
        CHECK(s->file_count + 1 < FILES_MAX);
        s->sizes[s->file_count++] = file->size;
        s->bytes += file->size;
    }
    free(names);
}

static bool subject_make(struct subject *s, enum exhibit_kind kind)
{
    memset(s, 0, sizeof(*s));
    if (!exhibit_make(&s->x, kind, sim_args.seed))
        return false;
    anatomy_make_all(&s->live, s->archives, &s->x);
    CHECK(s->live.keys == exhibit_now(&s->x)->count);
    add_files(s, EXHIBIT_STORE "/.eloqstore");
    add_files(s, EXHIBIT_DIR);
    return true;
}

static void subject_free(struct subject *s)
{
    anatomy_free_all(&s->live, s->archives, &s->x);
    exhibit_free(&s->x);
}

/* ---- what depends on a byte ---- */

static bool is_data(const char *file)
{
    return strstr(file, "/data_") != NULL;
}

static void depend_on_page(struct flip *f, const struct anatomy *a, uint8_t *may_fail,
                           bool *ret_hits, const struct anatomy_page **ret_page)
{
    const struct anatomy_page *page = anatomy_at(a, f->file, f->offset);

    *ret_hits = page != NULL;
    if (ret_page)
        *ret_page = page;
    if (page)
        look_may_fail(may_fail, page->from, page->to);
}

/* A record's bytes but for its padding. *ret_last: it is the last, and not the only one. */
static bool in_record(const struct anatomy *a, uint64_t offset, bool *ret_last)
{
    for (unsigned i = 0; i < a->record_count; i++) {
        if (offset < a->records[i] || offset >= a->contents[i])
            continue;
        *ret_last = i > 0 && i + 1 == a->record_count;
        return true;
    }
    return false;
}

static void depend_on_manifest(struct flip *f)
{
    struct subject *s = f->s;
    char name[128];
    bool is_last = false;

    if (strcmp(f->file, EXHIBIT_DIR "/manifest_0") == 0) {
        f->hits_manifest = in_record(&s->live, f->offset, &is_last);
        f->loses_last = f->hits_manifest && is_last;
        f->before =
            &s->x.states[exhibit_state_at(&s->x, s->live.records[s->live.record_count - 1])];
        f->hits_live = f->hits_manifest && !is_last;
        if (f->hits_live)
            look_may_fail(f->live_may_fail, 0, s->live.keys);
    }
    for (unsigned i = 0; i < s->x.archive_count; i++) {
        snprintf(name, sizeof(name), EXHIBIT_DIR "/%s", anatomy_archive_name(&s->x, i));
        f->hits_archive[i] =
            strcmp(f->file, name) == 0 && in_record(&s->archives[i], f->offset, &is_last);
        if (f->hits_archive[i])
            look_may_fail(f->archive_may_fail[i], 0, s->archives[i].keys);
    }
}

static void depend(struct flip *f)
{
    struct subject *s = f->s;

    if (is_data(f->file)) {
        f->from = f->offset - f->offset % EXHIBIT_PAGE;
        f->to = f->from + EXHIBIT_PAGE;
        depend_on_page(f, &s->live, f->live_may_fail, &f->hits_live, &f->page);
        f->hits_ttl =
            f->page && (f->page->role == ROLE_TTL_LEAF || f->page->role == ROLE_TTL_INDEX);
        for (unsigned i = 0; i < s->x.archive_count; i++)
            depend_on_page(f, &s->archives[i], f->archive_may_fail[i], &f->hits_archive[i], NULL);
    } else if (strstr(f->file, "/.eloqstore/")) {
        f->hits_record = strcmp(f->file, EXHIBIT_STORE "/.eloqstore/options") == 0;
    } else {
        depend_on_manifest(f);
    }
}

/* ---- looking ---- */

static bool hits_any(const struct flip *f)
{
    bool hits = f->hits_live;

    for (unsigned i = 0; i < f->s->x.archive_count; i++)
        hits |= f->hits_archive[i];
    return hits;
}

static bool look_archives(struct look *l, const struct flip *f)
{
    struct exhibit *x = &f->s->x;

    for (unsigned i = 0; i < x->archive_count; i++) {
        struct look_for want = { .model = &x->states[x->archives[i].state],
                                 .may_fail = f->hits_archive[i] ? f->archive_may_fail[i] : NULL };
        unsigned before = l->failed;
        if (!look_at(l, x->archives[i].timestamp, &want))
            return false;
        if (f->hits_archive[i] && !f->hits_ttl && l->failed == before && !f->page)
            return look_wrong(l, "no read of the archive fails", "archive %u", i);
    }
    return true;
}

static bool look_once(struct look *l, const struct flip *f, const struct model *model)
{
    struct look_for want = { .model = f->loses_last ? f->before : model,
                             .may_fail = f->hits_live ? f->live_may_fail : NULL,
                             .may_not_open = f->hits_record };

    if (!look_at(l, 0, &want) || f->hits_record)
        return !l->wrong;
    if (f->hits_live && !f->hits_ttl && l->failed == 0)
        return look_wrong(l, "no read fails", "%s", l->detail);
    if (hits_any(f) && !l->found)
        return look_wrong(l, "check does not find it", "%s", l->detail);
    if (!hits_any(f) && l->damages > 0)
        return look_wrong(l, "check finds what is no damage", "%s", l->detail);
    if (f->loses_last && l->notes == 0)
        return look_wrong(l, "check says nothing of a lost record", "%s", l->detail);
    return look_archives(l, f);
}

/* ---- writing ---- */

static int overwrite(eloq_store *db, eloq_part part, struct model *m, size_t key)
{
    struct model_pair *p = &m->pairs[key];
    eloq_entry entry = { .key = eloq_bytes(p->key, p->key_size),
                         .value = eloq_str("written"),
                         .timestamp = p->timestamp + 1 };

    int rc = eloq_write(db, part, &entry, 1);
    if (rc == ELOQ_OK)
        model_put(m, p->key, p->key_size, "written", 7, p->timestamp + 1, 0, 0);
    return rc;
}

/* Where reads do not fail, writes do not; where they do, only an overflow value can be replaced. */
static bool write_to(struct look *l, struct flip *f, struct model *m, eloq_store *db)
{
    size_t beside = 0, inside = SIZE_MAX;

    while (beside < m->count && f->hits_live && f->live_may_fail[beside])
        inside = beside++;
    for (size_t i = beside; i < m->count && inside == SIZE_MAX; i++)
        if (f->hits_live && f->live_may_fail[i])
            inside = i;
    if (beside < m->count && overwrite(db, exhibit_part, m, beside) != ELOQ_OK)
        return look_wrong(l, "a write beside the damage fails", "%s", eloq_errmsg());
    if (inside != SIZE_MAX) {
        bool is_value = f->page && f->page->role == ROLE_OVERFLOW;
        int rc = overwrite(db, exhibit_part, m, inside);
        if (rc != (is_value ? ELOQ_OK : ELOQ_CORRUPTED))
            return look_wrong(l, "a write into the damage", "%d %s", rc, rc ? eloq_errmsg() : "");
        if (is_value)
            f->hits_live = false; /* it is gone */
    }
    eloq_entry entry = { .key = eloq_str("new"), .value = eloq_str("written") };
    int rc = eloq_write(db, exhibit_other, &entry, 1);
    return rc == ELOQ_OK || look_wrong(l, "a write to the other partition", "%s", eloq_errmsg());
}

static bool look_written(struct look *l, struct flip *f)
{
    struct exhibit *x = &f->s->x;
    struct model m = { 0 };
    eloq_store *db;

    model_copy(&m, f->loses_last ? f->before : exhibit_now(x));
    l->failed = 0;
    if (exhibit_open(x, l->disk, 0, &db) != ELOQ_OK)
        return look_wrong(l, "does not open to be written", "%s", eloq_errmsg());
    bool ok = write_to(l, f, &m, db);
    if (eloq_close(db) != ELOQ_OK && ok)
        ok = look_wrong(l, "does not close", "%s", eloq_errmsg());
    f->loses_last = false; /* what was lost is not asked for again */
    ok = ok && look_once(l, f, &m);
    model_free(&m);
    return ok;
}

/* ---- one flip ---- */

static void complain(const struct look *l, const struct flip *f)
{
    printf("failed: store \"%s\", %s byte %llu mask %02x (%s): %s: %s\n", f->s->x.name, f->file,
           (unsigned long long)f->offset, f->mask, f->page ? role_names[f->page->role] : "-",
           l->wrong, l->detail);
    printf("repeat: flip_test --seed %llu --store %d --at %llu --mask %u\n",
           (unsigned long long)sim_args.seed, (int)f->s->x.kind, (unsigned long long)only_at,
           f->mask);
    failed++;
}

/* `at` counts the bytes of all files. */
static void try_flip(struct subject *s, uint64_t at, uint8_t mask)
{
    static struct flip f;
    size_t file = 0;

    memset(&f, 0, sizeof(f));
    only_at = at;
    while (at >= s->sizes[file])
        at -= s->sizes[file++];
    f.s = s;
    f.file = s->files[file];
    f.offset = at;
    f.mask = mask;
    f.to = 0;
    depend(&f);
    struct look l = { .x = &s->x, .disk = s->x.disk, .file = f.file, .from = f.from, .to = f.to };
    sim_disk_print(s->x.disk, sim_args.trace);
    struct bytes *bytes = exhibit_file(s->x.disk, f.file);
    bytes->data[at] ^= mask;
    bool ok = look_once(&l, &f, exhibit_now(&s->x));
    if (ok && !f.hits_record && (!hits_any(&f) || tried % WRITES_EVERY == 0)) {
        l.disk = sim_disk_copy(s->x.disk);
        l.file = NULL; /* pages may have been moved */
        ok = look_written(&l, &f);
        sim_disk_free(l.disk);
    }
    bytes->data[at] ^= mask;
    tried++;
    if (!ok)
        complain(&l, &f);
}

/* ---- which ---- */

static bool is_header(const struct subject *s, uint64_t at)
{
    size_t file = 0;

    while (at >= s->sizes[file])
        at -= s->sizes[file++];
    if (!is_data(s->files[file]))
        return s->sizes[file] <= 1024 || at % RECORD_ALIGN < 4 * HEADER_BYTES;
    return at % EXHIBIT_PAGE < HEADER_BYTES;
}

static uint8_t mask_of(struct rand *r)
{
    if (rand_below(r, 2))
        return (uint8_t)(1u << rand_below(r, 8));
    return (uint8_t)(1 + rand_below(r, 255));
}

/* Header bytes first, as often as they come up in `cases`; then others by chance. */
static void try_store(struct subject *s, uint64_t cases)
{
    uint64_t headers = 0, end = tried + cases;
    struct rand r;

    rand_seed(&r, sim_args.seed * 1000 + s->x.kind);
    for (uint64_t at = 0; at < s->bytes; at++)
        headers += is_header(s, at);
    for (uint64_t at = 0; at < s->bytes && tried < end; at++)
        if (is_header(s, at) && (headers <= cases || rand_below(&r, headers) < cases))
            try_flip(s, at, mask_of(&r));
    while (tried < end)
        try_flip(s, rand_below(&r, s->bytes), mask_of(&r));
}

int main(int argc, char **argv)
{
    static struct subject s;

    const struct sim_arg more[] = { { "store", &only_store, NULL },
                                    { "at", &only_at, NULL },
                                    { "mask", &only_mask, NULL } };

    sim_args.cases = 3000;
    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    for (enum exhibit_kind kind = 0; kind < EXHIBIT_SMALL; kind++) {
        if (only_store != SIM_ARG_NONE && only_store != (uint64_t)kind)
            continue;
        if (!subject_make(&s, kind))
            return 1;
        if (only_mask)
            try_flip(&s, only_at, (uint8_t)only_mask);
        else
            try_store(&s, (sim_args.cases + EXHIBIT_SMALL - 1) / EXHIBIT_SMALL);
        subject_free(&s);
    }
    sim_args_row(8, tried, failed, NULL);
    return failed > 0;
}
