/* tests/wrong/row.c -- run one row of the table of wrong input. */
#include "wrong/row.h"

#include "unit/api/fixture.h"
#include "wrong/image.h"
#include "wrong/reads.h"

static const eloq_part victim_part = { "t", 0 };
static const eloq_part others[] = { { "t", 1 }, { "u", 7 } };
static const char *const other_keys[] = { "k1", "k2", "k3", NULL };
static const struct expected victim_expected = { victim_keys, victim_value };

static const void *other_value(const char *key, size_t *ret_size)
{
    *ret_size = strlen(key);
    return key;
}

static const struct expected other_expected = { other_keys, other_value };

static bool open_store(int backend, bool read_only, eloq_store **ret)
{
    static const int kinds[ROW_BACKENDS] = { STORE_SYNC, STORE_THREADS, STORE_URING };
    eloq_options options = ELOQ_OPTIONS(NULL);

    options.format.pages_per_file_shift = VICTIM_SHIFT;
    options.read_only = read_only;
    options.memory_bytes = UINT64_C(64) << 20; /* no number on disk costs more */
    return fixture_open(kinds[backend], "s", &options, ret);
}

static bool make_others(int backend)
{
    eloq_store *db;

    if (!open_store(backend, false, &db))
        return false;
    for (size_t i = 0; i < 2; i++)
        for (const char *const *key = other_keys; *key; key++)
            put(db, others[i], *key, *key);
    ck_ok(eloq_close(db));
    return true;
}

static void others_are_well(eloq_store *db)
{
    for (size_t i = 0; i < 2; i++) {
        for (const char *const *key = other_keys; *key; key++)
            reads_key(db, others[i], *key, &other_expected, NULL);
        reads_scan(db, others[i], &other_expected, NULL);
        reads_check(db, others[i], NULL);
        reads_write(db, others[i], "new", NULL);
    }
}

static bool is_lost(const struct row *row, const char *key)
{
    for (size_t i = 0; i < 2; i++)
        if (row->lost[i] && strncmp(key, row->lost[i], strlen(row->lost[i])) == 0)
            return true;
    return row->key && strcmp(key, row->key) == 0;
}

static void rest_is_readable(eloq_store *db, const struct row *row)
{
    for (const char *const *key = victim_keys; *key; key++)
        if (!is_lost(row, *key))
            reads_key(db, victim_part, *key, &victim_expected, NULL);
}

static void is_sound(int backend, struct victim *v)
{
    static const struct row nothing_wrong;
    eloq_store *db;

    victim_make(v);
    victim_write(v, fixture_path("s/t.0"));
    open_store(backend, true, &db);
    rest_is_readable(db, &nothing_wrong);
    reads_scan(db, victim_part, &victim_expected, NULL);
    reads_check(db, victim_part, NULL);
    ck_ok(eloq_close(db));
}

static void only_read(int backend, const struct row *row, const struct verdict *verdict)
{
    eloq_store *db;

    for (int read_only = 0; read_only < 2; read_only++) {
        struct image before;
        image_take(&before, fixture_path("s/t.0"));
        open_store(backend, read_only, &db);
        if (row->key)
            reads_key(db, victim_part, row->key, &victim_expected, verdict);
        rest_is_readable(db, row);
        reads_scan(db, victim_part, &victim_expected, row->key ? verdict : NULL);
        reads_check(db, victim_part, row->check_is_fine ? NULL : verdict);
        ck_ok(eloq_close(db));
        image_same(&before, fixture_path("s/t.0"));
        image_free(&before);
    }
}

static void then_write(int backend, const struct row *row, const struct verdict *verdict)
{
    const char *key = row->writes ? row->writes : row->key ? row->key : "cexp";
    struct image before;
    eloq_store *db;

    image_take(&before, fixture_path("s/t.0"));
    open_store(backend, false, &db);
    reads_write(db, victim_part, key, row->writes_are_fine ? NULL : verdict);
    rest_is_readable(db, row->writes_are_fine ? &(struct row){ .lost = { key, row->key } } : row);
    others_are_well(db);
    ck_ok(eloq_close(db));
    if (!row->writes_are_fine)
        image_kept(&before, fixture_path("s/t.0")); /* what failed wrote to free places at most */
    image_free(&before);
}

static void run_variant(int backend, const struct row *row, struct victim *v)
{
    struct verdict verdict = {
        .code = ELOQ_CORRUPTED, .words = row->words, .file = row->file, .offset = row->offset
    };

    victim_make(v);
    if (row->damage)
        row->damage(v);
    victim_write(v, fixture_path("s/t.0"));
    if (row->spoil)
        row->spoil(v, fixture_path("s/t.0"));
    if (!row->file && row->page >= 0)
        verdict.file = victim_file(v, (uint32_t)row->page, &verdict.offset);
    only_read(backend, row, &verdict);
    then_write(backend, row, &verdict);
}

/* In memory where that is possible: nothing here is about the disk, and flushes take their time. */
static void make_dir(void)
{
    snprintf(fixture_dir, sizeof(fixture_dir), "/dev/shm/eloq-wrong-XXXXXX");
    if (!mkdtemp(fixture_dir))
        fixture_setup();
}

void row_run(const struct row *row, int backend)
{
    struct victim *v = calloc(1, sizeof(*v));

    make_dir();
    if (make_others(backend)) {
        is_sound(backend, v);
        do {
            run_variant(backend, row, v);
        } while (++v->variant < row->variants);
    }
    fixture_teardown();
    free(v);
}
