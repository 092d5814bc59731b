/* tests/unit/part/manifest_bad_test.c -- part/manifest: malformed records with right checksums,
 * terms in any order, no memory, and mutation. */
#include "fail.h"
#include "manifest_help.h"
#include "run.h"

#define NONE NO_PAGE

/* What a test may change of an otherwise sound record. */
struct parts {
    const char *values; /* varints, one byte each here */
    size_t value_bytes;
    const char *terms;
    size_t term_bytes;
    const char *tail; /* extension sections */
    size_t tail_bytes;
};

static void add_parts(struct bytes *payload, const struct parts *p)
{
    add_region(payload, p->values, p->value_bytes);
    add_region(payload, p->terms, p->term_bytes);
    bytes_add(payload, p->tail, p->tail_bytes);
}

/* A snapshot with max_fp, dictionary and these parts. */
static struct bytes snapshot(struct mem *m, uint32_t root, uint32_t ttl_root, uint64_t max_place,
                             const struct parts *p)
{
    struct bytes payload = bytes_new(m), file = bytes_new(m);
    bytes_add_varint(&payload, max_place);
    bytes_add_varint(&payload, 0);
    add_parts(&payload, p);
    add_record(&file, root, ttl_root, &payload);
    bytes_free(&payload);
    return file;
}

static int snapshot_verdict(uint32_t root, uint32_t ttl_root, uint64_t max_place,
                            const struct parts *p)
{
    struct mem m;
    mem_init(&m, 0);
    struct bytes file = snapshot(&m, root, ttl_root, max_place, p);
    int rc = replay_verdict(&m, &file);
    bytes_free(&file);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    return rc;
}

/* Two pages at places 0 and 1, then a log record of these parts. */
static int log_verdict(uint32_t root, const struct parts *p)
{
    struct mem m;
    mem_init(&m, 0);
    struct parts two = { .values = "\x01\x09", .value_bytes = 2 };
    struct bytes file = snapshot(&m, 0, NONE, 2, &two), payload = bytes_new(&m);
    add_parts(&payload, p);
    add_record(&file, root, NONE, &payload);
    int rc = replay_verdict(&m, &file);
    bytes_free(&payload);
    bytes_free(&file);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    return rc;
}

#define VALUES(text)                                    \
    &(struct parts)                                     \
    {                                                   \
        .values = text, .value_bytes = sizeof(text) - 1 \
    }
#define TERMS(text)                                   \
    &(struct parts)                                   \
    {                                                 \
        .terms = text, .term_bytes = sizeof(text) - 1 \
    }
#define TAIL(text)                                   \
    &(struct parts)                                  \
    {                                                \
        .tail = text, .tail_bytes = sizeof(text) - 1 \
    }

START_TEST(malformed_snapshots_are_corrupted)
{
    ck_assert_int_eq(snapshot_verdict(0, NONE, 2, VALUES("\x01\x09")), ELOQ_OK);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 0, VALUES("")), ELOQ_OK);
    ck_assert_int_eq(snapshot_verdict(0, 1, 2, VALUES("\x01\x09\x07\x12\x0a")), ELOQ_OK);
    for (char type = 0; type < 8; type++) { /* of the value behind it */
        char values[] = { 1, 9, (char)(8 | type) };
        struct parts p = { .values = values, .value_bytes = 3 };
        ck_assert_int_eq(snapshot_verdict(0, NONE, 3, &p), type == 2 ? ELOQ_OK : ELOQ_CORRUPTED);
        values[2] = (char)(16 | type); /* place 2 */
        ck_assert_int_eq(snapshot_verdict(0, NONE, 3, &p),
                         type == 1 || type == 2 ? ELOQ_OK : ELOQ_CORRUPTED);
    }
    ck_assert_int_eq(snapshot_verdict(0, NONE, 1, VALUES("\x01\x09")), ELOQ_CORRUPTED); /* max_fp */
    ck_assert_int_eq(snapshot_verdict(0, NONE, 2, VALUES("\x01\x01")), ELOQ_CORRUPTED); /* twice */
    ck_assert_int_eq(snapshot_verdict(2, NONE, 2, VALUES("\x01\x09")), ELOQ_CORRUPTED); /* roots */
    ck_assert_int_eq(snapshot_verdict(NONE, 2, 2, VALUES("\x01\x09")), ELOQ_CORRUPTED);
    ck_assert_int_eq(snapshot_verdict(1, NONE, 2, VALUES("\x01\x07")), ELOQ_CORRUPTED);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 2, VALUES("\x01\x89")), ELOQ_CORRUPTED); /* cut */
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, (UINT64_C(1) << 61) + 1, VALUES("")),
                     ELOQ_CORRUPTED);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, UINT64_C(1) << 61, VALUES("")), ELOQ_OK);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 0, TERMS("\x01")), ELOQ_CORRUPTED);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 0, TERMS("\x01\x02\x83")), ELOQ_CORRUPTED);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 0, TERMS("\x01\x02")), ELOQ_OK);
}
END_TEST

START_TEST(malformed_log_records_are_corrupted)
{
    ck_assert_int_eq(log_verdict(2, VALUES("\x02\x11")), ELOQ_OK);
    ck_assert_int_eq(log_verdict(0, VALUES("\x01\x07")), ELOQ_OK);
    ck_assert_int_eq(log_verdict(0, VALUES("\x00\x07")), ELOQ_CORRUPTED);  /* frees its root */
    ck_assert_int_eq(log_verdict(0, VALUES("\x01\x01")), ELOQ_CORRUPTED);  /* place 0 twice */
    ck_assert_int_eq(log_verdict(0, VALUES("\x00\x09\x01\x01")), ELOQ_OK); /* they swap */
    ck_assert_int_eq(log_verdict(0, VALUES("\x01\x12")), ELOQ_CORRUPTED);  /* a free link */
    ck_assert_int_eq(log_verdict(0, VALUES("\x01\x0f")), ELOQ_CORRUPTED);  /* not exactly 7 */
    ck_assert_int_eq(log_verdict(0, VALUES("\x01")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, VALUES("\x81")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, VALUES("\x01\x89")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, VALUES("\x03\x11")), ELOQ_OK);        /* leaves a gap */
    ck_assert_int_eq(log_verdict(0, VALUES("\x04\x11")), ELOQ_CORRUPTED); /* too far */
    ck_assert_int_eq(log_verdict(0, VALUES("\xff\xff\xff\xff\x01\x07")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, VALUES("\x80\x80\x80\x80\x10\x07")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, TERMS("\x01")), ELOQ_CORRUPTED);
}
END_TEST

START_TEST(lengths_stay_inside_the_payload)
{
    struct mem m;
    mem_init(&m, 0);
    struct parts sound = {
        .values = "\x01\x09", .value_bytes = 2, .terms = "\x00\x00", .term_bytes = 2
    };
    for (int which = 0; which < 2; which++) {
        for (uint32_t length = 0; length < 40; length++) {
            struct bytes file = snapshot(&m, NONE, NONE, 2, &sound);
            size_t at = which == 0 ? 22 : 22 + 4 + 2; /* of the mapping, of the terms */
            put_u32(file.data + at, length < 39 ? length : UINT32_MAX);
            fix_checksum(file.data);
            /* A mapping of 0 bytes makes its values the term length: too large. */
            ck_assert_int_eq(replay_verdict(&m, &file), length == 2 ? ELOQ_OK : ELOQ_CORRUPTED);
            bytes_free(&file);
        }
    }
    for (size_t size = 0; size < 8; size++) { /* log payloads of no more than a length */
        struct bytes file = snapshot(&m, 0, NONE, 2, &sound), payload = bytes_new(&m);
        bytes_add_zeros(&payload, size);
        add_record(&file, 0, NONE, &payload);
        ck_assert_int_eq(replay_verdict(&m, &file), ELOQ_CORRUPTED);
        bytes_free(&payload);
        bytes_free(&file);
    }
    for (size_t size = 0; size < 3; size++) { /* a dictionary longer than the payload */
        struct bytes file = bytes_new(&m), payload = bytes_new(&m);
        bytes_add_varint(&payload, 0);
        bytes_add_varint(&payload, UINT32_MAX);
        bytes_add_zeros(&payload, 100 * size);
        add_record(&file, NONE, NONE, &payload);
        ck_assert_int_eq(replay_verdict(&m, &file), ELOQ_CORRUPTED);
        bytes_free(&payload);
        bytes_free(&file);
    }
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(sections_must_be_well_formed)
{
    ck_assert_int_eq(log_verdict(0, TAIL("\x09\x00\x00\x00\x00")), ELOQ_OK); /* unknown: skipped */
    ck_assert_int_eq(log_verdict(0, TAIL("\x09\x03\x00\x00\x00xyz\xff\x01\x00\x00\x00!")), ELOQ_OK);
    ck_assert_int_eq(log_verdict(0, TAIL("\x00\x00\x00\x00\x00")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, TAIL("\x09")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, TAIL("\x09\x00\x00\x00")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, TAIL("\x09\x03\x00\x00\x00xy")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, TAIL("\x09\xff\xff\xff\xffxy")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, TAIL("\x02\x00\x00\x00\x00")), ELOQ_CORRUPTED);
    ck_assert_int_eq(log_verdict(0, TAIL("\x02\x17\x00\x00\x00"
                                         "12345678123456781234567")),
                     ELOQ_CORRUPTED);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 0,
                                      TAIL("\x02\x18\x00\x00\x00"
                                           "123456781234567812345678")),
                     ELOQ_OK);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 0,
                                      TAIL("\x02\x18\x00\x00\x00"
                                           "123456781234567812345678"
                                           "\x02\x18\x00\x00\x00"
                                           "123456781234567812345678")),
                     ELOQ_CORRUPTED);
}
END_TEST

START_TEST(page_checksums_are_one_for_each_mapped_change)
{
    struct parts p = { .values = "\x02\x11\x01\x07\x03\x19",
                       .value_bytes = 6,
                       .tail = "\x01\x10\x00\x00\x00"
                               "1234567812345678",
                       .tail_bytes = 21 };
    ck_assert_int_eq(log_verdict(0, &p), ELOQ_OK);
    struct mem m;
    mem_init(&m, 0);
    struct parts two = { .values = "\x01\x09", .value_bytes = 2 };
    for (int seal = 0; seal < 2; seal++) {
        struct bytes file = snapshot(&m, 0, NONE, 2, &two), payload = bytes_new(&m);
        add_parts(&payload, &p);
        add_record(&file, 0, NONE, &payload);
        payload.size = 0;
        bytes_add_zeros(&payload, 8);
        if (seal)
            add_record(&file, 0, NONE, &payload);
        struct manifest_state s;
        ck_assert_int_eq(replay_exact(&s, &m, file.data, file.size), ELOQ_OK);
        ck_assert_int_eq(s.last_pages != NULL, !seal);
        ck_assert_uint_eq(s.last_page_count, seal ? 0 : 2);
        manifest_state_free(&s);
        bytes_free(&payload);
        bytes_free(&file);
    }
    p.values = "\x02\x11\x01\x07\x03\x07"; /* one mapped, two checksums */
    ck_assert_int_eq(log_verdict(0, &p), ELOQ_CORRUPTED);
    ck_assert_int_eq(snapshot_verdict(NONE, NONE, 4, TAIL("\x01\x00\x00\x00\x00")), ELOQ_CORRUPTED);
}
END_TEST

START_TEST(a_place_mapped_twice_is_found_in_sparse_mappings_too)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "manifest_sparse");
    struct mem m;
    mem_init(&m, 0);
    struct model *w = calloc(1, sizeof(*w));
    for (int round = 0; round < 60; round++) {
        memset(w, 0, sizeof(*w));
        terms_init(&w->terms, &m);
        w->page_count = 2 + (uint32_t)rand_below(&r, 500);
        uint64_t step = round % 2 ? 5 : UINT64_C(1) << 40;
        for (uint32_t id = 0; id < w->page_count; id++)
            w->values[id] = (step * (id * 7919 % 4093)) << 3 | 1;
        w->max_place = step * 4093;
        w->root[0] = w->root[1] = page_id(NO_PAGE);
        w->sequence.manifest_id = 1;
        bool twice = rand_below(&r, 2);
        uint32_t a = (uint32_t)rand_below(&r, w->page_count);
        uint32_t b = (a + 1 + (uint32_t)rand_below(&r, w->page_count - 1)) % w->page_count;
        if (twice)
            w->values[a] = w->values[b];
        struct bytes file = bytes_new(&m);
        ck_assert_int_eq(model_snapshot(w, &file), ELOQ_OK);
        ck_assert_msg(replay_verdict(&m, &file) == (twice ? ELOQ_CORRUPTED : ELOQ_OK),
                      "seed=%" PRIu64, seed);
        bytes_free(&file);
    }
    free(w);
}
END_TEST

START_TEST(terms_come_in_any_order_and_the_last_wins)
{
    struct rand r;
    uint64_t seed = start_seed(&r, "manifest_terms");
    struct mem m;
    mem_init(&m, 0);
    enum { IDS = 200 };
    for (int round = 0; round < 60; round++) {
        uint64_t term[IDS] = { 0 };
        bool listed[IDS] = { false };
        struct bytes file = bytes_new(&m);
        for (int record = 0; record < 6; record++) {
            struct bytes payload = bytes_new(&m), terms = bytes_new(&m);
            if (record == 0)
                bytes_add_zeros(&payload, 2); /* max_fp, dictionary */
            for (uint64_t n = rand_below(&r, 150); n > 0; n--) {
                uint64_t id = rand_below(&r, IDS);
                term[id] = rand_below(&r, 3);
                listed[id] = true;
                bytes_add_varint(&terms, id << 32 | id);
                bytes_add_varint(&terms, term[id]);
            }
            bytes_add_u32(&payload, 0);
            add_region(&payload, terms.data, terms.size);
            add_record(&file, NONE, NONE, &payload);
            bytes_free(&terms);
            bytes_free(&payload);
        }
        struct manifest_state s;
        ck_assert_int_eq(replay_exact(&s, &m, file.data, file.size), ELOQ_OK);
        size_t at = 0;
        for (uint64_t id = 0; id < IDS; id++) {
            ck_assert_msg(terms_get(&s.terms, id << 32 | id) == term[id], "seed=%" PRIu64, seed);
            if (listed[id])
                ck_assert_msg(s.listed[at++] == (id << 32 | id), "seed=%" PRIu64, seed);
        }
        ck_assert_uint_eq(at, s.listed_count);
        ck_assert(!s.has_manifest_term);
        manifest_state_free(&s);
        bytes_free(&file);
    }
    ck_assert_uint_eq(atomic_load(&m.total), 0);
}
END_TEST

START_TEST(every_failing_allocation_is_no_memory)
{
    struct mem m, failing;
    struct fail_at fail;
    mem_init(&m, 0);
    mem_init(&failing, 0);
    struct model *w = calloc(1, sizeof(*w));
    struct bytes sound = bytes_new(&m);
    small_manifest(w, &m, &sound, 0);
    w->dict_size = 10;
    w->values[1] = (UINT64_C(1) << 50) << 3 | 1; /* sparse */
    w->max_place = UINT64_C(1) << 51;
    w->file_count = 30;
    for (uint64_t id = 0; id < 30; id += 2)
        terms_set(&w->terms, id, 3);
    int rc;
    unsigned n = 0;
    struct bytes out;
    do { /* the encoder */
        out = bytes_new(&failing);
        fail_at_set(&failing, &fail, n);
        rc = model_snapshot(w, &out);
        ck_assert(rc == ELOQ_OK || (rc == ELOQ_NO_MEMORY && out.size == 0));
        if (rc < 0)
            bytes_free(&out);
        ck_assert_uint_lt(n++, 200);
    } while (rc < 0);
    failing.fail = NULL;
    struct manifest_change changes[40];
    for (uint32_t i = 0; i < 40; i++)
        changes[i] = (struct manifest_change){ 2 + i, (uint64_t)(10 + i) << 3 | 1 };
    struct term_entry terms[] = { { 90, 1 }, { 50, 1 }, { 70, 2 } };
    struct manifest_log log = { .root = { page_id(0), page_id(NO_PAGE) },
                                .changes = changes,
                                .change_count = 40,
                                .terms = terms,
                                .term_count = 3,
                                .sequence = { 77, 6 },
                                .previous_checksum = w->last_checksum };
    ck_assert_int_eq(manifest_encode_log(&out, &log, &w->last_checksum), ELOQ_OK);
    n = 0;
    do { /* replay */
        struct manifest_state s;
        fail_at_set(&m, &fail, n);
        rc = replay_exact(&s, &m, out.data, out.size);
        ck_assert(rc == ELOQ_OK || rc == ELOQ_NO_MEMORY);
        ck_assert(rc < 0 || s.record_count == 2);
        manifest_state_free(&s);
        ck_assert_uint_lt(n++, 200);
    } while (rc < 0);
    ck_assert_uint_gt(n, 6);
    m.fail = NULL;
    terms_free(&w->terms);
    bytes_free(&sound);
    bytes_free(&out);
    free(w);
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    ck_assert_uint_eq(atomic_load(&failing.total), 0);
}
END_TEST

static void ignore(void *user, const struct manifest_record *record)
{
    *(uint64_t *)user += record->value_count;
}

START_TEST(no_changed_manifest_crashes_replay)
{
    struct rand r;
    start_seed(&r, "manifest_fuzz");
    struct mem m;
    mem_init(&m, UINT64_C(64) << 20); /* so much memory a small file must not make it want */
    struct model *w = calloc(1, sizeof(*w));
    for (int round = 0; round < 20000; round++) {
        struct bytes file = bytes_new(&m);
        small_manifest(w, &m, &file, 1 + (int)rand_below(&r, 3));
        for (uint64_t n = 1 + rand_below(&r, 4); n > 0; n--) {
            uint8_t *record = file.data + 4096 * rand_below(&r, file.size / 4096);
            uint64_t at = 8 + rand_below(&r, 80);
            if (rand_below(&r, 2))
                record[at] = (uint8_t)rand_u64(&r);
            else
                record[at] ^= (uint8_t)(1u << rand_below(&r, 8));
        }
        for (size_t at = 0; at < file.size; at += 4096)
            if (get_u32(file.data + at + 16) <= file.size - at - 20)
                fix_checksum(file.data + at);
        int rc = replay_verdict(&m, &file);
        ck_assert(rc == ELOQ_OK || rc == ELOQ_CORRUPTED);
        uint64_t count = 0;
        manifest_each(file.data, file.size, ignore, &count);
        bytes_free(&file);
    }
    ck_assert_uint_eq(atomic_load(&m.total), 0);
    free(w);
}
END_TEST

RUN_TESTS("manifest_bad", malformed_snapshots_are_corrupted, malformed_log_records_are_corrupted,
          lengths_stay_inside_the_payload, sections_must_be_well_formed,
          page_checksums_are_one_for_each_mapped_change,
          a_place_mapped_twice_is_found_in_sparse_mappings_too,
          terms_come_in_any_order_and_the_last_wins, every_failing_allocation_is_no_memory,
          no_changed_manifest_crashes_replay)
