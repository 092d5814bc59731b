/* tests/unit/part/manifest_test.c -- part/manifest: records round trip, replay agrees with a plain
 * array, and where the log ends. */
#include "part/manifest.h"

#include "manifest_help.h"
#include "run.h"

/* format.md 22. The two term pairs may come in either order; the checksum printed there is that of
 * the second order here, which the reference wrote. */
#define FRUIT_HEAD                                                                               \
    0x01, 0, 0, 0, 0x03, 0, 0, 0, 0x1b, 0, 0, 0, 0x04, 0, 0x04, 0, 0, 0, 0x01, 0x09, 0x11, 0x19, \
        0x0d, 0, 0, 0
#define FRUIT_FILE_0 0, 0
#define FRUIT_MANIFEST 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0
static const uint8_t fruit_ours[] = { 0x5a, 0xa5, 0x33,       0x43,         0x24,          0x7b,
                                      0x8c, 0xe7, FRUIT_HEAD, FRUIT_FILE_0, FRUIT_MANIFEST };
static const uint8_t fruit_theirs[] = { 0x1f, 0x96, 0x2e,       0x40,           0x67,        0x13,
                                        0x09, 0x20, FRUIT_HEAD, FRUIT_MANIFEST, FRUIT_FILE_0 };

static void check_fruit(struct mem *m, const uint8_t *record, size_t size)
{
    struct bytes file = bytes_new(m);
    bytes_add(&file, record, size);
    bytes_add_zeros(&file, 4096 - size);
    struct manifest_state s;
    ck_assert_int_eq(replay_exact(&s, m, file.data, file.size), ELOQ_OK);
    ck_assert_uint_eq(s.root[0].n, 1);
    ck_assert_uint_eq(s.root[1].n, 3);
    ck_assert_uint_eq(s.page_count, 4);
    for (uint64_t id = 0; id < 4; id++)
        ck_assert_uint_eq(s.values[id], id << 3 | 1);
    ck_assert_uint_eq(s.max_place, 4);
    ck_assert_uint_eq(s.listed_count, 1);
    ck_assert_uint_eq(s.listed[0], 0);
    ck_assert(s.has_manifest_term);
    ck_assert_uint_eq(s.valid_end, 4096);
    ck_assert_uint_eq(s.snapshot_bytes, 4096);
    ck_assert_uint_eq(s.sequence.manifest_id, 0);
    ck_assert_uint_eq(s.damaged_tail_at, UINT64_MAX);
    ck_assert(!s.padding_missing);
    manifest_state_free(&s);
    bytes_free(&file);
}

START_TEST(worked_example_is_read_and_written_byte_for_byte)
{
    struct mem m;
    mem_init(&m, 0);
    check_fruit(&m, fruit_theirs, sizeof(fruit_theirs));
    check_fruit(&m, fruit_ours, sizeof(fruit_ours));

    struct model *w = calloc(1, sizeof(*w));
    terms_init(&w->terms, &m);
    w->root[0] = page_id(1);
    w->root[1] = page_id(3);
    w->max_place = w->page_count = 4;
    for (uint64_t id = 0; id < 4; id++)
        w->values[id] = id << 3 | 1;
    w->file_count = 1;
    w->sequence.manifest_id = 9;
    struct bytes out = bytes_new(&m);
    ck_assert_int_eq(model_snapshot(w, &out), ELOQ_OK);
    ck_assert_uint_eq(get_u32(out.data + 16), 27 + SEQUENCE_SECTION_BYTES);
    strip_sequence(&out, 0); /* the example has no sections */
    ck_assert_uint_eq(out.size, 4096);
    ck_assert_mem_eq(out.data, fruit_ours, sizeof(fruit_ours));
    bytes_free(&out);
    free(w);
}
END_TEST

/* ---- against a model ------------------------------------------------------------------------ */

static void check_state(const struct manifest_state *s, const struct model *w, uint64_t seed)
{
    ck_assert_msg(s->page_count == w->page_count, "seed=%" PRIu64, seed);
    for (uint32_t id = 0; id < w->page_count; id++)
        ck_assert_msg(s->values[id] == w->values[id], "seed=%" PRIu64 " id=%u", seed, id);
    ck_assert_uint_eq(s->max_place, w->max_place);
    ck_assert_uint_eq(s->root[0].n, w->root[0].n);
    ck_assert_uint_eq(s->root[1].n, w->root[1].n);
    ck_assert_uint_eq(s->dict_size, w->dict_size);
    if (w->dict_size > 0)
        ck_assert_mem_eq(s->dict, w->dict, w->dict_size);
    ck_assert_uint_eq(s->listed_count, w->file_count);
    for (uint64_t id = 0; id < w->file_count; id++) {
        ck_assert_uint_eq(s->listed[id], id);
        ck_assert_uint_eq(terms_get(&s->terms, id), terms_get(&w->terms, id));
    }
    ck_assert_uint_eq(s->terms.count, w->terms.count);
    ck_assert(s->has_manifest_term);
    ck_assert_uint_eq(s->manifest_term, w->manifest_term);
    ck_assert_uint_eq(s->last_checksum, w->last_checksum);
    ck_assert_uint_eq(s->sequence.manifest_id, w->sequence.manifest_id);
    ck_assert_uint_eq(s->sequence.number, w->sequence.number);
}

static uint32_t random_mapped(struct rand *r, const struct model *w)
{
    for (int i = 0; i < 50; i++) {
        uint32_t id = (uint32_t)rand_below(r, w->page_count ? w->page_count : 1);
        if (id < w->page_count && w->values[id] != MAPPING_FREE)
            return id;
    }
    return NO_PAGE;
}

static void model_init(struct model *w, struct mem *m, struct rand *r)
{
    memset(w, 0, sizeof(*w));
    terms_init(&w->terms, m);
    w->page_count = (uint32_t)rand_below(r, 300);
    for (uint32_t id = 0; id < w->page_count; id++) {
        bool mapped = rand_below(r, 4) > 0;
        w->max_place += rand_below(r, rand_below(r, 20) == 0 ? UINT64_C(1) << 40 : 3);
        w->values[id] = mapped ? w->max_place++ << 3 | 1 : MAPPING_FREE;
    }
    w->root[0] = page_id(random_mapped(r, w));
    w->root[1] = page_id(random_mapped(r, w));
    w->file_count = rand_below(r, 20);
    for (uint64_t id = 0; id < w->file_count; id++)
        terms_set(&w->terms, id, rand_below(r, 2) ? rand_below(r, 10) : 0);
    w->manifest_term = rand_below(r, 3) ? 0 : rand_u64(r);
    w->dict_size = (uint32_t)rand_below(r, sizeof(w->dict));
    for (uint32_t i = 0; i < w->dict_size; i++)
        w->dict[i] = (uint8_t)rand_u64(r);
    w->sequence = (struct manifest_sequence){ rand_u64(r) | 1, rand_below(r, 1000) };
}

/* Changes the model at random and appends the log record that says so. */
static void random_commit(struct model *w, struct rand *r, struct bytes *out)
{
    struct manifest_change changes[80];
    struct term_entry terms[6];
    size_t n = 0, term_count = 0;
    for (uint64_t left = rand_below(r, 40); left > 0; left--) {
        uint32_t id =
            rand_below(r, 3) == 0 ? w->page_count : (uint32_t)rand_below(r, w->page_count + 1);
        if (id >= ARRAY_LEN(w->values))
            continue;
        if (id == w->page_count)
            w->page_count++;
        w->values[id] = rand_below(r, 3) ? w->max_place++ << 3 | 1 : MAPPING_FREE;
        changes[n++] = (struct manifest_change){ id, w->values[id] };
    }
    for (uint64_t left = rand_below(r, 3); left > 0; left--) {
        struct term_entry e = { w->file_count++, rand_below(r, 4) };
        ck_assert_int_eq(terms_set(&w->terms, e.file_id, e.term), 0);
        terms[term_count++] = e;
    }
    w->root[0] = page_id(random_mapped(r, w));
    w->root[1] = page_id(rand_below(r, 2) ? NO_PAGE : random_mapped(r, w));
    struct manifest_log log = { .root = { w->root[0], w->root[1] },
                                .changes = changes,
                                .change_count = n,
                                .terms = terms,
                                .term_count = term_count,
                                .sequence = { w->sequence.manifest_id,
                                              w->sequence.number + 1 + rand_below(r, 3) },
                                .previous_checksum = w->last_checksum };
    size_t start = out->size;
    ck_assert_int_eq(manifest_encode_log(out, &log, &w->last_checksum), ELOQ_OK);
    ck_assert_uint_le(out->size - start, manifest_log_bytes_max(n, term_count));
    if (rand_below(r, 4) == 0) /* the reference's */
        w->last_checksum = strip_sequence(out, start);
    else
        w->sequence = log.sequence;
}

START_TEST(replay_agrees_with_a_plain_array)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "manifest_model");
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    for (int round = 0; round < 25; round++) {
        struct bytes file = bytes_new(&m);
        model_init(w, &m, &r);
        ck_assert_int_eq(model_snapshot(w, &file), ELOQ_OK);
        uint64_t snapshot_bytes = file.size;
        if (rand_below(&r, 4) == 0) {
            w->last_checksum = strip_sequence(&file, 0);
            w->sequence.number = 0;
            w->sequence.manifest_id = 0; /* unknown until a record of ours comes */
            snapshot_bytes = file.size;
        }
        for (int record = 0; record < 200; record++) {
            if (w->sequence.manifest_id == 0 && record == 3)
                w->sequence.manifest_id = 4711;
            else if (w->sequence.manifest_id == 0) {
                struct manifest_sequence unknown = w->sequence;
                w->sequence.manifest_id = 1;
                size_t start = file.size;
                random_commit(w, &r, &file);
                if (w->sequence.number != 0) /* it was written as ours: not yet */
                    w->last_checksum = strip_sequence(&file, start);
                w->sequence = unknown;
                continue;
            }
            random_commit(w, &r, &file);
            if (rand_below(&r, 20) == 0 || record == 199) {
                struct manifest_state s;
                ck_assert_msg(replay_exact(&s, &m, file.data, file.size) == ELOQ_OK,
                              "seed=%" PRIu64 " %s", seed, s.error);
                if (w->sequence.number > 0)
                    check_state(&s, w, seed);
                ck_assert_uint_eq(s.record_count, (uint32_t)record + 2);
                ck_assert_uint_eq(s.valid_end, file.size);
                ck_assert_uint_eq(s.snapshot_bytes, snapshot_bytes);
                manifest_state_free(&s);
            }
        }
        bytes_free(&file);
        terms_free(&w->terms);
    }
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    free(w);
}
END_TEST

START_TEST(a_snapshot_of_a_large_mapping_goes_over_many_blocks)
{
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    terms_init(&w->terms, &m);
    w->page_count = ARRAY_LEN(w->values);
    w->max_place = UINT64_C(1) << 61;
    for (uint64_t id = 0; id < w->page_count; id++)
        w->values[id] = (w->max_place - 1 - 1000 * id) << 3 | 1;
    w->root[0] = w->root[1] = page_id(NO_PAGE);
    w->sequence.manifest_id = 1;
    struct bytes file = bytes_new(&m);
    bytes_add(&file, "before", 6); /* it is appended, padded from its own start */
    ck_assert_int_eq(model_snapshot(w, &file), ELOQ_OK);
    ck_assert_uint_eq((file.size - 6) % 4096, 0);
    struct manifest_state s;
    ck_assert_int_eq(replay_exact(&s, &m, file.data + 6, file.size - 6), ELOQ_OK);
    check_state(&s, w, 0);
    manifest_state_free(&s);
    manifest_state_init(&s, &m);
    ck_assert_int_eq(manifest_replay(&s, file.data + 6, file.size - 6, true), ELOQ_CORRUPTED);
    manifest_state_free(&s);
    bytes_free(&file);
    free(w);
}
END_TEST

/* ---- where the log ends --------------------------------------------------------------------- */

START_TEST(every_truncation_keeps_the_whole_records)
{
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    struct bytes file = bytes_new(&m);
    small_manifest(w, &m, &file, 3);
    ck_assert_uint_eq(file.size, 4 * 4096);
    for (size_t size = 0; size <= file.size; size++) {
        uint32_t whole = 0;
        while (whole < 4
               && size >= whole * 4096 + 20 + (size_t)get_u32(file.data + whole * 4096 + 16))
            whole++;
        struct manifest_state s;
        int rc = replay_exact(&s, &m, file.data, size);
        ck_assert_int_eq(rc, whole > 0 ? ELOQ_OK : ELOQ_CORRUPTED);
        if (rc == ELOQ_OK) {
            ck_assert_uint_eq(s.record_count, whole);
            ck_assert_uint_eq(s.page_count, 1 + whole);
            ck_assert_uint_eq(s.root[0].n, whole == 1 ? 0 : whole);
            ck_assert_uint_eq(s.valid_end, whole * 4096);
            ck_assert_int_eq(s.padding_missing, size < whole * 4096);
            ck_assert_uint_eq(s.damaged_tail_at, size > whole * 4096 ? whole * 4096 : UINT64_MAX);
        }
        manifest_state_free(&s);
    }
    bytes_free(&file);
    free(w);
}
END_TEST

/* Replays and compares: records, end, damaged tail; -1 as records for ELOQ_CORRUPTED. */
static void expect(struct mem *m, const struct bytes *file, int records, uint64_t valid_end,
                   uint64_t damaged_at)
{
    struct manifest_state s;
    int rc = replay_exact(&s, m, file->data, file->size);
    ck_assert_int_eq(rc, records < 0 ? ELOQ_CORRUPTED : ELOQ_OK);
    if (rc == ELOQ_OK) {
        ck_assert_uint_eq(s.record_count, (uint32_t)records);
        ck_assert_uint_eq(s.valid_end, valid_end);
        ck_assert_uint_eq(s.damaged_tail_at, damaged_at);
    }
    manifest_state_free(&s);
}

START_TEST(a_damaged_tail_is_dropped_and_damage_in_the_middle_is_corrupted)
{
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    struct bytes file = bytes_new(&m);
    small_manifest(w, &m, &file, 3);
    for (uint32_t record = 0; record < 4; record++) {
        for (size_t at = 0; at < 40; at++) {
            if (at >= 16 && at < 20) /* the length: below */
                continue;
            file.data[record * 4096 + at] ^= 4;
            expect(&m, &file, record == 3 ? 3 : -1, 3 * 4096, 3 * 4096);
            file.data[record * 4096 + at] ^= 4;
        }
    }
    file.data[3 * 4096 + 18] ^= 1; /* longer than the file */
    expect(&m, &file, 3, 3 * 4096, 3 * 4096);
    file.data[3 * 4096 + 18] ^= 1;
    uint32_t length = get_u32(file.data + 2 * 4096 + 16);
    put_u32(file.data + 2 * 4096 + 16, 4096 + 200); /* as if it held the next one */
    expect(&m, &file, -1, 0, 0);
    put_u32(file.data + 2 * 4096 + 16, length);
    file.data[2 * 4096 + 30] ^= 1; /* two damaged records at the end are a tail */
    file.data[3 * 4096 + 30] ^= 1;
    expect(&m, &file, 2, 2 * 4096, 2 * 4096);
    bytes_free(&file);
    free(w);
}
END_TEST

START_TEST(zeros_and_noise_behind_the_log_are_ignored)
{
    struct mem m;
    mem_init(&m, 0);
    struct rand r;
    start_seed(&r, "manifest_noise");
    struct model *w = calloc(1, sizeof(*w));
    for (int round = 0; round < 300; round++) {
        struct bytes file = bytes_new(&m);
        small_manifest(w, &m, &file, 2);
        size_t tail = rand_below(&r, 20000);
        if (round % 2 == 0) {
            bytes_add_zeros(&file, tail);
            expect(&m, &file, 3, 3 * 4096, UINT64_MAX);
        } else {
            for (size_t i = 0; i < tail; i++)
                bytes_add_u8(&file, (uint8_t)(rand_u64(&r) | 1));
            if (tail >= 20 && round % 3 == 0)
                put_u32(file.data + 3 * 4096 + 16, (uint32_t)rand_below(&r, 100));
            expect(&m, &file, 3, 3 * 4096, tail > 0 ? 3 * 4096 : UINT64_MAX);
        }
        bytes_free(&file);
    }
    free(w);
}
END_TEST

START_TEST(a_valid_record_behind_zeros_is_damage_in_the_middle)
{
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    struct bytes file = bytes_new(&m);
    small_manifest(w, &m, &file, 3);
    memset(file.data + 2 * 4096, 0, 4096);
    expect(&m, &file, -1, 0, 0);
    strip_sequence(&file, 3 * 4096);
    expect(&m, &file, -1, 0, 0);
    bytes_free(&file);
    free(w);
}
END_TEST

/* Three records of ours, and a fourth with this sequence and previous checksum. */
static void fourth(struct mem *m, struct bytes *file, struct model *w, uint64_t id, uint64_t number,
                   uint64_t checksum_off)
{
    small_manifest(w, m, file, 2);
    struct manifest_change change = { .id = 4, .value = 4 << 3 | 1 };
    struct manifest_log log = { .root = { page_id(4), page_id(NO_PAGE) },
                                .changes = &change,
                                .change_count = 1,
                                .sequence = { id, number },
                                .previous_checksum = w->last_checksum + checksum_off };
    ck_assert_int_eq(manifest_encode_log(file, &log, &w->last_checksum), ELOQ_OK);
}

START_TEST(a_record_that_does_not_follow_ends_the_log)
{
    static const struct {
        uint64_t id, number, checksum_off;
        bool follows;
    } rows[] = {
        { 77, 8, 0, true },  { 77, 800, 0, true }, { 77, 7, 0, false },
        { 77, 1, 0, false }, { 78, 8, 0, false },  { 77, 8, 1, false },
    };
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bytes file = bytes_new(&m);
        fourth(&m, &file, w, rows[i].id, rows[i].number, rows[i].checksum_off);
        expect(&m, &file, rows[i].follows ? 4 : 3, (rows[i].follows ? 4 : 3) * 4096,
               rows[i].follows ? UINT64_MAX : 3 * 4096);
        /* Behind a damaged record: stale blocks end the log, a true successor means damage. What
         * the checksum before was is not known any more. */
        file.data[2 * 4096 + 30] ^= 1;
        bool stale = rows[i].id != 77 || rows[i].number <= 6;
        expect(&m, &file, stale ? 2 : -1, 2 * 4096, 2 * 4096);
        bytes_free(&file);
    }
    free(w);
}
END_TEST

START_TEST(records_of_the_reference_may_stand_between_ours)
{
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    struct bytes file = bytes_new(&m);
    small_manifest(w, &m, &file, 1);
    struct manifest_log log = { .root = { page_id(1), page_id(NO_PAGE) },
                                .sequence = { 77, 1 },
                                .previous_checksum = 12345 };
    ck_assert_int_eq(manifest_encode_log(&file, &log, &w->last_checksum), ELOQ_OK);
    log.previous_checksum = strip_sequence(&file, 2 * 4096);
    log.sequence.number = 7;
    ck_assert_int_eq(manifest_encode_log(&file, &log, &w->last_checksum), ELOQ_OK);
    expect(&m, &file, 4, 4 * 4096, UINT64_MAX);
    log.previous_checksum = w->last_checksum;
    log.sequence.number = 7; /* not above the last of ours */
    ck_assert_int_eq(manifest_encode_log(&file, &log, &w->last_checksum), ELOQ_OK);
    expect(&m, &file, 4, 4 * 4096, 4 * 4096);
    bytes_free(&file);
    free(w);
}
END_TEST

/* ---- for a person --------------------------------------------------------------------------- */

struct seen {
    struct manifest_record records[10];
    size_t count;
};

static void see(void *user, const struct manifest_record *record)
{
    struct seen *seen = user;
    ck_assert_uint_lt(seen->count, 10);
    seen->records[seen->count++] = *record;
}

START_TEST(each_describes_records_damage_and_the_seal)
{
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    struct bytes file = bytes_new(&m);
    small_manifest(w, &m, &file, 2);
    struct manifest_log seal = { .root = { page_id(3), page_id(NO_PAGE) },
                                 .sequence = { 77, 8 },
                                 .previous_checksum = w->last_checksum };
    ck_assert_int_eq(manifest_encode_log(&file, &seal, &w->last_checksum), ELOQ_OK);
    bytes_add_zeros(&file, 50000);
    struct seen seen = { .count = 0 };
    ck_assert_int_eq(manifest_each(file.data, file.size, see, &seen), ELOQ_OK);
    ck_assert_uint_eq(seen.count, 4);
    ck_assert(seen.records[0].is_snapshot && seen.records[0].value_count == 2);
    ck_assert_uint_eq(seen.records[0].term_count, 2);
    ck_assert(!seen.records[1].is_snapshot && seen.records[1].value_count == 1);
    ck_assert(seen.records[3].is_seal && !seen.records[1].is_seal && !seen.records[0].is_seal);
    ck_assert_uint_eq(seen.records[3].offset, 3 * 4096);
    ck_assert_uint_eq(seen.records[3].sequence.number, 8);

    file.data[4096 + 30] ^= 1;
    bytes_add_u8(&file, 1); /* a tail that is cut */
    seen.count = 0;
    file.size = 4 * 4096;
    bytes_add(&file, "stray", 5);
    ck_assert_int_eq(manifest_each(file.data, file.size, see, &seen), ELOQ_CORRUPTED);
    ck_assert_uint_eq(seen.count, 5);
    ck_assert(!seen.records[1].checksum_ok && seen.records[2].checksum_ok);
    ck_assert(!seen.records[4].checksum_ok && seen.records[4].padded_bytes == 5);
    bytes_free(&file);
    free(w);
}
END_TEST

RUN_TESTS("manifest", worked_example_is_read_and_written_byte_for_byte,
          replay_agrees_with_a_plain_array, a_snapshot_of_a_large_mapping_goes_over_many_blocks,
          every_truncation_keeps_the_whole_records,
          a_damaged_tail_is_dropped_and_damage_in_the_middle_is_corrupted,
          zeros_and_noise_behind_the_log_are_ignored,
          a_valid_record_behind_zeros_is_damage_in_the_middle,
          a_record_that_does_not_follow_ends_the_log,
          records_of_the_reference_may_stand_between_ours,
          each_describes_records_damage_and_the_seal)
