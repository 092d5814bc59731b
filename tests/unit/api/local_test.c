/* tests/unit/api/local_test.c -- the damage of a page costs its own keys, whatever the store does
 * beside: for each page of each data file in turn, in both modes. */
#include <dirent.h>
#include <fcntl.h>

#include "unit/api/fixture.h"

#define PAGE 4096
#define KEYS 260

static const eloq_part part = { "t", 0 };

static char keys[KEYS][16];
static char values[KEYS][12000];
static bool stored[KEYS], lost[KEYS];
static bool no_expiry; /* the TTL tree is damaged: that costs pairs that expire */
static char damaged_file[64];
static uint64_t damaged_offset;

static eloq_options options_of(int append)
{
    eloq_options options = ELOQ_OPTIONS(NULL);
    options.format.data_append_mode = append ? 1 : ELOQ_ZERO;
    options.format.pages_per_file_shift = 3;
    return options;
}

static void set_value(int i, unsigned seed)
{
    size_t size = i % 40 == 7 ? 9000 : 60 + (i * 7 + seed * 31) % 90;
    memset(values[i], 'a' + (int)((i + seed) % 26), size);
    values[i][size] = '\0';
}

static eloq_entry entry_of(int i)
{
    return (eloq_entry){ .key = eloq_str(keys[i]),
                         .value = eloq_str(values[i]),
                         .expire_at = i % 13 == 0 && !no_expiry ? UINT64_C(4000000000000) : 0 };
}

static void make(int append)
{
    eloq_options options = options_of(append);
    eloq_entry entries[KEYS];
    eloq_store *db;

    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &options, &db));
    for (unsigned round = 0; round < 2; round++) {
        for (int i = 0; i < KEYS; i++) {
            snprintf(keys[i], sizeof(keys[i]), "key%05d", i);
            set_value(i, round);
            entries[i] = entry_of(i);
            stored[i] = true;
        }
        ck_ok(eloq_write(db, part, entries, KEYS));
    }
    ck_ok(eloq_close(db));
}

static void shell(const char *format, const char *a, const char *b)
{
    char command[1200];
    snprintf(command, sizeof(command), format, a, b);
    ck_assert_int_eq(system(command), 0);
}

static void flip(const char *name, uint64_t offset)
{
    char path[700];
    uint8_t byte;
    snprintf(path, sizeof(path), "%s/%s", fixture_path("s/t.0"), name);
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &byte, 1, (off_t)offset + 2345), 1);
    byte ^= 4;
    ck_assert_int_eq(pwrite(fd, &byte, 1, (off_t)offset + 2345), 1);
    close(fd);
    snprintf(damaged_file, sizeof(damaged_file), "%.60s", name);
    damaged_offset = offset;
}

/* The failure names the damage's place and range. */
static void must_name_the_damage(void)
{
    eloq_error detail;
    ck_words(" from=");
    ck_words(" to=");
    eloq_error_detail(NULL, &detail);
    ck_assert_int_eq(detail.status, ELOQ_CORRUPTED);
    ck_assert_ptr_nonnull(detail.file);
    ck_assert_ptr_nonnull(strstr(detail.file, damaged_file));
    ck_assert_uint_eq(detail.offset, damaged_offset);
    ck_assert_str_eq(detail.table, "t");
}

static int get(eloq_store *db, int i)
{
    eloq_record record = { 0 };
    int rc = eloq_get(db, part, eloq_str(keys[i]), &record);
    if (rc == ELOQ_OK) {
        ck_assert_uint_eq(record.value.size, strlen(values[i]));
        ck_assert_mem_eq(record.value.data, values[i], record.value.size);
    } else if (rc < 0) {
        must_name_the_damage();
    }
    eloq_record_free(&record);
    return rc;
}

static int find_lost(eloq_store *db)
{
    int count = 0;
    for (int i = 0; i < KEYS; i++) {
        lost[i] = get(db, i) < 0;
        count += lost[i];
    }
    return count;
}

static void get_many(eloq_store *db)
{
    eloq_slice slices[KEYS];
    static eloq_record records[KEYS];
    int statuses[KEYS];
    bool any = false;
    for (int i = 0; i < KEYS; i++) {
        slices[i] = eloq_str(keys[i]);
        any |= lost[i];
    }
    ck_rc(eloq_get_many(db, part, slices, KEYS, records, statuses), any ? ELOQ_CORRUPTED : ELOQ_OK);
    for (int i = 0; i < KEYS; i++) {
        ck_assert_int_eq(statuses[i], lost[i]     ? ELOQ_CORRUPTED
                                      : stored[i] ? ELOQ_OK
                                                  : ELOQ_NOT_FOUND);
        if (statuses[i] == ELOQ_OK)
            ck_assert_mem_eq(records[i].value.data, values[i], records[i].value.size);
        eloq_record_free(&records[i]);
        records[i] = (eloq_record){ 0 };
    }
}

/* Pairs come until the damage, then the failure. */
static void scan(eloq_store *db, int reverse)
{
    eloq_range range = { .reverse = reverse };
    eloq_iter *iter;
    eloq_item item;
    ck_ok(eloq_scan(db, part, &range, &iter));
    for (int n = 0; n < KEYS; n++) {
        int i = reverse ? KEYS - 1 - n : n;
        if (!stored[i] && !lost[i])
            continue;
        if (lost[i]) {
            ck_rc(eloq_iter_next(iter, &item), ELOQ_CORRUPTED);
            must_name_the_damage();
            break;
        }
        ck_ok(eloq_iter_next(iter, &item));
        ck_assert_uint_eq(item.key.size, strlen(keys[i]));
        ck_assert_mem_eq(item.key.data, keys[i], item.key.size);
    }
    eloq_iter_close(iter);
}

static void look(eloq_store *db)
{
    for (int i = 0; i < KEYS; i++)
        ck_assert_int_eq(get(db, i), lost[i]     ? ELOQ_CORRUPTED
                                     : stored[i] ? ELOQ_OK
                                                 : ELOQ_NOT_FOUND);
    get_many(db);
    scan(db, 0);
    scan(db, 1);
}

static void on_finding(void *user, eloq_part found, const eloq_finding *f)
{
    (void)user;
    (void)found;
    if (f->severity != ELOQ_DAMAGE)
        return;
    ck_assert_msg(f->file && strstr(f->file, damaged_file) && f->offset == damaged_offset,
                  "%s offset=%llu: %s file=%s offset=%llu", damaged_file,
                  (unsigned long long)damaged_offset, f->what, f->file ? f->file : "",
                  (unsigned long long)f->offset);
}

static void reopen(int append, eloq_store **db)
{
    eloq_options options = options_of(append);
    if (*db)
        ck_ok(eloq_close(*db));
    ck_assert(fixture_open(STORE_HOST_SYNC, "s", &options, db));
}

/* Everything that is not lost can be changed, alone and together. */
static void change(eloq_store *db, unsigned seed)
{
    eloq_entry entries[KEYS];
    size_t count = 0;
    for (int i = 0; i < KEYS; i++) {
        if (lost[i])
            continue;
        set_value(i, seed);
        stored[i] = i % 5 != (int)seed % 5;
        entries[count] = entry_of(i);
        entries[count].kind = stored[i] ? ELOQ_PUT : ELOQ_DELETE;
        if (entries[count].kind == ELOQ_DELETE)
            entries[count].expire_at = 0;
        if (i % 17 == 0)
            ck_ok(eloq_write(db, part, &entries[count], 1));
        else
            count++;
    }
    ck_ok(eloq_write(db, part, entries, count));
}

/* A batch that touches a damaged leaf fails as a whole. A damaged value can be replaced. */
static void touch_lost(eloq_store *db, int lost_count)
{
    eloq_entry entries[KEYS];
    if (lost_count == 0)
        return;
    for (int i = 0; i < KEYS; i++)
        entries[i] = (eloq_entry){ .key = eloq_str(keys[i]), .value = eloq_str("new") };
    int rc = eloq_write(db, part, entries, KEYS);
    if (rc < 0) {
        ck_rc(rc, ELOQ_CORRUPTED);
        must_name_the_damage();
        look(db);
        return;
    }
    ck_assert_int_eq(lost_count, 1);
    for (int i = 0; i < KEYS; i++) {
        strcpy(values[i], "new");
        stored[i] = true;
        lost[i] = false;
    }
}

static void one_page(int append)
{
    eloq_store *db = NULL;
    reopen(append, &db);
    int count = find_lost(db);
    no_expiry = count == 0 && eloq_check(db, part, on_finding, NULL, NULL) == ELOQ_CORRUPTED;
    look(db);
    touch_lost(db, count);
    for (unsigned seed = 3; seed < 5; seed++) {
        change(db, seed);
        look(db);
        reopen(append, &db);
        look(db);
    }
    int rc = eloq_check(db, part, on_finding, NULL, NULL);
    ck_assert(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
    ck_ok(eloq_close(db));
}

/* What a damaged leaf held goes with it when the whole of it is to go; where the cut needs the
 * damaged page nothing happens. */
static void truncate_over(int append)
{
    eloq_store *db = NULL;
    reopen(append, &db);
    find_lost(db);
    if (lost[0] || lost[1]) {
        ck_rc(eloq_truncate(db, part, eloq_str(keys[1])), ELOQ_CORRUPTED);
        must_name_the_damage();
        look(db);
        ck_ok(eloq_close(db));
        return;
    }
    ck_ok(eloq_truncate(db, part, eloq_str(keys[1])));
    for (int i = 1; i < KEYS; i++)
        stored[i] = lost[i] = false;
    no_expiry = true; /* the TTL tree may be what is damaged */
    reopen(append, &db);
    look(db);
    change(db, 3);
    look(db);
    ck_ok(eloq_close(db));
}

static void begin_again(const char *name, uint64_t offset)
{
    shell("rm -rf %s", fixture_path("s"), "");
    shell("cp -r %s %s", fixture_path("original"), fixture_path("s"));
    no_expiry = false;
    for (int i = 0; i < KEYS; i++) {
        set_value(i, 1);
        stored[i] = true;
    }
    flip(name, offset);
}

START_TEST(each_damaged_page_costs_its_own_keys)
{
    unsigned pages = 0;
    make(_i);
    shell("cp -r %s %s", fixture_path("s"), fixture_path("original"));
    DIR *dir = opendir(fixture_path("original/t.0"));
    struct dirent *entry;
    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir))) {
        struct stat st;
        if (strncmp(entry->d_name, "data_", 5) != 0)
            continue;
        ck_assert_int_eq(fstatat(dirfd(dir), entry->d_name, &st, 0), 0);
        for (uint64_t offset = 0; offset + PAGE <= (uint64_t)st.st_size; offset += PAGE) {
            begin_again(entry->d_name, offset);
            one_page(_i);
            if (++pages % 2 == (unsigned)_i) { /* it takes long; the modes do not differ here */
                begin_again(entry->d_name, offset);
                truncate_over(_i);
            }
        }
    }
    closedir(dir);
    ck_assert_uint_gt(pages, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("local");
    TCase *tc = tcase_create("local");

    tcase_set_timeout(tc, 240);
    tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
    tcase_add_loop_test(tc, each_damaged_page_costs_its_own_keys, 0, 2);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
