/* tests/unit/tree/damage_test.c -- damaged files never give a wrong or a silently shorter answer.
 */
#include "golden.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/run.h"
#include "base/checksum.h"
#include "base/slice.h"

#define PAGE 4096

/* One partition, its store damaged. */
struct damaged {
    struct harness *h;
    struct part *part;
    const struct golden_pair *pairs;
    size_t count, at;
    bool reverse;
    size_t findings;
    int scan_rc[2], get_failures;
};

static bool is_pair(const struct golden_pair *e, eloq_slice key, eloq_slice value)
{
    return slice_equal(key, eloq_bytes(e->key, e->key_size)) && value.size == e->value_size
           && checksum64(value.data, value.size) == e->digest;
}

static int take(void *user, const struct tree_pair *pair)
{
    struct damaged *d = user;
    ck_assert_uint_lt(d->at, d->count);
    const struct golden_pair *e = &d->pairs[d->reverse ? d->count - 1 - d->at : d->at];
    ck_assert(is_pair(e, pair->key, pair->value));
    return ++d->at % 50 == 0 ? ELOQ_FETCH : ELOQ_OK;
}

static int scan(struct task *t, struct damaged *d, bool reverse)
{
    struct tree_scan scan;
    eloq_range range = { .reverse = reverse };
    d->at = 0;
    d->reverse = reverse;
    ck_assert_int_eq(tree_scan_open(&scan, &d->h->mem, d->part->current, TREE_MAIN, &range, 0),
                     ELOQ_OK);
    int rc;
    while ((rc = tree_scan_step(t, &scan, take, d)) == ELOQ_OK)
        ;
    if (rc < 0) /* a failure is repeated, with its words */
        ck_assert_int_eq(tree_scan_step(t, &scan, take, d), rc);
    ck_assert(rc < 0 || d->at == d->count);
    ck_assert(rc == ELOQ_END || (rc == ELOQ_CORRUPTED && t->err.text[0] != '\0'));
    tree_scan_close(&scan);
    return rc;
}

static void found(void *user, const struct tree_finding *f)
{
    struct damaged *d = user;
    d->findings += !f->is_note;
}

static void get(struct task *t, struct damaged *d, const struct golden_pair *e)
{
    eloq_slice key = eloq_bytes(e->key, e->key_size);
    struct kept k;
    for (int floor = 0; floor < 2; floor++) {
        kept_init(&k, 0);
        int rc = floor ? tree_floor(t, d->part->current, key, &k.sink)
                       : tree_get(t, d->part->current, key, &k.sink);
        ck_assert(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
        if (rc == ELOQ_OK)
            ck_assert(is_pair(e, key, eloq_bytes(k.value, k.value_size)));
        else
            ck_assert_ptr_null(k.value); /* the sink is not touched by a failure */
        d->get_failures += rc < 0;
        kept_free(&k);
    }
}

static int look(struct task *t, void *arg)
{
    struct damaged *d = arg;
    struct tree_stats stats;
    TRY(tree_check(t, d->part->current, found, d, &stats));
    d->scan_rc[0] = scan(t, d, false);
    d->scan_rc[1] = scan(t, d, true);
    for (size_t i = 0; i < d->count; i += 1 + d->count / 300)
        get(t, d, &d->pairs[i]);
    return ELOQ_OK;
}

/* Looks at the first partition of a store. Answers how many faults were found. */
static size_t look_at(const struct golden *g, bool must_see)
{
    char table[256];
    uint32_t partition;
    size_t to;
    ck_assert(golden_part(g, 0, &to, table, sizeof(table), &partition));
    struct harness h;
    harness_init(&h, &g->config);
    struct damaged d = { .h = &h, .pairs = g->pairs, .count = to };
    ck_assert_int_eq(harness_open(&h, table, partition, false, &d.part), ELOQ_OK);
    ck_assert_int_eq(harness_run(&h, look, &d), ELOQ_OK);
    bool read_failed = d.scan_rc[0] < 0 || d.scan_rc[1] < 0 || d.get_failures != 0;
    ck_assert(d.scan_rc[0] == d.scan_rc[1]); /* both pass over every page */
    if (read_failed || must_see)
        ck_assert_uint_gt(d.findings, 0);
    harness_close(&h, d.part);
    harness_deinit(&h);
    return d.findings;
}

/* The data files of the first partition; answers how many. */
static size_t data_files(const struct golden *g, char (*paths)[PATH_MAX], size_t room)
{
    char dir[PATH_MAX];
    size_t count = 0;
    snprintf(dir, sizeof(dir), "%.3000s/%.200s", g->paths, g->pairs[0].part);
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d)) && count < room;) {
        if (strncmp(e->d_name, "data_", 5) == 0)
            snprintf(paths[count++], PATH_MAX, "%.3200s/%.200s", dir, e->d_name);
    }
    closedir(d);
    return count;
}

static char paths[64][PATH_MAX];
static const char *const cases[] = { "01_plain_small", "05_deep3_ri1",      "06_overflow",
                                     "08_ttl",         "12_append_compact", "13_compress_dict" };

/* Damages one file of each case, a number of times. */
static void each_damage(unsigned rounds,
                        void (*damage)(struct rand *rand, const struct golden *g, const char *path))
{
    char copy[] = "/tmp/tree_damage_XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(copy));
    const char *seed_text = getenv("SEED");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 1;
    printf("seed %lu\n", (unsigned long)seed);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct golden g;
        struct rand rand;
        rand_seed(&rand, seed + i);
        if (!golden_load(&g, cases[i], copy))
            break;
        size_t files = data_files(&g, paths, ARRAY_LEN(paths));
        ck_assert_uint_gt(files, 0);
        ck_assert_uint_eq(look_at(&g, false), 0);
        for (unsigned round = 0; round < rounds; round++)
            damage(&rand, &g, paths[rand_below(&rand, files)]);
        ck_assert_uint_eq(look_at(&g, false), 0);
        golden_free(&g);
    }
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", copy);
    ck_assert_int_eq(system(command), 0);
}

static uint64_t size_of(const char *path)
{
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static int open_rw(const char *path)
{
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void flip(struct rand *rand, const struct golden *g, const char *path)
{
    int fd = open_rw(path);
    off_t at = (off_t)rand_below(rand, size_of(path));
    uint8_t byte, other;
    ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
    other = byte ^ (uint8_t)(1u << rand_below(rand, 8));
    ck_assert_int_eq(pwrite(fd, &other, 1, at), 1);
    look_at(g, false);
    ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

START_TEST(a_flipped_bit_is_seen_and_never_delivered)
{
    each_damage(12, flip);
}
END_TEST

static void truncate_file(struct rand *rand, const struct golden *g, const char *path)
{
    int fd = open_rw(path);
    uint64_t size = size_of(path), keep = rand_below(rand, size);
    if (rand_below(rand, 2))
        keep -= keep % PAGE;
    uint8_t *rest = malloc(size - keep);
    ck_assert_int_eq(pread(fd, rest, size - keep, (off_t)keep), (ssize_t)(size - keep));
    ck_assert_int_eq(ftruncate(fd, (off_t)keep), 0);
    look_at(g, false);
    ck_assert_int_eq(pwrite(fd, rest, size - keep, (off_t)keep), (ssize_t)(size - keep));
    free(rest);
    close(fd);
}

START_TEST(a_truncated_file_is_seen_and_never_an_end)
{
    each_damage(12, truncate_file);
}
END_TEST

/* Where a random page of the first partition lies that is in use. */
static void random_place(struct rand *rand, const struct golden *g, char *path, off_t *ret_offset)
{
    char table[256];
    uint32_t partition;
    size_t to;
    struct part *part;
    struct harness h;
    struct file_page place;
    golden_part(g, 0, &to, table, sizeof(table), &partition);
    harness_init(&h, &g->config);
    ck_assert_int_eq(harness_open(&h, table, partition, false, &part), ELOQ_OK);
    const struct mapping *map = &part->current->map;
    while (!mapping_get(map, page_id((uint32_t)rand_below(rand, map->page_count)), &place))
        ;
    pagefiles_path(&part->files, pagefiles_file_id(&part->files, place), path, PATH_MAX);
    *ret_offset = (off_t)pagefiles_offset(&part->files, place);
    harness_close(&h, part);
    harness_deinit(&h);
}

static void page_at(const char *path, off_t offset, uint8_t *read, const uint8_t *write)
{
    int fd = open_rw(path);
    if (read)
        ck_assert_int_eq(pread(fd, read, PAGE, offset), PAGE);
    else
        ck_assert_int_eq(pwrite(fd, write, PAGE, offset), PAGE);
    close(fd);
}

/* Two pages in use change places: both pass their checksums. (A page that took the place of its own
 * older copy, or an overflow page, could not be told.) */
static void swap_pages(struct rand *rand, const struct golden *g, const char *unused)
{
    static uint8_t x[PAGE], y[PAGE];
    char path[2][PATH_MAX];
    off_t at[2];
    (void)unused;
    random_place(rand, g, path[0], &at[0]);
    random_place(rand, g, path[1], &at[1]);
    page_at(path[0], at[0], x, NULL);
    page_at(path[1], at[1], y, NULL);
    if (memcmp(x, y, PAGE) == 0 || x[PAGE_TYPE_AT] == PAGE_OVERFLOW
        || y[PAGE_TYPE_AT] == PAGE_OVERFLOW)
        return;
    page_at(path[0], at[0], NULL, y);
    page_at(path[1], at[1], NULL, x);
    look_at(g, true);
    page_at(path[0], at[0], NULL, x);
    page_at(path[1], at[1], NULL, y);
}

START_TEST(a_page_in_the_wrong_place_is_seen_and_never_delivered)
{
    each_damage(12, swap_pages);
}
END_TEST

RUN_TESTS("damage", a_flipped_bit_is_seen_and_never_delivered,
          a_truncated_file_is_seen_and_never_an_end,
          a_page_in_the_wrong_place_is_seen_and_never_delivered)
