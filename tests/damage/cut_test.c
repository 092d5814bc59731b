/* tests/damage/cut_test.c -- row 10: files cut at every length, extended, missing, swapped.
 *
 *     cut_test [--seed N] [--cases N] [--store K --case N]
 *
 * Each store of damage/exhibit.h, each of its files: the record of the options, manifests and
 * archives at every length, data files at every 512 bytes and some between; longer, by zeros and by
 * noise; missing; in the place of each other one. Then everything is read, live and from archives,
 * checked and written to. A cut manifest is its whole records or an error; what lay in a missing
 * part fails, with file and place, and nothing else does; nothing reads as empty; nothing is
 * removed.
 *
 * --cases: of the lengths only so many, as near as it can. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "damage/anatomy.h"
#include "damage/look.h"
#include "sim/sim_args.h"

#define FILES_MAX 64
#define WRITES_EVERY 5
#define EXTENSIONS 8
#define STEP 512

static uint64_t only_store = SIM_ARG_NONE, only_case = SIM_ARG_NONE;
static uint64_t tried, failed, number; /* of the case, in its store */

enum file_kind_here { OPTIONS, LOCK, MANIFEST, ARCHIVE, DATA };

struct file {
    char path[96];
    enum file_kind_here kind;
    unsigned archive; /* which */
    size_t size;
};

struct subject {
    struct exhibit x;
    struct anatomy live, archives[EXHIBIT_ARCHIVES_MAX];
    struct file files[FILES_MAX];
    size_t file_count;
    struct file stranger; /* the other partition's manifest */
};

/* What a change of files means for one state: the live one, or an archive. */
struct meaning {
    const struct model *model;
    bool is_gone;   /* none of its manifest is left: every read fails, check says so */
    bool is_absent; /* there is no such archive any more */
    uint8_t may_fail[LOOK_KEYS_MAX], freedom[LOOK_KEYS_MAX];
    bool is_hit; /* a page of it is missing or another */
};

struct change {
    struct subject *s;
    const char *what;
    const struct file *file, *other;
    size_t length;
    bool may_not_open, may_differ; /* from the words that name the file */
    struct meaning live, archives[EXHIBIT_ARCHIVES_MAX];
    bool check_is_free;
    bool may_heal; /* the missing rest of a page is zeros: what is written behind it brings it back
                    */
};

/* ---- the stores ---- */

static void add_files(struct subject *s, const char *dir)
{
    const char **names = exhibit_names(s->x.disk, dir);

    for (size_t i = 0; names[i]; i++) {
        struct file *f = &s->files[s->file_count];
        snprintf(f->path, sizeof(f->path), "%s/%s", dir, names[i]);
        const struct bytes *bytes = exhibit_file(s->x.disk, f->path);
        CHECK(bytes && s->file_count < FILES_MAX);
        f->size = bytes->size;
        f->kind = strcmp(names[i], "options") == 0      ? OPTIONS
                  : strcmp(names[i], "lock") == 0       ? LOCK
                  : strcmp(names[i], "manifest_0") == 0 ? MANIFEST
                  : strncmp(names[i], "data_", 5) == 0  ? DATA
                                                        : ARCHIVE;
        for (unsigned k = 0; k < s->x.archive_count && f->kind == ARCHIVE; k++)
            if (strcmp(names[i], anatomy_archive_name(&s->x, k)) == 0)
                f->archive = k;
        s->file_count++;
    }
    free(names);
}

static bool subject_make(struct subject *s, enum exhibit_kind kind)
{
    memset(s, 0, sizeof(*s));
    if (!exhibit_make(&s->x, kind, sim_args.seed))
        return false;
    anatomy_make_all(&s->live, s->archives, &s->x);
    add_files(s, EXHIBIT_STORE "/.eloqstore");
    add_files(s, EXHIBIT_DIR);
    s->stranger = (struct file){ EXHIBIT_OTHER_DIR "/manifest_0", MANIFEST, 0, 0 };
    return true;
}

static void subject_free(struct subject *s)
{
    anatomy_free_all(&s->live, s->archives, &s->x);
    exhibit_free(&s->x);
}

/* ---- what it means ---- */

static void begin(struct change *c, struct subject *s, const char *what, const struct file *file)
{
    memset(c, 0, sizeof(*c));
    c->s = s;
    c->what = what;
    c->file = file;
    c->live.model = exhibit_now(&s->x);
    for (unsigned i = 0; i < s->x.archive_count; i++)
        c->archives[i].model = &s->x.states[s->x.archives[i].state];
}

static void lose_all(struct meaning *m)
{
    m->is_gone = true;
    look_may_fail(m->may_fail, 0, m->model->count);
}

/* Pages of the file that end behind `from`. */
static void lose_pages(struct meaning *m, const struct anatomy *a, const char *path, uint64_t from)
{
    for (uint32_t id = 0; id < a->count; id++) {
        const struct anatomy_page *page = &a->pages[id];
        if (page->role == ROLE_NONE || page->offset + EXHIBIT_PAGE <= from
            || strcmp(page->path, path) != 0)
            continue;
        m->is_hit = true;
        look_may_fail(m->may_fail, page->from, page->to);
    }
}

static void lose_data(struct change *c, const char *path, uint64_t from)
{
    lose_pages(&c->live, &c->s->live, path, from);
    for (unsigned i = 0; i < c->s->x.archive_count; i++)
        lose_pages(&c->archives[i], &c->s->archives[i], path, from);
}

/* Records whose content ends at or before `size`. */
static unsigned whole_records(const struct anatomy *a, uint64_t size)
{
    unsigned n = 0;

    while (n < a->record_count && a->contents[n] <= size)
        n++;
    return n;
}

/* The live manifest as its first records. */
static void cut_manifest(struct change *c, uint64_t size)
{
    struct subject *s = c->s;
    unsigned records = whole_records(&s->live, size);
    uint64_t end = records > 0 ? s->live.records[records] : 0;

    if (records == 0) {
        lose_all(&c->live);
        return;
    }
    if (records == s->live.record_count)
        return;
    c->live.model = &s->x.states[exhibit_state_at(&s->x, end)];
    /* One record back is what a crash leaves. Further back, in place, pages were used again. */
    if (s->x.is_append || records + 1 == s->live.record_count)
        return;
    look_may_fail(c->live.may_fail, 0, c->live.model->count);
    memset(c->live.freedom, LOOK_MAY_BE_OLD, c->live.model->count);
    c->may_differ = c->check_is_free = true;
}

static void cut(struct change *c, size_t size)
{
    struct subject *s = c->s;
    const struct file *f = c->file;

    c->length = size;
    c->may_not_open = f->kind == OPTIONS;
    if (f->kind == MANIFEST)
        cut_manifest(c, size);
    else if (f->kind == ARCHIVE && whole_records(&s->archives[f->archive], size) == 0)
        lose_all(&c->archives[f->archive]);
    else if (f->kind == DATA) {
        lose_data(c, f->path, size);
        c->may_heal = size % EXHIBIT_PAGE != 0;
        for (const uint8_t *rest = exhibit_file(s->x.disk, f->path)->data + size;
             size % EXHIBIT_PAGE != 0; size++)
            c->may_heal &= *rest++ == 0;
    }
}

static void missing(struct change *c)
{
    const struct file *f = c->file;

    if (f->kind == MANIFEST)
        lose_all(&c->live);
    else if (f->kind == ARCHIVE)
        c->archives[f->archive].is_absent = true;
    else if (f->kind == DATA)
        lose_data(c, f->path, 0);
}

/* What a page of another file hides in the place of this one (docs/decisions/0014): an overflow
 * page cannot be told from another, nor a data page from an older version of itself. */
static void free_hidden(struct meaning *m, const struct anatomy *a, const char *path,
                        const struct bytes *other)
{
    for (uint32_t id = 0; id < a->count; id++) {
        const struct anatomy_page *page = &a->pages[id];
        size_t keys = page->to - page->from;
        if (page->role == ROLE_NONE || strcmp(page->path, path) != 0
            || other->size < page->offset + EXHIBIT_PAGE)
            continue;
        const uint8_t *now = other->data + page->offset;
        if (page->role == ROLE_OVERFLOW)
            memset(m->freedom + page->from, LOOK_FREE, keys);
        if (page->role == ROLE_LEAF
            && memcmp(now + LEAF_PREV_AT, page->data + LEAF_PREV_AT, 8) == 0)
            memset(m->freedom + page->from, LOOK_MAY_BE_OLD, keys);
    }
}

static void free_all(struct meaning *m)
{
    look_may_fail(m->may_fail, 0, m->model->count);
    memset(m->freedom, LOOK_FREE, m->model->count);
}

static void swap_data(struct change *c, const char *path, const char *by)
{
    struct subject *s = c->s;
    const struct bytes *other = exhibit_file(s->x.disk, by);

    lose_data(c, path, 0);
    free_hidden(&c->live, &s->live, path, other);
    for (unsigned i = 0; i < s->x.archive_count; i++)
        free_hidden(&c->archives[i], &s->archives[i], path, other);
}

/* A manifest whose content is now that of `from`. */
static void take_over(struct change *c, const struct file *to, const struct file *from)
{
    struct subject *s = c->s;
    struct meaning *m = to->kind == MANIFEST ? &c->live : &c->archives[to->archive];
    const struct exhibit *x = &s->x;

    if (from == &s->stranger) {
        free_all(m);
        c->may_differ = true;
    } else if (from->kind == DATA) {
        lose_all(m);
    } else {
        m->model =
            from->kind == MANIFEST ? exhibit_now(x) : &x->states[x->archives[from->archive].state];
    }
}

static void swapped(struct change *c, const struct file *other)
{
    const struct file *pair[2] = { c->file, other };

    c->other = other;
    c->may_differ = true;
    for (int i = 0; i < 2; i++) {
        if (pair[i] == &c->s->stranger)
            continue;
        if (pair[i]->kind == DATA)
            swap_data(c, pair[i]->path, pair[!i]->path);
        else
            take_over(c, pair[i], pair[!i]);
    }
    c->check_is_free = other == &c->s->stranger;
}

/* ---- looking ---- */

static bool is_lost(const struct change *c)
{
    bool lost = c->live.is_gone || c->live.is_hit;

    for (unsigned i = 0; i < c->s->x.archive_count; i++)
        lost |= c->archives[i].is_gone || c->archives[i].is_hit;
    return lost;
}

static bool look_absent(struct look *l, uint64_t timestamp)
{
    eloq_store *db;
    int rc = exhibit_open(l->x, l->disk, timestamp, &db);

    if (rc == ELOQ_OK)
        eloq_close(db);
    return rc == ELOQ_NOT_FOUND || look_wrong(l, "an archive that is not there", "open: %d", rc);
}

static bool look_archives(struct look *l, const struct change *c)
{
    struct exhibit *x = &c->s->x;

    for (unsigned i = 0; i < x->archive_count; i++) {
        const struct meaning *m = &c->archives[i];
        uint64_t timestamp = x->archives[i].timestamp;
        struct look_for want = { m->model, m->may_fail, m->is_gone, m->freedom };
        if (!(m->is_absent ? look_absent(l, timestamp) : look_at(l, timestamp, &want)))
            return false;
    }
    return true;
}

static bool look(struct look *l, const struct change *c, bool is_written)
{
    struct look_for want = { c->live.model, c->live.may_fail, c->may_not_open, c->live.freedom };

    l->failed = 0;
    l->look_elsewhere = c->other == &c->s->stranger;
    if (!look_at(l, 0, &want))
        return false;
    if (c->may_not_open)
        return !l->opened || look_wrong(l, "opens", "without a sound record of its options");
    if (c->live.is_gone && l->failed < c->live.model->count)
        return look_wrong(l, "not every read fails", "%u", l->failed);
    if (is_lost(c) && l->damages == 0 && !(is_written && c->may_heal))
        return look_wrong(l, "check does not see it", "-");
    if (!is_lost(c) && l->damages > 0 && !c->check_is_free)
        return look_wrong(l, "check finds what is no damage", "%s", l->detail);
    return look_archives(l, c);
}

/* ---- writing ---- */

/* The first key that does not fail is written; where all fail, a write is refused. */
static bool write_to(struct look *l, const struct change *c, eloq_store *db, struct model *m)
{
    size_t key = 0;

    while (key < m->count && c->live.may_fail[key])
        key++;
    struct model_pair *p = &m->pairs[MIN(key, m->count - 1)];
    eloq_entry entry = { .key = eloq_bytes(p->key, p->key_size),
                         .value = eloq_str("written"),
                         .timestamp = p->timestamp + 1 };
    int rc = eloq_write(db, exhibit_part, &entry, 1);
    if (c->live.is_gone)
        return rc == ELOQ_CORRUPTED || look_wrong(l, "a write is taken", "%d", rc);
    if (key == m->count)
        return true;
    if (rc != ELOQ_OK)
        return look_wrong(l, "a write beside the damage", "%d %s", rc, eloq_errmsg());
    model_put(m, p->key, p->key_size, "written", 7, p->timestamp + 1, 0, 0);
    return true;
}

static bool look_written(struct look *l, struct change *c)
{
    struct exhibit *x = &c->s->x;
    struct model m = { 0 };
    uint64_t unlinks = sim_disk_count(l->disk, SIM_KIND(IO_UNLINK));
    eloq_store *db;

    model_copy(&m, c->live.model);
    if (exhibit_open(x, l->disk, 0, &db) != ELOQ_OK)
        return look_wrong(l, "does not open to be written", "%s", eloq_errmsg());
    bool ok = write_to(l, c, db, &m);
    if (eloq_close(db) != ELOQ_OK && ok)
        ok = look_wrong(l, "does not close", "%s", eloq_errmsg());
    bool removes = sim_disk_count(l->disk, SIM_KIND(IO_UNLINK)) != unlinks;
    bool may_remove = true; /* garbage, if all that could need it can be read */
    for (unsigned i = 0; i < x->archive_count; i++)
        may_remove &= !c->archives[i].is_gone;
    if (ok && removes && (c->live.is_gone || !may_remove))
        ok = look_wrong(l, "something was removed", "-");
    c->live.model = &m;
    ok = ok && look(l, c, true);
    model_free(&m);
    return ok;
}

/* ---- a case ---- */

static bool is_wanted(void)
{
    return only_case == SIM_ARG_NONE || only_case == number;
}

static void judge(struct change *c)
{
    struct look l = { .x = &c->s->x,
                      .disk = c->s->x.disk,
                      .file = c->may_differ ? NULL : c->file->path,
                      /* The lock is made, a tail is cut off by the first that may write. */
                      .may_change =
                          c->file->kind == LOCK || (c->file->kind == MANIFEST && !c->live.is_gone),
                      .words_are_free = c->may_differ };

    bool ok = look(&l, c, false);
    bool is_plain = !c->may_not_open && !c->other && !c->check_is_free;
    if (ok && is_plain && (number % WRITES_EVERY == 0 || c->live.is_gone)) {
        l.disk = sim_disk_copy(c->s->x.disk);
        l.file = NULL;
        ok = look_written(&l, c);
        sim_disk_free(l.disk);
    }
    tried++;
    if (ok)
        return;
    printf("failed: store \"%s\", %s %s%s%s, length %zu of %zu: %s: %s\n", c->s->x.name,
           c->file->path, c->what, c->other ? " with " : "", c->other ? c->other->path : "",
           c->length, c->file->size, l.wrong, l.detail);
    printf("repeat: cut_test --seed %llu --store %d --case %llu\n",
           (unsigned long long)sim_args.seed, (int)c->s->x.kind, (unsigned long long)number);
    failed++;
}

static void try_cut(struct subject *s, const struct file *f, size_t size)
{
    static struct change c;
    struct bytes *bytes = exhibit_file(s->x.disk, f->path);

    number++;
    if (!is_wanted())
        return;
    begin(&c, s, "cut", f);
    cut(&c, size);
    bytes->size = size;
    judge(&c);
    bytes->size = f->size;
}

static void try_extended(struct subject *s, const struct file *f, unsigned how, struct rand *r)
{
    static const size_t sizes[EXTENSIONS / 2] = { 1, 100, 4096, 9000 };
    static struct change c;
    struct bytes *bytes = exhibit_file(s->x.disk, f->path);

    number++;
    if (!is_wanted())
        return;
    begin(&c, s, how % 2 ? "with noise behind it" : "with zeros behind it", f);
    c.length = f->size + sizes[how / 2];
    c.may_not_open = f->kind == OPTIONS;
    bytes_add_zeros(bytes, sizes[how / 2]);
    CHECK(!bytes->failed);
    for (size_t i = f->size; i < bytes->size && how % 2; i++)
        bytes->data[i] = (uint8_t)rand_below(r, 256);
    judge(&c);
    bytes->size = f->size;
}

static void try_missing(struct subject *s, const struct file *f)
{
    static struct change c;

    number++;
    if (!is_wanted())
        return;
    begin(&c, s, "missing", f);
    missing(&c);
    struct sim_node *node = exhibit_hide(s->x.disk, f->path);
    s->x.has_format = f->kind == OPTIONS; /* who loses the record must know what it said */
    judge(&c);
    s->x.has_format = false;
    exhibit_show(s->x.disk, f->path, node);
}

static void try_swapped(struct subject *s, const struct file *a, const struct file *b)
{
    static struct change c;
    struct bytes *x = exhibit_file(s->x.disk, a->path), *y = exhibit_file(s->x.disk, b->path);

    number++;
    if (!is_wanted())
        return;
    begin(&c, s, "swapped", a);
    swapped(&c, b);
    struct bytes keep = *x;
    *x = *y;
    *y = keep;
    judge(&c);
    keep = *x;
    *x = *y;
    *y = keep;
}

/* ---- which ---- */

static bool wants_length(const struct file *f, size_t size)
{
    if (f->kind != DATA)
        return true;
    return size % STEP == 0 || size % 1021 == 0 || size % EXHIBIT_PAGE == EXHIBIT_PAGE - 1
           || size % EXHIBIT_PAGE == 1;
}

static uint64_t count_lengths(const struct subject *s)
{
    uint64_t n = 0;

    for (size_t i = 0; i < s->file_count; i++)
        for (size_t size = 0; size < s->files[i].size; size++)
            n += wants_length(&s->files[i], size);
    return n;
}

static void try_store(struct subject *s, uint64_t cases)
{
    uint64_t lengths = count_lengths(s);
    struct rand r;

    rand_seed(&r, sim_args.seed);
    number = 0;
    for (size_t i = 0; i < s->file_count; i++) {
        const struct file *f = &s->files[i];
        try_missing(s, f);
        for (unsigned how = 0; how < EXTENSIONS && f->kind != LOCK; how++)
            try_extended(s, f, how, &r);
        for (size_t k = i + 1; k < s->file_count && f->kind > LOCK; k++)
            try_swapped(s, f, &s->files[k]);
        if (f->kind == MANIFEST)
            try_swapped(s, f, &s->stranger);
        for (size_t size = 0; size < f->size; size++)
            if (wants_length(f, size) && (cases >= lengths || rand_below(&r, lengths) < cases))
                try_cut(s, f, size);
    }
}

int main(int argc, char **argv)
{
    static struct subject s;
    const struct sim_arg more[] = { { "store", &only_store, NULL }, { "case", &only_case, NULL } };

    sim_args.cases = UINT64_MAX;
    sim_args_parse(argc, argv, more, ARRAY_LEN(more));
    for (enum exhibit_kind kind = 0; kind < EXHIBIT_SMALL; kind++) {
        if (only_store != SIM_ARG_NONE && only_store != (uint64_t)kind)
            continue;
        if (!subject_make(&s, kind))
            return 1;
        try_store(&s, sim_args.cases / EXHIBIT_SMALL);
        subject_free(&s);
    }
    sim_args_row(10, tried, failed, NULL);
    return failed > 0;
}
