/* tests/model/model_test.c -- random operations through eloqstore.h against a sorted array.
 *
 *     model_test [--seed N] [--steps N] [--page BYTES] [--shift N] [--append] [--pointers N]
 *                [--backend NAME] [--keys N] [--partitions N] [--compress] [--decoder FILE]
 *                [--dir DIR] [--keep]
 *
 * After every step the touched partition is compared; at every reopen everything is, options that
 * may change do change, `eloq_check` runs, and the independent decoder (if given) reads the closed
 * store. Prints the seed and the step of what it finds, exits 1. */
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "eloqstore.h"
#include "model.h"

#define PARTITIONS_MAX 8

static struct {
    uint64_t seed, steps;
    uint32_t page, shift, pointers, partitions;
    uint64_t keys;
    int append, keep, backend, compress;
    const char *decoder, *dir;
} arg = { .seed = 1,
          .steps = 60,
          .page = 4096,
          .shift = 18,
          .pointers = 16,
          .partitions = 2,
          .keys = 3000,
          .backend = ELOQ_IO_AUTO };

static uint64_t dictionaries; /* made, at each close so far */
static uint64_t removed;      /* partitions that were emptied, dictionaries and all */
static uint64_t rng_state;
static uint64_t step_now;
static eloq_store *db;
static struct model models[PARTITIONS_MAX];

static uint64_t rnd(void)
{
    uint64_t z = (rng_state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
static uint64_t below(uint64_t n)
{
    return rnd() % n;
}

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
    va_list args;
    fprintf(stderr, "model_test: seed %llu step %llu: ", (unsigned long long)arg.seed,
            (unsigned long long)step_now);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (%s)\n", eloq_errmsg());
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static eloq_part part_of(uint32_t p)
{
    eloq_part part = { p % 2 ? "odd.table" : "even", p };
    return part;
}

/* The same number always gives the same key; lengths and shared prefixes vary. */
static size_t make_key(uint64_t n, uint8_t *key, size_t longest)
{
    uint64_t h = XXH3_64bits_withSeed(&n, sizeof(n), arg.seed);
    char text[32];
    size_t size = (size_t)snprintf(text, sizeof(text), "%08llu", (unsigned long long)n);
    if (h % 16 == 0) { /* binary, any length: the number, then bytes up to the limit */
        size_t want = 9 + (h >> 8) % (longest - 9);
        if ((h >> 32) % 4 == 0)
            want = longest;
        memcpy(key, text, size);
        for (size_t i = size; i < want; i++)
            key[i] = (uint8_t)(h >> (i % 8 * 8)) ^ (uint8_t)i;
        return want;
    }
    if (h % 16 == 1) { /* short */
        key[0] = (uint8_t)(n >> 16);
        key[1] = (uint8_t)(n >> 8);
        key[2] = (uint8_t)n;
        return 3;
    }
    if (h % 16 == 2) { /* a long shared prefix */
        memset(key, 'p', longest / 2);
        memcpy(key + longest / 2, text, size);
        return longest / 2 + size;
    }
    memcpy(key, text, size);
    return size;
}

static size_t value_size(void)
{
    if (arg.compress && below(2)) /* on both sides of 100 bytes; now and then of 10 MiB */
        return below(1000) ? below(900) : 10485761 - below(3);
    switch (below(12)) {
    case 0:
        return 0;
    case 1:
        return arg.page - below(80);
    case 2:
        return arg.page / 2 + below(arg.page);
    case 3:
        return below(100) ? below(300)
                          : (size_t)arg.page * (arg.pointers + below(3)) - 60 + below(200);
    default:
        return below(200);
    }
}

static void fill(uint8_t *data, size_t size, uint64_t seed)
{
    static const char *const words[] = { "apple ", "store ", "partition ", "manifest ", "value " };
    for (size_t at = 0; arg.compress && seed % 8 && at < size;) { /* else as below */
        const char *word = words[below(5)];
        size_t n = strlen(word) < size - at ? strlen(word) : size - at;
        memcpy(data + at, word, n);
        at += n;
        if (at == size)
            return;
    }
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((seed >> (i % 8 * 8)) + i / 8);
}

/* ---- comparing ---- */

static void expect_pair(const struct model_pair *want, eloq_slice key, eloq_slice value,
                        uint64_t timestamp, uint64_t expire_at, const char *what)
{
    if (model_compare(want->key, want->key_size, key.data, key.size) != 0)
        fail("%s: wrong key", what);
    if (model_compare(want->value, want->value_size, value.data, value.size) != 0)
        fail("%s: wrong value, %zu bytes for %zu", what, value.size, want->value_size);
    if (want->timestamp != timestamp || want->expire_at != expire_at)
        fail("%s: wrong timestamp or expiry", what);
}

static eloq_slice slice_of(const eloq_buffer *b)
{
    return eloq_bytes(b->data, b->size);
}

static void check_scan(uint32_t p, const eloq_range *range)
{
    const struct model *m = &models[p];
    size_t from = model_lower(m, range->begin.data, range->begin.size);
    size_t to = range->end.size ? model_lower(m, range->end.data, range->end.size) : m->count;
    uint64_t count = to > from ? to - from : 0;
    if (range->limit && count > range->limit)
        count = range->limit;
    eloq_iter *iter;
    if (eloq_scan(db, part_of(p), range, &iter) < 0)
        fail("scan");
    eloq_item item;
    int rc;
    uint64_t n = 0;
    while ((rc = eloq_iter_next(iter, &item)) == ELOQ_OK) {
        if (n == count)
            fail("scan: too many pairs");
        const struct model_pair *want = &m->pairs[range->reverse ? to - 1 - n : from + n];
        expect_pair(want, item.key, item.value, item.timestamp, item.expire_at, "scan");
        n++;
    }
    if (rc != ELOQ_END || n != count)
        fail("scan: status %d, %llu pairs for %llu", rc, (unsigned long long)n,
             (unsigned long long)count);
    if (eloq_iter_next(iter, &item) != ELOQ_END)
        fail("scan: the end does not repeat");
    eloq_iter_close(iter);
}

static void check_all(uint32_t p)
{
    eloq_range range = { .reverse = (int)below(2) };
    check_scan(p, &range);
}

static void random_reads(uint32_t p)
{
    const struct model *m = &models[p];
    uint8_t a[PATH_MAX * 8], b[PATH_MAX * 8];
    eloq_record record = { 0 };
    for (int i = 0; i < 30; i++) {
        size_t size = make_key(below(arg.keys + 50), a, arg.page / 2 - 8);
        const struct model_pair *want = model_find(m, a, size);
        int rc = eloq_get(db, part_of(p), eloq_bytes(a, size), &record);
        if (rc != (want ? ELOQ_OK : ELOQ_NOT_FOUND))
            fail("get: status %d", rc);
        if (want)
            expect_pair(want, eloq_bytes(a, size), slice_of(&record.value), record.timestamp,
                        record.expire_at, "get");
        size_t at = model_lower(m, a, size);
        if (!want && at > 0)
            want = &m->pairs[at - 1];
        rc = eloq_floor(db, part_of(p), eloq_bytes(a, size), &record);
        if (rc != (want ? ELOQ_OK : ELOQ_NOT_FOUND))
            fail("floor: status %d", rc);
        if (want)
            expect_pair(want, slice_of(&record.key), slice_of(&record.value), record.timestamp,
                        record.expire_at, "floor");
    }
    eloq_record_free(&record);
    for (int i = 0; i < 4; i++) {
        size_t a_size = make_key(below(arg.keys), a, arg.page / 2 - 8);
        size_t b_size = make_key(below(arg.keys), b, arg.page / 2 - 8);
        eloq_range range = { .begin = eloq_bytes(a, below(4) ? a_size : 0),
                             .end = eloq_bytes(b, below(4) ? b_size : 0),
                             .limit = below(2) ? below(50) : 0,
                             .reverse = (int)below(2) };
        check_scan(p, &range);
    }
}

/* ---- writing ---- */

static void write_batch(uint32_t p)
{
    static const size_t sizes[] = { 1, 1, 3, 30, 300, 3000 };
    size_t count = 1 + below(sizes[below(6)]);
    if (arg.compress && below(6) == 0)
        count = 6000; /* enough for a dictionary */
    eloq_entry *entries = calloc(count, sizeof(*entries));
    uint64_t first = below(arg.keys), stride = below(3) ? 1 : 1 + below(7);
    uint64_t skipped = 0, before = now_us();
    int kind = (int)below(10);
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        eloq_entry *e = &entries[n];
        uint64_t number = kind < 5 ? (first + i * stride) % arg.keys : below(arg.keys);
        uint8_t *key = malloc(arg.page);
        e->key = eloq_bytes(key, make_key(number, key, arg.page / 2 - 8));
        bool twice = false;
        for (size_t j = 0; j < n && !twice; j++)
            twice =
                model_compare(entries[j].key.data, entries[j].key.size, e->key.data, e->key.size)
                == 0;
        if (twice) {
            free(key);
            continue;
        }
        e->kind = kind == 9 || below(5) == 0 ? ELOQ_DELETE : ELOQ_PUT;
        if (e->kind == ELOQ_PUT) {
            size_t size = value_size();
            uint8_t *value = malloc(size + 1);
            fill(value, size, rnd());
            e->value = eloq_bytes(value, size);
            switch (below(12)) {
            case 0:
                e->expire_at = 4102444800000u + below(1000);
                break;
            case 1:
                e->expire_at = UINT64_MAX - below(2);
                break;
            case 2:
                e->expire_at = 1 + below(1000); /* long ago: acts as a delete */
                break;
            }
        }
        switch (below(8)) {
        case 0:
            e->timestamp = ELOQ_TIMESTAMP_ZERO;
            break;
        case 1:
            e->timestamp = 1 + below(100);
            break;
        case 2:
            e->timestamp = before + below(1000);
            break;
        case 3:
            e->timestamp = below(200) ? 5 : INT64_MAX;
            break;
        }
        n++;
    }
    for (size_t i = n; i > 1; i--) { /* any order */
        size_t j = below(i);
        eloq_entry swap = entries[j];
        entries[j] = entries[i - 1];
        entries[i - 1] = swap;
    }
    int rc = eloq_write(db, part_of(p), entries, n);
    if (rc != ELOQ_OK)
        fail("write of %zu: status %d", n, rc);
    uint64_t got_skipped = eloq_skipped(), after = now_us();
    for (size_t i = 0; i < n; i++) {
        const eloq_entry *e = &entries[i];
        struct model_pair *old = model_find(&models[p], e->key.data, e->key.size);
        uint64_t timestamp = e->timestamp == ELOQ_TIMESTAMP_ZERO ? 0 : e->timestamp;
        uint64_t floor_us = before;
        if (e->timestamp == 0) {
            if (old && old->timestamp > floor_us)
                floor_us = old->timestamp;
            timestamp = floor_us;
        }
        bool applied = e->kind == ELOQ_DELETE
                           ? model_delete(&models[p], e->key.data, e->key.size, timestamp)
                           : model_put(&models[p], e->key.data, e->key.size, e->value.data,
                                       e->value.size, timestamp, e->expire_at, before / 1000);
        skipped += !applied;
        struct model_pair *now = model_find(&models[p], e->key.data, e->key.size);
        if (e->timestamp == 0 && now) { /* learn what "now" was */
            eloq_record record = { 0 };
            if (eloq_get(db, part_of(p), e->key, &record) != ELOQ_OK)
                fail("get after write");
            if (record.timestamp < floor_us
                || (record.timestamp > after && record.timestamp != floor_us))
                fail("timestamp is not now");
            now->timestamp = record.timestamp;
            eloq_record_free(&record);
        }
        free((void *)e->key.data);
        free((void *)e->value.data);
    }
    if (got_skipped != skipped)
        fail("skipped %llu for %llu", (unsigned long long)got_skipped, (unsigned long long)skipped);
    free(entries);
}

/* ---- removing ---- */

/* The partition is gone from the disk at once: nothing reads it. */
static void expect_absent(uint32_t p)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s.%u", arg.dir, part_of(p).table, p);
    if (arg.dir && access(path, F_OK) == 0)
        fail("%s is still there", path);
}

static void truncate_part(uint32_t p)
{
    uint8_t key[PATH_MAX * 8];
    size_t size = below(3) ? make_key(below(arg.keys + 50), key, arg.page / 2 - 8) : 0;
    if (eloq_truncate(db, part_of(p), eloq_bytes(key, size)) != ELOQ_OK)
        fail("truncate");
    model_truncate(&models[p], key, size);
    removed += models[p].count == 0;
    if (models[p].count == 0)
        expect_absent(p);
}

static void drop_table(uint32_t p)
{
    if (eloq_drop(db, part_of(p).table) != ELOQ_OK)
        fail("drop");
    for (uint32_t i = p % 2; i < arg.partitions; i += 2) {
        model_truncate(&models[i], NULL, 0);
        expect_absent(i);
        removed++;
    }
}

static void remove_something(uint32_t p)
{
    uint64_t dice = below(10);
    if (dice < 5)
        truncate_part(p);
    else if (dice == 5)
        drop_table(p);
    else if (dice == 6 && eloq_clean_expired(db, part_of(p)) < 0)
        fail("clean");
    else if (dice > 6 && arg.append && eloq_compact(db, part_of(p)) < 0)
        fail("compact");
    check_all(p);
}

/* ---- opening, closing, looking from outside ---- */

static void on_finding(void *user, eloq_part part, const eloq_finding *finding)
{
    (void)user;
    if (finding->severity == ELOQ_DAMAGE)
        fprintf(stderr, "damage %s.%u %s: %s\n", part.table, part.partition,
                finding->file ? finding->file : "", finding->what);
}

static void open_store(void)
{
    static const int backends[] = { ELOQ_IO_URING, ELOQ_IO_THREADS, ELOQ_IO_SYNC };
    eloq_options options = ELOQ_OPTIONS(arg.dir);
    options.format.data_page_size = arg.page;
    options.format.pages_per_file_shift = arg.shift ? arg.shift : ELOQ_ZERO;
    options.format.overflow_pointers = arg.pointers;
    options.format.data_append_mode = arg.append ? 1 : ELOQ_ZERO;
    options.data_page_restart_interval = 1 + (uint32_t)below(20);
    options.index_page_restart_interval = 1 + (uint32_t)below(20);
    options.manifest_limit = below(2) ? 4096 + below(100000) : 0;
    options.buffer_pool_size = below(2) ? 64 * arg.page : 0;
    options.data_cache_bytes = below(2) ? 1 + below(64) * arg.page : 0;
    options.shards = 1 + (uint32_t)below(3);
    options.file_amplify_factor = below(3) ? 2 + (uint32_t)below(2) : ELOQ_ZERO;
    options.enable_compression = arg.compress && below(4);
    options.io_backend = arg.backend != ELOQ_IO_AUTO ? arg.backend : backends[below(3)];
    if (eloq_open(&options, &db) < 0)
        fail("open");
}

static void decode(void)
{
    if (!arg.decoder)
        return;
    char command[2048];
    snprintf(command, sizeof(command),
             "python3 -B %s --hash xxh3 --page-size %u --shift %u --pointers %u %s %s", arg.decoder,
             arg.page, arg.shift, arg.pointers, arg.append ? "--append" : "--in-place", arg.dir);
    FILE *pipe = popen(command, "r");
    if (!pipe)
        fail("popen");
    size_t capacity = 0, lines = 0, want_lines = 0;
    uint64_t sum = 0, want = 0;
    char *line = NULL;
    ssize_t size;
    while ((size = getline(&line, &capacity, pipe)) > 0) {
        sum += XXH3_64bits(line, (size_t)size - 1);
        lines++;
    }
    free(line);
    if (pclose(pipe) != 0)
        fail("the decoder finds a fault");
    char *text = malloc(2 * arg.page + 400);
    for (uint32_t p = 0; p < arg.partitions; p++) {
        for (size_t i = 0; i < models[p].count; i++) {
            const struct model_pair *pair = &models[p].pairs[i];
            int n = sprintf(text, "%s.%u\t", part_of(p).table, p);
            for (size_t j = 0; j < pair->key_size; j++)
                n += sprintf(text + n, "%02x", pair->key[j]);
            n += sprintf(text + n, "\t%016llx\t%zu\t%llu\t%llu",
                         (unsigned long long)XXH3_64bits(pair->value, pair->value_size),
                         pair->value_size, (unsigned long long)pair->timestamp,
                         (unsigned long long)pair->expire_at);
            want += XXH3_64bits(text, (size_t)n);
            want_lines++;
        }
    }
    free(text);
    if (lines != want_lines || sum != want)
        fail("the decoder sees %zu pairs, the model has %zu", lines, want_lines);
}

/* A partition's dictionary is made once in its life. */
static void count_dictionaries(void)
{
    uint64_t made = 0;
    if (eloq_stat(db, "dictionaries_made", &made) < 0)
        fail("stat");
    dictionaries += made;
    if (dictionaries > arg.partitions + removed)
        fail("%llu dictionaries were made for %u partitions", (unsigned long long)dictionaries,
             arg.partitions);
}

static void reopen(void)
{
    for (uint32_t p = 0; p < arg.partitions; p++) {
        check_all(p);
        if (arg.backend != ELOQ_IO_MEMORY && eloq_check(db, part_of(p), on_finding, NULL, NULL) < 0)
            fail("check");
    }
    if (arg.backend == ELOQ_IO_MEMORY)
        return;
    count_dictionaries();
    if (eloq_close(db) < 0)
        fail("close");
    decode();
    open_store();
    for (uint32_t p = 0; p < arg.partitions; p++)
        check_all(p);
}

static void parse(int argc, char **argv)
{
    static const struct option options[] = {
        { "seed", 1, NULL, 's' },     { "steps", 1, NULL, 'n' },  { "page", 1, NULL, 'p' },
        { "shift", 1, NULL, 'f' },    { "append", 0, NULL, 'a' }, { "pointers", 1, NULL, 'o' },
        { "backend", 1, NULL, 'b' },  { "keys", 1, NULL, 'k' },   { "partitions", 1, NULL, 't' },
        { "decoder", 1, NULL, 'd' },  { "dir", 1, NULL, 'D' },    { "keep", 0, NULL, 'K' },
        { "compress", 0, NULL, 'z' }, { NULL, 0, NULL, 0 }
    };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        unsigned long long n = optarg ? strtoull(optarg, NULL, 0) : 0;
        switch (c) {
        case 's':
            arg.seed = n;
            break;
        case 'n':
            arg.steps = n;
            break;
        case 'p':
            arg.page = (uint32_t)n;
            break;
        case 'f':
            arg.shift = (uint32_t)n;
            break;
        case 'a':
            arg.append = 1;
            break;
        case 'o':
            arg.pointers = (uint32_t)n;
            break;
        case 'k':
            arg.keys = n;
            break;
        case 't':
            arg.partitions = (uint32_t)n;
            break;
        case 'd':
            arg.decoder = *optarg && access(optarg, R_OK) == 0 ? optarg : NULL;
            break;
        case 'D':
            arg.dir = optarg;
            break;
        case 'K':
            arg.keep = 1;
            break;
        case 'z':
            arg.compress = 1;
            break;
        case 'b':
            arg.backend = !strcmp(optarg, "memory")    ? ELOQ_IO_MEMORY
                          : !strcmp(optarg, "uring")   ? ELOQ_IO_URING
                          : !strcmp(optarg, "threads") ? ELOQ_IO_THREADS
                                                       : ELOQ_IO_SYNC;
            break;
        default:
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    char dir[] = "/tmp/eloq-model-XXXXXX";
    if (arg.backend == ELOQ_IO_MEMORY)
        arg.dir = NULL;
    else if (!arg.dir)
        arg.dir = mkdtemp(dir);
    rng_state = arg.seed;
    open_store();
    for (step_now = 0; step_now < arg.steps; step_now++) {
        uint32_t p = (uint32_t)below(arg.partitions);
        write_batch(p);
        check_all(p);
        if (below(3) == 0)
            random_reads(p);
        if (below(4) == 0)
            remove_something((uint32_t)below(arg.partitions));
        if (below(6) == 0)
            reopen();
    }
    reopen();
    if (arg.compress && arg.steps >= 60 && dictionaries == 0 && arg.backend != ELOQ_IO_MEMORY)
        fail("no dictionary was made");
    if (eloq_close(db) < 0)
        fail("close");
    for (uint32_t p = 0; p < arg.partitions; p++)
        model_free(&models[p]);
    if (arg.dir && !arg.keep) {
        char command[512];
        snprintf(command, sizeof(command), "rm -rf '%s'", arg.dir);
        if (system(command) != 0)
            fail("cannot remove %s", arg.dir);
    }
    printf("seed %llu: %llu steps, ok\n", (unsigned long long)arg.seed,
           (unsigned long long)arg.steps);
    return 0;
}
