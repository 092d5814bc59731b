/* tests/unit/part/manifest_help.h -- manifests for the tests: by the encoder, or by hand. */
#pragma once

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/coding.h"
#include "base/rand.h"
#include "part/manifest.h"

#define SEQUENCE_SECTION_BYTES (5 + SECTION_SEQUENCE_BYTES)

/* ELOQ_TEST_SEED, or a new one; printed, since the test may end by a signal. */
static inline uint64_t start_seed(struct rand *r, const char *test)
{
    const char *given = getenv("ELOQ_TEST_SEED");
    uint64_t seed;
    if (given) {
        seed = strtoull(given, NULL, 0);
    } else {
        rand_seed_system(r);
        seed = rand_u64(r);
    }
    fprintf(stderr, "%s: ELOQ_TEST_SEED=%" PRIu64 "\n", test, seed);
    rand_seed(r, seed);
    return seed;
}

/* A payload or a manifest written by hand. */
static inline struct bytes bytes_new(struct mem *m)
{
    struct bytes b;
    bytes_init(&b, m, MEM_OTHER);
    return b;
}

static inline void fix_checksum(uint8_t *record)
{
    put_u64(record, checksum_record(record + 8, 12 + (size_t)get_u32(record + 16)));
}

/* Appends a padded record with a right checksum. */
static inline void add_record(struct bytes *out, uint32_t root, uint32_t ttl_root,
                              const struct bytes *payload)
{
    size_t start = out->size;
    bytes_add_u64(out, 0);
    bytes_add_u32(out, root);
    bytes_add_u32(out, ttl_root);
    bytes_add_u32(out, (uint32_t)payload->size);
    bytes_add(out, payload->data, payload->size);
    bytes_add_zeros(out, ALIGN_UP(out->size - start, 4096) - (out->size - start));
    fix_checksum(out->data + start);
}

/* A region of `n` bytes behind its length. */
static inline void add_region(struct bytes *out, const void *data, size_t n)
{
    bytes_add_u32(out, (uint32_t)n);
    bytes_add(out, data, n);
}

/* Makes the encoder's record at `start`, the last one of `out`, one of the reference: without
 * extension sections. */
static inline uint64_t strip_sequence(struct bytes *out, size_t start)
{
    uint8_t *record = out->data + start;
    uint32_t n = get_u32(record + 16) - SEQUENCE_SECTION_BYTES;
    memset(record + 20 + n, 0, SEQUENCE_SECTION_BYTES);
    put_u32(record + 16, n);
    out->size = start + ALIGN_UP(20 + (uint64_t)n, 4096);
    fix_checksum(record);
    return get_u64(record);
}

/* A state as plain arrays, and the encoder's view of it. */
struct model {
    struct page_id root[2];
    uint64_t max_place;
    uint32_t page_count;
    uint64_t values[4000];
    struct terms terms;
    uint64_t file_count;
    uint64_t manifest_term;
    uint8_t dict[64];
    uint32_t dict_size;
    struct manifest_sequence sequence; /* of the last record of ours */
    uint64_t last_checksum;
};

static inline int model_each(const void *user,
                             int (*f)(void *out, struct page_id id, uint64_t value), void *out)
{
    const struct model *m = user;
    for (uint32_t id = 0; id < m->page_count; id++)
        TRY(f(out, page_id(id), m->values[id]));
    return ELOQ_OK;
}

static inline int model_snapshot(struct model *m, struct bytes *out)
{
    struct manifest_snapshot s = {
        .root = { m->root[0], m->root[1] },
        .max_place = m->max_place,
        .dict = m->dict,
        .dict_size = m->dict_size,
        .page_count = m->page_count,
        .each_value = model_each,
        .each_user = m,
        .terms = &m->terms,
        .file_count = m->file_count,
        .manifest_term = m->manifest_term,
        .sequence = m->sequence,
    };
    return manifest_encode_snapshot(out, &s, &m->last_checksum);
}

/* A small manifest of `logs` log records, each mapping one more page; ours. */
static inline void small_manifest(struct model *m, struct mem *mem, struct bytes *out, int logs)
{
    memset(m, 0, sizeof(*m));
    terms_init(&m->terms, mem);
    m->root[0] = page_id(0);
    m->root[1] = page_id(NO_PAGE);
    m->max_place = 2;
    m->page_count = 2;
    m->values[0] = 0 << 3 | 1;
    m->values[1] = 1 << 3 | 1;
    m->file_count = 1;
    m->sequence = (struct manifest_sequence){ 77, 5 };
    ck_assert_int_eq(model_snapshot(m, out), ELOQ_OK);
    for (int i = 0; i < logs; i++) {
        struct manifest_change change = { .id = m->page_count, .value = m->max_place << 3 | 1 };
        m->sequence.number++;
        struct manifest_log log = { .root = { page_id(change.id), page_id(NO_PAGE) },
                                    .changes = &change,
                                    .change_count = 1,
                                    .sequence = m->sequence,
                                    .previous_checksum = m->last_checksum };
        ck_assert_int_eq(manifest_encode_log(out, &log, &m->last_checksum), ELOQ_OK);
        m->root[0] = page_id(change.id);
        m->values[m->page_count++] = change.value;
        m->max_place++;
    }
}

/* Replays a copy of exactly this size, so that the sanitizer sees a step outside. */
static inline int replay_exact(struct manifest_state *s, struct mem *m, const void *data,
                               size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    manifest_state_init(s, m);
    int rc = manifest_replay(s, copy, size, false);
    free(copy);
    return rc;
}

/* The verdict alone. */
static inline int replay_verdict(struct mem *m, const struct bytes *file)
{
    struct manifest_state s;
    int rc = replay_exact(&s, m, file->data, file->size);
    ck_assert_int_eq(rc == ELOQ_CORRUPTED, s.error != NULL);
    manifest_state_free(&s);
    return rc;
}
